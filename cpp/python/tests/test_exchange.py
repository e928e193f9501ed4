"""Export and import of Buffers by DLPack and by Arrow's interface."""

import gc
import sys

import numpy as np
import pytest
from foreign_threads import capsule_name, consume, delete_elsewhere, delete_here

import alkaid as ak

NUMPY_2 = int(np.__version__.split(".")[0]) >= 2


class Array:
    """Returns another object's capsule once, with the arguments that it supports."""

    def __init__(self, source, versions=True) -> None:
        self.source, self.versions, self.asked = source, versions, []

    def __dlpack_device__(self):
        return (1, 0)

    def __dlpack__(self, **wishes):
        self.asked.append(wishes)
        if wishes and not self.versions:
            raise TypeError("unexpected keyword")
        return self.source.__dlpack__(**wishes)


def test_a_consumer_of_1_x_gets_the_bytes_where_they_are_and_whether_they_are_read_only() -> None:
    for data, flags in ((b"abcdef", 1), (bytearray(b"abcdef"), 0)):
        buffer = ak.py_buffer(data)
        capsule = buffer.__dlpack__(max_version=(1, 0))
        assert capsule_name(capsule) == "dltensor_versioned"
        managed = consume(capsule)
        tensor = managed.tensor
        assert (managed.major, managed.flags) == (1, flags)
        assert (tensor.data, tensor.byte_offset, tensor.ndim) == (buffer.address, 0, 1)
        assert (tensor.code, tensor.bits, tensor.lanes) == (1, 8, 1)
        assert (tensor.shape[0], tensor.strides[0]) == (6, 1)
        assert (tensor.device_type, tensor.device_id) == buffer.__dlpack_device__() == (1, 0)
        delete_here(managed)


@pytest.mark.parametrize("version", [None, (0, 8)])
def test_an_older_consumer_gets_no_read_only_bytes_but_a_copy(version) -> None:
    buffer = ak.py_buffer(b"abcdef")
    with pytest.raises(BufferError, match="read-only"):
        buffer.__dlpack__(max_version=version)
    managed = consume(buffer.__dlpack__(max_version=version, copy=True))
    assert managed.tensor.data not in (None, buffer.address)
    delete_here(managed)
    writable = ak.py_buffer(bytearray(b"abcdef"))
    managed = consume(writable.__dlpack__(max_version=version))
    assert managed.tensor.data == writable.address
    delete_here(managed)


def test_a_copy_is_the_consumers_own_and_says_so() -> None:
    buffer = ak.py_buffer(b"abcdef")
    managed = consume(buffer.__dlpack__(max_version=(1, 1), copy=True))
    assert managed.tensor.data != buffer.address and managed.flags == 2
    delete_here(managed)
    managed = consume(buffer.__dlpack__(max_version=(1, 1), copy=False))
    assert managed.tensor.data == buffer.address
    delete_here(managed)


def test_arguments_that_make_no_sense_are_refused() -> None:
    buffer = ak.py_buffer(bytearray(4))
    with pytest.raises(ValueError, match="stream 1"):
        buffer.__dlpack__(stream=1)
    assert capsule_name(buffer.__dlpack__(stream=None, dl_device=(1, 0))) == "dltensor"
    with pytest.raises(BufferError, match="device"):
        buffer.__dlpack__(dl_device=(2, 0))
    for number in (-1, 0, 257, 2**20 + 1):
        with pytest.raises(BufferError, match="device"):
            buffer.__dlpack__(dl_device=(number, 0))
    for wrong in ({"max_version": 1}, {"max_version": (1,)}, {"dl_device": 1}, {"dl_device": (1,)}):
        with pytest.raises(TypeError):
            buffer.__dlpack__(**wrong)
    with pytest.raises(TypeError):
        buffer.__dlpack__(None)


def test_an_export_keeps_its_bytes_until_it_goes_consumed_or_not() -> None:
    data = bytearray(b"abcdef")
    capsule = ak.py_buffer(data).__dlpack__()
    with pytest.raises(BufferError):
        data.append(1)
    del capsule
    data.append(1)
    managed = consume(ak.py_buffer(data).__dlpack__())
    with pytest.raises(BufferError):
        data.append(1)
    delete_here(managed)
    data.append(1)
    managed = consume(ak.py_buffer(data).__dlpack__(max_version=(1, 0)))
    delete_elsewhere(managed)
    ak.py_buffer(b"")  # an entry releases what that thread dropped
    data.append(1)


def test_no_bytes_are_exported_too() -> None:
    managed = consume(ak.py_buffer(b"").__dlpack__(max_version=(1, 0)))
    assert managed.tensor.shape[0] == 0
    delete_here(managed)
    assert ak.from_dlpack(ak.py_buffer(b"")).size == 0
    assert ak.from_dlpack(np.zeros((0, 3))).size == 0


def test_numpy_reads_and_writes_what_is_exported() -> None:
    data = bytearray(b"abcdef")
    array = np.from_dlpack(ak.py_buffer(data))
    assert array.dtype == np.uint8 and array.tobytes() == b"abcdef"
    # numpy before 2.3 treats every export as read-only, even its own.
    if np.from_dlpack(np.zeros(1)).flags.writeable:
        array[0] = 0x7A
        assert data[0] == 0x7A
    else:
        assert not array.flags.writeable
    if NUMPY_2:
        frozen = np.from_dlpack(ak.py_buffer(b"abc"))
        assert not frozen.flags.writeable
    address = array.ctypes.data
    assert address == ak.py_buffer(data).address
    del array
    data.append(1)


