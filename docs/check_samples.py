#!/usr/bin/env python3
"""Holds the pages to what the programs in docs/samples really are and print.

  check_samples.py ROOT PROGRAMS [ALKAID]

ROOT is the checkout; PROGRAMS the folder where the samples were built; ALKAID the command, without
which its output is not checked. In README.md and docs/*.md

  <!-- sample: NAME -->            the fence below is a run of lines of docs/samples/NAME.cc, or
                                   NAME.c where it is C
  <!-- output: NAME [VAR=x ...] -->  the text fence below is all that the program NAME prints
  <!-- command: ARGUMENTS -->      ... that `alkaid ARGUMENTS` prints

A fence of C++ or C without such a line is an error, and so is a sample that no page shows. All
programs run in one fresh folder, in the order of the pages, with no ALKAID_ variable set but those of
the line.
Links between pages must lead somewhere.
"""

import os
import pathlib
import re
import subprocess
import sys
import tempfile

MARK = re.compile(r"<!-- (sample|output): (\w+)((?: \w+=\S*)*) -->")
COMMAND = re.compile(r"<!-- command: (.*) -->")
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
    part = [line.strip() for line in part]
    whole = [line.strip() for line in whole]
    return any(whole[i : i + len(part)] == part for i in range(len(whole) - len(part) + 1))


def run(command, settings, folder):
    environment = {k: v for k, v in os.environ.items() if not k.startswith("ALKAID_")}
    environment.update(setting.split("=", 1) for setting in settings)
    done = subprocess.run(command, cwd=folder, env=environment, timeout=60, text=True,
                          stdout=subprocess.PIPE)
    return done.returncode, done.stdout.splitlines()


def main():
    root, programs, *rest = (pathlib.Path(argument).resolve() for argument in sys.argv[1:])
    files = {path.stem: path for path in (root / "docs" / "samples").glob("*.c*")}
    samples = {name: path.read_text().splitlines() for name, path in files.items()}
    pages = [root / "README.md", *sorted((root / "docs").glob("*.md"))]
    faults, shown, ran = [], set(), 0
    with tempfile.TemporaryDirectory() as folder:
        for page in pages:
            for target in links(page):
                if not (page.parent / target).exists():
                    faults.append(f"{page.name}: links to {target}, which is not there")
            for number, language, lines, above in fences(page):
                where = f"{page.name}:{number}"
                command = COMMAND.fullmatch(above)
                if command is not None and rest:
                    ran += 1
                    code, printed = run([rest[0], *command[1].split()], [], folder)
                    if code != 0 or printed != lines:
                        faults.append(f"{where}: alkaid {command[1]} exits {code} and prints\n    "
                                      + "\n    ".join(printed))
                mark = MARK.fullmatch(above)
                if mark is None:
                    if language in ("cpp", "c"):
                        faults.append(f"{where}: {language} that names no sample")
                    continue
                kind, name, settings = mark[1], mark[2], mark[3].split()
                if name not in samples or not (programs / name).is_file():
                    faults.append(f"{where}: there is no sample {name}")
                elif kind == "sample":
                    shown.add(name)
                    if not is_run_of(lines, samples[name]):
                        faults.append(f"{where}: differs from docs/samples/{files[name].name}")
                else:
                    ran += 1
                    code, printed = run([programs / name], settings, folder)
                    if code != 0 or printed != lines:
                        faults.append(f"{where}: {name} exits {code} and prints\n    "
                                      + "\n    ".join(printed))
    faults += [f"docs/samples/{files[name].name} is shown nowhere"
               for name in sorted(set(samples) - shown)]
    for fault in faults:
        print(fault)
    print(f"{len(pages)} pages, {len(shown)} samples, {ran} outputs, {len(faults)} faults")
    return 1 if faults or not shown else 0


if __name__ == "__main__":
    sys.exit(main())
