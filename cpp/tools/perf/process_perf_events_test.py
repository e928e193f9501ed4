#!/usr/bin/python3 -B
"""Tests of process_perf_events.py, with output of perf script as short samples."""

import contextlib
import io
import json
import os
import tempfile
import unittest

import process_perf_events

# As perf 5 printed it for another library.
OLD_SAMPLE = """\
arrow-array-tes 14344 [003]  7501.073802: probe_libarrow:je_arrow_mallocx: \
(7fbcd20bb640) size=0x80 flags=6
\t7fbcd20bb640 je_arrow_mallocx+0x0 (/build/libarrow.so.700.0.0)
\t55a38b163859 alkaid::BufferBuilder::Resize+0x12d (/build/arrow-array-test)

arrow-array-tes 14344 [003]  7501.073810: probe_libarrow:je_arrow_mallocx__return: \
(7fbcd20bb640 <- 7fbcd20bddf0) arg1=0x7f4a97e09000
\t7fbcd20bddf0 alkaid::PoolBuffer::Resize+0xed (/build/libarrow.so.700.0.0)
"""


def events_of(text):
    faults = []
    events = list(process_perf_events.parse_events(
        io.StringIO(text), lambda number, fault: faults.append((number, fault))))
    return events, faults


class ProcessPerfEvents(unittest.TestCase):

    def only_event(self, line):
        events, faults = events_of(line)
        self.assertEqual(faults, [])
        self.assertEqual(len(events), 1)
        return events[0]

    def test_an_old_sample_gives_every_event_the_last_one_too(self):
        events, faults = events_of(OLD_SAMPLE)
        self.assertEqual(faults, [])
        self.assertEqual([event["event"] for event in events],
                         ["probe_libarrow:je_arrow_mallocx",
                          "probe_libarrow:je_arrow_mallocx__return"])
        self.assertEqual(list(events[0])[:4], ["time", "event", "params", "traceback"])
        self.assertEqual(events[0]["time"], 7501.073802)
        self.assertEqual(events[0]["params"], {"size": "0x80", "flags": "6"})
        self.assertEqual(events[1]["params"], {"arg1": "0x7f4a97e09000"})
        self.assertEqual(events[0]["traceback"].splitlines(),
                         ["7fbcd20bb640 je_arrow_mallocx+0x0 (/build/libarrow.so.700.0.0)",
                          "55a38b163859 alkaid::BufferBuilder::Resize+0x12d "
                          "(/build/arrow-array-test)"])
        self.assertIn("PoolBuffer::Resize", events[1]["traceback"])

    def test_events_without_a_call_chain_follow_each_other_directly(self):
        events, _ = events_of("a 1 [000] 1.5: alkaid_9:free: (7f) ptr=0x10 size=4 pool=0x1\n"
                              "a 1 [000] 1.6: alkaid_9:free: (7f) ptr=0x20 size=4 pool=0x1\n")
        self.assertEqual([event["params"]["ptr"] for event in events], ["0x10", "0x20"])
        self.assertEqual([event["traceback"] for event in events], ["", ""])

    def test_a_command_name_may_hold_blanks_brackets_and_colons(self):
        for name in ("Web Content", "a [1] b: c", "12 monkeys", ":4711", "", "perf(1) x"):
            event = self.only_event(f"{name:>16} 14344/14345 [012] 7.000001: g:e: (7f) size=1\n")
            self.assertEqual(event["comm"], name)
            self.assertEqual((event["pid"], event["tid"], event["cpu"]), (14344, 14345, 12))

    def test_the_cpu_and_the_process_may_be_missing(self):
        event = self.only_event("prog 7 1.000001: g:e: (7f) size=1\n")
        self.assertEqual((event["tid"], event["time"]), (7, 1.000001))
        self.assertNotIn("cpu", event)
        self.assertNotIn("pid", event)

    def test_a_label_may_hold_blanks_quotes_and_equals_signs(self):
        event = self.only_event('p 1 [0] 1.0: alkaid_9:allocate: (7f) ptr=0x10 size=4 pool=0x1 '
                                'label="a "b" = c"\n')
        self.assertEqual(event["params"], {"ptr": "0x10", "size": "4", "pool": "0x1",
                                           "label": 'a "b" = c'})
        event = self.only_event('p 1 [0] 1.0: alkaid_9:allocate: (7f) label="" size=4\n')
        self.assertEqual(event["params"], {"label": "", "size": "4"})

    def test_other_kinds_of_events_pass(self):
        event = self.only_event("prog 7 [000] 1.0:     250000 cpu-clock:u: \n\t55 main+0x1 (/a)\n")
        self.assertEqual((event["event"], event["params"]), ("cpu-clock:u", {}))
        self.assertEqual(event["traceback"], "55 main+0x1 (/a)\n")

    def test_a_loss_that_perf_reports_is_an_event(self):
        event = self.only_event("prog 7 [000] 1.0: PERF_RECORD_LOST lost 12\n")
        self.assertEqual((event["event"], event["params"]), ("lost", {"lost": "12"}))

    def test_malformed_lines_are_named_by_number_and_the_rest_is_kept(self):
        events, faults = events_of("\t55 stray+0x1 (/a)\n"
                                   "not an event\n"
                                   "\t55 of_that+0x1 (/a)\n"
                                   "\n"
                                   "p 1 [0] 1.0: g:e: (7f) size\n"
                                   "p 1 [0] 2.0: g:e: (7f) size=1\n")
        self.assertEqual([number for number, _ in faults], [1, 2, 5])
        self.assertIn("not an event", faults[1][1])
        self.assertIn("'size'", faults[2][1])
        self.assertEqual([event["time"] for event in events], [2.0])

    def test_the_program_says_so_and_exits_1(self):
        with tempfile.TemporaryDirectory() as folder:
            file = os.path.join(folder, "script.txt")
            with open(file, "w", encoding="utf-8") as script:
                script.write(OLD_SAMPLE + "rubbish\n")
            out, err = io.StringIO(), io.StringIO()
            with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
                status = process_perf_events.main([file])
        self.assertEqual(status, 1)
        self.assertEqual(len([json.loads(line) for line in out.getvalue().splitlines()]), 2)
        self.assertIn(f"{file}:7: no event: 'rubbish'", err.getvalue())

    def test_comments_of_a_header_are_passed_over(self):
        events, faults = events_of("# ========\n# captured on: today\n#\n" + OLD_SAMPLE)
        self.assertEqual((len(events), faults), (2, []))


if __name__ == "__main__":
    unittest.main()
