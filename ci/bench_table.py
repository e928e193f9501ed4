#!/usr/bin/env python3
"""Prints the figures of the benchmark programs beside their floors and their bars.

    ci/bench_table.py [--strict] FILE...

FILE is Google Benchmark's JSON with every repetition in it. What a case is measured against stands
in its label (benchmarks/benchmark_program.h): question=...;variant=...;items=N;floor=...;bar=...
Where it names counters instead of a floor, they are the case's own time, its floor's, and how far
its floor's turns lay apart, from turns inside one run: differences are then taken run by run.

A figure is the median over the repetitions: processor time of the thread for cases of one thread,
time on the clock for cases of several; in ns for each item and thread. Exit code 0 also when a bar
is missed, 1 then with --strict, 2 when a file can not be understood.
"""

import argparse
import json
import re
import statistics
import sys

HEADINGS = ("question", "case", "threads", "measured", "floor", "comparison", "bar", "verdict")
THREADS = re.compile(r"(/real_time|/manual_time)?(/threads:\d+)?$")


class Case:
    """All repetitions of one benchmark."""

    def __init__(self, run):
        self.name = run["run_name"]
        self.threads = run["threads"]
        self.fields = {}
        self.bars = []
        self.own_clocks = []
        for part in filter(None, run.get("label", "").split(";")):
            key, _, value = part.partition("=")
            if key == "bar":
                self.bars.append(value)
            elif key == "counter":
                self.own_clocks.append(value)
            else:
                self.fields[key] = value
        self.clocked = []
        self.counters = {}

    def add(self, run):
        scale = {"ns": 1, "us": 1e3, "ms": 1e6, "s": 1e9}[run["time_unit"]]
        # The time on the clock is reported for each iteration of all threads together.
        time = run["real_time"] * self.threads if self.threads > 1 else run["cpu_time"]
        self.clocked.append(time * scale / int(self.fields.get("items", 1)))
        for key, value in run.items():
            if isinstance(value, (int, float)):
                self.counters.setdefault(key, []).append(value)

    @property
    def times(self):
        return self.counters[self.own_clocks[0]] if self.own_clocks else self.clocked

    def floor(self, cases):
        """The floor's times, as often as it was run; empty where it was not."""
        if self.own_clocks:
            return self.counters[self.own_clocks[1]]
        floor = cases.get(self.fields.get("floor", "") + THREADS.search(self.name).group(0))
        return floor.times if floor else []


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
            if run["run_name"] not in cases:
                cases[run["run_name"]] = Case(run)
            cases[run["run_name"]].add(run)
    return cases


def number(value):
    return f"{value:.2f}" if abs(value) < 1000 else f"{value:,.0f}"


def over_floor(case, floor, combine):
    """How the case compares with its floor: run by run where they shared their runs."""
    if case.own_clocks:
        return statistics.median(map(combine, case.times, floor))
    return combine(statistics.median(case.times), statistics.median(floor))


def compare(bar, case, floor):
    """The comparison in words, the bar in words, and whether it is met: None where nothing is asked."""
    kind, *words = bar.split()
    if kind not in ("count", "most", "none", "above", "times", "speed", "spread"):
        raise ValueError(f"{case.name}: no such bar: {bar}")
    if kind == "count":
        count = max(case.counters[words[0]])
        return f"{count:g} {words[0]}", f"<= {words[1]}", count <= float(words[1])
    if not floor and kind != "most":
        return "floor was not run", bar, None
    difference = over_floor(case, floor, lambda time, base: time - base) if floor else 0
    ratio = over_floor(case, floor, lambda time, base: time / base) if floor else 0
    if kind == "most":
        shown = f"x {ratio:.2f}" if floor else ""
        return shown, f"<= {words[0]} ns", statistics.median(case.times) <= float(words[0])
    if kind == "none":
        return f"x {ratio:.2f}", "", None
    if kind == "above":
        return f"{difference:+.2f} ns", f"<= +{words[0]} ns", difference <= float(words[0])
    if kind == "times":
        return f"x {ratio:.3f}", f"<= x {words[0]}", ratio <= float(words[0])
    if kind == "speed":
        return f"{1 / ratio:.3f} of its speed", f">= {words[0]}", 1 / ratio >= float(words[0])
    spread = statistics.median(case.counters[case.own_clocks[2]])
    return f"{difference:+.2f} ns", f"<= +{number(spread)} ns, raw's spread", difference <= spread


def rows(cases):
    for name in sorted(cases, key=lambda n: (cases[n].fields.get("question", ""), natural(n))):
        case = cases[name]

        floor = case.floor(cases)
        for bar in case.bars:
            comparison, asked, met = compare(bar, case, floor)
            verdict = "" if met is None else "pass" if met else "MISS"
            yield (
                case.fields["question"], case.fields["variant"], str(case.threads),
                number(statistics.median(case.times)),
                number(statistics.median(floor)) if floor else "-",
                comparison, asked, verdict,
            )


def natural(name):
    """Sorts numbers inside names by their value."""
    return [int(part) if part.isdigit() else part for part in re.split(r"(\d+)", name)]


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
        print(f"bench_table.py: {error}", file=sys.stderr)
        return 2
    print(table(lines))
    missed = sum(line[-1] == "MISS" for line in lines)
    judged = sum(line[-1] != "" for line in lines)
    print(f"\nns for each item and thread, medians over the repetitions: {judged - missed} of "
          f"{judged} bars met, {missed} missed")
    return 1 if missed and options.strict else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
