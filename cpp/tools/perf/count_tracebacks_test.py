#!/usr/bin/python3 -B
"""Tests of count_tracebacks.py and of the replay beneath it, with planted events."""

import contextlib
import io
import json
import os
import tempfile
import unittest

import count_tracebacks
from allocation_replay import replay_lines
from tracebacks import frames_of


def event(name, tid=1, pid=1, traceback="10 f+0x1 (/p)\n", **params):
    """A line of events; numbers are printed in hex, like addresses by perf."""
    return json.dumps({"time": 1.0, "event": name, "traceback": traceback, "tid": tid, "pid": pid,
                       "params": {key: value if isinstance(value, str) else hex(value)
                                  for key, value in params.items()}})


def mallocx(address, size, prefix="probe_libarrow:je_arrow_", **where):
    return [event(prefix + "mallocx", size=size, flags="6", **where),
            event(prefix + "mallocx__return", arg1=address, **where)]


def rallocx(old, new, size, prefix="alkaid_1:je_alkaid_", **where):
    return [event(prefix + "rallocx", ptr=old, size=size, flags="6", **where),
            event(prefix + "rallocx__return", arg1=new, **where)]


def mi_malloc(address, size, **where):
    return [event("alkaid_1:mi_malloc_aligned", size=size, alignment=64, **where),
            event("alkaid_1:mi_malloc_aligned__return", arg1=address, **where)]


def mi_realloc(old, new, size, *between, **where):
    return [event("alkaid_1:mi_realloc_aligned", p=old, newsize=size, alignment=64, **where),
            *between, event("alkaid_1:mi_realloc_aligned__return", arg1=new, **where)]


def mi_free(address, **where):
    return event("alkaid_1:mi_free", p=address, **where)


def dallocx(address, **where):
    return event("probe_libarrow:je_arrow_dallocx", ptr=address, flags="0", **where)


def allocate(address, size, label="", **where):
    return event("alkaid_1:allocate", ptr=address, size=str(size), alignment="64", pool=0x5,
                 label=label, **where)


def reallocate(old, new, old_size, new_size, **where):
    return event("alkaid_1:reallocate", old_ptr=old, new_ptr=new, old_size=str(old_size),
                 new_size=str(new_size), pool=0x5, **where)


def free(address, **where):
    return event("alkaid_1:free", ptr=address, size="1", pool=0x5, **where)


