"""Memory pools, buffers and zero-copy datagram views.

    import alkaid as ak

    for dgram in ak.BatchReader("run.xtc2"):
        print(dgram.timestamp(), dgram.service())
"""

import sysconfig as _sysconfig

if _sysconfig.get_config_var("Py_GIL_DISABLED"):
    raise ImportError("alkaid needs the GIL: it is not built for free-threaded Python")

from . import _alkaid

_alkaid._require_main_interpreter()

from . import _errors
from ._alkaid import (
    BatchReader,
    Buffer,
    BufferBuilder,
    Configuration,
    Dgram,
    MemoryPool,
    __version__,
    allocate_buffer,
    capped_memory_pool,
    create_memory_pool,
    current_label,
    default_memory_pool,
    foreign_buffer,
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
from ._errors import (
    AlreadyExistsError,
    CancelledError,
    DataLossError,
    FailedPreconditionError,
    NotFoundError,
)
from ._exchange import from_dlpack
from ._numpy import numpy_allocator

# As pickles name it.
py_buffer.__module__ = __name__

__all__ = [
    "AlreadyExistsError",
    "BatchReader",
    "Buffer",
    "BufferBuilder",
    "CancelledError",
    "Configuration",
    "DataLossError",
    "Dgram",
    "FailedPreconditionError",
    "MemoryPool",
    "NotFoundError",
    "TypedBufferBuilder",
    "__version__",
    "allocate_buffer",
    "capped_memory_pool",
    "create_memory_pool",
    "current_label",
    "default_memory_pool",
    "foreign_buffer",
    "from_dlpack",
    "jemalloc_memory_pool",
    "label",
    "labelled_memory_pool",
    "logging_memory_pool",
    "mimalloc_memory_pool",
    "numpy_allocator",
    "proxy_memory_pool",
    "py_buffer",
    "quota_memory_pool",
    "supported_memory_backends",
    "system_memory_pool",
    "total_allocated_bytes",
]
