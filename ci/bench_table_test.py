#!/usr/bin/env python3
"""Tests of bench_table.py on figures made here: what is missed must be shown as missed."""

import contextlib
import io
import json
import os
import tempfile
import unittest

import bench_table


def runs(bar, measured, floor, apart=0, name="case", threads=1, together=1, **counters):
    """One repetition for each pair of figures. Google Benchmark's own times are nonsense: no one may use them."""
    for mine, base in zip(measured, floor):
        yield {"name": name, "run_name": name, "run_type": "iteration", "threads": threads,
               "time_unit": "ns", "real_time": 1e9, "cpu_time": 1e9,
               "label": f"question=q;variant=v;bar={bar}", "measured": mine, "floor": base,
               "floor_low": base - 1, "floor_high": base + apart - 1, "together": together, **counters}


def show(*cases, strict=False):
    """The exit code and what was printed."""
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "figures.json")
        with open(path, "w", encoding="utf-8") as file:
            json.dump({"benchmarks": [run for case in cases for run in case]}, file)
        out = io.StringIO()
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(out):
            code = bench_table.main((["--strict"] if strict else []) + [path])
    return code, out.getvalue()


def verdicts(*cases):
    return [line.split()[-1] for line in show(*cases)[1].splitlines()
            if line.endswith(("pass", "MISS"))]


class BenchTable(unittest.TestCase):
    def test_a_bar_that_is_missed_is_shown_as_missed(self):
        for bar, met, missed in (("above 6", 16, 16.1), ("times 1.1", 11, 11.1),
                                 ("speed 0.9", 11, 11.2), ("most 8", 8, 8.1)):
            with self.subTest(bar):
                self.assertEqual(verdicts(runs(bar, [met], [10])), ["pass"])
                self.assertEqual(verdicts(runs(bar, [missed], [10])), ["MISS"])

    def test_a_miss_fails_the_program_only_when_asked_to(self):
        code, out = show(runs("above 6", [30], [10]))
        self.assertEqual(code, 0)
        self.assertIn("0 of 1 bars met, 1 missed", out)
        self.assertEqual(show(runs("above 6", [30], [10]), strict=True)[0], 1)
        self.assertEqual(show(runs("above 6", [9], [10]), strict=True)[0], 0)

    def test_differences_are_taken_inside_each_repetition(self):
        # The medians, 107 and 100, are 7 apart; run by run it is 5.
        _, out = show(runs("above 6", [15, 107, 1005], [10, 100, 1000]))
        self.assertIn("+5.00 ns", out)
        self.assertIn("pass", out)

    def test_the_median_counts_and_not_the_worst(self):
        self.assertEqual(verdicts(runs("above 6", [15, 15, 900], [10, 10, 10])), ["pass"])
        self.assertEqual(verdicts(runs("above 6", [15, 900, 900], [10, 10, 10])), ["MISS"])

    def test_within_the_spread_of_the_floors_turns_over_all_repetitions(self):
        self.assertEqual(verdicts(runs("spread", [112], [100], apart=12)), ["pass"])
        self.assertEqual(verdicts(runs("spread", [113], [100], apart=12)), ["MISS"])
        # The floor's turns went from 99 to 114 in one and from 109 to 124 in the other.
        self.assertEqual(verdicts(runs("spread", [124, 134], [100, 110], apart=15)), ["pass"])

    def test_threads_that_did_not_run_together_judge_nothing(self):
        apart = list(runs("above 6", [99], [10], threads=2, together=0))
        code, out = show(apart, strict=True)
        self.assertEqual(code, 0)
        self.assertIn("never ran together", out)
        self.assertEqual(verdicts(apart + list(runs("above 6", [15], [10], threads=2))), ["pass"])

    def test_each_bar_of_a_case_has_a_row_and_counts_are_judged_by_the_worst(self):
        case = list(runs("times 1.2;bar=count reallocations 20", [11, 11], [10, 10],
                         reallocations=17))
        self.assertEqual(verdicts(case), ["pass", "pass"])
        case[1]["reallocations"] = 21
        self.assertEqual(verdicts(case), ["pass", "MISS"])
        self.assertIn("21 reallocations", show(case)[1])

    def test_what_is_only_shown_is_not_judged(self):
        code, out = show(runs("none", [99], [10]), strict=True)
        self.assertEqual(code, 0)
        self.assertIn("x 9.90", out)
        self.assertIn("0 of 0 bars met", out)

    def test_one_thread_and_two_are_two_rows(self):
        out = show(runs("above 6", [15], [10]), runs("above 6", [17], [10], name="two", threads=2))[1]
        self.assertIn("1 of 2 bars met", out)

    def test_what_is_no_result_is_refused(self):
        code, out = show([{"name": "case", "error_occurred": True, "error_message": "broken"}])
        self.assertEqual(code, 2)
        self.assertIn("broken", out)
        for case in (runs("unheard-of 3", [1], [1]), runs("count lost 3", [1], [1])):
            self.assertEqual(show(case)[0], 2)


if __name__ == "__main__":
    unittest.main()