class Replay(unittest.TestCase):

    def live(self, lines, exact=True):
        blocks, findings, faults = replay_lines(lines)
        self.assertEqual(faults, [])
        self.assertEqual(findings.is_exact(), exact, findings)
        self.findings = findings
        return sorted((block.address, block.size) for block in blocks)

    def test_what_is_freed_is_gone_on_each_kind_of_probe(self):
        self.assertEqual(self.live([*mallocx(0x10, 1), *mallocx(0x20, 2), dallocx(0x10)]),
                         [(0x20, 2)])
        self.assertEqual(self.live([*mi_malloc(0x10, 1), *mi_malloc(0x20, 2), mi_free(0x10)]),
                         [(0x20, 2)])
        self.assertEqual(self.live([allocate(0x10, 1), allocate(0x20, 2), free(0x10)]),
                         [(0x20, 2)])

    def test_prefixes_groups_and_suffixes_are_free(self):
        lines = [*mallocx(0x10, 1, "x:je_"), *mallocx(0x20, 2, "my_group:je_some_lib_"),
                 event("x:mi_free_2", p=0x20)]
        self.assertEqual(self.live(lines), [(0x10, 1)])

    def test_tracepoints_that_perf_has_named_itself_are_understood(self):
        lines = [event("sdt_alkaid:allocate", arg1=0x10, arg2=7, arg3=64, arg4=5, arg5=9),
                 event("sdt_alkaid:allocate_1", arg1=0x20, arg2=8, arg3=64, arg4=5, arg5=9),
                 event("sdt_alkaid:reallocate", arg1=0x10, arg2=0x30, arg3=7, arg4=70, arg5=5),
                 event("sdt_alkaid:free", arg1=0x20, arg2=8, arg3=5)]
        self.assertEqual(self.live(lines), [(0x30, 70)])

    def test_a_reallocation_moves_or_stays(self):
        self.assertEqual(self.live([*mallocx(0x10, 1), *rallocx(0x10, 0x20, 5),
                                    *rallocx(0x20, 0x20, 6)]), [(0x20, 6)])
        self.assertEqual(self.live([*mi_malloc(0x10, 1), *mi_realloc(0x10, 0x20, 5, mi_free(0x10)),
                                    *mi_realloc(0x20, 0x20, 6)]), [(0x20, 6)])
        self.assertEqual(self.findings.freed_unknown, 0)
        self.assertEqual(self.live([allocate(0x10, 1), reallocate(0x10, 0x20, 1, 5),
                                    reallocate(0x20, 0x20, 5, 6)]), [(0x20, 6)])

    def test_what_is_refused_changes_nothing(self):
        lines = [*mallocx(0x10, 1), *rallocx(0x10, 0, 5), *mallocx(0, 9),
                 *mi_malloc(0x20, 2), *mi_realloc(0x20, 0, 5), allocate(0x30, 3),
                 reallocate(0x30, 0x30, 3, 3)]
        self.assertEqual(self.live(lines), [(0x10, 1), (0x20, 2), (0x30, 3)])
        self.assertEqual(self.findings.refused, 3)

    def test_threads_may_interleave(self):
        one, two = mallocx(0x10, 1, tid=1), mallocx(0x20, 2, tid=2)
        self.assertEqual(self.live([one[0], two[0], one[1], two[1]]), [(0x10, 1), (0x20, 2)])
        self.assertEqual(self.live([one[0], two[0], two[1], one[1]]), [(0x10, 1), (0x20, 2)])

    def test_a_thread_may_get_the_address_that_a_reallocation_is_moving_away_from(self):
        entry, back = mi_realloc(0x10, 0x20, 5, tid=1)
        self.assertEqual(self.live([*mi_malloc(0x10, 1, tid=1), entry, mi_free(0x10, tid=1),
                                    *mi_malloc(0x10, 7, tid=2), back]), [(0x10, 7), (0x20, 5)])
        entry, back = rallocx(0x10, 0x20, 5, tid=1)
        self.assertEqual(self.live([*mallocx(0x10, 1, tid=1), entry, *mallocx(0x10, 7, tid=2),
                                    back]), [(0x10, 7), (0x20, 5)])
        self.assertEqual(self.live([allocate(0x10, 1, tid=1), allocate(0x10, 7, tid=2),
                                    reallocate(0x10, 0x20, 1, 5, tid=1)]), [(0x10, 7), (0x20, 5)])
        self.assertEqual(self.live([allocate(0x10, 1, tid=1), allocate(0x10, 7, tid=2),
                                    free(0x10, tid=2), reallocate(0x10, 0x20, 1, 5, tid=1)]),
                         [(0x20, 5)])

    def test_processes_have_addresses_of_their_own(self):
        lines = [*mallocx(0x10, 1, pid=1), *mallocx(0x10, 2, pid=2, tid=2), dallocx(0x10, pid=1)]
        self.assertEqual(self.live(lines), [(0x10, 2)])

    def test_frees_of_null_and_of_unknown_blocks_are_told_apart(self):
        self.assertEqual(self.live([mi_free(0), mi_free(0x10), dallocx(0x20), free(0x30)]), [])
        self.assertEqual(self.findings.freed_unknown, 3)

    def test_a_block_from_before_the_recording_is_known_once_it_is_reallocated(self):
        self.assertEqual(self.live([*rallocx(0x10, 0x20, 5), reallocate(0x30, 0x40, 1, 6)]),
                         [(0x20, 5), (0x40, 6)])
        self.assertEqual(self.findings.moved_unknown, 2)

    def test_a_recording_may_begin_and_end_within_calls(self):
        lines = [mallocx(0x10, 1)[1], *mallocx(0x20, 2), mallocx(0, 3)[0], rallocx(0x20, 0, 9)[0]]
        self.assertEqual(self.live(lines, exact=False), [(0x10, None), (0x20, 2)])
        self.assertEqual((self.findings.unmatched_returns, self.findings.unfinished), (1, 2))

    def test_a_missing_free_shows_when_the_address_comes_again(self):
        self.assertEqual(self.live([*mallocx(0x10, 1), *mallocx(0x10, 2)], exact=False),
                         [(0x10, 2)])
        self.assertEqual(self.findings.replaced, 1)

    def test_events_that_perf_lost_make_the_result_inexact(self):
        self.live([*mallocx(0x10, 1), event("lost", lost="3")], exact=False)
        self.assertEqual(self.findings.lost, 3)

    def test_other_events_are_counted_and_not_mistaken(self):
        self.assertEqual(self.live([event("kmem:free", ptr=1), event("cpu-clock"),
                                    event("x:mi_free_everything", p=1),
                                    event("alkaid_1:slice", slice=1, root=2)]), [])
        self.assertEqual(sum(self.findings.ignored.values()), 4)

    def test_lines_that_say_nothing_of_threads_are_of_one(self):
        lines = [json.dumps({key: value for key, value in json.loads(line).items()
                             if key not in ("tid", "pid")})
                 for line in [*mallocx(0x10, 1), *mallocx(0x20, 2), dallocx(0x10)]]
        self.assertEqual(self.live(lines), [(0x20, 2)])


