"""Pools and adaptors, builders, labels."""

import subprocess
import sys
import threading

import numpy as np
import pytest

import alkaid as ak


def test_pools_of_the_process_count() -> None:
    pool = ak.default_memory_pool()
    assert pool.backend_name == ak.supported_memory_backends()[0] or pool.backend_name
    before, total, count = pool.bytes_allocated(), pool.total_bytes_allocated(), pool.num_allocations()
    buffer = ak.allocate_buffer(1000)
    assert pool.bytes_allocated() - before == ak.total_allocated_bytes() - before == buffer.size + 24
    assert pool.total_bytes_allocated() - total == 1024 and pool.num_allocations() - count == 1
    assert pool.max_memory() >= before + 1024
    del buffer
    assert pool.bytes_allocated() == before
    pool.release_unused()
    assert "system" in ak.supported_memory_backends()


def test_each_backend_has_a_pool_or_says_that_it_has_none() -> None:
    assert ak.system_memory_pool().backend_name == "system"
    for name in ("jemalloc", "mimalloc"):
        find = getattr(ak, f"{name}_memory_pool")
        if name in ak.supported_memory_backends():
            assert find().backend_name == name
        else:
            with pytest.raises(NotImplementedError, match=name):
                find()
    assert ak.create_memory_pool("system").bytes_allocated() == 0
    with pytest.raises(ak.NotFoundError, match="nosuch"):
        ak.create_memory_pool("nosuch")


def test_a_proxy_has_figures_of_its_own_and_outlives_its_name() -> None:
    pool = ak.proxy_memory_pool(ak.proxy_memory_pool(ak.system_memory_pool()))
    buffer = ak.allocate_buffer(64, pool)
    assert (pool.bytes_allocated(), pool.max_memory(), pool.num_allocations()) == (64, 64, 1)
    assert repr(pool) == "<alkaid.MemoryPool backend_name=system bytes_allocated=64 max_memory=64>"
    del pool
    memoryview(buffer)[:] = bytes(64)


def test_a_logging_pool_writes_a_line_for_each_call() -> None:
    code = "import alkaid as ak; p = ak.logging_memory_pool(ak.default_memory_pool()); ak.allocate_buffer(64, p)"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=300, check=True)
    lines = [line.split(":")[0] for line in result.stdout.splitlines()]
    assert lines == ["Allocate", "Free"]


@pytest.mark.parametrize("limit", [ak.capped_memory_pool, ak.quota_memory_pool])
def test_a_limit_is_a_memory_error_with_the_numbers(limit) -> None:
    pool = limit(ak.create_memory_pool("system"), 1024)
    buffer = ak.allocate_buffer(1000, pool)
    with pytest.raises(MemoryError, match="1024"):
        ak.allocate_buffer(64, pool)
    del buffer
    ak.allocate_buffer(1024, pool)


def test_a_cap_counts_what_others_took_from_the_pool_below_and_a_quota_does_not() -> None:
    below = ak.create_memory_pool("system")
    others = ak.allocate_buffer(1024, below)
    with pytest.raises(MemoryError):
        ak.allocate_buffer(64, ak.capped_memory_pool(below, 1024))
    ak.allocate_buffer(64, ak.quota_memory_pool(below, 1024))
    del others


def test_what_is_no_pool_is_a_type_error() -> None:
    for call in (ak.proxy_memory_pool, ak.logging_memory_pool):
        with pytest.raises(TypeError, match="MemoryPool"):
            call(1)
    with pytest.raises(TypeError):
        ak.MemoryPool()


def test_a_label_counts_inside_its_with_the_innermost_first() -> None:
    assert ak.current_label() == ""
    with ak.label("reader") as outer:
        assert ak.current_label() == outer.name == "reader"
        with pytest.raises(KeyError):
            with ak.label("reader.calibration"):
                assert ak.current_label() == "reader.calibration"
                raise KeyError
        assert ak.current_label() == "reader"
    assert ak.current_label() == ""
    with outer:
        assert ak.current_label() == "reader"


def test_labels_are_left_in_any_order() -> None:
    outer, inner, other = ak.label("outer"), ak.label("inner"), ak.label("other")
    outer.__enter__()
    inner.__enter__()
    outer.__exit__(None, None, None)
    assert ak.current_label() == "inner"
    with other:
        inner.__exit__(None, None, None)
        assert ak.current_label() == "other"
    assert ak.current_label() == ""


def test_a_label_of_a_thread_that_ended_is_not_left_by_another() -> None:
    label = ak.label("gone")
    thread = threading.Thread(target=label.__enter__)
    thread.start()
    thread.join()
    errors = []

    def leave() -> None:
        try:
            label.__exit__(None, None, None)
        except RuntimeError as error:
            errors.append(str(error))

    for _ in range(5):
        thread = threading.Thread(target=leave)
        thread.start()
        thread.join()
    assert len(errors) == 5 and "not entered by this thread" in errors[0]


