"""Malformed data raise DataLossError, and never end the process."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

import alkaid as ak
from xtc2_files import Run, small_data


def everything_of(dgram: ak.Dgram) -> int:
    """Looks at all there is, by every way to it."""
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
    """Copies with a few bytes changed, mostly to what a length could be."""
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
    """Every byte of one event, to each of the values that hurt."""
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
