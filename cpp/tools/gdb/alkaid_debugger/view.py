"""The tables of the process at the current stop, and how they are printed."""

import heapq

from . import categories, inferior, layout, rendering, snapshots, unloaded
from .rendering import say

LISTED = 50      # blocks that are shown unless --all is given
TRACEBACKS = 10  # groups by traceback
CATEGORIES = 20
FRAMES = 16      # in each


class View:
    """The tables, and what is needed to show them."""

    def __init__(self):
        inferior.require_stopped()
        self.memory = inferior.Memory()
        self.heap = layout.Heap(self.memory.read, inferior.address_of("alkaid_heap_root"))
        self.heap.is_loaded = unloaded.is_loaded
        self.code = inferior.Code(self.heap.unloaded, self.heap.python_place)
        if not self.heap.on:
            raise layout.HeapError("tracking is off, so no block is known: "
                                   "ALKAID_TRACK_ALLOCATIONS=1, alkaid run --track, or "
                                   "StartTracking switches it on")
        self._frames = {}

    def snapshot(self, categories_too=True):
        snapshot = snapshots.Snapshot(self.heap, self.recognize if categories_too else None)
        if snapshot.unexamined:
            self.heap.note(f"{snapshot.unexamined:,} blocks were not categorized: "
                           "that would exceed the limits of a command")
        return snapshot

    def recognize(self, blocks):
        with inferior.in_cplusplus():
            return categories.recognize(blocks, self.memory.fetch, inferior.Data(),
                                        self.heap.frames)

    def now_ns(self, births):
        return inferior.now_ns([self.heap.root.started_ns, *births])

    def first_bytes(self, block):
        return self.memory.readable(block.address, min(block.size, rendering.FIRST_BYTES))

    def function_names(self, stack):
        """The names of all functions of a stack trace, with the inlined ones."""
        if stack not in self._frames:
            self._frames[stack] = [name for address in self.heap.frames(stack)
                                   for name, _ in self.code.functions(address)]
        return self._frames[stack]

    def print_traceback(self, stack, whole=False):
        """Without the machinery at both ends and the functions that libraries inlined, unless
        `whole`. Frames keep their numbers."""
        frames = self.heap.frames(stack)
        if not frames:
            say("      no traceback")
        own = [at for at, frame in enumerate(frames) if not self.code.is_machinery(frame)]
        first, last = (own[0], own[-1]) if own and not whole else (0, len(frames) - 1)
        for at in range(first, last + 1):
            if not whole and at == first + FRAMES:
                say(f"      ... {last + 1 - at} more")
                break
            functions = self.code.functions if whole else self.code.shown
            for name, place in functions(frames[at]):
                say(f"      #{at:<2} {name}{place}")

    def print_tracebacks(self, blocks, snapshot, limit, sign=""):
        groups = snapshots.totals(blocks, lambda block: (block.stack, block.label))
        for (stack, label), size, count in groups[:limit]:
            say(f"    {sign}{size:,} bytes in {rendering.blocks(count)}, "
                  f"{snapshot.labels[label] or 'no label'}")
            self.print_traceback(stack)
        if limit is not None and len(groups) > limit:
            say(f"    ... {len(groups) - limit:,} more tracebacks (--all shows them)")

    def print_categories(self, blocks, snapshot, limit):
        groups = snapshots.totals(blocks, snapshot.category)
        rows = [(f"{size:,}", f"{count:,}", name) for name, size, count in groups[:limit]]
        for line in rendering.table(("bytes", "blocks", "category"), rows, left=(2,)):
            say("    " + line)
        if limit is not None and len(groups) > limit:
            say(f"    ... {len(groups) - limit:,} more categories (--all shows them)")

    def print_blocks(self, blocks, snapshot, limit, contents=True):
        """The largest blocks, by address."""
        shown = blocks
        if limit is not None and len(blocks) > limit:
            shown = sorted(heapq.nlargest(limit, blocks, key=lambda block: block.size))
        rows = []
        for block in shown:
            name, category = name_of(block, snapshot), snapshot.category(block)
            data = self.first_bytes(block) if contents else b""
            # A block with a pool's label has it as its category too; it is printed once.
            rows.append((block, name, category if category != name else "", data))
        for line in rendering.block_lines(rows):
            say("    " + line)
        if len(shown) < len(blocks):
            say(f"    ... {len(blocks) - len(shown):,} smaller ones (--all shows them)")

    def print_notes(self):
        cut = inferior.cut_core()
        if cut:
            self.heap.note(cut)
        for note in self.heap.notes:
            say(f"note: {note}")


def name_of(block, snapshot):
    return snapshot.labels[block.label] or snapshot.pools[block.pool]


def total_line(snapshot):
    about = "about " if snapshot.sampled else ""
    return (f"{about}{snapshots.weight(snapshot.blocks):,} allocated, in "
            f"{about}{rendering.blocks(round(snapshots.count(snapshot.blocks)))}")


def flags_of(block):
    names = {layout.UNTRACKED: "untracked", layout.SAMPLED: "sampled"}
    return [name for flag, name in names.items() if block.flags & flag]
