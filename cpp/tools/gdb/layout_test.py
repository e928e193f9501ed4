"""Decoding of the tables: sound ones are read, and damage is named."""

import struct
import unittest

from alkaid_debugger import layout

from made_memory import ROOT_AT, MadeMemory, block, heap, opened, table, view


class Records(unittest.TestCase):

    def test_those_of_all_shards_are_read_in_the_order_of_their_addresses(self):
        blocks = [[block(0x9000), block(0x3000)], None, [block(0x5000, label=1, pool=1)]]
        found = opened(blocks=blocks)
        self.assertEqual([0x3000, 0x5000, 0x9000], [one.address for one in found.blocks()])
        self.assertEqual(blocks[2][0], found.blocks()[1])
        self.assertEqual([], found.notes)

    def test_two_of_one_address_are_in_the_same_order_whatever_their_places(self):
        pair = [block(0x9000, serial=2), block(0x9000, serial=1)]
        orders = [[one.serial for one in opened(blocks=[records]).blocks()]
                  for records in (pair, pair[::-1])]
        self.assertEqual([[1, 2], [1, 2]], orders)

    def test_every_field_of_a_block_is_kept(self):
        whole = layout.Block(1 << 63, 2 << 40, 3 << 41, 4 << 42, 5 << 43, 6 << 26, 7 << 25, 8 << 24,
                             9 << 10, 10 << 11, 0)
        self.assertEqual([whole], list(opened(blocks=[[whole]], labels=[""], pools=[]).blocks()))

    def test_slices_are_read(self):
        views = [[view(0x4000, 10)], [view(0x4010, 20, root=0x600)]]
        self.assertEqual([views[0][0], views[1][0]], opened(views=views).views())

    def test_no_table_is_no_block(self):
        found = opened(blocks_shards=0, blocks_shard_count=0, blocks_shard_size=0,
                       blocks_record_size=0)
        self.assertEqual([], list(found.blocks()))

    def test_longer_records_and_headers_of_a_later_library_are_stepped_over(self):
        records = [[block(0x9000), block(0xa000)], [block(0xb000)]]
        found = opened(block_table=lambda memory: table(memory, layout.BLOCK, records,
                                                        record_size=96, header_size=192))
        self.assertEqual([0x9000, 0xa000, 0xb000], [one.address for one in found.blocks()])
        self.assertEqual([], found.notes)

    def test_the_record_of_a_block_is_found(self):
        wanted = block(0xa000, serial=4)
        memory, _ = heap(blocks=[[block(0x9000)], [block(0xb000), wanted]])
        found = layout.Heap(memory.read, ROOT_AT)
        at = found.record_address(wanted)
        self.assertEqual(wanted, layout.Block._make(
            struct.unpack(layout.BLOCK, memory.read(at, 64))))
        self.assertIsNone(found.record_address(block(0xa000, serial=5)))


class Modules(unittest.TestCase):
    GONE = (0x7000000, 0x7005000, 0x7000000, "/gone.so", b"\x12\x34")
    THERE = (0x8000000, 0x8005000, 0x8000000, "/there.so", b"\x56")
    STACKS = [(0x7000100, 0x8000100, 0x400100, [1, 2]), (0x7000100, 0x400100)]

    def test_frames_of_one_that_is_gone_are_moved_with_it_and_others_stay(self):
        memory, ids = heap(stacks=self.STACKS, modules=[self.GONE, self.THERE])
        found = layout.Heap(memory.read, ROOT_AT)
        found.is_loaded = lambda module: module.path == "/there.so"
        through, plain = ids
        moved, there, program = found.frames(through)
        self.assertEqual((0x8000100, 0x400100), (there, program))
        (gone,) = found.unloaded
        self.assertGreaterEqual(gone.start, layout.UNLOADED)
        self.assertEqual(0x100, moved - gone.bias)
        self.assertTrue(gone.start < moved <= gone.end)
        self.assertEqual(("/gone.so", "1234"), gone[3:])
        self.assertEqual((0x7000100, 0x400100), found.frames(plain))
        self.assertEqual([], found.notes)

    def test_what_is_damaged_is_said(self):
        stacks = [(0x7000100, [3])]
        memory, ids = heap(stacks=stacks, modules=[self.GONE])
        found = layout.Heap(memory.read, ROOT_AT)
        self.assertEqual((0x7000100,), found.frames(*ids))
        self.assertIn("leads through module 3 of 2: damaged", found.notes[0])
        damaged = (0x7000000, 0x6000000, 0, "/x", b"")
        memory, ids = heap(stacks=[(0x7000100, [1])], modules=[damaged])
        found = layout.Heap(memory.read, ROOT_AT)
        self.assertEqual((0x7000100,), found.frames(*ids))
        self.assertIn("damaged", found.notes[0])


