#!/usr/bin/python3 -B
"""Turns the text of `perf script` into JSON, one line for each event.

  perf script --show-lost-events | process_perf_events.py > events.jsonl
  process_perf_events.py SCRIPT.txt > events.jsonl

Every line has the keys time (seconds, as perf counts them), event (group:name), params (text by
name) and traceback (the lines of the call chain, innermost first; empty when none was recorded).
What perf script tells besides is passed on: comm, tid, and pid and cpu where they are printed.
perf's own remark that it lost events becomes an event named "lost".

A line that is neither an event nor part of a call chain is reported on stderr with its number. The
rest is still processed; the exit status is then 1.
"""

import argparse
import json
import re
import sys

# A command name is at most 15 characters of anything and is set right-justified in 16 columns.
# Between the time and the event stands a period when the event is not a tracepoint.
HEADER = re.compile(
    r"\s*(?P<comm>.{0,16}?)\s+(?:(?P<pid>-?\d+)/)?(?P<tid>-?\d+)\s+(?:\[(?P<cpu>\d+)\]\s+)?"
    r"(?P<time>\d+\.\d+):\s+(?:(?:\d+\s+)?(?P<event>[^\s:]+(?::[^\s:]+)*):(?:\s+(?P<rest>.*))?"
    r"|PERF_RECORD_LOST(?:_SAMPLES)?\s+lost\s+(?P<lost>\d+)\s*)$")
# Where the probe stands: (address), or for a return (function <- address it returns to).
PLACE = re.compile(r"\([0-9a-f]+(?: <- [0-9a-f]+)?\)\s*")
# Strings are printed in quotes, with nothing escaped: one ends where the next parameter begins.
PARAM = re.compile(r'(?P<name>\w+)=(?:"(?P<text>.*?)"(?=\s+\w+=|\s*$)|(?P<word>\S*))(?:\s+|$)')


class Malformed(ValueError):
    """A line that is no event."""


def parse_params(text):
    params, place = {}, PLACE.match(text)
    position = place.end() if place else 0
    while position < len(text):
        param = PARAM.match(text, position)
        if param is None:
            raise Malformed(f"not NAME=VALUE: {text[position:]!r}")
        value = param["word"] if param["text"] is None else param["text"]
        params[param["name"]] = value
        position = param.end()
    return params


def parse_header(line):
    """The event that a line without leading tab announces; its call chain follows."""
    header = HEADER.match(line)
    if header is None:
        raise Malformed(f"no event: {line!r}")
    event = {"time": float(header["time"])}
    if header["lost"] is not None:
        event.update(event="lost", params={"lost": header["lost"]})
    else:
        event.update(event=header["event"], params=parse_params((header["rest"] or "").strip()))
    event["traceback"] = ""
    event.update(comm=header["comm"], tid=int(header["tid"]))
    for key in ("pid", "cpu"):
        if header[key] is not None:
            event[key] = int(header[key])
    return event


def parse_events(lines, report):
    """Yields the events of `lines`; calls report(line number, what is wrong) for those in between.

    An event is complete at the next one, at an empty line, or at the end of the input.
    """
    event, lost_its_event = None, False
    for number, line in enumerate(lines, 1):
        line = line.rstrip("\r\n")
        if line.startswith("\t"):
            if event is not None:
                event["traceback"] += line.lstrip("\t") + "\n"
            elif not lost_its_event:
                report(number, f"a call chain that belongs to no event: {line.strip()!r}")
                lost_its_event = True
            continue
        if event is not None:
            yield event
        event, lost_its_event = None, False
        if not line.strip() or line.startswith("#"):
            continue
        try:
            event = parse_header(line)
        except Malformed as fault:
            report(number, str(fault))
            lost_its_event = True
    if event is not None:
        yield event


def main(arguments=None):
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file", nargs="?", help="output of perf script; standard input when absent")
    options = parser.parse_args(arguments)
    faults, lost, count = 0, 0, 0

    def report(number, message):
        nonlocal faults
        faults += 1
        print(f"process_perf_events: {options.file or 'standard input'}:{number}: {message}",
              file=sys.stderr)

    try:
        source = (open(options.file, encoding="utf-8", errors="surrogateescape") if options.file
                  else open(0, encoding="utf-8", errors="surrogateescape", closefd=False))
    except OSError as error:
        raise SystemExit(f"process_perf_events: {error}")
    with source:
        for event in parse_events(source, report):
            count += 1
            lost += int(event["params"]["lost"]) if event["event"] == "lost" else 0
            print(json.dumps(event))
    if lost:
        print(f"process_perf_events: perf lost {lost} events: what is counted from the rest is "
              "not exact", file=sys.stderr)
    if faults:
        print(f"process_perf_events: {count} events, {faults} malformed lines", file=sys.stderr)
    return 1 if faults else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except BrokenPipeError:
        # The reader had enough. Nothing is left to flush into.
        sys.stdout = None
        sys.exit(141)