def test_a_label_belongs_to_its_thread() -> None:
    seen = []
    with ak.label("main") as label:

        def other() -> None:
            seen.append(ak.current_label())
            with pytest.raises(RuntimeError, match="not entered by this thread"):
                label.__exit__(None, None, None)
            with pytest.raises(RuntimeError, match="already entered"):
                label.__enter__()
            with ak.label("other"):
                seen.append(ak.current_label())

        thread = threading.Thread(target=other)
        thread.start()
        thread.join()
        assert ak.current_label() == "main"
    assert seen == ["", "other"]
    with pytest.raises(RuntimeError, match="'main' was not entered"):
        label.__exit__(None, None, None)


def test_a_name_is_cut_between_characters_and_a_zero_byte_is_refused() -> None:
    assert ak.label("é" * 200).name == "é" * 127
    with pytest.raises(ValueError):
        ak.label("a\0b")
    with pytest.raises(TypeError):
        ak.label(1)


def test_a_builder_hands_its_bytes_over_and_begins_anew() -> None:
    pool = ak.proxy_memory_pool(ak.default_memory_pool())
    builder = ak.BufferBuilder(pool)
    for part in (b"abc", bytearray(b"def"), np.frombuffer(b"ghi", "u1"), ak.py_buffer(b"jkl")):
        builder.append(part)
    builder.advance(2)
    assert len(builder) == 14 and builder.capacity >= 14 and bytes(builder) == b"abcdefghijkl\0\0"
    first = builder.finish()
    assert first == b"abcdefghijkl\0\0" and first.is_mutable and len(builder) == 0
    builder.append(b"x")
    assert builder.finish(shrink_to_fit=False) == b"x" and first[0] == 97
    builder.reserve(1000)
    assert builder.capacity >= 1000
    builder.append(b"yz")
    builder.reset()
    assert builder.finish() == b""
    del builder, first
    assert pool.bytes_allocated() == 0


def test_a_builder_whose_bytes_are_exported_cannot_be_resized() -> None:
    builder = ak.BufferBuilder()
    builder.append(b"abc")
    view = memoryview(builder)
    array = np.frombuffer(builder, "u1")
    view[0] = 0x7A
    for change in (
        lambda: builder.append(b"d"),
        lambda: builder.append(view),
        lambda: builder.append(builder),
        lambda: builder.advance(1),
        lambda: builder.reserve(1 << 20),
        lambda: builder.resize(0),
        builder.reset,
        builder.finish,
    ):
        with pytest.raises(BufferError, match="exported 2|exported 3"):
            change()
    view.release()
    with pytest.raises(BufferError, match="exported 1"):
        builder.append(b"d")
    assert bytes(array) == b"zbc"
    del array
    builder.append(b"d")
    assert builder.finish() == b"zbcd"


def test_a_builders_faults_leave_what_it_has() -> None:
    builder = ak.BufferBuilder(ak.quota_memory_pool(ak.default_memory_pool(), 1024))
    builder.append(b"abc")
    with pytest.raises(MemoryError, match="1024"):
        builder.append(bytes(5000))
    with pytest.raises(ValueError, match="-1"):
        builder.reserve(-1)
    with pytest.raises(BufferError, match="not contiguous"):
        builder.append(np.zeros(4)[::2])
    with pytest.raises(TypeError):
        builder.append("text")
    assert builder.finish() == b"abc"


@pytest.mark.parametrize("name", ["int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64"])
def test_a_typed_builder_has_numpys_integers(name: str) -> None:
    limits = np.iinfo(name)
    builder = ak.TypedBufferBuilder(np.dtype(name))
    builder.append(limits.min)
    builder.extend([1, 2, limits.max])
    builder.extend(np.array([5, 6], name))
    builder.extend(np.array([7, 8], "f8").astype(int).tolist())
    assert len(builder) == 8 and builder.dtype == name and builder.itemsize == np.dtype(name).itemsize
    with pytest.raises(Exception, match="range|argument|format|large"):
        builder.append(int(limits.max) + 1)
    values = np.frombuffer(builder.finish(), name)
    assert values.tolist() == [limits.min, 1, 2, limits.max, 5, 6, 7, 8]
    assert builder.finish().size == 0


def test_a_typed_builder_has_floats_and_bits() -> None:
    for name in ("float16", "float32", "float64"):
        builder = ak.TypedBufferBuilder(name)
        builder.extend(np.array([0.5, -2], name))
        builder.extend([1.25])
        builder.extend(np.array([3.0], "f8"))
        assert np.frombuffer(builder.finish(), name).tolist() == [0.5, -2, 1.25, 3]
    bits = ak.TypedBufferBuilder(bool)
    flags = [i % 3 == 0 for i in range(21)]
    bits.extend(flags)
    assert len(bits) == 21 and bits.itemsize == 0
    packed = np.frombuffer(bits.finish(), "u1")
    assert np.unpackbits(packed, bitorder="little")[:21].tolist() == flags
    for wrong in ("complex64", object, "i4"):
        with pytest.raises(TypeError, match="dtype"):
            ak.TypedBufferBuilder(wrong)
