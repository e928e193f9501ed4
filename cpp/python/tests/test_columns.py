"""Fields as columns and files as tables, read through Arrow's C interface by a consumer of our own.

ci/check_peers.sh has pyarrow and others read them; here nothing but ctypes is needed.
"""

from __future__ import annotations

import ctypes
import gc
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import alkaid as ak
from xtc2_files import Run


class Schema(ctypes.Structure):
    pass


class Array(ctypes.Structure):
    pass


class Stream(ctypes.Structure):
    pass


Schema._fields_ = [
    ("format", ctypes.c_char_p), ("name", ctypes.c_char_p), ("metadata", ctypes.c_void_p),
    ("flags", ctypes.c_int64), ("n_children", ctypes.c_int64),
    ("children", ctypes.POINTER(ctypes.POINTER(Schema))), ("dictionary", ctypes.c_void_p),
    ("release", ctypes.c_void_p), ("private_data", ctypes.c_void_p),
]
Array._fields_ = [
    ("length", ctypes.c_int64), ("null_count", ctypes.c_int64), ("offset", ctypes.c_int64),
    ("n_buffers", ctypes.c_int64), ("n_children", ctypes.c_int64),
    ("buffers", ctypes.POINTER(ctypes.c_void_p)),
    ("children", ctypes.POINTER(ctypes.POINTER(Array))), ("dictionary", ctypes.c_void_p),
    ("release", ctypes.c_void_p), ("private_data", ctypes.c_void_p),
]
Stream._fields_ = [
    ("get_schema", ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(Stream), ctypes.POINTER(Schema))),
    ("get_next", ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(Stream), ctypes.POINTER(Array))),
    ("get_last_error", ctypes.CFUNCTYPE(ctypes.c_char_p, ctypes.POINTER(Stream))),
    ("release", ctypes.c_void_p), ("private_data", ctypes.c_void_p),
]


def struct_in(capsule: Any, name: bytes, kind: Any) -> Any:
    get = ctypes.pythonapi.PyCapsule_GetPointer
    get.restype, get.argtypes = ctypes.c_void_p, [ctypes.py_object, ctypes.c_char_p]
    return kind.from_address(get(capsule, name))


def numbers(address: int, count: int, kind: Any) -> list[int]:
    size = np.dtype(kind).itemsize
    return np.frombuffer(ctypes.string_at(address, count * size), kind).tolist()


@pytest.fixture
def batch() -> ak.Batch:
    return max(ak.BatchReader(bytes(Run().run(events=5))).batches(), key=len)


def aligned_batch() -> ak.Batch:
    """One-byte elements are always aligned."""
    return max(ak.BatchReader(bytes(Run(image=np.uint8).run(events=5))).batches(), key=len)


def test_lists_lie_where_the_datagrams_are() -> None:
    batch = aligned_batch()
    column = ak.column(batch, "camera/0/raw/image")
    assert len(column) == 5
    assert (column.copied_bytes, column.why_copied) == (0, "")
    schema, array = column.__arrow_c_array__()
    lists, type_of = struct_in(array, b"arrow_array", Array), struct_in(schema, b"arrow_schema", Schema)
    assert (type_of.format, type_of.children[0].contents.format) == (b"+vl", b"C")
    child = lists.children[0].contents
    first = batch.buffer.address
    assert first <= child.buffers[1] and child.buffers[1] + child.length <= first + batch.nbytes
    starts, sizes = numbers(lists.buffers[1], 5, np.int32), numbers(lists.buffers[2], 5, np.int32)
    rows = [numbers(child.buffers[1] + start, size, np.uint8) for start, size in zip(starts, sizes)]
    assert rows == [d.camera[0].raw.image.ravel().tolist() for d in batch if d.service() == 12]
    assert column.shapes is not None and len(column.shapes) == 5


def test_misaligned_elements_are_copied_and_it_says_so() -> None:
    batch = max(ak.BatchReader(bytes(Run(image=np.float64).run(events=5))).batches(), key=len)
    images = [d.camera[0].raw.image for d in batch if d.service() == 12]
    assert any(image.ctypes.data % 8 for image in images)
    column = ak.column(batch, ("camera", 0, "raw", "image"))
    assert column.copied_bytes == sum(image.nbytes for image in images)
    assert column.why_copied
    with pytest.raises(ak.FailedPreconditionError):
        ak.column(batch, "camera/0/raw/image", allow_copy=False)


