"""Decodes the tables of live memory, whose layout is described in
alkaid/heap/tracking/heap_layout.h.

Nothing here knows the source of the bytes: `read(address, length)` returns them and raises
Unreadable. Everything is checked before it is used, since the process may be damaged, or not the
expected one.
"""

import array
import bisect
import collections
import itertools
import operator
import os
import struct

MAGIC = b"ALKHEAP\0"
VERSION = 1
GIVEN_BACK = 1  # a first word up to this one: no record
UNTRACKED, SAMPLED = 1, 2

ROOT = struct.Struct("<8sIIIIQQQQQ" + "QIIII" * 2 + "QQQIIQ")
SHARD = struct.Struct("<IIQQ")
ARRAY_OFFSET = 8  # in a shard
ARRAY = struct.Struct("<QQ")
BLOCK = "<QQQQQIIIHHQ"
VIEW = "<QQQQQQQII"
POOL = struct.Struct("<Q56s")
MODULES_OFFSET = 160  # in the root; members that were added later
MODULES = struct.Struct("<QII")
MODULE = struct.Struct("<QQQQII32s")
HAS_MODULES = 1 << 31  # in the hash of a stack trace
MAX_MODULES = 1 << 16
MAX_STACK_BYTES = 31
MAX_PATH = 1 << 16

PYTHON_OFFSET = 176  # in the root
PYTHON = struct.Struct("<QII")
PYTHON_PLACE = struct.Struct("<QQIHHI")
MAX_PYTHON_PLACES = 1 << 20
MAX_PYTHON_TEXT = 1 << 11

# Addresses of lines of Python among the frames, each this far from the one before.
PYTHON_PLACES = 1 << 62
PYTHON_STRIDE = 16

# Frames of unloaded modules are moved here, where no address of a process is.
UNLOADED = 1 << 63
GAP = 1 << 20

PIECE = 16 << 20  # bytes of one read: a damaged capacity meets unmapped memory, not a full disk
MAX_SHARDS = 1 << 16
MAX_RECORD_BYTES = 1 << 12
MAX_HEADER_BYTES = 1 << 20
MAX_FRAMES = 1 << 12
MAX_NAMES = 1 << 17
MAX_TEXT = 1 << 10

Root = collections.namedtuple("Root", (
    "magic version root_size state max_frames sample_bytes started_ns started_unix_ns moving lost "
    "blocks_shards blocks_shard_count blocks_shard_size blocks_record_size blocks_reserved "
    "views_shards views_shard_count views_shard_size views_record_size views_reserved "
    "labels label_count pools pool_count stack_chunk_count stack_chunks"))
Block = collections.namedtuple(
    "Block", "address size weight serial birth_ns stack label thread pool flags reserved")
View = collections.namedtuple(
    "View", "view root data size root_data root_size birth_ns stack thread")
PythonPlace = collections.namedtuple("PythonPlace", "file function line")
Module = collections.namedtuple("Module", "start end bias path build_id")

Shard = collections.namedtuple("Shard", "address sequence live where")


# For each field of a block's record: its type, and its index among words of that size.
FIELDS = (("Q", 0), ("Q", 1), ("Q", 2), ("Q", 3), ("Q", 4), ("I", 10), ("I", 11), ("I", 12),
          ("H", 26), ("H", 27))


