"""Damaged tables: whatever lies in memory, the decoders of gdb's commands show it or name the damage.

    table_decoder_fuzz.py [--seed N] [--rounds N | --quiet N] | --self-test

Each round damages sound tables in a few places, mostly where it matters: counts, sizes and
capacities, pointers, which then lead elsewhere, into the middle of something or back to themselves,
and the ends of mappings. All that is made of them must be made without an exception but HeapError,
and without reading far more than there is: a core may come from anyone.

All follows from the seed. With --quiet, rounds begin also from what showed new code earlier, and go
on until N of them showed none; the last lines say how much of the decoders was run.
"""

import argparse
import io
import random
import struct
import sys
import traceback
from unittest import mock

from alkaid_debugger import categories, core_file, layout, pools, python_types, rendering
from alkaid_debugger import retention, snapshots

from made_memory import ROOT_AT, MadeMemory, block, heap, view

DECODERS = (categories, core_file, layout, pools, python_types, rendering, retention, snapshots)
POOLS_AT = 0x6000
CORE_AT = 0x5000  # an address for the file's headers
MAX_BYTES_AT_ONCE = layout.PIECE
MAX_READ = 1 << 20    # bytes in a round: several times what there is
MAX_READS = 1 << 15


class TooMuch(Exception):
    """What was read is out of proportion to what is there."""


class Counted:
    """Reads a memory, and counts the bytes."""

    def __init__(self, memory):
        self.memory, self.bytes, self.reads = memory, 0, 0

    def read(self, address, length):
        if length < 0 or length > MAX_BYTES_AT_ONCE:
            raise TooMuch(f"{length} bytes at once, at {address:#x}")
        if not 0 <= address:
            raise TooMuch(f"a read at {address}")
        self.reads += 1
        if self.reads > MAX_READS or self.bytes > MAX_READ:
            raise TooMuch(f"{self.reads} reads of {self.bytes} bytes")
        data = self.memory.read(address, length)
        self.bytes += len(data)
        return data


# ---- Sound tables.

def pool_list(memory):
    """Three pools, with two, one and no lines of counters."""
    first = 0
    for number, lines in ((3, ((5, 1, 1, 9), (7, 2, 3, 4))), (2, ((100, 30, 2, 90),)), (1, ())):
        line = 0
        for total, freed, count, high in lines:
            line = memory.put(pools.LINE.pack(0, total, freed, count, high, 0, 0, line))
        first = memory.put(pools.RECORD.pack(
            first, number, 0x50 + number, line, memory.put(pools.SHARED.pack(1, 2, 3, 4)),
            memory.put((12).to_bytes(8, "little")), b"mimalloc"))
    memory.put(pools.ROOT.pack(pools.MAGIC, pools.VERSION, pools.ROOT.size, 0, first), POOLS_AT)


def core():
    """The headers of a core, and some of the bytes that they list."""
    head = b"\x7fELF\2\1".ljust(16, b"\0") + struct.pack(
        "<HHIQQQIHHHHHH", 4, 62, 1, 0, 64, 0, 0, 64, 56, 3, 0, 0, 0)
    segments = (struct.pack("<IIQQQQQQ", 1, 4, 232 + 8 * at, 0x1000 * at, 0, 8, 0x1000, 4096)
                for at in range(3))
    return head + b"".join(segments) + bytes(24)


