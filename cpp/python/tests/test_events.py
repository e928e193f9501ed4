"""DataSource, runs, steps, events and detectors."""

from __future__ import annotations

import copy
import gc
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest

import alkaid as ak
from alkaid.dgramedit import AlgDef, DetectorDef, DgramEdit
from xtc2_files import Run, small_data


def write_streams(folder: Path, streams: dict[str, Run], with_small_data: bool = True) -> list[Path]:
    (folder / "smalldata").mkdir(exist_ok=True)
    paths = []
    for name, run in streams.items():
        paths.append(run.write(folder / f"{name}.xtc2"))
        if with_small_data:
            (folder / "smalldata" / f"{name}.smd.xtc2").write_bytes(small_data(run.dgrams))
    return paths


def two_streams(events: int = 10) -> dict[str, Run]:
    """A camera at every event, a laser at every third."""
    camera = Run(segments=2, detector="camera").run(events, steps=2)
    laser = Run(detector="laser").run(events, steps=2)
    count = 0
    kept = []
    for dgram in laser.dgrams:
        if dgram.service() == ak.TransitionId.L1Accept:
            count += 1
            if count % 3 != 1:
                continue
        kept.append(dgram)
    laser.dgrams = kept
    return {"x-r0007-s000-c000": camera, "x-r0007-s001-c000": laser}


@pytest.fixture(params=["small data", "none"])
def streams(request: pytest.FixtureRequest, tmp_path: Path) -> list[Path]:
    return write_streams(tmp_path, two_streams(), request.param == "small data")


def test_events_are_what_all_streams_have_at_one_time(streams: list[Path]) -> None:
    runs = list(ak.DataSource(files=streams).runs())
    assert len(runs) == 1
    run = next(ak.DataSource(files=streams).runs())
    assert run.timestamp == 101 << 32


def test_events_are_the_l1accepts_in_order(streams: list[Path]) -> None:
    for run in ak.DataSource(files=streams).runs():
        assert run.detnames == {"camera", "laser"}
        camera, laser = run.Detector("camera"), run.Detector("laser")
        events = list(run.events())
        assert len(events) == 20
        assert [evt.timestamp for evt in events] == sorted(evt.timestamp for evt in events)
        assert [evt._dgrams[1] is not None for evt in events] == [i % 3 == 0 for i in range(20)]
        for i, evt in enumerate(events):
            value = evt.timestamp & 0xFFFF
            assert evt.service() == 12 and evt.run() is run
            assert camera.raw.energy(evt) == {0: value / 2, 1: value / 2}
            assert laser.raw.energy(evt) == (value / 2 if i % 3 == 0 else None)
            assert laser.raw.note(evt) == (f"event {value}" if i % 3 == 0 else None)
            assert laser.raw.user.gate(evt) == (-value if i % 3 == 0 else None)
            assert len(list(evt)) == (2 if i % 3 == 0 else 1)


def test_raw_stacks_a_copy_and_segments_are_views(streams: list[Path]) -> None:
    run = next(ak.DataSource(files=streams).runs())
    evt = next(run.events())
    value = evt.timestamp & 0xFFFF
    det = run.Detector("camera")
    image = det.raw.raw(evt)
    assert image.shape == (2, 3, 4)
    assert image[:, 0, 0].tolist() == [value, value + 1]
    assert image.flags.writeable and image.base is None
    parts = det.raw.segments(evt)
    assert list(parts) == [0, 1]
    assert all(type(part.base) is ak.Buffer and not part.flags.writeable for part in parts.values())
    assert det.raw.segments(evt, "count") == {0: value, 1: value}
    assert run.Detector("laser").raw.raw(evt).shape == (1, 3, 4)


def test_a_detector_that_an_event_lacks_gives_none(streams: list[Path]) -> None:
    run = next(ak.DataSource(files=streams).runs())
    laser = run.Detector("laser")
    first, second = list(run.events())[:2]
    assert laser.raw.raw(second) is None
    assert laser.raw.image(second) is None
    assert laser.raw.segments(second) == {}
    assert laser.raw.raw(first) is not None


