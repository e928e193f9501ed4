"""alkaid.dgramedit."""

from __future__ import annotations

import io

import numpy as np
import pytest

import alkaid as ak
from alkaid.dgramedit import AlgDef, DataType, DetectorDef, DgramEdit, PyXtcFileIterator
from xtc2_files import Run

TYPES = [np.uint8, np.uint16, np.uint32, np.uint64, np.int8, np.int16, np.int32, np.int64, np.float32, np.float64]


def test_every_type_comes_back_as_it_went() -> None:
    config = DgramEdit(transition_id=ak.TransitionId.Configure, ts=1)
    fields = {f"scalar{i}": (kind, 0) for i, kind in enumerate(TYPES)}
    fields |= {f"array{i}": (kind, i % 5 + 1) for i, kind in enumerate(TYPES)}
    det = config.Detector(DetectorDef("d", "t", "i"), AlgDef("raw", 1, 0, 0), {**fields, "text": (str, 1)})
    values = {}
    for i, kind in enumerate(TYPES):
        least = np.finfo(kind).min if i > 7 else np.iinfo(kind).min
        values[f"scalar{i}"] = kind(least)
        values[f"array{i}"] = np.full((2,) * (i % 5 + 1), least, kind)
    values["text"] = "µ\udcff"
    for name, value in values.items():
        setattr(det.raw, name, value)
    edit = DgramEdit(transition_id=ak.TransitionId.L1Accept, ts=2, config=config)
    edit.adddata(det.raw)
    raw = edit.dgram().d[0].raw
    for name, value in values.items():
        got = getattr(raw, name)
        assert np.array_equal(got, value), name
        if isinstance(value, np.ndarray):
            assert (got.dtype, got.shape) == (value.dtype, value.shape)
    assert det.raw.text is None


def test_a_psana_script_edits_a_file(tmp_path) -> None:
    """As in psana's own test of its editor."""
    run = Run().run(3)
    path = run.write(tmp_path / "in.xtc2")
    with open(path, "rb") as file, open(tmp_path / "out.xtc2", "wb") as out:
        iterator = PyXtcFileIterator(file.fileno(), 0x1000000)
        config = DgramEdit(iterator.next())
        det = config.Detector(DetectorDef("fex", "hsd", "detnum1234"), AlgDef("fex", 4, 5, 6), {"mean": (np.float32, 0)})
        config.save(out)
        for dgram in iterator:
            edit = DgramEdit(dgram, config=config)
            if dgram.service() == ak.TransitionId.L1Accept:
                det.fex.mean = 1600.125
                edit.adddata(det.fex)
                edit.removedata("camera", "raw")
            edit.save(out)
    read = list(ak.BatchReader(tmp_path / "out.xtc2"))
    assert [d.timestamp() for d in read] == [d.timestamp() for d in run.dgrams]
    events = [d for d in read if d.service() == ak.TransitionId.L1Accept]
    assert [d.fex[0].fex.mean for d in events] == [1600.125] * 3
    assert not any(hasattr(d, "camera") for d in events)
    assert read[0].software.fex.fex.version == (4, 5, 6)


def test_the_original_is_never_written_to() -> None:
    run = Run()
    event = run.event(1)
    before = bytes(event)
    edit = DgramEdit(event, config=run.config)
    edit.removedata("camera", "raw")
    edit.updatetimestamp(77)
    edit.updatedamage(2)
    edit.updateservice(ak.TransitionId.SlowUpdate)
    assert bytes(event) == before
    edited = edit.dgram()
    assert (edited.timestamp(), edited.damage, edited.service(), edited._size) == (77, 2, 10, 24)


def test_saving_twice_gives_the_same_bytes_and_size_says_how_many() -> None:
    run = Run()
    edit = DgramEdit(run.event(1), config=run.config)
    out = bytearray(edit.size + 10)
    assert edit.save(out, 10) == edit.size
    assert out[10:] == bytes(edit) == bytes(edit)
    file = io.BytesIO()
    assert edit.save(file) == edit.size
    assert file.getvalue() == bytes(edit)
    with pytest.raises(MemoryError):
        edit.save(bytearray(edit.size - 1))
    with pytest.raises(BufferError):
        edit.save(bytes(edit.size))
    with pytest.raises(IndexError):
        edit.save(out, -1)


