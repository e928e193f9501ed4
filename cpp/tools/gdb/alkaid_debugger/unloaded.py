"""Unloaded modules: gdb gets their files while one command runs.

Frames of stack traces that lead through them are at special addresses (layout.Heap), where gdb
finds the names once it is told that the files are there. Only a file of the same build-id is used.
"""

import os
import re
import stat
import struct

import gdb

BUILD_ID = 3  # type of the note
MAX_HEADERS = 1 << 16

_added = {}  # by module at its new place: an address in its code, or None where gdb has no file


def is_loaded(module):
    """Whether gdb's file at the place of the module is the module."""
    # The first and the last pages certainly have sections: a library is what has both.
    names = {gdb.solib_name(address) for address in range(module.start, module.end, 4096)} - {None}
    for name in names:
        try:
            build_id = gdb.lookup_objfile(name).build_id
        except ValueError:  # gdb has not found the file
            build_id = None
        if build_id and module.build_id:
            if build_id == module.build_id:
                return True
        elif os.path.basename(name) == os.path.basename(module.path):
            return True
    return False


def at(address, modules):
    """The module that contains the return address, or None."""
    return next((one for one in modules if one.start < address <= one.end), None)


def add_file(module, address):
    """Makes gdb read the file at the module's new place, once."""
    if module in _added:
        return
    _added[module] = None
    if build_id_of(module.path) != module.build_id:
        return
    # Quoted for gdb.
    name = re.sub(r"([^\w/.+-])", r"\\\1", module.path)
    try:
        gdb.execute(f"add-symbol-file {name} -o {module.bias:#x}", to_string=True)
        _added[module] = address
    except gdb.error:
        pass  # no symbols, or no file that gdb reads


def forget():
    """Removes the files from gdb: no breakpoints must be set there."""
    for address in _added.values():
        if address is not None:
            try:
                gdb.execute(f"remove-symbol-file -a {address:#x}", to_string=True)
            except gdb.error:
                pass  # no section of the file is there
    _added.clear()


def build_id_of(path):
    """The build-id of a file, in hex; "" where it has none; None where it is no such file."""
    try:
        # A path in a process's memory may name a pipe.
        with open(os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC), "rb") as file:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                return None
            header = file.read(64)
            if header[:6] != b"\x7fELF\2\1" or len(header) < 64:
                return None
            (offset,) = struct.unpack_from("<Q", header, 32)
            size, count = struct.unpack_from("<HH", header, 54)
            if size < 56 or size * count > MAX_HEADERS:
                return None
            file.seek(offset)
            table = file.read(size * count)
            for place in range(0, len(table) - 55, size):
                kind, _, start, _, _, length, _, alignment = struct.unpack_from("<IIQQQQQQ", table,
                                                                                place)
                if kind != 4 or length > MAX_HEADERS:
                    continue
                file.seek(start)
                found = build_id_in(file.read(length), 8 if alignment == 8 else 4)
                if found:
                    return found
            return ""
    except (OSError, ValueError, struct.error):
        return None


def build_id_in(notes, alignment):
    """The build-id among the notes of a segment, in hex, or ""."""
    at_note = 0
    while at_note + 12 <= len(notes):
        name, length, kind = struct.unpack_from("<III", notes, at_note)
        begin = at_note + 12 + -(-name // alignment) * alignment
        if kind == BUILD_ID and notes[at_note + 12:at_note + 12 + name] == b"GNU\0":
            return notes[begin:begin + length].hex()
        at_note = begin + -(-length // alignment) * alignment
    return ""