def test_names_that_are_not_declared_are_refused() -> None:
    run = next(ak.DataSource(files=_written(Run().run(1))).runs())
    with pytest.raises(ak.NotFoundError, match="camera"):
        run.Detector("laser")
    det = run.Detector("camera")
    for ask in (lambda: det.fex, lambda: det.raw.pixels, lambda: det.raw.user.other, lambda: det.raw.imag):
        with pytest.raises(AttributeError):
            ask()
    assert "raw" in dir(det) and "image" in dir(det.raw)
    assert det._dettype == "pixels" and det._detids == {0: "serial0"}
    assert run.detinfo == {("camera", "raw"): ["count", "energy", "image", "note", "user.gate"]}


_FILES: list[Path] = []


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path) -> None:
    _FILES[:] = [tmp_path]


def _written(run: Run, name: str = "one.xtc2") -> Path:
    return run.write(_FILES[0] / name)


def test_steps_have_their_events(streams: list[Path]) -> None:
    run = next(ak.DataSource(files=streams).runs())
    counts = []
    for step in run.steps():
        assert step.evt.service() == ak.TransitionId.BeginStep
        assert step.timestamp == step.evt.timestamp
        counts.append(sum(1 for _ in step))
    assert counts == [10, 10]
    run = next(ak.DataSource(files=streams).runs())
    assert [len(list(step.events())) for step in run.steps()] == [10, 10]
    run = next(ak.DataSource(files=streams).runs())
    assert [next(iter(step)).timestamp & 0xFFFF for step in run.steps()] == [4, 46]


def test_one_file_is_read_through() -> None:
    path = _written(Run(segments=3).run(4, steps=2))
    run = next(ak.DataSource(files=str(path)).runs())
    det = run.Detector("camera")
    assert [det.raw.raw(evt).shape for evt in run.events()] == [(3, 3, 4)] * 8
    run = next(ak.DataSource(files=[path]).runs())
    assert [len(list(step)) for step in run.steps()] == [4, 4]


def test_max_events_counts_l1accepts(streams: list[Path]) -> None:
    run = next(ak.DataSource(files=streams, max_events=13).runs())
    assert len(list(run.events())) == 13
    run = next(ak.DataSource(files=streams, max_events=13).runs())
    assert [len(list(step)) for step in run.steps()] == [10, 3]


def test_detectors_choose_streams(streams: list[Path]) -> None:
    for wanted, count in (["laser"], 7), ("camera", 20), (["laser", "camera"], 20):
        run = next(ak.DataSource(files=streams, detectors=wanted).runs())
        assert len(list(run.events())) == count
    with pytest.raises(ak.NotFoundError):
        list(ak.DataSource(files=streams, detectors=["none"]).runs())


def test_timestamps_choose_events(streams: list[Path], tmp_path: Path) -> None:
    run = next(ak.DataSource(files=streams).runs())
    stamps = [evt.timestamp for evt in run.events()][3:9:2]
    np.save(tmp_path / "stamps.npy", np.array(stamps, np.uint64))
    for given in (stamps, np.array(stamps, np.uint64), str(tmp_path / "stamps.npy")):
        run = next(ak.DataSource(files=streams, timestamps=given).runs())
        assert [evt.timestamp for evt in run.events()] == stamps
    run = next(ak.DataSource(files=streams, timestamps=[]).runs())
    assert list(run.events()) == []
    run = next(ak.DataSource(files=streams[0], timestamps=stamps).runs())
    assert [evt.timestamp for evt in run.events()] == stamps


def test_a_callback_of_small_data_chooses_events(streams: list[Path]) -> None:
    def even(evt: ak.Event) -> bool:
        return evt.timestamp % 8 == 0

    def generator(run: ak.Run):
        for evt in run.events():
            if even(evt):
                yield evt

    for callback in (even, generator):
        run = next(ak.DataSource(files=streams, smd_callback=callback).runs())
        found = list(run.events())
        assert found and all(even(evt) for evt in found)
        assert run.Detector("camera").raw.raw(found[0]) is not None


def test_runs_are_told_apart() -> None:
    first = Run().run(2)
    second = Run().run(3)
    first.dgrams += [d for d in second.dgrams if d.service() != ak.TransitionId.Configure]
    path = _written(first)
    assert [len(list(run.events())) for run in ak.DataSource(files=path).runs()] == [2, 3]
    # The rest of a half-read one is skipped.
    assert [next(run.events()).timestamp & 0xFFFF for run in ak.DataSource(files=path).runs()] == [4, 4]
    # Without an EndRun a run ends where the next one begins.
    first.dgrams = [d for d in first.dgrams if d.service() != ak.TransitionId.EndRun]
    assert [len(list(run.events())) for run in ak.DataSource(files=_written(first)).runs()] == [2, 3]


