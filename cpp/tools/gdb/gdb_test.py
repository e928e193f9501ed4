"""The commands in gdb itself: on a program that stands for every state in which one may be found,
and on programs whose tables the library keeps.

  gdb_test.py SUITE --states FILE --pools FILE --tracked FILE --planted FILE   programs
                    --program FILE
                    --alkaid FILE --library FILE --docs FOLDER [--compare] [--sanitizer NAME]

SUITE is a class of this file. Exits 77, with the reason, where gdb cannot be used.
"""

import argparse
import os
import re
import shutil
import struct
import subprocess
import sys
import tempfile
import unittest

import gdb_session
import recorded_session

OPTIONS = argparse.Namespace()

# In the order of heap_states.cc.
STATES = ("nothing off no_tables empty first second address_used_again odd_sequence "
          "odd_sequence_and_not_counted moving sampled damaged_record damaged_stack wrong_count "
          "array_unmapped capacity_no_power_of_two capacity_too_large too_many_shards "
          "records_too_small label_unmapped wrong_magic unknown_version root_too_small "
          "longer_records begun_anew moved freed touched").split()


def walk(commands, program=None):
    """Runs commands[state] in each state. Returns their output by state."""
    words, states = [], []
    for state in STATES:
        words.append("continue" if states else "run")
        states.append(None)
        name = "python print(gdb.newest_frame().read_var('state').string())"
        for command in (name, *commands.get(state, ())):
            words.append(command)
            states.append(state)
    printed = gdb_session.run(["break Reached", *words], program or OPTIONS.states)[1:]
    found = {state: [] for state in STATES}
    for state, text in zip(states, printed):
        if state is not None:
            found[state].append(text)
    for state, texts in found.items():
        if texts.pop(0) != state:
            raise AssertionError(f"expected the state {state}: {printed}")
    return found


