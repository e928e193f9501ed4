"""The process or core that gdb debugs: its memory, its symbols, the names of its code."""

import bisect
import contextlib
import os
import re
import struct
import time

import gdb

from . import core_file, layout, machinery, unloaded
from .rendering import without_arguments

LINE = 1 << 16

class Memory:
    """Reads in lines of 64 KiB and keeps them while one command runs."""

    def __init__(self):
        self._inferior = gdb.selected_inferior()
        self._lines = {}
        self._left_out = left_out_of_core()

    def read(self, address, length):
        if length > LINE or address // LINE != (address + length - 1) // LINE:
            return self._fetch(address, length)
        first = address // LINE * LINE
        if first not in self._lines:
            try:
                self._lines[first] = self._fetch(first, LINE)
            except layout.Unreadable:
                self._lines[first] = None  # the end of a mapping is in it
        line = self._lines[first]
        if line is None:
            return self._fetch(address, length)
        return line[address - first:address - first + length]

    def readable(self, address, length):
        """The bytes from `address` on, at most `length`."""
        try:
            return bytes(self.read(address, length))
        except layout.Unreadable as error:
            if error.address > address:
                return bytes(self._fetch(address, error.address - address))
            return b""

    def fetch(self, address, length):
        """Like read, but keeps nothing."""
        return self._fetch(address, length)

    def _fetch(self, address, length):
        if length == 0:
            return b""
        if address + length > 1 << 64:
            raise layout.Unreadable(address)
        for first, last in self._left_out:
            if address < last and first < address + length:
                raise layout.Unreadable(max(address, first))
        try:
            return self._inferior.read_memory(address, length)
        except gdb.MemoryError as error:
            named = re.search(r"0x[0-9a-f]+", str(error))
            raise layout.Unreadable(int(named[0], 16) if named else address) from error


def left_out_of_core():
    """The ranges of writable memory that the core lists and does not contain: gdb reads them as
    zeros."""
    if is_live() or gdb.selected_inferior().pid == 0:
        return []
    _, _, core = gdb.execute("maint info sections", to_string=True).partition("Core file: ")
    sections = re.findall(r"0x([0-9a-f]+)->0x([0-9a-f]+) at 0x[0-9a-f]+: load\w* (.*)", core)
    return [(int(first, 16), int(last, 16)) for first, last, flags in sections
            if "HAS_CONTENTS" not in flags and "READONLY" not in flags]


class Code:
    """The functions at addresses of instructions. Asks gdb once for each address. Addresses in the
    modules in `gone` were unloaded; `python_place` recognizes those that stand for lines of Python
    (layout.Heap)."""

    def __init__(self, gone=(), python_place=lambda address: None):
        self._gone = gone
        self._python_place = python_place
        self._functions = {}
        self._machinery = {}
        self._files = Files()

    def functions(self, address):
        """(name, place) of the functions at a return address, the innermost inlined one first."""
        if address not in self._functions:
            python = self._python_place(address)
            self._functions[address] = (self._look_up(address - 1) if python is None
                                        else [place_of_python(python)])
        return self._functions[address]

    def shown(self, address):
        """Those functions that are the program's own, or the outermost."""
        functions = self.functions(address)
        return [one for one in functions if not machinery.is_function(one[0])] or functions[-1:]

    def is_machinery(self, address):
        """Whether it belongs to an allocator, the C or C++ library, or Alkaid."""
        if address not in self._machinery:
            name = self.functions(address)[-1][0]
            self._machinery[address] = (self._python_place(address) is None and
                                        is_machinery(name, address - 1))
        return self._machinery[address]

    def _look_up(self, pc):
        found = []
        gone = unloaded.at(pc + 1, self._gone)
        if gone is not None:
            unloaded.add_file(gone, pc)
        try:
            block = gdb.block_for_pc(pc)
        except RuntimeError:
            block = None
        inlined = None  # into the next function
        while block is not None and not block.is_global and not block.is_static:
            if block.function is not None:
                found.append((without_arguments(block.function.print_name),
                              place_of_call(inlined) if inlined else place_of_code(pc)))
                inlined = block.function
            block = block.superblock
        if found:
            return found
        name = symbol_name(pc)
        if name is None and gone is not None:
            return [(f"{os.path.basename(gone.path)} + {pc + 1 - gone.bias:#x}", "")]
        if name is None:
            return [(self._files.place_of(pc + 1), "")]
        library = gone.path if gone is not None else gdb.solib_name(pc)
        return [(name, f" from {os.path.basename(library)}" if library else "")]


