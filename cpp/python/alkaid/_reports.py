"""Who holds memory: tracking, snapshots, their differences, and retention by views."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, NamedTuple

from . import _alkaid
from ._naming import public

if TYPE_CHECKING:
    from collections.abc import Iterable

Path = str | os.PathLike[str]


class track:
    """Inside a `with`, keeps a table of all live blocks of Alkaid's pools with size, label, age and stack trace, for
    snapshot, diff and retention.

        with ak.track(views=True):
            kept = read_a_run()
            print(ak.retention())

    views: also record which view keeps which batch alive. sample_bytes: record one block in about so many allocated
    bytes, 0 for all. frames: the depth of a stack trace, at most 128. unwinder: "cfi", "fp" or "runtime". The tables
    are emptied at the end; snapshots stay. Tracking covers the whole process, and may be started from any thread;
    FailedPreconditionError if it is on already.
    """

    def __init__(self, *, views: bool = False, sample_bytes: int = 0, frames: int = 32, unwinder: str = "cfi") -> None:
        parts = [f"frames={frames}", f"unwinder={unwinder}"]
        if sample_bytes:
            parts.insert(0, f"sample:{sample_bytes}")
        if views:
            parts.append("views")
        self._options = ",".join(parts)

    def __enter__(self) -> track:
        _alkaid._start_tracking(self._options)
        return self

    def __exit__(self, *_: object) -> None:
        _alkaid._stop_tracking()


class LabelStatistics(NamedTuple):
    """The figures of one label since tracking began: live now, and in total. Estimates if memory is sampled."""

    label: str
    live_bytes: int
    live_blocks: int
    total_bytes: int
    total_blocks: int


def label_statistics() -> list[LabelStatistics]:
    """The statistics of each label, most live bytes first."""
    return [LabelStatistics(*one) for one in _alkaid._label_statistics()]


class Change(NamedTuple):
    """Blocks that were freed and blocks that are new. oldest_ns: the greatest age among the new ones."""

    freed_bytes: int
    freed_blocks: int
    new_bytes: int
    new_blocks: int
    oldest_ns: int

    @property
    def bytes(self) -> int:
        """The growth in bytes."""
        return self.new_bytes - self.freed_bytes

    @property
    def blocks(self) -> int:
        """The growth in blocks."""
        return self.new_blocks - self.freed_blocks


class Block(NamedTuple):
    """A live block. weight: the bytes that it represents; its size unless memory is sampled."""

    address: int
    size: int
    weight: int
    label: str
    pool: str
    age_ns: int
    thread: int
    frames: list[str]


class StackChange(NamedTuple):
    """The change at one place of the program. frames, innermost first: "function at file:line" for Python,
    "file + offset" for native code."""

    frames: list[str]
    change: Change
    label: str
    pool: str


def _plural(count: int, sign: str = "") -> str:
    return f"{count:{sign},} block{'s' if abs(count) != 1 else ''}"


class HeapDiff:
    """The changes between two snapshots. Prints as `alkaid heap diff`, with files and offsets instead of functions."""

    def __init__(self, before: Snapshot | None, after: Snapshot) -> None:
        self.before, self.after = before, after
        total, self.estimated, self.same_process, labels, pools, threads, stacks = _alkaid._diff(
            None if before is None else before._native, after._native
        )
        self.total = Change(*total)
        self.by_label = {name: Change(*change) for name, change in labels}
        self.by_pool = {name: Change(*change) for name, change in pools}
        self.by_thread = {name: Change(*change) for name, change in threads}
        self.by_stack = [StackChange(frames, Change(*change), label, pool) for frames, change, label, pool, _ in stacks]
        self._shown = [shown for *_, shown in stacks]  # which frames

    def to_records(self) -> list[dict[str, Any]]:
        """The changes by place of the program, for pandas.DataFrame."""
        return [
            {"bytes": one.change.bytes, "blocks": one.change.blocks, **one.change._asdict(),
             "label": one.label, "pool": one.pool, "frames": one.frames}
            for one in self.by_stack
        ]  # fmt: skip

    def text(self, top: int = 10, all_frames: bool = False) -> str:
        """A report for people. top: how many places of the program, 0 for all. all_frames: also show frames of
        allocators, of the C and C++ libraries and of Alkaid."""
        sign = "" if self.before is None else "+"
        lines = [] if self.before is None else [f"Changes from {self.before.name} to {self.after.name}"]
        if self.before is not None:
            lines.append(f"  {self.total.bytes:+,} bytes, {_plural(self.total.blocks, '+')}")
        for title, changes in (("By label", self.by_label), ("By pool", self.by_pool)):
            lines += ["", f"{title}:"] if changes else []
            for name, change in changes.items():
                lines.append(f"  {change.bytes:{sign}20,} bytes {_plural(change.blocks, sign):>20}  {name or '(none)'}")
        shown = self.by_stack[:top] if top else self.by_stack
        if shown:
            lines += ["", f"By traceback, {len(shown)} of {len(self.by_stack)}, greatest first:"]
        for one, own in zip(shown, self._shown):
            where = ", ".join(part for part in (one.label, one.pool) if part)
            lines.append(f"  {one.change.bytes:{sign},} bytes, {_plural(one.change.blocks, sign)}  {where}")
            numbers = range(len(one.frames)) if all_frames else own
            lines += [f"    #{i:<2} {one.frames[i]}" for i in numbers]
        return "\n".join(lines)

    def __str__(self) -> str:
        return self.text()

    def __repr__(self) -> str:
        return f"<alkaid.HeapDiff {self.total.bytes:+,} bytes, {_plural(self.total.blocks, '+')}>"


class Snapshot:
    """The live memory at one moment. A copy that never changes. Made by snapshot or read_snapshot."""

    def __init__(self, native: _alkaid._HeapSnapshot) -> None:
        self._native = native

    @property
    def name(self) -> str:
        """The name given to snapshot."""
        return self._native.name

    @property
    def bytes(self) -> int:
        """The bytes of all blocks; an estimate if memory is sampled."""
        return self._native.bytes

    @property
    def block_count(self) -> int:
        """The number of blocks; an estimate if memory is sampled."""
        return self._native.block_count

    @property
    def sampled(self) -> bool:
        """Whether only some allocations were recorded."""
        return self._native.sampled

    def blocks(self) -> list[Block]:
        """All blocks, by address."""
        return [Block(*block) for block in self._native.blocks()]

    def to_records(self) -> list[dict[str, Any]]:
        """The blocks, for pandas.DataFrame."""
        return [block._asdict() for block in self.blocks()]

    def write(self, path: Path) -> None:
        """Writes a heap file, as a whole or not at all. `alkaid heap show` prints it with functions and lines."""
        self._native.write(path)

    def text(self, top: int = 10) -> str:
        """A report for people. top: how many places of the program, 0 for all."""
        head = f'Heap "{self.name}"\n{self.bytes:,} bytes allocated, in {_plural(self.block_count)}'
        return f"{head}\n{HeapDiff(None, self).text(top)}"

    def __str__(self) -> str:
        return self.text()

    def __repr__(self) -> str:
        return f"<alkaid.Snapshot {self.name!r}: {self.bytes:,} bytes in {_plural(self.block_count)}>"


def snapshot(name: str = "") -> Snapshot:
    """The live memory of this process. FailedPreconditionError if tracking is off."""
    return Snapshot(_alkaid._take_snapshot(name))


def read_snapshot(path: Path) -> Snapshot:
    """Reads a heap file. DataLossError, with the byte, if it is not one."""
    return Snapshot(_alkaid._read_snapshot(path))


def diff(before: Snapshot, after: Snapshot) -> HeapDiff:
    """The changes between two snapshots."""
    return HeapDiff(before, after)


class RetentionHolder(NamedTuple):
    """The views of one root that one thread made at one place. frames, innermost first: "function at file:line" for
    Python, "file + offset" for native code."""

    views: int
    view_bytes: int
    visible_bytes: int
    thread: int
    oldest_ns: int
    frames: list[str]


class RetainedRoot(NamedTuple):
    """A block, usually a batch, that views keep alive. visible_bytes are in at least one view; the rest is wasted.

    source, source_offset: where its bytes were read from. Times are of the datagrams in it, and of those that views
    show, in nanoseconds; None if unknown.
    """

    address: int
    held_bytes: int
    visible_bytes: int
    views: int
    oldest_ns: int
    label: str
    pool: str
    source: str
    source_offset: int | None
    first_time_ns: int | None
    last_time_ns: int | None
    first_visible_time_ns: int | None
    last_visible_time_ns: int | None
    holders: list[RetentionHolder]

    @property
    def hidden_bytes(self) -> int:
        """The bytes that no view shows."""
        return self.held_bytes - self.visible_bytes


class Retention:
    """The roots that views keep alive, how little the views show, and who made the views; the worst first.

    Prints as `alkaid heap retention`.
    """

    def __init__(self, of: Snapshot | None, top: int) -> None:
        self.root_count, self.view_count, self.held_bytes, self.visible_bytes, roots, self._text = _alkaid._retention(
            None if of is None else of._native, top
        )
        self.roots = [RetainedRoot._make((*root[:13], [RetentionHolder(*holder) for holder in root[13]])) for root in roots]

    @property
    def hidden_bytes(self) -> int:
        """The bytes of all roots that no view shows."""
        return self.held_bytes - self.visible_bytes

    def to_records(self) -> list[dict[str, Any]]:
        """The roots, for pandas.DataFrame, with the frames of the holder that shows the most bytes."""
        return [_record(root) for root in self.roots]

    def __str__(self) -> str:
        return self._text

    def __repr__(self) -> str:
        return f"<alkaid.Retention {self.root_count} roots, {self.held_bytes:,} bytes, {self.visible_bytes:,} visible>"


def _record(root: RetainedRoot) -> dict[str, Any]:
    record = root._asdict()
    holders: Iterable[RetentionHolder] = record.pop("holders")
    record["hidden_bytes"] = root.hidden_bytes
    record["frames"] = next((holder.frames for holder in holders), [])
    return record


def retention(of: Snapshot | None = None, top: int = 10) -> Retention:
    """The retention in this process now, or in a snapshot. top: how many roots the text lists, 0 for all.

    FailedPreconditionError if views are not tracked: use track(views=True).
    """
    return Retention(of, top)


public(track, LabelStatistics, Change, Block, StackChange, HeapDiff, Snapshot)
public(RetentionHolder, RetainedRoot, Retention)