class Stops(unittest.TestCase):
    """A live process, at each of its stops."""

    @classmethod
    def setUpClass(cls):
        heap = {state: ["alkaid heap"] for state in STATES}
        heap["first"] += ["alkaid heap label before", "alkaid retention", "alkaid heap diff before",
                          "alkaid heap diff nothing", "alkaid heap label",
                          "alkaid heap label two words"]
        heap["second"] += [
            "alkaid heap diff before", "alkaid heap all",
            "alkaid heap block (char*)&second + 355919",
            "alkaid heap block (char*)&second + 355920", "alkaid hexdump &first 32",
            "alkaid hexdump 0x40", "alkaid hexdump LoadsImages()", "show may-call-functions",
            "alkaid heap block no_such_name", "alkaid heap foo", "alkaid foo", "alkaid heap --ell",
            "alkaid hexdump &first 0", "alkaid heap label after", "alkaid pools"]
        heap["second"] += [f'alkaid heap select "{text}"' for text in (
            "size > 300000 and label == 'image.detectors'",
            "'LoadsImages' in frames and 'RunsTheProgram' in stack", "untracked", "thread == 77",
            "sizes > 3", "size > 'x'")]
        heap["address_used_again"] += ["alkaid heap diff after", "alkaid heap diff before after"]
        heap["begun_anew"] += ["alkaid heap diff before"]
        cls.found = walk(heap)

    def totals(self, state):
        return self.found[state][0].splitlines()[0]

    def notes(self, state):
        return [line for line in self.found[state][0].splitlines() if line.startswith("note: ")]

    def test_totals_are_by_label_pool_and_traceback(self):
        self.assertEqual("0 allocated, in 0 blocks", self.found["no_tables"][0])
        self.assertEqual("0 allocated, in 0 blocks", self.found["empty"][0])
        text = self.found["second"][0]
        self.assertTrue(text.startswith("360,016 allocated, in 2 blocks\n"), text)
        self.assertRegex(text, r"\n +355,920 +1  image.detectors  malloc\n"
                               r" +4,096 +1  dgram.batch +jemalloc")
        self.assertRegex(text, r"355,920 bytes in 1 block, image.detectors\n +#0  LoadsImages.*"
                               r"\n +#1  RunsTheProgram")
        self.assertEqual([], self.notes("second"))

    def test_tracking_that_is_off_and_tables_that_are_none_are_said(self):
        self.assertIn("does not begin with ALKHEAP", self.found["nothing"][0])
        self.assertIn("tracking is off", self.found["off"][0])

    def test_a_difference_has_what_was_freed_and_what_is_new(self):
        same = self.found["first"][3]
        self.assertIn("Changes from before to current\n  +0 bytes, +0 blocks\n", same)
        self.assertTrue(same.endswith("Free-d blocks:\n  New blocks:"), same)
        text = self.found["second"][1]
        self.assertIn("+355,820 bytes, +0 blocks\n", text)
        self.assertRegex(text, r"Free-d blocks:\n +0x\w+ -> 0x\w+ +100 bytes jemalloc#2 "
                               r"uncategorized\n  New blocks:")
        self.assertRegex(text, r"New blocks:\n +0x\w+ -> 0x\w+ +355,920 bytes image.detectors "
                               r"uncategorized 00000000")
        self.assertRegex(text, r"\+355,920 bytes in 1 block, image.detectors\n +#0  LoadsImages")

    def test_another_block_at_the_same_address_is_new(self):
        text = self.found["address_used_again"][1]
        self.assertIn("-4,032 bytes, +0 blocks", text)
        self.assertRegex(text, r"4,096 bytes dgram.batch\n  New blocks:\n"
                               r".* 64 bytes dgram.batch 5468652")
        self.assertIn("Changes from before to after\n  +355,820 bytes",
                      self.found["address_used_again"][2])

    def test_differences_that_make_no_sense_are_refused(self):
        self.assertIn("nothing was kept as 'nothing' (kept: before)", self.found["first"][4])
        self.assertEqual("before: 4,196 allocated, in 2 blocks", self.found["first"][5])
        self.assertIn("a name is one word", self.found["first"][6])
        self.assertIn("tracking was restarted", self.found["begun_anew"][1])

    def test_a_stop_in_the_middle_of_an_update_is_said(self):
        for state, total in (("odd_sequence", "355,984 allocated, in 2 blocks"),
                             ("odd_sequence_and_not_counted", "355,994 allocated, in 3 blocks")):
            self.assertEqual(total, self.totals(state))
            self.assertEqual(1, len(self.notes(state)), self.found[state][0])
            self.assertIn("a record was being put in or taken out (shard 1 ", self.notes(state)[0])
        self.assertEqual(["note: 2 block(s) are being reallocated at this moment and are in no "
                          "table",
                          "note: 3 block(s) or slices were not recorded, for want of memory"],
                         self.notes("moving"))

    def test_samples_are_called_estimates(self):
        self.assertEqual("about 3,559,264 allocated, in about 11 blocks", self.totals("sampled"))
        self.assertIn("estimates", self.notes("sampled")[0])

    def test_damage_is_named_and_never_a_python_traceback(self):
        for state, text in (
                ("damaged_record", "a record has label 99 of 3"),
                ("damaged_stack", "stack trace 0x1 says it has 2147483648 frames"),
                ("wrong_count", "shard 1 of the table of blocks counts 3 records and holds 1"),
                ("array_unmapped", "nothing is mapped at 0x40"),
                ("capacity_no_power_of_two", "capacity of 7, not a power of two"),
                ("capacity_too_large", "nothing is mapped at 0x"),
                ("too_many_shards", "2147483647 shards"),
                ("records_too_small", "records of 8 bytes"),
                ("label_unmapped", "a label cannot be read: nothing is mapped at 0x40"),
                ("wrong_magic", "does not begin with ALKHEAP but with 58"),
                ("unknown_version", "have layout 2 and this script knows 1"),
                ("root_too_small", "says it has 8 bytes")):
            self.assertIn(text, self.found[state][0])
        for texts in self.found.values():
            self.assertNotIn("Traceback (most", "\n".join(texts))
            self.assertNotIn("Error occurred in Python", "\n".join(texts))

    def test_records_of_a_later_library_are_read(self):
        self.assertEqual("360,016 allocated, in 2 blocks", self.totals("longer_records"))
        self.assertEqual([], self.notes("longer_records"))

    def test_slices_show_what_they_keep_and_what_they_hide(self):
        lines = self.found["first"][2].splitlines()
        self.assertEqual("4,196 bytes held by slices of 2 roots, 1,636 of them visible", lines[0])
        self.assertRegex(lines[2], r"^ +4,096 +1,536 +37.5 % +2 .* dgram.batch .* LoadsImages")
        self.assertRegex(lines[3], r"^ +100 +100 +100.0 % +1 .* - ")

    def test_blocks_are_found_by_address_and_expression(self):
        found = self.found["second"]
        self.assertEqual(3, len(found[2].splitlines()))
        self.assertRegex(found[3], r"355,920 bytes image.detectors\n +uncategorized\n"
                                   r" +pool malloc, thread 77, serial 3, allocated .* ago\n"
                                   r" +#0  LoadsImages")
        self.assertIn("no live block that is recorded contains 0x", found[4])
        self.assertIn("of 355,920 bytes, ends 0 bytes before", found[4])
        chosen = [text.splitlines()[0] for text in found[-6:]]
        self.assertEqual(["355,920 bytes in 1 of 2 blocks", "360,016 bytes in 2 of 2 blocks",
                          "0 bytes in 0 of 2 blocks", "360,016 bytes in 2 of 2 blocks"], chosen[:4])
        self.assertIn("a block has no 'sizes'; known are: address, age, category, flags", chosen[4])
        self.assertIn("select: size > 'x': '>' not supported", chosen[5])

    def test_bytes_are_shown(self):
        self.assertEqual(["54 68 65 20 71 75 69 63  6b 20 62 72 6f 77 6e 20 |The quick brown |",
                          "66 6f 78 00 00 00 00 00  00 00 00 00 00 00 00 00 |fox.............|"],
                         [line[20:] for line in self.found["second"][5].splitlines()])
        self.assertIn("alkaid hexdump: nothing can be read at 0x40", self.found["second"][6])

    def test_nothing_is_called_in_the_process(self):
        self.assertRegex(self.found["second"][7], "may-call-functions is off")
        self.assertIn("is on", self.found["second"][8])

    def test_wrong_use_is_said(self):
        for text, expected in zip(self.found["second"][9:14], (
                "no_such_name", "there is no 'alkaid heap foo'", "there is no 'foo'",
                "there is no option --ell", "a length is between 1 and 1,048,576")):
            self.assertIn(expected, text)
        self.assertIn("no symbol alkaid_pools: the process has not loaded libalkaid.so",
                      self.found["second"][15])


