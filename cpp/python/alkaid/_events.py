"""Runs, steps and events, with psana's names."""

from __future__ import annotations

from collections.abc import Sequence
from enum import IntEnum
from typing import TYPE_CHECKING, Any

from ._alkaid import Configuration, Dgram
from ._configuration import configuration_of
from ._detectors import Detector, EnvironmentDetector, environment_fields
from ._errors import NotFoundError
from ._naming import public

if TYPE_CHECKING:
    import datetime
    from collections.abc import Iterator

# Service, timestamp, the datagram of each stream, and the configuration of each.
RawEvent = tuple[int, int, Sequence[Dgram | None], tuple[Configuration | None, ...]]


class TransitionId(IntEnum):
    """The kinds of datagrams: values of Dgram.service()."""

    ClearReadout = 0
    Reset = 1
    Configure = 2
    Unconfigure = 3
    BeginRun = 4
    EndRun = 5
    BeginStep = 6
    EndStep = 7
    Enable = 8
    Disable = 9
    SlowUpdate = 10
    L1Accept_EndOfBatch = 11
    L1Accept = 12

    @classmethod
    def isEvent(cls, service: int) -> bool:
        """Whether it is an event's data, and not a transition."""
        return service >= cls.L1Accept_EndOfBatch


# Detectors that belong to the format, not to the experiment.
_INTERNAL = frozenset(("smdinfo", "chunkinfo", "epicsinfo", "epics", "scan", "step"))
_L1 = int(TransitionId.L1Accept_EndOfBatch)


