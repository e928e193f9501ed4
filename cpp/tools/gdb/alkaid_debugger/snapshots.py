"""Totals of live blocks, and what changed between two moments."""

import bisect
import collections

from . import layout

Total = collections.namedtuple("Total", "key bytes blocks")


class Snapshot:
    """The live blocks of one moment, kept after the process went on."""

    def __init__(self, heap):
        self.blocks = heap.blocks()
        self.started_ns = heap.root.started_ns
        self.sampled = heap.root.sample_bytes != 0
        labels = {block.label for block in self.blocks}
        pools = {block.pool for block in self.blocks}
        self.labels = {index: heap.label(index) for index in labels}
        self.pools = {index: heap.pool(index) for index in pools}

    def containing(self, address):
        """The block in which `address` lies, or None; a block of no bytes has its own address."""
        at = bisect.bisect_right(self.blocks, address, key=lambda block: block.address) - 1
        if at >= 0 and address < self.blocks[at].address + max(self.blocks[at].size, 1):
            return self.blocks[at]
        return None

    def below(self, address):
        """The block that begins last at or before `address`, or None."""
        at = bisect.bisect_right(self.blocks, address, key=lambda block: block.address) - 1
        return self.blocks[at] if at >= 0 else None


class Changes:
    """What is in `after` and not in `before`, and the other way round."""

    def __init__(self, before, after):
        if before.started_ns != after.started_ns:
            raise layout.HeapError("tracking was begun anew between the two, or they are of two "
                                   "processes: nothing can be compared")
        # A block is another one when its serial is: an address is used again and again.
        old = {(block.address, block.serial, block.size) for block in before.blocks}
        new = {(block.address, block.serial, block.size) for block in after.blocks}
        self.freed = [block for block in before.blocks
                      if (block.address, block.serial, block.size) not in new]
        self.made = [block for block in after.blocks
                     if (block.address, block.serial, block.size) not in old]
        self.bytes = weight(self.made) - weight(self.freed)
        self.blocks = round(count(self.made) - count(self.freed))


def weight(blocks):
    """The bytes that they stand for."""
    return sum(block.weight for block in blocks)


def count(blocks):
    """The blocks that they stand for: more than there are, of a sample."""
    return sum(block.weight / block.size if block.flags & layout.SAMPLED and block.size else 1
               for block in blocks)


def totals(blocks, key):
    """Bytes and blocks for each key, most bytes first."""
    groups = collections.defaultdict(list)
    for block in blocks:
        groups[key(block)].append(block)
    sums = [Total(name, weight(group), round(count(group))) for name, group in groups.items()]
    return sorted(sums, key=lambda total: (-total.bytes, -total.blocks, total.key))
