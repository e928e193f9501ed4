"""The pools of a process and their figures, as alkaid/core/pools/pool_list.h lays them out.

They are there whether or not tracking is on.
"""

import collections
import struct

from .layout import HeapError, Unreadable

MAGIC = b"ALKPOOL\0"
VERSION = 1
MAX_POOLS = 1 << 16
MAX_LINES = 1 << 20

ROOT = struct.Struct("<8sIIQQ")
RECORD = struct.Struct("<QQQQQQ80s")
LINE = struct.Struct("<QqqqqqqQ")
SHARED = struct.Struct("<qqqq")

Pool = collections.namedtuple("Pool", "id pool name live peak allocated allocations")


def read_pools(read, address):
    """The pools in the order of their creation, and notes for the reader."""
    reader = _Reader(read)
    magic, version, size, changing, first = ROOT.unpack(reader.part(address, ROOT.size))
    if magic != MAGIC:
        raise HeapError(f"alkaid_pools at {address:#x} does not begin with ALKPOOL but with "
                        f"{magic.hex()}: damaged, or not Alkaid's")
    if version != VERSION:
        raise HeapError(f"the list of pools of this process has layout {version} and this script "
                        f"knows {VERSION}: use the alkaid_gdb.py that came with its libalkaid.so")
    if size < ROOT.size:
        raise HeapError(f"alkaid_pools says it has {size} bytes, of {ROOT.size} at least: damaged")
    notes = []
    if changing:
        notes.append("the process stopped while a pool was being made or destroyed: one may be "
                     "listed or missing")
    pools = [reader.pool(fields) for fields in reader.chain(first, RECORD, 0, MAX_POOLS, "pools")]
    return sorted(pools), notes


class _Reader:
    def __init__(self, read):
        self._read = read
        self._seen = set()  # elements of all lists: each belongs to one list

    def part(self, address, length):
        try:
            return self._read(address, length)
        except Unreadable as error:
            raise HeapError(f"the list of pools cannot be read: nothing is mapped at "
                            f"{error.address:#x}, or the core leaves it out") from error

    def chain(self, address, form, link, most, what):
        """The fields of each element of a linked list."""
        count = 0
        while address:
            count += 1
            if count > most:
                raise HeapError(f"the list of {what} does not end after {most:,}: damaged")
            if address in self._seen:
                raise HeapError(f"the list of {what} leads to {address:#x}, which was met before: "
                                "damaged")
            self._seen.add(address)
            fields = form.unpack(self.part(address, form.size))
            yield fields
            address = fields[link]

    def pool(self, fields):
        _, number, pool, lines, shared, peak, name = fields
        live, high, allocated, count = SHARED.unpack(self.part(shared, SHARED.size))
        for line in self.chain(lines, LINE, 7, MAX_LINES, "a pool's counters"):
            live += line[1] - line[2]
            allocated += line[1]
            count += line[3]
            high += line[4]
        (announced,) = struct.unpack("<q", self.part(peak, 8))
        text = name.split(b"\0")[0].decode("utf-8", "surrogateescape")
        return Pool(number, pool, text, live, min(announced, high), allocated, count)
