"""How processes end, fork and start interpreters with the module in them: no abort, no hang, no word.

A timeout here only ends a hang.
"""

import os
import subprocess
import sys
import textwrap

import pytest

TESTS = os.path.dirname(os.path.abspath(__file__))


def run(code: str, expect: str = "") -> None:
    path = os.pathsep.join([TESTS, os.environ.get("PYTHONPATH", "")])
    result = subprocess.run(
        # From 3.12 on CPython warns of what some of these do on purpose: fork with threads.
        [sys.executable, "-B", "-W", "ignore:This process", "-X", "faulthandler", "-c", textwrap.dedent(code)],
        capture_output=True,
        text=True,
        timeout=120,
        env={**os.environ, "PYTHONPATH": path},
    )
    assert (result.returncode, result.stdout, result.stderr) == (0, expect, "")


def test_objects_that_live_to_the_end_end_with_it() -> None:
    run("""
        import atexit, builtins, sys, threading
        held = []
        atexit.register(lambda: held.clear())       # runs after the module's own handler
        import numpy as np
        import alkaid as ak

        data = bytearray(b"abcdef")
        held.extend([ak.py_buffer(data), np.frombuffer(ak.py_buffer(data), "u1"), ak.py_buffer(data).__dlpack__()])
        builtins.held = [ak.allocate_buffer(100), memoryview(ak.py_buffer(data))]
        kept = ak.py_buffer(data)[1:3]
        arrow = kept.__arrow_c_array__()
        local = threading.local()
        local.buffer = ak.py_buffer(data)
        builder = ak.BufferBuilder()
        label = ak.label("unfinished")
        label.__enter__()

        class Last:
            def __init__(self):
                self.me = self                      # a cycle, for the collection at the end
                self.buffer = ak.py_buffer(bytearray(10))
            def __del__(self):
                self.buffer[1:2]
        Last()
        atexit.register(lambda: ak.py_buffer(data)[1:2])
        sys.modules["alkaid"].kept = Last()
    """)


def test_what_goes_after_the_interpreter_is_leaked() -> None:
    run("""
        import ctypes
        import alkaid as ak
        from foreign_threads import consume
        data = bytearray(b"abcdef")
        libc = ctypes.CDLL(None)
        for _ in range(10):
            managed = consume(ak.py_buffer(data).__dlpack__())
            # The C library's exit handlers run after Python's.
            libc.__cxa_atexit(ctypes.c_void_p(managed.deleter), ctypes.c_void_p(ctypes.addressof(managed)), None)
    """)


def test_threads_of_others_let_go_while_the_interpreter_ends() -> None:
    for _ in range(5):
        run("""
            import alkaid as ak
            from foreign_threads import consume, start_deleting
            data = bytearray(b"abcdef")
            capsules = [consume(ak.py_buffer(data).__dlpack__()) for _ in range(100)]
            threads = [start_deleting(each) for each in capsules]
        """)


@pytest.mark.parametrize(
    "work",
    [
        "pool.release_unused()",
        "ak.py_buffer(bytearray(10))[1:2].hex()",
        "consume(ak.py_buffer(data).__dlpack__()); np.from_dlpack(ak.py_buffer(data))",
        "open_nothing()",
    ],
)
def test_daemon_threads_are_left_where_they_are(work: str) -> None:
    for _ in range(2):
        run(f"""
            import threading
            import numpy as np
            import alkaid as ak
            from foreign_threads import consume, sleep_after_the_interpreter

            sleep_after_the_interpreter(200_000)
            data = bytearray(b"abcdef")
            pool = ak.system_memory_pool()

            def open_nothing():
                try:
                    ak.BatchReader("/nonexistent/file")
                except Exception:
                    pass

            rounds = [0] * 4
            def forever(number):
                while True:
                    {work}
                    rounds[number] += 1

            for number in range(4):
                threading.Thread(target=forever, args=(number,), daemon=True).start()
            while min(rounds) < 10:
                ak.py_buffer(data)
        """)


@pytest.mark.skipif(
    "libasan" in os.environ.get("LD_PRELOAD", ""),
    reason="a sanitizer's malloc is locked in a child that was forked while another thread was in it",
)
def test_forked_children_work_and_end() -> None:
    run("""
        import os, sys, threading
        import alkaid as ak
        from foreign_threads import consume, delete_elsewhere, prepare_deleting

        data = bytearray(b"abcdef")
        kept = ak.py_buffer(data)

        def let_go(started):
            delete = prepare_deleting([consume(ak.py_buffer(data).__dlpack__()) for _ in range(5000)])
            started.set()
            delete()

        children = []
        for _ in range(20):
            started = threading.Event()
            thread = threading.Thread(target=let_go, args=(started,))
            thread.start()
            started.wait()
            child = os.fork()
            if child == 0:
                own = bytearray(b"own")
                delete_elsewhere(consume(ak.py_buffer(own).__dlpack__()))
                ak.py_buffer(b"")
                own.append(1)
                assert kept == data == b"abcdef"
                sys.exit(0)    # by the exit handlers
            children.append(child)
            thread.join()
        print({os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children})
    """, "{0}\n")


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_buffers_go_to_other_processes_by_pickle(method: str, tmp_path) -> None:
    script = tmp_path / "script.py"
    script.write_text(textwrap.dedent(f"""
        import multiprocessing
        import alkaid as ak

        def half(buffer):
            return buffer[: len(buffer) // 2]

        if __name__ == "__main__":
            with multiprocessing.get_context("{method}").Pool(2) as pool:
                print(pool.map(half, [ak.py_buffer(b"abcd"), ak.py_buffer(bytearray(b"ef"))]) == [b"ab", b"e"])
    """))
    result = subprocess.run([sys.executable, "-B", str(script)], capture_output=True, text=True, timeout=120)
    assert (result.returncode, result.stdout, result.stderr) == (0, "True\n", "")


def test_another_interpreter_is_refused_by_name() -> None:
    run("""
        import sys
        try:
            import _xxsubinterpreters as interpreters
        except ImportError:
            import _interpreters as interpreters
        import alkaid
        for config in ((), ("legacy",))[: 1 + (sys.version_info >= (3, 13))]:
            other = interpreters.create(*config)
            try:
                problem = interpreters.run_string(other, "import alkaid")
            except Exception as error:
                problem = str(error)
            assert "alkaid works only in the main interpreter" in str(problem) or "does not support" in str(problem), problem
            interpreters.destroy(other)
        alkaid.py_buffer(b"abc")[1:2]
    """)


def test_it_can_be_imported_anew() -> None:
    run("""
        import importlib, sys
        import alkaid
        kept = alkaid.py_buffer(b"abc")
        importlib.reload(alkaid)
        assert type(kept) is alkaid.Buffer
        for name in [name for name in sys.modules if name.startswith("alkaid")]:
            del sys.modules[name]
        import alkaid as again
        assert kept == again.py_buffer(b"abc")
        try:
            again.create_memory_pool("nosuch")
        except again.NotFoundError:
            pass
    """)


def test_who_waits_for_bytes_lets_other_threads_run() -> None:
    # With the GIL held, the reader would wait for a writer that waits for the GIL.
    run("""
        import os, tempfile, threading
        import alkaid as ak

        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "fifo")
            os.mkfifo(path)
            read = []

            def work():
                for dgram in ak.BatchReader(path):
                    read.append(dgram)

            thread = threading.Thread(target=work)
            thread.start()
            with open(path, "wb"):      # opened by both sides, and nothing is in it yet
                for _ in range(1000):
                    ak.py_buffer(b"")[0:0]
            thread.join()
            print(read)
    """, "[]\n")
