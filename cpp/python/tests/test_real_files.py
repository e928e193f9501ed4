"""Files of real runs, compared with what another reader found in them; and malformed files."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import alkaid as ak
from xtc2_files import real_data, truths

ROOT = real_data()
TRUTHS = truths(ROOT)


def dgrams_of(file: Path) -> list[ak.Dgram]:
    """A file without a Configure continues another one in its folder."""
    try:
        return list(ak.BatchReader(file))
    except ak.DataLossError as error:
        if "before any Configure" not in str(error):
            raise
        other = next(path for path in file.parent.glob("*.xtc2") if path != file)
        return list(ak.BatchReader(file, config=next(ak.BatchReader(other))))


def digest(dgrams: list[ak.Dgram]) -> str:
    found = hashlib.sha256()
    for dgram in dgrams:
        for detector, segment, algorithm, name, kind, shape, data in dgram.fields():
            dims = "x".join(map(str, shape)) or "scalar"
            found.update(f"{dgram.index}|{detector}|{segment}|{algorithm}|{name}|{kind}|{dims}|".encode())
            found.update(data)
            found.update(b"\n")
    return found.hexdigest()


def by_attributes(dgram: ak.Dgram, field: dict[str, Any]) -> Any:
    of: Any = getattr(dgram, field["det"])[field["segment"]]
    of = getattr(of, field["alg"])
    name = field["name"].partition(":")[0] if field["dtype"].startswith("ENUM") else field["name"]
    for part in name.split("."):
        of = getattr(of, part)
    return of


@pytest.mark.parametrize(("file", "truth"), TRUTHS, ids=[str(file.relative_to(ROOT)) for file, _ in TRUTHS])
def test_every_field_is_that_of_the_truth(file: Path, truth: dict[str, Any]) -> None:
    dgrams = dgrams_of(file)
    assert len(dgrams) == truth["n_dgrams"]
    assert digest(dgrams) == truth["all_fields_sha256"]


@pytest.mark.parametrize(("file", "truth"), TRUTHS, ids=[str(file.relative_to(ROOT)) for file, _ in TRUTHS])
def test_every_field_is_found_by_its_name(file: Path, truth: dict[str, Any]) -> None:
    dgrams = dgrams_of(file)
    compared = 0
    for field in truth["fields"]:
        if field["dtype"] == "ENUMDICT":
            continue
        value = by_attributes(dgrams[field["dgram"]], field)
        if isinstance(value, np.ndarray):
            assert list(value.shape) == field["shape"]
            assert hashlib.sha256(value.tobytes()).hexdigest() == field["sha256"]
        elif isinstance(value, str):
            assert value == field.get("value", value)
        else:
            assert float(value) == pytest.approx(float(field["value"]), nan_ok=True)
        compared += 1
    assert compared == sum(field["dtype"] != "ENUMDICT" for field in truth["fields"])


BAD = sorted((ROOT / "bad").glob("*.xtc2"))


@pytest.mark.parametrize("file", BAD, ids=[file.name for file in BAD])
def test_a_malformed_file_raises_and_reading_goes_on(file: Path) -> None:
    sound = file.name in ("good_min.xtc2", "smd_good.xtc2")
    if sound:
        assert list(ak.BatchReader(file))
        return
    with pytest.raises(ak.DataLossError) as caught:
        for dgram in ak.BatchReader(file):
            dgram.fields()
    assert caught.value.source == str(file)
    assert 0 <= caught.value.byte <= file.stat().st_size
    skipped: list[ak.Skipped] = []
    for dgram in ak.BatchReader(file, on_fault="resync", on_skip=skipped.append):
        dgram.fields()
    assert skipped
    with pytest.raises(ak.DataLossError):
        for run in ak.DataSource(files=file).runs():
            for evt in run.events():
                for dgram in evt:
                    dgram.fields()
        raise ak.DataLossError("of a file whose fault lies before any event")


EVENTS = sorted((ROOT / "truth").glob("bd__*__bs1000__chunk16777216.json"))


@pytest.mark.parametrize("path", EVENTS, ids=[path.name for path in EVENTS])
def test_events_are_those_of_the_truth(path: Path) -> None:
    truth = json.loads(path.read_text())
    big = [ROOT / name.replace("__", "/") for _, name in truth["pairs"]]
    expected = [
        [found and (found["service"], int(found["ts"]), found["sha256"]) for found in event]
        for batch in truth["batches"]
        for event in batch["events"]
    ]
    events = []
    for run in ak.DataSource(files=big).runs():
        events += [
            [dgram and (dgram.service(), dgram.timestamp(), hashlib.sha256(dgram).hexdigest()) for dgram in evt._dgrams]
            for evt in run.events()
        ]
    assert events == [event for event in expected if any(found and found[0] in (11, 12) for found in event)]
