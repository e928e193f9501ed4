"""Making and editing datagrams, with psana.dgramedit's names.

    config = DgramEdit(configure)
    det = config.Detector(DetectorDef("fex", "hsd", "serial"), AlgDef("fex", 1, 0, 0), {"mean": (np.float64, 0)})
    config.save(file)
    for dgram in reader:
        edit = DgramEdit(dgram, config=config)
        det.fex.mean = 41.5
        edit.adddata(det.fex)
        edit.save(file)

The edited datagram itself is never written to: save applies the changes. A call that fails changes nothing. One
thread at a time.
"""

from __future__ import annotations

import struct
import time
from typing import TYPE_CHECKING, Any, ClassVar

from . import _alkaid
from ._alkaid import BatchReader, Dgram
from ._events import TransitionId

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

__all__ = ["AlgDef", "DataType", "DetectorDef", "DgramEdit", "NamesDef", "PyXtcFileIterator"]

_ROOM = 64 << 20


class AlgDef:
    """The algorithm that makes the data, and its version."""

    def __init__(self, name: str, major: int, minor: int, micro: int) -> None:
        self.name = name
        self.major = major
        self.minor = minor
        self.micro = micro

    def _version(self) -> int:
        for part in (self.major, self.minor, self.micro):
            if not 0 <= part <= 255:
                raise ValueError(f"version {self.major}.{self.minor}.{self.micro}: each part is from 0 to 255")
        return self.major << 16 | self.minor << 8 | self.micro


class DetectorDef:
    """The name of a detector, its type, and its serial number."""

    def __init__(self, name: str, dettype: str, detid: str) -> None:
        self.name = name
        self.dettype = dettype
        self.detid = detid


class DataType:
    """The types of fields: numpy's scalar types and str, and their numbers in the format."""

    UINT8, UINT16, UINT32, UINT64, INT8, INT16, INT32, INT64, FLOAT, DOUBLE, CHARSTR, ENUMVAL, ENUMDICT = range(13)
    _names: ClassVar[tuple[str, ...]] = (
        "uint8", "uint16", "uint32", "uint64", "int8", "int16", "int32", "int64", "float32", "float64",
        "str", "int32", "int32",
    )  # fmt: skip
    # Formats of struct.
    _codes: ClassVar[str] = "BHIQbhiqfdsii"

    def to_psana2(self, numpy_dtype: Any) -> int:
        """The number of a type: 1 for np.uint16 or "uint16", 10 for str."""
        if isinstance(numpy_dtype, int):
            return numpy_dtype
        if numpy_dtype is str:
            return self.CHARSTR
        import numpy as np

        name = np.dtype(numpy_dtype).name
        if name not in self._names[:10]:
            raise TypeError(f"no field has the type {numpy_dtype!r}")
        return self._names.index(name)

    def to_numpy(self, psana_dtype: int) -> Any:
        """The type for a number: np.uint16 for 1, str for 10."""
        if psana_dtype == self.CHARSTR:
            return str
        import numpy as np

        return getattr(np, self._names[psana_dtype])


class _Fields:
    """The fields of det.<algorithm>: set each, then pass this to DgramEdit.adddata."""

    _det: NamesDef
    _rules: dict[str, tuple[int, int]]

    def __init__(self, det: NamesDef, rules: dict[str, tuple[int, int]]) -> None:
        object.__setattr__(self, "_det", det)
        object.__setattr__(self, "_rules", rules)
        self._clear()

    def __setattr__(self, name: str, value: Any) -> None:
        if name not in self._rules:
            raise AttributeError(f"no field {name!r}; there are {', '.join(self._rules)}")
        object.__setattr__(self, name, value)

    def _clear(self) -> None:
        for name in self._rules:
            object.__setattr__(self, name, None)


class NamesDef:
    """A declaration: its node and number, and its fields under the name of its algorithm."""

    def __init__(self, nodeId: int, namesId: int) -> None:
        self.nodeId = nodeId
        self.namesId = namesId

    def __getattr__(self, name: str) -> Any:
        raise AttributeError(f"the declaration has no algorithm {name!r}")


def _scalar(name: str, number: int, value: Any) -> tuple[bytes, tuple[()]]:
    code = DataType._codes[number]
    try:
        return struct.pack("<" + code, value if code in "fd" else value.__index__()), ()
    except (struct.error, AttributeError, OverflowError) as error:
        kind = DataType._names[number]
        raise (OverflowError if isinstance(value, int) else TypeError)(f"{name}: {value!r} does not fit {kind}") from error


def _array(name: str, number: int, rank: int, value: Any) -> tuple[Any, tuple[int, ...]]:
    import numpy as np

    array = np.asarray(value)
    kind = DataType._names[number]
    if array.ndim != rank:
        raise ValueError(f"{name}: rank {array.ndim}, declared is {rank}")
    if array.dtype != np.dtype(kind).newbyteorder("<"):
        raise TypeError(f"{name}: elements of {array.dtype}, declared is {kind}")
    return np.ascontiguousarray(array).reshape(-1).view(np.uint8), array.shape