def test_events_without_a_beginrun_are_a_run() -> None:
    run = Run()
    for i in range(3):
        run.event(200 + i)
    found = next(ak.DataSource(files=_written(run)).runs())
    assert found.timestamp is None
    assert len(list(found.events())) == 3


def test_a_file_of_nothing_has_no_runs(tmp_path: Path) -> None:
    (tmp_path / "empty.xtc2").write_bytes(b"")
    assert list(ak.DataSource(files=tmp_path / "empty.xtc2").runs()) == []
    assert list(ak.DataSource(files=_written(Run())).runs()) == []


def test_files_are_found_by_experiment_and_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_streams(tmp_path, two_streams())
    run = next(ak.DataSource(exp="x", run=7, dir=tmp_path).runs())
    assert len(list(run.events())) == 20
    assert len(ak.DataSource(exp="x", dir=tmp_path).files) == 2
    assert len(ak.DataSource(exp="x", run=[7], dir=str(tmp_path)).files) == 2
    with pytest.raises(FileNotFoundError, match="r0008"):
        ak.DataSource(exp="x", run=8, dir=tmp_path)
    place = tmp_path / "abc" / "abcx1" / "xtc"
    place.mkdir(parents=True)
    Run().run(1).write(place / "abcx1-r0001-s000-c000.xtc2")
    monkeypatch.setenv("SIT_PSDM_DATA", str(tmp_path))
    assert len(ak.DataSource(exp="abcx1", run=1).files) == 1


def test_arguments_that_make_no_sense_are_refused(tmp_path: Path) -> None:
    for arguments in ({}, {"files": []}, {"files": "a", "exp": "b"}, {"files": "a", "batch_size": 0}):
        with pytest.raises(ValueError):
            ak.DataSource(**arguments)
    with pytest.raises(TypeError):
        ak.DataSource(files="a", shmem="b")
    with pytest.raises(FileNotFoundError):
        next(ak.DataSource(files=tmp_path / "none.xtc2").runs())
    with pytest.raises(NotImplementedError):
        ak.DataSource(files="a", live=True, smd_callback=bool)


@pytest.mark.parametrize("with_small_data", [True, False])
def test_a_detector_follows_a_configuration_that_changes(tmp_path: Path, with_small_data: bool) -> None:
    first = Run(segments=1, image=np.uint16).run(2)
    second = Run(segments=2, image=np.float32)
    second.config.updatetimestamp(300 << 32)
    second.dgrams = [second.config.dgram()]
    second.event(301 << 32, value=9)
    run = Run()
    run.dgrams = [d for d in first.dgrams if d.service() != ak.TransitionId.EndRun] + second.dgrams
    paths = write_streams(tmp_path, {"x-r0001-s000-c000": run}, with_small_data)
    found = next(ak.DataSource(files=paths).runs())
    det = found.Detector("camera")
    raw = det.raw
    images = [raw.raw(evt) for evt in found.events()]
    assert [(image.dtype, image.shape) for image in images] == [
        (np.dtype(np.uint16), (1, 3, 4)),
        (np.dtype(np.uint16), (1, 3, 4)),
        (np.dtype(np.float32), (2, 3, 4)),
    ]
    assert images[-1][1, 0, 0] == 10


def test_raw_is_none_where_a_segment_is_missing() -> None:
    run = Run(segments=2)
    run.event(1)
    cameras = run.cameras
    run.cameras = cameras[:1]
    run.event(2)
    run.cameras = cameras
    found = next(ak.DataSource(files=_written(run)).runs())
    det = found.Detector("camera")
    whole, half = found.events()
    assert det.raw.raw(whole).shape == (2, 3, 4)
    assert det.raw.raw(half) is None
    assert list(det.raw.segments(half)) == [0]
    assert det.raw.count(half) == {0: 1}