class Watches(unittest.TestCase):
    """Hardware watchpoints on a block."""

    @classmethod
    def setUpClass(cls):
        run = ["run"] + ["continue"] * STATES.index("begun_anew")
        commands = [
            "break Reached", *run, "alkaid heap watch &first[7]", "info watchpoints",
            "alkaid heap watch &second", "alkaid heap unwatch", "info watchpoints",
            "watch label_count",
            "alkaid heap watch --ends &second", "alkaid heap watch &first", "alkaid heap unwatch",
            "delete 6", "alkaid heap watch &first", "continue", "info watchpoints", "continue",
            "info watchpoints", "continue",
            "alkaid heap watch &second", "continue", "info watchpoints",
            "alkaid heap watch &second",
            "delete 1", "continue", "info watchpoints"]
        printed = gdb_session.run(commands, OPTIONS.states)
        cls.found = printed[1 + len(run):]

    def test_a_block_takes_its_ends_and_its_record(self):
        self.assertRegex(self.found[0], r"4,096 bytes dgram.batch with hardware watchpoints "
                                        r"\d, \d, \d, \d$")
        self.assertEqual(2, self.found[1].count("acc watchpoint"))
        self.assertEqual(2, self.found[1].count("hw watchpoint"))

    def test_running_out_is_said_and_they_can_be_removed(self):
        self.assertIn("a processor has 4 hardware watchpoints, a block takes 2 at least, and 4 are "
                      "in use", self.found[2])
        self.assertEqual("1 block(s) were watched", self.found[3])
        self.assertEqual("No watchpoints.", self.found[4])
        self.assertIn("will not be seen", self.found[6])
        self.assertIn("3 are in use", self.found[7])

    def test_who_frees_the_block_is_reported_without_the_block_being_touched(self):
        self.assertIn("Breakpoint 1, Reached (", self.found[11])  # moved, not freed
        self.assertNotIn("The block", self.found[11])
        self.assertEqual(4, self.found[12].count("watchpoint "), self.found[12])
        self.assertRegex(self.found[13], r"The block 0x\w+ -> 0x\w+ +4,096 bytes dgram.batch\n"
                                         r"was freed or reallocated by\n"
                                         r"=> #0  .*Frees at heap_states")
        self.assertRegex(self.found[13], "first frame outside allocators and libraries: #0 .*Frees")
        self.assertEqual("No watchpoints.", self.found[14])

    def test_who_touches_the_block_is_reported(self):
        self.assertRegex(self.found[17], r"355,920 bytes image.detectors\nwas touched at its last "
                                         r"byte by\n=> #0  .*Frees at heap_states.cc")
        self.assertEqual("No watchpoints.", self.found[18])

    def test_they_go_with_the_process(self):
        self.assertIn("with hardware watchpoints", self.found[19])
        self.assertIn("exited normally", self.found[21])
        self.assertEqual("No watchpoints.", self.found[22])


