"""Memory pools, buffers and zero-copy datagram views.

    import alkaid as ak

    for dgram in ak.BatchReader("run.xtc2"):
        print(dgram.timestamp(), dgram.service())
"""

import sysconfig as _sysconfig

if _sysconfig.get_config_var("Py_GIL_DISABLED"):
    raise ImportError("alkaid needs the GIL: it is not built for free-threaded Python")

from . import _errors
from ._alkaid import BatchReader, Buffer, Configuration, Dgram, __version__
from ._errors import (
    AlreadyExistsError,
    CancelledError,
    DataLossError,
    FailedPreconditionError,
    NotFoundError,
)

__all__ = [
    "AlreadyExistsError",
    "BatchReader",
    "Buffer",
    "CancelledError",
    "Configuration",
    "DataLossError",
    "Dgram",
    "FailedPreconditionError",
    "NotFoundError",
    "__version__",
]
