"""The types of a Python: the layout of CPython 3.8 and later on 64 bits, with its global lock.

alkaid/heap/reports/python_types.cc applies the same rules to heap files.
"""

import struct

from .layout import Unreadable

WORD = 8
MAX_TYPES = 32768  # and other addresses that might be types

# A PyTypeObject: references, type, name, sizes of an object and of each item, flags, base.
TYPE = struct.Struct("<QQ8xQQQ120xQ80xQ")
MANAGED_WEAKREF, MANAGED_DICT, READY, HAS_GC = 1 << 3, 1 << 4, 1 << 12, 1 << 14
IS_LIST, IS_STR, IS_DICT, IS_TYPE = 1 << 25, 1 << 28, 1 << 29, 1 << 31


class PythonTypes:
    """`size_at(address)` is the size of the block that begins there, or None."""

    def __init__(self, read, symbols, size_at):
        self._read = read
        self._symbols = symbols
        self._size_at = size_at
        self._types = {}

    def at(self, address):
        """(flags, bytes of an object, name) of a type that lies there, or None."""
        if address in self._types:
            return self._types[address]
        if not self._may_be_type(address) or len(self._types) >= MAX_TYPES:
            return None
        self._types[address] = None
        loaded = self._load(address)
        if loaded and self._is_types_type(loaded[1]) and loaded[5] & READY:
            name = self._text(loaded[2])
            if name:
                self._types[address] = (loaded[5], loaded[3], name)
        return self._types[address]

    def _may_be_type(self, address):
        if address % WORD:
            return False
        # A type that a program has made follows the words of the garbage collector.
        return self._symbols.holds(address) or (self._size_at(address - 16) or 0) >= 16 + TYPE.size

    def _load(self, address):
        try:
            fields = TYPE.unpack(self._read(address, TYPE.size))
        except Unreadable:
            return None
        sound = fields[0] & 0xffffffff and 16 <= fields[3] < 1 << 32 and fields[4] < 1 << 32
        return fields if sound else None

    def _is_types_type(self, address):
        """Whether it is `type`, or a type derived from it: the chain of its own types ends in
        `type`."""
        for _ in range(5):
            if address == self._symbols.python_type:
                return True
            loaded = self._load(address) if self._may_be_type(address) else None
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


def place_in_block(flags):
    """The index of the word at which an object of a type with these flags begins in its block."""
    if not flags & HAS_GC:
        return 0
    return 4 if flags & (MANAGED_DICT | MANAGED_WEAKREF) else 2
