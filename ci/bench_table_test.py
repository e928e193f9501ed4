#!/usr/bin/env python3
"""Tests of bench_table.py on figures made here: what is missed must be shown as missed."""

import contextlib
import io
import json
import os
import tempfile
import unittest

import bench_table


def runs(name, times, label="", threads=1, **counters):
    """One repetition for each time; the other clock shows nonsense, so that using it is noticed."""
    suffix = f"/real_time/threads:{threads}" if threads > 1 else ""
    for time in times:
        clocks = {"real_time": 1e9, "cpu_time": time}
        if threads > 1:
            clocks = {"real_time": time / threads, "cpu_time": 1e9}
        yield {"name": name + suffix, "run_name": name + suffix, "run_type": "iteration",
               "threads": threads, "time_unit": "ns", "label": label, **clocks, **counters}


def label(bar, **fields):
    fields = {"question": "q", "variant": "v", "floor": "floor", **fields}
    return ";".join(f"{key}={value}" for key, value in fields.items()) + f";bar={bar}"


class BenchTable(unittest.TestCase):
    def show(self, *cases, strict=False):
        """The exit code and what was printed."""
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "figures.json")
            with open(path, "w", encoding="utf-8") as file:
                json.dump({"benchmarks": [run for case in cases for run in case]}, file)
            out = io.StringIO()
            with contextlib.redirect_stdout(out), contextlib.redirect_stderr(out):
                code = bench_table.main((["--strict"] if strict else []) + [path])
        return code, out.getvalue()

    def verdicts(self, bar, measured, floor, **more):
        _, out = self.show(runs("floor", floor), runs("case", measured, label(bar), **more))
        return [line.split()[-1] for line in out.splitlines() if line.startswith("q ")]

    def test_a_bar_that_is_missed_is_shown_as_missed(self):
        for bar, met, missed in (("above 6", 16, 16.1), ("times 1.1", 11, 11.1),
                                 ("speed 0.9", 11, 11.2), ("most 8", 8, 8.1)):
            with self.subTest(bar):
                self.assertEqual(self.verdicts(bar, [met], [10]), ["pass"])
                self.assertEqual(self.verdicts(bar, [missed], [10]), ["MISS"])

    def test_a_miss_fails_the_program_only_when_asked_to(self):
        cases = lambda: (runs("floor", [10]), runs("case", [30], label("above 6")))
        code, out = self.show(*cases())
        self.assertEqual(code, 0)
        self.assertIn("0 of 1 bars met, 1 missed", out)
        self.assertEqual(self.show(*cases(), strict=True)[0], 1)
        self.assertEqual(self.show(runs("floor", [10]), runs("case", [9], label("above 6")),
                                   strict=True)[0], 0)

    def test_the_median_counts_and_not_the_worst(self):
        self.assertEqual(self.verdicts("above 6", [15, 15, 900], [10, 10, 1]), ["pass"])
        self.assertEqual(self.verdicts("above 6", [15, 900, 900], [10, 10, 900]), ["MISS"])

    def turns(self, bar, mine, floor, spread):
        case = list(runs("case", [1] * len(mine), "question=q;variant=v;counter=mine;"
                         f"counter=floor;counter=apart;bar={bar}"))
        for run, *times in zip(case, mine, floor, spread):
            run.update(zip(("mine", "floor", "apart"), times))
        return self.show(case)[1]

    def test_what_took_turns_is_compared_run_by_run(self):
        out = self.turns("above 6", [15, 105, 1005], [10, 100, 1000], [0, 0, 0])
        self.assertIn("+5.00 ns", out)
        self.assertIn("pass", out)
        self.assertIn("MISS", self.turns("above 6", [17, 107, 3], [10, 100, 1], [9, 9, 9]))

    def test_the_spread_is_that_of_the_floors_turns(self):
        self.assertIn("pass", self.turns("spread", [112, 117, 116], [100, 105, 104], [12, 0, 99]))
        self.assertIn("MISS", self.turns("spread", [113, 118, 117], [100, 105, 104], [12, 0, 99]))

    def test_threads_are_compared_by_the_clock_and_with_as_many_threads(self):
        _, out = self.show(runs("floor", [1]), runs("floor", [10], threads=2),
                           runs("case", [15], label("above 6"), threads=2))
        self.assertIn("+5.00 ns", out)
        self.assertIn("pass", out)

    def test_times_are_for_each_item(self):
        _, out = self.show(runs("floor", [500], "items=100"),
                           runs("case", [900], label("most 8", items="100")))
        self.assertIn("9.00", out)
        self.assertIn("5.00", out)
        self.assertIn("MISS", out)

    def test_each_bar_of_a_case_has_a_row_and_counts_are_judged_by_the_worst(self):
        case = list(runs("case", [11, 11], label("times 1.2;bar=count reallocations 20"),
                         reallocations=17))
        case[1]["reallocations"] = 21
        _, out = self.show(runs("floor", [10]), case)
        self.assertIn("1 of 2 bars met, 1 missed", out)
        self.assertIn("21 reallocations", out)

    def test_a_floor_that_was_not_run_is_said_and_judges_nothing(self):
        code, out = self.show(runs("case", [11], label("above 6")), strict=True)
        self.assertEqual(code, 0)
        self.assertIn("floor was not run", out)
        self.assertIn("0 of 0 bars met", out)

    def test_what_is_no_result_is_refused(self):
        code, out = self.show([{"name": "case", "error_occurred": True, "error_message": "broken"}])
        self.assertEqual(code, 2)
        self.assertIn("broken", out)
        code, out = self.show(runs("floor", [1]), runs("case", [1], label("unheard-of 3")))
        self.assertEqual(code, 2)
        self.assertIn("no such bar", out)


if __name__ == "__main__":
    unittest.main()
