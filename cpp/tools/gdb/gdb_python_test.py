"""Lines of Python in stack traces, in gdb, for a process and for its core; and docs/heap-python.md.

  gdb_python_test.py SUITE ...   as gdb_test.py
"""

import os
import re
import subprocess
import sys
import tempfile
import unittest

import gdb_session
import recorded_session
from gdb_test import OPTIONS, main

PYTHON = "/usr/bin/python3"
PROGRAM = """
import os, sys, threading
kept = []
def numbers():
    yield bytearray(123_001)
class Reader:
    def read(self):
        kept.append(bytearray(123_002))
def work():
    kept.append(bytearray(123_003))
kept.extend(numbers())
Reader().read()
thread = threading.Thread(target=work)
thread.start()
thread.join()
print("process", os.getpid(), flush=True)
sys.stdin.readline()
"""
# (size of the block, lines of its stack trace)
EXPECTED = (("123,002", ("numbers at keep.py:5", "<module> at keep.py:11")),
            ("123,003", ("Reader.read at keep.py:8", "<module> at keep.py:12")),
            ("123,004", ("work at keep.py:10", "Thread.run at threading.py:")))


class PythonLines(unittest.TestCase):

    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(cls.folder.cleanup)
        script = os.path.join(cls.folder.name, "keep.py")
        with open(script, "w", encoding="utf-8") as file:
            file.write(PROGRAM)
        cls.core = os.path.join(cls.folder.name, "core")
        program = gdb_session.Program(OPTIONS.alkaid, "run", "--track", "--", PYTHON, script)
        cls.addClassCleanup(program.end)
        debugger = gdb_session.Debugger(program.pid)
        cls.addClassCleanup(debugger.end)
        cls.commands = ["alkaid heap --all",
                        "alkaid heap select \"'Reader.read' in frames and size > 100000\""]
        cls.live = [debugger.do(command) for command in cls.commands]
        cls.block = re.search(r"(0x[0-9a-f]+) -> ", cls.live[1])[1]
        cls.commands.append(f"alkaid heap block {cls.block}")
        cls.live.append(debugger.do(cls.commands[-1]))
        debugger.do(f"generate-core-file {cls.core}")

    def check(self, printed):
        for size, lines in EXPECTED:
            trace = re.search(rf"^ +{size} bytes in 1 block, malloc\n((?: +#.*\n)+)", printed[0],
                              re.MULTILINE)
            self.assertIsNotNone(trace, (size, printed[0]))
            found = [at for line in lines for at in [trace[1].find(f" {line}")]]
            self.assertNotIn(-1, found, trace[1])
            self.assertEqual(sorted(found), found, trace[1])
        self.assertTrue(printed[1].startswith("123,003 bytes in 1 of "), printed[1])
        self.assertIn("Reader.read at keep.py:8\n", printed[2])

    def test_stand_between_native_frames(self):
        self.check(self.live)

    def test_stand_in_a_core_too(self):
        dead = gdb_session.run([f"core-file {self.core}", *self.commands], PYTHON)
        self.check(dead[1:])


class PythonPage(unittest.TestCase):
    """docs/heap-python.md shows what really happens."""

    def setUp(self):
        self.page = os.path.join(OPTIONS.docs, "heap-python.md")
        self.script = os.path.join(OPTIONS.docs, "samples", "kept_events.py")

    def test_the_page_shows_the_program(self):
        with open(self.page, encoding="utf-8") as page, open(self.script, encoding="utf-8") as script:
            shown = re.search(r"^```python\n(.*?)^```$", page.read(), re.MULTILINE | re.DOTALL)[1]
            self.assertIn(shown, script.read())

    def test_its_commands_find_the_line(self):
        shown = recorded_session.fences(self.page)
        program = gdb_session.Program(OPTIONS.alkaid, "run", "--track", "--", PYTHON, self.script)
        self.addCleanup(program.end)
        happened = [program.said, program.hear(), program.hear()]
        debugger = gdb_session.Debugger(program.pid)
        self.addCleanup(debugger.end)
        typed = [line[6:] for line in shown if line.startswith("(gdb) ")]
        self.assertIn("alkaid heap diff before", typed)
        for command in typed:
            happened.append(f"(gdb) {command}")
            if command == "continue":
                debugger.go_on()
                program.tell("continue")
                happened += [program.hear(), program.hear()]
            elif command == "^C":
                happened += debugger.interrupt(program.pid).splitlines()[:1]
            else:
                happened += debugger.do(command).splitlines()
        # Frames of the interpreter and pdb's own allocations depend on the build. From 3.13 on pdb
        # stops at the call of breakpoint(), before that at the next line.
        def same(line):
            line = re.sub(r"^(\(Pdb\) )?> (?:\S*/)?(\S+)\(\d+\)", r"> \2(LINE)", line)
            return re.sub(r"#\d+ +", "#N ", recorded_session.without_chance(line))

        done = [same(line) for line in happened]
        own = [line for line in shown if "kept_events.py" in line and not line.startswith("$")]
        self.assertGreater(len(own), 4)
        for line in own:
            self.assertIn(same(line), done, "\n".join(happened))
        for line in [line for line in shown if line.startswith("    +2,000,020 bytes")]:
            self.assertIn(same(line), done, "\n".join(happened))


def why_not():
    """Why the lines of this machine's Python cannot be shown, or nothing."""
    if not os.path.exists(PYTHON):
        return f"{PYTHON} is not installed"
    version = subprocess.run([PYTHON, "-c", "import sys; print(sys.version_info[:2])"],
                             stdout=subprocess.PIPE, text=True, check=True).stdout.strip()
    if version not in ("(3, 11)", "(3, 12)", "(3, 13)"):
        return f"the lines of Python {version} are not known"
    return ""


if __name__ == "__main__":
    if why_not():
        print(f"skipped: {why_not()}")
        sys.exit(77)
    sys.exit(main())
