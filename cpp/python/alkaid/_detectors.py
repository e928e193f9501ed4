"""Detectors of a run: access to fields by name."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ._naming import public

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import numpy as np

    from ._alkaid import Configuration, Dgram
    from ._configuration import Declaration
    from ._events import Event, Run, Step

_PREFERRED = ("raw", "arrayRaw")


def _refuse_own(name: str) -> None:
    """AttributeError for names that copying looks up before any attribute is set."""
    if name.startswith("__") or name in ("_algorithm", "_path", "_det_name", "_name", "_run", "_known"):
        raise AttributeError(name)


def _event_of(evt: Event | Step) -> Event:
    found: Any = evt
    event: Event = getattr(found, "evt", found)
    return event


def _value(of: Any, path: str) -> Any:
    """The field of that dotted name; None if there is none."""
    for name in path.split("."):
        of = getattr(of, name, None)
        if of is None:
            return None
    return of


class _Declared:
    """The declarations of one algorithm of a detector in some configurations."""

    def __init__(self, configurations: tuple[Configuration | None, ...], detector: str, algorithm: str) -> None:
        self.configurations = configurations
        mine = [
            one
            for one in _declarations(configurations)
            if one.detector == detector and one.algorithm == algorithm
        ]
        fields = [field for one in mine for field in one.fields if field.type != "ENUMDICT"]
        self.segments = sorted({one.segment for one in mine})
        # Ranks of arrays, by name.
        self.arrays = {field.attribute: field.rank for field in fields if field.rank > 0 and field.type != "CHARSTR"}
        # The names of fields, and their prefixes up to each dot.
        self.paths: dict[str, None] = {}
        for field in fields:
            parts = field.attribute.split(".")
            self.paths.update((".".join(parts[:n]), None) for n in range(1, len(parts) + 1))


class FieldReader:
    """One field of a detector: call it with an event.

    It returns the value if one segment is declared, and a dict from segments to values if several are. None if the
    event does not have the field. Arrays are read-only views that keep their block alive. A name with dots is reached
    step by step: det.config.expert.enable(evt).
    """

    def __init__(self, algorithm: AlgorithmReader, path: str) -> None:
        self._algorithm = algorithm
        self._path = path

    def __call__(self, evt: Event | Step) -> Any:
        found = self._algorithm.segments(evt, self._path)
        if not found:
            return None
        if len(self._algorithm._declared(_event_of(evt)._configurations).segments) == 1:
            return next(iter(found.values()))
        return found

    def __getattr__(self, name: str) -> FieldReader:
        _refuse_own(name)
        path = f"{self._path}.{name}"
        if path not in self._algorithm._declared(self._algorithm._run.configurations).paths:
            raise AttributeError(f"{self._algorithm!r} has no field {path!r}")
        return FieldReader(self._algorithm, path)

    def __repr__(self) -> str:
        return f"{repr(self._algorithm)[:-1]}.{self._path}>"


class AlgorithmReader:
    """The data of one algorithm of a detector: det.raw. Attributes are its fields.

    Fields are looked up by name in each datagram, under the Configuration that it was recorded under.
    """

    def __init__(self, det_name: str, name: str, run: Run) -> None:
        self._det_name = det_name
        self._name = name
        self._run = run
        self._known: _Declared | None = None

    def _declared(self, configurations: tuple[Configuration | None, ...]) -> _Declared:
        """The declarations for it in these configurations; looked up again if they change."""
        if self._known is None or self._known.configurations is not configurations:
            self._known = _Declared(configurations, self._det_name, self._name)
        return self._known

    def _main(self, evt: Event) -> str:
        """The field that raw() and segments() return."""
        arrays = self._declared(evt._configurations).arrays
        for name in _PREFERRED:
            if name in arrays:
                return name
        for least in (1, 2):
            of_rank = [name for name, rank in arrays.items() if rank >= least]
            if len(of_rank) == 1:
                return of_rank[0]
        raise AttributeError(f"{self!r} has no single array: name a field, one of {', '.join(arrays) or 'none'}")

    def segments(self, evt: Event | Step, field: str | None = None) -> dict[int, Any]:
        """The field of each segment that the event has, in order. Arrays are views, without a copy.

        Without `field`, the one that raw() returns. Empty if the event has none.
        """
        evt = _event_of(evt)
        if field is None:
            field = self._main(evt)
        found: dict[int, Any] = {}
        for dgram in evt:
            for segment, part in getattr(dgram, self._det_name, {}).items():
                value = _value(getattr(part, self._name, None), field)
                if value is not None:
                    found[segment] = value
        return dict(sorted(found.items()))

    def raw(self, evt: Event | Step) -> np.ndarray | None:
        """The arrays of all segments in one array of shape (segments, ...): a copy; segments(evt) makes none.

        The field is "raw" or "arrayRaw", else the only declared array, else the only one of rank 2 or more. None if a
        declared segment is missing; ValueError if the shapes differ.
        """
        evt = _event_of(evt)
        if not any(hasattr(dgram, self._det_name) for dgram in evt):
            return None
        found = self.segments(evt)
        if not found or list(found) != self._declared(evt._configurations).segments:
            return None
        import numpy as np

        return np.stack(list(found.values()))

    def __getattr__(self, name: str) -> FieldReader:
        _refuse_own(name)
        if name not in self._declared(self._run.configurations).paths:
            raise AttributeError(f"{self!r} has no field {name!r}")
        return FieldReader(self, name)

    def __dir__(self) -> list[str]:
        return [*super().__dir__(), *(p for p in self._declared(self._run.configurations).paths if "." not in p)]

    def __repr__(self) -> str:
        return f"<alkaid.Detector {self._det_name}.{self._name}>"


class Detector:
    """A detector of a run: attributes are its algorithms, det.raw. Made by Run.Detector.

    It only keeps names: after another Configure it finds what that one declares.
    """

    def __init__(self, name: str, run: Run) -> None:
        self._det_name = name
        self._run = run

    def _declarations(self) -> list[Declaration]:
        return [one for one in _declarations(self._run.configurations) if one.detector == self._det_name]

    @property
    def _dettype(self) -> str:
        return self._declarations()[0].dettype

    @property
    def _detids(self) -> dict[int, str]:
        return {one.segment: one.detid for one in self._declarations()}

    def __getattr__(self, name: str) -> AlgorithmReader:
        _refuse_own(name)
        if name not in {one.algorithm for one in self._declarations()}:
            raise AttributeError(f"{self!r} has no algorithm {name!r}")
        reader = AlgorithmReader(self._det_name, name, self._run)
        self.__dict__[name] = reader
        return reader

    def __dir__(self) -> list[str]:
        return [*super().__dir__(), *(one.algorithm for one in self._declarations())]

    def __repr__(self) -> str:
        return f"<alkaid.Detector {self._det_name}>"


class EnvironmentDetector:
    """A value from EPICS or a scan, which transitions carry. Called with an event or a step it returns the value that
    was valid then; None if there was none yet."""

    def __init__(self, name: str, place: tuple[str, str, str]) -> None:
        self._det_name = name
        self._place = place

    def __call__(self, evt: Event | Step) -> Any:
        evt = _event_of(evt)
        detector, algorithm, field = self._place
        for dgram in self._candidates(evt, detector):
            for part in getattr(dgram, detector, {}).values():
                value = _value(getattr(part, algorithm, None), field)
                if value is not None:
                    return value
        return None

    @staticmethod
    def _candidates(evt: Event, detector: str) -> Iterator[Dgram]:
        yield from evt
        for (name, _), dgram in evt._environment.items():
            if name == detector:
                yield dgram

    def __repr__(self) -> str:
        return f"<alkaid.Detector {self._det_name}: {'.'.join(self._place)}>"


def _declarations(configurations: Sequence[Configuration | None]) -> Iterator[Declaration]:
    for configuration in configurations:
        if configuration is not None:
            yield from configuration.declarations


def environment_fields(
    configurations: Sequence[Configuration | None],
    configs: Sequence[Dgram],
    detectors: tuple[str, ...],
) -> dict[str, tuple[str, str, str]]:
    """Where to find each name: fields of these detectors, under their own names and those in epicsinfo."""
    found: dict[str, tuple[str, str, str]] = {}
    for one in _declarations(configurations):
        if one.detector in detectors:
            for field in one.fields:
                found[field.attribute] = (one.detector, one.algorithm, field.attribute)
    if "epics" in detectors:
        for config in configs:
            for part in getattr(config, "epicsinfo", {}).values():
                for alias, name in _aliases(part.epicsinfo):
                    if name in found:
                        found.setdefault(alias, found[name])
    return found


def _aliases(info: Any) -> Iterator[tuple[str, str]]:
    """Pairs of the name that people use and the field: epicsinfo has a text "name,..." for each field."""
    for name, text in vars(info).items():
        if name != "keys" and isinstance(text, str):
            yield text.partition(",")[0], name


public(AlgorithmReader, Detector, EnvironmentDetector, FieldReader)
