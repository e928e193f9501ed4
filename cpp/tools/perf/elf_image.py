"""Reads the parts of a 64-bit ELF file that probes need: its sections, and its static tracepoints.

Tracepoints (sys/sdt.h) are notes in .note.stapsdt: the place of each, the place of its semaphore,
and the registers of its arguments. They need no debug information.
"""

import struct
from dataclasses import dataclass

MACHINES = {62: "x86_64", 183: "aarch64"}
SHT_NOBITS, PT_LOAD = 8, 1


class NotElf(ValueError):
    """A file that cannot be read as such."""


@dataclass(frozen=True)
class Tracepoint:
    provider: str
    name: str
    offset: int            # of the instruction, in the file
    semaphore_offset: int  # of the 16-bit counter that enables it, in the file; 0 for none
    arguments: tuple       # as written in the note: "8@%rdi"


class ElfImage:
    def __init__(self, path):
        with open(path, "rb") as file:
            self._bytes = file.read()
        head = self._bytes[:64]
        if len(head) < 64 or head[:4] != b"\x7fELF":
            raise NotElf(f"{path}: not an ELF file")
        if head[4] != 2 or head[5] != 1:
            raise NotElf(f"{path}: not a 64-bit little-endian ELF file")
        machine, = struct.unpack_from("<H", head, 18)
        self.machine = MACHINES.get(machine, f"machine {machine}")
        try:
            self._read_tables(head)
            self._tracepoints = list(self._read_tracepoints())
        except (struct.error, IndexError, OverflowError, ValueError) as error:
            raise NotElf(f"{path}: cut short or damaged: {error}") from error

    def section(self, name):
        """(address, file offset, bytes) of the section, or None."""
        return self._sections.get(name)

    def has_debug_information(self):
        return ".debug_info" in self._sections

    def tracepoints(self, provider):
        """The tracepoints of the provider, in the order of the file. Several may have one name."""
        return [point for point in self._tracepoints if point.provider == provider]

    def _read_tables(self, head):
        phoff, shoff = struct.unpack_from("<QQ", head, 32)
        phentsize, phnum, shentsize, shnum, shstrndx = struct.unpack_from("<HHHHH", head, 54)
        self._loads = []
        for index in range(phnum):
            kind, _, offset, address, _, size = struct.unpack_from(
                "<IIQQQQ", self._bytes, phoff + index * phentsize)
            if kind == PT_LOAD:
                self._loads.append((address, offset, size))
        headers = [struct.unpack_from("<IIQQQQ", self._bytes, shoff + index * shentsize)
                   for index in range(shnum)]
        self._sections = {}
        names = headers[shstrndx][4] if headers else 0
        for name, kind, _, address, offset, size in headers:
            content = b"" if kind == SHT_NOBITS else self._bytes[offset:offset + size]
            self._sections[self._text_at(self._bytes, names + name)] = (address, offset, content)

    @staticmethod
    def _text_at(content, start):
        return content[start:content.index(b"\0", start)].decode("utf-8", "replace")

    def _file_offset(self, address):
        for start, offset, size in self._loads:
            if start <= address < start + size:
                return address - start + offset
        raise ValueError(f"nothing is loaded at {address:#x}")

    def _read_tracepoints(self):
        notes, base = self.section(".note.stapsdt"), self.section(".stapsdt.base")
        content, position = notes[2] if notes else b"", 0
        while position < len(content):
            name_size, size, kind = struct.unpack_from("<III", content, position)
            name_start = position + 12
            start = name_start + (name_size + 3) // 4 * 4
            position = start + (size + 3) // 4 * 4
            if content[name_start:name_start + name_size] != b"stapsdt\0" or kind != 3:
                continue
            location, note_base, semaphore = struct.unpack_from("<QQQ", content, start)
            # A tool that moved the sections after linking also moved the base, but not the notes.
            moved = base[0] - note_base if base else 0
            provider_end = content.index(b"\0", start + 24)
            name_end = content.index(b"\0", provider_end + 1)
            yield Tracepoint(
                content[start + 24:provider_end].decode(),
                content[provider_end + 1:name_end].decode(),
                self._file_offset(location + moved),
                self._file_offset(semaphore + moved) if semaphore else 0,
                tuple(self._text_at(content, name_end + 1).split()))
