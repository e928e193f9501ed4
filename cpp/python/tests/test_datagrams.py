"""Dgram, Batch and BatchReader."""

from __future__ import annotations

import copy
import gc
import os
import pickle
import sys
import threading
from pathlib import Path

import numpy as np
import pytest

import alkaid as ak
from alkaid.dgramedit import AlgDef, DetectorDef, DgramEdit
from xtc2_files import Run


@pytest.fixture
def event() -> ak.Dgram:
    run = Run(segments=2)
    run.event(7 << 32 | 9, value=5)
    return list(ak.BatchReader(bytes(run)))[1]


def test_a_header_says_when_and_what(event: ak.Dgram) -> None:
    assert event.timestamp() == 7 << 32 | 9
    assert event.service() == ak.TransitionId.L1Accept
    assert event.env >> 24 & 15 == 12
    assert event.damage == 0
    assert event._size == len(bytes(event)) == len(event._dgrambytes)
    assert event._offset > 0
    assert event.index == 1
    assert event.source == "buffer"
    assert event._file_descriptor == -1
    assert memoryview(event).readonly


def test_fields_are_attributes_by_detector_segment_and_algorithm(event: ak.Dgram) -> None:
    raw = event.camera[1].raw
    assert (raw.energy, raw.count, raw.note) == (2.5, 5, "event 5")
    assert raw.image.tolist() == [[6] * 4] * 3
    assert raw.image.dtype == np.uint16


def test_names_with_dots_are_nested(event: ak.Dgram) -> None:
    raw = event.camera[0].raw
    assert raw.user.gate == -5
    assert dir(raw.user)[-1] == "gate"
    assert vars(raw.user) == {"gate": -5}
    with pytest.raises(AttributeError):
        raw.use


def test_what_is_not_there_is_an_attribute_error(event: ak.Dgram) -> None:
    for missing in (lambda: event.laser, lambda: event.camera[0].fex, lambda: event.camera[0].raw.pixels):
        with pytest.raises(AttributeError):
            missing()
    assert not hasattr(event, "laser")
    assert getattr(event, "\udc80", None) is None


def test_presence_is_that_in_the_datagram() -> None:
    run = Run()
    run.transition(ak.TransitionId.Enable, 1)
    enable = list(ak.BatchReader(bytes(run)))[1]
    assert "camera" in enable.configuration.detectors
    assert not hasattr(enable, "camera")


def test_a_detector_is_a_mapping_of_its_segments(event: ak.Dgram) -> None:
    camera = event.camera
    assert (len(camera), list(camera), camera.keys()) == (2, [0, 1], [0, 1])
    assert 1 in camera and 2 not in camera and -1 not in camera and "x" not in camera and 1 << 70 not in camera
    assert [segment for segment, _ in camera.items()] == [0, 1]
    assert [part.raw.count for part in camera.values()] == [5, 5]
    assert camera.get(7) is None
    assert camera.get(7, 3) == 3
    for key in (2, -1, "x", 1 << 70):
        with pytest.raises(KeyError):
            camera[key]


def test_dir_and_vars_list_what_is_there(event: ak.Dgram) -> None:
    assert "camera" in dir(event) and "timestamp" in dir(event)
    assert list(vars(event)) == ["camera"]
    assert list(vars(event.camera[0])) == ["raw"]
    assert list(vars(event.camera[0].raw)) == ["energy", "count", "note", "user", "image"]


def test_a_detector_named_as_a_method_hides_it() -> None:
    run = Run(detector="timestamp")
    run.event(1)
    hidden = list(ak.BatchReader(bytes(run)))[1]
    assert hidden.timestamp[0].raw.count == 1
    assert hidden.service() == 12
    # Not if the datagram carries none.
    assert list(ak.BatchReader(bytes(run)))[0].timestamp() == 100 << 32


def test_text_ends_at_its_first_nul_and_keeps_bytes_that_are_no_utf_8() -> None:
    run = Run()
    run.event(1, value=5)
    data = bytes(run).replace(b"event 5\0", b"\xff\xe9\0tail\0")
    text = list(ak.BatchReader(data))[1].camera[0].raw.note
    assert text == "\udcff\udce9"
    assert text.encode("utf-8", "surrogateescape") == b"\xff\xe9"


def test_the_base_of_an_array_is_one_buffer_of_its_batch_and_never_the_dgram() -> None:
    run = Run(segments=2)
    run.event(1)
    run.event(2)
    _, first, second = ak.BatchReader(bytes(run))
    arrays = [d.camera[i].raw.image for d in (first, second) for i in (0, 1)]
    assert all(type(array.base) is ak.Buffer for array in arrays)
    assert len({id(array.base) for array in arrays}) == 1
    references = sys.getrefcount(first)
    kept = first.camera[0].raw.image
    assert sys.getrefcount(first) == references
    del first, second, arrays
    assert kept.tolist() == [[1] * 4] * 3


