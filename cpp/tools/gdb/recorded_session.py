"""Runs the sessions that docs/heap-tutorial.md and docs/gdb.md show.

  recorded_session.py tutorial ALKAID PROGRAM [SCRIPT]   a program and a gdb beside it
  recorded_session.py core ALKAID PROGRAM [SCRIPT]       a core of the same program
  recorded_session.py retention PROGRAM [SCRIPT]         pools and slices, of tracked_program.cc

Nothing waits for a time: the programs answer each line that they read, and gdb prints a mark when
it has finished its commands.
"""

import contextlib
import os
import re
import subprocess
import sys
import tempfile

import gdb_session


@contextlib.contextmanager
def program_and_gdb(alkaid, program, script):
    """The program after its first `load`, a gdb attached to it, and the steps so far."""
    process = gdb_session.Program(alkaid, "run", "--track", "--", program)
    debugger = None
    try:
        steps = [("$ ", f"alkaid run --track -- {os.path.basename(program)}", process.said)]
        process.tell("load")
        steps.append(("", "load", process.hear()))
        debugger = gdb_session.Debugger(process.pid, script)
        yield process, debugger, steps
    finally:
        if debugger is not None:
            debugger.end()
        process.end()


def tutorial(alkaid, program, script=gdb_session.SCRIPT):
    """The steps of the tutorial: (prompt, input, output)."""
    with program_and_gdb(alkaid, program, script) as (process, debugger, steps):
        steps.append(("$ ", f"gdb -p {process.pid}", ""))

        def do(command):
            steps.append(("(gdb) ", command, debugger.do(command)))
            return steps[-1][2]

        def go_on(command):
            debugger.go_on()
            steps.append(("(gdb) ", "continue", "Continuing."))
            process.tell(command)

        do("alkaid heap label before")
        go_on("load")
        steps.append(("", "load", process.hear()))
        steps.append(("(gdb) ", "^C", debugger.interrupt(process.pid).splitlines()[0]))
        difference = do("alkaid heap diff before")
        do("alkaid heap select \"size > 300000 and 'ImageSet::ImageSet' in frames\"")
        largest = re.findall(r"(0x[0-9a-f]+) -> 0x[0-9a-f]+ +355,920 bytes", difference)
        if not largest:
            raise AssertionError(f"no block of 355,920 bytes is new:\n{difference}")
        do(f"alkaid heap watch {largest[0]}")
        go_on("drop")
        steps.append(("", "drop", ""))
        steps.append(("", "", debugger.hear()))
        frame = re.search(r"^=> #(\d+) ", steps[-1][2], re.MULTILINE)
        do(f"frame {frame[1] if frame else 0}")
        do("print scans_._M_impl._M_finish - scans_._M_impl._M_start")
        return steps


def core(alkaid, program, script=gdb_session.SCRIPT):
    """The steps with a core of the program."""
    name = os.path.basename(program)
    with tempfile.TemporaryDirectory() as folder:
        process = gdb_session.Program(alkaid, "run", "--track", "--", program)
        try:
            process.tell("load")
            process.hear()
            words = ["gcore", "-o", "core", str(process.pid)]
            saved = subprocess.run(words, cwd=folder, env=gdb_session.environment(), text=True,
                                   stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                   stderr=subprocess.DEVNULL, check=True).stdout
        finally:
            process.end()
        file = os.path.join(folder, f"core.{process.pid}")
        last = [line for line in saved.splitlines() if line.startswith("Saved corefile")]
        steps = [("$ ", " ".join(words), "".join(last)),
                 ("$ ", f"gdb {name} core.{process.pid}", "")]
        commands = ["alkaid heap"]
        address = 0
        # The second time with the address of a block that the first one found.
        for _ in range(2):
            printed = gdb_session.run([f"core-file {file}", "alkaid heap all", *commands], program,
                                      script=script)
            blocks = re.findall(r"(0x[0-9a-f]+) -> 0x[0-9a-f]+ +355,920 bytes", printed[1])
            address = int(blocks[0], 16) + 1000
            commands = ["alkaid heap", f"alkaid heap block {address:#x}"]
        return steps + [("(gdb) ", command, text) for command, text in zip(commands, printed[2:])]


def retention(program, script=gdb_session.SCRIPT):
    """The steps with slices."""
    commands = ["alkaid pools", "alkaid retention"]
    printed = gdb_session.run(["break Reached", "run", *commands], program, script=script)
    return [("(gdb) ", command, text) for command, text in zip(commands, printed[2:])]


def lines_of(steps):
    """The parts of them that a page shows."""
    text = "".join(f"{prompt}{typed}\n" + (f"{printed}\n" if printed else "")
                   for prompt, typed, printed in steps)
    return [line.rstrip() for line in text.splitlines() if line.strip()]


def fences(page):
    """The lines of a page's code blocks that show sessions."""
    with open(page, encoding="utf-8") as file:
        shown = re.findall(r"^<!-- session -->\n```text\n(.*?)^```$", file.read(),
                           re.MULTILINE | re.DOTALL)
    return [line.rstrip() for part in shown for line in part.splitlines() if line.strip()]


def without_chance(line):
    """The line without what differs from run to run: addresses, process ids, ages. Totals are
    removed as well, since they contain what the library and the C library keep for themselves."""
    line = re.sub(r"( [0-9a-f]{2,8}){1,4} \|.*\|$", " BYTES", line)
    line = re.sub(r"\bat \S*/", "at ", line)  # of a source, as given to the compiler
    line = re.sub(r"0x[0-9a-f]{6,16}:?(  ([0-9a-f]{2} ?)+.*)?", "ADDRESS", line)
    line = re.sub(r"\b(process|gdb -p|core|thread|serial) \d+", r"\1 NUMBER", line)
    line = re.sub(r"\bcore\.\d+", "core.NUMBER", line)
    line = re.sub(r"^[\d,]+ allocated, in [\d,]+ blocks", "TOTAL", line)
    line = re.sub(r" of [\d,]+ blocks$", " of TOTAL", line)
    line = re.sub(r"^ +[\d,]+ +[\d,]+  (malloc  malloc|uncategorized)$", "TOTAL", line)
    return re.sub(r"\d+\.\d (s|min|h)\b", "AGE", " ".join(line.split()))


def is_chance(line):
    """Whether gdb prints the line only if it finds the sources."""
    return line.startswith("warning: ") or re.match(r"\d+\t", line)


def difference(shown, happened):
    """What a page shows differently from what happened, or nothing. A line [...] stands for any
    lines."""
    shown = [line for line in shown if not is_chance(line)]
    happened = [(without_chance(line), line) for line in happened if not is_chance(line)]
    at, skipping = 0, False
    for line in shown:
        if line == "[...]":
            skipping = True
            continue
        wanted = without_chance(line)
        while skipping and at < len(happened) and happened[at][0] != wanted:
            at += 1
        if at == len(happened) or happened[at][0] != wanted:
            instead = happened[at][1] if at < len(happened) else "nothing"
            return f"shown:    {line}\nhappened: {instead}"
        at, skipping = at + 1, False
    if at < len(happened) and not skipping:
        return f"not shown: {happened[at][1]}"
    return ""


def main():
    name, *arguments = sys.argv[1:]
    session = {"tutorial": tutorial, "core": core, "retention": retention}[name]
    print("\n".join(lines_of(session(*arguments))))
    return 0


if __name__ == "__main__":
    sys.exit(main())
