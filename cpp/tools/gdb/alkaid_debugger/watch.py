"""Hardware watchpoints on a block: which code touches or frees it next.

A processor has four of them, and a block takes all. They are on its first byte; on its last byte;
on the word of its record that changes when it is freed or reallocated, since freeing need not touch
the block itself; and on the word with the address of the records. When that word changes, their
table was replaced, and the new record must be watched. The record is named by a convenience
variable, which gdb evaluates each time that the process continues: so no watchpoint is made while a
stop is being decided, which gdb forbids.
"""

import itertools
import os

import gdb

from . import inferior, layout
from .layout import HeapError
from .rendering import say, without_arguments

MOST = 4  # debug registers of x86 and, as a rule, of other processors
FRAMES = 40

KINDS = tuple(getattr(gdb, name) for name in (
    "BP_HARDWARE_BREAKPOINT", "BP_HARDWARE_WATCHPOINT", "BP_READ_WATCHPOINT",
    "BP_ACCESS_WATCHPOINT")
    if hasattr(gdb, name))


class Point(gdb.Breakpoint):
    """A watchpoint on an end of a block; `what` is the message when it is hit."""

    def __init__(self, expression, kind, what):
        super().__init__(expression, gdb.BP_WATCHPOINT, kind)
        self.what = what


class RecordPoint(Point):
    """The watchpoint on the record of a block. Reports nothing where only the record moved."""

    def __init__(self, watch):
        super().__init__(f"*(unsigned long *) ${watch.variable}", gdb.WP_WRITE,
                         "was freed or reallocated")
        self._watch = watch

    def stop(self):
        return self._watch.is_gone()


class ArrayPoint(Point):
    """The watchpoint on the word with the address of the records. Never stops the process."""

    def __init__(self, word, watch):
        super().__init__(f"*(unsigned long *) {word:#x}", gdb.WP_WRITE, "has moved")
        self._watch = watch

    def stop(self):
        self._watch.is_gone()
        return False


class Watch:
    """The watchpoints of one block, which belong together."""

    def __init__(self, block, line):
        self.block = block
        self.line = line
        self.points = []
        self.variable = f"alkaid_record_{next(_count)}"

    def numbers(self):
        return [point.number for point in self.points]

    def unseen(self):
        """What will not be seen for want of watchpoints, or nothing."""
        kinds = {type(point) for point in self.points}
        if RecordPoint not in kinds:
            return "that it is freed without being touched will not be seen"
        if ArrayPoint not in kinds:
            return ("that it is freed without being touched will not be seen once its record has "
                    "moved: a fourth watchpoint would have to be free")
        return ""

    def watch_ends(self):
        ends = {self.block.address: "first byte",
                self.block.address + max(self.block.size, 1) - 1: "last byte"}
        for address, what in ends.items():
            self.points.append(Point(f"*(char *) {address:#x}", gdb.WP_ACCESS,
                                     f"was touched at its {what}"))

    def watch_record(self, room):
        heap = tables()
        array = heap.array_address(self.block)
        if array is None or room < 1:
            return
        gdb.set_convenience_variable(self.variable, heap.record_address(self.block))
        self.points.append(RecordPoint(self))
        if room > 1:
            self.points.append(ArrayPoint(array, self))

    def is_gone(self):
        """Whether the block is known to be freed; if not, watches its record at its current
        place."""
        try:
            heap = tables()
            if not heap.on:
                return False  # all records went with tracking
            record = heap.record_address(self.block)
        except HeapError:
            return False
        if record is not None:
            gdb.set_convenience_variable(self.variable, record)
        return record is None

    def delete(self):
        for point in self.points:
            if point.is_valid():
                point.delete()
        self.points = []
        gdb.set_convenience_variable(self.variable, None)


def tables():
    return layout.Heap(inferior.Memory().read, inferior.address_of("alkaid_heap_root"))


_watches = []
_count = itertools.count(1)


def _in_use():
    return [point for point in gdb.breakpoints() if point.enabled and point.type in KINDS]


def begin(block, line, ends_only):
    """Watches `block`."""
    if not inferior.is_live():
        raise HeapError("a core does not go on: watchpoints need a process")
    in_use = _in_use()
    room = MOST - len(in_use)
    if room < 2:
        numbers = ", ".join(str(point.number) for point in in_use)
        raise HeapError(f"a processor has {MOST} hardware watchpoints, a block takes 2 at least, "
                        f"and {len(in_use)} are in use (breakpoints {numbers}): delete some, or "
                        "alkaid heap unwatch")
    watch = Watch(block, line)
    try:
        watch.watch_ends()
        if not ends_only:
            watch.watch_record(room - len(watch.points))
    except gdb.error as error:
        watch.delete()
        raise HeapError(f"no hardware watchpoint could be set: {error}") from error
    _watches.append(watch)
    return watch


def end_all():
    """Removes all of them. Returns how many blocks were watched."""
    count = sum(1 for watch in _watches if watch.points)
    for watch in _watches:
        watch.delete()
    _watches.clear()
    return count


def _report(watch, what):
    lines, culprit, files = [], None, inferior.Files()
    frame, number = gdb.newest_frame(), 0
    while frame is not None and number < FRAMES:
        name = frame.name()
        name = without_arguments(name) if name else files.place_of(frame.pc())
        sal = frame.find_sal()
        if sal.symtab is not None:
            place = f" at {os.path.basename(sal.symtab.filename)}:{sal.line}"
        else:
            library = gdb.solib_name(frame.pc())
            place = f" from {os.path.basename(library)}" if library and frame.name() else ""
        outside = culprit is None and not inferior.is_machinery(name, frame.pc())
        if outside:
            culprit = f"#{number} {name}{place}"
        lines.append(f"{'=>' if outside else '  '} #{number:<2} {name}{place}")
        frame, number = frame.older(), number + 1
    say()
    say(f"The block {watch.line}")
    say(f"{what} by")
    for line in lines:
        say(line)
    if culprit is not None:
        say(f"The first frame outside allocators and libraries: {culprit}")
    else:
        say("No frame is outside allocators and libraries: a function that ends with a call has "
            "none left in optimized code.")
    say("Its watchpoints are removed.")


def _on_stop(event):
    breakpoints = event.breakpoints if isinstance(event, gdb.BreakpointEvent) else []
    for watch in list(_watches):
        hit = [point for point in watch.points if point in breakpoints]
        if hit:
            # One instruction may hit both; that the block was freed says more.
            _report(watch, hit[-1].what)
            watch.delete()
            _watches.remove(watch)
        elif watch.is_gone():
            say()
            say(f"The block {watch.line}")
            say("is no longer live: it was freed or reallocated, unseen, before this stop. Its "
                "watchpoints are removed.")
            watch.delete()
            _watches.remove(watch)


def _on_exit(_):
    for watch in _watches:
        say(f"The block {watch.line}")
        say("was not seen to be touched at an end or freed before the process ended"
            + (f" ({watch.unseen()})" if watch.unseen() else "") + ".")
    end_all()


def connect():
    gdb.events.stop.connect(_on_stop)
    gdb.events.exited.connect(_on_exit)


def disconnect():
    end_all()
    gdb.events.stop.disconnect(_on_stop)
    gdb.events.exited.disconnect(_on_exit)
