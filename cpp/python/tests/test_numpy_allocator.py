"""numpy's own arrays from an Alkaid pool."""

import gc
import os
import subprocess
import sys
import threading

import numpy as np
import pytest

import alkaid as ak

try:
    from numpy._core.multiarray import get_handler_name
except ImportError:
    from numpy.core.multiarray import get_handler_name


@pytest.fixture()
def pool():
    made = ak.proxy_memory_pool(ak.default_memory_pool())
    yield made
    gc.collect()
    assert made.bytes_allocated() == 0


def test_arrays_made_inside_are_the_pools_and_aligned(pool) -> None:
    before = np.empty(10)
    with ak.numpy_allocator("numpy", pool):
        for count in (0, 1, 7, 1000, 100_000):
            for array in (np.empty(count), np.zeros(count, "u1"), np.arange(count), np.ones((count, 2), "c16")):
                assert get_handler_name(array) == "alkaid"
                assert array.ctypes.data % 64 == 0
        del array
        large = np.arange(1000.0)
        assert pool.bytes_allocated() == 8000 + 64
        sums = large + large * 2
        assert sums[999] == 2997
    assert get_handler_name(np.empty(10)) == get_handler_name(before) != "alkaid"


def test_arrays_that_outlive_it_are_resized_and_freed_by_their_pool(pool) -> None:
    with ak.numpy_allocator("numpy", pool):
        array = np.arange(100)
    array.resize(100_000, refcheck=False)
    assert array[99] == 99 and array[-1] == 0 and array.ctypes.data % 64 == 0
    assert pool.bytes_allocated() == 800_000 + 64
    array.resize(10, refcheck=False)
    assert array.tolist() == list(range(10))
    view = array[2:4]
    del array
    assert pool.bytes_allocated() == 80 + 64 and view.tolist() == [2, 3]


def test_a_pool_lives_as_long_as_the_last_array_of_it() -> None:
    with ak.numpy_allocator("numpy", ak.create_memory_pool("system")):
        array = np.arange(1000)
    gc.collect()
    assert array.sum() == 499500
    array.resize(2000, refcheck=False)
    assert array[999] == 999


def test_no_memory_is_a_memory_error_and_the_array_stays() -> None:
    with ak.numpy_allocator("numpy", ak.quota_memory_pool(ak.default_memory_pool(), 10_000)):
        array = np.arange(100)
        with pytest.raises(MemoryError):
            np.empty(10_000)
        with pytest.raises(MemoryError):
            np.zeros(10_000)
        with pytest.raises(MemoryError):
            array.resize(10_000, refcheck=False)
        assert array.tolist() == list(range(100))


def test_it_nests_and_ends_by_an_exception_too(pool) -> None:
    inner = ak.proxy_memory_pool(ak.default_memory_pool())
    allocator = ak.numpy_allocator("outer", pool)
    with allocator, pytest.raises(KeyError):
        with ak.numpy_allocator("inner", inner):
            array = np.empty(100)
            assert (inner.bytes_allocated(), pool.bytes_allocated()) == (864, 0)
            with allocator:
                other = np.empty(100)
                assert pool.bytes_allocated() == 864
            raise KeyError
    del array, other
    assert get_handler_name(np.empty(1)) != "alkaid"


def test_other_threads_keep_their_allocator_and_may_free_what_it_made(pool) -> None:
    names = []
    with ak.numpy_allocator("numpy", pool):
        held = [np.arange(1000) for _ in range(100)]

        def other() -> None:
            names.append(get_handler_name(np.empty(1)))
            held.clear()

        thread = threading.Thread(target=other)
        thread.start()
        thread.join()
    assert names == ["default_allocator"]
    assert pool.bytes_allocated() == 0


def test_arguments_that_are_none_are_refused() -> None:
    for wrong, words in (((1,), "str"), (("a", "pool"), "MemoryPool"), (("a\0b",), "null character")):
        with pytest.raises((TypeError, ValueError), match=words):
            ak.numpy_allocator(*wrong)


def test_live_arrays_are_in_the_heap_file_under_their_label(tmp_path) -> None:
    command = os.path.join(os.path.dirname(os.path.dirname(os.path.dirname(ak.__file__))), "bin", "alkaid")
    if not os.path.exists(command):
        pytest.skip("the build has no command alkaid")
    file = tmp_path / "at_exit.heap"
    code = """
import numpy as np, alkaid as ak
with ak.numpy_allocator("calibration.constants"):
    constants = np.ones(500_000)
    with ak.label("reader"):
        read = np.ones(250_000)
ak.allocate_buffer(1 << 20)
import os, signal, time
os.kill(os.getpid(), signal.SIGUSR2)
while not os.path.exists(os.environ["ALKAID_HEAP_FILE"]):
    time.sleep(0.01)
"""
    tracked = {"ALKAID_TRACK_ALLOCATIONS": "1", "ALKAID_HEAP_SIGNAL": "USR2", "ALKAID_HEAP_FILE": str(file)}
    subprocess.run([sys.executable, "-c", code], env={**os.environ, **tracked}, timeout=300, check=True)
    environment = {name: value for name, value in os.environ.items() if name != "LD_PRELOAD"}
    shown = subprocess.run(
        [command, "heap", "show", str(file)], capture_output=True, text=True, timeout=300, env=environment
    )
    assert shown.returncode == 0, shown.stderr
    assert "calibration.constants" in shown.stdout and "reader" in shown.stdout
