"""Builders of values, over BufferBuilder."""

from __future__ import annotations

import struct

from ._alkaid import Buffer, BufferBuilder, MemoryPool

# As in typing, without the time of importing it.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Iterable

# Formats of struct by numpy's names of the types.
_FORMATS = {
    "int8": "b", "int16": "h", "int32": "i", "int64": "q",
    "uint8": "B", "uint16": "H", "uint32": "I", "uint64": "Q",
    "float16": "e", "float32": "f", "float64": "d",
}  # fmt: skip
# Format letters that the buffer protocol may use for a value of that format and size.
_KINDS = {**dict.fromkeys("bhilqn", "int"), **dict.fromkeys("BHILQN", "uint"), **dict.fromkeys("efd", "float")}


class TypedBufferBuilder:
    """Values of one type that grow into a Buffer, in the byte order of the machine.

    `dtype` is a numpy dtype or its name: int8 to uint64, float16 to float64; bool packs single bits, the
    first in the lowest, as Arrow does. OverflowError or struct.error for values that the type cannot
    hold. One thread at a time.
    """

    def __init__(self, dtype: Any, memory_pool: MemoryPool | None = None, alignment: int = 64) -> None:
        name = str(getattr(dtype, "name", None) or getattr(dtype, "__name__", dtype))
        if name not in _FORMATS and name != "bool":
            raise TypeError(f"dtype {name!r}: one of {', '.join(_FORMATS)} or bool")
        self._name = name
        self._packer = struct.Struct("=" + _FORMATS[name]) if name != "bool" else None
        self._builder = BufferBuilder(memory_pool, alignment)
        self._bits = 0  # of the last byte, which is not in the builder yet
        self._length = 0

    @property
    def dtype(self) -> str:
        """The name of the type."""
        return self._name

    @property
    def itemsize(self) -> int:
        """The bytes of one value; 0 for single bits."""
        return self._packer.size if self._packer is not None else 0

    def __len__(self) -> int:
        """The number of values so far."""
        return self._length

    def append(self, value: Any) -> None:
        """Appends one value."""
        if self._packer is not None:
            self._builder.append(self._packer.pack(value))
            self._length += 1
            return
        bits = self._bits | bool(value) << self._length % 8
        if self._length % 8 == 7:
            self._builder.append(bytes((bits,)))
            bits = 0
        self._bits = bits
        self._length += 1

    def extend(self, values: Iterable[Any]) -> None:
        """Appends values; in one step if they are an array of the same type."""
        if self._packer is not None and not isinstance(values, (bytes, bytearray, str)):
            try:
                view = memoryview(values)  # type: ignore[arg-type]
            except TypeError:
                view = None
            if view is not None and self._is_ours(view):
                self._builder.append(view)
                self._length += view.nbytes // self.itemsize
                return
        for value in values:
            self.append(value)

    def finish(self, shrink_to_fit: bool = True) -> Buffer:
        """Returns the values without a copy, and empties the builder."""
        if self._packer is None and self._length % 8 != 0:
            self._builder.append(bytes((self._bits,)))
            self._bits, self._length = 0, (self._length + 7) // 8 * 8
        buffer = self._builder.finish(shrink_to_fit)
        self._bits = self._length = 0
        return buffer

    def _is_ours(self, view: memoryview) -> bool:
        kind = _KINDS.get(view.format)
        return view.c_contiguous and f"{kind}{8 * view.itemsize}" == self._name
