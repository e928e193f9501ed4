"""The exceptions of alkaid, by the codes of the library's statuses."""

from __future__ import annotations

from . import _alkaid


class DataLossError(ValueError):
    """Malformed data.

    The message has the form "run.xtc2: byte 48 (datagram 2 at byte 48): partial datagram: ...". These attributes are
    its parts; None if the message does not have that part.

    source: what was read, usually a path. byte: where the fault is in it. dgram: the index of the datagram, and
    dgram_byte where it starts. stream: the index of the stream. event: the index of the event.
    """

    def __init__(self, message: str = "") -> None:
        super().__init__(message)
        import re

        form = r"(?P<source>.*?): byte (?P<byte>\d+)(?: of a batch made from it)?(?: \((?P<where>[^)]*)\))?"
        place = re.match(form, message, re.DOTALL)
        where = place["where"] or "" if place else ""
        self.source: str | None = place["source"] if place else None
        self.byte: int | None = int(place["byte"]) if place else None
        self.dgram: int | None = _number(r"datagram (\d+)", where)
        self.dgram_byte: int | None = _number(r"at byte (\d+)", where)
        self.stream: int | None = _number(r"stream (\d+)", where)
        self.event: int | None = _number(r"event (\d+)", where)


def _number(pattern: str, text: str) -> int | None:
    import re

    found = re.search(pattern, text)
    return int(found[1]) if found else None


class NotFoundError(LookupError):
    """No such detector, field, pool or name."""


class FailedPreconditionError(RuntimeError):
    """A call that comes too early or too late."""


class AlreadyExistsError(ValueError):
    """A name or a thing that is already taken."""


class CancelledError(RuntimeError):
    """Reading was stopped."""


for _class in (DataLossError, NotFoundError, FailedPreconditionError, AlreadyExistsError, CancelledError):
    _class.__module__ = "alkaid"

_alkaid._set_error_classes(
    {1: CancelledError, 5: NotFoundError, 6: AlreadyExistsError, 9: FailedPreconditionError, 15: DataLossError}
)
