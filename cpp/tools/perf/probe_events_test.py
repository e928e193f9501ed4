#!/usr/bin/python3 -B
"""Tests of what alkaid-perf-record reads from a library, a process and arguments. Needs no root."""

import contextlib
import importlib.machinery
import io
import os
import struct
import subprocess
import sys
import tempfile
import types
import unittest
import unittest.mock

import elf_image
import library_search
import probe_events

HERE = os.path.dirname(os.path.abspath(__file__))


def made_elf(base=0x2000):
    """An ELF file with one load (address 0x1000 at offset 0x200) and one tracepoint at 0x1040."""
    note = struct.pack("<QQQ", 0x1040, 0x2000, 0x3010) + b"alkaid\0free\0" + b"8@%rdi -8@%rsi\0"
    notes = struct.pack("<III", 8, len(note), 3) + b"stapsdt\0" + note + b"\0" * (-len(note) % 4)
    names = b"\0.note.stapsdt\0.stapsdt.base\0.shstrtab\0.debug_info\0"
    notes_at, names_at = 64 + 56, 64 + 56 + len(notes)
    sections_at = names_at + len(names)

    def section(name, address, offset, size):
        return struct.pack("<IIQQQQIIQQ", names.index(name), 1, 0, address, offset, size, 0, 0, 1,
                           0)

    head = (b"\x7fELF\x02\x01\x01" + b"\0" * 9
            + struct.pack("<HHIQQQIHHHHHH", 3, 62, 1, 0, 64, sections_at, 0, 64, 56, 1, 64, 4, 3))
    load = struct.pack("<IIQQQQQQ", 1, 5, 0x200, 0x1000, 0x1000, 0x4000, 0x4000, 0x1000)
    return (head + load + notes + names + b"\0" * 64
            + section(b".note.stapsdt", 0, notes_at, len(notes))
            + section(b".stapsdt.base", base, 0, 1)
            + section(b".shstrtab", 0, names_at, len(names)))


class Files(unittest.TestCase):

    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)

    def file(self, content, name="library"):
        path = os.path.join(self.folder.name, name)
        with open(path, "wb") as file:
            file.write(content)
        return path


class ElfImage(Files):

    def test_a_tracepoint_is_found_where_it_lies_in_the_file(self):
        image = elf_image.ElfImage(self.file(made_elf()))
        self.assertEqual(image.tracepoints("alkaid"), [elf_image.Tracepoint(
            "alkaid", "free", 0x240, 0x2210, ("8@%rdi", "-8@%rsi"))])
        self.assertEqual(image.tracepoints("other"), [])
        self.assertFalse(image.has_debug_information())

    def test_a_base_that_moved_moves_the_tracepoint(self):
        point, = elf_image.ElfImage(self.file(made_elf(base=0x2100))).tracepoints("alkaid")
        self.assertEqual((point.offset, point.semaphore_offset), (0x340, 0x2310))

    def test_a_file_that_is_none_or_cut_short_is_named(self):
        whole = made_elf()
        for content in (b"", b"#!/bin/sh\n", whole[:64], whole[:100], whole[:-40], whole[:-300]):
            path = self.file(content)
            with self.assertRaises(elf_image.NotElf) as caught:
                elf_image.ElfImage(path)
            self.assertIn(path, str(caught.exception))

    def test_any_one_byte_may_be_wrong(self):
        whole = made_elf()
        for position in range(len(whole)):
            content = bytearray(whole)
            content[position] ^= 0xff
            try:
                elf_image.ElfImage(self.file(bytes(content))).tracepoints("alkaid")
            except elf_image.NotElf:
                pass


class ProbeEvents(unittest.TestCase):

    def test_arguments_are_fetched_from_registers_memory_and_constants(self):
        for argument, machine, expected in (
                ("8@%rdi", "x86_64", ("%di", 8)), ("-4@%r8d", "x86_64", ("%r8", -4)),
                ("-8@$64", "x86_64", ("\\64", -8)), ("8@24(%rsp)", "x86_64", ("+24(%sp)", 8)),
                ("8@-8(%rbp)", "x86_64", ("-8(%bp)", 8)), ("8@(%rax)", "x86_64", ("+0(%ax)", 8)),
                ("8@x3", "aarch64", ("%x3", 8)), ("-4@w1", "aarch64", ("%x1", -4)),
                ("8@[sp, 16]", "aarch64", ("+16(%sp)", 8)), ("-8@5", "aarch64", ("\\5", -8))):
            self.assertEqual(probe_events.fetch_of(argument, machine), expected, argument)

    def test_an_argument_that_can_not_be_fetched_is_named(self):
        for argument, machine in (("8@name(%rip)", "x86_64"), ("8@8(%rax,%rbx,4)", "x86_64"),
                                  ("8@%xmm0", "x86_64"), ("8@%rdi", "riscv"), ("", "x86_64")):
            with self.assertRaises(probe_events.ProbeError) as caught:
                probe_events.fetch_of(argument, machine)
            self.assertIn(argument, str(caught.exception))

    def test_the_kernel_is_told_names_types_and_the_semaphore(self):
        point = elf_image.Tracepoint("alkaid", "allocate", 0x240, 0x310, (
            "8@%rdi", "-8@%rsi", "-8@%rdx", "8@%rcx", "8@%r8"))
        self.assertEqual(
            probe_events.tracepoint_command(point, "alkaid_7", "/lib/x.so", "x86_64"),
            "p:alkaid_7/allocate /lib/x.so:0x240(0x310) ptr=%di:x64 size=%si:s64 alignment=%dx:s64 "
            "pool=%cx:x64 label=+0(%r8):ustring")

    def test_a_tracepoint_of_another_version_is_refused(self):
        point = elf_image.Tracepoint("alkaid", "free", 1, 2, ("8@%rdi",))
        with self.assertRaisesRegex(probe_events.ProbeError, "1 arguments, not 3"):
            probe_events.tracepoint_command(point, "g", "/lib/x.so", "x86_64")


