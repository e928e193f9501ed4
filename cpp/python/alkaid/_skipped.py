"""Skipped: what a reader left out."""

from __future__ import annotations

from typing import NamedTuple


class Skipped(NamedTuple):
    """What a reader left out in one place, when it continued after malformed data.

    source, byte, nbytes: where it starts, and how much it is. dgram_index: the index of the datagram there. timestamp:
    from its header; None if no datagram begins there. previous: the timestamp of the last sound datagram before it.
    why: the message of the fault.
    """

    source: str
    byte: int
    nbytes: int
    dgram_index: int
    timestamp: int | None
    previous: int | None
    why: str


Skipped.__module__ = "alkaid"
