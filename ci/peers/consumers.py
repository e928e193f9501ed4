#!/usr/bin/env python3
"""Hands Buffers, arrays and columns to each library that is installed, and says what each took.

    consumers.py [--alkaid COMMAND]     the command writes the file that is read; else one of
                                        ALKAID_TEST_DATA is

Each line is: the library and its version, what it was handed, and whether it reads the very memory
("same memory"), made a copy ("copied"), read it without saying where ("read"), or refused it. The exit code is 1 where that is not what
docs/python.md and docs/columns.md say, or where values are not equal.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from typing import Any

import numpy as np

import alkaid as ak

SAME, COPIED, READ, REFUSED = "same memory", "copied", "read", "refused"
VALUES = np.arange(64, dtype=np.uint8)
failures = 0


def report(library: str, what: str, expected: str, do: Callable[[], str]) -> None:
    global failures
    try:
        version = importlib.metadata.version(library)
    except importlib.metadata.PackageNotFoundError:
        print(f"{library:20} not installed")
        return
    try:
        found = do()
    except BaseException as error:  # polars panics with a class of its own
        if isinstance(error, (KeyboardInterrupt, AssertionError)):
            raise
        found = REFUSED
        reason = f"  ({type(error).__name__}: {str(error).splitlines()[0][:70]})"
    else:
        reason = ""
    wrong = "" if found == expected else f"  EXPECTED {expected}"
    failures += bool(wrong)
    print(f"{library:20} {version:10} {what:46} {found}{reason}{wrong}")


def where(same: bool, equal: bool) -> str:
    if not equal:
        raise AssertionError("the values are not equal")
    return SAME if same else COPIED


def read(equal: bool) -> str:
    where(True, equal)
    return READ


def buffer() -> Any:
    made = ak.allocate_buffer(64)
    memoryview(made)[:] = VALUES
    return made


def numpy_by_protocol() -> str:
    held = buffer()
    array = np.frombuffer(held, np.uint8)
    return where(array.ctypes.data == held.address, bool((array == VALUES).all()))


def numpy_by_dlpack() -> str:
    held = buffer()
    array = np.from_dlpack(held)
    return where(array.ctypes.data == held.address, bool((array == VALUES).all()))


def strict_by_dlpack() -> str:
    import array_api_strict as xp

    held = buffer()
    array = np.asarray(xp.from_dlpack(held))
    return where(array.ctypes.data == held.address, bool((array == VALUES).all()))


def jax_by_dlpack() -> str:
    import jax.numpy as jnp

    held = buffer()
    array = jnp.from_dlpack(held)
    return where(array.unsafe_buffer_pointer() == held.address, bool((array == VALUES).all()))


def pyarrow_buffer() -> str:
    import pyarrow as pa

    held = buffer()
    taken = pa.py_buffer(held)
    return where(taken.address == held.address, taken.to_pybytes() == VALUES.tobytes())


def pyarrow_array() -> str:
    import pyarrow as pa

    held = buffer()
    taken = pa.array(held)
    taken.validate(full=True)
    return where(taken.buffers()[1].address == held.address, taken.to_pylist() == VALUES.tolist())


def alkaid_takes(other: Callable[[], tuple[Any, int]]) -> Callable[[], str]:
    def do() -> str:
        theirs, address = other()
        ours = ak.from_dlpack(theirs) if hasattr(theirs, "__dlpack__") else ak.py_buffer(theirs)
        return where(ours.address == address, ours.to_pybytes() == VALUES.tobytes())

    return do


def from_numpy() -> tuple[Any, int]:
    array = VALUES.copy()
    return array, array.ctypes.data


def from_jax() -> tuple[Any, int]:
    import jax.numpy as jnp

    theirs = jnp.asarray(VALUES)
    return theirs, theirs.unsafe_buffer_pointer()


def from_pyarrow() -> tuple[Any, int]:
    import pyarrow as pa

    theirs = pa.py_buffer(VALUES.tobytes())
    return theirs, theirs.address


def columns(path: str) -> None:
    """A batch's field as lists where the datagrams lie, and a file as a table."""
    batch = max(ak.BatchReader(path, batch_bytes=64 << 20).batches(), key=len)
    field, text = "imager/0/raw/image", None
    images = [d.imager[0].raw.image for d in batch if d.service() == 12]
    column = ak.column(batch, field)
    first, last = batch.buffer.address, batch.buffer.address + batch.nbytes
    del text

    def pyarrow_lists() -> str:
        import pyarrow as pa

        taken = pa.array(column)
        taken.validate(full=True)
        child = taken.values.buffers()[1]
        equal = all((np.asarray(row.values) == image.ravel()).all() for row, image in zip(taken, images))
        return where(first <= child.address and child.address + child.size <= last, bool(equal))

    def pyarrow_table() -> str:
        import pyarrow as pa

        table = pa.RecordBatchReader.from_stream(ak.open_table(path, [field])).read_all()
        table.validate(full=True)
        equal = table["timestamp"].to_pylist() == [d.timestamp() for d in ak.BatchReader(path) if d.service() == 12]
        return where(column.copied_bytes == 0, equal)

    def polars_lists() -> str:
        import polars as pl

        return read(len(pl.Series(column)) == len(images))

    def polars_table() -> str:
        import polars as pl
        import pyarrow as pa

        table = pa.RecordBatchReader.from_stream(ak.open_table(path, [])).read_all()
        plain = table.drop_columns([n for n in table.column_names if "/" in n])
        return read(pl.from_arrow(plain).height == len(images))

    def duckdb_table() -> str:
        import duckdb
        import pyarrow as pa

        run = pa.RecordBatchReader.from_stream(ak.open_table(path, [field])).read_all()
        found = duckdb.sql(f'select count(*), sum(len("{field}")) from run').fetchall()
        return read(run.num_rows == len(images) and found == [(len(images), sum(image.size for image in images))])

    def pandas_table() -> str:
        import pyarrow as pa

        frame = pa.RecordBatchReader.from_stream(ak.open_table(path, [field])).read_pandas()
        return read(len(frame) == len(images))

    report("pyarrow", "images of a batch, as list_view", SAME, pyarrow_lists)
    report("pyarrow", "a file as a table, by __arrow_c_stream__", SAME, pyarrow_table)
    report("polars", "images of a batch, as list_view", REFUSED, polars_lists)
    report("polars", "the datagrams of a file, by pyarrow", READ, polars_table)
    report("duckdb", "a table with images, by pyarrow", READ, duckdb_table)
    report("pandas", "a table with images, by pyarrow", READ, pandas_table)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--alkaid", help="the command, which writes the file that is read")
    options = parser.parse_args()

    report("numpy", "Buffer, by the buffer protocol", SAME, numpy_by_protocol)
    report("numpy", "Buffer, by DLPack", SAME, numpy_by_dlpack)
    report("array-api-strict", "Buffer, by DLPack", SAME, strict_by_dlpack)
    report("jax", "Buffer, by DLPack", SAME, jax_by_dlpack)
    report("pyarrow", "Buffer, as pa.Buffer", SAME, pyarrow_buffer)
    report("pyarrow", "Buffer, by __arrow_c_array__", SAME, pyarrow_array)
    report("numpy", "its array, taken by alkaid", SAME, alkaid_takes(from_numpy))
    report("jax", "its array, taken by alkaid", SAME, alkaid_takes(from_jax))
    report("pyarrow", "its buffer, taken by alkaid", SAME, alkaid_takes(from_pyarrow))
    if options.alkaid:
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "run.xtc2")
            subprocess.run([options.alkaid, "dgram", "write", "-o", path, "--events", "100", "--payload", "64"],
                           check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            columns(path)
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
