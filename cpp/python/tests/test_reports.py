"""Tracking, snapshots, differences and retention."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

import alkaid as ak
from xtc2_files import Run, small_data


def test_tracking_is_on_inside_the_block_and_off_behind_it() -> None:
    assert not ak.is_tracking()
    with ak.track():
        assert ak.is_tracking()
        with pytest.raises(ak.FailedPreconditionError), ak.track():
            pass
        assert ak.is_tracking()
    assert not ak.is_tracking()
    with pytest.raises(ak.FailedPreconditionError):
        ak.snapshot()
    with pytest.raises(ak.FailedPreconditionError):
        ak.retention()
    with pytest.raises(ValueError, match="unwinder"), ak.track(unwinder="magic"):
        pass


def test_a_snapshot_has_the_blocks_with_their_labels(tmp_path: Path) -> None:
    with ak.track():
        with ak.label("kept"):
            kept = ak.allocate_buffer(1 << 16)
        shot = ak.snapshot("now")
        (statistics,) = [one for one in ak.label_statistics() if one.label == "kept"]
    assert (statistics.live_blocks, statistics.total_blocks) == (1, 1)
    (block,) = [block for block in shot.blocks() if block.label == "kept"]
    assert block.address == kept.address and block.size >= 1 << 16 and block.weight == block.size
    assert block.frames
    assert shot.bytes >= block.size and shot.block_count >= 1 and not shot.sampled
    records = shot.to_records()
    assert len(records) == len(shot.blocks()) and records[0].keys() == set(block._fields)
    assert f"{shot.bytes:,} bytes allocated" in str(shot) and "kept" in str(shot)
    shot.write(tmp_path / "now.heap")
    again = ak.read_snapshot(tmp_path / "now.heap")
    assert (again.name, again.bytes, again.blocks()) == ("now", shot.bytes, shot.blocks())
    (tmp_path / "bad.heap").write_bytes(b"no heap file")
    with pytest.raises(ak.DataLossError):
        ak.read_snapshot(tmp_path / "bad.heap")
    with pytest.raises(FileNotFoundError):
        ak.read_snapshot(tmp_path / "none.heap")


def test_a_diff_begins_traces_at_the_programs_own_code() -> None:
    with ak.track():
        before = ak.snapshot("before")
        kept = ak.allocate_buffer(1 << 16)
        found = ak.diff(before, ak.snapshot("after"))
    assert kept.size == 1 << 16
    shown, all_of_it = found.text(), found.text(all_frames=True)
    assert "libalkaid" not in shown and "libalkaid" in all_of_it
    assert all("libalkaid" in one.frames[0] for one in found.by_stack)
    assert "test_reports.py" in shown or "test_reports.py" not in all_of_it  # an unknown Python has no lines


def test_a_diff_has_what_came_and_what_went() -> None:
    with ak.track():
        with ak.label("goes"):
            goes = ak.allocate_buffer(1 << 12)
        before = ak.snapshot("before")
        del goes
        with ak.label("comes"):
            comes = [ak.allocate_buffer(1 << 14) for _ in range(2)]
        after = ak.snapshot("after")
    found = ak.diff(before, after)
    assert len(comes) == 2
    assert found.same_process and not found.estimated
    assert (found.by_label["goes"].blocks, found.by_label["comes"].blocks) == (-1, 2)
    assert found.by_label["comes"].new_bytes >= 2 << 14
    assert found.total.bytes == sum(change.bytes for change in found.by_label.values())
    assert sum(record["bytes"] for record in found.to_records()) == found.total.bytes
    text = str(found)
    assert text.startswith("Changes from before to after") and "comes" in text and "By traceback" in text


def test_retention_names_the_array_that_pins_a_batch(tmp_path: Path) -> None:
    path = Run().run(400).write(tmp_path / "run.xtc2")
    with ak.track(views=True):
        kept = []
        for dgram in ak.BatchReader(path, batch_bytes=1 << 15):
            if dgram.index == 200:
                kept.append(dgram.camera[0].raw.image)
        del dgram
        report = ak.retention()
        assert report.root_count == len(report.roots) == 1
        (root,) = report.roots
        assert root.visible_bytes == report.visible_bytes == kept[0].nbytes
        assert root.held_bytes > 30_000 and root.hidden_bytes == report.hidden_bytes
        assert root.source == str(path)
        assert sum(holder.views for holder in root.holders) == root.views == 1
        (record,) = report.to_records()
        assert record["source"] == str(path) and record["frames"]
        assert str(path) in str(report) and "1 root held by 1 view" in str(report)
        del kept[:]
        assert ak.retention().root_count == 0


def keep_one_image(path: Path) -> object:
    for dgram in ak.BatchReader(path, batch_bytes=1 << 15):
        if dgram.index == 200:
            return dgram.camera[0].raw.image
    raise AssertionError


@pytest.mark.skipif(sys.version_info[:2] not in ((3, 11), (3, 12), (3, 13)), reason="lines of Python are known of 3.11 to 3.13")
def test_reports_name_the_line_of_the_script(tmp_path: Path) -> None:
    path = Run().run(400).write(tmp_path / "run.xtc2")
    with ak.track(views=True):
        before = ak.snapshot("before")
        kept = keep_one_image(path)
        (root,) = ak.retention().roots
        (record,) = ak.diff(before, ak.snapshot("after")).to_records()
    assert kept is not None
    line = keep_one_image.__code__.co_firstlineno + 3
    first = next(frame for frame in root.holders[0].frames if " at " in frame)
    assert first == f"keep_one_image at {keep_one_image.__code__.co_filename}:{line}"
    first = next(frame for frame in record["frames"] if " at " in frame)
    assert first == f"keep_one_image at {keep_one_image.__code__.co_filename}:{line - 2}"


def test_retention_sees_dgrams_and_events_that_are_kept(tmp_path: Path) -> None:
    path = Run().run(400).write(tmp_path / "run.xtc2")
    with ak.track(views=True):
        reader = ak.BatchReader(path, batch_bytes=1 << 15)
        kept = [dgram for dgram in reader if dgram.index == 200]
        del reader
        report = ak.retention()
        assert [root.visible_bytes for root in report.roots] == [kept[0]._size]
        assert kept[0].compact_if_below(0.5)
        (root,) = ak.retention().roots  # of its own
        assert root.held_bytes < 1000 and root.visible_bytes == kept[0]._size
        evt = None
        for run in ak.DataSource(files=path, timestamps=[kept[0].timestamp()]).runs():
            evt = next(run.events())
        del run
        assert evt is not None
        assert ak.retention().visible_bytes >= kept[0]._size


@pytest.mark.parametrize("with_small_data", [True, False])
def test_retention_sees_each_stream_of_an_event(tmp_path: Path, with_small_data: bool) -> None:
    names = ("camera", "laser")
    paths = []
    for name in names:
        run = Run(detector=name).run(300)
        paths.append(run.write(tmp_path / f"{name}.xtc2"))
        if with_small_data:
            (tmp_path / f"{name}.smd.xtc2").write_bytes(small_data(run.dgrams))
    with ak.track(views=True):
        run = next(ak.DataSource(files=paths).runs())
        kept = None
        for i, evt in enumerate(run.events()):
            if i == 200:
                kept = list(evt)
        del run, evt
        assert kept is not None
        report = ak.retention()
        assert report.visible_bytes == sum(dgram._size for dgram in kept)
        assert report.hidden_bytes > 100 * report.visible_bytes
        array = kept[1].laser[0].raw.image
        del kept
        assert ak.retention().visible_bytes == array.nbytes


def test_a_snapshot_can_be_asked_for_its_retention_later(tmp_path: Path) -> None:
    path = Run().run(10).write(tmp_path / "run.xtc2")
    with ak.track(views=True):
        kept = list(ak.BatchReader(path))[5].camera[0].raw.image
        shot = ak.snapshot("later")
    report = ak.retention(shot)
    assert report.root_count == 1 and report.visible_bytes == kept.nbytes
    with ak.track():
        shot = ak.snapshot()
    with pytest.raises(ak.FailedPreconditionError):
        ak.retention(shot)
