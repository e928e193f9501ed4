"""Malformed data raises DataLossError, and never ends the process."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import alkaid as ak
from alkaid import _alkaid
from alkaid.dgramedit import DgramEdit
from xtc2_files import Run, small_data


def everything_of(dgram: ak.Dgram) -> int:
    """Reads everything, in every way."""
    seen = len(dgram.fields())
    for detector in vars(dgram).values():
        for segment in detector.values():
            for algorithm in vars(segment).values():
                seen += len(vars(algorithm))
    dir(dgram)
    repr(dgram)
    if dgram.configuration is not None:
        dgram.configuration.detectors
        dgram.software
    return seen


def read_all(source: object, **options: object) -> None:
    for dgram in ak.BatchReader(source, max_dgram_bytes=1 << 20, **options):
        everything_of(dgram)


def mutations(data: bytes, count: int, seed: int) -> list[bytes]:
    """Copies with a few bytes changed, mostly to possible lengths."""
    chance = random.Random(seed)
    found = []
    for _ in range(count):
        copy = bytearray(data)
        for _ in range(chance.randint(1, 4)):
            at = chance.randrange(len(copy))
            copy[at] = chance.choice([0, 1, 0x7F, 0x80, 0xFF, chance.randrange(256)])
        found.append(bytes(copy[: chance.randrange(len(copy))] if chance.random() < 0.2 else copy))
    return found


@pytest.mark.parametrize("seed", range(4))
def test_changed_bytes_raise_or_are_read(seed: int) -> None:
    faults = 0
    for data in mutations(bytes(Run(segments=2).run(3)), 250, seed):
        try:
            read_all(data)
        except (ak.DataLossError, MemoryError):
            faults += 1
        read_all(data, on_fault="resync")
    assert faults > 10


def test_changed_headers_and_shapes_raise_or_are_read() -> None:
    """Every byte of one event set to each of the harmful values."""
    run = Run()
    event = bytes(run.event(7))
    config = run.dgrams[0]
    faults = 0
    for at in range(len(event)):
        for value in (0, 1, 0x7F, 0xFF):
            data = event[:at] + bytes([value]) + event[at + 1 :]
            try:
                everything_of(ak.Dgram(view=data, config=config))
            except ak.DataLossError as error:
                assert error.byte is not None
                faults += 1
    assert faults > 50


def test_changed_small_data_raise_or_are_read(tmp_path: Path) -> None:
    run = Run().run(4)
    path = run.write(tmp_path / "run.xtc2")
    small = tmp_path / "run.smd.xtc2"
    faults = 0
    for data in mutations(small_data(run.dgrams), 200, 9):
        small.write_bytes(data)
        try:
            for found in ak.DataSource(files=path, max_dgram_bytes=1 << 20).runs():
                for evt in found.events():
                    for dgram in evt:
                        everything_of(dgram)
        except (ak.DataLossError, MemoryError):
            faults += 1
    assert faults > 10


def test_the_error_says_where_as_numbers() -> None:
    error = ak.DataLossError("a: b.xtc2: byte 48 (datagram 2 at byte 40): partial datagram")
    assert (error.source, error.byte, error.dgram, error.dgram_byte) == ("a: b.xtc2", 48, 2, 40)
    assert (error.stream, error.event) == (None, None)
    error = ak.DataLossError("b.xtc2: byte 9 (stream 1): datagram of 5 bytes")
    assert (error.byte, error.stream, error.dgram) == (9, 1, None)
    error = ak.DataLossError("b: byte 9 of a batch made from it (event 3, timestamp 7): x")
    assert (error.byte, error.event) == (9, 3)
    error = ak.DataLossError("what has no place")
    assert (error.source, error.byte, str(error)) == (None, None, "what has no place")


def faulty_run() -> tuple[Run, bytes]:
    """A run, and its bytes with the fifth and the eighth datagram malformed."""
    run = Run().run(8)
    data = bytearray(bytes(run))
    for faulty in (5, 8):
        at = sum(d._size for d in run.dgrams[:faulty])
        data[at + 24 : at + 28] = b"\xff\xff\xff\x0f"
    return run, bytes(data)


def take_all(items: Iterator[Any]) -> tuple[list[Any], int]:
    """What is read, skipping KeyErrors; and how many there were."""
    taken, errors = [], 0
    while True:
        try:
            taken.append(next(items))
        except KeyError:
            errors += 1
        except StopIteration:
            return taken, errors


def refuse(skipped: ak.Skipped) -> None:
    raise KeyError(skipped.byte)


def test_nothing_is_lost_where_on_skip_raises(tmp_path: Path) -> None:
    run, data = faulty_run()
    sound = [d.timestamp() for i, d in enumerate(run.dgrams) if i not in (5, 8)]
    dgrams, errors = take_all(ak.BatchReader(data, on_fault="resync", on_skip=refuse))
    assert ([d.timestamp() for d in dgrams], errors) == (sound, 2)
    batches, errors = take_all(ak.BatchReader(data, on_fault="resync", on_skip=refuse).batches())
    assert ([d.timestamp() for batch in batches for d in batch], errors) == (sound, 2)
    path = tmp_path / "run.xtc2"
    path.write_bytes(data)
    events, errors = take_all(_alkaid._EventReader([str(path)], [], 10, None, None, "resync", refuse, 1 << 20))
    assert ([timestamp for _, timestamp, *_ in events], errors) == (sound[1:], 2)


def test_a_fault_is_told_again_whatever_the_number_of_streams(tmp_path: Path) -> None:
    run = Run().run(8)
    data = bytearray(bytes(run))
    at = sum(d._size for d in run.dgrams[:8])
    data[at + 20 : at + 24] = b"\0\0\0\0"
    for count in (1, 2):
        paths = [tmp_path / f"{i}.xtc2" for i in range(count)]
        for path in paths:
            path.write_bytes(data)
        events = next(ak.DataSource(files=paths).runs()).events
        for _ in range(3):
            with pytest.raises(ak.DataLossError):
                list(events())


def test_on_skip_cannot_read_on(tmp_path: Path) -> None:
    _, data = faulty_run()
    path = tmp_path / "run.xtc2"
    path.write_bytes(data)
    readers: list[Any] = [
        ak.BatchReader(data, on_fault="resync", on_skip=lambda _: list(readers[0])),
        ak.BatchReader(data, on_fault="resync", on_skip=lambda _: readers[1].close()),
        _alkaid._EventReader([str(path)], [], 10, None, None, "resync", lambda _: list(readers[2]), 1 << 20),
    ]
    for reader in readers:
        with pytest.raises(RuntimeError, match="calling .* on_skip"):
            list(reader)
        reader.stop()


def test_an_event_of_no_known_service_prints() -> None:
    config = DgramEdit(transition_id=ak.TransitionId.Configure, ts=1)
    dgrams = [config.dgram(), DgramEdit(transition_id=13, ts=2, config=config).dgram()]
    event = ak.Event((13, 2, dgrams[1:], (None,)), {}, None)
    assert repr(event) == "<alkaid.Event Invalid_13 2>"
