"""The headers of a core, and where files are mapped. A core may come from anyone, so they may be
wrong."""

import os
import re
import struct

HEADER = 64             # bytes
PROGRAM_HEADER = 56
MAX_TABLE = 65535 * PROGRAM_HEADER


def sizes(file):
    """The length that the core must have for what its headers list, and its actual length; 0 and
    its length where it is no core of 64 bits."""
    header = file.read(HEADER)
    size = file.seek(0, os.SEEK_END)
    if len(header) < HEADER or header[:6] != b"\x7fELF\2\1":
        return 0, size
    (offset,) = struct.unpack_from("<Q", header, 32)
    length, count = struct.unpack_from("<HH", header, 54)
    if length < PROGRAM_HEADER or length * count > MAX_TABLE:
        return 0, size
    if offset + length * count > size:
        return offset + length * count, size
    file.seek(offset)
    table = file.read(length * count)
    ends = (struct.unpack_from("<QQQQ", table, at + 8)
            for at in range(0, length * count, length))
    return max((begin + filled for begin, _, _, filled in ends), default=0), size


def files_in_mappings(text):
    """(first, last + 1, path) of each file in the output of `info proc mappings`, for a process or
    a core. gdb 13 aligns the columns to the right; gdb 16 to the left, with a space at the end."""
    found = re.findall(r"^ *0x(\w+) +0x(\w+) +0x\w+ +0x\w+ +(?:[-rwxps]+ +)?(/.*?) ?$", text,
                       re.MULTILINE)
    return [(int(first, 16), int(last, 16), path) for first, last, path in found]