def test_an_array_of_nothing_has_a_base_and_its_shape() -> None:
    run = Run()
    run.event(1, shape=(0, 4))
    array = list(ak.BatchReader(bytes(run)))[1].camera[0].raw.image
    assert array.shape == (0, 4)
    assert type(array.base) is ak.Buffer


def test_arrays_are_read_only_and_say_whether_they_are_aligned(event: ak.Dgram) -> None:
    array = event.camera[0].raw.image
    with pytest.raises(ValueError):
        array[0, 0] = 1
    with pytest.raises(ValueError):
        array.flags.writeable = True
    assert array.flags.aligned == (array.ctypes.data % 2 == 0)
    assert array.flags.c_contiguous


def test_a_bytearray_stays_as_it_is_while_an_array_of_it_lives() -> None:
    run = Run()
    run.event(1)
    memory = bytearray(bytes(run))
    dgram = ak.Dgram(view=memory, config=run.dgrams[0], offset=run.dgrams[0]._size)
    array = dgram.camera[0].raw.image
    del dgram
    with pytest.raises(BufferError):
        memory.extend(bytes(1 << 20))
    assert array.sum() == 12
    del array
    memory.extend(b"more")


def test_view_takes_bytes_at_an_offset_under_a_config() -> None:
    run = Run()
    run.event(3)
    data = bytes(run)
    configure = ak.Dgram(view=data)
    at = configure._size
    assert ak.Dgram(view=data, config=configure, offset=at).camera[0].raw.count == 1
    assert ak.Dgram(data, configure.configuration, at, size=run.dgrams[1]._size).camera[0].raw.count == 1
    with pytest.raises(ValueError):
        ak.Dgram(view=data, config=configure, offset=at, size=5)
    with pytest.raises(IndexError):
        ak.Dgram(view=data, config=configure, offset=len(data) + 1)
    with pytest.raises(TypeError):
        ak.Dgram(view=data, config=3)
    with pytest.raises(TypeError):
        ak.Dgram()
    with pytest.raises((BufferError, ValueError)):
        ak.Dgram(view=np.zeros((8, 8))[:, ::2])


def test_a_datagram_of_a_view_that_is_too_short_is_refused() -> None:
    data = bytes(Run())
    with pytest.raises(ak.DataLossError, match="partial datagram"):
        ak.Dgram(view=data[:-1])
    with pytest.raises(ak.DataLossError, match="partial datagram"):
        ak.Dgram(view=data[:4])


def test_a_descriptor_gives_one_datagram_after_the_other(tmp_path: Path) -> None:
    run = Run().run(2)
    with open(run.write(tmp_path / "run.xtc2"), "rb") as file:
        configure = ak.Dgram(file_descriptor=file.fileno())
        assert configure._file_descriptor == file.fileno()
        read = []
        with pytest.raises(StopIteration):
            while True:
                read.append(ak.Dgram(config=configure))
        assert [d.timestamp() for d in read] == [d.timestamp() for d in run.dgrams[1:]]
        assert [d._offset for d in read] == [sum(d._size for d in run.dgrams[:i]) for i in range(1, len(run.dgrams))]
        assert all(d.owns_memory for d in read)
        again = ak.Dgram(file_descriptor=file.fileno(), config=configure, offset=read[3]._offset, size=read[3]._size)
        assert again.camera[0].raw.image.tolist() == read[3].camera[0].raw.image.tolist()
        with pytest.raises(ak.DataLossError):
            ak.Dgram(file_descriptor=file.fileno(), config=configure, offset=read[3]._offset, size=25)
        with pytest.raises(MemoryError, match="max_dgram_size"):
            ak.Dgram(file_descriptor=file.fileno(), offset=0, max_dgram_size=100)
    with pytest.raises(OSError):
        ak.Dgram(file_descriptor=9999)


def test_a_descriptor_that_ends_in_a_datagram_is_malformed(tmp_path: Path) -> None:
    data = bytes(Run())
    for keep in (10, len(data) - 1):
        (tmp_path / "cut.xtc2").write_bytes(data[:keep])
        with open(tmp_path / "cut.xtc2", "rb") as file, pytest.raises(ak.DataLossError, match="partial datagram"):
            ak.Dgram(file_descriptor=file.fileno())


