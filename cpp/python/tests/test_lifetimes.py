"""The rules of who holds what, and when it goes: each of these fails where its rule is broken.

ALKAID_LIFETIMES: how many objects the last test makes (20,000).
"""

import gc
import os
import random
import sys
import threading
import tracemalloc
import weakref

import numpy as np
import pytest
from foreign_threads import consume, delete_elsewhere, join, start_deleting

import alkaid as ak


class Owner(bytearray):
    """Bytes that can be weakly referenced."""


@pytest.mark.parametrize(
    "make",
    [
        lambda data: ak.py_buffer(data),
        lambda data: ak.py_buffer(data)[2:3],
        lambda data: ak.py_buffer(data)[2:2],
        lambda data: memoryview(ak.py_buffer(data)),
        lambda data: np.frombuffer(ak.py_buffer(data), "u1"),
        lambda data: np.frombuffer(ak.py_buffer(data)[4:], "u1")[1:2],
        lambda data: np.from_dlpack(ak.py_buffer(data)),
        lambda data: ak.from_dlpack(ak.py_buffer(data)),
        lambda data: ak.py_buffer(data).__dlpack__(),
        lambda data: ak.py_buffer(data).__arrow_c_array__(),
        lambda data: ak.py_buffer(ak.py_buffer(memoryview(ak.py_buffer(data)))),
    ],
)
def test_what_shows_bytes_holds_their_export_and_lets_it_go(make) -> None:
    data = Owner(b"abcdef")
    gone = weakref.ref(data)
    held = make(data)
    with pytest.raises(BufferError):
        data.append(1)
    del held
    data.append(1)
    held = make(data)
    del data
    assert gone() is not None
    del held
    assert gone() is None


def test_an_array_of_no_bytes_has_a_base() -> None:
    data = bytearray(b"abcdef")
    array = np.asarray(memoryview(ak.py_buffer(data)[3:3]))
    assert array.size == 0 and array.base is not None
    with pytest.raises(BufferError):
        data.append(1)
    del array
    data.append(1)


def test_nothing_is_part_of_a_cycle() -> None:
    gc.collect()
    gc.disable()
    try:
        for _ in range(3):
            before = ak.total_allocated_bytes()
            for _ in range(200):
                buffer = ak.allocate_buffer(1 << 20)
                parts = [buffer[i : i + 10] for i in range(10)]
                arrays = [np.frombuffer(part, "u1") for part in parts]
                arrays.append(np.from_dlpack(buffer))
                del buffer, parts, arrays
            assert ak.total_allocated_bytes() == before
    finally:
        gc.enable()


def test_references_and_pythons_memory_are_given_back() -> None:
    data = bytes(1000)
    types = (ak.Buffer, ak.BufferBuilder, ak.MemoryPool, ak.label)
    pool = ak.proxy_memory_pool(ak.default_memory_pool())

    def everything() -> None:
        buffer = ak.py_buffer(data)
        part = buffer[10:20]
        assert part == part.parent[10:20] and part != b"" and part.hex() and list(part) and repr(part)
        assert ak.from_dlpack(buffer) == np.frombuffer(buffer, "u1") and buffer.__arrow_c_array__()
        assert memoryview(part).nbytes == 10 and buffer.__reduce_ex__(5) and buffer.__reduce_ex__(4)
        for wrong in (lambda: buffer[::2], lambda: buffer.slice(-1), lambda: ak.py_buffer(1), lambda: buffer[2000]):
            try:
                wrong()
            except (IndexError, TypeError):
                pass
        builder = ak.BufferBuilder(pool)
        builder.append(buffer)
        memoryview(builder).release()
        builder.finish().compact_if_below(0.5)
        with ak.label("name"):
            ak.allocate_buffer(10, ak.labelled_memory_pool(pool, "x"))
        ak.foreign_buffer(buffer.address, 10, data)

    for _ in range(5):
        everything()
    gc.collect()
    counts = [sys.getrefcount(data), *map(sys.getrefcount, types), sys.getrefcount(pool)]
    tracemalloc.start()
    for _ in range(1000):
        everything()  # numpy keeps some blocks for its next arrays
    gc.collect()
    begun = tracemalloc.get_traced_memory()[0]
    for _ in range(1000):
        everything()
    gc.collect()
    grown = tracemalloc.get_traced_memory()[0] - begun
    tracemalloc.stop()
    assert [sys.getrefcount(data), *map(sys.getrefcount, types), sys.getrefcount(pool)] == counts
    assert grown < 20_000  # a leak of one object in each round would be more
    assert pool.bytes_allocated() == 0


