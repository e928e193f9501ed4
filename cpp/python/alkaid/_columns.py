"""Fields of batches as Arrow columns, and files as Arrow tables."""

from __future__ import annotations

import os
from collections.abc import Iterable

from . import _alkaid
from ._alkaid import Batch, Column, MemoryPool, TableStream

FieldPath = str | tuple[str, int, str, str]
"""A field: "hsd/0/raw/waveform", or ("hsd", 0, "raw", "waveform")."""


def _parts(path: FieldPath) -> tuple[str, int, str, str]:
    if not isinstance(path, str):
        return path
    parts = path.split("/", 3)
    if len(parts) != 4 or not parts[1].isdecimal():
        raise ValueError(f"a field is 'detector/segment/algorithm/name', not {path!r}")
    return parts[0], int(parts[1]), parts[2], parts[3]


def column(
    batch: Batch,
    field: FieldPath,
    *,
    all_datagrams: bool = False,
    allow_copy: bool = True,
    allow_misaligned: bool = False,
    large_lists: bool = False,
    binary_text: bool = False,
    memory_pool: MemoryPool | None = None,
) -> Column:
    """One field over the datagrams of a batch, as a column for Arrow's libraries.

    Arrays of numbers are lists (`list_view`) that stay in place in their datagrams: no byte is copied if
    the elements of all rows are aligned. `column.copied_bytes` and `why_copied` report what was copied.
    Scalars are gathered, text is `string_view`. A row is an L1Accept, or any datagram with
    `all_datagrams`; it is null if the datagram does not carry the field. The shapes of arrays are in
    `column.shapes` and, if they are all the same, in the metadata as "alkaid.shape".

    `allow_copy=False`: FailedPreconditionError, naming datagram and byte, instead of a copy.
    `allow_misaligned`: also shows elements in place that are all misaligned in the same way, for
    consumers that can read such memory. `large_lists`: offsets of 64 bits. `binary_text`: text as any
    bytes. NotFoundError if the batch does not declare the field; DataLossError for a malformed datagram.

        pa.array(ak.column(batch, "jungfrau/0/raw/raw"))
    """
    return _alkaid._make_column(
        batch, _parts(field), all_datagrams, allow_copy, allow_misaligned, large_lists, binary_text, memory_pool
    )


def open_table(
    path: str | os.PathLike[str],
    fields: Iterable[FieldPath] = (),
    *,
    batch_bytes: int = 4 << 20,
    all_datagrams: bool = False,
    allow_copy: bool = True,
    allow_misaligned: bool = False,
    large_lists: bool = False,
    binary_text: bool = False,
    memory_pool: MemoryPool | None = None,
) -> TableStream:
    """A file as one table, read batch by batch as it is consumed.

    The columns are index, offset, timestamp, service, readout_groups and damage of the datagrams, and the
    `fields`; all fields if none is named. Each field's column has the name of its path, and arrays of
    rank 2 and more have another column "<path>.shape". Rows and options are as in `column`.

        pa.RecordBatchReader.from_stream(ak.open_table("run.xtc2")).read_all()
    """
    return _alkaid._open_table(
        path,
        [_parts(field) for field in fields],
        batch_bytes,
        all_datagrams,
        allow_copy,
        allow_misaligned,
        large_lists,
        binary_text,
        memory_pool,
    )