def place_of_python(place):
    """The function with its file and line, in the form for code."""
    if not place.function:
        return ("Python", "")
    line = f":{place.line}" if place.line else ""
    return (place.function, f" at {os.path.basename(place.file)}{line}")


def place_of_code(pc):
    """The line of an instruction, by the innermost inlined function."""
    sal = gdb.find_pc_line(pc)
    return f" at {os.path.basename(sal.symtab.filename)}:{sal.line}" if sal.symtab and sal.line else ""


def place_of_call(inlined):
    """The line at which an inlined function was called, which gdb stores as the line of its
    symbol."""
    symtab, line = inlined.symtab, inlined.line
    return f" at {os.path.basename(symtab.filename)}:{line}" if symtab and line else ""


class Data:
    """What the loaded files define in their data."""

    def __init__(self):
        sections = loaded_sections()
        self._all = Ranges((first, last) for first, last, _ in sections)
        self._data = Ranges((first, last) for first, last, name in sections
                            if name.startswith((".data", ".rodata", ".bss", ".tm_clone", ".relro")))
        try:
            self.python_type = int(gdb.parse_and_eval("(unsigned long)&PyType_Type"))
        except gdb.error:
            self.python_type = 0

    def holds(self, address):
        return address in self._data

    def maps(self, address):
        return address in self._all

    @staticmethod
    def class_of_vtable(word):
        """The class whose virtual table the first word of an object points to, or nothing: the word
        is 16 past the symbol of the table."""
        return class_of_symbol(gdb.execute(f"info symbol {word:#x}", to_string=True))

    @staticmethod
    def is_operator_new(address):
        text = gdb.execute(f"info symbol {address:#x}", to_string=True)
        return re.match(r"(operator new\(unsigned long\)|_Znwm)(@+[\w.]+)?( \+ \d+)? in section ",
                        text) is not None

    @staticmethod
    def size_of_class(name):
        """The size of its objects, or 0 where no debugging information has it."""
        try:
            found = gdb.lookup_type(name).strip_typedefs()
        except gdb.error:
            return 0
        # A class without its definition has no size, or that of an empty class.
        return found.sizeof if found.code == gdb.TYPE_CODE_STRUCT and found.sizeof >= 8 else 0


def class_of_symbol(text):
    """The class of `vtable for CLASS + 16 in section ...`, or nothing. A symbol of a library may
    end in its version; gdb does not demangle such a symbol, nor any other where the user has turned
    demangling off."""
    named = re.match(r"(vtable for |_ZTV)(.+?)(?:@+[\w.]+)? \+ 16 in section ", text)
    if not named or named[1] != "_ZTV":
        return named[2] if named else ""
    try:
        text = gdb.execute(f"demangle -l c++ -- _ZTV{named[2]}", to_string=True).strip()
    except gdb.error:
        return ""
    return text[len("vtable for "):] if text.startswith("vtable for ") else ""


class Ranges:
    """Ranges (first, last + 1) of addresses, which do not overlap."""

    def __init__(self, ranges):
        self._ranges = sorted(ranges)
        self._starts = [first for first, _ in self._ranges]

    def __contains__(self, address):
        at = bisect.bisect_right(self._starts, address) - 1
        return at >= 0 and address < self._ranges[at][1]


def loaded_sections():
    """(first, last + 1, name) of each section of a loaded file."""
    text = gdb.execute("info files", to_string=True)
    found = re.findall(r"^\s*0x([0-9a-f]+) - 0x([0-9a-f]+) is (\.\S+)", text, re.MULTILINE)
    return [(int(first, 16), int(last, 16), name) for first, last, name in found]


@contextlib.contextmanager
def in_cplusplus():
    """Inside, gdb looks up names of classes as in C++, wherever the process has stopped."""
    language = gdb.parameter("language")
    gdb.execute("set language c++", to_string=True)
    try:
        yield
    finally:
        gdb.execute(f"set language {language}", to_string=True)


