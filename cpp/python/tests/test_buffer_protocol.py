"""CPython's promises for objects with the buffer protocol, tested on Buffer and BufferBuilder."""

import array
import copy
import ctypes
import hashlib
import io
import itertools
import os
import re
import struct
import zlib

import numpy as np
import pytest

import alkaid as ak

SIMPLE, WRITABLE, FORMAT, ND, STRIDES = 0, 1, 4, 8, 0x10 | 8
C_CONTIGUOUS, F_CONTIGUOUS, ANY_CONTIGUOUS = 0x20 | STRIDES, 0x40 | STRIDES, 0x80 | STRIDES
INDIRECT = 0x100 | STRIDES
REQUESTS = (SIMPLE, ND, STRIDES, C_CONTIGUOUS, F_CONTIGUOUS, ANY_CONTIGUOUS, INDIRECT)


class View(ctypes.Structure):
    _fields_ = [
        ("buf", ctypes.c_void_p),
        ("obj", ctypes.py_object),
        ("len", ctypes.c_ssize_t),
        ("itemsize", ctypes.c_ssize_t),
        ("readonly", ctypes.c_int),
        ("ndim", ctypes.c_int),
        ("format", ctypes.c_char_p),
        ("shape", ctypes.POINTER(ctypes.c_ssize_t)),
        ("strides", ctypes.POINTER(ctypes.c_ssize_t)),
        ("suboffsets", ctypes.POINTER(ctypes.c_ssize_t)),
        ("internal", ctypes.c_void_p),
    ]


def get(obj: object, flags: int) -> View:
    view = View()
    ctypes.pythonapi.PyObject_GetBuffer(ctypes.py_object(obj), ctypes.byref(view), flags)
    return view


def release(view: View) -> None:
    ctypes.pythonapi.PyBuffer_Release(ctypes.byref(view))


def builder(data: bytes) -> ak.BufferBuilder:
    made = ak.BufferBuilder()
    made.append(data)
    return made


def read_only() -> ak.Buffer:
    return ak.py_buffer(b"abcdef")


def writable() -> ak.Buffer:
    return ak.py_buffer(bytearray(b"abcdef"))


MAKERS = (read_only, writable, lambda: builder(b"abcdef"))


@pytest.mark.parametrize("make", MAKERS)
@pytest.mark.parametrize(("request_", "formatted"), list(itertools.product(REQUESTS, (False, True))))
def test_each_request_is_answered_with_what_it_asks_for(make, request_: int, formatted: bool) -> None:
    obj = make()
    view = get(obj, request_ | (FORMAT if formatted else 0))
    assert (view.len, view.itemsize, view.ndim, view.obj) == (6, 1, 1, obj)
    assert ctypes.string_at(view.buf, 6) == b"abcdef"
    assert view.readonly == (make is read_only)
    assert view.format == (b"B" if formatted else None)
    assert bool(view.shape) == bool(request_ & ND) and (not view.shape or view.shape[0] == 6)
    assert bool(view.strides) == (request_ & STRIDES == STRIDES) and (not view.strides or view.strides[0] == 1)
    assert not view.suboffsets
    release(view)


@pytest.mark.parametrize("request_", REQUESTS)
def test_writable_bytes_are_given_only_where_they_are(request_: int) -> None:
    with pytest.raises(BufferError, match="not writable"):
        get(read_only(), request_ | WRITABLE)
    for make in (writable, lambda: builder(b"abcdef")):
        view = get(make(), request_ | WRITABLE)
        assert view.readonly == 0
        release(view)


@pytest.mark.parametrize("make", MAKERS)
def test_a_memoryview_works_as_one_of_bytes(make) -> None:
    obj = make()
    view, same = memoryview(obj), memoryview(b"abcdef")
    assert view == same and view.tolist() == same.tolist() and view.tobytes() == same.tobytes()
    assert view.hex() == same.hex() and view[1:5:2] == same[1:5:2] and view[::-1] == same[::-1]
    assert view.cast("H")[1] == same.cast("H")[1] and view.cast("b", (2, 3)).tolist() == [[97, 98, 99], [100, 101, 102]]
    assert view.obj is obj and view.nbytes == 6 and view.c_contiguous and view.f_contiguous
    with pytest.raises(IndexError):
        view[6]
    with pytest.raises((TypeError, ValueError)):
        hash(view)  # as for the object: bytes that may belong to others are no key
    if view.readonly:
        with pytest.raises(TypeError):
            view[0] = 0
    else:
        view[0], view[1:3] = 0x7A, b"yx"
        assert bytes(obj) == b"zyxdef"
        with pytest.raises(ValueError):
            view[0] = 256
        with pytest.raises(ValueError):
            view[0:2] = b"abc"
    inner = memoryview(view)
    view.release()
    with pytest.raises(ValueError, match="released"):
        view[0]
    assert inner.nbytes == 6