class Event:
    """What all streams recorded at one timestamp.

    ``_dgrams`` has a Dgram for each stream, or None. Each keeps alive the block that it was read into.
    """

    __slots__ = ("_configurations", "_dgrams", "_environment", "_run", "_service", "timestamp")

    def __init__(
        self,
        raw: RawEvent,
        environment: dict[tuple[str, int], Dgram],
        run: Run,
    ) -> None:
        self._service, self.timestamp, self._dgrams, self._configurations = raw
        self._environment = environment
        self._run = run

    def _raw(self) -> RawEvent:
        return self._service, self.timestamp, self._dgrams, self._configurations

    def service(self) -> int:
        """The TransitionId: 12 is L1Accept."""
        return self._service

    def run(self) -> Run:
        """The run that it belongs to."""
        return self._run

    def EndOfBatch(self) -> bool:
        """Whether it ends an exposure of an integrating detector."""
        return self._service == TransitionId.L1Accept_EndOfBatch

    @property
    def _seconds(self) -> int:
        return self.timestamp >> 32

    @property
    def _nanoseconds(self) -> int:
        return self.timestamp & 0xFFFFFFFF

    def datetime(self) -> datetime.datetime:
        """Its time, in UTC, to the microsecond."""
        import datetime

        epoch = datetime.datetime(1990, 1, 1, tzinfo=datetime.timezone.utc)
        return epoch + datetime.timedelta(seconds=self._seconds, microseconds=self._nanoseconds // 1000)

    def __iter__(self) -> Iterator[Dgram]:
        return (dgram for dgram in self._dgrams if dgram is not None)

    def __repr__(self) -> str:
        known = self._service in TransitionId._value2member_map_
        name = TransitionId(self._service).name if known else f"Invalid_{self._service}"
        return f"<alkaid.Event {name} {self.timestamp}>"


class Step:
    """A step of a scan: its events, from BeginStep to EndStep. ``evt`` is the BeginStep."""

    def __init__(self, evt: Event, run: Run) -> None:
        self.evt = evt
        self._run = run
        self._ended = False

    @property
    def timestamp(self) -> int:
        """The timestamp of the BeginStep."""
        return self.evt.timestamp

    def events(self) -> Iterator[Event]:
        """The remaining L1Accepts of the step."""
        while not self._ended:
            evt = self._run._next()
            if evt is None or evt._service == TransitionId.EndStep:
                self._ended = True
            elif evt._service == TransitionId.BeginStep:
                self._run._back = (evt._raw(), evt._environment)
                self._ended = True
            elif evt._service >= _L1:
                yield evt

    __iter__ = events


class Run:
    """One run: its events and their declarations. Made by DataSource.runs(). For one thread at a time.

    timestamp, expt, runnum: from the BeginRun; None if it has none.
    """

    def __init__(self, source: _Source, beginrun: RawEvent | None) -> None:
        # Events hold their run, so a run holds none: unreferenced events are freed at once, without the collector.
        self._source = source
        self._beginrun = beginrun
        self._environment = source.environment
        self._ended = False
        self._back: tuple[RawEvent, dict[tuple[str, int], Dgram]] | None = None
        self.timestamp: int | None = None if beginrun is None else beginrun[1]
        self.expt: str | None = None
        self.runnum: int | None = None
        for dgram in beginrun[2] if beginrun is not None else ():
            info = getattr(dgram, "runinfo", None)
            if info is not None:
                self.expt = info[min(info)].runinfo.expt
                self.runnum = info[min(info)].runinfo.runnum

    @property
    def beginrun(self) -> Event | None:
        """The transition that begins the run; None if there is none."""
        return None if self._beginrun is None else Event(self._beginrun, self._environment, self)

    def _next(self) -> Event | None:
        """The next event or transition of the run; None at its end."""
        if self._back is not None:
            back, environment = self._back
            self._back = None
            return Event(back, environment, self)
        if self._ended:
            return None
        raw = self._source.take()
        if raw is None or raw[0] == TransitionId.BeginRun:
            self._source.back = raw
            self._ended = True
            return None
        if raw[0] == TransitionId.EndRun:
            self._ended = True
        return Event(raw, self._source.environment, self)

    def events(self) -> Iterator[Event]:
        """The remaining L1Accepts of the run."""
        while (evt := self._next()) is not None:
            if evt._service >= _L1:
                yield evt

    def steps(self) -> Iterator[Step]:
        """The steps of the run. Asking for the next step skips the rest of the current one."""
        while (evt := self._next()) is not None:
            if evt._service == TransitionId.BeginStep:
                step = Step(evt, self)
                yield step
                for _ in step.events():
                    pass

    def _finish(self) -> None:
        while self._next() is not None:
            pass

    @property
    def configs(self) -> list[Dgram]:
        """The current Configure of each stream; the one of the small data if that is read."""
        return self._source.configs

    @property
    def configurations(self) -> tuple[Configuration | None, ...]:
        """The Configuration of each stream, as of the latest event."""
        return self._source.configurations

    def _declared(self) -> dict[str, dict[str, set[str]]]:
        """Fields by detector and algorithm, of all streams and segments."""
        found: dict[str, dict[str, set[str]]] = {}
        for configuration in self.configurations:
            if configuration is None:
                continue
            for one in configuration.declarations:
                fields = found.setdefault(one.detector, {}).setdefault(one.algorithm, set())
                fields.update(field.attribute for field in one.fields if field.type != "ENUMDICT")
        return found

    @property
    def detnames(self) -> set[str]:
        """The detectors of the run, without those of the environment."""
        return set(self._declared()) - _INTERNAL

    @property
    def detinfo(self) -> dict[tuple[str, str], list[str]]:
        """The fields of each detector and algorithm."""
        return {
            (detector, algorithm): sorted(fields)
            for detector, algorithms in self._declared().items()
            if detector not in _INTERNAL
            for algorithm, fields in algorithms.items()
        }

    @property
    def epicsinfo(self) -> dict[str, tuple[str, str, str]]:
        """Names of the slow environment for Detector: detector, algorithm and field of each name."""
        return environment_fields(self.configurations, self.configs, ("epics",))

    @property
    def scaninfo(self) -> dict[str, tuple[str, str, str]]:
        """The same for a scan."""
        return environment_fields(self.configurations, self.configs, ("scan", "step"))

    def Detector(self, name: str) -> Any:
        """A detector of the run, or a value of its environment (epicsinfo, scaninfo). NotFoundError for other names."""
        if name in self.detnames:
            return Detector(name, self)
        place = {**self.scaninfo, **self.epicsinfo}.get(name)
        if place is not None:
            return EnvironmentDetector(name, place)
        raise NotFoundError(f"no detector {name!r}; there are {', '.join(sorted(self.detnames))}")

    def __repr__(self) -> str:
        return f"<alkaid.Run {self.expt} {self.runnum}>"


class _Source:
    """Raw events of a DataSource in order, and the state after each of them."""

    def __init__(
        self,
        raw: Iterator[RawEvent],
        configs: list[Dgram],
        max_events: int,
    ) -> None:
        self._raw = raw
        self.configs = configs
        self.configurations = tuple(configuration_of(config) for config in configs)
        self._left = max_events or -1
        self.back: RawEvent | None = None
        # The latest transition that carries a detector in a stream, as a copy. The dict is replaced, never changed.
        self.environment: dict[tuple[str, int], Dgram] = {}

    def take(self) -> RawEvent | None:
        if self.back is not None:
            back, self.back = self.back, None
            return back
        if self._left == 0:
            return None
        raw = next(self._raw, None)
        if raw is None:
            return None
        self.configurations = raw[3]
        if raw[0] >= _L1:
            self._left -= 1
        else:
            self._remember(raw)
        return raw

    def _remember(self, raw: RawEvent) -> None:
        for stream, dgram in enumerate(raw[2]):
            if dgram is None:
                continue
            if raw[0] == TransitionId.Configure:
                self.configs[stream] = dgram
            names = vars(dgram)
            if names:
                copy = Dgram.copy(dgram)
                self.environment = {**self.environment, **{(name, stream): copy for name in names}}

    def runs(self) -> Iterator[Run]:
        while (raw := self.take()) is not None:
            beginrun = raw if raw[0] == TransitionId.BeginRun else None
            if beginrun is None:
                if raw[0] < _L1:
                    continue
                self.back = raw
            run = Run(self, beginrun)
            yield run
            run._finish()


public(Event, Run, Step, TransitionId)
