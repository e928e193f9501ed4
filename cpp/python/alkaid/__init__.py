"""Memory pools, buffers and zero-copy datagram views.

    import alkaid as ak

    for dgram in ak.BatchReader("run.xtc2"):
        print(dgram.timestamp(), dgram.service())
"""

from __future__ import annotations

import importlib as _importlib
import sys as _sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ._configuration import Declaration, Field
    from ._datasource import DataSource
    from ._detectors import Detector
    from ._enumeration import Enumeration
    from ._events import Event, Run, Step, TransitionId
    from ._reports import HeapDiff, Retention, Snapshot, diff, label_statistics, read_snapshot, retention, snapshot, track
    from ._skipped import Skipped

if "t" in getattr(_sys, "abiflags", ""):
    raise ImportError("alkaid needs the GIL: it is not built for free-threaded Python")

from . import _alkaid

_alkaid._require_main_interpreter()

from . import _errors
from ._alkaid import (
    Batch,
    BatchReader,
    Buffer,
    BufferBuilder,
    Column,
    Configuration,
    Dgram,
    MemoryPool,
    TableStream,
    __version__,
    allocate_buffer,
    capped_memory_pool,
    create_memory_pool,
    current_label,
    default_memory_pool,
    foreign_buffer,
    is_tracking,
    jemalloc_memory_pool,
    label,
    labelled_memory_pool,
    logging_memory_pool,
    mimalloc_memory_pool,
    proxy_memory_pool,
    py_buffer,
    quota_memory_pool,
    supported_memory_backends,
    system_memory_pool,
    total_allocated_bytes,
)
from ._builders import TypedBufferBuilder
from ._columns import column, open_table
from ._errors import (
    AlreadyExistsError,
    CancelledError,
    DataLossError,
    FailedPreconditionError,
    NotFoundError,
)
from ._exchange import from_dlpack
from ._numpy import numpy_allocator

# The name in pickles.
py_buffer.__module__ = __name__

# Names that are imported at their first use, and their modules.
_LAZY = {
    "DataSource": "_datasource",
    "Declaration": "_configuration",
    "Detector": "_detectors",
    "Enumeration": "_enumeration",
    "Event": "_events",
    "Field": "_configuration",
    "HeapDiff": "_reports",
    "Retention": "_reports",
    "Run": "_events",
    "Skipped": "_skipped",
    "Snapshot": "_reports",
    "Step": "_events",
    "TransitionId": "_events",
    "diff": "_reports",
    "label_statistics": "_reports",
    "read_snapshot": "_reports",
    "retention": "_reports",
    "snapshot": "_reports",
    "track": "_reports",
}


# Type checkers use the imports above, and so report unknown names.
if not TYPE_CHECKING:

    def __getattr__(name: str) -> object:
        module = _LAZY.get(name)
        if module is None:
            raise AttributeError(f"module 'alkaid' has no attribute {name!r}")
        value = getattr(_importlib.import_module("." + module, __name__), name)
        globals()[name] = value
        return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_LAZY})


__all__ = [
    "AlreadyExistsError",
    "Batch",
    "BatchReader",
    "Buffer",
    "BufferBuilder",
    "CancelledError",
    "Column",
    "Configuration",
    "DataLossError",
    "DataSource",
    "Declaration",
    "Detector",
    "Dgram",
    "Enumeration",
    "Event",
    "FailedPreconditionError",
    "Field",
    "HeapDiff",
    "MemoryPool",
    "NotFoundError",
    "Retention",
    "Run",
    "Skipped",
    "Snapshot",
    "Step",
    "TransitionId",
    "TableStream",
    "TypedBufferBuilder",
    "__version__",
    "allocate_buffer",
    "capped_memory_pool",
    "create_memory_pool",
    "column",
    "current_label",
    "default_memory_pool",
    "diff",
    "foreign_buffer",
    "from_dlpack",
    "is_tracking",
    "jemalloc_memory_pool",
    "label",
    "label_statistics",
    "labelled_memory_pool",
    "logging_memory_pool",
    "mimalloc_memory_pool",
    "numpy_allocator",
    "open_table",
    "proxy_memory_pool",
    "py_buffer",
    "quota_memory_pool",
    "read_snapshot",
    "retention",
    "snapshot",
    "supported_memory_backends",
    "system_memory_pool",
    "total_allocated_bytes",
    "track",
]
