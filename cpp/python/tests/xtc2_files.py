"""Datagrams and files of datagrams for tests, and the real files if there are any."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import alkaid as ak
from alkaid.dgramedit import AlgDef, DetectorDef, DgramEdit

FIELDS = {
    "energy": (np.float64, 0),
    "count": (np.uint32, 0),
    "note": (str, 1),
    "user.gate": (np.int16, 0),
    "image": (np.uint16, 2),
}


class Run:
    """A Configure and its datagrams, in memory: a camera of some segments, and another detector."""

    def __init__(self, segments: int = 1, detector: str = "camera", image: Any = np.uint16) -> None:
        self.config = DgramEdit(transition_id=ak.TransitionId.Configure, ts=100 << 32)
        fields = {**FIELDS, "image": (image, 2)}
        self.cameras = [
            self.config.Detector(
                DetectorDef(detector, "pixels", f"serial{i}"), AlgDef("raw", 1, 2, 3), fields, segment=i
            )
            for i in range(segments)
        ]
        self.image = image
        self.dgrams = [self.config.dgram()]

    def transition(self, service: int, timestamp: int) -> ak.Dgram:
        self.dgrams.append(DgramEdit(transition_id=service, ts=timestamp, config=self.config).dgram())
        return self.dgrams[-1]

    def event(self, timestamp: int, value: int = 1, shape: tuple[int, int] = (3, 4)) -> ak.Dgram:
        edit = DgramEdit(transition_id=ak.TransitionId.L1Accept, ts=timestamp, config=self.config)
        for segment, camera in enumerate(self.cameras):
            camera.raw.energy = value / 2
            camera.raw.count = value
            camera.raw.note = f"event {value}"
            getattr(camera, "raw").__setattr__("user.gate", -value)
            camera.raw.image = np.full(shape, value + segment, self.image)
            edit.adddata(camera.raw)
        self.dgrams.append(edit.dgram())
        return self.dgrams[-1]

    def run(self, events: int, steps: int = 1) -> Run:
        """BeginRun, steps with these numbers of events, EndRun."""
        at = 101 << 32
        self.transition(ak.TransitionId.BeginRun, at)
        for _ in range(steps):
            self.transition(ak.TransitionId.BeginStep, at + 1)
            self.transition(ak.TransitionId.Enable, at + 2)
            for i in range(events):
                at += 4
                self.event(at, value=at & 0xFFFF)
            self.transition(ak.TransitionId.Disable, at + 1)
            self.transition(ak.TransitionId.EndStep, at + 2)
            at += 2
        self.transition(ak.TransitionId.EndRun, at + 1)
        return self

    def __bytes__(self) -> bytes:
        return b"".join(bytes(dgram) for dgram in self.dgrams)

    def write(self, path: Path) -> Path:
        path.write_bytes(bytes(self))
        return path


def real_data() -> Path:
    """The folder of real files; without it this file of tests is skipped."""
    folder = os.environ.get("ALKAID_TEST_DATA", "")
    if not folder or not os.path.isdir(folder):
        pytest.skip("ALKAID_TEST_DATA names no folder of real XTC2 files", allow_module_level=True)
    return Path(folder)


def truths(root: Path) -> list[tuple[Path, dict[str, Any]]]:
    """The real files, and what another reader found in each."""
    found = []
    for path in sorted((root / "truth").glob("*.json")):
        truth = json.loads(path.read_text())
        file = root / path.stem.replace("__", "/")
        if "all_fields_sha256" in truth and file.exists():
            found.append((file, truth))
    return found


def small_data(dgrams: list[ak.Dgram]) -> bytes:
    """The small data of a file that has these datagrams, back to back."""
    out = []
    at = 0
    for dgram in dgrams:
        if dgram.service() == ak.TransitionId.Configure:
            config = DgramEdit(dgram)
            info = config.Detector(
                DetectorDef("smdinfo", "smdinfo", ""),
                AlgDef("offsetAlg", 0, 0, 0),
                {"intOffset": (np.uint64, 0), "intDgramSize": (np.uint64, 0)},
            ).offsetAlg
            out.append(bytes(config))
        elif ak.TransitionId.isEvent(dgram.service()):
            record = DgramEdit(transition_id=dgram.service(), ts=dgram.timestamp(), config=config)
            info.intOffset = at
            info.intDgramSize = dgram._size
            record.adddata(info)
            out.append(bytes(record))
        else:
            out.append(bytes(dgram))
        at += dgram._size
    return b"".join(out)