def test_what_does_not_fit_its_declaration_is_refused_and_changes_nothing() -> None:
    run = Run()
    camera = run.cameras[0].raw
    edit = DgramEdit(transition_id=ak.TransitionId.L1Accept, ts=1, config=run.config)

    def fill(**changes: object) -> None:
        values = {"energy": 1.0, "count": 1, "note": "", "user.gate": 1, "image": np.zeros((1, 1), np.uint16)}
        for name, value in {**values, **changes}.items():
            camera.__setattr__(name, value)

    for changes, kind in [
        ({"count": -1}, OverflowError),
        ({"count": 1 << 32}, OverflowError),
        ({"count": 1.5}, TypeError),
        ({"count": "1"}, TypeError),
        ({"note": 3}, TypeError),
        ({"note": None}, ValueError),
        ({"note": "a\0b"}, ValueError),
        ({"image": np.zeros((1, 1), np.int16)}, TypeError),
        ({"image": np.zeros(1, np.uint16)}, ValueError),
        ({"image": np.zeros((1, 1), ">u2")}, TypeError),
    ]:
        fill(**changes)
        with pytest.raises(kind):
            edit.adddata(camera)
        assert edit.size == 24
    fill(image=np.zeros((4, 6), np.uint16)[::2, ::3])
    edit.adddata(camera)
    assert edit.dgram().camera[0].raw.image.shape == (2, 2)
    fill()
    with pytest.raises(ak.AlreadyExistsError):
        edit.adddata(camera)
    with pytest.raises(AttributeError):
        camera.pixels = 3


def test_calls_that_make_no_sense_are_refused() -> None:
    run = Run()
    with pytest.raises(ValueError):
        DgramEdit()
    with pytest.raises(ValueError, match="needs the config"):
        DgramEdit(transition_id=ak.TransitionId.L1Accept)
    with pytest.raises(ak.FailedPreconditionError):
        DgramEdit(run.event(1), config=run.config).Detector(DetectorDef("a", "b", "c"), AlgDef("d", 1, 0, 0), {})
    with pytest.raises(ak.NotFoundError):
        DgramEdit(run.event(1), config=run.config).removedata("laser", "raw")
    with pytest.raises(ValueError, match="0 to 255"):
        run.config.Detector(DetectorDef("a", "b", "c"), AlgDef("d", 256, 0, 0), {})
    with pytest.raises(TypeError):
        run.config.Detector(DetectorDef("a", "b", "c"), AlgDef("d", 1, 0, 0), {"v": (np.complex64, 0)})
    with pytest.raises(MemoryError, match="room"):
        DgramEdit(transition_id=ak.TransitionId.Configure, ts=1, bufsize=100).Detector(
            DetectorDef("a", "b", "c"), AlgDef("d", 1, 0, 0), {"v": (np.int8, 0)}
        )


def test_types_have_the_numbers_of_the_format() -> None:
    types = DataType()
    assert [types.to_psana2(kind) for kind in [*TYPES, str]] == list(range(11))
    assert [types.to_numpy(number) for number in range(11)] == [*TYPES, str]
    assert types.to_psana2("uint16") == DataType.UINT16


def test_numbers_of_declarations_follow_from_those_that_are_there() -> None:
    config = DgramEdit(transition_id=ak.TransitionId.Configure, ts=1)
    detdef, algdef = DetectorDef("a", "b", "c"), AlgDef("d", 1, 0, 0)
    given = config.Detector(detdef, algdef, {"v": (np.int8, 0)}, nodeId=3, namesId=7, segment=2)
    assert (given.nodeId, given.namesId) == (3, 7)
    follows = config.Detector(detdef, algdef, {"v": (np.int8, 0)}, segment=3)
    assert (follows.nodeId, follows.namesId) == (3, 8)
    with pytest.raises(ak.AlreadyExistsError):
        config.Detector(detdef, algdef, {"v": (np.int8, 0)}, nodeId=3, namesId=7)
    assert [(one.segment, one.names_id) for one in config.dgram().configuration.declarations] == [(2, 7), (3, 8)]


def test_numbers_that_do_not_fit_are_refused() -> None:
    for ts in (-2, 1 << 64, (1 << 64) + 7):
        with pytest.raises(OverflowError):
            DgramEdit(transition_id=ak.TransitionId.Configure, ts=ts)
    config = DgramEdit(transition_id=ak.TransitionId.Configure, ts=1)
    for service in (-1, 16, 300, 1 << 40):
        with pytest.raises(ValueError, match="service"):
            DgramEdit(transition_id=service, ts=2, config=config)
    for segment in (-1, 1 << 32):
        with pytest.raises(OverflowError):
            config.Detector(DetectorDef("d", "t", "i"), AlgDef("raw", 1, 0, 0), {"x": (np.uint8, 0)}, segment=segment)
    det = config.Detector(DetectorDef("d", "t", "i"), AlgDef("raw", 1, 0, 0), {"x": (np.uint8, 0)})
    edit = DgramEdit(transition_id=ak.TransitionId.L1Accept, ts=2, config=config)
    det.raw.x = 1
    for damage in (-1, 1 << 16):
        with pytest.raises(ValueError, match="damage"):
            edit.adddata(det.raw, damage)
    with pytest.raises(OverflowError, match="file descriptor"):
        PyXtcFileIterator((1 << 32) + 1)
