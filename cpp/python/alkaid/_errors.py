"""The exceptions of alkaid, by the codes of the library's statuses."""

from . import _alkaid


class DataLossError(ValueError):
    """Malformed data. The message names source, byte and datagram."""


class NotFoundError(LookupError):
    """No such detector, field, pool or name."""


class FailedPreconditionError(RuntimeError):
    """A call that comes too early or too late."""


class AlreadyExistsError(ValueError):
    """A name or a thing that is taken."""


class CancelledError(RuntimeError):
    """Reading was stopped."""


for _class in (DataLossError, NotFoundError, FailedPreconditionError, AlreadyExistsError, CancelledError):
    _class.__module__ = "alkaid"

_alkaid._set_error_classes(
    {1: CancelledError, 5: NotFoundError, 6: AlreadyExistsError, 9: FailedPreconditionError, 15: DataLossError}
)
