"""alkaid.Buffer: exports, slices, comparisons, copies and pickles."""

import array
import ctypes
import gc
import mmap
import pickle
import sys

import numpy as np
import pytest

import alkaid as ak


def test_a_buffer_of_bytes_shows_them_where_they_are() -> None:
    data = b"some data in bytes"
    buffer = ak.py_buffer(data)
    assert (buffer.size, len(buffer), buffer.is_cpu, buffer.is_mutable) == (18, 18, True, False)
    assert buffer.address == np.frombuffer(data, np.uint8).ctypes.data
    assert buffer.parent is None
    assert buffer.to_pybytes() == bytes(buffer) == data
    assert repr(buffer) == f"<alkaid.Buffer address={buffer.address:#x} size=18 is_cpu=True is_mutable=False>"


def test_a_buffer_of_a_buffer_is_itself() -> None:
    buffer = ak.py_buffer(b"abc")
    assert ak.py_buffer(buffer) is buffer


@pytest.mark.parametrize(
    ("obj", "mutable"),
    [
        (b"abcd", False),
        (bytearray(b"abcd"), True),
        (memoryview(b"abcd"), False),
        (memoryview(bytearray(b"abcd")), True),
        (memoryview(bytearray(b"abcd")).toreadonly(), False),
        (array.array("B", b"abcd"), True),
        (array.array("i", [1, 2]), True),
        (np.arange(4), True),
        (np.zeros((2, 3), "f4"), True),
        (np.array(5.0), True),
        (np.array(["2020-01-01"], "M8[s]"), True),
        (np.zeros(3, [("O", "i4"), ("b", "f8")]), True),
        (np.frombuffer(b"abcdefgh", "i4"), False),
        ((ctypes.c_int * 3)(), True),
        (mmap.mmap(-1, 10), True),
        (mmap.mmap(-1, 10, prot=mmap.PROT_READ), False),
    ],
    ids=lambda value: type(value).__name__,
)
def test_it_is_writable_where_the_object_is(obj: object, mutable: bool) -> None:
    buffer = ak.py_buffer(obj)
    assert buffer.is_mutable is mutable
    assert buffer == bytes(memoryview(obj) if not isinstance(obj, np.ndarray) else obj.tobytes())
    assert memoryview(buffer).readonly is not mutable
    assert np.frombuffer(buffer, np.uint8).flags.writeable is mutable


@pytest.mark.parametrize(
    ("obj", "words"),
    [
        (np.zeros((4, 4))[::2], "are not contiguous"),
        (np.zeros(9)[::-1], "are not contiguous"),
        (np.zeros((4, 4), order="F"), "Fortran order"),
        (memoryview(b"abcdef")[::2], "are not contiguous"),
        (np.array([object()]), "references to objects"),
        (np.zeros(2, [("a", "O")]), "references to objects"),
    ],
    ids=["step", "backwards", "fortran", "memoryview", "objects", "field"],
)
def test_what_has_no_bytes_in_c_order_is_refused_by_name(obj: object, words: str) -> None:
    with pytest.raises(BufferError, match=f"{type(obj).__name__}.*{words}"):
        ak.py_buffer(obj)
    gc.collect()


@pytest.mark.parametrize("obj", ["text", 1, None, object(), [1, 2]])
def test_what_exports_no_bytes_is_a_type_error(obj: object) -> None:
    with pytest.raises(TypeError, match="bytes-like"):
        ak.py_buffer(obj)


def test_no_bytes_are_bytes_too() -> None:
    for obj in (b"", bytearray(), np.zeros(0), np.zeros((0, 4), order="F"), memoryview(b"abc")[3:]):
        buffer = ak.py_buffer(obj)
        assert (buffer.size, buffer.to_pybytes(), buffer.hex(), list(buffer)) == (0, b"", b"", [])
        assert buffer == b"" and buffer[:] == b""
        assert memoryview(buffer).nbytes == 0
    null = ak.foreign_buffer(0, 0)
    assert (null.address, null.size, bytes(null)) == (0, 0, b"")
    assert np.asarray(memoryview(null)).base is not None