class Blocks:
    """Blocks as columns, one array for each field: a tenth of the memory of as many tuples. Can be
    read as a sequence of Block."""

    def __init__(self):
        self.columns = [array.array(code) for code, _ in FIELDS]

    def __len__(self):
        return len(self.columns[0])

    def __getitem__(self, at):
        return Block(*(column[at] for column in self.columns), 0)

    def __iter__(self):
        return map(Block._make, zip(*self.columns, itertools.repeat(0)))

    def __getattr__(self, field):
        if field in Block._fields[:len(FIELDS)]:
            return self.columns[Block._fields.index(field)]
        raise AttributeError(field)

    def add(self, piece, record_size):
        """Appends the records in use. Returns how many there were."""
        words = {}
        for code, size in (("Q", 8), ("I", 4), ("H", 2)):
            words[code] = array.array(code)
            words[code].frombytes(piece)
            words[code] = (words[code], record_size // size)
        used = [first > GIVEN_BACK for first in words["Q"][0][::words["Q"][1]]]
        for column, (code, at) in zip(self.columns, FIELDS):
            column.extend(itertools.compress(words[code][0][at::words[code][1]], used))
        return sum(used)

    def sort(self):
        """Sorts by address, and in a fixed order where a stop caught two blocks of one address."""
        addresses = self.columns[0]
        order = sorted(range(len(self)), key=addresses.__getitem__)
        following = itertools.islice(order, 1, None)
        if any(map(operator.eq, map(addresses.__getitem__, order),
                   map(addresses.__getitem__, following))):
            order.sort(key=lambda at: [column[at] for column in self.columns])
        self.columns = [array.array(column.typecode, map(column.__getitem__, order))
                        for column in self.columns]


class HeapError(Exception):
    """A failure, in words for the user."""


class Unreadable(HeapError):
    """No memory there: unmapped, or missing in the core."""

    def __init__(self, address):
        super().__init__(f"nothing can be read at {address:#x}")
        self.address = address


class Heap:
    """The tables at this moment. `notes` collects what a reader of any figure must know."""

    def __init__(self, read, address):
        self._read = read
        self._notes = {}  # by kind, since a damaged table has thousands of one kind
        head = bytes(self._part(address, 16, "alkaid_heap_root"))
        magic, version, size = struct.unpack("<8sII", head)
        if magic != MAGIC:
            raise HeapError(f"alkaid_heap_root at {address:#x} does not begin with ALKHEAP but "
                            f"with {magic.hex()}: damaged, or not Alkaid's")
        if version != VERSION:
            raise HeapError(f"the tables of this process have layout {version} and this script "
                            f"knows {VERSION}: use the alkaid_gdb.py that came with its "
                            "libalkaid.so")
        if size < ROOT.size:
            raise HeapError(f"alkaid_heap_root says it has {size} bytes, of {ROOT.size} at least: "
                            "damaged")
        self.root = Root._make(ROOT.unpack(self._part(address, ROOT.size, "alkaid_heap_root")))
        self._labels = self._pools = self._chunks = None
        self._stacks = {}
        self._modules = None
        self._python = None
        self._moved = {}  # by number: the distance
        self.is_loaded = lambda module: True  # whether a module is still at its address
        self.unloaded = []  # modules that are not, at their new places
        self._address, self._size = address, size
        if self.root.moving:
            self.note(f"{self.root.moving} block(s) are being reallocated at this moment and are "
                      "in no table")
        if self.root.lost:
            self.note(f"{self.root.lost} block(s) or slices were not recorded, for want of memory")
        # Members that were added later.
        if size >= ROOT.size + 8:
            dropped, = struct.unpack(
                "<Q", bytes(self._part(address + ROOT.size, 8, "alkaid_heap_root")))
            if dropped:
                self.note(f"{dropped} block(s) or slices were recorded without a stack trace: "
                          "there were more different ones than are kept")
        if self.root.sample_bytes:
            self.note(f"figures are estimates: one allocation in about {self.root.sample_bytes:,} "
                      "bytes is recorded")

    @property
    def on(self):
        return self.root.state != 0

    @property
    def notes(self):
        return [next(iter(texts)) + (f" (and {len(texts) - 1:,} more of this kind)"
                                     if len(texts) > 1 else "") for texts in self._notes.values()]

    def note(self, text, kind=None):
        """For each kind the first note, and the number of the others."""
        self._notes.setdefault(kind or text, {})[text] = True

    def blocks(self):
        """All live blocks, by address."""
        root = self.root
        found = Blocks()
        self._records("blocks", found.add, root.blocks_shards, root.blocks_shard_count,
                      root.blocks_shard_size, root.blocks_record_size)
        found.sort()
        return found

    def views(self):
        """All live slices."""
        root = self.root
        found = []

        def add(piece, record_size):
            record = struct.Struct(VIEW + f"{record_size - struct.calcsize(VIEW)}x")
            before = len(found)
            found.extend(View._make(fields) for fields in record.iter_unpack(piece)
                         if fields[0] > GIVEN_BACK)
            return len(found) - before

        self._records("slices", add, root.views_shards, root.views_shard_count,
                      root.views_shard_size, root.views_record_size)
        return found

    def label(self, index):
        if self._labels is None:
            self._labels = self._read_labels()
        if index < len(self._labels):
            return self._labels[index]
        self.note(f"a record has label {index} of {len(self._labels)}: damaged", "label")
        return f"<label {index}>"

    def pool(self, index):
        if self._pools is None:
            self._pools = self._read_pools()
        if index < len(self._pools):
            return self._pools[index]
        self.note(f"a record has pool {index} of {len(self._pools)}: damaged", "pool")
        return f"<pool {index}>"

    def frames(self, stack):
        """The return addresses of a stack trace, innermost first. Those in an unloaded module are
        moved to its place among `unloaded`, since another module may be at their old place."""
        frames = self._stacks.get(stack)
        if frames is None:
            frames = self._stacks[stack] = self._read_frames(stack)
        return frames

    def python_place(self, address):
        """The line of Python that a frame stands for, or None for a frame of code."""
        if not PYTHON_PLACES <= address < UNLOADED:
            return None
        if self._python is None:
            self._python = self._read_python()
        records, count, size = self._python
        number = (address - PYTHON_PLACES) // PYTHON_STRIDE
        if number >= count:
            self.note(f"a stack trace leads through line {number} of Python, of {count}: damaged",
                      "python")
            return PythonPlace("", "", 0)
        _, text, line, file_size, function_size, _ = PYTHON_PLACE.unpack(
            self._part(records + number * size, PYTHON_PLACE.size, "the lines of Python"))
        if file_size + function_size > MAX_PYTHON_TEXT:
            self.note(f"line {number} of Python has a name of {file_size + function_size} bytes: "
                      "damaged", "python")
            return PythonPlace("", "", 0)
        if not text:
            return PythonPlace("", "", 0)
        names = bytes(self._part(text, file_size + function_size, "the lines of Python"))
        return PythonPlace(names[:file_size].decode("utf-8", "surrogateescape"),
                           names[file_size:].decode("utf-8", "surrogateescape"), line)

    def record_address(self, block):
        """The address of `block`'s record, or None: its first word changes when the block is
        freed."""
        return self._find(block)[1]

    def array_address(self, block):
        """The address of the word that changes when the record of `block` moves, or None."""
        shard = self.shard_address(block)
        return None if shard is None else shard + ARRAY_OFFSET

    def shard_address(self, block):
        """The address of the shard that holds the record of `block`, or None."""
        return self._find(block)[0]

    def _find(self, block):
        root = self.root
        size = root.blocks_record_size
        wanted = struct.pack("<QQQQ", *block[:4])
        for shard, records, capacity, header in self._shards(
                "blocks", root.blocks_shards, root.blocks_shard_count, root.blocks_shard_size,
                size):
            for start, piece in self._pieces("blocks", records + header, capacity * size, size):
                piece = bytes(piece)
                at = piece.find(wanted)
                while at >= 0 and at % size:
                    at = piece.find(wanted, at + 1)
                if at >= 0:
                    return shard.address, start + at
        return None, None

    def _part(self, address, length, what):
        try:
            return self._read(address, length)
        except Unreadable as error:
            raise HeapError(f"{what} cannot be read: nothing is mapped at {error.address:#x}, or "
                            "the core leaves it out") from error

    def _pieces(self, what, address, length, record_size):
        step = PIECE // record_size * record_size
        for offset in range(0, length, step):
            yield address + offset, self._part(address + offset, min(step, length - offset),
                                               f"the table of {what}")

    def _shards(self, what, shards, count, shard_size, record_size):
        """Yields (shard, array, capacity, header size) for each shard with an array."""
        if count == 0:
            return
        if (not 0 < count <= MAX_SHARDS or not SHARD.size <= shard_size
                or count * shard_size > PIECE):
            raise HeapError(f"the table of {what} has {count} shards of {shard_size} bytes: "
                            "damaged")
        if not 64 <= record_size <= MAX_RECORD_BYTES or record_size % 8:
            raise HeapError(f"the table of {what} has records of {record_size} bytes: damaged")
        raw = self._part(shards, count * shard_size, f"the shards of the table of {what}")
        arrays = []  # (begin, end) of arrays already seen: each is read only once
        for index in range(count):
            sequence, _, records, live = SHARD.unpack_from(raw, index * shard_size)
            where = f"shard {index} of the table of {what}"
            if sequence % 2:
                self.note("the process stopped while a record was being put in or taken out "
                          f"({where}): one of the {what} may be listed or missing", "update")
            if records == 0:
                if live and sequence % 2 == 0:
                    raise HeapError(f"{where} counts {live} records and has no array: damaged")
                continue
            capacity, header = ARRAY.unpack(self._part(records, ARRAY.size, where))
            if capacity & (capacity - 1) or not 0 < capacity < 1 << 48:
                raise HeapError(f"{where} has a capacity of {capacity}, not a power of two: "
                                "damaged")
            if not ARRAY.size <= header <= MAX_HEADER_BYTES or live > capacity:
                raise HeapError(f"{where} counts {live} records in {capacity} places after a "
                                f"header of {header} bytes: damaged")
            end = records + header + capacity * record_size
            at = bisect.bisect(arrays, (records, end))
            if at > 0 and arrays[at - 1][1] > records or at < len(arrays) and arrays[at][0] < end:
                raise HeapError(f"{where} has its array at {records:#x}, where another has its "
                                "own: damaged")
            arrays.insert(at, (records, end))
            shard = Shard(shards + index * shard_size, sequence, live, where)
            yield shard, records, capacity, header

    def _records(self, what, add, shards, count, shard_size, record_size):
        for shard, records, capacity, header in self._shards(
                what, shards, count, shard_size, record_size):
            found = sum(add(piece, record_size) for _, piece in self._pieces(
                what, records + header, capacity * record_size, record_size))
            # In the middle of an update, all records may just be moving to another array.
            if found != shard.live and shard.sequence % 2 == 0:
                self.note(f"{shard.where} counts {shard.live} records and holds {found}: damaged",
                          "count")

    def _text(self, address, limit=MAX_TEXT):
        """The C string at `address`: read up to the end of each page, as the next page may be
        unmapped."""
        text = b""
        while len(text) < limit:
            length = min(256 - address % 256, limit - len(text))
            piece = bytes(self._part(address, length, "a label"))
            end = piece.find(b"\0")
            if end >= 0:
                return (text + piece[:end]).decode("utf-8", "surrogateescape")
            text += piece
            address += length
        return text.decode("utf-8", "surrogateescape") + "..."

    def _read_labels(self):
        if not self.root.labels or not self.root.label_count:
            return [""]
        (count,) = struct.unpack("<I", self._part(self.root.label_count, 4, "the labels' count"))
        if count > MAX_NAMES:
            raise HeapError(f"the tables say there are {count} labels: damaged")
        pointers = self._part(self.root.labels, 8 * count, "the labels")
        return [self._text(at) if at else "" for (at,) in struct.iter_unpack("<Q", pointers)]

    def _read_pools(self):
        count = self.root.pool_count
        if count > 1 << 16:
            raise HeapError(f"the tables say there are {count} pools: damaged")
        if count == 0 or self.root.pools == 0:
            return []
        raw = self._part(self.root.pools, POOL.size * count, "the pools")
        names = [name.split(b"\0")[0].decode("utf-8", "surrogateescape")
                 for _, name in POOL.iter_unpack(raw)]
        # Pools of one backend are distinguished by their addresses.
        first = {}
        return [name if first.setdefault(name, index) == index else f"{name}#{index}"
                for index, name in enumerate(names)]

    def _read_frames(self, stack):
        if stack == 0:
            return ()
        root = self.root
        if self._chunks is None:
            if root.stack_chunk_count > 1 << 16:
                raise HeapError(f"the tables say there are {root.stack_chunk_count} chunks of "
                                "stack traces: damaged")
            raw = self._part(root.stack_chunks, 8 * root.stack_chunk_count, "the stack traces")
            self._chunks = [at for (at,) in struct.iter_unpack("<Q", raw)]
        chunk, place = stack >> 16, stack & 0xffff
        if chunk >= len(self._chunks):
            self.note(f"a record has stack trace {stack:#x}, which is not there: damaged", "stack")
            return ()
        address = self._chunks[chunk] + place * 16
        depth, hashed = struct.unpack("<II", self._part(address, 8, "a stack trace"))
        if depth > MAX_FRAMES:
            self.note(f"stack trace {stack:#x} says it has {depth} frames: damaged", "depth")
            return ()
        raw = self._part(address + 8, 8 * depth, "a stack trace")
        frames = struct.unpack(f"<{depth}Q", raw)
        if hashed & HAS_MODULES:
            for number in self._numbers(address + 8 + 8 * depth):
                frames = self._moved_with(number, frames)
        return frames

    def _numbers(self, address):
        """The module numbers that follow a stack trace."""
        numbers = []
        while len(numbers) < MAX_STACK_BYTES:
            (number,) = struct.unpack("<H", self._part(address, 2, "a stack trace"))
            if number == 0:
                break
            numbers.append(number)
            address += 2
        return numbers

    def _moved_with(self, number, frames):
        if self._modules is None:
            self._modules = self._read_modules()
        if number >= len(self._modules):
            self.note(f"a stack trace leads through module {number} of {len(self._modules)}: "
                      "damaged", "module")
            return frames
        module = self._modules[number]
        if number not in self._moved:
            self._moved[number] = 0 if self.is_loaded(module) else self._move(module)
        by = self._moved[number]
        return tuple(frame + by if module.start < frame <= module.end else frame
                     for frame in frames)

    def _move(self, module):
        start = self.unloaded[-1].end if self.unloaded else UNLOADED
        start = (start + GAP) // GAP * GAP
        by = start - module.start
        self.unloaded.append(module._replace(start=start, end=module.end + by,
                                             bias=module.bias + by))
        return by

    def _read_python(self):
        if self._size < PYTHON_OFFSET + PYTHON.size:
            return 0, 0, 0
        records, count, size = PYTHON.unpack(
            self._part(self._address + PYTHON_OFFSET, PYTHON.size, "alkaid_heap_root"))
        if (count > MAX_PYTHON_PLACES or
                not PYTHON_PLACE.size <= size <= MAX_RECORD_BYTES):
            raise HeapError(f"the tables say there are {count} lines of Python of {size} bytes: "
                            "damaged")
        return records, count if records else 0, size

    def _read_modules(self):
        if self._size < MODULES_OFFSET + MODULES.size:
            return []
        records, count, size = MODULES.unpack(
            self._part(self._address + MODULES_OFFSET, MODULES.size, "alkaid_heap_root"))
        if (count > MAX_MODULES or not MODULE.size <= size <= MAX_RECORD_BYTES or
                count * size > PIECE):
            raise HeapError(f"the tables say there are {count} modules of {size} bytes: damaged")
        if not records:
            return []
        raw = self._part(records, count * size, "the modules")
        return [self._module(MODULE.unpack_from(raw, number * size)) for number in range(count)]

    def _module(self, record):
        start, end, bias, path, path_size, build_id_size, build_id = record
        if end < start or end >= UNLOADED or path_size > MAX_PATH or build_id_size > 32:
            self.note(f"a module lies from {start:#x} to {end:#x}, with a path of {path_size} "
                      "characters: damaged", "module")
            return Module(0, 0, 0, "", "")
        name = bytes(self._part(path, path_size, "the path of a module")) if path else b""
        return Module(start, end, bias, os.fsdecode(name), build_id[:build_id_size].hex())