class CountTracebacks(unittest.TestCase):

    def run_on(self, lines, *arguments):
        with tempfile.TemporaryDirectory() as folder:
            file = os.path.join(folder, "events.jsonl")
            with open(file, "w", encoding="utf-8") as events:
                events.write("".join(line + "\n" for line in lines))
            out, err = io.StringIO(), io.StringIO()
            with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
                self.status = count_tracebacks.main([*arguments, file])
        self.err = err.getvalue()
        return out.getvalue()

    few_big = "1a f+0x1 (/p)\n2a main+0x9 (/p)\n"
    many_small = "1b g+0x1 (/p)\n2b main+0x9 (/p)\n"

    def lines(self):
        return [*mallocx(0x10, 1000, traceback=self.few_big),
                *mallocx(0x20, 1, traceback=self.many_small),
                *mallocx(0x30, 2, traceback=self.many_small)]

    def test_input_without_an_event_is_an_error_and_no_0_bytes(self):
        for lines in ([], [""], ["rubbish"]):
            for arguments in ([], ["--json"]):
                self.assertEqual(self.run_on(lines, *arguments), "")
                self.assertEqual(self.status, 1)
                self.assertIn("holds no event: ", self.err)
                self.assertNotIn("never freed", self.err)
        self.run_on([*mallocx(0x10, 1), dallocx(0x10)])
        self.assertEqual(self.status, 0)
        self.assertIn("0 blocks, 0 bytes never freed", self.err)

    def test_most_come_first_with_their_bytes(self):
        self.assertEqual(self.run_on(self.lines()),
                         f"Num of dangling allocations: 2, 3 bytes\n{self.many_small}\n"
                         f"Num of dangling allocations: 1, 1000 bytes\n{self.few_big}\n")
        self.assertEqual(self.status, 0)
        self.assertIn("3 blocks, 1003 bytes never freed, from 2 tracebacks", self.err)

    def test_bytes_can_come_first_and_the_rest_be_left_out(self):
        self.assertEqual(self.run_on(self.lines(), "--by", "bytes", "--limit", "1"),
                         f"Num of dangling allocations: 1, 1000 bytes\n{self.few_big}\n"
                         "[1 more tracebacks]\n")

    def test_one_place_is_one_group_wherever_the_program_was_loaded(self):
        elsewhere = self.few_big.replace("1a", "ffff1a")
        out = self.run_on([*mallocx(0x10, 1, traceback=self.few_big),
                           *mallocx(0x10, 1, traceback=elsewhere, pid=2)])
        self.assertEqual(out.count("Num of dangling"), 1)

    def test_json_gives_sums_and_frames(self):
        lines = [*self.lines(), allocate(0x40, 7, label="a b"), free(0x99)]
        report = json.loads(self.run_on(lines, "--json"))
        self.assertEqual((report["count"], report["bytes"], report["exact"]), (4, 1010, True))
        self.assertEqual(report["groups"][0]["frames"][1],
                         {"name": "main", "offset": "0x9", "file": "/p"})
        self.assertEqual(report["groups"][2]["labels"], {"a b": 1})
        self.assertEqual(report["findings"]["freed_unknown"], 1)

    def test_labels_and_names_can_not_command_the_terminal(self):
        lines = [*mallocx(0x10, 1, traceback="1a \x1b[2J\x9b1m+0x1 (/p\udcff)\n2a g+0x2 (/p)\n"),
                 allocate(0x20, 2, label="\x1b[31mred\nNum of dangling allocations: 9\u202e"),
                 event("a\x1b:b"), event("a:mi_free", p="\x1bx")]
        out = self.run_on(lines)
        self.assertEqual([character for character in out + self.err
                          if character != "\n" and not character.isprintable()], [])
        self.assertIn("1a \\x1b[2J\\x9b1m+0x1 (/p\\xff)\n2a g+0x2 (/p)\n\n", out)
        self.assertIn('labelled "\\x1b[31mred\\x0aNum of dangling allocations: 9\\u202e"\n', out)
        self.assertIn("1 x a\\x1b:b", self.err)
        self.assertIn("p=\\x1bx is not a number", self.err)

    def test_threads_without_their_processes_are_told(self):
        def without_process(line):
            return json.dumps({key: value for key, value in json.loads(line).items()
                               if key != "pid"})
        two_threads = [allocate(0x10, 1, tid=1), allocate(0x20, 1, tid=2)]
        self.run_on(map(without_process, two_threads))
        self.assertIn("2 threads and not their processes", self.err)
        self.assertIn("-F +pid", self.err)
        for lines in (two_threads, [without_process(two_threads[0])]):
            self.run_on(lines)
            self.assertNotIn("+pid", self.err)

    def test_a_forked_process_may_free_what_it_was_born_with(self):
        self.run_on([allocate(0x10, 1, pid=1), free(0x10, pid=2, tid=2)])
        self.assertIn("1 frees and 0 reallocations of blocks that their process was not recorded "
                      "to allocate", self.err)
        self.assertIn("forked", self.err)
        self.assertIn("1 blocks, 1 bytes never freed", self.err)

    def test_what_is_no_event_is_named_and_the_exit_status_is_1(self):
        self.run_on(["{", "[]", '{"event": "a:mi_free", "params": {}}',
                     '{"event": "a:mi_free", "params": {"p": "x"}}', '{"event": 1, "params": {}}',
                     '{"event": "a:b", "params": {}, "traceback": 7}',
                     '{"event": "a:b", "params": {}, "tid": []}', "[" * 100000, "9" * 5000,
                     *self.lines()])
        self.assertEqual(self.status, 1)
        for expected in ("line 1: ", "line 2: not a JSON object", "line 3: a:mi_free: has no "
                         "parameter p", "line 4: a:mi_free: p=x is not a number",
                         "line 5: an event",
                         "line 6: an event", "line 7: tid is neither", "line 8: ", "line 9: ",
                         "3 blocks"):
            self.assertIn(expected, self.err)


