"""Tables of live memory as bytes, for the tests."""

import struct

from alkaid_debugger import layout

ROOT_AT = 0x7000


class MadeMemory:
    """Bytes at addresses; everything else cannot be read."""

    def __init__(self):
        self.parts = {}
        self.next = 0x100000

    def put(self, data, address=None):
        if address is None:
            data = bytes(data).ljust(len(data) + 255 & ~255, b"\0")  # a mapping ends at a page
            address = self.next
            self.next += len(data) + 4096 & ~4095
        self.parts[address] = bytes(data)
        return address

    def read(self, address, length):
        for begin, data in self.parts.items():
            if begin <= address < begin + len(data):
                got = data[address - begin:address - begin + length]
                if len(got) < length:
                    raise layout.Unreadable(begin + len(data))
                return got
        raise layout.Unreadable(address)


def block(address, size=100, weight=None, serial=1, birth_ns=1, stack=0, label=0, thread=7, pool=0,
          flags=0):
    return layout.Block(address, size, size if weight is None else weight, serial, birth_ns, stack,
                        label, thread, pool, flags, 0)


def view(data, size, root=0x500, root_data=0x4000, root_size=4096, birth_ns=1):
    return layout.View(0x900 + data, root, data, size, root_data, root_size, birth_ns, 0, 7)


def table(memory, form, shards, record_size=64, header_size=64, sequence=0, live=None):
    """The fields of a Table in the root. `shards` are lists of records; None means no array."""
    raw = b""
    for records in shards:
        array = 0
        if records is not None:
            capacity = 1
            while capacity < len(records) + 2:
                capacity *= 2
            body = b"".join(struct.pack(form, *record).ljust(record_size, b"\xee")
                            for record in records)
            # A slot that was given back, and others that were never used.
            body += struct.pack("<Q", layout.GIVEN_BACK).ljust(record_size, b"\xdd")
            body = body.ljust(capacity * record_size, b"\0")
            head = layout.ARRAY.pack(capacity, header_size).ljust(header_size, b"\xcc")
            array = memory.put(head + body)
        count = len(records or ()) if live is None else live
        raw += layout.SHARD.pack(sequence, 0, array, count).ljust(48, b"\xbb")
    return memory.put(raw), len(shards), 48, record_size, 0


def heap(blocks=((),), views=((),), labels=("", "image"), pools=("malloc", "jemalloc", "jemalloc"),
         stacks=(), block_table=None, modules=None, python=None, **fields):
    """A memory with these tables, and its root. `stacks` are tuples of frames, with ids 1, 2 and so
    on; if the last element is a list, it has the numbers of the modules in the stack trace.
    `modules` are tuples of start, end, bias, path and build-id, `python` of file, function and
    line."""
    memory = MadeMemory()
    names = [memory.put(label.encode() + b"\0") for label in labels]
    chunk, ids = b"\0" * 16, {}
    for frames in stacks:
        numbers = frames[-1] if frames and isinstance(frames[-1], list) else []
        frames = frames[:-1] if numbers else frames
        ids[len(chunk) // 16] = frames
        chunk += struct.pack(f"<II{len(frames)}Q", len(frames),
                             layout.HAS_MODULES if numbers else 0, *frames)
        chunk += struct.pack(f"<{len(numbers) + 1}H", *numbers, 0) if numbers else b""
        chunk += b"\0" * (-len(chunk) % 16)
    values = {
        "magic": layout.MAGIC, "version": 1, "root_size": layout.ROOT.size, "state": 1,
        "max_frames": 16, "sample_bytes": 0, "started_ns": 5, "started_unix_ns": 6, "moving": 0,
        "lost": 0, "labels": memory.put(struct.pack(f"<{len(names)}Q", *names)),
        "label_count": memory.put(struct.pack("<I", len(names))),
        "pools": memory.put(b"".join(layout.POOL.pack(0, name.encode()) for name in pools)),
        "pool_count": len(pools), "stack_chunk_count": 1,
        "stack_chunks": memory.put(struct.pack("<Q", memory.put(chunk))),
    }
    blocks = block_table(memory) if block_table else table(memory, layout.BLOCK, blocks)
    views = table(memory, layout.VIEW, views)
    for name, described in (("blocks", blocks), ("views", views)):
        for field, value in zip(("shards", "shard_count", "shard_size", "record_size", "reserved"),
                                described):
            values[f"{name}_{field}"] = value
    dropped = fields.pop("stacks_dropped", None)
    values.update(fields)
    root = layout.Root(**values)
    appended = struct.pack("<Q", dropped or 0)
    if modules is not None:
        records = b"\0" * 96 + b"".join(
            layout.MODULE.pack(start, end, bias, memory.put(path.encode()), len(path),
                               len(build_id), build_id).ljust(96, b"\xee")
            for start, end, bias, path, build_id in modules)
        appended += layout.MODULES.pack(memory.put(records), len(modules) + 1, 96)
    if python is not None:
        records = b"".join(
            layout.PYTHON_PLACE.pack(7, memory.put((file + function).encode() or b"?"), line,
                                     len(file.encode()), len(function.encode()), 0).ljust(40, b"\xee")
            for file, function, line in python)
        appended = appended.ljust(layout.PYTHON_OFFSET - layout.ROOT.size, b"\0")
        appended += layout.PYTHON.pack(memory.put(records), len(python), 40)
    if dropped is not None or modules is not None or python is not None:  # added later
        root = root._replace(root_size=layout.ROOT.size + len(appended))
    memory.put(layout.ROOT.pack(*root) + appended, ROOT_AT)
    return memory, ids


def opened(*arguments, **fields):
    memory, _ = heap(*arguments, **fields)
    return layout.Heap(memory.read, ROOT_AT)
