"""What live slices keep alive, and how little of it they show."""

import collections

Kept = collections.namedtuple("Kept", "root root_data held visible views birth_ns")


def union(ranges):
    """The number of bytes that lie in at least one of the half-open ranges."""
    covered, end = 0, None
    for first, last in sorted(ranges):
        if end is None or first > end:
            end = first
        if last > end:
            covered += last - end
            end = last
    return covered


def retained_roots(views):
    """One entry for each root; the one that hides most bytes comes first."""
    roots = collections.defaultdict(list)
    for view in views:
        roots[view.root].append(view)
    kept = []
    for root, slices in roots.items():
        # As the latest slice saw it, since the root may have been resized after the others were
        # made.
        latest = max(slices, key=lambda view: view.birth_ns)
        first, held = latest.root_data, latest.root_size
        visible = union((max(view.data, first), min(view.data + view.size, first + held))
                        for view in slices)
        kept.append(Kept(root, first, held, visible, slices,
                         min(view.birth_ns for view in slices)))
    return sorted(kept, key=lambda entry: (entry.visible - entry.held, entry.root))