class PythonPlaces(unittest.TestCase):
    PLACES = [("run.py", "<module>", 7), ("größe.py", "Reader.read", 0)]

    @staticmethod
    def address(number):
        return layout.PYTHON_PLACES + number * layout.PYTHON_STRIDE + 1

    def test_are_found_by_their_addresses(self):
        found = opened(python=self.PLACES)
        self.assertEqual(self.PLACES, [tuple(found.python_place(self.address(number)))
                                       for number in range(2)])
        for code in (0x400100, layout.PYTHON_PLACES - 1, layout.UNLOADED + 1):
            self.assertIsNone(found.python_place(code))
        self.assertEqual([], found.notes)

    def test_what_is_damaged_is_said(self):
        found = opened(python=self.PLACES)
        self.assertEqual(("", "", 0), found.python_place(self.address(2)))
        self.assertIn("leads through line 2 of Python, of 2: damaged", found.notes[0])
        found = opened(python=[("f" * 3000, "", 1)])
        self.assertEqual(("", "", 0), found.python_place(self.address(0)))
        self.assertIn("has a name of 3000 bytes: damaged", found.notes[0])

    def test_a_library_before_them_has_none(self):
        found = opened(modules=[])
        self.assertEqual(("", "", 0), found.python_place(self.address(0)))


class Names(unittest.TestCase):

    def test_labels_and_pools_are_named_and_pools_of_one_kind_told_apart(self):
        found = opened()
        self.assertEqual(["", "image"], [found.label(0), found.label(1)])
        self.assertEqual(["malloc", "jemalloc", "jemalloc#2"], [found.pool(i) for i in range(3)])

    def test_a_label_at_the_end_of_its_mapping_is_read(self):
        memory, _ = heap()
        memory.put(b"x" * 300 + b"\0", 0x50000 - 301)
        memory.put(struct.pack("<QQ", 0x50000 - 301, 0x50000 - 1), 0x60000)
        root = layout.Root._make(layout.ROOT.unpack(memory.read(ROOT_AT, layout.ROOT.size)))
        memory.put(layout.ROOT.pack(*root._replace(labels=0x60000)), ROOT_AT)
        found = layout.Heap(memory.read, ROOT_AT)
        self.assertEqual(["x" * 300, ""], [found.label(0), found.label(1)])

    def test_back_traces_are_read_by_their_ids(self):
        memory, ids = heap(stacks=[(1, 2, 3), tuple(range(100, 117)), (9,)])
        found = layout.Heap(memory.read, ROOT_AT)
        self.assertEqual(ids, {number: found.frames(number) for number in ids})
        self.assertEqual((), found.frames(0))


class Stops(unittest.TestCase):

    def test_an_odd_sequence_is_a_note_and_its_record_may_or_may_not_be_counted(self):
        for live in (0, 1, 2):
            records = [[block(0x9000)]]
            found = opened(block_table=lambda memory, live=live: table(
                memory, layout.BLOCK, records, sequence=3, live=live))
            self.assertEqual(1, len(found.blocks()))
            self.assertEqual(1, len(found.notes), found.notes)
            self.assertIn("one of the blocks may be listed or missing", found.notes[0])

    def test_a_table_that_is_just_being_emptied_is_no_damage(self):
        found = opened(block_table=lambda memory: table(memory, layout.BLOCK, [None], sequence=3,
                                                        live=9))
        self.assertEqual([], list(found.blocks()))
        self.assertEqual(1, len(found.notes), found.notes)

    def test_a_count_that_is_wrong_at_rest_is_damage(self):
        found = opened(block_table=lambda memory: table(memory, layout.BLOCK, [[block(0x9000)]],
                                                        live=2))
        found.blocks()
        self.assertEqual(["shard 0 of the table of blocks counts 2 records and holds 1: damaged"],
                         found.notes)

    def test_moving_lost_and_sampled_blocks_are_notes(self):
        for field, text in (("moving", "being reallocated"), ("lost", "not recorded"),
                            ("sample_bytes", "estimates"),
                            ("stacks_dropped", "without a stack trace")):
            notes = opened(**{field: 3}).notes
            self.assertEqual(1, len(notes))
            self.assertIn(text, notes[0])


