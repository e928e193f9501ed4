#!/usr/bin/env python3
"""What the Python module costs, each case beside its floor in the same run.

    python_bench.py --alkaid COMMAND [--benchmark_repetitions=N] [--benchmark_out=FILE]

Takes the arguments of the other programs here and writes the input of ci/bench_table.py. The floors
are Python's own: making an `object()`, `np.frombuffer`, numpy's `__dlpack__`, the interpreter's
start. Where the package psana is installed, its datagrams are one more case. A turn is short,
measured and floor are taken alternately, and the median of the turns is a repetition's figure.
"""

from __future__ import annotations

import argparse
import importlib.util
import itertools
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
import types
from collections.abc import Callable
from typing import Any

import numpy as np

import alkaid as ak

Turn = Callable[[], int]  # runs it, and returns the number of items


def took(turn: Turn) -> float:
    start = time.process_time_ns()
    items = turn()
    return (time.process_time_ns() - start) / items


def of_children(command: list[str]) -> Turn:
    def turn() -> int:
        subprocess.run(command, check=True)
        return 1

    return turn


def took_in_children(turn: Turn) -> float:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    items = turn()
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return (after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime) * 1e9 / items


class Case:
    def __init__(self, question: str, variant: str, bar: str, measured: Turn, floor: Turn, turns: int = 25,
                 clock: Callable[[Turn], float] = took) -> None:
        self.label = f"question={question};variant={variant};bar={bar}"
        self.name = f"{question}/{variant}".replace(" ", "_")
        self.measured, self.floor, self.turns, self.clock = measured, floor, turns, clock

    def run(self) -> dict[str, Any]:
        pairs = [(self.clock(self.measured), self.clock(self.floor)) for _ in range(self.turns)]
        floors = sorted(floor for _, floor in pairs)
        return {
            "name": self.name,
            "run_name": self.name,
            "run_type": "iteration",
            "threads": 1,
            "label": self.label,
            "measured": statistics.median(measured for measured, _ in pairs),
            "floor": statistics.median(floors),
            "floor_low": floors[len(floors) // 20],
            "floor_high": floors[-1 - len(floors) // 20],
            "together": 1.0,
        }


def iterated(batch: Any) -> Turn:
    def turn() -> int:
        for _ in batch:
            pass
        return len(batch)

    return turn


def objects(count: int) -> Turn:
    def turn() -> int:
        make = object
        for _ in itertools.repeat(None, count):
            make()
        return count

    return turn


def repeated(call: Callable[[], object], count: int = 2000) -> Turn:
    def turn() -> int:
        for _ in itertools.repeat(None, count):
            call()
        return count

    return turn


def psana_dgram() -> Any:
    """psana's module of datagrams alone, since the whole package needs MPI; None where it is not
    installed."""
    spec = importlib.util.find_spec("psana")
    if spec is None or spec.submodule_search_locations is None:
        return None
    package = types.ModuleType("psana")
    package.__path__ = list(spec.submodule_search_locations)
    sys.modules["psana"] = package
    from psana import dgram  # type: ignore[import-not-found]

    return dgram


def psana_iterated(dgram: Any, path: str) -> Turn:
    def turn() -> int:
        descriptor = os.open(path, os.O_RDONLY)
        config = dgram.Dgram(file_descriptor=descriptor)
        count = 0
        try:
            while True:
                dgram.Dgram(config=config)
                count += 1
        except StopIteration:
            pass
        os.close(descriptor)
        return count

    return turn


def read(path: str) -> Turn:
    def turn() -> int:
        count = 0
        for _ in ak.BatchReader(path):
            count += 1
        return count

    return turn


def cases(small: str, usual: str) -> list[Case]:
    reader = ak.BatchReader(small, batch_bytes=64 << 20)
    batch = max(reader.batches(), key=len)
    dgram = next(d for d in batch if d.service() == 12)
    array = dgram.imager[0].raw.image
    base = array.base
    offset, count, kind = array.ctypes.data - base.address, array.size, array.dtype
    exported, owned = ak.py_buffer(np.zeros(4096, np.uint8)), np.zeros(4096, np.uint8)
    python = [sys.executable, "-B", "-c"]
    found = [
        Case("iterate over a batch", "beside object()", "times 1.5", iterated(batch), objects(len(batch))),
        Case("one array of a Dgram", "beside np.frombuffer", "times 2",
             repeated(lambda: dgram.imager[0].raw.image),
             repeated(lambda: np.frombuffer(base, kind, count, offset))),
        Case("DLPack export", "beside numpy's", "times 1.5", repeated(exported.__dlpack__), repeated(owned.__dlpack__)),
        Case("import", "processor time", "above 30000000", of_children([*python, "import alkaid"]),
             of_children([*python, "pass"]), turns=9, clock=took_in_children),
    ]
    dgram_of_psana = psana_dgram()
    if dgram_of_psana is not None:
        found.append(Case("read and iterate over a file", "beside psana", "times 0.01", read(usual),
                          psana_iterated(dgram_of_psana, usual), turns=3))
    return found


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--alkaid", required=True, help="the command, which writes the file that is read")
    parser.add_argument("--benchmark_repetitions", type=int, default=9)
    parser.add_argument("--benchmark_out")
    options, _ = parser.parse_known_args()
    with tempfile.TemporaryDirectory() as folder:
        small, usual = os.path.join(folder, "small.xtc2"), os.path.join(folder, "usual.xtc2")
        for output, more in ((small, ["--payload", "64"]), (usual, [])):
            subprocess.run([options.alkaid, "dgram", "write", "-o", output, "--events", "20000", *more],
                           check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        measured = cases(small, usual)
        runs = [case.run() for _ in range(options.benchmark_repetitions) for case in measured]
    for run in runs[-len(measured):]:
        print(f"{run['name']:50} {run['measured']:14.1f} {run['floor']:14.1f}", file=sys.stderr)
    if options.benchmark_out:
        with open(options.benchmark_out, "w", encoding="utf-8") as file:
            json.dump({"benchmarks": runs}, file)
    return 0


if __name__ == "__main__":
    sys.exit(main())