def test_a_copy_owns_its_bytes_and_is_the_same_datagram(event: ak.Dgram) -> None:
    for other in (event.copy(), copy.copy(event), copy.deepcopy(event)):
        assert other.owns_memory and not event.owns_memory
        assert (other._offset, other.index, other.source) == (event._offset, event.index, event.source)
        assert other.camera[1].raw.image.base is not event.camera[1].raw.image.base
        assert bytes(other) == bytes(event)


def test_compacting_lets_the_batch_go_and_leaves_what_was_made_before() -> None:
    run = Run()
    for i in range(50):
        run.event(i + 1, value=i)
    dgram = list(ak.BatchReader(bytes(run)))[40]
    raw = dgram.camera[0].raw
    before = raw.image
    exported = memoryview(dgram)
    assert dgram.compact_if_below(0) is False
    assert dgram.compact_if_below(0.5) is True
    assert dgram.owns_memory and dgram.compact_if_below(0.5) is False
    assert before.tolist() == raw.image.tolist() == dgram.camera[0].raw.image.tolist()
    assert raw.user.gate == -39
    assert bytes(exported) == bytes(dgram)
    assert len(raw.image.base) == dgram._size
    with pytest.raises(ValueError):
        dgram.compact_if_below(2)


def test_a_dgram_is_not_pickled(event: ak.Dgram) -> None:
    with pytest.raises(TypeError, match="send bytes"):
        pickle.dumps(event)


def test_enumerations_have_a_value_and_names() -> None:
    value = ak.Enumeration(3, {1: "low", 3: "high"})
    assert value == 3 and int(value) == 3 and hash(value) == hash(3)
    assert (value.value, value.name, str(value), value.names[1]) == (3, "high", "high", "low")
    assert ak.Enumeration(2, {}).name is None
    assert str(ak.Enumeration(2, {})) == "2"
    assert [10, 20, 30, 40][value] == 40


def test_enumerations_of_a_datagram_know_their_labels() -> None:
    config = DgramEdit(transition_id=ak.TransitionId.Configure, ts=1)
    kinds = {"gain:gainEnum": 11, "low:gainEnum": 12, "high:gainEnum": 12, "mode:modeEnum": 11, "off:otherEnum": 12}
    det = config.Detector(DetectorDef("d", "t", "i"), AlgDef("raw", 1, 0, 0), {n: (k, 0) for n, k in kinds.items()})
    edit = DgramEdit(transition_id=ak.TransitionId.L1Accept, ts=2, config=config)
    for name, value in zip(kinds, (3, -1, 3, 7, 0)):
        setattr(det.raw, name, value)
    edit.adddata(det.raw)
    raw = edit.dgram().d[0].raw
    assert (raw.gain.value, raw.gain.name, raw.gain.names) == (3, "high", {-1: "low", 3: "high"})
    assert (raw.mode.value, raw.mode.name, raw.mode.names) == (7, None, {})
    # Labels are not fields.
    assert list(vars(raw)) == ["gain", "mode"]
    assert not hasattr(raw, "low")
    assert len(edit.dgram().fields()) == 5


def test_a_configuration_lists_what_is_declared() -> None:
    configuration = ak.Dgram(view=bytes(Run(segments=2))).configuration
    assert len(configuration) == 2
    first = configuration.declarations[0]
    assert (first.detector, first.segment, first.algorithm, first.version) == ("camera", 0, "raw", (1, 2, 3))
    assert (first.dettype, first.detid) == ("pixels", "serial0")
    image = configuration.detectors["camera"][1]["raw"]["image"]
    assert (image.type, image.rank) == ("UINT16", 2)
    assert configuration == configuration and configuration != ak.Dgram(view=bytes(Run())).configuration


def test_software_is_as_psana_has_it() -> None:
    configure = ak.Dgram(view=bytes(Run(segments=2)))
    assert configure.software.camera.raw.version == (1, 2, 3)
    assert configure.software.camera[1].raw.software == "raw"
    assert (configure.software.camera.dettype, configure.software.camera[1].detid) == ("pixels", "serial1")
    assert list(vars(configure.software)) == ["camera"]
    assert not hasattr(configure.software, "laser")


def test_fields_lists_all_of_them_in_order(event: ak.Dgram) -> None:
    fields = event.fields()
    assert [field[:4] for field in fields[:2]] == [("camera", 0, "raw", "energy"), ("camera", 0, "raw", "count")]
    assert len(fields) == 10
    detector, segment, algorithm, name, kind, shape, data = fields[-1]
    assert (detector, segment, algorithm, name, kind, shape) == ("camera", 1, "raw", "image", "UINT16", (3, 4))
    assert np.frombuffer(data, np.uint16).tolist() == [6] * 12


