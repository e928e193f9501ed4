"""numpy's own arrays from an Alkaid pool."""

from __future__ import annotations

from . import _alkaid
from ._alkaid import MemoryPool

# As in typing, without the time of importing it.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import TracebackType
    from typing import Any


class numpy_allocator:
    """Inside a `with`, numpy allocates its arrays from an Alkaid pool, aligned to 64 bytes.

    Every report lists them under `label`, unless the thread has a label set (`alkaid.label`). Arrays may
    outlive the `with`: each holds its pool, which resizes and frees it. numpy keeps the allocator per
    context (contextvars), so other threads keep theirs. Each array takes 64 bytes more; numpy.zeros
    writes its zeros. ImportError without numpy 1.22 or later.
    """

    def __init__(self, label: str, memory_pool: MemoryPool | None = None) -> None:
        from . import _numpy_allocator

        _numpy_allocator.require_numpy()
        self._set = _numpy_allocator.set_handler
        pool = memory_pool if memory_pool is not None else _alkaid.default_memory_pool()
        if not isinstance(pool, MemoryPool):
            raise TypeError(f"memory_pool is a MemoryPool or None, not {type(pool).__name__}")
        self._handler = _numpy_allocator.make_handler(label, pool._capsule())
        self._before: list[Any] = []

    def __enter__(self) -> numpy_allocator:
        self._before.append(self._set(self._handler))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._set(self._before.pop())
