"""Differences, retention, selections and their text."""

import io
import os
import pathlib
import re
import struct
import unittest

from alkaid_debugger import core_file, layout, machinery, pools, rendering, retention, selection, snapshots

from made_memory import MadeMemory, block, opened, view


def snapshot(*blocks, **fields):
    return snapshots.Snapshot(opened(blocks=[blocks], **fields))


class Differences(unittest.TestCase):

    def test_without_a_change_there_is_none(self):
        changes = snapshots.Changes(snapshot(block(0x9000)), snapshot(block(0x9000)))
        self.assertEqual(([], [], 0, 0),
                         (changes.freed, changes.made, changes.bytes, changes.blocks))

    def test_what_came_and_what_went_is_told_apart(self):
        changes = snapshots.Changes(
            snapshot(block(0x9000, 100), block(0x8000, 50)),
            snapshot(block(0x9000, 100), block(0x7000, 70, serial=3), block(0x6000, 1, serial=4)))
        self.assertEqual([0x8000], [one.address for one in changes.freed])
        self.assertEqual([0x6000, 0x7000], [one.address for one in changes.made])
        self.assertEqual((21, 1), (changes.bytes, changes.blocks))

    def test_another_block_at_the_same_address_is_a_new_one(self):
        changes = snapshots.Changes(snapshot(block(0x9000, 100, serial=1)),
                                    snapshot(block(0x9000, 100, serial=2)))
        self.assertEqual([1], [one.serial for one in changes.freed])
        self.assertEqual([2], [one.serial for one in changes.made])
        self.assertEqual((0, 0), (changes.bytes, changes.blocks))

    def test_of_two_trackings_are_refused(self):
        with self.assertRaisesRegex(layout.HeapError, "tracking was restarted"):
            snapshots.Changes(snapshot(started_ns=1), snapshot(started_ns=2))

    def test_of_samples_are_by_what_they_stand_for(self):
        sampled = block(0x9000, 100, weight=1000, flags=layout.SAMPLED)
        changes = snapshots.Changes(snapshot(sample_bytes=512), snapshot(sampled, sample_bytes=512))
        self.assertEqual((1000, 10), (changes.bytes, changes.blocks))


    def test_of_sequences_are_the_places_of_what_only_one_has(self):
        for before, after, expected in (
                ("", "", ([], [])), ("abc", "abc", ([], [])), ("abc", "", ([0, 1, 2], [])),
                ("", "ab", ([], [0, 1])), ("bdf", "abcf", ([1], [0, 2])),
                ("ab", "c", ([0, 1], [0])), ("aab", "ab", ([1], []))):
            self.assertEqual(expected, snapshots.differing(before, after), (before, after))


class Snapshots(unittest.TestCase):

    def test_a_block_contains_its_first_and_last_byte_and_no_other(self):
        taken = snapshot(block(0x9000, 100), block(0xa000, 0))
        for address, contained in ((0x8fff, False), (0x9000, True), (0x9063, True), (0x9064, False),
                                   (0xa000, True), (0xa001, False), (0, False)):
            self.assertEqual(contained, taken.containing(address) is not None, hex(address))

    def test_totals_are_the_largest_first(self):
        blocks = [block(1 << 12, 10, label=1), block(2 << 12, 30), block(3 << 12, 25, label=1)]
        self.assertEqual([(1, 35, 2), (0, 30, 1)],
                         snapshots.totals(blocks, lambda one: one.label))


class Retention(unittest.TestCase):

    def test_a_union_counts_what_overlaps_once(self):
        self.assertEqual(0, retention.union([]))
        self.assertEqual(0, retention.union([(5, 5)]))
        self.assertEqual(30, retention.union([(20, 30), (0, 10), (5, 20), (6, 7)]))
        self.assertEqual(20, retention.union([(20, 30), (0, 10)]))

    def test_the_root_that_hides_most_comes_first(self):
        roots = retention.retained_roots([view(0x4000, 4000), view(0x4800, 2048, birth_ns=0),
                                   view(0x8000, 1, root=7, root_data=0x8000, root_size=3000)])
        self.assertEqual([(7, 3000, 1), (0x500, 4096, 4096)],
                         [(one.root, one.held, one.visible) for one in roots])
        self.assertEqual((2, 0), (len(roots[1].views), roots[1].birth_ns))

    def test_a_root_is_as_large_as_its_latest_view_saw_it(self):
        roots = retention.retained_roots([view(0x4000, 10, root_size=5000, birth_ns=2),
                                   view(0x4010, 10, root_size=4096, birth_ns=1)])
        self.assertEqual([(5000, 20)], [(one.held, one.visible) for one in roots])