def sound():
    """Memories with tables: small ones, so that a change is likely to hit something that
    matters."""
    stacks = ((0x401000, 0x402000), (0x403000,), tuple(range(0x500000, 0x500012)))
    few, _ = heap(blocks=[[block(0x9000, stack=1, label=1), block(0x3000, 20, serial=2, pool=1)],
                          None, [block(0x5000, 0, serial=3, stack=3, pool=2)]],
                  views=[[view(0x4000, 10), view(0x4008, 20)], [view(0x4010, 20, root=0x600)]],
                  stacks=stacks)
    sampled, _ = heap(blocks=[[block(0x1000 * at, 50, 4096, serial=at, flags=layout.SAMPLED)
                               for at in range(1, 7)]],
                      sample_bytes=4096, moving=1, lost=2, stacks_dropped=3)
    empty, _ = heap(blocks_shards=0, blocks_shard_count=0, blocks_shard_size=0,
                    blocks_record_size=0)
    names, _ = heap(blocks=[[block(0x9000, label=3, pool=3)]],
                    labels=("", "a", "\x1b[2J", "long" * 300), pools=("malloc", "x", "x", "x"))
    unloaded, _ = heap(blocks=[[block(0x9000, stack=1), block(0x3000, serial=2, stack=2)]],
                       stacks=((0x7000100, 0x401000, [1]), (0x7000200, 0x8000100, [1, 2])),
                       modules=[(0x7000000, 0x7004000, 0x7000000, "/opt/apple.so", bytes(20)),
                                (0x8000000, 0x8004000, 0x8000000, "/opt/banana.so", b"")])
    python, _ = heap(blocks=[[block(0x9000, stack=1), block(0x3000, serial=2, stack=2)]],
                     stacks=((layout.PYTHON_PLACES + 1, 0x401000),
                             (layout.PYTHON_PLACES + 17, layout.PYTHON_PLACES + 33)),
                     python=[("run.py", "<module>", 7), ("lib.py", "Reader.read", 0)])
    # The contents of two blocks: a vector of pointers, and its array.
    contents, _ = heap(blocks=[[block(0x9000, 48), block(0xa000, 32, serial=2),
                                block(0xb000, 64, serial=3), block(0xc000, 31, serial=4)]])
    contents.put(struct.pack("<6Q", 0xa000, 0xa020, 0xa020, 0xc000, 20, 30), 0x9000)
    contents.put(struct.pack("<4Q", 0x9000, 0xb000, 0xb000, 0xc000), 0xa000)
    contents.put(struct.pack("<8Q", 1, 0x4100, 0, 0xa000, 4, 0, 0, 0), 0xb000)
    contents.put(b"a text of a block in".ljust(31, b"\0"), 0xc000)
    memories = (few, sampled, empty, names, unloaded, python, contents)
    for memory in memories:
        pool_list(memory)
        memory.put(core(), CORE_AT)
    return memories


# ---- Damage.

def copied(memory):
    copy = MadeMemory()
    copy.parts, copy.next = dict(memory.parts), memory.next
    return copy


def number(chance, memory, old):
    """Values at the ends of arithmetic and tables, other addresses, and values near the old one."""
    kind = chance.randrange(10)
    if kind == 0:
        return 0
    if kind == 1:
        return (1 << 64) - 1 - chance.randrange(16)
    if kind == 2:
        return 1 << chance.randrange(64)
    if kind == 3:
        return (1 << chance.randrange(65)) - 1
    if kind in (4, 5):
        begin = chance.choice(list(memory.parts))
        return begin + chance.choice((0, 0, 0, 8, 16, 64, len(memory.parts[begin]) - 8))
    if kind == 6:
        return chance.randrange(80)
    if kind == 7:
        return old ^ 1 << chance.randrange(64)
    return old + chance.randrange(-16, 17)