class Cores(unittest.TestCase):
    """A dead process, without debug information and without its static symbols."""

    COUNT = 100000

    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(cls.folder.cleanup)
        cls.program = os.path.join(cls.folder.name, "stripped")
        subprocess.run(["strip", "-o", cls.program, OPTIONS.states], check=True)
        cls.large, cls.small = (os.path.join(cls.folder.name, name) for name in ("large", "small"))
        gdb_session.run(["break Reached", "run", f"generate-core-file {cls.large}"], cls.program,
                        str(cls.COUNT))
        second = STATES.index("second")
        gdb_session.run(["break Reached", "run", *["continue"] * second,
                         f"generate-core-file {cls.small}"], cls.program)

    def test_of_a_stripped_program_has_its_blocks_with_names_and_contents(self):
        found = gdb_session.run([f"core-file {self.small}", "alkaid heap", "alkaid heap all",
                                 "alkaid retention", "alkaid heap watch 1", "alkaid heap label x"],
                                self.program)
        self.assertRegex(found[1], r"^360,016 allocated, in 2 blocks\n[^$]*\n +#0  LoadsImages"
                                   r"\n +#1  RunsTheProgram")
        self.assertRegex(found[2], "dgram.batch +54686520 71756963")
        self.assertIn("4,196 bytes held by slices of 2 roots, 1,636 of them visible", found[3])
        self.assertIn("a core does not go on", found[4])
        self.assertEqual("360,016 allocated, in 2 blocks", found[5])

    def test_of_many_blocks_has_all_of_them(self):
        found = gdb_session.run([
            f"core-file {self.large}", "alkaid heap",
            "python import time; began = time.monotonic()",
            "alkaid heap label x", "python print(f'{time.monotonic() - began:.2f}')",
            "alkaid heap diff x",
            "alkaid heap select \"'LoadsImages' in frames and size == 4999 and age >= 0\""],
            self.program)
        self.assertTrue(found[1].startswith("249,950,000 allocated, in 100,000 blocks\n"), found[1])
        self.assertIn("+0 bytes, +0 blocks", found[5])
        self.assertTrue(found[6].startswith("99,980 bytes in 20 of 100,000 blocks\n"), found[6])
        print(f"{self.COUNT} blocks of a core kept in {found[4]} s")

    def test_that_leaves_memory_out_is_refused_with_the_address(self):
        shards = gdb_session.run([f"core-file {self.small}", "x/gx (char*)&alkaid_heap_root + 64"],
                                 self.program)[1]
        address = int(shards.split()[-1], 16)
        cut = os.path.join(self.folder.name, "cut")
        shutil.copy(self.small, cut)
        leave_out(cut, address)
        found = gdb_session.run(
            [f"core-file {cut}", "alkaid heap", f"alkaid hexdump {address - 8:#x}"], self.program)
        self.assertEqual("alkaid heap: the shards of the table of blocks cannot be read: nothing "
                         f"is mapped at {address:#x}, or the core leaves it out", found[1])
        self.assertIn("nothing can be read at 0x", found[2])


