"""DataSource: the runs in the files of one or several streams, with psana's names."""

from __future__ import annotations

import glob
import inspect
import os
import re
from typing import TYPE_CHECKING, Any

from ._alkaid import BatchReader, Dgram, _EventReader
from ._configuration import configuration_of
from ._errors import NotFoundError
from ._events import TransitionId, _Source

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from ._events import RawEvent, Run
    from ._skipped import Skipped

Path = str | os.PathLike[str]

_MAX_DGRAM_BYTES = 256 << 20


class DataSource:
    """The events of a run, put together from the files of its streams.

        ds = ak.DataSource(files="run.xtc2")
        for run in ds.runs():
            det = run.Detector("xppcspad")
            for evt in run.events():
                image = det.raw.raw(evt)

    files: a path, or one for each stream. Or exp, run and dir: the files of that experiment and run in that folder, by
    default $SIT_PSDM_DATA/<hutch>/<exp>/xtc; run is a number or a list; without it, all runs in the folder.
    If every file has its small data next to it (NAME.smd.xtc2, in the same folder or in smalldata/), that is read, and
    of the files only what is needed. A single file without small data is read from start to end; several without it
    are read completely, in the order of time.

    detectors: only streams that have one of these. batch_size: events that are put together at once. max_events: how
    many L1Accepts to return, 0 for all. timestamps: only L1Accepts of these; a sequence or the path of a .npy file.
    smd_callback: selects L1Accepts by their small data: a function of an event, or a generator of events of a run; it
    sees the small data of a whole run before the first event is returned. live: True, or seconds of silence, for files
    that are still being written; Ctrl-C and stop() end the wait. on_fault, on_skip, max_dgram_bytes: as BatchReader.

    Opening a file fails with the system's OSError. For one thread at a time; the GIL is released while files are read.
    """

    def __init__(
        self,
        *,
        files: Path | Sequence[Path] | None = None,
        exp: str | None = None,
        run: int | Sequence[int] | None = None,
        dir: Path | None = None,
        detectors: Sequence[str] | None = None,
        batch_size: int | None = None,
        max_events: int = 0,
        timestamps: Any = None,
        smd_callback: Callable[..., Any] | None = None,
        live: bool | float = False,
        on_fault: str = "stop",
        on_skip: Callable[[Skipped], object] | None = None,
        max_dgram_bytes: int = _MAX_DGRAM_BYTES,
    ) -> None:
        if (files is None) == (exp is None):
            raise ValueError("DataSource needs files, or exp with run and dir")
        if files is not None:
            paths = [files] if isinstance(files, (str, os.PathLike)) else list(files)
            self._groups = [[os.fspath(path) for path in paths]]
            if not paths:
                raise ValueError("DataSource got no files")
        else:
            self._groups = _find_runs(str(exp), run, dir)
        if smd_callback is not None and live is not False:
            raise NotImplementedError("smd_callback needs the small data of a whole run, which live files do not have")
        self._live = live
        # From live files each event comes by itself.
        self._batch_size = batch_size if batch_size is not None else 1000 if live is False else 1
        if self._batch_size < 1 or max_events < 0:
            raise ValueError(f"batch_size is {batch_size}, max_events {max_events}; the least are 1 and 0")
        self._detectors = [detectors] if isinstance(detectors, str) else detectors
        self._max_events = max_events
        self._timestamps = _as_timestamps(timestamps)
        self._smd_callback = smd_callback
        self._faults = (on_fault, on_skip, max_dgram_bytes)
        self._reader: Any = None

    def runs(self) -> Iterator[Run]:
        """The runs, each time from the first. Asking for the next run skips the rest of the current one."""
        left = self._max_events
        for group in self._groups:
            source = self._open(group, left)
            yield from source.runs()
            if self._max_events:
                left = max(source._left, 0)
                if left == 0:
                    return

    def stop(self) -> None:
        """Ends the wait for files that are still being written. From any thread."""
        if self._reader is not None:
            self._reader.stop()

    @property
    def files(self) -> list[str]:
        """The files of all streams and runs."""
        return [path for group in self._groups for path in group]

    def _open(self, paths: list[str], max_events: int) -> _Source:
        small = [_small_data_of(path) for path in paths]
        if None in small:
            small = []
        chosen = self._choose(small or paths)
        paths = [paths[i] for i in chosen]
        small = [small[i] for i in chosen] if small else []
        timestamps = self._timestamps
        if self._smd_callback is not None:
            timestamps = self._wanted(small or paths, timestamps)
        if len(paths) == 1 and not small:
            return self._open_one(paths[0], timestamps, max_events)
        # Without small data the files themselves are used as small data.
        self._reader = self._event_reader(small or paths, paths if small else [], timestamps)
        return _Source(self._reader, self._reader.configures, max_events)

    def _event_reader(self, small: Sequence[Any], big: Sequence[str], timestamps: Any) -> Any:
        live = None if self._live is False else self._live
        return _EventReader(small, big, self._batch_size, timestamps, live, *self._faults)

    def _choose(self, paths: Sequence[Any]) -> list[int]:
        """The streams that have one of the detectors."""
        if self._detectors is None:
            return list(range(len(paths)))
        wanted = set(self._detectors)
        chosen = []
        for i, path in enumerate(paths):
            with BatchReader(path, live=0 if self._live is not False else None) as reader:
                configure = next(reader, None)
            configuration = configuration_of(configure) if configure is not None else None
            if configuration is not None and wanted & {one.detector for one in configuration.declarations}:
                chosen.append(i)
        if not chosen:
            raise NotFoundError(f"no stream has one of the detectors {', '.join(sorted(wanted))}")
        return chosen

    def _wanted(self, small: Sequence[Any], timestamps: list[int] | None) -> list[int]:
        """The timestamps that the callback selects."""
        callback = self._smd_callback
        assert callback is not None
        reader = self._event_reader(small, [], timestamps)
        wanted = []
        for run in _Source(reader, reader.configures, 0).runs():
            if inspect.isgeneratorfunction(callback):
                wanted += [evt.timestamp for evt in callback(run)]
            else:
                wanted += [evt.timestamp for evt in run.events() if callback(evt)]
        return wanted

    def _open_one(self, path: str, timestamps: list[int] | None, max_events: int) -> _Source:
        on_fault, on_skip, most = self._faults
        live = None if self._live is False else self._live
        reader = BatchReader(path, live=live, on_fault=on_fault, on_skip=on_skip, max_dgram_bytes=most)
        self._reader = reader
        configure = next(reader, None)
        configs = [configure] if configure is not None else []
        return _Source(_EventsOfOne(reader, configure, timestamps), configs, max_events)


