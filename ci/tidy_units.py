#!/usr/bin/env python3
"""Puts the sources of each folder together, for clang-tidy.

    ci/tidy_units.py BUILD PATTERN

Reads BUILD/compile_commands.json and takes the sources whose paths, relative to the working folder,
match PATTERN. Writes BUILD/units/: for each folder, and each set of flags in it, one source that includes
them, and the commands that compile these. Prints the paths of what it wrote.

Most of what clang-tidy does for a source, it does for the headers of the standard library: so it does
that once for a folder. Sources of a folder may use the same names for what is theirs alone. Those that
clang cannot compile after others are left to be looked at alone.
"""

import collections
import concurrent.futures
import json
import os
import re
import shlex
import shutil
import subprocess
import sys

ERROR = re.compile(r"^(/[^:\n]+):\d+:\d+: (?:fatal )?error: ", re.MULTILINE)


def flags_of(entry: dict[str, str]) -> tuple[str, ...]:
    """The words of a compile command but those that name the source and what is made of it."""
    words = iter(shlex.split(entry["command"]))
    kept = []
    for word in words:
        if word == "-o":
            next(words)
        elif word not in ("-c", entry["file"]):
            kept.append(word)
    return tuple(kept)


class Unit:
    """Sources with the same flags, and the source that includes them."""

    def __init__(self, path: str, directory: str, flags: tuple[str, ...], files: list[str]) -> None:
        self.path = path
        self.directory = directory
        self.flags = flags
        self.files = files

    def write(self) -> None:
        with open(self.path, "w", encoding="utf-8") as text:
            text.writelines(f'#include "{file}"  // NOLINT\n' for file in self.files)

    def command(self) -> dict[str, str]:
        return {"directory": self.directory, "file": self.path,
                "command": shlex.join([*self.flags, "-c", self.path])}

    def compile(self, file: str) -> str:
        """What clang says of a file where it is wrong."""
        compiled = subprocess.run(
            ["clang++", *self.flags[1:], "-w", "-ferror-limit=0", "-fsyntax-only", file],
            cwd=self.directory, stdin=subprocess.DEVNULL, capture_output=True, text=True,
            check=False)
        return compiled.stderr if compiled.returncode != 0 else ""

    def part(self) -> list[str]:
        """Writes what compiles as one; the sources that do not."""
        apart: list[str] = []
        while True:
            self.write()
            if len(self.files) < 2:
                return apart
            errors = self.compile(self.path)
            if not errors:
                return apart
            at_fault = set(ERROR.findall(errors)) & set(self.files) or set(self.files[1:])
            self.files = [file for file in self.files if file not in at_fault]
            apart += sorted(at_fault)


def main() -> None:
    build, pattern = sys.argv[1:]
    with open(os.path.join(build, "compile_commands.json"), encoding="utf-8") as commands:
        entries = json.load(commands)
    groups: dict[tuple[str, str, tuple[str, ...]], set[str]] = collections.defaultdict(set)
    for entry in entries:
        path = os.path.relpath(entry["file"])
        if path.endswith(".cc") and not path.startswith("build/") and re.match(pattern, path):
            groups[os.path.dirname(path), entry["directory"], flags_of(entry)].add(entry["file"])
    if not groups:
        sys.exit(f"{sys.argv[0]}: no source of {build} matches {pattern}")

    folder = os.path.abspath(os.path.join(build, "units"))
    shutil.rmtree(folder, ignore_errors=True)
    os.makedirs(folder)
    numbers: collections.Counter[str] = collections.Counter()

    def unit_of(name: str, directory: str, flags: tuple[str, ...], files: list[str]) -> Unit:
        numbers[name] += 1
        number = f".{numbers[name]}" if numbers[name] > 1 else ""
        return Unit(os.path.join(folder, f"{name.replace('/', '.')}{number}.cc"), directory, flags,
                    files)

    # The largest first, so that those that are looked at in parallel end together.
    units = [unit_of(*key, sorted(files))
             for key, files in sorted(groups.items(), key=lambda group: (-len(group[1]), group[0]))]
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        for unit, apart in zip(list(units), pool.map(Unit.part, units)):
            for file in apart:
                own = unit_of(os.path.splitext(os.path.relpath(file))[0], unit.directory,
                                unit.flags, [file])
                own.write()
                units.append(own)
    with open(os.path.join(folder, "compile_commands.json"), "w", encoding="utf-8") as out:
        json.dump([unit.command() for unit in units], out, indent=1)
    for unit in units:
        print(unit.path)


if __name__ == "__main__":
    main()
