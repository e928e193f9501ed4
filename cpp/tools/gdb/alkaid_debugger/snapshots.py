"""Totals of live blocks, and what changed between two moments."""

import bisect
import collections

from . import categories, layout

Total = collections.namedtuple("Total", "key bytes blocks")


class Snapshot:
    """The live blocks at one moment, kept while the process goes on."""

    def __init__(self, heap, recognize=None):
        """`recognize` returns for blocks what categories.recognize does."""
        self.blocks = heap.blocks()
        self.started_ns = heap.root.started_ns
        self.sampled = heap.root.sample_bytes != 0
        labels, pools = set(self.blocks.label), set(self.blocks.pool)
        self.labels = {index: heap.label(index) for index in labels}
        self.pools = {index: heap.pool(index) for index in pools}
        self._names, self._found, self.unexamined = (
            recognize(self.blocks) if recognize else ((), (), 0))

    def category(self, block):
        """The category of a block in this snapshot: its label, if a pool gave it, or what was
        recognized."""
        if block.pool and self.labels[block.label]:
            return self.labels[block.label]
        if not self._found:
            return categories.UNCATEGORIZED
        return self._names[self._found[bisect.bisect_left(self.blocks.address, block.address)]]

    def containing(self, address):
        """The block that contains `address`, or None; a block of no bytes contains its own
        address."""
        at = bisect.bisect_right(self.blocks.address, address) - 1
        if at >= 0 and address < self.blocks[at].address + max(self.blocks[at].size, 1):
            return self.blocks[at]
        return None

    def below(self, address):
        """The block that begins last at or before `address`, or None."""
        at = bisect.bisect_right(self.blocks.address, address) - 1
        return self.blocks[at] if at >= 0 else None


class Changes:
    """What is in `after` and not in `before`, and vice versa."""

    def __init__(self, before, after):
        if before.started_ns != after.started_ns:
            raise layout.HeapError("tracking was restarted between the two, or they are from two "
                                   "processes: they cannot be compared")
        # Another serial or birth means another block: an address is used again and again, and a
        # forked process continues its parent's serials.
        freed, made = differing(keys(before.blocks), keys(after.blocks))
        self.freed = [before.blocks[at] for at in freed]
        self.made = [after.blocks[at] for at in made]
        self.bytes = weight(self.made) - weight(self.freed)
        self.blocks = round(count(self.made) - count(self.freed))


def keys(blocks):
    return zip(blocks.address, blocks.serial, blocks.size, blocks.birth_ns)


def differing(before, after):
    """The indices of what is in only one of two sorted sequences, which are read once."""
    old, new = enumerate(before), enumerate(after)
    gone, come = [], []
    nothing = (-1, None)
    (at, left), (place, right) = next(old, nothing), next(new, nothing)
    while left is not None or right is not None:
        if left == right:
            (at, left), (place, right) = next(old, nothing), next(new, nothing)
        elif right is None or left is not None and left < right:
            gone.append(at)
            at, left = next(old, nothing)
        else:
            come.append(place)
            place, right = next(new, nothing)
    return gone, come


def weight(blocks):
    """The bytes that the blocks stand for."""
    if isinstance(blocks, layout.Blocks):
        return sum(blocks.weight)
    return sum(block.weight for block in blocks)


def count(blocks):
    """The number of blocks that they stand for, which is larger for a sample."""
    if isinstance(blocks, layout.Blocks) and not any(blocks.flags):
        return len(blocks)
    return sum(map(standing_for, blocks))


def standing_for(block):
    return block.weight / block.size if block.flags & layout.SAMPLED and block.size else 1


def totals(blocks, key):
    """Bytes and blocks for each key, most bytes first."""
    groups = collections.defaultdict(lambda: [0, 0])
    for block in blocks:
        group = groups[key(block)]
        group[0] += block.weight
        group[1] += standing_for(block)
    sums = [Total(name, size, round(number)) for name, (size, number) in groups.items()]
    return sorted(sums, key=lambda total: (-total.bytes, -total.blocks, total.key))