def damage(chance, memory):
    """Makes one change."""
    kind = chance.randrange(12)
    # In the roots, as everything depends on them, or in any other part.
    begin = (ROOT_AT, POOLS_AT, CORE_AT, ROOT_AT)[kind % 4]
    if kind >= 4 or begin not in memory.parts:
        begin = chance.choice(list(memory.parts))
    data = bytearray(memory.parts[begin])
    if kind == 11:
        # A mapping ends early, goes on, or is missing.
        del memory.parts[begin]
        if chance.randrange(4):
            memory.parts[begin] = bytes(data[:chance.randrange(len(data) + 1)])
        return
    size = chance.choice((8, 8, 8, 4, 4, 2, 1))
    if len(data) < size:
        return
    # Most parts end with padding: their beginnings matter.
    at = chance.randrange(min(len(data), chance.choice((32, 192, 1 << 20))) // size or 1) * size
    if at + size > len(data):
        return
    if kind == 10:
        # Bytes from elsewhere: a header for records, records for a header.
        other = memory.parts[chance.choice(list(memory.parts))]
        piece = other[:chance.choice((8, 16, 24, 64))]
        data[at:at + len(piece)] = piece[:len(data) - at]
    else:
        old = int.from_bytes(data[at:at + size], "little")
        value = number(chance, memory, old) % (1 << 8 * size)
        data[at:at + size] = value.to_bytes(size, "little")
    memory.parts[begin] = bytes(data)


# ---- What gdb's commands do with the tables.

def tried(act):
    """The result; None where damage was named."""
    try:
        return act()
    except layout.HeapError as error:
        text = str(error)
        if not text or len(text) > 1000:
            raise AssertionError(f"an error of {len(text)} characters") from error
        return None


def decode(read, memory):
    if CORE_AT in memory.parts:
        expected, size = core_file.sizes(io.BytesIO(memory.parts[CORE_AT]))
        assert expected >= 0 and size == len(memory.parts[CORE_AT])
    found = tried(lambda: layout.Heap(read, ROOT_AT))
    if found is not None:
        found.is_loaded = lambda module: not module.build_id
        show(found, lambda blocks: categories.recognize(blocks, read, Files(), found.frames))
    listed = tried(lambda: pools.read_pools(read, POOLS_AT))
    if listed is not None:
        rendering.table(("id", "pool", "name", "live"), [pool[:4] for pool in listed[0]])


class Files:
    """The files of the process: each address in their data may be that of a class, and of a
    type."""
    python_type = 0x4100

    @staticmethod
    def holds(address):
        return address < 0x20000

    @staticmethod
    def class_of_vtable(word):
        return "Widget" if word % 3 == 0 else ""

    @staticmethod
    def size_of_class(name):
        return 24

    @staticmethod
    def is_operator_new(address):
        return address % 2 == 0

    @staticmethod
    def maps(address):
        return address < 0x1000


def show(found, recognize):
    snapshot = tried(lambda: snapshots.Snapshot(found, recognize))
    if snapshot is not None:
        blocks = snapshot.blocks
        for one in list(blocks)[:50]:
            for frame in (tried(lambda one=one: found.frames(one.stack)) or ())[:50]:
                tried(lambda frame=frame: found.python_place(frame))
            rendering.block_lines([(one, snapshot.labels[one.label], snapshot.category(one), b"abc")])
            snapshot.containing(one.address)
            tried(lambda one=one: found.record_address(one))
        tried(lambda: found.array_address(block(0x9000, stack=1, label=1)))
        snapshot.below(0x7fff)
        snapshots.totals(blocks, lambda one: (one.stack, one.label))
        rendering.blocks(round(snapshots.count(blocks)))
        snapshots.Changes(snapshot, snapshot)
    views = tried(found.views)
    if views is not None:
        for kept in retention.retained_roots(views):
            rendering.age(kept.birth_ns)
    for index in (0, 1, 5):
        tried(lambda index=index: found.label(index))
        tried(lambda index=index: found.pool(index))
    for note in found.notes:
        rendering.printable(note)


class Edges:
    """Records which lines of the decoders followed which."""

    def __init__(self):
        self.seen = set()
        self.files = {module.__file__ for module in DECODERS}

    def __enter__(self):
        sys.settrace(self._call)

    def __exit__(self, *_):
        sys.settrace(None)

    def _call(self, frame, _event, _argument):
        code = frame.f_code
        if code.co_filename not in self.files:
            return None
        seen, before = self.seen, 0

        def line(frame, _event, _argument):
            nonlocal before
            seen.add((code, before, frame.f_lineno))
            before = frame.f_lineno
            return line

        return line

    def coverage(self):
        """For each decoder: its name, how many lines of its functions were run, and how many there
        are."""
        run = {}
        for code, _, number_of_line in self.seen:
            run.setdefault(code.co_filename, set()).add(number_of_line)
        for module in DECODERS:
            with open(module.__file__, encoding="utf-8") as file:
                whole = compile(file.read(), module.__file__, "exec")
            lines = set(lines_of(whole, within=False))
            yield module.__name__, len(lines & run.get(module.__file__, set())), len(lines)


def lines_of(code, within):
    """The lines of all functions below `code`, without those that define them."""
    if within:
        yield from {line for _, _, line in code.co_lines() if line} - {code.co_firstlineno}
    for constant in code.co_consts:
        if hasattr(constant, "co_lines"):
            yield from lines_of(constant, within or constant.co_flags & 2)  # 2: a function


def damaged(tables, seed, count):
    """The input of a round: one of the tables, changed in some places."""
    chance = random.Random(seed * 1_000_003 + count)
    memory = copied(chance.choice(tables))
    for _ in range(chance.choice((1, 1, 2, 3, 6))):
        if memory.parts:
            damage(chance, memory)
    return memory


def survives(memory, seed, count):
    """Whether everything is decoded without a fault; prints a fault, and the memory as a test."""
    try:
        decode(Counted(memory).read, memory)
        return True
    except Exception:  # whatever it is, it is not HeapError
        traceback.print_exc()
        print(f"FOUND in round {count} of seed {seed}, in a memory of these parts:")
        for begin, data in memory.parts.items():
            print(f"  {begin:#x}: {data.rstrip(bytes(1)).hex()} of {len(data)} bytes")
        return False


def say_progress(count, edges):
    print(f"round {count}: {len(edges.seen)} edges", flush=True)


def fuzz(rounds, seed):
    """Whether that many rounds found nothing."""
    tables = sound()
    return all(survives(damaged(tables, seed, count), seed, count)
               for count in range(1, rounds + 1))


def fuzz_until_quiet(quiet, seed):
    """The same, until so many rounds in a row showed no new edge."""
    edges = Edges()
    tables = list(sound())
    count = latest = 0
    while count - latest < quiet:
        count += 1
        memory, before = damaged(tables, seed, count), len(edges.seen)
        with edges:
            if not survives(memory, seed, count):
                return False
        if len(edges.seen) > before:
            latest = count
            tables.append(memory)
            say_progress(count, edges)
        elif count % 100_000 == 0:
            say_progress(count, edges)
    print(f"{count} rounds of seed {seed}: nothing found; {len(edges.seen)} edges, the last new one "
          f"in round {latest}")
    for name, run, whole in edges.coverage():
        print(f"{name}: {run} of {whole} lines")
    return True


def self_test():
    """Removes one check after the other: what it prevented must be found."""
    def without(**limits):
        return mock.patch.multiple(layout, **limits)

    checks = (("how large a table is", without(MAX_SHARDS=1 << 60, PIECE=1 << 60)),
              ("how many names there are", without(MAX_NAMES=1 << 60)),
              ("how deep a stack trace is", without(MAX_FRAMES=1 << 60)),
              ("that lists end", mock.patch.object(pools, "set", Forgetful, create=True)))
    missed = []
    for what, check in checks:
        print(f"without a check of {what}:")
        with check:
            if fuzz(20_000, 1):
                missed.append(what)
    for what in missed:
        print(f"not found: what comes of no check of {what}")
    return 1 if missed else 0


class Forgetful(set):
    """Remembers nothing."""

    def add(self, _element):
        pass


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=4000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--quiet", type=int)
    parser.add_argument("--self-test", action="store_true")
    options = parser.parse_args()
    if options.self_test:
        return self_test()
    if options.quiet:
        return 0 if fuzz_until_quiet(options.quiet, options.seed) else 1
    if not fuzz(options.rounds, options.seed):
        return 1
    print(f"{options.rounds} rounds of seed {options.seed}: nothing found")
    return 0


if __name__ == "__main__":
    sys.exit(main())
