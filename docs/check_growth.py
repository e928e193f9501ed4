#!/usr/bin/env python3
"""Holds the pages on growing processes to what their commands print.

  check_growth.py ROOT PROGRAMS ALKAID
  check_growth.py --self-test

ROOT is the checkout; PROGRAMS the folder where the samples were built; ALKAID the command. Of each of
the pages below, in their order, the fences of sh are run by one bash in a fresh folder, and a fence of
text has to be what the one of sh before it printed, on stdout and stderr. Any number is as good as
another, and so are units of time and how many blanks there are. A line "[...]" stands for any lines.

Above a fence,

  <!-- not run: REASON -->       it is shown only
  <!-- output: NAME -->          check_samples.py compares it

What asks for a backend that the build is without is left out, and so is what follows until that is
unset again.
"""

import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile

PAGES = ("growth.md", "leak-gate.md")
SKIPPED = re.compile(r"<!-- (not run: .+|output: .+) -->")
END = "\001 end of this fence"


def fences(text):
    """Yields (line number, language, lines, the line above) of each fence."""
    above, fence = "", None
    for number, line in enumerate(text.splitlines(), 1):
        if fence is None:
            if line.startswith("```"):
                fence = (number, line[3:].strip(), [], above)
            above = line
        elif line.startswith("```"):
            yield fence
            above, fence = "", None
        else:
            fence[2].append(line)


def masked(line):
    """The line with all numbers alike."""
    line = re.sub(r"[-+]?(?<![\w.])\d[\d,.:]*", "#", line)
    line = re.sub(r"# (ns|us|ms|s|min|h|days?)\b( # (ns|us|ms|s|min|h|days?)\b)*", "# TIME", line)
    line = re.sub(r"\d+", "#", line)
    return re.sub(r"\s+", " ", line).strip()


def agrees(lines, printed):
    text = ""
    for line in lines:
        text += r"(?:.*\n)*?" if line.strip() == "[...]" else re.escape(masked(line)) + r"\n"
    return re.fullmatch(text, "".join(masked(line) + "\n" for line in printed)) is not None


class Shell:
    """Keeps its variables from fence to fence."""

    def __init__(self, folder, programs, alkaid):
        environment = {k: v for k, v in os.environ.items() if not k.startswith("ALKAID_")}
        path = os.pathsep.join([str(programs), str(alkaid.parent), environment.get("PATH", "")])
        self.bash = subprocess.Popen(["bash"], cwd=folder, env={**environment, "PATH": path},
                                     text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                     stderr=subprocess.STDOUT)

    def run(self, lines):
        self.bash.stdin.write("\n".join([*lines, f"printf '\\n{END}\\n'"]) + "\n")
        self.bash.stdin.flush()
        printed = []
        for line in self.bash.stdout:
            if line.rstrip("\n") == END:
                break
            printed.append(line.rstrip("\n"))
        while printed and not printed[-1]:
            printed.pop()
        return printed

    def close(self):
        self.bash.stdin.close()
        self.bash.stdout.close()
        self.bash.wait()


def missing_of(alkaid):
    """The backends that pages name and the build is without."""
    info = json.loads(subprocess.run([alkaid, "info", "--json"], check=True,
                                     stdout=subprocess.PIPE).stdout)
    return {"mimalloc", "jemalloc"} - {one["name"] for one in info["backends"]}


def check(name, text, folder, programs, alkaid, missing=()):
    """(how many blocks were compared, what is wrong)"""
    shell, printed, compared, faults = Shell(folder, programs, alkaid), None, 0, []
    leaves_out = False
    for number, language, lines, above in fences(text):
        if SKIPPED.fullmatch(above):
            continue
        if language == "sh":
            all_lines = " ".join(lines)
            leaves_out = (any(one in all_lines for one in missing)
                          or leaves_out and "unset ALKAID_DEFAULT_MEMORY_POOL" not in all_lines)
        if leaves_out:
            print(f"{name}:{number}: left out, since this build is without {', '.join(missing)}")
        elif language == "sh":
            printed = shell.run(lines)
        elif language == "text":
            compared += 1
            if printed is None or not agrees(lines, printed):
                faults.append(f"{name}:{number}: what is above it prints\n    "
                              + "\n    ".join(printed or []))
    shell.close()
    return compared, faults


def self_test():
    """Plants what the comparison has to find."""
    for page, printed, same in (
            ("a", "a", True), ("a", "b", False), ("a", "a\nb", False), ("[...]\nb", "a\nb", True),
            ("a\n[...]", "a\nb\nc", True), ("[...]\nc", "a\nb", False),
            ("RSS +1.01 MB,  3 s", "RSS +12.5 MB, 1 min 04 s", True),
            ("between -0.1 and +2", "between +0.1 and +0.2", True),
            ("Verdict: leak", "Verdict: none", False), ("heap.1", "heap.12", True)):
        assert agrees(page.split("\n"), printed.split("\n")) == same, (page, printed)
    page = "```sh\necho one 1\n```\n```text\none 2\n```\n```sh\necho two\n```\n```text\none\n```\n"
    with tempfile.TemporaryDirectory() as folder:
        compared, faults = check("page", page, folder, pathlib.Path("/"), pathlib.Path("/bin/true"))
        page = page.replace("echo two", "echo jemalloc")
        assert check("page", page, folder, pathlib.Path("/"), pathlib.Path("/bin/true"),
                     {"jemalloc"}) == (1, [])
    assert compared == 2 and len(faults) == 1 and faults[0].startswith("page:10:"), faults
    print("planted differences are found")


def main():
    if sys.argv[1:] == ["--self-test"]:
        self_test()
        return 0
    root, programs, alkaid = (pathlib.Path(argument).resolve() for argument in sys.argv[1:])
    all_compared, all_faults = 0, []
    with tempfile.TemporaryDirectory() as folder:
        for name in PAGES:
            compared, faults = check(name, (root / "docs" / name).read_text(), folder, programs,
                                     alkaid, missing_of(alkaid))
            all_compared += compared
            all_faults += faults
    for fault in all_faults:
        print(fault)
    print(f"{len(PAGES)} pages, {all_compared} blocks, {len(all_faults)} faults")
    return 1 if all_faults or not all_compared else 0


if __name__ == "__main__":
    sys.exit(main())