def leave_out(core, address):
    """Removes the bytes of the mapping that contains `address` from the core, like a filter of
    cores."""
    segment = struct.Struct("<IIQQQQQQ")
    with open(core, "r+b") as file:
        header = file.read(64)
        (offset,) = struct.unpack_from("<Q", header, 32)
        size, count = struct.unpack_from("<HH", header, 54)
        for number in range(count):
            file.seek(offset + number * size)
            fields = list(segment.unpack(file.read(segment.size)))
            if fields[0] == 1 and fields[3] <= address < fields[3] + fields[6]:
                fields[5] = 0  # p_filesz
                file.seek(offset + number * size)
                file.write(segment.pack(*fields))
                return
    raise AssertionError(f"the core has nothing at {address:#x}")


class Pools(unittest.TestCase):
    """A process that uses libalkaid.so, with tracking off."""

    def rows(self, text):
        lines = text.splitlines()
        self.assertRegex(lines[0], "live bytes +peak bytes +bytes ever +allocations  pool +at$")
        halves = [line.rsplit(None, 1) for line in lines[1:]]
        return [[*figures.replace(",", "").split(None, 4), at] for figures, at in halves]

    def check(self, printed, listed):
        """All pools that the program printed are listed with the same figures."""
        expected = [line.split() for line in printed.splitlines()
                    if re.fullmatch(r"\d+ \d+ \d+ \d+ \w+ 0x\w+", line)]
        self.assertGreaterEqual(len(expected), 2, printed)
        found = {int(row[-1], 16): row for row in self.rows(listed)}
        self.assertEqual(len(expected), len(found), listed)
        for row in expected:
            address = int(row[-1], 16)
            self.assertIn(address, found)
            self.assertEqual(row[:4], found[address][:4], listed)
            self.assertIn(row[4], found[address][4])

    def test_have_the_figures_that_they_report_in_a_process_and_in_a_core(self):
        with tempfile.TemporaryDirectory() as folder:
            library = os.path.join(folder, "libalkaid.so.0")
            subprocess.run(["strip", "-o", library, OPTIONS.library], check=True)
            core, said = os.path.join(folder, "core"), os.path.join(folder, "said")
            live = gdb_session.run(
                ["break Reached", f"set environment LD_LIBRARY_PATH {folder}", f"run > {said}",
                 "info sharedlibrary alkaid", "alkaid pools", "alkaid heap",
                 f"generate-core-file {core}"], OPTIONS.pools)
            self.assertIn(library, live[3])
            with open(said, encoding="utf-8") as file:
                self.check(file.read(), live[4])
            self.assertIn("tracking is off", live[5])
            dead = gdb_session.run([f"core-file {core}", "alkaid pools"], OPTIONS.pools)
            self.assertEqual(live[4], dead[1])


