#!/usr/bin/python3 -B
"""Runs the whole recipe: probes, perf record, perf script, the counts and the graph.

  recipe_test.py PROGRAM CASE [ARGUMENT...]

PROGRAM is leave_behind, which prints what it leaks. The cases are the functions named case_* below.
Exits with 77, and prints the reason, where perf cannot be used. Leaves no probe and no process.
"""

import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile
import time

import elf_image
import library_search
import probe_events

HERE = pathlib.Path(__file__).resolve().parent
FIELDS = "+pid,+ip,+sym,+symoff,+dso"
PATIENCE = 120  # seconds until a program counts as hung; no test waits that long otherwise


class Failed(AssertionError):
    """The message is the unmet expectation."""


def skip(reason):
    print(f"skipped: {reason}")
    sys.exit(77)


def require(condition, message):
    if not condition:
        raise Failed(message)


def require_perf(folder):
    if shutil.which("perf") is None:
        skip("there is no perf (Debian: linux-perf)")
    try:
        probe_events.check_tracing()
    except probe_events.ProbeError as error:
        skip(str(error))
    done = subprocess.run(["perf", "record", "-N", "-o", f"{folder}/try.data", "-e", "cpu-clock",
                           "true"],
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    if done.returncode != 0:
        skip(f"perf may not record here: {done.stdout.strip()}")


def run(command, *, status=0, input_text=None):
    done = subprocess.run([str(part) for part in command], stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, text=True, timeout=PATIENCE, input=input_text,
                          check=False)
    require(done.returncode == status,
            f"{command} exits {done.returncode}, not {status}:\n{done.stdout}{done.stderr}")
    return done


def left_by(output):
    """{function: (blocks, bytes)} as leave_behind printed it."""
    rows = [line.split() for line in output.splitlines()]
    return {row[0]: (int(row[1]), int(row[2])) for row in rows if len(row) == 3 and int(row[1])}


def events_of(recording):
    """The JSON lines of a recording, made as in the documentation."""
    text = run(["perf", "script", "-i", recording, "--no-inline", "--show-lost-events", "-F",
                FIELDS]).stdout
    return run([HERE / "process_perf_events.py"], input_text=text).stdout


def report_of(events):
    return json.loads(run([HERE / "count_tracebacks.py", "--json"], input_text=events).stdout)


def functions_of(group):
    """The functions of leave_behind in one traceback: LeaveBuilt for leave_behind::LeaveBuilt."""
    names = [frame["name"] for frame in group["frames"]]
    return {part.split("(")[0] for name in names
            for part in name.split("leave_behind::")[1:] if part.startswith("Leave")}


def found_in(report):
    """{function: (blocks, bytes)} as counted; each traceback must name exactly one of them."""
    found = {}
    for group in report["groups"]:
        functions = functions_of(group)
        require(len(functions) == 1, f"names {functions}, not one function:\n{group['traceback']}")
        function = functions.pop()
        blocks, size = found.get(function, (0, 0))
        found[function] = (blocks + group["count"], size + group["bytes"])
    return found


class Recording:
    """alkaid-perf-record on leave_behind, and the output of both."""

    def __init__(self, folder, *options, name="perf.data"):
        self.file = f"{folder}/{name}"
        self.command = [str(HERE / "alkaid-perf-record"), "-o", self.file, *options]

    @classmethod
    def by(cls, program, folder, probes, backend, *options):
        """A recording with these probes, those of allocators on one backend only; skips where
        impossible."""
        if probes == "usdt":
            return cls(folder, "--probes=usdt", *options)
        library = library_search.of_command(program)
        if not elf_image.ElfImage(library).has_debug_information():
            skip(f"{library} has no debug symbols, which probes on allocators need")
        return cls(folder, f"--backend={backend}", *options)

    def of_command(self, *command):
        done = run([*self.command, "--", *command])
        require(f"events in {self.file}" in done.stderr, f"no sums in:\n{done.stderr}")
        require("lost" not in done.stderr, f"perf lost events:\n{done.stderr}")
        return left_by(done.stdout)

    def of_process(self, process, *options):
        """Starts a recording; returns when events are being recorded."""
        recorder = subprocess.Popen([*self.command, "--pid", str(process.pid), *options],
                                    stderr=subprocess.PIPE, text=True)
        said = ""
        for line in recorder.stderr:
            said += line
            if "recording process" in line:
                return recorder
        recorder.wait(PATIENCE)
        raise Failed(f"the recording did not begin:\n{said}")

    def report(self):
        report = report_of(events_of(self.file))
        require(report["exact"], f"not exact: {report['findings']}")
        return report


class Waiting:
    """leave_behind --wait, started, and waiting to begin."""

    def __init__(self, program, backend, *options):
        self.process = subprocess.Popen([program, backend, "--wait", *options], text=True,
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        require(self.process.stdout.readline() == "ready\n", "leave_behind is not ready")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()
        self.process.stdin.close()
        self.process.stdout.close()

    def leave(self):
        """Lets it begin, and reads what it printed that it leaked."""
        self._answer()
        output = ""
        for line in self.process.stdout:
            if line == "done\n":
                break
            output += line
        return left_by(output)

    def end(self):
        self._answer()
        require(self.process.wait(PATIENCE) == 0, "leave_behind failed")

    def _answer(self):
        self.process.stdin.write("\n")
        self.process.stdin.flush()


def stop(recorder):
    """Ends a recording like CTRL-C. Returns its output since it began."""
    recorder.send_signal(signal.SIGINT)
    said = recorder.stderr.read()
    require(recorder.wait(PATIENCE) == 0, f"exits {recorder.returncode}:\n{said}")
    return said


def child_of(pid):
    """The only child of a process."""
    with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as file:
        children = file.read().split()
    require(len(children) == 1, f"process {pid} has the children {children}")
    return int(children[0])


def require_equal(found, expected, what):
    require(found == expected, f"{what}: counted {found}, left were {expected}")
    require(expected, f"{what}: nothing was left, so nothing was tested")


def case_recipe(program, folder, probes, backend, call_graph="dwarf"):
    """The counts are what was leaked, with its functions and its labels."""
    recording = Recording.by(program, folder, probes, backend, f"--call-graph={call_graph}")
    expected = recording.of_command(program, backend, "--refused")
    report = recording.report()
    require_equal(found_in(report), expected, f"{probes} of {backend}")
    if probes == "usdt":
        labels = [label for group in report["groups"] for label, count in group["labels"].items()
                  for _ in range(count)]
        require(labels == ["kept by name"] * 2, f"labels are {labels}")
    else:
        require(report["findings"]["refused"] == 2, f"2 refusals, not {report['findings']}")
    events = events_of(recording.file)
    folded = run([HERE / "flamegraph.py", "--folded"], input_text=events).stdout
    require(sum(int(line.rsplit(" ", 1)[1]) for line in folded.splitlines()) == report["bytes"],
            f"the folded stacks do not weigh {report['bytes']} bytes:\n{folded}")
    picture = run([HERE / "flamegraph.py"], input_text=events).stdout
    require("leave_behind::LeaveAllocated" in picture, "the graph lacks LeaveAllocated")


def case_planted_fault(program, folder, probes, backend):
    """A program that leaks one block more than it prints is noticed, with its function."""
    recording = Recording.by(program, folder, probes, backend)
    expected = recording.of_command(program, backend, "--one-more")
    found = found_in(recording.report())
    require(found != expected, "one block too many was not noticed")
    require(found.pop("LeaveOneMore", None) == (1, 77), f"LeaveOneMore is not among {found}")
    require_equal(found, expected, "the rest")


def case_odd_label(program, folder, backend):
    """A label with any characters loses no traceback, and none of them reaches the terminal."""
    recording = Recording(folder, "--probes=usdt")
    expected = recording.of_command(program, backend, "--odd-label")
    require("LeaveOddlyLabelled" in expected, f"left were {expected}")
    events = events_of(recording.file)
    require_equal(found_in(report_of(events)), expected, "with an odd label")
    text = run([HERE / "count_tracebacks.py"], input_text=events).stdout
    label = r'labelled "two\x0alines, \x1b[31mred\x9b0m\x09" size=7"'
    require(label in text, f"{label} is not in\n{text!a}")
    require(all(line.isprintable() for line in text.split("\n")), f"not printable: {text!a}")


def case_running_process(program, folder, probes, backend):
    """A running process is recorded from then on, until CTRL-C."""
    recording = Recording.by(program, folder, probes, backend)
    with Waiting(program, backend) as waiting:
        recorder = recording.of_process(waiting.process)
        expected = waiting.leave()
        stop(recorder)
        waiting.end()
    require_equal(found_in(recording.report()), expected, "a process that was attached to")


def case_time_limit(program, folder, backend):
    """A recording of a process ends after --seconds, and the process goes on."""
    recording = Recording(folder, "--probes=usdt")
    with Waiting(program, backend, "--for", "3600") as waiting:
        waiting.process.stdin.write("\n")
        waiting.process.stdin.flush()
        recorder = recording.of_process(waiting.process, "--seconds", "0.2")
        said = recorder.stderr.read()
        require(recorder.wait(PATIENCE) == 0, said)
        require(waiting.process.poll() is None, "the process ended too")
    events = events_of(recording.file)
    require('alkaid' in events, "nothing was recorded")


def case_two_at_once(program, folder, backend):
    """Two recordings of one library record only their own process, and end independently."""
    one, two = (Recording(folder, "--probes=usdt", name=name) for name in ("one", "two"))
    with Waiting(program, backend) as first, Waiting(program, backend, "--one-more") as second:
        first_recorder = one.of_process(first.process)
        second_recorder = two.of_process(second.process)
        expected = first.leave()
        stop(first_recorder)
        require(second.leave() == expected, "both programs say that they leave the same")
        stop(second_recorder)
    require_equal(found_in(one.report()), expected, "the first")
    require_equal(found_in(two.report()), {**expected, "LeaveOneMore": (1, 77)}, "the second")


def case_ends(program, folder, backend):
    """Probes are removed at SIGTERM, when the command fails, and on request after a recording was
    killed."""
    recording = Recording(folder, "--probes=usdt")
    with Waiting(program, backend) as waiting:
        recorder = recording.of_process(waiting.process)
        require(own_groups(recorder.pid), "a recording under way has probes")
        recorder.terminate()
        recorder.stderr.read()
        require(recorder.wait(PATIENCE) == 128 + signal.SIGTERM, f"exits {recorder.returncode}")
        require(not own_groups(recorder.pid), "its probes are left after SIGTERM")

        killed = recording.of_process(waiting.process)
        killed.kill()
        killed.wait(PATIENCE)
        killed.stderr.close()
        require(own_groups(killed.pid), "nobody could remove the probes of what was killed")
        # Its perf ends by itself, and holds the probes until then.
        deadline = time.monotonic() + PATIENCE
        while own_groups(killed.pid) and time.monotonic() < deadline:
            subprocess.run([HERE / "alkaid-perf-record", "--remove-stale"], check=False,
                           stderr=subprocess.DEVNULL)
        require(not own_groups(killed.pid), "--remove-stale left the probes of what was killed")
    if elf_image.ElfImage(library_search.of_command(program)).has_debug_information():
        everything = [HERE / "alkaid-perf-record", "-o", recording.file]
        require("probes on" in run([*everything, "--", program, backend]).stderr, "no probes")
    said = run([*recording.command, "--", program, "no such backend"], status=1).stderr
    require("nothing that has a probe was called" in said, f"of no events it says:\n{said}")
    run([*recording.command, "--", "/nonexistent/program"], status=1)
    run([*recording.command, "--pid", str(killed.pid)], status=1)


def soname_of(library):
    """The name that the loader looks for: libalkaid.so.0 for libalkaid.so.0.1.0."""
    return ".".join(os.path.basename(library).split(".")[:3])


def case_lost(program, folder, backend):
    """The recorder and the counts both report what perf lost."""
    # One event takes more than half of this buffer, and perf reads only when all are there.
    recording = Recording(folder, "--probes=usdt", "--buffer=16K", "--stack-bytes=8192")
    with Waiting(program, backend) as waiting:
        recorder = recording.of_process(waiting.process)
        perf = child_of(recorder.pid)
        os.kill(perf, signal.SIGSTOP)
        try:
            waiting.leave()
        finally:
            os.kill(perf, signal.SIGCONT)
        said = stop(recorder)
        waiting.end()
    require("lost events" in said and "--buffer" in said, f"does not tell of the loss:\n{said}")
    report = report_of(events_of(recording.file))
    require(not report["exact"] and report["findings"]["lost"] > 0,
            f"the counts do not tell of the loss: {report['findings']}")
    # No event fits into this one.
    recording = Recording(folder, "--probes=usdt", "--buffer=4K", "--stack-bytes=8192")
    said = run([*recording.command, "--", program, backend]).stderr
    require(": 0 events in" in said and "lost events" in said, f"not all was lost:\n{said}")
    require("nothing that has a probe was called" not in said, f"lost is not uncalled:\n{said}")


def case_stripped(program, folder, backend):
    """Tracepoints count exactly in a library without symbols; the probes on allocators refuse
    it."""
    if shutil.which("strip") is None:
        skip("there is no strip (Debian: binutils)")
    library = library_search.of_command(program)
    name = soname_of(library)
    run(["strip", "--strip-all", library, "-o", f"{folder}/{name}"])
    os.environ["LD_LIBRARY_PATH"] = folder
    require(library_search.of_command(program) == os.path.realpath(f"{folder}/{name}"),
            "the program takes another library than the stripped one")
    recording = Recording(folder, "--probes=usdt")
    expected = recording.of_command(program, backend)
    require_equal(found_in(recording.report()), expected, "a stripped library")
    # --strip-debug leaves only the symbol table, which has the allocators' names.
    for how in ("--strip-all", "--strip-debug"):
        run(["strip", how, library, "-o", f"{folder}/{name}"])
        said = run([HERE / "alkaid-perf-record", "-o", recording.file, "--", program, backend],
                   status=1).stderr
        require("--probes=usdt" in said, f"does not say what to do instead:\n{said}")
        require(":\n\n" not in said, f"a reason is missing:\n{said}")


def case_by_hand(program, folder):
    """The commands under "By hand" in docs/tracing.md, literally, on a copy."""
    library = library_search.of_command(program)
    if not elf_image.ElfImage(library).has_debug_information():
        skip(f"{library} has no debug symbols, which probes on allocators need")
    page = (HERE.parents[2] / "docs" / "tracing.md").read_text(encoding="utf-8")
    section = page[page.index("## By hand"):]
    commands = section[section.index("```sh\n") + 6:]
    commands = commands[:commands.index("```")]
    # perf names a group after the file: a copy under another name has a group of its own.
    name = f"libalkaid{os.getpid()}"
    shutil.copy(library, f"{folder}/{name}.so")
    os.symlink(f"{name}.so", f"{folder}/{soname_of(library)}")
    for shown, here in (("build/release/lib/libalkaid.so", f"{folder}/{name}.so"),
                        ("probe_libalkaid", f"probe_{name}"),
                        ("build/release/bin/leave_behind", program),
                        ("perf record", f"perf record -N -o {folder}/perf.data")):
        require(shown in commands, f"the page does not say {shown!r}")
        commands = commands.replace(shown, here)
    os.environ["LD_LIBRARY_PATH"] = folder
    os.environ["HOME"] = folder  # where perf keeps copies of probed files
    try:
        expected = left_by(run(["sh", "-ec", commands]).stdout)
    finally:
        left = probe_events.list_events(f"probe_{name}")
        probe_events.remove_group(f"probe_{name}")
    require(not left, f"the page's last command left {left}")
    # As plainly as it goes.
    text = run(["perf", "script", "-i", f"{folder}/perf.data", "--show-lost-events"]).stdout
    report = report_of(run([HERE / "process_perf_events.py"], input_text=text).stdout)
    require(report["exact"], f"not exact: {report['findings']}")
    require_equal(found_in(report), expected, "the recipe by hand")


def own_groups(pid):
    return [group for group in probe_events.groups_present()
            if int(probe_events.GROUP.match(group)[1]) == pid]


def main():
    program, case, *arguments = sys.argv[1:]
    if case == "--sanitized":
        skip("sanitizers have an allocator and a stack of their own")
    with tempfile.TemporaryDirectory() as folder:
        require_perf(folder)
        if not elf_image.ElfImage(library_search.of_command(program)).tracepoints("alkaid"):
            if "allocators" not in arguments:
                skip("the library was built without tracepoints (Debian: systemtap-sdt-dev)")
        before = probe_events.groups_present()
        try:
            globals()[f"case_{case}"](program, folder, *arguments)
        except Failed as failure:
            print(f"failed: {failure}")
            return 1
        gone_by_now = {group for group in probe_events.groups_present() - before
                       if not os.path.exists(f"/proc/{probe_events.GROUP.match(group)[1]}")}
        if gone_by_now:
            print(f"failed: probes were left: {sorted(gone_by_now)}")
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