class Selections(unittest.TestCase):

    PROPERTIES = {"size": lambda one: one.size, "label": lambda one: "image.x",
                  "frames": lambda one: ["Load", "main"], "sampled": lambda one: False}

    def select(self, text, size=100):
        return selection.compile_selection(text, self.PROPERTIES)(block(0x9000, size))

    def test_choose_as_python_would(self):
        for text in ("size == 100", "50 < size <= 100", "not sampled", "'Load' in frames",
                     "size > 1 and label == 'image.x'", "size < 1 or label.startswith('image.')",
                     "label.endswith('x')", "len(frames) == 2", "size in (1, 100)",
                     "size not in [3]", "size * 2 - 1 == 199", "size & 4", "size < 64*KiB",
                     "size % 10 == 0", "-size < 0", "'mag' in label", "  size"):
            self.assertIs(True, self.select(text), text)
        for text in ("size > 100", "sampled", "label == ''", "'Lo' in frames", "size == 1 or 0",
                     "0 < size < 100"):
            self.assertIs(False, self.select(text), text)

    def test_that_are_about_no_block_are_refused(self):
        for text in ("1", "'size > 990'", "KiB < MiB", "(size, 1)", "[size]", "{size}", "not 0"):
            with self.assertRaisesRegex(layout.HeapError, "no property of a block|not a condition"):
                self.select(text)

    def test_name_what_is_not_known(self):
        with self.assertRaisesRegex(layout.HeapError, "a block has no 'sizes'; known are: frames, "
                                                      "label, sampled, size, KiB"):
            self.select("sizes > 3")
        with self.assertRaisesRegex(layout.HeapError, "no '__import__'|only len"):
            self.select("__import__('os')")

    def test_evaluate_nothing_else(self):
        for text in ("label.__class__", "frames[0]", "(lambda: 1)()", "[one for one in frames]",
                     "open('x')", "label.join(frames)", "size ** 9", "1 << 9999999", "f'{size}'",
                     "size if size else 1", "len(x=1)", "b'x'", "None", "size is 1", "~size", "...",
                     "(a := 1)", "len(*frames)", "{1: 2}"):
            with self.assertRaises(layout.HeapError, msg=text):
                self.select(text)

    def test_what_is_no_expression_is_refused_in_words(self):
        for text in ("size >", "", "size = 3", "(" * 3000, "x" * 5000, "size\0",
                     "not " * 1000 + "1", "import os"):
            with self.assertRaises(layout.HeapError, msg=text[:20]):
                self.select(text)

    def test_what_does_not_fit_together_is_refused_in_words(self):
        for text in ("size > 'x'", "size / 0", "label * 1000000000", "len(size)",
                     "size.startswith('x')", "'x' in size", "label % 3", "-label",
                     "10.0 * 1" + "0" * 400 + " > size"):
            with self.assertRaisesRegex(layout.HeapError, "select: "):
                self.select(text)


