"""The commands in gdb in difficult cases: names with terminal escapes, code without symbols,
truncated cores, tables that grow under a watch.

  gdb_edges_test.py SUITE ...   as gdb_test.py
"""

import os
import re
import shutil
import struct
import subprocess
import sys
import tempfile
import unittest

import gdb_session
from gdb_test import OPTIONS, main

STRANGE = r"red\x1b[31m\x0aline\xc2\x9b31m\xff\x7f"


class Labels(unittest.TestCase):
    """Blocks of fourteen labels."""

    START = ["break Reached", "run"]
    COMMANDS = ["alkaid heap", "alkaid heap --all", "alkaid heap all", "alkaid heap label before",
                "alkaid heap all --all", "alkaid heap all more"]

    @classmethod
    def setUpClass(cls):
        expressions = ("'size > 4990'", "[1]", "1 < 2", "\"label == 'Gr\\xf6\\xdfe'\"",
                       "'red' in label", "[size]")
        commands = [*cls.START, *cls.COMMANDS,
                    *(f"alkaid heap select {text}" for text in expressions)]
        cls.found = {locale: gdb_session.run(commands, OPTIONS.tracked, "labels",
                                             LC_ALL=locale)[len(cls.START):]
                     for locale in ("C.UTF-8", "C")}

    def test_nothing_of_a_name_is_obeyed_in_any_locale(self):
        for found in self.found.values():
            text = "\n".join(found)
            self.assertEqual(set(), {one for one in text if not one.isprintable()} - {"\n"})
            self.assertIn(f"    5,000       1  {STRANGE}  system\n", found[0])
            self.assertIn(f"5,000 bytes in 1 block, {STRANGE}\n", found[0])
            self.assertIn(f" 5,000 bytes {STRANGE} 78787878", found[2])
            self.assertIn("    6,000       1  Gr\u00f6\u00dfe ", found[0])
            self.assertNotIn("Python Exception", text)

    def test_with_all_no_traceback_is_left_out(self):
        few, every = self.found["C.UTF-8"][:2]
        self.assertIn("    ... 4 more tracebacks (--all shows them)", few)
        self.assertEqual(10, few.count("LoadsImages at"))
        self.assertEqual(14, every.count("LoadsImages at"))
        self.assertNotIn("more tracebacks", every)

    def test_all_blocks_are_all_with_or_without_the_option(self):
        found = self.found["C.UTF-8"]
        self.assertEqual(found[2], found[4])
        self.assertIn("takes no 'more'", found[5])

    def test_an_expression_may_be_in_either_quotes_and_has_to_be_about_blocks(self):
        for found in self.found.values():
            quoted, constant, comparison, letters, part, listed = found[6:12]
            self.assertTrue(quoted.startswith("11,000 bytes in 2 of 14 blocks"), quoted)
            self.assertIn("a list is not a condition: [1]", constant)
            self.assertIn("it names no property of a block", comparison)
            self.assertTrue(letters.startswith("6,000 bytes in 1 of 14 blocks"), letters)
            self.assertTrue(part.startswith("5,000 bytes in 1 of 14 blocks"), part)
            self.assertIn("a list is not a condition: [size]", listed)


class Growing(unittest.TestCase):
    """A block that is freed, untouched, after its table grew; and one that stays."""

    def watch(self, *commands):
        start = ["break Reached", "run"]
        found = gdb_session.run([*start, *commands], OPTIONS.tracked, "grows")
        large = re.search(r"large (0x\w+) 777777", found[1])
        self.assertIsNotNone(large, found)
        return gdb_session.run(
            [*start, *(command.replace("LARGE", large[1]) for command in commands)],
            OPTIONS.tracked, "grows")[len(start):]

    def test_who_frees_it_is_reported(self):
        watching, freed = self.watch("alkaid heap watch LARGE", "continue")
        self.assertRegex(watching, r"with hardware watchpoints \d, \d, \d, \d$")
        self.assertIn("777,777 bytes image.pixels\nwas freed or reallocated by\n", freed)
        self.assertRegex(freed, r"\n=> #\d+ +\(anonymous namespace\)::Grows at tracked_program.cc")

    def test_where_it_can_not_be_followed_that_is_said_and_its_end_too(self):
        for occupy, option, note in (
                ("watch environ", "", "will not be seen once its record has moved"),
                ("echo", "--ends", "that it is freed without being touched will not be seen")):
            _, watching, stop, left, end = self.watch(
                occupy, f"alkaid heap watch {option} LARGE", "continue", "info watchpoints",
                "continue")
            self.assertIn(note, watching)
            self.assertIn("Reached (", stop)
            self.assertIn("777,777 bytes image.pixels\nis no longer live: it was freed or "
                          "reallocated, unseen, before this stop.", stop)
            self.assertNotIn("char", left)
            self.assertNotIn("was not seen", end)

    def test_a_process_that_ends_first_is_said(self):
        _, _, end = self.watch("alkaid heap watch --ends LARGE", "delete 1", "continue")
        self.assertIn("777,777 bytes image.pixels\nwas not seen to be touched at an end or freed "
                      "before the process ended (that it is freed without being touched will not "
                      "be seen).", end)