class Tracked(unittest.TestCase):
    """A process whose tables are kept by a stripped libalkaid.so."""

    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(cls.folder.cleanup)
        subprocess.run(["strip", "-o", os.path.join(cls.folder.name, "libalkaid.so.0"),
                        OPTIONS.library], check=True)
        cls.core = os.path.join(cls.folder.name, "core")
        said = os.path.join(cls.folder.name, "said")
        cls.start = [f"set environment LD_LIBRARY_PATH {cls.folder.name}", "break Reached",
                     f"run > {said}"]
        expressions = ["\"label == 'image.pixels' and size == 1000\"", "\"'LoadsImages' in stack\""]
        cls.commands = ["alkaid heap", "alkaid heap all", "alkaid retention",
                        *(f"alkaid heap select {text}" for text in expressions)]
        cls.live = gdb_session.run(
            [*cls.start, "info sharedlibrary alkaid", *cls.commands, "alkaid heap label before",
             f"generate-core-file {cls.core}", "continue", "alkaid heap diff before"],
            OPTIONS.tracked)
        # what, address, size: as the program printed them
        with open(said, encoding="utf-8") as file:
            printed = re.findall(r"^(\w+) (0x\w+) (\d+)$", file.read(), re.MULTILINE)
        cls.held = [(what, int(address, 16), int(size)) for what, address, size in printed]

    def test_all_of_it_is_listed_with_its_label_and_traceback(self):
        self.assertIn(os.path.join(self.folder.name, "libalkaid.so.0"), self.live[3])
        held = [one for one in self.held if one[0] != "moved"]
        self.assertEqual(4, len(held), self.live)
        total = sum(size for _, _, size in held)
        self.assertEqual(f"{total:,} allocated, in 4 blocks", self.live[4].splitlines()[0])
        for what, address, size in held:
            label = "image.pixels" if what == "label" else "system"
            self.assertRegex(self.live[5], f"{address:#018x} -> {address + size - 1:#018x} "
                                           f"+{size:,} bytes {label} ")
        self.assertRegex(self.live[4], r"300,000 bytes in 1 block, image.pixels\n"
                                       r" +#\d+ +.*LoadsImages")
        self.assertNotIn("note:", self.live[4])

    def test_slices_are_listed_with_what_they_keep(self):
        root = next(one for one in self.held if one[0] == "root")
        self.assertEqual(f"{root[2]:,} bytes held by slices of 1 root, 1,500 of them visible",
                         self.live[6].splitlines()[0])
        self.assertRegex(self.live[6].splitlines()[2],
                         f"^ +{root[2]:,} +1,500 +0.1 % +2 .* {root[1]:#018x}  .*Few")

    def test_blocks_are_selected(self):
        self.assertTrue(self.live[7].startswith("1,000 bytes in 1 of 4 blocks"), self.live[7])
        self.assertTrue(self.live[8].startswith("301,000 bytes in 2 of 4 blocks"), self.live[8])

    def test_a_core_says_the_same_as_the_process(self):
        dead = gdb_session.run([f"core-file {self.core}", *self.commands], OPTIONS.tracked)
        without_age = lambda text: re.sub(r"\d+\.\d (s|min)", "AGE", text)  # noqa: E731
        self.assertEqual([without_age(text) for text in self.live[4:9]],
                         [without_age(text) for text in dead[1:]])

    def test_a_difference_has_what_was_freed_and_what_was_reallocated(self):
        before = {(address, size) for what, address, size in self.held if what == "label"}
        after = {(address, size) for what, address, size in self.held if what == "moved"}
        text = self.live[-1]
        self.assertIn("+299,000 bytes, -1 block\n", text)
        freed, made = text.split("New blocks:")
        found = re.compile(r"(0x\w+) -> 0x\w+ +([\d,]+) bytes")
        blocks = lambda part: {(int(address, 16), int(size.replace(",", "")))  # noqa: E731
                               for address, size in found.findall(part)}
        self.assertEqual(before, blocks(freed))
        self.assertEqual(after, blocks(made))

    def test_who_frees_a_block_that_nobody_touches_is_reported(self):
        # So large that the C library returns it to the system, and writes nothing into it.
        moved = next(one[1] for one in self.held if one[0] == "moved")
        found = gdb_session.run([*self.start, "continue", f"alkaid heap watch {moved:#x} + 5",
                                 "continue"], OPTIONS.tracked)
        self.assertIn("600,000 bytes image.pixels with hardware watchpoints", found[4])
        self.assertIn("was freed or reallocated by\n", found[5])
        self.assertRegex(found[5], r"\n=> #\d+ +\(anonymous namespace\)::Few at tracked_program.cc")

    def test_a_stop_in_the_middle_of_an_update_is_said(self):
        address = next(one[1] for one in self.held if one[0] == "label")
        watch = ("python\nimport gdb\nfrom alkaid_debugger import inferior, layout\n"
                 "root = inferior.address_of('alkaid_heap_root')\n"
                 "heap = layout.Heap(inferior.Memory().read, root)\n"
                 f"block = [one for one in heap.blocks() if one.address == {address}][0]\n"
                 "shard = heap.shard_address(block)\n"
                 "gdb.execute(f'watch *(unsigned int *) {shard:#x}')\nend")
        script = os.path.join(self.folder.name, "watch.gdb")
        with open(script, "w", encoding="utf-8") as file:
            file.write(watch)
        found = gdb_session.run([*self.start, f"source {script}", "continue", "alkaid heap all",
                                 "alkaid heap", "continue", "alkaid heap"], OPTIONS.tracked)
        self.assertIn("watchpoint", found[4])
        self.assertIn("note: the process stopped while a record was being put in or taken out",
                      found[5])
        self.assertNotIn("damaged", found[5] + found[6])
        self.assertIn("watchpoint", found[7])
        self.assertTrue(found[8].splitlines()[0].endswith("in 3 blocks"), found[8])
        self.assertNotIn("note:", found[8])