class Files:
    """The mapped files: for code without a name."""

    def __init__(self):
        self._ranges = None

    def place_of(self, address):
        """`FILE + 0xOFFSET`, for addr2line and in the form of alkaid heap; or the address where no
        file is mapped, such as that of an unloaded plug-in."""
        if self._ranges is None:
            self._ranges = mapped_files()
        for first, last, path in self._ranges:
            # A return address may be the first address past the code.
            if first < address <= last:
                bias = min(low for low, _, other in self._ranges if other == path)
                if is_fixed(bias):
                    bias = 0
                return f"{os.path.basename(path)} + {address - bias:#x}"
        return f"{address:#x}"


def mapped_files():
    """(first, last + 1, path) of each file, of the process or as the core lists them."""
    try:
        return core_file.files_in_mappings(gdb.execute("info proc mappings", to_string=True))
    except gdb.error:
        return []


def is_fixed(base):
    """Whether the file that is mapped there cannot move: a program that is not
    position-independent."""
    try:
        kind = bytes(gdb.selected_inferior().read_memory(base + 16, 2))
    except gdb.MemoryError:
        return False
    return kind == b"\2\0"  # ET_EXEC


def symbol_name(pc):
    """The symbol that a stripped file still has for `pc`, or None."""
    text = gdb.execute(f"info symbol {pc:#x}", to_string=True)
    named = re.match(r"(.*?)(?: \+ \d+)? in section ", text)
    return without_arguments(named[1]) if named else None


def is_machinery(name, pc):
    library = gdb.solib_name(pc)
    if library and machinery.is_library(os.path.basename(library)):
        return True
    return bool(name and machinery.is_function(name))


@contextlib.contextmanager
def without_calls():
    """Inside, no expression of the user makes the process run."""
    allowed = gdb.parameter("may-call-functions")
    gdb.execute("set may-call-functions off", to_string=True)
    try:
        yield
    finally:
        if allowed:
            gdb.execute("set may-call-functions on", to_string=True)


def require_stopped():
    inferior = gdb.selected_inferior()
    if inferior.pid == 0:
        cut = cut_core()
        if cut:
            raise layout.HeapError(f"{cut}, and what describes the process to gdb is missing")
        raise layout.HeapError(
            "there is no process and no core: attach PID, run, or core-file FILE")
    if any(thread.is_running() for thread in inferior.threads()):
        raise layout.HeapError("the process is running: interrupt it first")


def is_live():
    inferior = gdb.selected_inferior()
    return inferior.connection is not None and inferior.connection.type != "core"


def cut_core():
    """A note about a core that is shorter than its headers say, or nothing."""
    if is_live():
        return ""
    text = gdb.execute("maint info sections", to_string=True)
    named = re.search(r"^Core file:\s+`(.*)', file type", text, re.MULTILINE)
    try:
        expected, size = core_sizes(named[1]) if named else (0, 0)
    except (OSError, struct.error):
        return ""
    return (f"the core is cut off: of {expected:,} bytes it has {size:,}" if size < expected
            else "")


def core_sizes(path):
    """The length that the core must have for what its headers list, and its actual length."""
    with open(path, "rb") as file:
        return core_file.sizes(file)


def address_of(symbol):
    try:
        return int(gdb.parse_and_eval(f"(unsigned long)&{symbol}"))
    except gdb.error as error:
        cut = cut_core()
        if cut:
            raise layout.HeapError(
                f"no symbol {symbol}: {cut}. gdb finds the libraries of a process by a list in its "
                "memory, which is among what is missing, or this process has not loaded "
                "libalkaid.so") from error
        raise layout.HeapError(
            f"no symbol {symbol}: the process has not loaded libalkaid.so, or gdb has not found "
            "that file (info sharedlibrary; set sysroot, set solib-search-path)") from error


def evaluate(expression):
    """An address or a number from the command line."""
    try:
        value = gdb.parse_and_eval(expression)
        if value.type.strip_typedefs().code == gdb.TYPE_CODE_ARRAY:
            value = value.address
        return int(value) & (1 << 64) - 1
    except (gdb.error, gdb.MemoryError) as error:
        raise layout.HeapError(f"{expression}: {error}") from error


def now_ns(births):
    """The time that ages refer to: now for a process, the last birth for a core."""
    newest = max(births, default=0)
    inferior = gdb.selected_inferior()
    if inferior.connection is not None and inferior.connection.type == "native":
        return max(newest, time.monotonic_ns())
    return newest