def test_a_view_that_is_released_lets_the_bytes_go() -> None:
    data = bytearray(b"abc")
    with memoryview(ak.py_buffer(data)):
        with pytest.raises(BufferError):
            data.append(1)
    data.append(1)
    one, two = memoryview(ak.py_buffer(data)), memoryview(ak.py_buffer(data))
    one.release()
    with pytest.raises(BufferError):
        data.clear()
    two.release()
    data.clear()


@pytest.mark.parametrize("make", MAKERS)
def test_python_takes_it_where_it_takes_bytes(make, tmp_path) -> None:
    obj = make()
    assert bytes(obj) == bytearray(obj) == b"abcdef"
    assert b"<" + obj + b">" == b"<abcdef>" and b"-".join([obj, b"x", obj]) == b"abcdef-x-abcdef"
    assert hashlib.sha256(obj).digest() == hashlib.sha256(b"abcdef").digest()
    assert zlib.crc32(obj) == zlib.crc32(b"abcdef") and zlib.decompress(zlib.compress(obj)) == b"abcdef"
    assert struct.unpack_from("<H", obj, 2) == struct.unpack_from("<H", b"abcdef", 2)
    assert re.search(rb"c.", obj).group() == b"cd"
    assert int.from_bytes(obj, "big") == int.from_bytes(b"abcdef", "big") and b"abcdefg".startswith(bytes(obj))
    grown = bytearray(b"x")
    grown += obj
    numbers = array.array("H")
    numbers.frombytes(obj)
    assert grown == b"xabcdef" and len(numbers) == 3
    path = tmp_path / "bytes"
    with open(path, "wb") as file:
        assert file.write(obj) == 6 and os.writev(file.fileno(), [obj, obj]) == 12
    assert io.BytesIO(obj).read() == b"abcdef"


def test_files_read_into_it(tmp_path) -> None:
    path = tmp_path / "bytes"
    path.write_bytes(bytes(range(200)))
    buffer = ak.allocate_buffer(100)
    with open(path, "rb", buffering=0) as file:
        assert file.readinto(buffer) == 100 and buffer == bytes(range(100))
        assert os.preadv(file.fileno(), [buffer[:50], buffer[50:]], 100) == 100 and buffer == bytes(range(100, 200))
        with pytest.raises(TypeError):
            file.readinto(read_only())
    struct.pack_into("<I", buffer, 4, 0x01020304)
    assert buffer[4:8] == b"\x04\x03\x02\x01"


def test_numpy_sees_what_it_is_and_no_more() -> None:
    for make in (read_only, writable):
        buffer = make()
        array_ = np.frombuffer(buffer, "u1")
        assert array_.ctypes.data == buffer.address and array_.flags.writeable is buffer.is_mutable
        assert not array_.flags.owndata and array_.base is not None
        odd = np.frombuffer(buffer[1:5], "u4")
        assert odd.flags.aligned is (buffer.address % 4 == 3)
        with pytest.raises(ValueError):
            np.frombuffer(buffer, "u4")
        assert np.array(buffer, copy=True).tolist() == list(b"abcdef")


def test_copies_are_equal_and_their_own() -> None:
    for make in (read_only, writable):
        buffer = make()
        for other in (copy.copy(buffer), copy.deepcopy(buffer)):
            assert other == buffer and other.is_mutable is buffer.is_mutable
        assert copy.deepcopy(writable()).address != writable().address


@pytest.mark.parametrize("shape", [(), (1,), (3,), (2, 3), (2, 1, 4), (0,), (3, 0, 2)])
@pytest.mark.parametrize("letter", ["u1", "<i2", ">i4", "f8", "c16", "S5", "?", "M8[ns]"])
def test_arrays_of_any_shape_and_type_are_their_bytes(shape: tuple, letter: str) -> None:
    values = np.zeros(shape, letter)
    values.reshape(-1).view("u1")[:] = np.arange(values.nbytes, dtype="u1") & 1
    buffer = ak.py_buffer(values)
    assert buffer.size == values.nbytes and buffer == values.tobytes()
    assert buffer.size == 0 or buffer.address == values.ctypes.data


@pytest.mark.parametrize("cut", [np.s_[1:], np.s_[:, 1:], np.s_[::2], np.s_[::-1], np.s_[:, :, ::2], np.s_[:, 0], np.s_[0]])
@pytest.mark.parametrize("order", ["C", "F"])
def test_of_arrays_cut_anyhow_those_in_c_order_are_taken(cut, order: str) -> None:
    values = np.zeros((3, 4, 5), order=order)[cut]
    if values.flags.c_contiguous:
        assert ak.py_buffer(values).address == values.ctypes.data
        return
    words = "Fortran order" if values.flags.f_contiguous else "not contiguous"
    with pytest.raises(BufferError, match=words):
        ak.py_buffer(values)


def test_a_view_of_many_dimensions_may_be_of_memory_in_one() -> None:
    view = memoryview(bytes(24)).cast("B", (2, 3, 4))
    assert ak.py_buffer(view).size == 24
    assert ak.py_buffer(memoryview(bytes(8)).cast("Q")).size == 8