class Rendering(unittest.TestCase):

    def test_a_dump_has_addresses_bytes_and_characters(self):
        self.assertEqual([
            "0x0000000000001000  30 31 32 33 34 35 36 37  38 39 3a 3b 3c 3d 3e 3f "
            "|0123456789:;<=>?|",
            "0x0000000000001010  00 ff                                            |..|",
        ], rendering.hexdump(0x1000, bytes(range(0x30, 0x40)) + b"\0\xff"))

    def test_a_block_shows_its_last_byte(self):
        self.assertEqual("0x0000000000009000 -> 0x0000000000009fff        4,096 bytes image",
                         rendering.block_line(block(0x9000, 4096), "image"))
        self.assertIn("-> 0x0000000000009000 ", rendering.block_line(block(0x9000, 0), ""))

    def test_blocks_are_in_columns(self):
        begin = "0x0000000000009000 -> 0x0000000000009000            1 bytes "
        one = block(0x9000, 1)
        self.assertEqual(
            [begin + "malloc     std::string 54686520 71 |The q|",
             begin + "image\\x0ax" + 13 * " " + "54686520 |The |"],
            rendering.block_lines([(one, "malloc", "std::string", b"The q"),
                                   (one, "image\nx", "", b"The ")]))
        self.assertEqual([begin + "image 41 |A|", begin + "image"],
                         rendering.block_lines([(one, "image", "", b"A"), (one, "image", "", b"")]))
        long = "x" * 100
        self.assertEqual([begin + f"malloc {long} 41 |A|", begin + "malloc Shape 41 |A|"],
                         rendering.block_lines([(one, "malloc", long, b"A"),
                                                (one, "malloc", "Shape", b"A")]))

    def test_functions_lose_their_arguments_and_nothing_else(self):
        for whole, name in (
                ("f(int)", "f"), ("f", "f"), ("C::f(int (*)(int)) const", "C::f"),
                ("(anonymous namespace)::f(int)", "(anonymous namespace)::f"),
                ("(anonymous namespace)::f", "(anonymous namespace)::f"),
                ("C::operator()(int) const", "C::operator()"), ("C::operator()", "C::operator()"),
                ("std::function<void (int)>::~function", "std::function<void (int)>::~function"),
                ("f<void (*)(int)>(int) [clone .cold]", "f<void (*)(int)>"), ("", ""), (")", ")")):
            self.assertEqual(name, rendering.without_arguments(whole))

    def test_what_a_terminal_would_obey_is_shown_as_bytes(self):
        for text, shown in (
                ("image.x", "image.x"), ("Gr\u00f6\u00dfe", "Gr\u00f6\u00dfe"), ("", ""),
                ("\x1b[31m\n\0\x7f", r"\x1b[31m\x0a\x00\x7f"), ("\x9b", r"\xc2\x9b"),
                (b"\xff\xfe".decode("utf-8", "surrogateescape"), r"\xff\xfe"),
                ("\u202e", r"\xe2\x80\xae"), ("\u2028", r"\xe2\x80\xa8"),
                (r"\x1b", r"\x1b")):
            self.assertEqual(shown, rendering.printable(text))

    def test_a_table_is_straight_whatever_is_in_it(self):
        lines = rendering.table(("label", "at"), [("a\n\x1b", "1"), ("b", "2")], left=(0,))
        self.assertEqual(["label      at", r"a\x0a\x1b   1", "b           2"], lines)

    def test_lines_are_printed_by_one_function_only(self):
        folder = os.path.dirname(rendering.__file__)
        for name in os.listdir(folder):
            if name.endswith(".py") and name != "rendering.py":
                with open(os.path.join(folder, name), encoding="utf-8") as file:
                    self.assertNotRegex(file.read(), r"\b(print|gdb\.write)\(", name)

    def test_an_age_has_a_unit(self):
        self.assertEqual(["0.0 s", "0.0 s", "1.5 s", "5.0 min", "3.0 h"], [
            rendering.age(seconds * 1e9) for seconds in (-1, 0, 1.5, 300, 10800)])


class CoreFile(unittest.TestCase):

    def sizes(self, offset=64, length=56, count=1, begin=100, filled=20, data=b""):
        head = b"\x7fELF\2\1".ljust(32, b"\0") + struct.pack("<Q", offset) + bytes(14)
        head += struct.pack("<HH", length, count) + bytes(6)
        segment = struct.pack("<QQQQQQQ", 1, begin, 0, 0, filled, 0, 0)
        return core_file.sizes(io.BytesIO((head + segment + data)[:120]))

    def test_is_as_long_as_its_last_segment_ends(self):
        self.assertEqual((120, 120), self.sizes())
        self.assertEqual((1 << 40, 120), self.sizes(filled=(1 << 40) - 100))

    def test_headers_that_make_no_sense_say_nothing(self):
        self.assertEqual((0, 120), self.sizes(length=0, count=9))
        self.assertEqual((0, 120), self.sizes(length=0xffff, count=0xffff))
        self.assertEqual((0, 3), core_file.sizes(io.BytesIO(b"\x7fEL")))

    def test_whose_headers_are_cut_off_would_be_longer(self):
        self.assertEqual((64 + 56 * 7, 120), self.sizes(count=7))


class Mappings(unittest.TestCase):

    def files(self, *lines):
        return core_file.files_in_mappings("Mapped address spaces:\n\n" + "\n".join(lines) + "\n")

    def test_of_files_are_read_in_the_columns_of_each_gdb(self):
        wanted = [(0x555555554000, 0x555555556000, "/usr/bin/with out")]
        self.assertEqual(wanted, self.files(  # gdb 13
            "          Start Addr           End Addr       Size     Offset  Perms  objfile",
            "      0x555555554000     0x555555556000     0x2000        0x0  r--p   /usr/bin/with out",
            "      0x55555555e000     0x55555557f000    0x21000        0x0  rw-p   [heap]"))
        self.assertEqual(wanted, self.files(  # gdb 13, of a core
            "          Start Addr           End Addr       Size     Offset objfile",
            "      0x555555554000     0x555555556000     0x2000        0x0 /usr/bin/with out"))
        self.assertEqual(wanted, self.files(  # gdb 16
            "Start Addr         End Addr           Size               Offset             Perms File ",
            "0x0000555555554000 0x0000555555556000 0x2000             0x0                r--p  "
            "/usr/bin/with out ",
            "0x000055555555b000 0x000055555557c000 0x21000            0x0                rw-p  [heap] ",
            "0x00007ffff3b54000 0x00007ffff3c55000 0x101000           0x0                rw-p   "))
        self.assertEqual(wanted, self.files(  # gdb 16, of a core
            "Start Addr         End Addr           Size               Offset             File ",
            "0x0000555555554000 0x0000555555556000 0x2000             0x0                "
            "/usr/bin/with out "))