def test_values_of_the_environment_are_those_in_force() -> None:
    run = Run()
    motor = run.config.Detector(DetectorDef("scan", "scan", "d"), AlgDef("raw", 2, 0, 0), {"motor": (np.float32, 0)})
    epics = run.config.Detector(
        DetectorDef("epics", "epics", "d"), AlgDef("raw", 2, 0, 0), {"HX2:GCC:PMON": (np.float64, 0)}
    )
    run.dgrams = [run.config.dgram()]

    def carry(service: int, timestamp: int, fields, name: str, value: float) -> None:
        edit = DgramEdit(transition_id=service, ts=timestamp, config=run.config)
        fields.__setattr__(name, value)
        edit.adddata(fields)
        run.dgrams.append(edit.dgram())

    run.transition(ak.TransitionId.BeginRun, 1)
    for i in range(2):
        carry(ak.TransitionId.BeginStep, 10 * i + 2, motor.raw, "motor", i)
        run.event(10 * i + 3)
        carry(ak.TransitionId.SlowUpdate, 10 * i + 4, epics.raw, "HX2:GCC:PMON", 7.5 + i)
        run.event(10 * i + 5)
        run.transition(ak.TransitionId.EndStep, 10 * i + 6)
    found = next(ak.DataSource(files=_written(run)).runs())
    assert set(found.epicsinfo) == {"HX2:GCC:PMON"} and set(found.scaninfo) == {"motor"}
    assert found.detnames == {"camera"}
    motor_of, epics_of = found.Detector("motor"), found.Detector("HX2:GCC:PMON")
    kept = []
    for step in found.steps():
        kept += [(motor_of(step), evt) for evt in step.events()]
    assert [at_step for at_step, _ in kept] == [0, 0, 1, 1]
    # Also for events that are read later.
    assert [motor_of(evt) for _, evt in kept] == [0, 0, 1, 1]
    assert [epics_of(evt) for _, evt in kept] == [None, 7.5, 7.5, 8.5]


def test_a_run_says_which_it_is() -> None:
    run = Run()
    info = run.config.Detector(
        DetectorDef("runinfo", "runinfo", ""), AlgDef("runinfo", 0, 0, 1), {"expt": (str, 1), "runnum": (np.uint32, 0)}
    )
    run.dgrams = [run.config.dgram()]
    edit = DgramEdit(transition_id=ak.TransitionId.BeginRun, ts=5 << 32, config=run.config)
    info.runinfo.expt, info.runinfo.runnum = "xpptut15", 14
    edit.adddata(info.runinfo)
    run.dgrams.append(edit.dgram())
    run.event(6 << 32 | 250_000_000)
    found = next(ak.DataSource(files=_written(run)).runs())
    assert (found.expt, found.runnum, found.timestamp) == ("xpptut15", 14, 5 << 32)
    (evt,) = found.events()
    assert (evt._seconds, evt._nanoseconds) == (6, 250_000_000)
    assert evt.datetime().isoformat() == "1990-01-01T00:00:06.250000+00:00"


def test_a_malformed_datagram_ends_the_events_with_its_place(tmp_path: Path) -> None:
    streams = two_streams()
    paths = write_streams(tmp_path, streams)
    data = bytearray(paths[0].read_bytes())
    at = sum(d._size for d in streams["x-r0007-s000-c000"].dgrams[:8])
    data[at + 20 : at + 24] = b"\0\0\0\0"
    paths[0].write_bytes(data)
    run = next(ak.DataSource(files=paths).runs())
    seen = []
    with pytest.raises(ak.DataLossError) as caught:
        for evt in run.events():
            seen.append(evt)
    assert len(seen) == 4
    assert (caught.value.source, caught.value.byte, caught.value.stream) == (str(paths[0]), at, 0)
    skipped: list[ak.Skipped] = []
    run = next(ak.DataSource(files=paths, on_fault="skip-datagram", on_skip=skipped.append).runs())
    assert len(list(run.events())) == 20
    assert [s.byte for s in skipped] == [at]


def test_events_are_read_while_they_are_written(tmp_path: Path) -> None:
    streams = two_streams()
    targets = [(tmp_path / f"{name}.xtc2.inprogress", bytes(run)) for name, run in streams.items()]
    (tmp_path / "smalldata").mkdir()
    targets += [
        (tmp_path / "smalldata" / f"{name}.smd.xtc2.inprogress", small_data(run.dgrams))
        for name, run in streams.items()
    ]
    for path, _ in targets:
        path.touch()

    def write() -> None:
        files = [(open(path, "ab", buffering=0), data) for path, data in targets]
        for at in range(0, max(len(data) for _, data in files), 300):
            for file, data in files:
                file.write(data[at : at + 300])
        for file, _ in files:
            file.close()

    thread = threading.Thread(target=write)
    thread.start()
    names = [tmp_path / f"{name}.xtc2" for name in streams]
    run = next(ak.DataSource(files=names, live=True).runs())
    assert len(list(run.events())) == 20
    thread.join()
    os.rename(targets[0][0], names[0])
    run = next(ak.DataSource(files=names[0], live=0).runs())
    assert len(list(run.events())) == 20


