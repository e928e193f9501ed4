"""The declarations of a Configuration, as Python values."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from ._alkaid import Configuration, Dgram
from ._naming import public


# Works for Dgrams with any detectors: one called "configuration" hides the attribute.
configuration_of: Callable[[Dgram], Configuration | None] = Dgram.configuration.__get__


class Field(NamedTuple):
    """One field: its full name, type ("UINT16", "CHARSTR" and so on) and rank, 0 for a scalar.

    algorithm and version belong to the field itself; usually "" and (0, 0, 0).
    """

    name: str
    type: str
    rank: int
    algorithm: str
    version: tuple[int, int, int]

    @property
    def attribute(self) -> str:
        """The name as an attribute: for "gain:gainEnum", without the name of the enumeration."""
        return self.name.partition(":")[0] if self.type.startswith("ENUM") else self.name


class Declaration(NamedTuple):
    """What one algorithm of one segment of a detector makes: its fields, in the order of their data."""

    detector: str
    segment: int
    algorithm: str
    version: tuple[int, int, int]
    dettype: str
    detid: str
    fields: tuple[Field, ...]
    node_id: int
    names_id: int


class Container:
    """An object for attributes."""

    def __repr__(self) -> str:
        return f"Container({', '.join(sorted(vars(self)))})"


class SegmentContainers(dict[int, Container]):
    """The segments of a detector by number; attributes are the first segment's."""

    def __getattr__(self, name: str) -> Any:
        if not self or name.startswith("__"):
            raise AttributeError(name)
        return getattr(self[min(self)], name)


def declarations(configuration: Configuration) -> tuple[Declaration, ...]:
    """All declarations, in the order of the Configure."""
    return tuple(
        Declaration._make((*raw[:6], tuple(Field(*field) for field in raw[6]), *raw[7:]))
        for raw in configuration._raw()
    )


def detectors(configuration: Configuration) -> dict[str, dict[int, dict[str, dict[str, Field]]]]:
    """Fields by detector, segment, algorithm and name. Declarations that share the first three are merged."""
    found: dict[str, dict[int, dict[str, dict[str, Field]]]] = {}
    for one in declarations(configuration):
        segments = found.setdefault(one.detector, {})
        fields = segments.setdefault(one.segment, {}).setdefault(one.algorithm, {})
        fields.update((field.name, field) for field in one.fields)
    return found


def _nested(parent: Container, path: str) -> Container:
    for name in path.split("."):
        # Through the dictionary: any name works, even "__class__".
        if not isinstance(vars(parent).get(name), Container):
            vars(parent)[name] = Container()
        parent = vars(parent)[name]
    return parent


def _describe(container: Any, software: str, version: tuple[int, int, int]) -> None:
    container.software = software
    container.version = version


def software(of: Dgram | Configuration) -> Container:
    """psana's view of the declarations: software.<detector>[<segment>].<algorithm>.<field>. Each level has version and
    software; a segment also has dettype and detid. Without [<segment>] it is the first segment."""
    configuration = configuration_of(of) if isinstance(of, Dgram) else of
    root = Container()
    for one in declarations(configuration) if configuration is not None else ():
        segments = vars(root).setdefault(one.detector, SegmentContainers())
        segment = segments.setdefault(one.segment, Container())
        segment.dettype = one.dettype
        segment.detid = one.detid
        algorithm = _nested(segment, one.algorithm)
        _describe(algorithm, one.algorithm, one.version)
        for field in one.fields:
            _describe(_nested(algorithm, field.attribute), field.algorithm, field.version)
    return root


public(Field, Declaration)
