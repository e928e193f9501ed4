#!/usr/bin/python3 -B
"""Finds allocations that were never freed, grouped by traceback, most first.

  perf script --show-lost-events --no-inline -F +pid,+ip,+sym,+symoff,+dso |
    process_perf_events.py | count_tracebacks.py
  count_tracebacks.py --by bytes --limit 10 events.jsonl

Reads the lines that process_perf_events.py writes, in the order of time: probes on jemalloc and
mimalloc, and the tracepoints of libalkaid.so. Blocks belong together when their tracebacks name the
same places. A block that was reallocated counts where that was done, with its new size.

On stderr: the sums, frees of blocks from before the recording, and whatever makes the result
inexact. Lines that are not events are named there, and the exit status is 1. It is 1, and nothing
is printed, if there is no event at all: that is not a finding of 0 bytes.
"""

import argparse
import json
import sys
from collections import Counter
from dataclasses import dataclass, field

from allocation_replay import replay_lines, report_findings
from text_streams import exit_with_status_of, open_input, printable, say_that_there_was_none
from tracebacks import frames_of

PROGRAM = "count_tracebacks"


@dataclass
class Group:
    traceback: str
    count: int = 0
    bytes: int = 0
    unknown_sizes: int = 0
    labels: Counter = field(default_factory=Counter)


def group_by_traceback(blocks):
    groups = {}
    for block in blocks:
        group = groups.setdefault(frames_of(block.traceback), Group(block.traceback))
        group.count += 1
        group.bytes += block.size or 0
        group.unknown_sizes += block.size is None
        if block.label:
            group.labels[block.label] += 1
    return list(groups.values())


def ordered(groups, by):
    """Most first; equal entries are sorted by their text, so that output is reproducible."""
    keys = {"count": lambda g: (-g.count, -g.bytes, g.traceback),
            "bytes": lambda g: (-g.bytes, -g.count, g.traceback)}
    return sorted(groups, key=keys[by])


def print_text(groups, left_out):
    for group in groups:
        unknown = f" ({group.unknown_sizes} of unknown size)" if group.unknown_sizes else ""
        labels = "".join(f', {count} labelled "{printable(label)}"'
                         for label, count in sorted(group.labels.items()))
        print(f"Num of dangling allocations: {group.count}, {group.bytes} bytes{unknown}{labels}")
        for line in (group.traceback or "(no traceback)\n").split("\n"):
            print(printable(line))
    if left_out:
        print(f"[{left_out} more tracebacks]")


def print_json(groups, left_out, findings):
    json.dump({
        "count": sum(group.count for group in groups),
        "bytes": sum(group.bytes for group in groups),
        "exact": findings.is_exact(),
        "findings": {**vars(findings), "ignored": dict(findings.ignored)},
        "tracebacks_left_out": left_out,
        "groups": [{**vars(group), "labels": dict(group.labels),
                    "frames": [{"name": frame.name, "offset": frame.offset, "file": frame.file}
                               for frame in frames_of(group.traceback)]} for group in groups],
    }, sys.stdout, indent=1)
    print()


def main(arguments=None):
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--by", choices=("count", "bytes"), default="count",
                        help="what comes first: most allocations (default) or most bytes")
    parser.add_argument("--limit", type=int, metavar="N", help="show only the first N tracebacks")
    parser.add_argument("--json", action="store_true",
                        help="one JSON object: sums, groups with their frames, findings")
    parser.add_argument("file", nargs="?", help="events; standard input when absent")
    options = parser.parse_args(arguments)
    if options.limit is not None and options.limit < 1:
        parser.error("--limit is at least 1")

    with open_input(options.file, PROGRAM) as lines:
        blocks, findings, faults = replay_lines(lines)
    if findings.events == 0:
        report_findings(PROGRAM, findings, faults)
        return say_that_there_was_none("event", options.file, PROGRAM)
    groups = ordered(group_by_traceback(blocks), options.by)
    shown = groups[:options.limit]
    left_out = len(groups) - len(shown)
    if options.json:
        print_json(shown, left_out, findings)
    else:
        print_text(shown, left_out)
    report_findings(PROGRAM, findings, faults)
    size = sum(group.bytes for group in groups)
    print(f"{PROGRAM}: {len(blocks)} blocks, {size} bytes never freed, from {len(groups)} "
          f"tracebacks; {findings.allocations} allocations, {findings.reallocations} "
          f"reallocations, {findings.frees} frees, {findings.refused} refused, "
          f"{findings.events} events", file=sys.stderr)
    return 1 if faults else 0


if __name__ == "__main__":
    exit_with_status_of(main, PROGRAM)