class Tracebacks(unittest.TestCase):

    def test_names_and_files_may_hold_blanks_and_parentheses(self):
        frames = frames_of("  7f a::(anonymous namespace)::f<void (*)(int)>+0x13b (/b d/x "
                           "(deleted))\n"
                           "  80 operator new (inlined)\n"
                           "  81 [unknown] (/usr/lib/libc.so.6)\n"
                           "  82 [unknown] ([unknown])\n")
        self.assertEqual([(frame.name, frame.offset, frame.file) for frame in frames],
                         [("a::(anonymous namespace)::f<void (*)(int)>", "0x13b",
                           "/b d/x (deleted)"),
                          ("operator new", "", "inlined"),
                          ("[unknown]", "", "/usr/lib/libc.so.6"),
                          ("[unknown]", "", "[unknown]")])

    def test_a_line_ends_at_a_line_feed_and_nowhere_else(self):
        frame, = frames_of("7f f\x0c\x1c\x85\u2028g+0x1 (/a)\n")
        self.assertEqual(frame.name, "f\x0c\x1c\x85\u2028g")

    def test_unknown_places_are_told_apart_by_their_address(self):
        self.assertNotEqual(frames_of("81 [unknown] (/c)"), frames_of("82 [unknown] (/c)"))
        self.assertEqual(frames_of("81 f+0x1 (/c)"), frames_of("82 f+0x1 (/c)"))


if __name__ == "__main__":
    unittest.main()
