"""Scripts written for psana, with only their imports changed."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import alkaid as ak
from alkaid.dgramedit import AlgDef, DetectorDef, DgramEdit
from xtc2_files import Run


PAGE = Path(__file__).parents[3] / "docs" / "coming-from-psana.md"


def test_the_programs_of_the_guide_run_in_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    text = PAGE.read_text()
    blocks = re.findall(r"^```python\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    assert len(blocks) > 5
    names: dict[str, Any] = {}
    for block in blocks:
        line = text[: text.index(block)].count("\n")
        exec(compile("\n" * line + block, str(PAGE), "exec"), names)


def test_a_script_that_averages_images(tmp_path: Path) -> None:
    xtc_file = str(Run(segments=2, detector="xppcspad").run(5).write(tmp_path / "run.xtc2"))

    from alkaid import DataSource  # from psana import DataSource

    ds = DataSource(files=xtc_file, max_events=4)
    for run in ds.runs():
        assert "xppcspad" in run.detnames
        det = run.Detector("xppcspad")
        total, count = None, 0
        for nevt, evt in enumerate(run.events()):
            img = det.raw.raw(evt)
            if img is None:
                continue
            total = img.astype(float) if total is None else total + img
            count += 1
            if nevt == 2:
                break
        assert count == 3
        assert (total / count).shape == (2, 3, 4)


def test_a_script_that_scans_a_motor(tmp_path: Path) -> None:
    source = Run(detector="xpphsd")
    motor = source.config.Detector(DetectorDef("scan", "scan", ""), AlgDef("raw", 2, 0, 0), {"motor1": (np.float32, 0)})
    source.dgrams = [source.config.dgram()]
    source.transition(ak.TransitionId.BeginRun, 1)
    for step in range(3):
        edit = DgramEdit(transition_id=ak.TransitionId.BeginStep, ts=10 * step + 2, config=source.config)
        motor.raw.motor1 = step / 2
        edit.adddata(motor.raw)
        source.dgrams.append(edit.dgram())
        for i in range(4):
            source.event(10 * step + 3 + i, value=i)
        source.transition(ak.TransitionId.EndStep, 10 * step + 8)
    source.transition(ak.TransitionId.EndRun, 99)
    files = [str(source.write(tmp_path / "scan.xtc2"))]

    from alkaid import DataSource

    ds = DataSource(files=files)
    myrun = next(ds.runs())
    step_value = myrun.Detector("motor1")
    det = myrun.Detector("xpphsd")
    scan = []
    for step in myrun.steps():
        energies = [det.raw.energy(evt) for evt in step.events()]
        scan.append((step_value(step), sum(energies)))
    assert scan == [(0.0, 3.0), (0.5, 3.0), (1.0, 3.0)]


def dumpDict(of: dict[str, Any], indent: int, out: list[str]) -> None:
    for key in sorted(of.keys()):
        if hasattr(of[key], "__dict__"):
            out.append(" " * indent + key)
            dumpDict(of[key].__dict__, indent + 2, out)
        else:
            out.append(" " * indent + key)


def test_a_script_that_looks_into_datagrams(tmp_path: Path) -> None:
    xtc_file = Run(segments=2).run(3).write(tmp_path / "run.xtc2")

    from alkaid import Dgram  # from psana import dgram

    fd = os.open(xtc_file, os.O_RDONLY)
    config = Dgram(file_descriptor=fd)
    for detname, segments in config.software.__dict__.items():
        assert detname == "camera"
        for segment, det in segments.items():
            for name, alg in det.__dict__.items():
                if name in ("dettype", "detid"):
                    continue
                assert (segment in (0, 1), alg.software, [str(v) for v in alg.version]) == (True, "raw", ["1", "2", "3"])
    seen = []
    while True:
        try:
            d = Dgram(config=config)
        except StopIteration:
            break
        if d.service() != 12:
            continue
        for segment in d.camera.keys():
            arr = d.camera[segment].raw.image
            try:
                arr[0][0] = 999
            except ValueError:
                seen.append(arr.sum())
        out: list[str] = []
        dumpDict(d.camera[0].__dict__, 0, out)
        assert out == ["raw", "  count", "  energy", "  image", "  note", "  user", "    gate"]
        view = Dgram(view=memoryview(d._dgrambytes), config=config, offset=0)
        assert view.camera[1].raw.count == d.camera[1].raw.count
    os.close(fd)
    assert len(seen) == 6