def test_a_buffer_of_numpys_array_is_its_memory() -> None:
    array = np.arange(12, dtype="i4").reshape(3, 4)
    count = sys.getrefcount(array)
    buffer = ak.from_dlpack(array)
    assert (buffer.address, buffer.size) == (array.ctypes.data, 48)
    assert buffer.is_mutable is NUMPY_2  # before DLPack 1.0 a producer cannot say so
    part = buffer[4:8]
    del buffer
    assert np.frombuffer(part, "i4")[0] == 1
    del part
    gc.collect()
    assert sys.getrefcount(array) == count


@pytest.mark.skipif(not NUMPY_2, reason="numpy before 2.1 exports no read-only array")
def test_a_read_only_array_stays_so() -> None:
    array = np.arange(3)
    array.flags.writeable = False
    assert not ak.from_dlpack(array).is_mutable


def test_elements_out_of_order_are_copied_or_refused() -> None:
    base = np.arange(12, dtype="u1").reshape(3, 4)
    for array in (base.T, base[:, ::2], base[::-1], np.broadcast_to(np.arange(3, dtype="u1"), (2, 3)).copy()[:, ::-1]):
        buffer = ak.from_dlpack(array)
        assert buffer == array.tobytes() and buffer.is_mutable
        with pytest.raises(BufferError, match="contiguous in C order"):
            ak.from_dlpack(array, copy=False) if NUMPY_2 else ak._alkaid._import_dlpack(array.__dlpack__(), False)
    copied = ak.from_dlpack(base, copy=True)
    assert copied.address != base.ctypes.data and copied == base.tobytes()


def test_a_producer_is_asked_for_the_newest_and_then_without_arguments() -> None:
    new = Array(ak.py_buffer(b"abc"))
    assert ak.from_dlpack(new, device=(1, 0), copy=False) == b"abc"
    assert new.asked == [{"max_version": (1, 1), "dl_device": (1, 0), "copy": False}]
    old = Array(ak.py_buffer(bytearray(b"abc")), versions=False)
    buffer = ak.from_dlpack(old, device=(1, 0))
    assert old.asked[1] == {} and buffer == b"abc" and not buffer.is_mutable
    with pytest.raises(BufferError, match="device"):
        ak.from_dlpack(old, device=(2, 0))


def test_a_capsule_is_consumed_once_and_renamed() -> None:
    for wishes in ({}, {"max_version": (1, 0)}):
        source = ak.py_buffer(bytearray(b"abc"))
        capsule = source.__dlpack__(**wishes)
        buffer = ak.from_dlpack(capsule)
        assert buffer.address == source.address
        assert capsule_name(capsule).startswith("used_dltensor")
        with pytest.raises(ValueError, match="consumed"):
            ak.from_dlpack(capsule)
        del capsule
        assert buffer == b"abc"
    with pytest.raises(TypeError, match="capsule"):
        ak.from_dlpack(1)


def test_what_is_refused_stays_in_its_capsule() -> None:
    data = bytearray(b"abc")
    capsule = ak.py_buffer(data).__dlpack__(max_version=(1, 0))
    managed = consume(capsule)
    managed.major = 2
    import ctypes

    ctypes.pythonapi.PyCapsule_SetName(capsule, b"dltensor_versioned")
    with pytest.raises(BufferError, match="DLPack 2"):
        ak.from_dlpack(capsule)
    managed.major = 1
    managed.tensor.bits = 3
    with pytest.raises(BufferError):
        ak.from_dlpack(capsule)
    managed.tensor.bits = 8
    assert ak.from_dlpack(capsule) == b"abc"
    del capsule
    data.append(1)


def test_a_producers_deleter_runs_once_with_the_gil_on_whichever_thread_the_last_goes() -> None:
    data = bytearray(b"abcdef")
    # numpy's deleter takes the GIL: at the exit, a thread without it would be too late.
    buffer = ak.from_dlpack(np.frombuffer(data, "u1"))
    managed = consume(buffer.__dlpack__(max_version=(1, 0)))
    del buffer
    with pytest.raises(BufferError):
        data.append(1)
    delete_elsewhere(managed)
    ak.py_buffer(b"")
    data.append(1)


def test_arrow_reads_the_bytes_where_they_are() -> None:
    pa = pytest.importorskip("pyarrow")
    for data in (bytearray(b"abcdef"), bytearray()):
        buffer = ak.py_buffer(data)
        array = pa.array(buffer)
        assert array.type == pa.uint8() and array.null_count == 0
        assert array.to_pylist() == list(data)
        if data:
            assert array.buffers()[1].address == buffer.address
            with pytest.raises(BufferError):
                data.append(1)
        del array, buffer
        data.append(1)


def test_arrows_capsules_are_named_and_go_unused() -> None:
    data = bytearray(b"abcdef")
    schema, array = ak.py_buffer(data).__arrow_c_array__(requested_schema=None)
    assert (capsule_name(schema), capsule_name(array)) == ("arrow_schema", "arrow_array")
    with pytest.raises(BufferError):
        data.append(1)
    del schema, array
    data.append(1)


def test_arrows_buffers_are_buffers() -> None:
    pa = pytest.importorskip("pyarrow")
    theirs = pa.py_buffer(b"abcdef")
    ours = ak.py_buffer(theirs)
    assert ours.address == theirs.address and not ours.is_mutable
    back = pa.py_buffer(ours)
    assert back.address == theirs.address and not back.is_mutable