def test_one_byte_is_an_int_from_either_end() -> None:
    buffer = ak.py_buffer(b"abc")
    assert [buffer[i] for i in range(-3, 3)] == [97, 98, 99, 97, 98, 99]
    assert list(buffer) == [97, 98, 99] and 98 in buffer
    for index in (3, -4, 2**40):
        with pytest.raises(IndexError, match="byte .* of a Buffer of 3 bytes"):
            buffer[index]
    with pytest.raises(IndexError):
        buffer[2**70]
    with pytest.raises(TypeError):
        buffer["a"]
    with pytest.raises(TypeError):
        buffer[1.0]


def test_a_slice_is_no_copy_and_has_its_root_as_parent() -> None:
    buffer = ak.py_buffer(bytes(range(100)))
    for part, start, stop in [
        (buffer[1:9], 1, 9),
        (buffer[:], 0, 100),
        (buffer[-10:-1], 90, 99),
        (buffer[50:1000], 50, 100),
        (buffer[9:1], 9, 9),
        (buffer.slice(5), 5, 100),
        (buffer.slice(5, 0), 5, 5),
        (buffer.slice(100), 100, 100),
        (buffer.slice(offset=7, length=3), 7, 10),
        (buffer[10:90][5:10], 15, 20),
    ]:
        assert part.address == buffer.address + start
        assert part.size == stop - start
        assert part == bytes(range(start, stop))
        assert part.parent is not None and part.parent.address == buffer.address


def test_a_slice_is_writable_where_its_root_is() -> None:
    data = bytearray(b"abcdef")
    part = ak.py_buffer(data)[2:4]
    memoryview(part)[:] = b"xy"
    assert data == b"abxyef" and part.is_mutable
    assert not ak.py_buffer(b"abc")[1:].is_mutable


@pytest.mark.parametrize("step", [-1, 2, -3, 10])
def test_a_step_other_than_1_is_refused_by_name(step: int) -> None:
    with pytest.raises(IndexError, match=f"step {step}"):
        ak.py_buffer(b"abcdef")[::step]


@pytest.mark.parametrize("arguments", [(-1,), (7,), (0, 7), (3, 4), (0, -1), (2**40,), (0, 2**40), (1, 2**63 - 1)])
def test_a_slice_that_does_not_lie_inside_is_an_index_error(arguments: tuple) -> None:
    with pytest.raises(IndexError, match="6"):
        ak.py_buffer(b"abcdef").slice(*arguments)


def test_two_buffers_are_equal_where_their_bytes_are() -> None:
    buffer = ak.py_buffer(b"abc")
    assert buffer == ak.py_buffer(bytearray(b"abc")) and buffer == b"abc" and b"abc" == buffer
    assert buffer != b"abd" and buffer != b"ab" and buffer != "abc" and buffer != 1 and not buffer == None  # noqa
    assert buffer.equals(ak.py_buffer(np.frombuffer(b"abc", "u1")))
    assert not buffer.equals(ak.py_buffer(b"ab"))
    with pytest.raises(TypeError, match="bytes"):
        buffer.equals(b"abc")
    with pytest.raises(TypeError):
        buffer < buffer
    with pytest.raises(TypeError, match="unhashable"):
        hash(buffer)


def test_hexadecimal_digits_are_those_of_arrow() -> None:
    assert ak.py_buffer(b"test\x00\xff").hex() == b"7465737400FF"


