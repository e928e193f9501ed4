"""The categories of blocks, from bytes made for the tests."""

import struct
import unittest
from unittest import mock

from alkaid_debugger import categories, layout, python_types

TEXT = b"a text of a string"
STACKS = {0: (), 7: (0x908, 0xa00), 8: (0xa00, 0x908)}  # 0x908: where operator new calls malloc
IS_TYPE = python_types.IS_TYPE | python_types.HAS_GC


class Symbols:
    """Files with data at 0x1000 to 0x8000, and their code before that."""

    def __init__(self, classes=(), python_type=0, sizes=()):
        self.classes = dict(classes)
        self.sizes = dict(sizes)
        self.python_type = python_type
        self.asked = []

    @staticmethod
    def holds(address):
        return 0x1000 <= address < 0x8000

    @staticmethod
    def maps(address):
        return 0x800 <= address < 0x8000

    def size_of_class(self, name):
        return self.sizes.get(name, 0)

    @staticmethod
    def is_operator_new(address):
        return address == 0x907

    def class_of_vtable(self, word):
        self.asked.append(word)
        return self.classes.get(word, "")


class Heap:
    """Blocks at addresses that the test chooses, and other memory."""

    def __init__(self):
        self.parts = {}
        self.blocks = []
        self.next = 0x100000

    def put(self, data, address):
        self.parts[address] = bytes(data)

    def block(self, data, size=None, label=0, pool=0, stack=7):
        if isinstance(data, (list, tuple)):
            data = struct.pack(f"<{len(data)}Q", *data)
        address, self.next = self.next, self.next + (len(data) + 127 & ~63)
        self.put(data, address)
        self.blocks.append((address, len(data) if size is None else size, label, pool, stack))
        return address

    def read(self, address, length):
        """Memory that is mapped from the first to the last byte of each 4 KiB with bytes in it."""
        data = bytearray(length)
        pages = {page for begin, bytes_ in self.parts.items() for page in
                 range(begin // 4096, (begin + max(len(bytes_), 1) - 1) // 4096 + 1)}
        for page in range(address // 4096, (address + max(length, 1) - 1) // 4096 + 1):
            if page not in pages:
                raise layout.Unreadable(max(address, page * 4096))
        for begin, bytes_ in self.parts.items():
            first, last = max(begin, address), min(begin + len(bytes_), address + length)
            if first < last:
                data[first - address:last - address] = bytes_[first - begin:last - begin]
        return bytes(data)

    def found(self, symbols=None):
        blocks = layout.Blocks()
        for address, size, label, pool, stack in sorted(self.blocks):
            for column, value in zip(blocks.columns, (address, size, size, 1, 1, stack, label, 7,
                                                      pool, 0)):
                column.append(value)
        self.lengths = []
        def read(address, length):
            self.lengths.append(length)
            return self.read(address, length)
        names, found, self.unexamined = categories.recognize(blocks, read, symbols or Symbols(),
                                                                STACKS.get)
        return {address: names[index] for address, index in zip(blocks.address, found) if index}


class Classes(unittest.TestCase):

    def test_are_known_by_the_first_word(self):
        heap, symbols = Heap(), Symbols({0x2010: "Shape"})
        one, other = heap.block([0x2010, 1]), heap.block([0x2010])
        for words in ([0x2018], [0x2000], [1, 0x2010], [0x9000], [0x2011]):
            heap.block(words)
        heap.block(b"\x10\x20")  # shorter than a word
        self.assertEqual({one: "Shape", other: "Shape"}, heap.found(symbols))
        # Each word once, and none that lies outside all files or is no multiple of 8.
        self.assertEqual([0x2000, 0x2010, 0x2018], sorted(symbols.asked))


    def test_are_of_blocks_that_their_objects_fit(self):
        heap = Heap()
        symbols = Symbols({0x2010: "Triangle", 0x3010: "Hidden"}, sizes={"Triangle": 24})
        fits = [heap.block([0x2010, *[1] * (size // 8 - 1)]) for size in (24, 48, 32)]
        for size in (8, 16, 40, 56, 64, 4096):
            heap.block([0x2010, *[1] * (size // 8 - 1)])
        # A class of unknown size fits any block.
        hidden = heap.block([0x3010, *[1] * 511])
        self.assertEqual({**dict.fromkeys(fits, "Triangle"), hidden: "Hidden"}, heap.found(symbols))


    def test_are_of_arrays_by_the_number_in_front(self):
        heap = Heap()
        symbols = Symbols({0x2010: "Triangle", 0x3010: "Hidden"}, sizes={"Triangle": 24})
        fits = [heap.block([count, *[0x2010, 1, 1] * count]) for count in (2, 3, 10)]
        fits.append(heap.block([3, *[0x2010, 1, 1] * 3], size=80))
        rounded = heap.block([2, *[0x2010, 1, 1] * 2, 0])  # 56 bytes, rounded up to 64
        for words in ([1, 0x2010, 1, 1], [0, 0x2010, 1, 1], [3, *[0x2010, 1, 1] * 2],
                      [2, *[0x2010, 1, 1] * 3], [2, 1, *[0x2010, 1, 1] * 2], [1 << 63, 0x2010, 1, 1],
                      [2, *[0x3010, 1] * 2]):
            heap.block(words)
        self.assertEqual(dict.fromkeys([*fits, rounded], "Triangle"), heap.found(symbols))


class Strings(unittest.TestCase):

    def test_are_what_operator_new_gave(self):
        for stack, pool, expected in ((7, 0, 1), (8, 0, 0), (0, 0, 0), (7, 1, 0)):
            heap = Heap()
            buffer = heap.block(TEXT + b"\0...", stack=stack, pool=pool)
            heap.block([7, buffer, len(TEXT), len(TEXT) + 3, 0], stack=8)
            self.assertEqual({buffer: "std::string"} if expected else {}, heap.found())

    def test_are_known_by_their_owner(self):
        heap = Heap()
        buffer = heap.block(TEXT + b"\0...")
        heap.block([7, buffer, len(TEXT), len(TEXT) + 3, 0])
        self.assertEqual({buffer: "std::string"}, heap.found())

    def test_what_does_not_fit_is_none(self):
        heap = Heap()
        buffer = heap.block(TEXT + b"\0...")
        for size, capacity, *rest in ((18, 20, 0), (18, 22, 0), (17, 21, 0), (22, 21, 0), (18, 21)):
            heap.block([buffer, size, capacity, *rest])
        heap.block([buffer + 1, 17, 20, 0])
        self.assertEqual({}, heap.found())

    def test_what_has_no_text_of_the_length_is_none(self):
        heap = Heap()
        for text in (bytes(64), b"abcde" + bytes(59), b"abc\0de\0" + b"x" * 57,
                     b"x" * 1000 + bytes(3000)):
            ring = heap.block(text)
            for tail in (0, 6, len(text) - 1):
                heap.block([ring, tail, len(text) - 1, tail, 0])
        self.assertEqual({}, heap.found())

    def test_a_text_may_be_longer_than_what_is_read_of_it(self):
        for spoiled in (None, 0, 299_999):
            heap = Heap()
            text = bytearray(b"x" * 300_000 + b"\0")
            if spoiled is not None:
                text[spoiled] = 0
            buffer = heap.block(text)
            heap.next += 2 << 20  # far from its owner
            heap.block([buffer, 300_000, 300_000, 0])
            found = heap.found()
            self.assertEqual({buffer: "std::string"} if spoiled is None else {}, found)
            self.assertLessEqual(sum(heap.lengths), categories.ARRAY_BYTES + (64 << 10) + 1000)



class Containers(unittest.TestCase):

    def test_of_a_pool_with_a_label_are_left_to_the_label(self):
        for label, pool, expected in ((1, 0, 1), (0, 1, 1), (1, 1, 0)):
            heap = Heap()
            target = heap.block([1, 2, 3])
            begin = heap.block([target, target], label=label, pool=pool)
            heap.block([begin, begin + 16, begin + 16])
            self.assertEqual(expected, len(heap.found()), (label, pool))

    def test_an_array_of_pointers_is_known_by_its_owner(self):
        heap = Heap()
        target = heap.block([1, 2, 3])
        pointers = heap.block([target, 0, target + 16, 99])
        number = heap.block([target, 17, target])
        nulls = heap.block([0, 0, 0])
        one_pointer = heap.block([0, target, 0])
        loaded = heap.block([0x800, 0x7fff, 0])
        elsewhere = heap.block([0x800, 0x7ff, 0])
        heap.block([pointers, pointers + 24, pointers + 32])
        heap.block([number, number + 24, number + 24, 0])
        for begin in (nulls, one_pointer, loaded, elsewhere):
            heap.block([begin, begin + 24, begin + 24, 0])
        heap.block([pointers, pointers + 24, pointers + 40, 0])
        self.assertEqual({pointers: "vector of pointers", loaded: "vector of pointers"},
                         heap.found())

    def test_a_deque_is_known_by_its_map(self):
        def build(spoil=lambda words: None):
            heap = Heap()
            first, second = heap.block(bytes(512)), heap.block(bytes(512))
            mapped = heap.block([0, first, second, 0, 0, 0, 0, 0])
            words = [mapped, 8, first, first, first + 512, mapped + 8, second + 4, second,
                     second + 512, mapped + 16]
            spoil(words)
            heap.block(words)
            return heap.found(), {first: "std::deque buffer", second: "std::deque buffer",
                                  mapped: "std::deque map"}

        found, expected = build()
        self.assertEqual(expected, found)
        for at in range(10):
            def spoil(words, at=at):
                words[at] += 8 if at not in (2, 6) else 512  # any place in a buffer is accepted
            self.assertEqual({}, build(spoil)[0], at)

    def test_a_hash_container_is_known_by_its_chain_and_its_buckets(self):
        def build(counted=3, load=1.0, linked=True, end=0):
            heap = Heap()
            last = heap.block([end, 7])
            middle = heap.block([last, 8])
            first = heap.block([middle, 9])
            buckets = heap.block([0, 0, 0])
            (bits,) = struct.unpack("<I", struct.pack("<f", load))
            owner = heap.block([buckets, 3, first, counted, bits, 3, 0])
            heap.put(struct.pack("<3Q", middle, owner + 16 if linked else 0, 0), buckets)
            return heap.found(), {last: "hash node", middle: "hash node", first: "hash node",
                                  buckets: "hash buckets"}

        found, expected = build()
        self.assertEqual(expected, found)
        for fields in ({"counted": 2}, {"counted": 4}, {"counted": 0}, {"counted": 1 << 60},
                       {"load": 0.0}, {"load": float("nan")}, {"linked": False}, {"end": 8}):
            self.assertEqual({}, build(**fields)[0], fields)


class Limits(unittest.TestCase):

    @staticmethod
    def arrays(count):
        heap = Heap()
        targets = [heap.block([1, 2, 3]) for _ in range(10)]
        for _ in range(count):
            begin = heap.block(targets)
            heap.block([begin, begin + 80, begin + 80, 0])
        return heap

    def test_what_was_not_looked_at_is_counted(self):
        heap = self.arrays(20)
        self.assertEqual(20, len(heap.found()))
        self.assertEqual(0, heap.unexamined)
        with mock.patch.multiple(categories, LOOKUPS=110, LOOKUPS_OF_BLOCK=0):
            # Eleven look-ups for each block.
            self.assertEqual(10, len(heap.found()))
            self.assertEqual(10, heap.unexamined)
        with mock.patch.multiple(categories, LOOKUPS=0, LOOKUPS_OF_BLOCK=5):
            self.assertEqual(20, len(heap.found()))
        with mock.patch.object(categories, "MAX_BYTES", 0):
            self.assertEqual({}, heap.found())
            self.assertEqual(50, heap.unexamined)

    def test_of_a_long_array_pieces_are_read(self):
        heap = Heap()
        target = heap.block([1, 2, 3])
        with mock.patch.multiple(categories, ARRAY_BYTES=8192, PIECE_BYTES=2048):
            for spoiled, expected in ((None, 1), (0, 0), (9999, 0)):
                words = [target] * 10_000
                if spoiled is not None:
                    words[spoiled] = 17
                begin = heap.block(words)
                heap.block([begin, begin + 80_000, begin + 80_000, 0])
                self.assertEqual(expected, len(heap.found()))
                self.assertEqual(4 if expected or spoiled else 1, heap.lengths.count(2048))
                heap.blocks[1:] = []

    def test_a_chain_for_which_there_is_no_room_is_not_begun(self):
        heap, node = Heap(), 0
        for _ in range(100):
            node = heap.block([node, 7])
        buckets = heap.block([0, 0, 0])
        owner = heap.block([buckets, 3, node, 100, 0x3f800000, 3, 0])
        heap.put(struct.pack("<3Q", owner + 16, 0, 0), buckets)
        self.assertEqual(101, len(heap.found()))
        with mock.patch.multiple(categories, LOOKUPS=50, LOOKUPS_OF_BLOCK=0):
            self.assertEqual({}, heap.found())
            self.assertEqual(1, heap.unexamined)


class Python(unittest.TestCase):

    TYPE, OBJECT, INT, STR, LIST, DICT, POINT, BYTEARRAY = range(0x2000, 0x3000, 0x200)

    def setUp(self):
        self.heap = Heap()
        self.symbols = Symbols(python_type=self.TYPE)
        self.put_type(self.TYPE, self.TYPE, b"type", 900, IS_TYPE)
        self.put_type(self.OBJECT, self.TYPE, b"object", 16, 0)
        self.put_type(self.INT, self.TYPE, b"int", 24, 0)
        self.put_type(self.STR, self.TYPE, b"str", 80, python_types.IS_STR)
        self.put_type(self.LIST, self.TYPE, b"list", 40, python_types.IS_LIST | python_types.HAS_GC)
        self.put_type(self.DICT, self.TYPE, b"dict", 48, python_types.IS_DICT | python_types.HAS_GC)
        self.put_type(self.POINT, self.TYPE, b"Point", 16,
                      python_types.HAS_GC | python_types.MANAGED_DICT)
        self.put_type(self.BYTEARRAY, self.TYPE, b"bytearray", 56, 0)

    def put_type(self, address, of, name, size, flags):
        self.heap.put(name + b"\0", address + 0x180)
        self.heap.put(python_types.TYPE.pack(1, of, address + 0x180, size, 0,
                                           flags | python_types.READY, 0), address)

    def test_objects_are_known_by_their_types(self):
        heap = self.heap
        number = heap.block([1, self.INT, 17])
        text = heap.block([1, self.STR, 1, 2, 3, 0])
        keys = heap.block([1, 2, 3, 4])
        a_dict = heap.block([0, 0, 1, self.DICT, 1, 2, keys, 0])
        items = heap.block([number, text, 0, 0])
        a_list = heap.block([0, 0, 1, self.LIST, 2, items, 4])
        point = heap.block([0, 0, 0, 0, 1, self.POINT])
        data = heap.block([1, 2, 3])
        mutable = heap.block([1, self.BYTEARRAY, 17, 24, data, data, 0])
        heap.block([1, self.BYTEARRAY, 17, 32, items, items])  # too small for one
        self.assertEqual({number: "Python int", text: "Python str", keys: "Python dict keys",
                          a_dict: "Python dict", items: "Python list items", a_list: "Python list",
                          point: "Python Point", data: "Python bytearray bytes",
                          mutable: "Python bytearray"}, heap.found(self.symbols))

    def test_what_only_looks_like_an_object_is_none(self):
        for words in ([0, self.INT, 17], [1, self.INT], [0, 0, 1, self.INT, 17],
                      [1, self.LIST, 0, 0, 0, 0, 0], [0, 0, 1, self.POINT, 0, 0, 0],
                      [1, self.INT + 8, 17], [1, 0x7000, 17]):
            self.heap.block(words)
        self.assertEqual({}, self.heap.found(self.symbols))

    def test_a_type_has_to_lead_to_the_symbol_of_type(self):
        self.heap.block([1, self.INT, 17])
        self.assertEqual(1, len(self.heap.found(self.symbols)))
        for other in (0, self.OBJECT):
            self.symbols.python_type = other
            self.assertEqual({}, self.heap.found(self.symbols))


if __name__ == "__main__":
    unittest.main()