def test_a_reader_takes_paths_descriptors_and_bytes(tmp_path: Path) -> None:
    run = Run().run(3)
    path = run.write(tmp_path / "run.xtc2")
    stamps = [d.timestamp() for d in run.dgrams]
    for source in (path, str(path), bytes(run), bytearray(bytes(run)), memoryview(bytes(run))):
        assert [d.timestamp() for d in ak.BatchReader(source)] == stamps
    with open(path, "rb") as file:
        assert [d.timestamp() for d in ak.BatchReader(file.fileno())] == stamps
        assert len(file.read()) == len(bytes(run))
    read, write = os.pipe()
    with os.fdopen(write, "wb") as out:
        out.write(bytes(run))
    assert [d.timestamp() for d in ak.BatchReader(read)] == stamps
    os.close(read)
    with pytest.raises(FileNotFoundError):
        ak.BatchReader(tmp_path / "none.xtc2")
    with pytest.raises(TypeError):
        ak.BatchReader(3.5)


def test_batches_are_reads(tmp_path: Path) -> None:
    run = Run().run(200)
    path = run.write(tmp_path / "run.xtc2")
    batches = list(ak.BatchReader(path, batch_bytes=8192).batches())
    assert len(batches) > 2
    assert sum(len(batch) for batch in batches) == len(run.dgrams)
    assert sum(batch.nbytes for batch in batches) == len(bytes(run))
    assert b"".join(bytes(batch.buffer) for batch in batches) == bytes(run)
    assert [batch.first_index for batch in batches][1] == len(batches[0])
    assert [d.index for d in batches[1]] == [d.index for d in batches[1]]
    assert batches[1].offset == batches[0].nbytes
    assert batches[0].configuration == batches[1].configuration


def test_blocks_come_from_the_pool_that_is_given(tmp_path: Path) -> None:
    path = Run().run(5).write(tmp_path / "run.xtc2")
    pool = ak.proxy_memory_pool(ak.system_memory_pool())
    reader = ak.BatchReader(path, memory_pool=pool)
    kept = next(reader)
    del reader
    assert pool.bytes_allocated() > 0
    del pool
    assert kept.service() == ak.TransitionId.Configure
    with pytest.raises(TypeError):
        ak.BatchReader(path, memory_pool="mimalloc")


def test_a_range_and_a_config_read_a_part(tmp_path: Path) -> None:
    run = Run().run(5)
    path = run.write(tmp_path / "run.xtc2")
    begin = run.dgrams[0]._size
    part = list(ak.BatchReader(path, begin=begin, end=begin + 24, config=run.dgrams[0]))
    assert [d.service() for d in part] == [ak.TransitionId.BeginRun]
    with pytest.raises(ak.DataLossError, match="before any Configure"):
        list(ak.BatchReader(path, begin=begin))
    with pytest.raises(ValueError):
        ak.BatchReader(path, batch_bytes=0)
    with pytest.raises(MemoryError):
        list(ak.BatchReader(path, max_dgram_bytes=100))


def test_a_reader_closes_and_what_was_read_stays(tmp_path: Path) -> None:
    path = Run().run(5).write(tmp_path / "run.xtc2")
    with ak.BatchReader(path) as reader:
        kept = [next(reader) for _ in range(5)]
        assert reader.configuration == kept[0].configuration
        assert reader.end == os.path.getsize(path)
    with pytest.raises(ValueError, match="closed"):
        next(reader)
    assert kept[4].camera[0].raw.image.shape == (3, 4)


def test_a_fault_comes_after_what_is_before_it_and_says_where(tmp_path: Path) -> None:
    run = Run().run(3)
    (tmp_path / "cut.xtc2").write_bytes(bytes(run)[:-3])
    reader = ak.BatchReader(tmp_path / "cut.xtc2")
    read = []
    for _ in range(2):
        with pytest.raises(ak.DataLossError) as caught:
            read.extend(reader)
            read += [next(reader)]
        assert caught.value.source == str(tmp_path / "cut.xtc2")
        assert caught.value.byte == caught.value.dgram_byte == len(bytes(run)) - 24
        assert caught.value.dgram == len(run.dgrams) - 1
        assert isinstance(caught.value, ValueError)


