"""What blocks are, where their own bytes say so, or those of a block that owns them.

docs/heap.md ("What a block is") has the rules, and alkaid/heap/reports/block_contents.cc keeps the
same ones for heap files. A rule compares sizes exactly and follows every pointer that it goes by: a
block that fits none of them is left out, because a wrong name costs a reader more than none.

`read(address, length)` gives bytes and raises Unreadable. `symbols` knows the files of the process:
`class_of_vtable(word)` is the name of a class or "", `holds(address)` says whether an address is in
their data, and `python_type` is where PyType_Type lies, or 0.
"""

import array
import bisect
import struct

from .layout import Unreadable

UNCATEGORIZED = "uncategorized"

WORD = 8
OWNER_BYTES = 64 << 10       # of each block, where owners are looked for
GAP = 1024                   # blocks that lie this near to each other are read at once
SPAN_BYTES = 1 << 20
MOST_ARRAY_BYTES = 4 << 20   # of an array that is looked through from end to end or not at all
MOST_BYTES = 256 << 20
MOST_NAMES = 65535
MOST_TYPES = 32768           # of Python, and other addresses that could have been one
MOST_BLOCK = 1 << 47

# A PyTypeObject of CPython 3.8 and later, with its global lock: references, type, name, bytes of an
# object and of each item, flags, base.
TYPE = struct.Struct("<QQ8xQQQ120xQ80xQ")
MANAGED_WEAKREF, MANAGED_DICT, READY, HAS_GC = 1 << 3, 1 << 4, 1 << 12, 1 << 14
IS_LIST, IS_STR, IS_DICT, IS_TYPE = 1 << 25, 1 << 28, 1 << 29, 1 << 31
SHORT_TEXT = 40              # the shortest texts have less than an object of their type


def recognize(blocks, read, symbols):
    """The names of categories, and for each block the index of its own. Number 0 is
    `uncategorized`. A block that a pool gave and that has a label is left to the label."""
    search = _Search(blocks, read, symbols)
    search.run()
    return search.names, search.found


