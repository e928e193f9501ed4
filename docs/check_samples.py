#!/usr/bin/env python3
"""Holds the pages to what the programs in docs/samples really are and print.

  check_samples.py ROOT PROGRAMS [ALKAID]
  check_samples.py --self-test

ROOT is the checkout; PROGRAMS the folder where the samples were built; ALKAID the command, without
which nothing that needs it is checked. In README.md and docs/*.md

  <!-- sample: NAME -->            the fence below is lines of docs/samples/NAME.cc, or NAME.c where
                                   it is C: runs of them in their order, "// ..." between two
  <!-- output: NAME [VAR=x ...] -->  the text fence below is all that the program NAME prints
  <!-- command: ARGUMENTS -->      ... that `alkaid ARGUMENTS` prints
  <!-- shell -->                   above a fence of sh: it is run; above one of text: what is typed
                                   after "$ " is run, and prints what follows, on stdout and stderr
                                   in their order; text without "$ " is what the fence of sh before
                                   it printed
  <!-- file: NAME -->              the fence below is a file of that name, there from the beginning
  <!-- session -->                 gdb's tests compare it
  <!-- no output -->               nothing prints it
  <!-- not compared: REASON -->    ... and why what prints it is not run here

`command` and `shell` may be followed by "numbers vary": any number is then as good as another, and
so are units of time, how many blanks there are, and whether a function was inlined. A line "[...]" stands for any lines, and "[...]"
in a line for any text.

A fence of text, C++ or C without such a line is an error, and so are a sample that no page shows,
and a page that shows one without its #include lines. All programs run in one fresh folder, in the
order of the pages, with no ALKAID_ variable set but those of the line.
Links between pages must lead somewhere.
"""

import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile

MARK = re.compile(r"<!-- (sample|output): (\w+)((?: \w+=\S*)*) -->")
COMMAND = re.compile(r"<!-- command(, numbers vary)?: (.*) -->")
SHELL = re.compile(r"<!-- shell(, numbers vary)? -->")
FILE = re.compile(r"<!-- file: (\S+) -->")
SAID = re.compile(r"<!-- (session|no output|not compared: .+) -->")
# Their text follows the growth of a process; ctest -R Docs.GrowthIsShownAsItIs compares them.
BY_ANOTHER_TEST = {"growth.md", "leak-gate.md"}
LINK = re.compile(r"\]\(([^)#:]+)(?:#[^)]*)?\)")


def fences(page):
    """Yields (line number, language, lines, the line above) of each fence."""
    above, fence = "", None
    for number, line in enumerate(page.read_text().splitlines(), 1):
        if fence is None:
            if line.startswith("```"):
                fence = (number, line[3:].strip(), [], above)
            above = line
        elif line.startswith("```"):
            yield fence
            above, fence = "", None
        else:
            fence[2].append(line)
    if fence is not None:
        raise SystemExit(f"{page}:{fence[0]}: a fence that does not end")


def links(page):
    """The files that the page's prose links to."""
    prose = re.sub(r"^```.*?^```", "", page.read_text(), flags=re.MULTILINE | re.DOTALL)
    return LINK.findall(prose)


def is_run_of(part, whole):
    """Whether the runs of lines that "// ..." parts stand in `whole`, one after the other."""
    part = [line.strip() for line in part]
    whole = [line.strip() for line in whole]
    at = 0
    for run_of_lines in "\n".join(part).split("\n// ...\n"):
        lines = run_of_lines.strip("\n").split("\n")
        found = [i for i in range(at, len(whole) - len(lines) + 1)
                 if whole[i:i + len(lines)] == lines]
        if not found:
            return False
        at = found[0] + len(lines)
    return True


def masked(line):
    """The line with all numbers alike."""
    line = re.sub(r"0x[0-9a-f]+", "0x#", line)
    line = re.sub(r"~?[-+]?(?<![\w.])\d[\d,.:]*|\d+", "#", line)
    line = re.sub(r"# (ns|us|ms|s|min|h)\b( # (ns|us|ms|s|min|h)\b)*", "# TIME", line)
    return re.sub(r"\s+", " ", line.replace(" (inlined)", "")).strip()


def agrees(lines, printed, numbers_vary):
    """Whether a page's lines, which may leave some out, are what was printed."""
    if numbers_vary:
        lines, printed = [masked(line) for line in lines], [masked(line) for line in printed]
    text = ""
    for line in lines:
        if line.strip() == "[...]":
            text += r"(?:.*\n)*?"
        else:
            text += ".*".join(re.escape(part) for part in line.split("[...]")) + r"\n"
    return re.fullmatch(text, "".join(line + "\n" for line in printed)) is not None


