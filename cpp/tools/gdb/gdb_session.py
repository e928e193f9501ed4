"""Runs gdb for the tests, and knows where that is impossible."""

import os
import re
import shutil
import signal
import subprocess

SCRIPT = os.path.join(os.path.dirname(os.path.realpath(__file__)), "alkaid_gdb.py")
ARGUMENTS = ("-nx", "-nh", "-q", "-iex", "set debuginfod enabled off", "-iex", "set confirm off",
             "-iex", "set pagination off", "-iex", "set width 0", "-iex", "set style enabled off")
MARK = "@@ next @@"


def environment(**settings):
    """This process's environment without variables that would change the program that gdb
    starts."""
    kept = {name: value for name, value in os.environ.items()
            if not name.startswith("ALKAID_") and name != "LD_PRELOAD"}
    return {**kept, "LC_ALL": "C.UTF-8", **settings}


def run(commands, *program, script=SCRIPT, **settings):
    """The output of each of the commands, errors included, in one gdb with `program` loaded.

    A failing command does not stop the next one.
    """
    words = ["gdb", *ARGUMENTS, "-batch"]
    for command in (*([f"source {script}"] if script else []), *commands):
        words += ["-ex", command, "-ex", f"echo \\n{MARK}\\n"]
    done = subprocess.run([*words, *(["--args", *program] if program else [])],
                          env=environment(**settings), stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=110)
    printed = [part.strip("\n") for part in done.stdout.split(f"\n{MARK}\n")]
    if script:
        if printed[0]:
            raise AssertionError(f"sourcing the script printed: {printed[0]}")
        printed = printed[1:]
    if len(printed) != len(commands) + 1:
        raise AssertionError(f"gdb ended early:\n{done.stdout}")
    return printed[:len(commands)]


def why_not(sanitizer=""):
    """Why no test can run gdb here, or nothing."""
    if sanitizer and sanitizer != "coverage":
        return f"programs under the {sanitizer} sanitizer are not for debuggers"
    if shutil.which("gdb") is None:
        return "gdb is not installed"
    program = shutil.which("true")
    done = subprocess.run(["gdb", *ARGUMENTS, "-batch", "-ex", "python print('embedded')", "-ex",
                           "starti", "-ex", "info registers rip pc", program],
                          env=environment(), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, timeout=60)
    if "embedded" not in done.stdout:
        return "this gdb has no Python"
    if not re.search(r"^pc +0x", done.stdout, re.MULTILINE):
        return "gdb cannot trace a program here: " + " ".join(done.stdout.split())[-200:]
    return ""


class Program:
    """A program that answers each line of input with one of its own; its first line ends with its
    process id."""

    def __init__(self, *command):
        self._process = subprocess.Popen(
            command, env=environment(), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
            bufsize=1)
        self.said = self._process.stdout.readline().rstrip("\n")
        self.pid = int(self.said.split()[-1])

    def tell(self, command):
        self._process.stdin.write(command + "\n")
        self._process.stdin.flush()

    def hear(self):
        return self._process.stdout.readline().rstrip("\n")

    def end(self):
        self._process.kill()
        self._process.wait()
        self._process.stdin.close()
        self._process.stdout.close()


class Debugger:
    """gdb -p PID, with one command after the other. `attached` is the output of attaching."""

    def __init__(self, pid, script=SCRIPT):
        self._process = subprocess.Popen(
            ["gdb", *ARGUMENTS, "-iex", "set prompt ", "-p", str(pid)],
            env=environment(), stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, text=True, bufsize=1)
        self.attached = self.do(f"source {script}")

    def tell(self, command):
        self._process.stdin.write(f"{command}\necho \\n{MARK}\\n\n")
        self._process.stdin.flush()

    def hear(self, until=MARK):
        lines = []
        for line in self._process.stdout:
            line = line.rstrip("\n")
            if line.strip() == until:
                return "\n".join(lines).strip("\n")
            lines.append(line)
        raise AssertionError("gdb ended early:\n" + "\n".join(lines))

    def do(self, command):
        self.tell(command)
        return self.hear()

    def go_on(self):
        self.tell("continue")
        self.hear("Continuing.")

    def end(self):
        self._process.kill()
        self._process.wait()
        self._process.stdin.close()
        self._process.stdout.close()

    def interrupt(self, pid):
        """Stops the process like ^C, after go_on."""
        os.kill(pid, signal.SIGINT)
        return self.hear()