class _Search:

    def __init__(self, blocks, read, symbols):
        self._addresses, self._sizes = blocks.address, blocks.size
        self._labels, self._pools = blocks.label, blocks.pool
        self._starts = dict(zip(self._addresses, range(len(blocks))))
        self._read_bytes = read
        self._symbols = symbols
        self.names = [UNCATEGORIZED]
        self.found = array.array("H", bytes(2 * len(blocks)))
        self._numbers = {}  # of names
        self._classes = {}  # by first word
        self._types = {}    # of Python, by address: (category, flags, bytes of an object, name)
        self._first = array.array("Q", bytes(8 * len(blocks)))  # words of blocks
        self._hashes = []   # what may be a hash container: (buckets, address, words)
        self._tried = set()
        self._steps_left = 4 * len(blocks)
        self._left = MOST_BYTES

    def run(self):
        classes = array.array("H", bytes(2 * len(self.found)))
        at = 0
        while at < len(self._addresses) and self._left > 0:
            at = self._visit_span(at, classes)
        # By now the first words are known, which their nodes' chains follow.
        for candidate in self._hashes:
            self._visit_hash(*candidate)
        for number, category in enumerate(classes):
            if category and not self.found[number]:
                self._set(number, category)
        self._starts = None

    def _read(self, address, length):
        self._left -= length
        return bytes(self._read_bytes(address, length))

    def _words(self, address, length):
        """The words there, or None."""
        words = array.array("Q")
        try:
            words.frombytes(self._read(address, length & ~(WORD - 1)))
        except Unreadable:
            return None
        return words

    def _name(self, name):
        if name not in self._numbers and len(self.names) < MOST_NAMES:
            self._numbers[name] = len(self.names)
            self.names.append(name)
        return self._numbers.get(name, 0)

    def _is_named(self, number):
        """A block that a pool gave and that has a label is what the label says, and is not looked
        through: such blocks are data as a rule, and many bytes."""
        return self._labels[number] and self._pools[number]

    def _is_known(self, number):
        return self.found[number] or self._is_named(number)

    def _set(self, number, category):
        """A block that says itself what it is."""
        if not self._is_named(number):
            self.found[number] = category

    def _set_owned(self, number, name):
        """A block of which another says what it is."""
        if not self._is_known(number):
            self.found[number] = self._name(name)

    # Spans: blocks that lie near each other.

    def _visit_span(self, first, classes):
        addresses, sizes = self._addresses, self._sizes
        start = addresses[first] & ~(WORD - 1)
        end = addresses[first] + min(sizes[first], OWNER_BYTES)
        behind = first + 1
        if self._is_named(first):
            return behind
        while behind < len(addresses) and not self._is_named(behind):
            block_end = addresses[behind] + min(sizes[behind], OWNER_BYTES)
            if addresses[behind] > end + GAP or block_end > start + SPAN_BYTES:
                break
            end = max(end, block_end)
            behind += 1
        words = self._words(start, end - start)
        if words is None and behind > first + 1:
            # A part of it is not there: one after the other.
            for number in range(first, behind):
                start = addresses[number] & ~(WORD - 1)
                end = addresses[number] + min(sizes[number], OWNER_BYTES)
                words = self._words(start, end - start)
                if words is not None:
                    self._visit(number, number + 1, start, words, classes)
        elif words is not None:
            self._visit(first, behind, start, words, classes)
        return behind

    def _visit(self, first, behind, start, words, classes):
        names, holds = self._classes, self._symbols.holds
        addresses, sizes, starts = self._addresses, self._sizes, self._starts
        python = self._symbols.python_type != 0
        for number in range(first, behind):
            at = addresses[number] - start
            size = sizes[number]
            if at & WORD - 1 or size < WORD:
                continue
            at >>= 3
            word = self._first[number] = words[at]
            category = names.get(word)
            if category is None and not word & WORD - 1 and holds(word):
                name = self._symbols.class_of_vtable(word)
                category = names[word] = self._name(name) if name else 0
            if category:
                classes[number] = category
            elif python and size >= 2 * WORD:
                self._visit_object(number, words, at, min(size, OWNER_BYTES) // WORD)
        last = len(words) - 2
        for i in [i for i, word in enumerate(words) if word in starts]:
            if i >= last:
                break
            begin, third = words[i], words[i + 2]
            size = sizes[starts[begin]]
            if size == third + 1 or size == third - begin or size == words[i + 1] * WORD:
                self._visit_pointer(start, words, i)

    # Python.

    def _visit_object(self, number, words, at, count):
        for offset in (0, 2, 4):
            if offset + 2 > count:
                return
            found = self._type_at(words[at + offset + 1])
            if not found or not words[at + offset] & 0xffffffff:
                continue
            category, flags, object_size, name = found
            if offset != place_in_block(flags):
                continue
            least = min(object_size, SHORT_TEXT) if flags & IS_STR else object_size
            if self._sizes[number] < offset * WORD + least:
                continue
            self._set(number, category)
            if object_size >= 40 and count - offset >= object_size // WORD:
                self._visit_python_owner(flags, name, words[at + offset:at + offset + 5])
            return

    def _visit_python_owner(self, flags, name, words):
        if flags & IS_DICT:
            keys = self._starts.get(words[4])
            if keys is not None:
                self._set_owned(keys, "Python dict keys")
        elif flags & IS_LIST:
            items = self._starts.get(words[3])
            if (items is not None and words[2] <= words[4] and
                    words[4] * WORD == self._sizes[items]):
                self._set_owned(items, "Python list items")
        elif name == "bytearray":
            data = self._starts.get(words[4])
            if data is not None and words[2] <= words[3] == self._sizes[data]:
                self._set_owned(data, "Python bytearray bytes")

    def _type_at(self, address):
        """(category, flags, bytes of an object, name) of a type that lies there, or None."""
        if address in self._types:
            return self._types[address]
        if not self._may_be_type(address) or len(self._types) >= MOST_TYPES:
            return None
        self._types[address] = None
        loaded = self._load_type(address)
        if loaded and self._is_types_type(loaded[1]) and loaded[5] & READY:
            name = self._text(loaded[2])
            if name:
                self._types[address] = (self._name("Python " + name), loaded[5], loaded[3], name)
        return self._types[address]

    def _may_be_type(self, address):
        if address % WORD:
            return False
        # As a type that a program has made lies after the words of the collector.
        made = self._starts.get(address - 16)
        return self._symbols.holds(address) or (
            made is not None and self._sizes[made] >= 16 + TYPE.size)

    def _load_type(self, address):
        try:
            fields = TYPE.unpack(self._read(address, TYPE.size))
        except Unreadable:
            return None
        sound = fields[0] & 0xffffffff and 16 <= fields[3] < 1 << 32 and fields[4] < 1 << 32
        return fields if sound else None

    def _is_types_type(self, address):
        """Whether it is `type`, or a type that is derived from it: its own type, and so on, is
        `type` in the end."""
        for _ in range(5):
            if address == self._symbols.python_type:
                return True
            loaded = self._load_type(address) if self._may_be_type(address) else None
            if not loaded or not loaded[5] & IS_TYPE:
                return False
            address = loaded[1]
        return False

    def _text(self, address, most=128):
        """The C string at `address`, on one line, or ""."""
        text = b""
        while len(text) < most and b"\0" not in text:
            begin = address + len(text)
            try:
                text += self._read(begin, min(4096 - begin % 4096, most - len(text)))
            except Unreadable:
                return ""
        text, zero, _ = text.partition(b"\0")
        if not zero or any(byte < 0x20 or byte == 0x7f for byte in text):
            return ""
        return text.decode("utf-8", "surrogateescape")

    # Owners.

    def _visit_pointer(self, start, words, i):
        begin, second, third = words[i], words[i + 1], words[i + 2]
        block = self._starts[begin]
        size = self._sizes[block]
        string = second <= third and size == third + 1 and third >= 16
        vector = size == third - begin and begin < second <= third and not (second | third) % WORD
        table = second >= 2 and size == second * WORD
        if not (string or vector or table) or self._is_known(block):
            return
        count = self._words_from(start + i * WORD)
        if count < 3 or string and count < 4:
            return
        if string:
            # A text mostly lies near its owner, and was read with it.
            at = begin + second - start
            near = 0 <= at < len(words) * WORD
            end = memoryview(words).cast("B")[at] if near else self._byte(begin + second)
            if end == 0:
                self._set_owned(block, "std::string")
        elif vector:
            if self._holds_pointers(block, second - begin):
                self._set_owned(block, "vector of pointers")
        elif count >= 7:
            if count < 10 or not self._visit_deque(block, words[i:i + 10]):
                self._hashes.append((block, start + i * WORD, words[i:i + 5]))

    def _words_from(self, address):
        """How many words there are from here on of the block around them."""
        at = bisect.bisect_right(self._addresses, address) - 1
        if at < 0:
            return 0
        size = min(self._sizes[at], OWNER_BYTES) // WORD * WORD
        return max(0, self._addresses[at] + size - address) // WORD

    def _contains(self, address):
        if address in self._starts:
            return True
        at = bisect.bisect_right(self._addresses, address) - 1
        return at >= 0 and address - self._addresses[at] < self._sizes[at]

    def _byte(self, address):
        try:
            return self._read(address, 1)[0]
        except Unreadable:
            return None

    def _array(self, block, length):
        """The words of a block that was not looked through yet, or None."""
        if block in self._tried or length > MOST_ARRAY_BYTES or self._left <= 0:
            return None
        self._tried.add(block)
        return self._words(self._addresses[block], length)

    def _holds_pointers(self, block, length):
        """Whether every word of these bytes is null or leads into a block, and at least one
        does."""
        words = self._array(block, length)
        if words is None:
            return False
        pointers = set(words)
        pointers.discard(0)
        return bool(pointers) and all(map(self._contains, pointers))

    def _visit_deque(self, block, words):
        """A std::deque of libstdc++: the map and how many pointers it has, then for the first
        element and for the end its place, the buffer around it, and where the map has that
        buffer."""
        begin, count, *places = words
        current, first, last, node = places[:4]
        end_current, end_first, end_last, end_node = places[4:]
        length = last - first
        if (not begin <= node <= end_node < begin + count * WORD or (node | end_node) % WORD or
                not first <= current < last or not end_first <= end_current < end_last or
                end_last - end_first != length):
            return False
        mapped = self._array(block, count * WORD)
        if mapped is None:
            return False
        buffers = mapped[(node - begin) // WORD:(end_node - begin) // WORD + 1]
        if buffers[0] != first or buffers[-1] != end_first:
            return False
        numbers = [self._starts.get(buffer) for buffer in buffers]
        if any(number is None or self._sizes[number] != length for number in numbers):
            return False
        self._set_owned(block, "std::deque map")
        for number in numbers:
            self._set_owned(number, "std::deque buffer")
        return True

    def _visit_hash(self, block, address, words):
        """A hash container of libstdc++: buckets and how many, the first node, how many elements,
        the greatest load. Each node begins with the next one's address, and the bucket of the
        first node leads to the word before it."""
        first, elements = words[2], words[3]
        (load,) = struct.unpack("<f", struct.pack("<I", words[4] & 0xffffffff))
        node = self._starts.get(first)
        if not 0 < elements <= self._steps_left or not 0 < load < 1e6 or node is None:
            return
        length, nodes, following = self._sizes[node], [], first
        for _ in range(elements):
            self._steps_left -= 1
            node = self._starts.get(following)
            if node is None or self._sizes[node] != length or length < 16:
                return
            nodes.append(node)
            following = self._first[node]
        buckets = self._array(block, self._sizes[block]) if following == 0 else None
        if buckets is None or buckets.count(address + 2 * WORD) != 1:
            return
        self._set_owned(block, "hash buckets")
        for node in nodes:
            self._set_owned(node, "hash node")


def place_in_block(flags):
    """The word of a block at which an object of a type with these flags begins."""
    if not flags & HAS_GC:
        return 0
    return 4 if flags & (MANAGED_DICT | MANAGED_WEAKREF) else 2
