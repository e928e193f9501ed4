"""Replays recorded events, and determines which blocks are live at the end.

Reads the output of process_perf_events.py. Understands
  - the probes on jemalloc: mallocx, rallocx, dallocx, sdallocx, under any prefix (je_alkaid_), with
    their returns;
  - the probes on mimalloc: mi_malloc_aligned, mi_realloc_aligned, mi_free, with their returns;
  - the tracepoints of libalkaid.so: allocate, reallocate, free.
The group of an event does not matter for the allocators; that of a tracepoint contains the word
"alkaid".

An entry and its return are matched by thread, so threads may interleave. A block is identified by
its process and its address. Input without threads or processes is taken as having one of each.
"""

import json
import re
import sys
from collections import Counter, defaultdict
from dataclasses import dataclass, field

from text_streams import printable

# Some versions of perf add a suffix to a name that several addresses have.
ALLOCATOR = re.compile(
    r"(?:je_(?:\w+_)?(?P<je>mallocx|rallocx|dallocx|sdallocx)"
    r"|mi_(?P<mi>malloc_aligned|realloc_aligned|free))(?P<ret>__return)?(?:_\d+)?$")
TRACEPOINT = re.compile(r"(allocate|reallocate|free|slice|slice_release|root_release)(?:_\d+)?$")

ALLOCATE, REALLOCATE, FREE = "allocate", "reallocate", "free"
CALLS = {"mallocx": ALLOCATE, "malloc_aligned": ALLOCATE, "rallocx": REALLOCATE,
         "realloc_aligned": REALLOCATE, "dallocx": FREE, "sdallocx": FREE, "free": FREE}
# The name of a parameter in the allocators, in the tracepoints, and in perf where it has only the
# notes of the tracepoint.
OLD_BLOCK = {"je": "ptr", "mi": "p"}
SIZE = {"mallocx": "size", "rallocx": "size", "malloc_aligned": "size",
        "realloc_aligned": "newsize"}
TRACEPOINT_PARAMS = {
    "allocate": ("ptr", "size", "alignment", "pool", "label"),
    "reallocate": ("old_ptr", "new_ptr", "old_size", "new_size", "pool"),
    "free": ("ptr", "size", "pool"),
}


class BadEvent(ValueError):
    """An event that lacks a member which its kind always has."""


@dataclass
class Block:
    address: int
    size: int | None  # bytes asked for; None if the call began before the recording
    traceback: str
    thread: object
    label: str = ""


@dataclass
class Call:
    """An allocator's function between its entry and its return."""
    function: str
    size: int
    process: object
    address: int | None = None  # of the block to reallocate
    old: Block | None = None    # that block: not live until its fate is known


@dataclass
class Findings:
    events: int = 0
    allocations: int = 0
    reallocations: int = 0
    frees: int = 0
    refused: int = 0            # calls that returned null
    freed_unknown: int = 0      # frees of blocks whose allocation was not recorded
    moved_unknown: int = 0      # reallocations of such blocks, which are known from then on
    replaced: int = 0           # blocks allocated where one was live: its free was not recorded
    unmatched_returns: int = 0  # returns without an entry
    unfinished: int = 0         # entries without a return
    lost: int = 0               # events that perf could not keep
    threads_without_process: int = 0  # threads whose events do not name their process
    ignored: Counter = field(default_factory=Counter)  # other events, by name

    def is_exact(self):
        """Whether no sign of missing events in the middle of the recording was found."""
        return not (self.lost or self.replaced or self.unmatched_returns or self.unfinished)


def number(event, *names):
    for name in names:
        text = event["params"].get(name)
        if text is None:
            continue
        try:
            return int(str(text), 0)
        except ValueError as error:
            raise BadEvent(f"{event['event']}: {name}={text} is not a number") from error
    raise BadEvent(f"{event['event']}: has no parameter {names[0]}")


