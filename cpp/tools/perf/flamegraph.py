#!/usr/bin/python3 -B
"""Draws recorded allocations as a flame graph, or folds their stacks for another tool.

  flamegraph.py events.jsonl -o live.svg             what was never freed, by bytes
  flamegraph.py --of all --by count events.jsonl -o made.svg
  flamegraph.py --folded events.jsonl                a;b;c WEIGHT, a line for each stack
  flamegraph.py --from-folded stacks.txt -o stacks.svg

Reads the lines that process_perf_events.py writes. The SVG stands alone: any browser shows it, and
describes the box under the mouse. The same input gives the same bytes.
"""

import argparse
import re
import sys
from collections import defaultdict

from allocation_replay import replay_lines, report_findings
from flamegraph_svg import draw
from text_streams import exit_with_status_of, open_input, printable, say_that_there_was_none
from tracebacks import frames_of

PROGRAM = "flamegraph"
FOLDED = re.compile(r"(?P<stack>.+?)\s+(?P<weight>\d+)$")


def stacks_of(blocks, by):
    """(frames outermost first, weight, blocks, bytes) for each different stack, in order."""
    sums = defaultdict(lambda: [0, 0])
    frames_by_text = {}
    for block in blocks:
        frames = frames_by_text.get(block.traceback)
        if frames is None:
            frames = tuple((printable(frame.name), printable(frame.file))
                           for frame in reversed(frames_of(block.traceback)))
            frames_by_text[block.traceback] = frames = frames or (("(no traceback)", ""),)
        sums[frames][0] += 1
        sums[frames][1] += block.size or 0
    return [(frames, size if by == "bytes" else count, count, size)
            for frames, (count, size) in sorted(sums.items())]


def folded(stacks):
    """The lines a;b;c WEIGHT. A semicolon would end a name, and so becomes a colon."""
    weights = defaultdict(int)
    for frames, weight, *_ in stacks:
        weights[";".join(name.replace(";", ":") for name, _ in frames)] += weight
    return [f"{stack} {weight}" for stack, weight in sorted(weights.items())]


def from_folded(lines):
    stacks, faults = [], []
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        match = FOLDED.match(line.rstrip())
        if match is None:
            faults.append((number, f"not STACK WEIGHT: {line.rstrip()!r}"))
            continue
        frames = tuple((printable(name), "") for name in match["stack"].split(";"))
        stacks.append((frames, int(match["weight"]), 0, 0))
    return stacks, faults


def parse(arguments):
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--of", choices=("live", "all"), default="live",
                        help="allocations never freed (default), or all that were made")
    parser.add_argument("--by", choices=("bytes", "count"), default="bytes",
                        help="what a stack weighs (default: bytes)")
    parser.add_argument("--folded", action="store_true", help="folded stacks instead of an SVG")
    parser.add_argument("--from-folded", action="store_true", help="the input is folded stacks")
    parser.add_argument("--title", help="above the graph (default: what it shows)")
    parser.add_argument("--width", type=int, default=1200, help="pixels (default: 1200)")
    parser.add_argument("-o", "--output", help="default: standard output")
    parser.add_argument("file", nargs="?", help="standard input when absent")
    options = parser.parse_args(arguments)
    if options.width < 300:
        parser.error("--width is at least 300")
    if options.folded and options.from_folded:
        parser.error("--folded and --from-folded exclude each other")
    return options


def main(arguments=None):
    options = parse(arguments)
    unit = "bytes" if options.by == "bytes" else "blocks"
    title = "Allocations never freed" if options.of == "live" else "All allocations"
    with open_input(options.file, PROGRAM) as lines:
        if options.from_folded:
            stacks, faults = from_folded(lines)
            unit, title = "weight", "Stacks"
            for line, fault in faults:
                print(f"{PROGRAM}: line {line}: {fault}", file=sys.stderr)
            if not stacks:
                return say_that_there_was_none("stack", options.file, PROGRAM)
        else:
            made = []
            blocks, findings, faults = replay_lines(
                lines, made.append if options.of == "all" else lambda block: None)
            stacks = stacks_of(made if options.of == "all" else blocks, options.by)
            report_findings(PROGRAM, findings, faults)
            if findings.events == 0:
                return say_that_there_was_none("event", options.file, PROGRAM)
    text = ("".join(line + "\n" for line in folded(stacks)) if options.folded
            else draw(stacks, printable(options.title or title), unit, options.width))
    with open(options.output or 1, "w", encoding="utf-8",
              closefd=bool(options.output)) as output:
        output.write(text)
    return 1 if faults else 0


if __name__ == "__main__":
    exit_with_status_of(main, PROGRAM)