class Stripped(unittest.TestCase):
    """A program without exports and symbols, in the middle of its work."""

    COMMANDS = ["alkaid heap", "alkaid pools"]

    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(cls.folder.cleanup)
        cls.program = os.path.join(cls.folder.name, "without")
        subprocess.run(["strip", "-o", cls.program, OPTIONS.tracked], check=True)
        cls.core = os.path.join(cls.folder.name, "core")
        # It prints a line for each of the four blocks that it holds.
        cls.live = gdb_session.run(
            ["set breakpoint pending on", "break fflush", "run", *["continue"] * 3, *cls.COMMANDS,
             "alkaid heap select \"'without + 0x' in stack and label == 'image.pixels'\"",
             "python from alkaid_debugger.inferior import Code; print(Code().functions(0x1234))",
             f"generate-core-file {cls.core}"], cls.program)[6:]

    def test_is_read_with_files_and_offsets_in_place_of_names(self):
        self.assertIn(" allocated, in 4 blocks\n", self.live[0])
        self.assertNotIn("??", self.live[0])
        traceback = re.search(r"300,000 bytes in 1 block, image.pixels\n((?: +#.*\n)+)",
                              self.live[0] + "\n")
        offsets = re.findall(r"#\d+ +without \+ (0x[0-9a-f]+)$", traceback[1], re.MULTILINE)
        self.assertGreaterEqual(len(offsets), 2, self.live[0])
        # Return addresses: the calls precede them. The symbols are in the unstripped file.
        before = [hex(int(offset, 16) - 1) for offset in offsets]
        names = subprocess.run(["addr2line", "-ifC", "-e", OPTIONS.tracked, *before], check=True,
                               stdout=subprocess.PIPE, text=True).stdout.splitlines()
        self.assertTrue(any("LoadsImages" in name for name in names), names)
        self.assertIn("main", names)
        self.assertTrue(self.live[2].startswith("301,000 bytes in 2 of 4 blocks"), self.live[2])

    def test_code_of_no_file_is_an_address(self):
        self.assertEqual("[('0x1234', '')]", self.live[3])

    def test_in_a_core_has_the_same_names(self):
        dead = gdb_session.run([f"core-file {self.core}", *self.COMMANDS], self.program)
        self.assertEqual(self.live[:2], dead[1:])

    def test_a_core_that_is_cut_off_is_said_to_be(self):
        core, cut = (os.path.join(self.folder.name, name) for name in ("kernels", "cut"))
        as_the_kernel_writes_it(self.core, core)
        whole = os.path.getsize(core)
        for percent in (30, 95):
            shutil.copy(core, cut)
            size = whole * percent // 100
            os.truncate(cut, size)
            for text in gdb_session.run([f"core-file {cut}", *self.COMMANDS], self.program)[1:]:
                self.assertRegex(text, r"the core is cut off: of [\d,]+ bytes it has "
                                       f"{size:,}(?![,\\d])", percent)
        dead = gdb_session.run([f"core-file {core}", *self.COMMANDS], self.program)
        self.assertEqual(self.live[:2], dead[1:])