def test_stop_ends_the_wait_for_a_file(tmp_path: Path) -> None:
    run = Run().run(3)
    run.dgrams.pop()  # there is no EndRun yet
    source = ak.DataSource(files=run.write(tmp_path / "run.xtc2"), live=True)
    found = next(source.runs())
    events = found.events()
    for _ in range(3):
        next(events)
    thread = threading.Timer(0, source.stop)
    thread.start()
    assert list(events) == []
    thread.join()


def test_ctrl_c_ends_the_wait_for_a_file(tmp_path: Path) -> None:
    run = Run().run(3)
    run.dgrams.pop()
    path = run.write(tmp_path / "run.xtc2")
    # A shell starts background programs with SIGINT ignored, and Python keeps that.
    script = (
        "import signal, sys, alkaid as ak\n"
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "for run in ak.DataSource(files=sys.argv[1], live=True).runs():\n"
        "    for i, evt in enumerate(run.events()):\n"
        "        print(i, flush=True)\n"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", script, str(path)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    for i in range(3):
        assert process.stdout.readline() == f"{i}\n"
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=300)
    assert "KeyboardInterrupt" in err
    assert process.returncode != 0


def test_two_threads_in_one_run_are_told(tmp_path: Path) -> None:
    run = Run().run(3)
    path = tmp_path / "run.xtc2"
    path.write_bytes(bytes(run)[: -run.dgrams[-1]._size])  # still being written
    source = ak.DataSource(files=[path, path], live=True)
    found = next(source.runs())
    seen = []
    thread = threading.Thread(target=lambda: seen.extend(found.events()))
    thread.start()
    error: Exception | None = None
    while error is None:  # until the thread waits for the file
        try:
            source._reader.configures
        except RuntimeError as caught:
            error = caught
    with pytest.raises(RuntimeError, match="another thread reads"):
        next(source._reader)
    source.stop()
    thread.join()
    assert "another thread reads" in str(error)
    assert len(seen) == 3


def test_events_that_are_dropped_give_their_memory_back_without_the_collector(streams: list[Path]) -> None:
    pool = ak.default_memory_pool()
    gc.disable()
    try:

        def read() -> int:
            total = 0
            for run in ak.DataSource(files=streams, batch_size=4).runs():
                det = run.Detector("camera")
                for evt in run.events():
                    total += det.raw.raw(evt).size
            return total

        assert read() == 20 * 24
        before = pool.bytes_allocated()
        for _ in range(20):
            read()
        assert pool.bytes_allocated() == before
    finally:
        gc.enable()


@pytest.mark.parametrize(
    "name", ["timestamp", "service", "configuration", "copy", "buffer", "_size", "fields", "__class__", "software"]
)
def test_a_detector_may_be_called_as_an_attribute_of_a_datagram(tmp_path: Path, name: str) -> None:
    run = Run(detector=name).run(2)
    path = tmp_path / "run.xtc2"
    with open(path, "wb") as out:
        for dgram in run.dgrams:
            DgramEdit(dgram).save(out)
    for files in (path, [path, path]):
        found = next(ak.DataSource(files=files, detectors=[name]).runs())
        det = found.Detector(name)
        images = [det.raw.segments(evt)[0] for evt in found.events()]
        assert len(images) == 2 and images[0].shape == (3, 4)
    declared = next(ak.BatchReader(path).batches()).configuration
    root = vars(declared.software)
    assert root[name][0].raw.version == (1, 2, 3)


def test_detectors_are_copied(tmp_path: Path) -> None:
    path = Run().run(1).write(tmp_path / "run.xtc2")
    run = next(ak.DataSource(files=path).runs())
    evt = next(run.events())
    det = run.Detector("camera")
    for one in (det, det.raw, det.raw.user):
        assert repr(copy.copy(one)) == repr(one)
        with pytest.raises(AttributeError):
            repr(type(one).__new__(type(one)).raw)
    assert copy.copy(det.raw.user.gate)(evt) == det.raw.user.gate(evt) is not None