class _EventsOfOne:
    """The datagrams of one stream as events. Not a generator, which would end at the first error."""

    def __init__(self, reader: BatchReader, first: Dgram | None, timestamps: list[int] | None) -> None:
        self._reader = reader
        self._wanted = None if timestamps is None else frozenset(timestamps)
        self._configurations = (configuration_of(first) if first is not None else None,)
        self._first = first if first is not None and Dgram.service(first) != TransitionId.Configure else None

    def __iter__(self) -> _EventsOfOne:
        return self

    def __next__(self) -> RawEvent:
        if self._first is not None:
            first, self._first = self._first, None
            return Dgram.service(first), Dgram.timestamp(first), (first,), self._configurations
        for dgram in self._reader:
            service = Dgram.service(dgram)
            timestamp = Dgram.timestamp(dgram)
            if service >= TransitionId.L1Accept_EndOfBatch:
                if self._wanted is not None and timestamp not in self._wanted:
                    continue
            elif service == TransitionId.Configure:
                self._configurations = (configuration_of(dgram),)
            return service, timestamp, (dgram,), self._configurations
        raise StopIteration


def _small_data_of(path: str) -> str | None:
    """The small data of a file, or None."""
    folder, name = os.path.split(path)
    if not name.endswith(".xtc2") or name.endswith(".smd.xtc2"):
        return None
    small = name[: -len(".xtc2")] + ".smd.xtc2"
    for place in (os.path.join(folder, "smalldata", small), os.path.join(folder, small)):
        if os.path.exists(place) or os.path.exists(place + ".inprogress"):
            return place
    return None


def _find_runs(exp: str, run: int | Sequence[int] | None, folder: Path | None) -> list[list[str]]:
    """The first files of all streams, for each run."""
    place = os.fspath(folder) if folder is not None else None
    if place is None:
        place = os.path.join(os.environ.get("SIT_PSDM_DATA", "/sdf/data/lcls/ds"), exp[:3], exp, "xtc")
    found: dict[int, list[str]] = {}
    for path in sorted(glob.glob(os.path.join(glob.escape(place), glob.escape(exp) + "-r*-s*-c000.xtc2"))):
        number = re.search(r"-r(\d+)-s\d+-c000\.xtc2$", path)
        if number:
            found.setdefault(int(number[1]), []).append(path)
    wanted = sorted(found) if run is None else [run] if isinstance(run, int) else list(run)
    missing = [number for number in wanted if number not in found]
    if missing or not wanted:
        raise FileNotFoundError(f"no files {exp}-r{missing[0] if missing else 0:04d}-s*-c000.xtc2 in {place}")
    return [found[number] for number in wanted]


def _as_timestamps(timestamps: Any) -> list[int] | None:
    if timestamps is None:
        return None
    if isinstance(timestamps, (str, os.PathLike)):
        import numpy as np

        timestamps = np.load(timestamps)
    return [int(timestamp) for timestamp in timestamps]


DataSource.__module__ = "alkaid"