PROBE = ak.py_buffer(b"")


def enter() -> None:
    """Enters the module, and drops nothing."""
    PROBE[0:0]


def test_a_thread_without_the_gil_queues_what_it_lets_go_and_an_entry_releases_it() -> None:
    data = Owner(b"abcdef")
    gone = weakref.ref(data)
    for _ in range(100):
        delete_elsewhere(consume(ak.py_buffer(data).__dlpack__()))
    enter()
    data.append(1)
    delete_elsewhere(consume(ak.py_buffer(data).__dlpack__()))
    del data
    enter()
    assert gone() is None


def test_an_entry_of_any_thread_releases_it_while_the_main_thread_waits() -> None:
    data = bytearray(b"abcdef")
    outcome: list = []
    reading, writing = os.pipe()
    gate = threading.Lock()
    gate.acquire()

    def work() -> None:
        # Only the main thread runs pending calls, and not while it reads.
        gate.acquire()
        delete_elsewhere(consume(ak.py_buffer(data).__dlpack__()))
        enter()
        try:
            data.append(1)
            outcome.append("released")
        except BufferError as error:
            outcome.append(error)
        os.write(writing, b"x")

    thread = threading.Thread(target=work)
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1000)  # the GIL changes threads only when one waits
    try:
        thread.start()
        gate.release()
        os.read(reading, 1)
    finally:
        sys.setswitchinterval(interval)
    thread.join()
    os.close(reading)
    os.close(writing)
    assert outcome == ["released"]


def test_a_pending_call_releases_it_where_nobody_enters() -> None:
    data = Owner(b"abcdef")
    gone = weakref.ref(data)
    managed = consume(ak.py_buffer(data).__dlpack__())
    del data
    delete_elsewhere(managed)
    for _ in range(1_000_000):  # the interpreter runs pending calls in loops
        if gone() is None:
            break
    assert gone() is None


def test_a_thread_that_lets_go_does_not_wait_for_one_that_waits_for_it() -> None:
    data = bytearray(b"abcdef")
    theirs = np.frombuffer(data, "u1")
    # numpy's deleter takes the GIL: it must not be called on that thread.
    buffers = [*(ak.py_buffer(data) for _ in range(50)), ak.from_dlpack(theirs)]
    threads = [start_deleting(consume(each.__dlpack__(max_version=(1, 0)))) for each in buffers]
    del buffers, theirs
    for thread in threads:
        join(thread, with_gil=True)
    enter()
    data.append(1)


def test_an_exception_on_its_way_stays_set() -> None:
    class Last:
        def __del__(self) -> None:
            try:
                raise KeyError("inner")
            except KeyError:
                pass

    class View(bytearray):
        pass

    data = View(b"abc")
    data.last = Last()
    for elsewhere in (False, True):
        held = consume(ak.py_buffer(data).__dlpack__())
        if elsewhere:
            delete_elsewhere(held)
        with pytest.raises(IndexError, match="byte 7"):
            ak.py_buffer(b"abc")[7]  # an entry, which releases
        buffers = [ak.py_buffer(data)]
        with pytest.raises(ZeroDivisionError):
            buffers.pop(), 1 // 0
    del data