def environment_of(settings=()):
    environment = {k: v for k, v in os.environ.items() if not k.startswith("ALKAID_")}
    environment.update(setting.split("=", 1) for setting in settings)
    return environment


def run(command, settings, folder):
    done = subprocess.run(command, cwd=folder, env=environment_of(settings), timeout=60, text=True,
                          stdout=subprocess.PIPE)
    return done.returncode, done.stdout.splitlines()


class Shell:
    """One for each page, which keeps its functions and variables."""

    def __init__(self, folder, programs, alkaid):
        path = os.pathsep.join([str(programs), str(alkaid.parent), os.environ.get("PATH", "")])
        self._bash = subprocess.Popen(
            ["bash"], cwd=folder, env={**environment_of(), "PATH": path}, text=True,
            errors="replace", stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT)

    def run(self, command):
        """The lines that it prints."""
        self._bash.stdin.write(f"{{ {command}\n}} < /dev/null\n"
                               "status=$?; printf '\\n\\001\\n'; (exit $status)\n")
        self._bash.stdin.flush()
        printed = []
        for line in self._bash.stdout:
            if line == "\001\n":
                break
            printed.append(line.rstrip("\n"))
        while printed and printed[-1] == "":
            printed.pop()
        return printed

    def close(self):
        self._bash.stdin.close()
        self._bash.stdout.close()
        self._bash.wait()


def typed(lines):
    """(command, what it prints) of a fence of text; the command is None before the first one."""
    steps = [(None, [])]
    for line in lines:
        if line.startswith("$ "):
            steps.append((line[2:], []))
        else:
            steps[-1][1].append(line)
    return steps if steps[0][1] else steps[1:]


def lacks(lines, backends):
    """A backend that the lines name and this build has not."""
    text = "\n".join(lines)
    return next((name for name in ("mimalloc", "jemalloc")
                 if name in text and name not in backends), None)


def includes(lines):
    return [line for line in lines if line.startswith("#include")]


class Checker:
    """Goes over the pages."""

    def __init__(self, root, programs, alkaid, folder):
        self.root, self.programs, self.alkaid, self.folder = root, programs, alkaid, folder
        self.files = {path.stem: path for path in (root / "docs" / "samples").glob("*.c*")}
        self.samples = {name: path.read_text().splitlines() for name, path in self.files.items()}
        self.faults, self.shown, self.ran, self.left = [], set(), 0, []
        self.backends = []
        if alkaid is not None:
            _, info = run([alkaid, "info", "--json"], [], folder)
            self.backends = [one["name"] for one in json.loads("\n".join(info))["backends"]]
            self.tracks_malloc = run([alkaid, "run", "--track", "--", "true"], [], folder)[0] == 0

    def write_files(self, page):
        for _, _, lines, above in fences(page):
            if mark := FILE.fullmatch(above):
                (pathlib.Path(self.folder) / mark[1]).write_text("\n".join(lines) + "\n")

    def check(self, page):
        for target in links(page):
            if not (page.parent / target).exists():
                self.faults.append(f"{page.name}: links to {target}, which is not there")
        included, shell, printed, tracks = {}, None, [], False
        for number, language, lines, above in fences(page):
            where = f"{page.name}:{number}"
            if mark := MARK.fullmatch(above):
                self.check_sample(where, lines, mark, included)
            elif mark := COMMAND.fullmatch(above):
                self.check_command(where, lines, mark)
            elif mark := SHELL.fullmatch(above):
                if self.alkaid is None:
                    continue
                if language == "sh":
                    tracks = any("run --track" in line for line in lines)
                if tracks and not self.tracks_malloc:
                    if language == "text":
                        self.left.append(f"{where}: this build has no alkaid run --track")
                    continue
                shell = shell or Shell(self.folder, self.programs, self.alkaid)
                if language == "sh":
                    printed = shell.run("\n".join(lines))
                else:
                    self.check_shell(where, lines, shell, printed, bool(mark[1]))
            elif language in ("cpp", "c"):
                self.faults.append(f"{where}: {language} that names no sample")
            elif (language == "text" and SAID.fullmatch(above) is None
                  and page.name not in BY_ANOTHER_TEST):
                self.faults.append(f"{where}: text of which nothing says what prints it")
            elif said := SAID.fullmatch(above):
                if said[1].startswith("not compared"):
                    self.left.append(f"{where}: {said[1]}")
        if shell is not None:
            shell.close()

    def check_sample(self, where, lines, mark, included):
        kind, name, settings = mark[1], mark[2], mark[3].split()
        if name not in self.samples or not (self.programs / name).is_file():
            self.faults.append(f"{where}: there is no sample {name}")
        elif kind == "sample":
            self.shown.add(name)
            included.setdefault(name, set()).update(includes(lines))
            missing = [line for line in includes(self.samples[name]) if line not in included[name]]
            if missing:
                self.faults.append(f"{where}: shows {name} without {', '.join(missing)}")
            if not is_run_of(lines, self.samples[name]):
                self.faults.append(f"{where}: differs from docs/samples/{self.files[name].name}")
        else:
            code, printed = run([self.programs / name], settings, self.folder)
            self.compare(where, name, lines, printed, False, code)

    def check_command(self, where, lines, mark):
        if self.alkaid is None or self.lacks(where, lines):
            return
        code, printed = run([self.alkaid, *mark[2].split()], [], self.folder)
        self.compare(where, f"alkaid {mark[2]}", lines, printed, bool(mark[1]), code)

    def check_shell(self, where, lines, shell, printed, numbers_vary):
        if self.lacks(where, lines):
            return
        for command, expected in typed(lines):
            if command is not None:
                printed = shell.run(command)
            self.compare(where, command or "what is above it", expected, printed, numbers_vary)

    def compare(self, where, what, lines, printed, numbers_vary, code=0):
        self.ran += 1
        if code != 0 or not agrees(lines, printed, numbers_vary):
            self.faults.append(f"{where}: {what} exits {code} and prints\n    "
                               + "\n    ".join(printed))

    def lacks(self, where, lines):
        missing = lacks(lines, self.backends)
        if missing:
            self.left.append(f"{where}: this build is without {missing}")
        return missing