class Busy(unittest.TestCase):
    """A process stopped at a random point while its threads allocate and free."""

    STOPS = 25

    def test_is_read_right_at_every_stop(self):
        program = gdb_session.Program(OPTIONS.tracked, "busy")
        debugger = None
        try:
            _, address, size = program.hear().split()
            debugger = gdb_session.Debugger(program.pid)
            notes = set()
            for _ in range(self.STOPS):
                text = debugger.do("alkaid heap")
                self.assertRegex(text, r"^[\d,]+ allocated, in [\d,]+ blocks\n")
                self.assertNotIn("damaged", text)
                # Two threads, so at most two blocks.
                for moving in re.findall(r"^note: (\d+) block.* being reallocated", text, re.M):
                    self.assertLessEqual(int(moving), 2)
                notes.update(re.sub(r"\d+", "N", line) for line in text.splitlines()
                             if line.startswith("note: "))
                block = debugger.do(f"alkaid heap block {address}")
                self.assertIn(f"{int(size):,} bytes image.pixels", block)
                debugger.go_on()
                self.assertIn("SIGINT", debugger.interrupt(program.pid))
            print(f"{self.STOPS} stops; notes: {sorted(notes) or 'none'}")
        finally:
            if debugger is not None:
                debugger.end()
            program.end()