def test_reading_goes_on_after_a_fault_where_it_is_asked_to() -> None:
    run = Run().run(4)
    at = sum(d._size for d in run.dgrams[:5])
    data = bytearray(bytes(run))
    data[at + 24 : at + 28] = b"\xff\xff\xff\x0f"
    skipped: list[ak.Skipped] = []
    read = list(ak.BatchReader(data, on_fault="skip-datagram", on_skip=skipped.append, name="night"))
    assert len(read) == len(run.dgrams) - 1
    assert [(s.source, s.byte, s.nbytes, s.dgram_index) for s in skipped] == [("night", at, run.dgrams[5]._size, 5)]
    assert (skipped[0].timestamp, skipped[0].previous) == (run.dgrams[5].timestamp(), run.dgrams[4].timestamp())
    with pytest.raises(ZeroDivisionError):
        list(ak.BatchReader(data, on_fault="resync", on_skip=lambda _: 1 // 0))
    with pytest.raises(ValueError, match="on_fault"):
        ak.BatchReader(data, on_fault="guess")
    with pytest.raises(TypeError, match="on_skip"):
        ak.BatchReader(data, on_skip=3)


def test_a_header_is_read_where_the_fields_are_malformed() -> None:
    run = Run().run(1)
    at = sum(d._size for d in run.dgrams[:4])
    data = bytearray(bytes(run))
    data[at + 24 : at + 28] = b"\xff\xff\xff\x0f"
    dgram = list(ak.BatchReader(data))[4]
    assert dgram.timestamp() == run.dgrams[4].timestamp() and dgram._size == run.dgrams[4]._size
    for ask in (lambda: dgram.camera, lambda: vars(dgram), lambda: dir(dgram), dgram.fields):
        with pytest.raises(ak.DataLossError, match="NamesId"):
            ask()


def test_two_threads_in_one_reader_are_told(tmp_path: Path) -> None:
    read, write = os.pipe()
    reader = ak.BatchReader(read)
    started = threading.Event()
    answers = []

    def first() -> None:
        started.set()
        answers.append(len(list(reader)))

    thread = threading.Thread(target=first)
    thread.start()
    started.wait()
    error = None
    while error is None:  # until the thread waits for the pipe
        try:
            reader.position
        except RuntimeError as caught:
            error = caught
    assert "another thread reads" in str(error)
    for use in (lambda: next(reader), reader.close, lambda: next(reader.batches())):
        with pytest.raises(RuntimeError, match="another thread reads"):
            use()
    run = Run().run(2)
    with os.fdopen(write, "wb") as out:
        out.write(bytes(run))
    thread.join()
    os.close(read)
    assert answers == [len(run.dgrams)]


def test_a_thread_drops_arrays_while_another_iterates(tmp_path: Path) -> None:
    path = Run().run(300).write(tmp_path / "run.xtc2")
    kept: list[np.ndarray] = []
    done = threading.Event()

    def drop() -> None:
        while not done.is_set():
            while kept:
                kept.pop()

    thread = threading.Thread(target=drop)
    thread.start()
    total = 0
    for _ in range(20):
        for dgram in ak.BatchReader(path, batch_bytes=8192):
            if hasattr(dgram, "camera"):
                array = dgram.camera[0].raw.image
                total += int(array[0, 0] == dgram.camera[0].raw.count)
                kept.append(array)
    done.set()
    thread.join()
    assert total == 20 * 300


def test_batches_that_are_dropped_give_their_memory_back_without_the_collector(tmp_path: Path) -> None:
    path = Run().run(200).write(tmp_path / "run.xtc2")
    pool = ak.default_memory_pool()
    gc.disable()
    try:

        def read() -> int:
            seen = 0
            for dgram in ak.BatchReader(path, batch_bytes=4096):
                for part in vars(dgram).values():
                    seen += part[0].raw.image.size
            return seen

        assert read() == 200 * 12
        before = pool.bytes_allocated()
        objects = len(gc.get_objects())
        for _ in range(50):
            read()
        assert pool.bytes_allocated() == before
        assert len(gc.get_objects()) - objects < 50
    finally:
        gc.enable()


def test_many_detectors_share_a_datagram() -> None:
    config = DgramEdit(transition_id=ak.TransitionId.Configure, ts=1)
    dets = [
        config.Detector(DetectorDef(f"d{i % 10}", "t", "i"), AlgDef(f"a{i // 10}", 1, 0, 0), {"v": (np.int8, 0)})
        for i in range(50)
    ]
    edit = DgramEdit(transition_id=ak.TransitionId.L1Accept, ts=2, config=config)
    for i, det in enumerate(dets):
        fields = getattr(det, f"a{i // 10}")
        fields.v = i
        edit.adddata(fields)
    dgram = edit.dgram()
    assert sorted(vars(dgram)) == [f"d{i}" for i in range(10)]
    assert [getattr(dgram.d7[0], f"a{i}").v for i in range(5)] == [7, 17, 27, 37, 47]
