#!/usr/bin/python3 -B
"""Tests of process_perf_events.py, with short samples of perf script's output."""

import contextlib
import io
import json
import os
import re
import subprocess
import sys
import tempfile
import unittest

import process_perf_events

HERE = os.path.dirname(os.path.abspath(__file__))

# From perf 5, for another library.
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

    def test_a_label_is_whole_and_its_traceback_its_own_whatever_the_label_holds(self):
        chain = "\t    55 f+0x1 (/a)\n\t    56 main+0x1 (/a)\n"
        head = "p 7/7 [000] 1.5: alkaid_9:allocate: (7f) ptr=0x10 size=4 alignment=64 pool=0x1 "
        for label in ("a\nb", "a\n", "\n", "\n\n", 'q"\nr', 'q"\n\n\tz', "a\n\tb\n# c", "a\r\nb",
                      "a\n\t  12ab f+0x1 (/p)\nz", "\x1b[31m", 'x" size=5', 'x" y="', "\u2028\x85"):
            for traceback in (chain + "\n", ""):
                events, faults = events_of(OLD_SAMPLE + "\n" + f'{head}label="{label}"\n{traceback}'
                                           + OLD_SAMPLE)
                self.assertEqual(faults, [], label)
                self.assertEqual(len(events), 5)
                self.assertEqual(events[2]["params"], {"ptr": "0x10", "size": "4", "pool": "0x1",
                                                       "alignment": "64", "label": label})
                self.assertEqual(events[2]["traceback"], traceback.replace("\t", "").rstrip("\n")
                                 + "\n" * bool(traceback))
                self.assertIn("je_arrow_mallocx", events[3]["traceback"])

    def test_a_label_that_never_ends_takes_no_other_event_with_it(self):
        events, faults = events_of('p 7 1.5: g:allocate: (7f) label="a\nb\n\t55 f+0x1 (/a)\n\n'
                                   'p 7 1.6: g:free: (7f) ptr=0x1\n\t55 f+0x1 (/a)\n')
        self.assertEqual([(number, "'b'" in fault) for number, fault in faults], [(2, True)])
        self.assertEqual(events[-1]["event"], "g:free")
        self.assertEqual(events[-1]["traceback"], "55 f+0x1 (/a)\n")

    def test_lines_end_at_line_feeds_only_in_a_file_and_in_a_pipe(self):
        text = b'p 7/7 1.5: alkaid_9:allocate: (7f) label="a\rb \xc2\x85 \xff"\n\t55 f+0x1 (/a)\n'
        with tempfile.TemporaryDirectory() as folder:
            file = os.path.join(folder, "script.txt")
            with open(file, "wb") as script:
                script.write(text)
            for arguments, piped in (([file], b""), ([], text)):
                done = subprocess.run([sys.executable, "-B", process_perf_events.__file__,
                                       *arguments], input=piped, stdout=subprocess.PIPE, check=True)
                event = json.loads(done.stdout)
                self.assertEqual(event["params"]["label"], "a\rb \x85 \udcff")
                self.assertEqual(event["traceback"], "55 f+0x1 (/a)\n")

    def test_other_kinds_of_events_pass(self):
        event = self.only_event("prog 7 [000] 1.0:     250000 cpu-clock:u: \n\t55 main+0x1 (/a)\n")
        self.assertEqual((event["event"], event["params"]), ("cpu-clock:u", {}))
        self.assertEqual(event["traceback"], "55 main+0x1 (/a)\n")

    def test_a_loss_that_perf_reports_is_an_event(self):
        event = self.only_event("prog 7 [000] 1.0: PERF_RECORD_LOST lost 12\n")
        self.assertEqual((event["event"], event["params"]), ("lost", {"lost": "12"}))

    def test_a_loss_of_one_process_is_on_no_processor(self):
        event = self.only_event("prog 7/8 [-01] 1.0: PERF_RECORD_LOST lost 12\n")
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
        self.assertIn(f"{file}:7: not an event: 'rubbish'", err.getvalue())

    def test_input_without_an_event_is_an_error(self):
        for text in ("", "\n\n", "# captured on: today\n"):
            done = subprocess.run(
                [sys.executable, "-B", os.path.join(HERE, "process_perf_events.py")], input=text,
                text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False)
            self.assertEqual((done.returncode, done.stdout), (1, ""))
            self.assertIn("standard input holds no event: ", done.stderr)

    def test_output_that_can_not_be_written_is_said_in_a_line(self):
        events = '{"time": 1, "event": "a:mi_free", "params": {"p": "0x1"}}\n'
        buffered = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
        for script, text in (("process_perf_events.py", OLD_SAMPLE), ("flamegraph.py", events),
                             ("count_tracebacks.py", events), ("count_tracebacks.py", events * 99)):
            with open("/dev/full", "w", encoding="utf-8") as full:
                done = subprocess.run(
                    [sys.executable, "-B", os.path.join(HERE, script),
                     *(["--json"] if script.startswith("count") else [])], input=text, text=True,
                    stdout=full, stderr=subprocess.PIPE, check=False, env=buffered)
            self.assertEqual(done.returncode, 1, done.stderr)
            self.assertIn(f"{script[:-3]}: ", done.stderr)
            self.assertIn("No space left on device", done.stderr)
            for unwanted in ("Traceback", "Exception"):
                self.assertNotIn(unwanted, done.stderr)

    def test_the_help_of_each_script_reads_a_recording_as_the_page_does(self):
        with open(os.path.join(HERE, "../../../docs/tracing.md"), encoding="utf-8") as page:
            shown = re.search(r"^\$ (perf script .+? )\|", page.read(), re.MULTILINE)[1]
        for script in ("alkaid-perf-record", "process_perf_events.py", "count_tracebacks.py"):
            done = subprocess.run([sys.executable, "-B", os.path.join(HERE, script), "--help"],
                                  stdout=subprocess.PIPE, text=True, check=True)
            self.assertIn(f"  {shown}|", done.stdout)

    def test_comments_of_a_header_are_passed_over(self):
        events, faults = events_of("# ========\n# captured on: today\n#\n" + OLD_SAMPLE)
        self.assertEqual((len(events), faults), (2, []))


if __name__ == "__main__":
    unittest.main()
