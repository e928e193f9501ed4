"""Arrays of other libraries as Buffers."""

from __future__ import annotations

from . import _alkaid
from ._alkaid import Buffer

# As in typing, without the time of importing it.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_VERSION = (1, 1)


def from_dlpack(x: Any, *, device: tuple[int, int] | None = None, copy: bool | None = None) -> Buffer:
    """The elements of an array, row by row, as a Buffer that keeps the array's memory alive.

    `x` has `__dlpack__`, as arrays of numpy, torch, jax and cupy, or is a DLPack capsule, which is
    consumed. `copy`: True always copies, False never, None only if the elements are not contiguous in
    row-major order. The Buffer is writable if the producer says that the elements are; a producer older
    than DLPack 1.0 cannot say it: read-only. BufferError if no such Buffer is possible.
    """
    if not hasattr(x, "__dlpack__"):
        return _alkaid._import_dlpack(x, copy)
    wishes: dict[str, Any] = {"max_version": _VERSION}
    if device is not None:
        wishes["dl_device"] = device
    if copy is not None:
        wishes["copy"] = copy
    try:
        capsule = x.__dlpack__(**wishes)
    except TypeError:
        # Before version 2023.12 of the array API there are no such arguments.
        if device is not None and tuple(x.__dlpack_device__()) != tuple(device):
            raise BufferError(f"{type(x).__name__} cannot give its elements on device {device}") from None
        capsule = x.__dlpack__()
    return _alkaid._import_dlpack(capsule, copy)
