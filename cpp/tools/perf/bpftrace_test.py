#!/usr/bin/python3 -B
"""Runs the bpftrace scripts on a process that prints what it leaks.

  bpftrace_test.py PROGRAM top|outstanding|--sanitized

PROGRAM is leave_behind. Exits with 77, and prints the reason, where bpftrace cannot be used.
"""

import os
import re
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import time

import elf_image
import library_search
from recipe_test import HERE, PATIENCE, Failed, Waiting, require, require_equal, skip


def require_bpftrace(program):
    if shutil.which("bpftrace") is None:
        skip("there is no bpftrace (Debian: bpftrace)")
    done = subprocess.run(["bpftrace", "-e", "BEGIN { exit(); }"], stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, check=False)
    if done.returncode != 0:
        skip(f"bpftrace does not work here: {done.stdout.strip()}")
    if not elf_image.ElfImage(library_search.of_command(program)).tracepoints("alkaid"):
        skip("the library was built without tracepoints (Debian: systemtap-sdt-dev)")


def listeners(pid, tracepoint):
    """The number of listeners to the tracepoint in this process, by its semaphore."""
    library = library_search.of_process(pid)
    offset = next(point.semaphore_offset for point in
                  elf_image.ElfImage(library).tracepoints("alkaid") if point.name == tracepoint)
    with open(f"/proc/{pid}/maps", encoding="utf-8") as maps:
        for line in maps:
            span, rights, start, *_ = line.split()
            first, last = (int(part, 16) for part in span.split("-"))
            start = int(start, 16)
            if library in line and "w" in rights and start <= offset < start + last - first:
                with open(f"/proc/{pid}/mem", "rb", buffering=0) as memory:
                    memory.seek(first + offset - start)
                    return struct.unpack("<H", memory.read(2))[0]
    raise Failed(f"{library} has no writable data in process {pid}")


class Script:
    """A script of this folder that listens to a process."""

    def __init__(self, process, file, probes):
        self._process = subprocess.Popen(
            ["bpftrace", "-p", str(process.pid), file],
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        # All its probes share one semaphore.
        deadline = time.monotonic() + PATIENCE
        while listeners(process.pid, "allocate") < probes:
            require(self._process.poll() is None and time.monotonic() < deadline,
                    "bpftrace did not attach")
            time.sleep(0.01)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._process.kill()
        self._process.wait()
        self._process.stdout.close()

    def until(self, text):
        """Its output until a line contains the text."""
        printed = ""
        for line in self._process.stdout:
            printed += line
            if text in line:
                return printed
        raise Failed(f"never printed {text!r}:\n{printed}")

    def end(self):
        self._process.send_signal(signal.SIGINT)
        return self._process.stdout.read()


def by_function(printed, name):
    """{function of leave_behind: sum} from a map by stacks.

    bpftrace 0.17 names the functions of a thread only while the thread lives: a stack without names
    is from LeaveInThreads.
    """
    sums = {}
    for stack, amount in re.findall(rf"^@{name}\[\n(.*?)\n\]: (-?\d+)$", printed,
                                    re.MULTILINE | re.DOTALL):
        function = re.search(r"leave_behind::(Leave\w+)", stack)
        if int(amount):
            key = (function[1] if function else
                   stack if re.search("[a-z]::", stack) else "LeaveInThreads")
            sums[key] = sums.get(key, 0) + int(amount)
    return sums


def outstanding(program, _):
    with Waiting(program, "jemalloc") as waiting:
        with Script(waiting.process, HERE / "alkaid-outstanding.bt", 3) as script:
            expected = waiting.leave()
            printed = script.end()
    require_equal(by_function(printed, "blocks_by_stack"),
                  {function: blocks for function, (blocks, _) in expected.items()}, "blocks")
    require_equal(by_function(printed, "bytes_by_stack"),
                  {function: size for function, (_, size) in expected.items()}, "bytes")
    labels = dict(re.findall(r"^@bytes_by_label\[(.*)\]: (\d+)$", printed, re.MULTILINE))
    labelled = expected.pop("LeaveLabelled")[1]
    require_equal(labels, {"kept by name": str(labelled),
                           "": str(sum(size for _, size in expected.values()))}, "labels")


def top(program, folder):
    file = os.path.join(folder, "top.bt")
    script_text = (HERE / "alkaid-top.bt").read_text(encoding="utf-8")
    require("5000000000" in script_text, "the time of alkaid-top.bt is another")
    with open(file, "w", encoding="utf-8") as copy:
        copy.write(script_text.replace("5000000000", "300000000"))
    with Waiting(program, "system", "--for", "3600") as waiting:
        with Script(waiting.process, file, 2) as script:
            waiting.process.stdin.write("\n")
            waiting.process.stdin.flush()
            printed = script.until("leave_behind::LeaveNothingFor")
            printed += script.until("@bytes_by_label[]: ")
            script.end()
    require("alkaid::BaseMemoryPoolImpl" in printed, f"the stack lacks the pool:\n{printed}")


def main():
    program, case = sys.argv[1:]
    if case == "--sanitized":
        skip("sanitizers have an allocator and a stack of their own")
    require_bpftrace(program)
    try:
        with tempfile.TemporaryDirectory() as folder:
            {"top": top, "outstanding": outstanding}[case](program, folder)
    except Failed as failure:
        print(f"failed: {failure}")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