def test_allocated_memory_is_aligned_writable_and_counted() -> None:
    pool = ak.proxy_memory_pool(ak.default_memory_pool())
    buffer = ak.allocate_buffer(100, memory_pool=pool)
    assert buffer.is_mutable and buffer.address % 64 == 0 and pool.bytes_allocated() == 128
    page = ak.allocate_buffer(10, pool, alignment=4096)
    assert page.address % 4096 == 0
    view = memoryview(buffer)
    view[:] = bytes(range(100))
    part = buffer[10:20]
    del buffer, page, view, pool
    assert part == bytes(range(10, 20))
    for size, alignment in ((-1, 64), (10, 3), (10, 0), (10, 1 << 40)):
        with pytest.raises(ValueError, match=str(size) if size < 0 else str(alignment)):
            ak.allocate_buffer(size, alignment=alignment)
    with pytest.raises(MemoryError):
        ak.allocate_buffer(2**62)
    with pytest.raises(TypeError, match="MemoryPool"):
        ak.allocate_buffer(1, "pool")


def test_foreign_memory_is_read_only_and_holds_its_base() -> None:
    numbers = (ctypes.c_int * 4)(1, 2, 3, 4)
    count = sys.getrefcount(numbers)
    buffer = ak.foreign_buffer(ctypes.addressof(numbers), 16, numbers)
    assert sys.getrefcount(numbers) == count + 1
    part = buffer[4:8]
    del buffer
    assert np.frombuffer(part, "i4")[0] == 2 and not part.is_mutable
    del part
    assert sys.getrefcount(numbers) == count
    with pytest.raises(ValueError, match="-1"):
        ak.foreign_buffer(1, -1)
    with pytest.raises(ValueError):
        ak.foreign_buffer(0, 10)


def test_exports_ask_for_nothing_that_is_not_there() -> None:
    view = memoryview(ak.py_buffer(b"abcdef"))
    assert (view.format, view.ndim, view.shape, view.strides, view.itemsize) == ("B", 1, (6,), (1,), 1)
    assert view.contiguous and view.readonly and view.obj is not None
    with pytest.raises(TypeError, match="read-only"):
        view[0] = 1
    with pytest.raises((BufferError, TypeError)):
        (ctypes.c_char * 6).from_buffer(ak.py_buffer(b"abcdef"))
    writable = (ctypes.c_char * 6).from_buffer(ak.py_buffer(bytearray(b"abcdef")))
    assert writable.raw == b"abcdef"


def test_a_copy_is_made_only_where_a_buffer_shows_little_of_what_it_keeps() -> None:
    large = ak.allocate_buffer(1 << 20)
    part = large[0:100]
    copy = part.compact_if_below(0.5)
    assert copy == part and copy.address != part.address and copy.parent is None
    assert copy.compact_if_below(0.5) is copy
    assert large.compact_if_below(1.0) is large
    for ratio in (-0.1, 1.5, float("nan")):
        with pytest.raises(ValueError, match="ratio|0 to 1"):
            part.compact_if_below(ratio)
    with pytest.raises(TypeError):
        part.compact_if_below("x")


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
@pytest.mark.parametrize("data", [b"", b"some bytes", bytearray(b"others")])
def test_pickles_in_band_are_as_mutable_as_the_buffer(protocol: int, data: bytes) -> None:
    buffer = ak.py_buffer(data)
    text = pickle.dumps(buffer, protocol)
    assert b"_alkaid" not in text
    back = pickle.loads(text)
    assert back == data and back.is_mutable is buffer.is_mutable


def test_pickles_out_of_band_copy_nothing() -> None:
    for data in (bytes(1000), bytearray(1000)):
        buffer = ak.py_buffer(data)[100:]
        outside: list = []
        text = pickle.dumps(buffer, 5, buffer_callback=outside.append)
        assert len(text) < 100 and len(outside) == 1
        back = pickle.loads(text, buffers=outside)
        assert back.address == buffer.address and back.is_mutable is buffer.is_mutable


def test_a_buffer_cannot_be_made_or_derived_from_by_name() -> None:
    with pytest.raises(TypeError):
        ak.Buffer()
    with pytest.raises(TypeError):
        type("Sub", (ak.Buffer,), {})
    with pytest.raises((TypeError, AttributeError)):
        ak.Buffer.size = 1
    with pytest.raises(AttributeError):
        ak.py_buffer(b"").other = 1
