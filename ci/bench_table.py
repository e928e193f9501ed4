#!/usr/bin/env python3
"""Prints the figures of the benchmark programs beside their floors and their bars.

    ci/bench_table.py [--strict] FILE...

FILE is Google Benchmark's JSON with every repetition in it. Each repetition of a case has the
counters of benchmarks/turns.h, and a label that says how to judge them, from the programs:
question=...;variant=...;bar=...

The table shows medians over the repetitions; differences and ratios are taken inside each.
Repetitions in which the threads never ran together say nothing and are left out. Exit code 0 also
when a bar is missed, 1 then with --strict, 2 when a file cannot be understood.
"""

import argparse
import json
import operator
import re
import statistics
import sys

HEADINGS = ("question", "case", "threads", "measured", "floor", "comparison", "bar", "verdict")


class Case:
    """All repetitions of one benchmark."""

    def __init__(self, run):
        self.threads = run["threads"]
        self.runs = []
        self.bars = []
        self.words = {"question": run["run_name"], "variant": ""}
        for part in filter(None, run.get("label", "").split(";")):
            key, _, value = part.partition("=")
            if key == "bar":
                self.bars.append(value)
            else:
                self.words[key] = value

    def median(self, counter):
        return statistics.median(run[counter] for run in self.runs)

    def beside_floor(self, combine):
        return statistics.median(combine(run["measured"], run["floor"]) for run in self.runs)


def load(paths):
    cases = {}
    for path in paths:
        with open(path, encoding="utf-8") as file:
            runs = json.load(file)["benchmarks"]
        for run in runs:
            if run.get("error_occurred"):
                raise ValueError(f"{path}: {run['name']}: {run.get('error_message')}")
            if run["run_type"] != "iteration":
                continue
            case = cases.setdefault(run["run_name"], Case(run))
            if run["together"] > 0:
                case.runs.append(run)
    return cases


def number(value):
    return f"{value:.2f}" if abs(value) < 1000 else f"{value:,.0f}"


def judge(bar, case):
    """The comparison in words, the bar in words, and whether it is met: None where nothing is asked."""
    kind, *words = bar.split()
    difference = case.beside_floor(operator.sub)
    ratio = case.beside_floor(operator.truediv)
    if kind == "none":
        return f"x {ratio:.2f}", "", None
    if kind == "above":
        return f"{difference:+.2f} ns", f"<= +{words[0]} ns", difference <= float(words[0])
    if kind == "times":
        return f"x {ratio:.3f}", f"<= x {words[0]}", ratio <= float(words[0])
    if kind == "speed":
        return f"{1 / ratio:.3f} of its speed", f">= {words[0]}", 1 / ratio >= float(words[0])
    if kind == "most":
        return f"x {ratio:.2f}", f"<= {words[0]} ns", case.median("measured") <= float(words[0])
    if kind == "spread":
        highest = max(run["floor_high"] for run in case.runs)
        spread = highest - min(run["floor_low"] for run in case.runs)
        return f"{difference:+.2f} ns", f"<= +{number(spread)} ns, its spread", difference <= spread
    if kind == "count":
        count = max(run[words[0]] for run in case.runs)
        return f"{count:g} {words[0]}", f"<= {words[1]}", count <= float(words[1])
    raise ValueError(f"no such bar: {bar}")


def natural(name):
    """Sorts numbers inside names by their value."""
    return [int(part) if part.isdigit() else part for part in re.split(r"(\d+)", name)]


def rows(cases):
    ordered = sorted(cases, key=lambda name: (cases[name].words["question"], natural(name)))
    for case in map(cases.get, ordered):
        if not case.runs:
            yield (case.words["question"], case.words["variant"], str(case.threads), "-", "-",
                   "threads never ran together", "", "")
            continue
        for bar in case.bars:
            comparison, asked, met = judge(bar, case)
            verdict = "" if met is None else "pass" if met else "MISS"
            yield (case.words["question"], case.words["variant"], str(case.threads),
                   number(case.median("measured")), number(case.median("floor")), comparison, asked,
                   verdict)


def table(lines):
    widths = [max(len(line[i]) for line in [HEADINGS, *lines]) for i in range(len(HEADINGS))]
    shown, question = [], None
    for line in [HEADINGS, *lines]:
        first = line[0] if line[0] != question else ""
        question = line[0]
        cells = [first.ljust(widths[0]), line[1].ljust(widths[1])]
        cells += [cell.rjust(width) for cell, width in zip(line[2:6], widths[2:6])]
        cells += [cell.ljust(width) for cell, width in zip(line[6:], widths[6:])]
        shown.append("  ".join(cells).rstrip())
    return "\n".join(shown)


def main(arguments):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--strict", action="store_true", help="exit with 1 when a bar is missed")
    parser.add_argument("files", nargs="+", metavar="FILE")
    options = parser.parse_args(arguments)
    try:
        lines = list(rows(load(options.files)))
    except (OSError, ValueError, KeyError) as error:
        print(f"bench_table.py: {error!r}", file=sys.stderr)
        return 2
    print(table(lines))
    missed = sum(line[-1] == "MISS" for line in lines)
    judged = sum(line[-1] != "" for line in lines)
    print(f"\nTimes in ns for each item and thread. {judged - missed} of {judged} bars met, "
          f"{missed} missed.")
    return 1 if missed and options.strict else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