class Damage(unittest.TestCase):

    def refused(self, text, act=lambda found: found.blocks(), **fields):
        with self.assertRaisesRegex(layout.HeapError, text):
            act(opened(**fields))

    def test_of_the_root_is_named(self):
        self.refused("does not begin with ALKHEAP", magic=b"ALKPOOL\0")
        self.refused("have layout 2 and this script knows 1", version=2)
        self.refused("says it has 8 bytes", root_size=8)
        with self.assertRaisesRegex(layout.HeapError, "nothing is mapped at 0x7000"):
            layout.Heap(MadeMemory().read, ROOT_AT)

    def test_of_a_table_is_named(self):
        self.refused("70000 shards", blocks_shard_count=70000)
        self.refused("shards of 8 bytes", blocks_shard_size=8)
        self.refused("65536 shards of 4096 bytes", blocks_shard_count=1 << 16,
                     blocks_shard_size=4096)
        self.refused("records of 40 bytes", blocks_record_size=40)
        self.refused("records of 68 bytes", blocks_record_size=68)
        self.refused("nothing is mapped at 0x10", blocks_shards=0x10)

    def test_of_an_array_is_named(self):
        def with_array(capacity, header_size, live=0):
            def build(memory):
                array = memory.put(layout.ARRAY.pack(capacity, header_size) + bytes(64))
                return memory.put(layout.SHARD.pack(0, 0, array, live)), 1, 24, 64, 0
            return build
        self.refused("capacity of 7, not a power of two", block_table=with_array(7, 64))
        self.refused("capacity of 0", block_table=with_array(0, 64))
        self.refused("header of 8 bytes", block_table=with_array(8, 8))
        self.refused("counts 9 records in 8 places", block_table=with_array(8, 64, live=9))
        # 64 TiB: it fails at the first byte that is not mapped, and not for want of memory.
        self.refused("nothing is mapped at", block_table=with_array(1 << 40, 64))
        self.refused("counts 4 records and has no array", block_table=lambda memory: (
            memory.put(layout.SHARD.pack(0, 0, 0, 4)), 1, 24, 64, 0))

    def test_of_an_array_that_two_shards_have_is_named(self):
        def one_array(offset):
            def build(memory):
                array = memory.put(layout.ARRAY.pack(8, 64) + bytes(48)
                                   + layout.ARRAY.pack(4, 64) + bytes(64 * 8))
                shards = b"".join(layout.SHARD.pack(0, 0, array + at, 0) for at in (0, offset))
                return memory.put(shards), 2, 24, 64, 0
            return build
        for offset in (0, 64):
            self.refused("shard 1 of the table of blocks has its array at .*, where another has",
                         block_table=one_array(offset))

    def test_of_one_kind_is_one_note_however_often_it_is_met(self):
        found = opened(block_table=lambda memory: table(
            memory, layout.BLOCK, [[block(0x9000)], [block(0x8000)], [block(0x7000)]], live=2))
        found.blocks()
        for label in [*range(100, 1100), 100]:
            found.label(label)
        self.assertEqual(
            ["shard 0 of the table of blocks counts 2 records and holds 1: damaged (and 2 more of "
             "this kind)", "a record has label 100 of 2: damaged (and 999 more of this kind)"],
            found.notes)

    def test_of_names_and_back_traces_is_shown_in_their_place(self):
        found = opened(stacks=[(1, 2)])
        self.assertEqual("<label 5>", found.label(5))
        self.assertEqual("<pool 6>", found.pool(6))
        self.assertEqual((), found.frames(9 << 16))
        self.assertEqual(3, len(found.notes))
        self.refused("4294967295 labels",
                     lambda found: found.label(0), label_count=ROOT_AT + layout.ROOT.size - 8,
                     stack_chunks=0xffffffff)


if __name__ == "__main__":
    unittest.main()