def self_test():
    """Plants what the comparison has to find."""
    assert is_run_of(["b", "// ...", "d"], ["a", "b", "c", "d"])
    assert not is_run_of(["d", "// ...", "b"], ["a", "b", "c", "d"])
    assert not is_run_of(["a", "c"], ["a", "b", "c"])
    for page, printed, vary, same in (
            ("a", "a", False, True), ("a", "b", False, False), ("a", "a\nb", False, False),
            ("a\n[...]", "a\nb\nc", False, True), ("[...]\nc", "a\nb", False, False),
            ("x [...] z", "x y z", False, True), ("x [...] z", "x y", False, False),
            ("3 us", "4 us", False, False), ("3 us, 0x1f", "1 min 04 s, 0x2", True, True),
            ("+1,024 bytes", "7 bytes", True, True), ("3 blocks", "3 bytes", True, False),
            ("sha256", "sha512", True, True), ("a 3", "a", True, False),
            ("#1 f at f.cc:3", "#2  f at f.cc:4 (inlined)", True, True)):
        assert agrees(page.split("\n"), printed.split("\n"), vary) == same, (page, printed)
    assert typed(["$ ls", "a", "$ pwd"]) == [("ls", ["a"]), ("pwd", [])]
    assert typed(["a"]) == [(None, ["a"])]
    assert lacks(["over mimalloc"], ["system"]) == "mimalloc"
    assert lacks(["over mimalloc"], ["mimalloc"]) is None
    print("planted differences are found")


def main():
    if sys.argv[1:] == ["--self-test"]:
        self_test()
        return 0
    root, programs, *rest = (pathlib.Path(argument).resolve() for argument in sys.argv[1:])
    pages = [root / "README.md", *sorted((root / "docs").glob("*.md"))]
    with tempfile.TemporaryDirectory() as folder:
        checker = Checker(root, programs, rest[0] if rest else None, folder)
        for page in pages:
            checker.write_files(page)
        for page in pages:
            checker.check(page)
    checker.faults += [f"docs/samples/{checker.files[name].name} is shown nowhere"
                       for name in sorted(set(checker.samples) - checker.shown)]
    for line in checker.left + checker.faults:
        print(line)
    print(f"{len(pages)} pages, {len(checker.shown)} samples, {checker.ran} outputs, "
          f"{len(checker.left)} not compared, {len(checker.faults)} faults")
    return 1 if checker.faults or not checker.shown else 0


if __name__ == "__main__":
    sys.exit(main())
