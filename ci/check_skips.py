#!/usr/bin/env python3
"""Fails where a test run left out a test that ci/allowed_skips.txt does not list.

    check_skips.py PRESET LOG      LOG is what `ctest --preset PRESET` printed
    check_skips.py --self-test     plants a skipped test, and one that was not run, and finds them

A line of the list: the presets, separated by commas; an expression that matches the whole name of a
test; and why it may be left out. With no-data among the presets it counts only where ALKAID_TEST_DATA
is not set. Lines that match nothing are no fault: another machine may need them.
"""

import os
import pathlib
import re
import sys

LIST = pathlib.Path(__file__).with_name("allowed_skips.txt")
# In CTest's last list: "  12 - Name (Skipped)", also (Not Run), (Disabled); the value of a test's
# parameter may follow its name.
LEFT_OUT = re.compile(r"^\s*\d+ - (\S+)(?:\s+# GetParam\(\).*)? \((Skipped|Not Run|Disabled)\)\s*$")
SUMMARY = re.compile(r"^\d+% tests passed, (\d+) tests? failed out of (\d+)")


def allowed(text, preset, has_data):
    """The expressions of `text` that are for `preset`."""
    expressions = []
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip() or line.startswith("#"):
            continue
        parts = line.split(None, 2)
        if len(parts) != 3:
            raise SystemExit(f"{LIST.name}:{number}: takes presets, an expression and a reason")
        presets = parts[0].split(",")
        if preset in presets and not ("no-data" in presets and has_data):
            expressions.append(re.compile(parts[1]))
    return expressions


def complaints(preset, log, text, has_data):
    """What is wrong with the run, and how many tests it left out as it may."""
    expressions, found, skipped, ran = allowed(text, preset, has_data), [], 0, None
    for line in log.splitlines():
        summary = SUMMARY.match(line)
        ran = int(summary.group(2)) if summary else ran
        match = LEFT_OUT.match(line)
        if not match:
            continue
        name, how = match.groups()
        if how == "Skipped" and any(e.fullmatch(name) for e in expressions):
            skipped += 1
        else:
            found.append(f"{name} was left out ({how}), and ci/{LIST.name} does not allow it")
    if not ran:
        found.append("the log has no summary of a test run")
    return found, skipped


def self_test():
    text = ("# a comment\ndev,asan  Known\\..*  a reason of its own\n"
            "dev,no-data  Real\\..*  there are no files\n")
    log = "\t 1 - Known.One (Skipped)\n\t 2 - Known.P/0  # GetParam() = (7) (Skipped)\n\t 2 - {} ({})\n98% tests passed, 0 tests failed out of 5\n"
    cases = [
        ("dev", log.format("Known.Two", "Skipped"), 0),
        ("dev", log.format("Real.One", "Skipped"), 1),
        ("dev", log.format("Unknown.One", "Skipped"), 1),
        ("dev", log.format("Known.Two", "Not Run"), 1),
        ("dev", log.format("NotKnown.Two", "Skipped"), 1),
        ("tsan", log.format("Known.Two", "Skipped"), 3),
        ("dev", "100% tests passed, 0 tests failed out of 0\n", 1),
        ("dev", "nothing of the kind\n", 1),
    ]
    wrong = [case for case in cases if len(complaints(*case[:2], text, True)[0]) != case[2]]
    if complaints("dev", log.format("Real.One", "Skipped"), text, False)[0]:
        wrong.append("a test of real files where there are none")
    for case in wrong:
        print(f"judged wrongly: {case}")
    return not wrong


def main(arguments):
    if arguments == ["--self-test"]:
        return 0 if self_test() else 1
    if len(arguments) != 2:
        print(__doc__)
        return 2
    preset, log = arguments[0], pathlib.Path(arguments[1]).read_text(errors="replace")
    found, skipped = complaints(preset, log, LIST.read_text(), bool(os.environ.get("ALKAID_TEST_DATA")))
    for line in found:
        print(line)
    if not found:
        print(f"{preset}: {skipped} tests left out, each as ci/{LIST.name} allows")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
