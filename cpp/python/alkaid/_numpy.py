"""numpy's own arrays from an Alkaid pool."""

from __future__ import annotations

from . import _alkaid
from ._alkaid import MemoryPool

# As typing has it, without the time that its import takes.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import TracebackType
    from typing import Any


class numpy_allocator:
    """Inside a `with`, the arrays that numpy makes come from an Alkaid pool, aligned to 64 bytes.

    They are in every report under `label`, unless the thread has a label set (`alkaid.label`). Arrays
    may outlive the `with`: each is resized and freed by the pool that it is from, and holds it. numpy
    has the allocator by context (contextvars), so other threads keep theirs. 64 bytes more are taken for
    each array; numpy.zeros writes its zeros. ImportError without numpy 1.22 or later.
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
