#!/usr/bin/python3 -B
"""Turns the text of `perf script` into JSON, one line for each event.

  perf script --show-lost-events --no-inline -F +pid,+ip,+sym,+symoff,+dso |
    process_perf_events.py > events.jsonl
  process_perf_events.py SCRIPT.txt > events.jsonl

Every line has the keys time (seconds, as perf counts them), event (group:name), params (text by
name) and traceback (the lines of the call chain, innermost first; empty when none was recorded).
Other fields of perf script are passed on: comm, tid, and pid and cpu where they are printed.
perf's own remark that it lost events becomes an event named "lost". A label that holds line breaks
is put together again.

A line that is neither an event nor part of a call chain is reported on stderr with its number. The
rest is still processed; the exit status is then 1. So it is if there is no event at all.
"""

import argparse
import json
import re
import sys

from text_streams import exit_with_status_of, open_input, say_that_there_was_none

PROGRAM = "process_perf_events"

# A command name is at most 15 arbitrary characters, right-justified in 16 columns. A period stands
# between the time and the event when the event is not a tracepoint.
HEADER = re.compile(
    r"\s*(?P<comm>.{0,16}?)\s+(?:(?P<pid>-?\d+)/)?(?P<tid>-?\d+)\s+(?:\[(?P<cpu>-?\d+)\]\s+)?"
    r"(?P<time>\d+\.\d+):\s+(?:(?:\d+\s+)?(?P<event>[^\s:]+(?::[^\s:]+)*):(?:\s+(?P<rest>(?s:.*)))?"
    r"|PERF_RECORD_LOST(?:_SAMPLES)?\s+lost\s+(?P<lost>\d+)\s*)$")
# The place of the probe: (address), or for a return (function <- address it returns to).
PLACE = re.compile(r"\([0-9a-f]+(?: <- [0-9a-f]+)?\)\s*")
# Strings are printed in quotes, without escapes: a string ends where the next parameter begins. A
# label is the last parameter of its event, whatever it looks like.
PARAM = re.compile(r'(?P<name>\w+)=(?:"(?P<text>(?<=\blabel=")(?s:.*)(?="\s*$)'
                   r'|(?s:.*?)(?="(?:\s+\w+=|\s*$)))"|(?P<word>\S*))(?:\s+|$)')
# A line of a call chain, not the end of a string.
CHAIN = re.compile(r'\t\s*[0-9a-f]+ .*[^"\r]\r?$')


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
    """The event of a line without leading tab; its call chain follows."""
    header = HEADER.match(line)
    if header is None:
        raise Malformed(f"not an event: {line!r}")
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


def with_strings_joined(lines):
    """(number, line) for all lines. A string that its line breaks split into several lines is
    joined again."""
    block = []  # from an event with a string up to the next event
    for number, line in enumerate(lines, 1):
        line = line.rstrip("\n")
        begins = not line.startswith("\t") and HEADER.match(line) is not None
        if begins:
            yield from joined(block)
            block = []
        if block or (begins and '="' in line):
            block.append((number, line))
        else:
            yield number, line
    yield from joined(block)


def joined(block):
    """The lines of one event; those before its call chain are joined if they end like a string."""
    closed = bool(block) and block[0][1].rstrip().endswith('"')
    if len(block) < 2 or (closed and CHAIN.match(block[1][1])):
        return block
    end = len(block)
    while end > 1 and (not block[end - 1][1].strip() or CHAIN.match(block[end - 1][1])):
        end -= 1
    if end == 1 or not block[end - 1][1].rstrip().endswith('"'):
        return block
    return [(block[0][0], "\n".join(line for _, line in block[:end])), *block[end:]]


def parse_events(lines, report):
    """Yields the events of `lines`; calls report(line number, what is wrong) for those in between.

    An event is complete at the next one, at an empty line, or at the end of the input.
    """
    event, lost_its_event = None, False
    for number, line in with_strings_joined(lines):
        line = line.rstrip("\r")
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
        print(f"{PROGRAM}: {options.file or 'standard input'}:{number}: {message}",
              file=sys.stderr)

    with open_input(options.file, PROGRAM) as source:
        for event in parse_events(source, report):
            count += 1
            lost += int(event["params"]["lost"]) if event["event"] == "lost" else 0
            print(json.dumps(event))
    if lost:
        print(f"{PROGRAM}: perf lost {lost} events: what is counted from the rest is "
              "not exact", file=sys.stderr)
    if faults:
        print(f"{PROGRAM}: {count} events, {faults} malformed lines", file=sys.stderr)
    if count == 0:
        return say_that_there_was_none("event", options.file, PROGRAM)
    return 1 if faults else 0


if __name__ == "__main__":
    exit_with_status_of(main, PROGRAM)
