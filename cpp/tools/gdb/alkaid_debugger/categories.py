"""What blocks are, where their own bytes show it, or those of a block that owns them.

docs/heap.md ("What a block is") has the rules, and alkaid/heap/reports/block_contents.cc applies
the same ones to heap files. A rule compares sizes exactly and checks every pointer that it uses: a
block that fits no rule is left out, because a wrong category is worse than none.

`read(address, length)` returns bytes and raises Unreadable. `symbols` knows the files of the
process: `class_of_vtable(word)` is the name of a class or "", `size_of_class(name)` the size of its
objects or 0, `holds(address)` whether an address is in their data, `maps(address)` whether it is in
them at all, `is_operator_new(address)` whether it is in operator new, and `python_type` is the
address of PyType_Type, or 0. `frames(stack)` returns the return addresses of a stack trace.
"""

import array
import bisect
import struct

from .layout import HeapError, Unreadable
from .python_types import IS_DICT, IS_LIST, IS_STR, PythonTypes, place_in_block

UNCATEGORIZED = "uncategorized"

WORD = 8
OWNER_BYTES = 64 << 10       # of each block, that are searched for owners
GAP = 1024                   # blocks this near to each other are read at once
SPAN_BYTES = 1 << 20
MAX_MAP_BYTES = 4 << 20     # of the map of a deque, and of buckets: read whole or not at all
ARRAY_BYTES = 128 << 10      # of a text or an array of pointers: longer ones are read in pieces
PIECE_BYTES = 2048
MAX_BYTES = 256 << 20
LOOKUPS = 4 << 20            # of words, and links of chains, among the blocks: for all together,
LOOKUPS_OF_BLOCK = 4         # and for each block in addition
MAX_NAMES = 65535
MAX_BLOCK = 1 << 47
SHORT_TEXT = 40              # the shortest texts of Python are smaller than an object of their type


def recognize(blocks, read, symbols, frames):
    """The names of categories, the index of its category for each block, and the number of blocks
    that were not examined because the limits were reached. Number 0 is `uncategorized`. A block of
    a pool that has a label keeps the label."""
    search = _Search(blocks, read, symbols, frames)
    search.run()
    return search.names, search.found, search.unexamined