class Pages(unittest.TestCase):
    """docs/heap-tutorial.md and docs/gdb.md show what really happens, with a program that does not
    know Alkaid."""

    def same(self, page, steps):
        """The page shows what happened. Other compilers inline and name functions differently."""
        if not OPTIONS.compare:
            print("not compared with the page, which shows the program as GCC 12 builds it")
            return
        happened = recorded_session.lines_of(steps)
        shown = recorded_session.fences(os.path.join(OPTIONS.docs, page))
        self.assertEqual("", recorded_session.difference(shown, happened), "\n".join(happened))

    def test_the_tutorial_finds_four_blocks_and_the_class_that_frees_them(self):
        steps = recorded_session.tutorial(OPTIONS.alkaid, OPTIONS.program)
        printed = {typed.split(" 0x")[0]: text for _, typed, text in steps}
        change = printed["alkaid heap diff before"]
        new = change.split("New blocks:")[1].split("New blocks by traceback:")[0]
        self.assertEqual(4, new.count(" 355,920 bytes malloc "), change)
        self.assertEqual(4, change.count("+355,920 bytes in 1 block, malloc"), change)
        self.assertEqual(4, len(re.findall(r"355,920 bytes in .*\n.* ImageSet::ImageSet", change)))
        self.assertTrue(printed['alkaid heap select "size > 300000 and \'ImageSet::ImageSet\' in '
                                'frames"'].startswith("2,847,360 bytes in 8 of "))
        report = steps[-3][2]
        self.assertRegex(report, r"was touched at its last byte by\n")
        self.assertRegex(report, r"outside allocators and libraries: #\d+ ImageSet::~ImageSet at")
        self.assertTrue(steps[-1][2].endswith("= 22245"), steps[-1][2])
        self.same("heap-tutorial.md", steps)

    def test_a_core_of_the_same_program_shows_the_same_blocks(self):
        steps = recorded_session.core(OPTIONS.alkaid, OPTIONS.program)
        found = re.findall(r"355,920 bytes in 1 block, malloc\n.* ImageSet::ImageSet", steps[2][2])
        self.assertEqual(4, len(found), steps[2][2])
        self.same("gdb.md", [*steps, *recorded_session.retention(OPTIONS.tracked)])

    def test_a_page_that_lies_is_found(self):
        happened = ["a 0x00007f70828a0010 x", "b", "c", "d"]
        same = ["a 0x00007f1234560010 x", "b", "c", "d"]
        for shown, right in ((same, True), ([same[0], "[...]"], True), (["[...]", "d"], True),
                             (same[:3], False), ([same[0], "b", "d"], False),
                             (["a 0x00007f1234560010 y", "[...]"], False), ([*same, "e"], False),
                             ([same[0], "[...]", "e"], False), ([], False)):
            self.assertEqual(right, not recorded_session.difference(shown, happened), shown)


class NoProcess(unittest.TestCase):

    def test_is_said(self):
        for text in gdb_session.run([
                "alkaid heap", "alkaid pools", "alkaid hexdump 0x1000", "alkaid heap watch 1",
                "alkaid heap block 1", "alkaid retention"]):
            self.assertRegex(text, r"^alkaid [a-z ]+: there is no process and no core: attach PID")

    def test_that_a_process_runs_is_said(self):
        found = gdb_session.run(["run &", "alkaid heap", "alkaid pools"], shutil.which("sleep"),
                                "60")
        for text in found[1:]:
            self.assertIn("the process is running: interrupt it first", text)

    def test_help_is_there_for_each_command_and_sourcing_again_does_no_harm(self):
        commands = ["heap", "heap all", "heap label", "heap diff", "heap select", "heap block",
                    "heap watch", "heap unwatch", "hexdump", "pools", "retention"]
        found = gdb_session.run([f"source {gdb_session.SCRIPT}",
                                 *(f"help alkaid {command}" for command in commands)])
        self.assertEqual("", found[0])
        for command, text in zip(commands, found[1:]):
            self.assertIn(f"Usage: alkaid {command}", text)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("suite")
    for name in ("states", "pools", "tracked", "planted", "program", "alkaid", "library", "docs", "preload",
                 "replacing", "apple", "banana"):
        parser.add_argument(f"--{name}")
    parser.add_argument("--compare", action="store_true", help="the pages with what happens")
    parser.add_argument("--sanitizer", default="")
    parser.parse_args(namespace=OPTIONS)
    reason = gdb_session.why_not(OPTIONS.sanitizer)
    strips = OPTIONS.suite in ("Cores", "Pools", "Tracked", "Stripped")
    if not reason and strips and shutil.which("strip") is None:
        reason = "strip is not installed"
    if not reason and OPTIONS.suite == "Pages" and shutil.which("gcore") is None:
        reason = "gcore, which comes with gdb, is not there"
    if reason:
        print(f"skipped: {reason}")
        return 77
    program = unittest.main(argv=[sys.argv[0], OPTIONS.suite], exit=False)
    return 0 if program.result.wasSuccessful() and program.result.testsRun else 1


if __name__ == "__main__":
    sys.exit(main())