class Unloaded(unittest.TestCase):
    """A program whose first plug-in was unloaded, and whose second was loaded in its place."""

    COMMANDS = ["alkaid heap", "alkaid heap select \"'apple_makes' in frames\"",
                "python print([file.filename for file in gdb.objfiles()])", "alkaid heap"]

    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(cls.folder.cleanup)
        cls.plugins = [os.path.join(cls.folder.name, name) for name in ("an apple.so", "banana.so")]
        for plugin, copy in zip((OPTIONS.apple, OPTIONS.banana), cls.plugins):
            shutil.copy(plugin, copy)
        cls.core = os.path.join(cls.folder.name, "core")
        cls.program = [OPTIONS.replacing, *cls.plugins]
        cls.found = gdb_session.run([*cls.start(), *cls.COMMANDS, f"generate-core-file {cls.core}"],
                                    *cls.program)[4:]

    @staticmethod
    def start():
        return [f"set environment LD_PRELOAD {OPTIONS.preload}",
                "set environment ALKAID_TRACK_ALLOCATIONS 1", "break puts", "run"]

    def setUp(self):
        self.assertNotIn("Python Exception", "\n".join(self.found))

    def trace(self, text, size):
        """The stack trace below a line of the listing."""
        found = re.search(rf"^    {size} bytes in \d+ blocks, malloc\n((?: +#.*\n)+)", text + "\n",
                          re.MULTILINE)
        self.assertIsNotNone(found, text)
        return found[1]

    def test_blocks_have_the_names_of_what_was_loaded_when_they_were_allocated(self):
        for text in (self.found[0], self.found[3]):
            self.assertRegex(self.trace(text, "1,110,000"),
                             r"#0 +apple_makes at replaced_plugin.c:7\n"
                             r" +#1 +alkaid_plugin_make at replaced_plugin.c:13\n")
            self.assertRegex(self.trace(text, "666,000"),
                             r"#0 +banana_makes at replaced_plugin.c:7\n")
        self.assertTrue(self.found[1].startswith("1,110,000 bytes in 10 of "), self.found[1])

    def test_gdb_forgets_the_file_at_the_end_of_each_command(self):
        self.assertIn("banana.so", self.found[2])
        self.assertNotIn("an apple.so", self.found[2])

    def test_in_a_core_they_are_the_same(self):
        dead = gdb_session.run([f"core-file {self.core}", "alkaid heap"], OPTIONS.replacing)
        for size in ("1,110,000", "666,000"):
            self.assertEqual(self.trace(self.found[0], size), self.trace(dead[1], size))

    def test_a_file_that_is_another_now_or_no_file_gives_no_names(self):
        def replaced():
            shutil.copy(OPTIONS.banana, self.plugins[0])

        def a_pipe():
            os.remove(self.plugins[0])
            os.mkfifo(self.plugins[0])

        def restore():
            os.remove(self.plugins[0])
            shutil.copy(OPTIONS.apple, self.plugins[0])

        self.addCleanup(restore)
        for replace in (replaced, a_pipe):
            replace()
            dead = gdb_session.run([f"core-file {self.core}", "alkaid heap"], OPTIONS.replacing)
            self.assertRegex(self.trace(dead[1], "1,110,000"),
                             r"#0 +an apple.so \+ 0x[0-9a-f]+\n")


def as_the_kernel_writes_it(core, to):
    """Copies a core of gdb, but puts the notes first instead of last, and lists no sections."""
    with open(core, "rb") as file:
        data = file.read()
    (first,) = struct.unpack_from("<Q", data, 32)
    size, count = struct.unpack_from("<HH", data, 54)
    form = struct.Struct("<IIQQQQQQ")
    segments = [list(form.unpack_from(data, first + number * size)) for number in range(count)]
    at, length = next((one[2], one[5]) for one in segments if one[0] == 4)  # PT_NOTE
    behind = first + count * size
    for segment in segments:
        segment[2] = behind if segment[0] == 4 else segment[2] + length
    header = bytearray(data[:64])
    header[40:48], header[60:64] = bytes(8), bytes(4)  # e_shoff, e_shnum and e_shstrndx
    with open(to, "wb") as file:
        file.write(header + b"".join(form.pack(*segment) for segment in segments))
        file.write(data[at:at + length] + data[behind:at])


if __name__ == "__main__":
    sys.exit(main())