class Pools(unittest.TestCase):

    def setUp(self):
        self.memory = MadeMemory()

    def pool(self, number, next_pool, lines, shared=(0, 0, 0, 0), peak=0, name=b"jemalloc"):
        line = 0
        for total, freed, count, high in lines:
            line = self.memory.put(pools.LINE.pack(0, total, freed, count, high, 0, 0, line))
        return self.memory.put(pools.RECORD.pack(
            next_pool, number, 0x50 + number, line, self.memory.put(pools.SHARED.pack(*shared)),
            self.memory.put(peak.to_bytes(8, "little")), name))

    def read(self, first, changing=0, magic=pools.MAGIC, version=1, size=pools.ROOT.size):
        root = pools.ROOT.pack(magic, version, size, changing, first)
        return pools.read_pools(self.memory.read, self.memory.put(root))

    def test_figures_are_sums_over_the_lines_in_the_order_of_the_pools(self):
        first = self.pool(2, self.pool(1, 0, [], name=b"system"),
                          [(100, 30, 2, 90), (50, 60, 1, 20)], shared=(5, 6, 7, 8), peak=115)
        found, notes = self.read(first)
        self.assertEqual([], notes)
        self.assertEqual([(1, 0x51, "system", 0, 0, 0, 0), (2, 0x52, "jemalloc", 65, 115, 157, 11)],
                         found)

    def test_the_peak_is_the_lesser_of_two_bounds(self):
        self.assertEqual(90, self.read(self.pool(1, 0, [(100, 30, 2, 90)], peak=500))[0][0].peak)

    def test_a_list_that_is_being_changed_is_a_note(self):
        self.assertEqual(1, len(self.read(0, changing=1)[1]))

    def test_damage_is_named(self):
        for fields, text in (({"magic": b"ALKHEAP\0"}, "does not begin with ALKPOOL"),
                             ({"version": 3}, "layout 3"), ({"size": 4}, "says it has 4 bytes"),
                             ({"first": 0x10}, "nothing is mapped at 0x10")):
            with self.assertRaisesRegex(layout.HeapError, text):
                self.read(**{"first": 0, **fields})
        ring = self.memory.put(pools.RECORD.pack(
            self.memory.next, 1, 0, 0, self.memory.next + 4096, self.memory.next + 4096, b"x"))
        self.memory.put(bytes(64))
        with self.assertRaisesRegex(layout.HeapError, "met before"):
            self.read(ring)

    def test_two_pools_of_the_same_counters_are_damage(self):
        line = self.memory.put(pools.LINE.pack(0, 1, 0, 1, 1, 0, 0, 0))
        place = self.memory.put(bytes(64))
        both = [self.memory.put(pools.RECORD.pack(0, 1, 0, line, place, place, b"x"))]
        both.append(self.memory.put(pools.RECORD.pack(both[0], 2, 0, line, place, place, b"x")))
        with self.assertRaisesRegex(layout.HeapError, f"{line:#x}, which was met before"):
            self.read(both[1])


class Machinery(unittest.TestCase):

    def test_is_that_of_the_command(self):
        source = pathlib.Path(__file__).parents[2] / "alkaid/heap/reports/stack_trace_text.cc"
        for name, table in (("kLibraries", machinery.LIBRARIES), ("kFunctions", machinery.FUNCTIONS)):
            found = re.search(name + r"\[\] = \{(.*?)\};", source.read_text(), re.DOTALL)
            self.assertEqual(list(table), re.findall(r'"([^"]*)"', found[1]), name)

    def test_is_told_by_the_file_or_the_function(self):
        for file in ("libc.so.6", "libc-2.36.so", "libalkaid_malloc.so", "_alkaid.abi3.so",
                     "ld-linux-x86-64.so.2"):
            self.assertTrue(machinery.is_library(file), file)
        for file in ("reader", "libcfitsio.so.9", "libc", "libmimallocator.so"):
            self.assertFalse(machinery.is_library(file), file)
        for name in ("std::sort", "(anonymous namespace)::alkaid::x", "operator new", "je_malloc",
                     "__libc_malloc", "_start"):
            self.assertTrue(machinery.is_function(name), name)
        for name in ("main", "stdio::read", "my_malloc", "malloc_image", "std::sort + 0x12", ""):
            self.assertFalse(machinery.is_function(name), name)


if __name__ == "__main__":
    unittest.main()