def test_a_column_outlives_its_batch_and_a_capsule_that_nobody_takes_is_released() -> None:
    pool = ak.proxy_memory_pool(ak.default_memory_pool())
    column = ak.column(aligned_batch(), "camera/0/raw/count", memory_pool=pool)
    gc.collect()
    assert pool.bytes_allocated() > 0
    schema, array = column.__arrow_c_array__()
    values = struct_in(array, b"arrow_array", Array)
    assert len(numbers(values.buffers[1], 5, np.uint32)) == 5
    del column, schema, array
    gc.collect()
    assert pool.bytes_allocated() == 0


def test_a_column_keeps_the_pool_that_nobody_else_holds(tmp_path: Path) -> None:
    path = Run().run(events=3).write(tmp_path / "run.xtc2")
    batch = next(ak.BatchReader(path).batches())
    for field in ("energy", "note", "image"):
        names = "camera", 0, "raw", field
        column = ak.column(batch, names, all_datagrams=True, memory_pool=ak.proxy_memory_pool(None))
        others = [ak.proxy_memory_pool(None) for _ in range(100)]
        del others, column
    fields = ["camera/0/raw/energy", "camera/0/raw/note", "camera/0/raw/image"]
    table = ak.open_table(path, fields, memory_pool=ak.proxy_memory_pool(None))
    stream = struct_in(capsule := table.__arrow_c_stream__(), b"arrow_array_stream", Stream)
    array = Array()
    assert stream.get_next(stream, array) == 0
    del capsule, table
    ctypes.CFUNCTYPE(None, ctypes.POINTER(Array))(array.release)(array)


def test_a_file_is_one_table_read_once(tmp_path: Path) -> None:
    path = Run().run(events=7).write(tmp_path / "run.xtc2")
    table = ak.open_table(path, ["camera/0/raw/count"], batch_bytes=512)
    stream = struct_in(capsule := table.__arrow_c_stream__(), b"arrow_array_stream", Stream)
    schema = Schema()
    assert stream.get_schema(stream, schema) == 0
    names = [schema.children[i].contents.name.decode() for i in range(schema.n_children)]
    assert names == ["index", "offset", "timestamp", "service", "readout_groups", "damage", "camera/0/raw/count"]
    timestamps: list[int] = []
    batches = 0
    while True:
        array = Array()
        assert stream.get_next(stream, array) == 0, stream.get_last_error(stream)
        if not array.release:
            break
        batches += 1
        timestamps += numbers(array.children[2].contents.buffers[1], array.length, np.uint64)
        ctypes.CFUNCTYPE(None, ctypes.POINTER(Array))(array.release)(array)
    ctypes.CFUNCTYPE(None, ctypes.POINTER(Schema))(schema.release)(schema)
    assert timestamps == [d.timestamp() for d in ak.BatchReader(path) if d.service() == 12]
    assert batches > 1
    with pytest.raises(ak.FailedPreconditionError, match="already handed on"):
        table.__arrow_c_stream__()
    del capsule


def test_what_is_wrong_is_named(batch: ak.Batch, tmp_path: Path) -> None:
    with pytest.raises(ak.NotFoundError, match="laser"):
        ak.column(batch, "laser/0/raw/image")
    with pytest.raises(ValueError, match="detector/segment/algorithm/name"):
        ak.column(batch, "camera")
    with pytest.raises(ValueError, match="detector/segment/algorithm/name"):
        ak.column(batch, "camera/x/raw/image")
    for segment in (1 << 32, -1 << 32, -1):
        with pytest.raises(OverflowError):
            ak.column(batch, ("camera", segment, "raw", "image"))
    with pytest.raises(TypeError):
        ak.column(b"bytes", "camera/0/raw/image")  # type: ignore[arg-type]
    with pytest.raises(TypeError):
        ak.column(batch, ["camera", 0, "raw", "image"])  # type: ignore[arg-type]
    with pytest.raises(FileNotFoundError, match="none.xtc2"):
        ak.open_table(tmp_path / "none.xtc2")
