#!/usr/bin/python3 -B
"""Tests of flamegraph.py, on planted events and folded stacks."""

import contextlib
import io
import json
import os
import tempfile
import unittest
import xml.etree.ElementTree as ElementTree

import flamegraph
from flamegraph_svg import label_that_fits, without_template_arguments

SVG = "{http://www.w3.org/2000/svg}"
LONG = "a::Pool<a::(anonymous namespace)::Je<int>>::Allocate"


def allocation(address, size, *frames):
    traceback = "".join(f"{index + 16:x} {name}+0x{index + 1:x} ({file})\n"
                        for index, (name, file) in enumerate(frames))
    params = {"ptr": hex(address), "size": str(size), "alignment": "64", "pool": "0x5", "label": ""}
    return json.dumps({"time": 1.0, "event": "alkaid_1:allocate", "traceback": traceback,
                       "params": params})


def free(address):
    return json.dumps({"time": 1.0, "event": "alkaid_1:free", "traceback": "", "params": {
        "ptr": hex(address), "size": "1", "pool": "0x5"}})


EVENTS = [allocation(0x10, 300, ("f<int>", "/lib/a.so"), ("main", "/bin/p")),
          allocation(0x20, 100, ("g & h", "/lib/a.so"), ("main", "/bin/p")),
          allocation(0x30, 600, ("f<int>", "/lib/a.so"), ("main", "/bin/p")),
          free(0x30)]


class Flamegraph(unittest.TestCase):

    def run_on(self, lines, *arguments):
        with tempfile.TemporaryDirectory() as folder:
            file, output = os.path.join(folder, "in"), os.path.join(folder, "out")
            with open(file, "w", encoding="utf-8") as events:
                events.write("".join(line + "\n" for line in lines))
            err = io.StringIO()
            with contextlib.redirect_stderr(err):
                self.status = flamegraph.main([*arguments, "-o", output, file])
            self.err = err.getvalue()
            if not os.path.exists(output):
                return None
            with open(output, encoding="utf-8") as written:
                return written.read()

    def boxes(self, svg):
        """{first line of the title: (x, y, width, the title, the label in the box)}"""
        found = {}
        for group in ElementTree.fromstring(svg).iter(SVG + "g"):
            title, box = group.find(SVG + "title").text, group.find(SVG + "rect")
            label = group.find(SVG + "text")
            found[title.splitlines()[0]] = (*(float(box.get(key)) for key in ("x", "y", "width")),
                                            title, "" if label is None else label.text)
        return found

    def test_live_and_all_by_bytes_and_by_count(self):
        def folded(*arguments):
            return self.run_on(EVENTS, "--folded", *arguments).splitlines()
        self.assertEqual(folded(), ["main;f<int> 300", "main;g & h 100"])
        self.assertEqual(folded("--of", "all"), ["main;f<int> 900", "main;g & h 100"])
        self.assertEqual(folded("--by", "count"), ["main;f<int> 1", "main;g & h 1"])
        self.assertEqual(folded("--of", "all", "--by", "count"), ["main;f<int> 2", "main;g & h 1"])

    def test_widths_are_shares_and_callers_stand_below(self):
        boxes = self.boxes(self.run_on(EVENTS))
        self.assertEqual(set(boxes), {"all", "main", "f<int>", "g & h"})
        self.assertAlmostEqual(boxes["f<int>"][2] / boxes["g & h"][2], 3, delta=0.02)
        self.assertAlmostEqual(boxes["main"][2], boxes["all"][2])
        self.assertEqual(boxes["f<int>"][0], boxes["main"][0])
        self.assertGreater(boxes["g & h"][0], boxes["f<int>"][0] + boxes["f<int>"][2])
        self.assertLess(boxes["f<int>"][1], boxes["main"][1])
        self.assertLess(boxes["main"][1], boxes["all"][1])

    def test_titles_tell_name_file_and_share(self):
        title = self.boxes(self.run_on(EVENTS))["f<int>"][3]
        self.assertEqual(title, "f<int>\n/lib/a.so\n1 block, 300 bytes, 75.00 % of bytes")

    def test_the_same_input_gives_the_same_picture_in_any_order_of_blocks(self):
        self.assertEqual(self.run_on(EVENTS), self.run_on([EVENTS[1], EVENTS[0]]))

    def test_folded_stacks_can_be_drawn(self):
        boxes = self.boxes(self.run_on(["a;b 3", "a;c d 1"], "--from-folded", "--width", "600"))
        self.assertEqual(set(boxes), {"all", "a", "b", "c d"})
        self.run_on(["a;b 3", "rubbish"], "--from-folded")
        self.assertEqual(self.status, 1)
        self.assertIn("line 2: not STACK WEIGHT", self.err)

    def test_nothing_and_events_without_tracebacks_are_drawn_too(self):
        self.assertEqual(set(self.boxes(self.run_on([allocation(0x10, 5), free(0x10)]))), set())
        self.assertEqual(self.status, 0)
        self.assertIn("(no traceback)", self.boxes(self.run_on([allocation(0x10, 5)])))

    def test_input_without_an_event_is_an_error_and_draws_nothing(self):
        for arguments, what in (([], "event"), (["--folded"], "event"), (["--from-folded"], "stack")):
            self.assertIsNone(self.run_on([], *arguments))
            self.assertEqual(self.status, 1)
            self.assertIn(f"in holds no {what}: ", self.err)

    def test_what_is_too_narrow_is_counted_below(self):
        svg = self.run_on(["a;b 100000", "a;c 1", "a;d 1"], "--from-folded")
        self.assertNotIn("c", self.boxes(svg))
        self.assertIn("2 boxes are too narrow", svg)

    def test_names_may_hold_what_an_svg_and_a_folded_line_may_not(self):
        events = [allocation(0x10, 5, ("f\x1b[1m\x00\ufffe", "/a\x01"), ("\udcff main", "/b\rc"))]
        boxes = self.boxes(self.run_on(events, "--title", "t\x02"))
        self.assertEqual(boxes["f\\x1b[1m\\x00\\ufffe"][3].splitlines()[1], "/a\\x01")
        self.assertIn("\\xff main", boxes)
        self.assertEqual(self.run_on(events, "--folded"),
                         "\\xff main;f\\x1b[1m\\x00\\ufffe 5\n")
        self.assertIn("a\\x0b", self.boxes(self.run_on(["a\x0b;b 3"], "--from-folded")))

    def test_stacks_of_any_depth_are_drawn(self):
        deep = [(f"f{depth}", "/p") for depth in range(5000)]
        boxes = self.boxes(self.run_on([allocation(0x10, 5, *deep)]))
        self.assertEqual(len(boxes), 5001)
        self.assertLess(boxes["f0"][1], boxes["f4999"][1])
        self.assertEqual(boxes["f0"][:1], boxes["f4999"][:1])

    def test_names_are_shortened_to_what_says_most(self):
        self.assertEqual(without_template_arguments("a<b<c>>::d<e>::f"), "a<..>::d<..>::f")
        self.assertEqual(without_template_arguments("a::operator<"), "a::operator<")
        self.assertEqual(label_that_fits(LONG, 60), LONG)
        self.assertEqual(label_that_fits(LONG, 30), "a::Pool<..>::Allocate")
        self.assertEqual(label_that_fits(LONG, 20), "Pool<..>::Allocate")
        self.assertEqual(label_that_fits(LONG, 8), "Allocate")
        self.assertEqual(label_that_fits(LONG, 6), "Alloc…")
        self.assertEqual(label_that_fits(LONG, 2), "")


if __name__ == "__main__":
    unittest.main()
