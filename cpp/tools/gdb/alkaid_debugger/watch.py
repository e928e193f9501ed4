"""Hardware watchpoints on a block: who touches or frees it next.

A processor has few of them. A block takes three: on its first byte, on its last, and on the word of
its record that changes when it is freed or reallocated, since freeing need not touch the block
itself. Records move when their table is made anew. gdb sees that only when the process stops: from
then on the new record is watched.
"""

import os

import gdb

from . import inferior, layout
from .layout import HeapError
from .rendering import without_arguments

MOST = 4  # debug registers of x86 and, as a rule, of other processors
FRAMES = 40

KINDS = tuple(getattr(gdb, name) for name in (
    "BP_HARDWARE_BREAKPOINT", "BP_HARDWARE_WATCHPOINT", "BP_READ_WATCHPOINT",
    "BP_ACCESS_WATCHPOINT")
    if hasattr(gdb, name))


class Point(gdb.Breakpoint):
    """A watchpoint on an end of a block; `what` says what it means when it is hit."""

    def __init__(self, expression, kind, what):
        super().__init__(expression, gdb.BP_WATCHPOINT, kind)
        self.what = what


class RecordPoint(Point):
    """The watchpoint on the record of a block, which says nothing where only the record moved."""

    def __init__(self, record, watch):
        super().__init__(f"*(unsigned long *) {record:#x}", gdb.WP_WRITE,
                         "was freed or reallocated")
        self._watch = watch

    def stop(self):
        return find_record(self._watch.block) is None


class Watch:
    """The watchpoints of one block, which go together."""

    def __init__(self, block, line):
        self.block = block
        self.line = line
        self.points = []
        self._record = None

    def watch_ends(self):
        ends = {self.block.address: "first byte",
                self.block.address + max(self.block.size, 1) - 1: "last byte"}
        for address, what in ends.items():
            self.points.append(Point(f"*(char *) {address:#x}", gdb.WP_ACCESS,
                                     f"was touched at its {what}"))

    def watch_record(self):
        self._record = find_record(self.block)
        if self._record is not None:
            self.points.append(RecordPoint(self._record, self))

    def follow_record(self):
        """Watches the record where it is now."""
        if self._record is None or find_record(self.block) == self._record:
            return
        for point in [point for point in self.points if isinstance(point, RecordPoint)]:
            self.points.remove(point)
            if point.is_valid():
                point.delete()
        self.watch_record()

    def delete(self):
        for point in self.points:
            if point.is_valid():
                point.delete()
        self.points = []


def find_record(block):
    """The address of the record of `block`, or None where the block is not live."""
    try:
        heap = layout.Heap(inferior.Memory().read, inferior.address_of("alkaid_heap_root"))
        return heap.record_address(block)
    except HeapError:
        return None


_watches = []


def _in_use():
    return [point for point in gdb.breakpoints() if point.enabled and point.type in KINDS]


def begin(block, line, ends_only):
    """Watches `block`. Returns the numbers of its watchpoints."""
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
        if room > len(watch.points) and not ends_only:
            watch.watch_record()
    except gdb.error as error:
        watch.delete()
        raise HeapError(f"no hardware watchpoint could be set: {error}") from error
    _watches.append(watch)
    return [point.number for point in watch.points]


def end_all():
    """Takes all of them away. Returns how many blocks were watched."""
    count = sum(1 for watch in _watches if watch.points)
    for watch in _watches:
        watch.delete()
    _watches.clear()
    return count


def _report(watch, what):
    lines, culprit = [], None
    frame, number = gdb.newest_frame(), 0
    while frame is not None and number < FRAMES:
        name = frame.name()
        name = without_arguments(name) if name else "??"
        sal = frame.find_sal()
        if sal.symtab is not None:
            place = f" at {os.path.basename(sal.symtab.filename)}:{sal.line}"
        else:
            library = gdb.solib_name(frame.pc())
            place = f" from {os.path.basename(library)}" if library else ""
        outside = culprit is None and not inferior.is_machinery(name, frame.pc())
        if outside:
            culprit = f"#{number} {name}{place}"
        lines.append(f"{'=>' if outside else '  '} #{number:<2} {name}{place}")
        frame, number = frame.older(), number + 1
    print(f"\nThe block {watch.line}\n{what} by")
    print("\n".join(lines))
    if culprit is not None:
        print(f"The first frame outside allocators and libraries: {culprit}")
    print("Its watchpoints are removed.")


def _on_stop(event):
    breakpoints = event.breakpoints if isinstance(event, gdb.BreakpointEvent) else []
    for watch in list(_watches):
        hit = [point for point in watch.points if point in breakpoints]
        if hit:
            # Both may be hit by one instruction; that the block is gone says more.
            _report(watch, hit[-1].what)
            watch.delete()
            _watches.remove(watch)
        else:
            watch.follow_record()


def _on_exit(_):
    end_all()


def connect():
    gdb.events.stop.connect(_on_stop)
    gdb.events.exited.connect(_on_exit)


def disconnect():
    end_all()
    gdb.events.stop.disconnect(_on_stop)
    gdb.events.exited.disconnect(_on_exit)