class Replay:
    """Live blocks by process and address. `seen` is called with every block."""

    def __init__(self, seen=lambda block: None):
        self.findings = Findings()
        self._seen = seen
        self._live = defaultdict(dict)   # process -> address -> Block
        # Blocks whose address was allocated again. Either their free was lost, or another thread
        # got the address before the reallocation that moved the block away was reported.
        self._displaced = defaultdict(list)
        self._calls = defaultdict(list)  # thread -> Calls, innermost last
        self._threads_without_process = set()

    def add(self, event):
        """Handles the next event, in the order of time. Raises BadEvent when it cannot be
        understood."""
        if not (isinstance(event.get("event"), str) and isinstance(event.get("params"), dict)
                and isinstance(event.get("traceback", ""), str)):
            raise BadEvent("an event has at least event, a text, and params, an object")
        for key in ("pid", "tid"):
            if not isinstance(event.get(key), (int, str, type(None))):
                raise BadEvent(f"{key} is neither number nor text")
        self.findings.events += 1
        group, _, name = event["event"].rpartition(":")
        allocator, tracepoint = ALLOCATOR.match(name), TRACEPOINT.match(name)
        if event.get("pid") is None and name != "lost":
            self._threads_without_process.add(event.get("tid"))
        if name == "lost":
            self.findings.lost += number(event, "lost")
        elif allocator is not None:
            self._add_probe(event, allocator)
        elif tracepoint is not None and "alkaid" in group:
            self._add_tracepoint(event, tracepoint[1])
        else:
            self.findings.ignored[event["event"]] += 1

    def finish(self):
        """The live blocks, with those whose reallocation was in progress at the end."""
        for calls in self._calls.values():
            for call in calls:
                self._abandon(call)
        self._calls.clear()
        self.findings.replaced = sum(map(len, self._displaced.values()))
        self.findings.threads_without_process = len(self._threads_without_process)
        return [block for blocks in self._live.values() for block in blocks.values()]

    def _add_probe(self, event, match):
        family = "je" if match["je"] else "mi"
        function = match[family]
        kind, calls = CALLS[function], self._calls[(event.get("pid"), event.get("tid"))]
        if match["ret"]:
            return self._return(event, function, kind, calls)
        if kind == FREE:
            return self._free(event, number(event, OLD_BLOCK[family]), calls)
        call = Call(function, number(event, SIZE[function]), event.get("pid"))
        if kind == REALLOCATE:
            call.address = number(event, OLD_BLOCK[family])
            call.old = self._live[call.process].pop(call.address, None)
            self.findings.moved_unknown += call.old is None and call.address != 0
        calls.append(call)

    def _return(self, event, function, kind, calls):
        address = number(event, "arg1", "ret", "retval")
        call = None
        if any(each.function == function for each in calls):
            while calls[-1].function != function:
                self._abandon(calls.pop())
            call = calls.pop()
        else:
            self.findings.unmatched_returns += 1
        if address == 0:
            self.findings.refused += 1
            self._put_back(call)
            return
        self._count(kind)
        self._insert(event, address, call.size if call else None, "")

    def _count(self, kind):
        self.findings.allocations += kind == ALLOCATE
        self.findings.reallocations += kind == REALLOCATE

    def _put_back(self, call):
        if call is not None and call.old is not None:
            self._live[call.process].setdefault(call.old.address, call.old)

    def _abandon(self, call):
        self.findings.unfinished += 1
        self._put_back(call)

    def _add_tracepoint(self, event, name):
        if name not in TRACEPOINT_PARAMS:
            self.findings.ignored[event["event"]] += 1
            return
        value = {param: number(event, param, f"arg{position}")
                 for position, param in enumerate(TRACEPOINT_PARAMS[name], 1) if param != "label"}
        if name == FREE:
            return self._free(event, value["ptr"])
        if name == ALLOCATE:
            self._count(ALLOCATE)
            return self._insert(event, value["ptr"], value["size"],
                                str(event["params"].get("label", "")))
        self._reallocated(event, value)

    # The tracepoint comes at the end of the call. By then another thread may have allocated and
    # reported the address that the block moved away from: then the block is among the displaced
    # ones.
    def _reallocated(self, event, value):
        process, address = event.get("pid"), value["old_ptr"]
        live = self._live[process].get(address)
        if (live is not None and address == value["new_ptr"]
                and value["old_size"] == value["new_size"]):
            return  # refused, or nothing to do: the block is unchanged
        self._count(REALLOCATE)
        displaced = self._displaced[(process, address)]
        others = live is None or live.thread != event.get("tid")
        moved = next((block for block in displaced if others and block.size == value["old_size"]),
                     None)
        if moved is not None:
            displaced.remove(moved)
        else:
            moved = self._live[process].pop(address, None)
            self.findings.moved_unknown += moved is None
        self._insert(event, value["new_ptr"], value["new_size"], moved.label if moved else "")

    def _insert(self, event, address, size, label):
        process = event.get("pid")
        block = Block(address, size, event.get("traceback", ""), event.get("tid"), label)
        live = self._live[process]
        if address in live:
            self._displaced[(process, address)].append(live[address])
        live[address] = block
        self._seen(block)

    def _free(self, event, address, calls=()):
        if address == 0:
            return
        # A moving reallocation calls the same function to free the old block.
        for call in calls:
            if call.address == address:
                call.old = None
                return
        self.findings.frees += 1
        if self._live[event.get("pid")].pop(address, None) is None:
            self.findings.freed_unknown += 1


def replay_lines(lines, seen=lambda block: None):
    """Replays lines of JSON. Returns (live blocks, findings, [(line number, what is wrong)])."""
    replay, faults = Replay(seen), []
    for number_of_line, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            event = json.loads(line)
            if not isinstance(event, dict):
                raise BadEvent("not a JSON object")
            replay.add(event)
        except (ValueError, RecursionError) as fault:
            faults.append((number_of_line, str(fault)))
    return replay.finish(), replay.findings, faults


def report_findings(program, findings, faults):
    """Prints on stderr what makes the result inexact, and what was no allocation event."""
    def say(text):
        print(f"{program}: {printable(text)}", file=sys.stderr)

    for line, fault in faults:
        say(f"line {line}: {fault}")
    for event, count in sorted(findings.ignored.items()):
        say(f"not an allocation or a free: {count} x {event}")
    if findings.freed_unknown or findings.moved_unknown:
        say(f"{findings.freed_unknown} frees and {findings.moved_unknown} reallocations of blocks "
            "that their process was not recorded to allocate: it did so before the recording, or "
            "the process did that it was forked from")
    if findings.threads_without_process > 1:
        say(f"the events name {findings.threads_without_process} threads and not their processes, "
            "and are taken for those of one process: if there were several, read the recording "
            "by perf script -F +pid")
    if not findings.is_exact():
        say(f"not exact: {findings.lost} events lost by perf, {findings.replaced} blocks whose "
            f"free is missing, {findings.unmatched_returns} returns without an entry, "
            f"{findings.unfinished} entries without a return")