def _value(name: str, number: int, rank: int, value: Any) -> Any:
    if value is None:
        raise ValueError(f"no value was given for {name!r}")
    if number == DataType.CHARSTR:
        if not isinstance(value, str):
            raise TypeError(f"{name}: {type(value).__name__}, declared is str")
        return value
    return _scalar(name, number, value) if rank == 0 else _array(name, number, rank, value)


class DgramEdit:
    """Another version of a datagram, or a new one.

    pydg: the datagram to edit: a Dgram, or its bytes. config: the DgramEdit of the Configure that declares its fields;
    none if this is itself a Configure. transition_id, ts: make a new datagram without payload instead; ts -1 means the
    current time. bufsize: how many bytes all additions may take, 0 for 64 MiB.
    """

    def __init__(
        self,
        pydg: Dgram | Any = None,
        config: DgramEdit | None = None,
        transition_id: int | None = None,
        ts: int = -1,
        bufsize: int = 0,
    ) -> None:
        under = config._editor.configuration if config is not None else None
        room = bufsize or _ROOM
        if pydg is not None:
            dgram = pydg if isinstance(pydg, Dgram) else Dgram(view=pydg, config=under)
            self._editor: _alkaid._Editor = _alkaid._Editor(dgram, 0, 0, under, room)
        elif transition_id is not None:
            if transition_id != TransitionId.Configure and config is None:
                raise ValueError("a datagram that is not a Configure needs the config that declares its fields")
            seconds, nanoseconds = divmod(time.time_ns(), 1_000_000_000)
            timestamp = ts if ts != -1 else seconds << 32 | nanoseconds
            self._editor = _alkaid._Editor(None, int(transition_id), timestamp, under, room)
        else:
            raise ValueError("DgramEdit needs a datagram, or a transition_id")

    def Detector(
        self,
        detdef: DetectorDef,
        algdef: AlgDef,
        datadef_dict: Mapping[str, tuple[Any, int]],
        nodeId: int | None = None,
        namesId: int | None = None,
        segment: int | None = None,
    ) -> Any:
        """Declares a detector's fields, in a Configure: {"field": (type, rank)}; text (str) has rank 1.

        Returns the declaration. Its attribute with the algorithm's name takes the values. Numbers that are not given
        continue from the existing ones.
        """
        types = DataType()
        rules = {name: (types.to_psana2(dtype), rank) for name, (dtype, rank) in datadef_dict.items()}
        fields = [(name, number, rank) for name, (number, rank) in rules.items()]
        names = self._editor.add_detector(
            detdef.name, detdef.dettype, detdef.detid, segment or 0, algdef.name, algdef._version(), fields,
            nodeId, namesId,
        )  # fmt: skip
        det = NamesDef(names.node_id, names.names_id)
        det.__dict__["_names"] = names
        det.__dict__[algdef.name] = _Fields(det, rules)
        return det

    def adddata(self, data_container: Any, damage: int = 0) -> None:
        """Appends the data of one declaration. All its fields must have a value; they are None again afterwards.

        ValueError names a field without a value or with another rank; TypeError and OverflowError one of another type.
        AlreadyExistsError if the datagram already carries data of that declaration.
        """
        rules = data_container._rules
        values = [_value(name, number, rank, getattr(data_container, name)) for name, (number, rank) in rules.items()]
        self._editor.add_data(data_container._det._names, values, damage)
        data_container._clear()

    def removedata(self, det_name: str, alg_name: str, segment: int | None = None) -> None:
        """Removes the present data of a detector and algorithm; data added later stays.

        NotFoundError if none is declared; FailedPreconditionError on a Configure.
        """
        self._editor.remove_data(det_name, alg_name, segment)

    def updatetimestamp(self, timestamp_val: int) -> None:
        """Seconds in the upper 32 bits, nanoseconds in the lower."""
        self._editor.update_timestamp(timestamp_val)

    def updateservice(self, service: int) -> None:
        """Changes the service and keeps the other bits of env."""
        self._editor.update_service(int(service))

    def updatedamage(self, damage: int) -> None:
        """Changes the damage of the datagram itself."""
        self._editor.update_damage(damage)

    @property
    def size(self) -> int:
        """The bytes of the edited datagram."""
        return self._editor.saved_size

    def save(self, outbuf: Any = None, offset: int = 0) -> int:
        """Writes the edited datagram to a file that is open for writing, or from byte `offset` of a writable buffer.
        Returns the bytes written. MemoryError if the buffer is too small; nothing is written then."""
        if outbuf is not None and hasattr(outbuf, "write"):
            view = memoryview(self.dgram())
            outbuf.write(view)
            return view.nbytes
        return self._editor.save_into(outbuf, offset)

    def dgram(self) -> Dgram:
        """The edited datagram, which owns its bytes."""
        return self._editor.save()

    def __bytes__(self) -> bytes:
        return bytes(self.dgram())


class PyXtcFileIterator:
    """The datagrams of an open file, one after the other. maxDgramSize is in bytes."""

    def __init__(self, fd: int, maxDgramSize: int = 256 << 20) -> None:
        self._reader = BatchReader(fd, max_dgram_bytes=maxDgramSize)

    def next(self) -> Dgram:
        """The next datagram; StopIteration at the end."""
        return next(self._reader)

    def __iter__(self) -> Iterator[Dgram]:
        return self

    __next__ = next
