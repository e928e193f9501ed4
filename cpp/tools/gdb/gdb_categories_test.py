"""The categories of blocks in gdb itself, for a program that holds a block of each kind and others
that only look alike, and for Python.

  gdb_categories_test.py SUITE ...   as gdb_test.py
"""

import os
import re
import sys
import tempfile
import unittest

import gdb_session
from gdb_test import OPTIONS, main

PYTHON = "/usr/bin/python3"
BLOCK = re.compile(r"^    (0x\w+) -> 0x\w+ +[\d,]+ bytes malloc (.*)$", re.MULTILINE)


def listed(text):
    """The printed category of each block, by address."""
    return {int(address, 16): re.split(r" +[0-9a-f]{2,8} ", rest)[0].rstrip()
            for address, rest in BLOCK.findall(text)}


def planted(program):
    """The program's own list of its blocks: (category, address)."""
    found = []
    while (line := program.hear()) != "end":
        category, address = line.split("\t")
        found.append((category, int(address, 16)))
    return found


class Planted(unittest.TestCase):

    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(cls.folder.cleanup)
        cls.core = os.path.join(cls.folder.name, "core")
        program = gdb_session.Program(OPTIONS.alkaid, "run", "--track", "--", OPTIONS.planted,
                                      "wait")
        cls.addClassCleanup(program.end)
        cls.planted = planted(program)
        debugger = gdb_session.Debugger(program.pid)
        cls.addClassCleanup(debugger.end)
        shape = next(address for category, address in cls.planted if category == "planted::Shape")
        cls.commands = ["alkaid heap all", "alkaid heap --all",
                        "alkaid heap select \"category == 'planted::Square' and size > 8\"",
                        "alkaid heap select \"category.startswith('std::')\"",
                        f"alkaid heap block {shape:#x}"]
        cls.live = [debugger.do(command) for command in cls.commands]
        cls.mangled = [debugger.do(command) for command in (
            "set print demangle off", "alkaid heap all", "set print demangle on")][1]
        cls.limited = [debugger.do(command) for command in (
            "python import alkaid_debugger.categories as limits; kept = limits.LOOKUPS",
            "python limits.LOOKUPS, limits.LOOKUPS_OF_BLOCK = 0, 0", "alkaid heap",
            "python limits.LOOKUPS, limits.LOOKUPS_OF_BLOCK = kept, 4")]
        cls.changed = [debugger.do(command) for command in (
            "alkaid heap label before", "alkaid heap diff before",
            f"generate-core-file {cls.core}")]

    def test_each_is_what_it_is_and_what_looks_alike_is_uncategorized(self):
        found = listed(self.live[0])
        kinds = {category for category, _ in self.planted}
        self.assertEqual({"planted::Shape", "planted::Square", "planted::Triangle",
                          "(anonymous namespace)::Boxed<long>", "std::bad_alloc",
                          "std::runtime_error", "std::string", "vector of pointers", "std::deque buffer", "hash node",
                          "uncategorized"}, kinds)
        self.assertEqual(self.planted, [(found.get(address), address)
                                        for _, address in self.planted])

    def test_they_are_summed_and_selected(self):
        self.assertRegex(self.live[1], r"\n  By category:\n +bytes +blocks  category\n")
        self.assertRegex(self.live[1], r"\n +192 +6  planted::Square\n")
        self.assertRegex(self.live[1], r"\n +1,016 +1  hash buckets\n")
        self.assertTrue(self.live[2].startswith("192 bytes in 6 of "), self.live[2])
        self.assertEqual(6, len(listed(self.live[2])))
        self.assertEqual({"std::string", "std::deque buffer", "std::deque map", "std::bad_alloc",
                          "std::runtime_error"},
                         set(listed(self.live[3]).values()))
        self.assertIn("\n    planted::Shape\n    pool malloc, thread ", self.live[4])

    def test_classes_have_their_names_where_gdb_does_not_demangle(self):
        found = listed(self.mangled)
        self.assertEqual(self.planted, [(found.get(address), address)
                                        for _, address in self.planted])

    def test_what_was_not_looked_at_is_said(self):
        self.assertRegex(self.limited[2], r"\nnote: [\d,]+ blocks were not categorized:")
        self.assertNotIn("not categorized", self.live[1])

    def test_columns_are_straight(self):
        starts = {line.index("|") for line in self.live[0].splitlines() if "00000000 |" in line}
        self.assertEqual(1, len(starts), self.live[0])

    def test_a_core_says_the_same(self):
        dead = gdb_session.run([f"core-file {self.core}", *self.commands], OPTIONS.planted)
        without_age = lambda text: re.sub(r"\d+\.\d (s|min)", "AGE", text)  # noqa: E731
        self.assertEqual([without_age(text) for text in self.live],
                         [without_age(text) for text in dead[1:]])


# Each object's type determines where its block begins.
PYTHON_PROGRAM = """
import ctypes, os
class Point:
    def __init__(self): self.x = 1
class Meta(type): pass
class Made(metaclass=Meta): pass
kept = [{1: 2}, list(range(50)), bytearray(3000), "a text", 123456789012, (1, 2), Point(), Made(),
        Point, Made]
print("process", os.getpid())
for one in kept:
    flags = type(one).__flags__
    offset = 0 if not flags >> 14 & 1 else 32 if flags & 0x18 else 16
    print(f"Python {type(one).__name__}\\t{id(one) - offset:#x}")
print(f"Python dict keys\\t{ctypes.c_void_p.from_address(id(kept[0]) + 32).value:#x}")
data = ctypes.c_void_p.from_address(id(kept[2]) + 32).value
print(f"Python bytearray bytes\\t{data:#x}")
print(f"Python list items\\t{ctypes.c_void_p.from_address(id(kept[1]) + 24).value:#x}")
print("end", flush=True)
input()
"""


class PythonObjects(unittest.TestCase):

    def test_are_known_by_their_types(self):
        os.environ["PYTHONMALLOC"] = "malloc"
        try:
            program = gdb_session.Program(OPTIONS.alkaid, "run", "--track", "--", PYTHON, "-c",
                                          PYTHON_PROGRAM)
        finally:
            del os.environ["PYTHONMALLOC"]
        self.addCleanup(program.end)
        expected = planted(program)
        debugger = gdb_session.Debugger(program.pid)
        self.addCleanup(debugger.end)
        found = listed(debugger.do("alkaid heap all"))
        self.assertEqual(expected, [(found.get(address), address) for _, address in expected])
        chosen = debugger.do("alkaid heap select \"category == 'Python Point'\"")
        self.assertRegex(chosen, r"^\d+ bytes in 1 of [\d,]+ blocks\n")


if __name__ == "__main__":
    if "PythonObjects" in sys.argv and not os.path.exists(PYTHON):
        print(f"skipped: {PYTHON} is not installed")
        sys.exit(77)
    sys.exit(main())
