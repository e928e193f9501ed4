"""What readers left out."""

from __future__ import annotations

from typing import NamedTuple


class Skipped(NamedTuple):
    """What a reader that goes on after malformed data left out in one place.

    source, byte, nbytes: where it starts, and how much it is. dgram_index: the index that the datagram there has.
    timestamp: what its header says, None where no datagram begins. previous: the timestamp of the last sound datagram
    before it. why: the message of the fault.
    """

    source: str
    byte: int
    nbytes: int
    dgram_index: int
    timestamp: int | None
    previous: int | None
    why: str


Skipped.__module__ = "alkaid"