class _Search:

    def __init__(self, blocks, read, symbols, frames):
        self._addresses, self._sizes = blocks.address, blocks.size
        self._labels, self._pools = blocks.label, blocks.pool
        self._stacks, self._frames = blocks.stack, frames
        self._of_new = {}  # whether operator new called malloc, by stack trace
        self._starts = dict(zip(self._addresses, range(len(blocks))))
        self._read_bytes = read
        self._symbols = symbols
        self.names = [UNCATEGORIZED]
        self.found = array.array("H", bytes(2 * len(blocks)))
        self._numbers = {}  # of category names
        self._classes = {}  # by first word: (category, bytes of an object or 0)
        self._types = PythonTypes(self._read, symbols, self._size_at)
        self._first = array.array("Q", bytes(8 * len(blocks)))  # first words of blocks
        self._hashes = []   # possible hash containers: (buckets, address, words)
        self._tried = set()
        self._lookups_left = LOOKUPS + LOOKUPS_OF_BLOCK * len(blocks)
        self._left = MAX_BYTES
        self.unexamined = 0

    def run(self):
        classes = array.array("H", bytes(2 * len(self.found)))
        at = 0
        while at < len(self._addresses) and not self._is_spent():
            at = self._visit_span(at, classes)
        self.unexamined += sum(1 for number in range(at, len(self._addresses))
                               if not self._is_named(number))
        # By now the first words are known, which the chains of nodes follow.
        for candidate in self._hashes:
            self._visit_hash(*candidate)
        for number, category in enumerate(classes):
            if category and not self.found[number]:
                self._set(number, category)
        self._starts = None

    def _is_spent(self):
        return self._left <= 0 or self._lookups_left < 0

    def _size_at(self, address):
        number = self._starts.get(address)
        return None if number is None else self._sizes[number]

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
        if name not in self._numbers and len(self.names) < MAX_NAMES:
            self._numbers[name] = len(self.names)
            self.names.append(name)
        return self._numbers.get(name, 0)

    def _is_named(self, number):
        """A block of a pool that has a label is what the label says, and is not examined: such
        blocks are usually data, and large."""
        return self._labels[number] and self._pools[number]

    def _is_known(self, number):
        return self.found[number] or self._is_named(number)

    def _set(self, number, category):
        """A block whose own bytes show what it is."""
        if not self._is_named(number):
            self.found[number] = category

    def _set_owned(self, number, name):
        """A block whose owner shows what it is."""
        if not self._is_known(number):
            self.found[number] = self._name(name)

    # Spans of blocks that are near each other.

    def _visit_span(self, first, classes):
        addresses, sizes = self._addresses, self._sizes
        start = addresses[first] & ~(WORD - 1)
        end = addresses[first] + min(sizes[first], OWNER_BYTES)
        after = first + 1
        if self._is_named(first):
            return after
        while after < len(addresses) and not self._is_named(after):
            block_end = addresses[after] + min(sizes[after], OWNER_BYTES)
            if addresses[after] > end + GAP or block_end > start + SPAN_BYTES:
                break
            end = max(end, block_end)
            after += 1
        words = self._words(start, end - start)
        if words is None and after > first + 1:
            # A part of it is missing: read one block after the other.
            for number in range(first, after):
                start = addresses[number] & ~(WORD - 1)
                end = addresses[number] + min(sizes[number], OWNER_BYTES)
                words = self._words(start, end - start)
                if words is not None:
                    self._visit(number, number + 1, start, words, classes)
        elif words is not None:
            self._visit(first, after, start, words, classes)
        return after

    def _visit(self, first, after, start, words, classes):
        names, holds = self._classes, self._symbols.holds
        addresses, sizes, starts = self._addresses, self._sizes, self._starts
        python = self._symbols.python_type != 0
        for number in range(first, after):
            at = addresses[number] - start
            size = sizes[number]
            if at & WORD - 1 or size < WORD:
                continue
            at >>= 3
            word = self._first[number] = words[at]
            found = names.get(word)
            if found is None and not word & WORD - 1 and holds(word):
                found = names[word] = self._class_of(word)
            if 2 <= word < size // WORD:
                second = words[at + 1]
                counted = names.get(second)
                if counted is None and not second & WORD - 1 and holds(second):
                    counted = names[second] = self._class_of(second)
                if counted and counted[0] and is_size_of_counted_objects(size, word, counted[1]):
                    classes[number] = counted[0]
            if found and found[0]:
                if is_size_of_objects(size, found[1]):
                    classes[number] = found[0]
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

    def _class_of(self, word):
        name = self._symbols.class_of_vtable(word)
        return (self._name(name), self._symbols.size_of_class(name)) if name else (0, 0)

    # Python.

    def _visit_object(self, number, words, at, count):
        for offset in (0, 2, 4):
            if offset + 2 > count:
                return
            found = self._types.at(words[at + offset + 1])
            if not found or not words[at + offset] & 0xffffffff:
                continue
            flags, object_size, name = found
            if offset != place_in_block(flags):
                continue
            least = min(object_size, SHORT_TEXT) if flags & IS_STR else object_size
            if self._sizes[number] < offset * WORD + least:
                continue
            self._set(number, self._name("Python " + name))
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

    # Owners.

    def _visit_pointer(self, start, words, i):
        begin, second, third = words[i], words[i + 1], words[i + 2]
        block = self._starts[begin]
        size = self._sizes[block]
        string = 0 < second <= third and size == third + 1 and third >= 16
        vector = size == third - begin and begin < second <= third and (
            not (begin | second | third) % WORD)
        table = second >= 2 and size == second * WORD
        if not (string or vector or table) or self._is_known(block):
            return
        self._lookups_left -= 1
        if self._is_spent():
            self.unexamined += 1
            return
        count = self._words_from(start + i * WORD)
        if count < 3 or string and count < 4:
            return
        if string:
            # A text is mostly near its owner, and was read with it.
            at = begin - start
            if not self._is_of_operator_new(block):
                fits = False
            elif 0 <= at and at + second < len(words) * WORD:
                near = bytes(memoryview(words).cast("B")[at:at + second + 1])
                fits = near.find(0) == second
            else:
                fits = self._holds_text(begin, second)
            if fits:
                self._set_owned(block, "std::string")
        elif vector:
            if self._holds_pointers(block, second - begin):
                self._set_owned(block, "vector of pointers")
        elif count >= 7:
            if count < 10 or not self._visit_deque(block, words[i:i + 10]):
                self._hashes.append((block, start + i * WORD, words[i:i + 5]))

    def _words_from(self, address):
        """How many words of the enclosing block there are from here on."""
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

    def _each_piece(self, address, length, fits):
        """Whether all of these bytes fit; of a long run, pieces from the first to the last."""
        pieces = [(0, length)]
        if length > ARRAY_BYTES:
            last = ARRAY_BYTES // PIECE_BYTES - 1
            end = length - PIECE_BYTES
            pieces = [(end // last * i & ~(WORD - 1), PIECE_BYTES) for i in range(last)]
            pieces.append((end, PIECE_BYTES))
        try:
            return all(self._left > 0 and fits(self._read(address + at, size))
                       for at, size in pieces)
        except Unreadable:
            return False

    def _is_of_operator_new(self, block):
        """Whether operator new called malloc for it. A struct of C may look like a string."""
        if self._pools[block]:
            return False
        stack = self._stacks[block]
        if stack not in self._of_new:
            try:
                frames = self._frames(stack)
            except HeapError:  # damage, which is reported where the stack trace is printed
                frames = ()
            self._of_new[stack] = bool(frames) and self._symbols.is_operator_new(frames[0] - 1)
        return self._of_new[stack]

    def _holds_text(self, address, length):
        """Whether the first NUL ends a text of that length."""
        try:
            ends = self._read(address + length, 1) == b"\0"
        except Unreadable:
            return False
        return ends and self._each_piece(address, length, lambda text: b"\0" not in text)

    def _is_to_be_tried(self, block):
        """Examines an array only once, however many owners it has."""
        if block in self._tried or self._is_spent():
            return False
        self._tried.add(block)
        return True

    def _array(self, block, length):
        """The words of a block that was not examined yet, or None."""
        if length > MAX_MAP_BYTES or not self._is_to_be_tried(block):
            return None
        return self._words(self._addresses[block], length)

    def _holds_pointers(self, block, length):
        """Whether every word of these bytes is null or points into a block or a loaded file, and at
        least two are not null."""
        if not self._is_to_be_tried(block):
            return False
        count = 0

        def are_pointers(data):
            nonlocal count
            words = array.array("Q", data)
            count += len(words) - words.count(0)
            pointers = set(words)
            pointers.discard(0)
            self._lookups_left -= len(pointers)
            if self._is_spent():
                self.unexamined += 1
                return False
            return all(self._contains(word) or self._symbols.maps(word) for word in pointers)

        return self._each_piece(self._addresses[block], length, are_pointers) and count >= 2

    def _visit_deque(self, block, words):
        """A std::deque of libstdc++: the map and its number of pointers; then, for the first
        element and for the end, its address, the buffer around it, and the place of that buffer in
        the map."""
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
        self._lookups_left -= len(buffers)
        numbers = [self._starts.get(buffer) for buffer in buffers]
        if any(number is None or self._sizes[number] != length for number in numbers):
            return False
        self._set_owned(block, "std::deque map")
        for number in numbers:
            self._set_owned(number, "std::deque buffer")
        return True

    def _visit_hash(self, block, address, words):
        """A hash container of libstdc++: the buckets and their number, the first node, the number
        of elements, the greatest load. Each node begins with the address of the next, and the
        bucket of the first node points to the word before it."""
        first, elements = words[2], words[3]
        (load,) = struct.unpack("<f", struct.pack("<I", words[4] & 0xffffffff))
        node = self._starts.get(first)
        if not 0 < elements <= len(self._sizes) or not 0 < load < 1e6 or node is None:
            return
        if elements > self._lookups_left:
            self.unexamined += 1
            return
        length, nodes, following = self._sizes[node], [], first
        for _ in range(elements):
            self._lookups_left -= 1
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


def is_size_of_objects(block, size):
    """Whether a block of that size can be an object of a class of that size, or an array of them;
    allocators may round sizes up to a multiple of 16. With an unknown size, 0, any block can."""
    return not size or block >= size and (block % size == 0 or block == size + 15 & ~15)


def is_size_of_counted_objects(block, count, size):
    """The same for an array of `count` that is preceded by its count; not for an unknown size. A 1
    may also be some member."""
    total = WORD + count * size
    return bool(size) and count >= 2 and (block == total or block == total + 15 & ~15)