class ProbesOnAllocators(Files):

    def failure(self, path, perf="exit 1"):
        script = self.file(f"#!/bin/sh\n{perf}\n".encode(), "perf")
        os.chmod(script, 0o755)
        image = elf_image.ElfImage(self.file(made_elf()))
        with self.assertRaises(probe_events.ProbeError) as caught:
            probe_events.ProbeGroup().probe_allocators(script, image, path, ["mimalloc"])
        return str(caught.exception)

    def test_perf_is_asked_for_its_reasons_and_they_are_passed_on(self):
        said = self.failure("/lib/x.so", 'case " $* " in *" -q "*) ;; *) echo why not >&2;; esac\n'
                                         "exit 1")
        self.assertIn("perf probe failed on /lib/x.so:\nwhy not\n", said)

    def test_a_path_that_the_kernel_can_not_take_is_refused_for_both_kinds(self):
        for path in ("/a b/x.so", "/a\tb/x.so"):
            self.assertIn("takes no blanks", self.failure(path))
            point = elf_image.Tracepoint("alkaid", "free", 1, 2, ("8@%rdi",))
            with self.assertRaisesRegex(probe_events.ProbeError, "takes no blanks"):
                image = unittest.mock.Mock(**{"tracepoints.return_value": [point]})
                probe_events.ProbeGroup().probe_tracepoints(image, path, ["free"])


class LibrarySearch(Files):

    def test_names_of_the_library_and_of_its_neighbours(self):
        for name, found in (("libalkaid.so", True), ("libalkaid.so.0", True),
                            ("libalkaid.so.0.1.0", True), ("libalkaid_cuda.so", False),
                            ("libalkaid.so.debug", False), ("notlibalkaid.so", False)):
            self.assertEqual(library_search.LIBRARY.match(name) is not None, found, name)

    def test_what_is_missing_is_said(self):
        for call, expected in (
                (lambda: library_search.of_process(os.getpid()), "has no libalkaid.so loaded"),
                (lambda: library_search.of_process(2 ** 30), "there is no process"),
                (lambda: library_search.of_command("no such command"), "no such command"),
                (lambda: library_search.of_command("true"), "not linked with libalkaid.so")):
            with self.assertRaisesRegex(library_search.NotFound, expected):
                call()


class Processes(Files):
    """Programs that have mapped a library of that name, and see other files than this process
    does."""

    MAPS = ("import mmap, sys\n"
            "file = open(sys.argv[1], 'rb')\n"
            "mapped = mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ)\n"
            "print('mapped', flush=True)\n"
            "sys.stdin.read()\n")

    def setUp(self):
        super().setUp()
        self.jail = os.path.join(self.folder.name, "jail")
        os.makedirs(os.path.join(self.jail, "lib"))
        self.library = os.path.join(self.jail, "lib/libalkaid.so.0")
        with open(self.library, "wb") as file:
            file.write(b"the library")

    def found(self, *command):
        """What is found for a process of this command, once it has loaded its library."""
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                              text=True) as process:
            try:
                self.assertEqual(process.stdout.readline(), "mapped\n")
                path = library_search.of_process(process.pid)
                with open(path, "rb") as file:
                    return path, file.read()
            finally:
                process.stdin.close()
                process.wait()

    def test_a_process_in_the_same_root_has_its_librarys_own_path(self):
        self.assertEqual(self.found(sys.executable, "-c", self.MAPS, self.library),
                         (self.library, b"the library"))

    def test_the_library_of_a_chrooted_process_is_found(self):
        self.require_root()
        chroot = f"import mmap, os\nos.chroot({self.jail!r})\nos.chdir('/')\n"
        self.assertEqual(
            self.found(sys.executable, "-c", chroot + self.MAPS, "/lib/libalkaid.so.0"),
            (self.library, b"the library"))

    def test_a_file_that_only_the_process_sees_is_found_and_not_another_of_its_name(self):
        self.require_root()
        # For a file of another mount, the kernel reports the path inside that mount.
        place = os.path.join(self.folder.name, "place")
        os.mkdir(place)
        script = (f"mount -t tmpfs none {place} && mkdir -p {place}{self.jail}/lib && "
                  f"echo theirs > {place}{self.library} && "
                  'exec "$0" -c "$1" "$2"')
        path, content = self.found("unshare", "-m", "sh", "-c", script, sys.executable, self.MAPS,
                                   place + self.library)
        self.assertEqual(content, b"theirs\n", path)

    def require_root(self):
        done = subprocess.run(["unshare", "-m", "true"], stderr=subprocess.DEVNULL, check=False)
        if os.geteuid() != 0 or done.returncode != 0:
            print("not tried: only root may change the root of a process", file=sys.stderr)
            self.skipTest("takes root")