def test_a_chain_of_owners_takes_no_stack() -> None:
    buffer = ak.py_buffer(bytes(10))
    for _ in range(200_000):
        buffer = ak.py_buffer(memoryview(buffer))
    del buffer
    buffer = ak.py_buffer(bytearray(10))
    for _ in range(50_000):
        buffer = ak.from_dlpack(buffer.__dlpack__(max_version=(1, 0)))
    del buffer


def test_threads_release_from_each_other_while_others_enter() -> None:
    data = [bytearray(100) for _ in range(4)]
    stop = threading.Event()

    def enter_often() -> None:
        while not stop.is_set():
            ak.py_buffer(b"")[0:0]

    entering = [threading.Thread(target=enter_often) for _ in range(2)]
    for thread in entering:
        thread.start()
    for _ in range(200):
        for thread in [start_deleting(consume(ak.py_buffer(each).__dlpack__())) for each in data]:
            join(thread)
    stop.set()
    for thread in entering:
        thread.join()
    enter()
    for each in data:
        each.append(1)


def test_objects_in_any_order_show_what_they_should(seed: int = 0) -> None:
    """Buffers, slices, arrays, views, capsules of random owners, dropped at random, contents checked."""
    rng = random.Random(seed)
    count = int(os.environ.get("ALKAID_LIFETIMES", "20000"))
    alive: list = []  # (object, start, data)
    owners: list = []  # (weak reference or None, data)

    def content(start: int, size: int, seed_: int) -> bytes:
        return bytes((seed_ + i) & 255 for i in range(start, start + size))

    def root() -> tuple:
        size, mark = rng.choice((0, 1, 7, 64, 300)), rng.randrange(256)
        data = content(0, size, mark)
        kind = rng.randrange(5)
        if kind == 0:
            owner: object = data
        elif kind == 1:
            owner = Owner(data)
            owners.append(weakref.ref(owner))
        elif kind == 2:
            owner = np.frombuffer(data, "u1").copy()
            owners.append(weakref.ref(owner))
        elif kind == 3:
            owner = ak.allocate_buffer(size)
            memoryview(owner)[:] = data
        else:
            builder = ak.BufferBuilder()
            builder.append(data)
            owner = builder.finish()
        return ak.py_buffer(owner), 0, size, mark

    def derive(thing: tuple) -> tuple:
        obj, start, size, mark = thing
        kind = rng.randrange(6)
        if not isinstance(obj, ak.Buffer):
            obj = ak.py_buffer(obj)
        if kind <= 1:
            first = rng.randint(0, size)
            last = rng.randint(first, size)
            return obj[first:last], start + first, last - first, mark
        if kind == 2:
            return memoryview(obj), start, size, mark
        if kind == 3:
            return np.asarray(memoryview(obj)), start, size, mark
        if kind == 4:
            return ak.from_dlpack(obj), start, size, mark
        capsule = obj.__dlpack__(max_version=(1, 0), copy=rng.random() < 0.1)
        if rng.random() < 0.1:
            delete_elsewhere(consume(capsule))
            return obj, start, size, mark
        return ak.from_dlpack(capsule), start, size, mark

    for _ in range(count):
        if not alive or rng.random() < 0.2:
            alive.append(root())
        else:
            alive.append(derive(rng.choice(alive)))
        while len(alive) > rng.randrange(1, 100):
            index = rng.randrange(len(alive))
            alive[index], alive[-1] = alive[-1], alive[index]
            obj, start, size, mark = alive.pop()
            assert bytes(obj) == content(start, size, mark)
            del obj
    alive.clear()
    enter()
    gc.collect()
    assert [gone() for gone in owners if gone() is not None] == []


def test_a_reader_whose_on_skip_holds_it_is_collected() -> None:
    class Reading:
        def __init__(self, data: bytearray) -> None:
            self.reader = ak.BatchReader(data, on_skip=self.skip)
            self.batches = self.reader.batches()

        def skip(self, skipped: ak.Skipped) -> None: ...

    data = Owner(b"")
    watched = weakref.ref(data)
    reading = Reading(data)
    assert list(reading.batches) == []
    del data, reading
    gc.collect()
    assert watched() is None