class CommandLine(Files):

    def fails(self, *arguments, status, says):
        done = subprocess.run([sys.executable, "-B", os.path.join(HERE, "alkaid-perf-record"),
                               *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                              text=True, check=False)
        self.assertEqual(done.returncode, status, done.stderr)
        self.assertIn(says, done.stderr)
        self.assertNotIn("Traceback", done.stderr)

    def test_arguments_that_do_not_go_together_are_refused(self):
        for arguments, says in (
                ((), "either --pid or a command"), (("--pid", "1", "--", "ls"), "either --pid"),
                (("--seconds", "1", "--", "ls"), "--seconds"),
                (("--pid", "1", "--seconds", "0"), "--seconds"),
                (("--stack-bytes", "12", "--", "ls"), "multiple of 8"),
                (("--probes=usdt", "--backend=jemalloc", "--", "ls"), "--backend"),
                (("--slices", "--", "ls"), "--slices")):
            self.fails(*arguments, status=2, says=says)

    def test_a_missing_perf_is_named_with_its_package(self):
        self.fails("--perf", "/nonexistent/perf", "--", "ls", status=1, says="linux-perf")

    def test_a_wrapper_without_its_perf_is_named(self):
        wrapper = self.file(b"#!/bin/sh\necho no perf for kernel 1.2\nexit 2\n", "perf")
        os.chmod(wrapper, 0o755)
        self.fails("--perf", wrapper, "--", "ls", status=1, says="no perf for kernel 1.2")

    def recorder(self):
        path = os.path.join(HERE, "alkaid-perf-record")
        recorder = types.ModuleType("alkaid_perf_record")
        importlib.machinery.SourceFileLoader(recorder.__name__, path).exec_module(recorder)
        return recorder

    def test_what_was_not_called_is_told_apart_from_what_was_lost(self):
        recorder = self.recorder()
        for stats, expected in (("SAMPLE events: 3", (False, False)), ("", (True, False)),
                                ("LOST events: 3", (False, True)),
                                ("LOST_SAMPLES events: 3", (False, True))):
            perf = self.file(f"#!/bin/sh\necho '   {stats}'\n".encode(), "perf")
            os.chmod(perf, 0o755)
            err = io.StringIO()
            with contextlib.redirect_stderr(err):
                recorder.report_sums(perf, "perf.data")
            self.assertEqual(("nothing that has a probe was called" in err.getvalue(),
                              "lost events" in err.getvalue()), expected, stats)

    def test_a_recording_that_perf_cannot_read_is_not_called_empty(self):
        recorder = self.recorder()
        perf = self.file(b"#!/bin/sh\necho incompatible file format >&2\nexit 255\n", "perf")
        os.chmod(perf, 0o755)
        err = io.StringIO()
        with contextlib.redirect_stderr(err):
            recorder.report_sums(perf, "perf.data")
        self.assertIn("perf cannot read perf.data", err.getvalue())
        self.assertIn("incompatible file format", err.getvalue())
        self.assertNotIn("nothing that has a probe", err.getvalue())

    def test_a_right_that_perf_lacks_is_named(self):
        def check(capabilities, level):
            probe_events.check_events(
                self.file(f"Name:\tx\nCapEff:\t{capabilities:016x}\n".encode(), "status"),
                self.file(f"{level}\n".encode(), "paranoid"))

        check(1 << 21, 4)  # CAP_SYS_ADMIN
        check(1 << 38, 4)  # CAP_PERFMON
        check(0, 1)
        for level in (2, 3):
            with self.assertRaisesRegex(probe_events.ProbeError,
                                        f"perf_event_paranoid is {level}.*CAP_PERFMON"):
                check(1 << 19, level)

    def test_a_process_or_a_library_that_is_not_there_is_named(self):
        perf = self.file(b"#!/bin/sh\necho perf version 6.1\n", "perf")
        os.chmod(perf, 0o755)
        self.fails("--perf", perf, "--pid", str(2 ** 30), status=1, says="there is no process")
        self.fails("--perf", perf, "--library", "/nonexistent.so", "--", "ls", status=1,
                   says="/nonexistent.so: no such file")


if __name__ == "__main__":
    unittest.main()
