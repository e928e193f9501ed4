"""The commands, as gdb knows them: `help alkaid`."""

import gdb

from . import inferior, layout, pools, rendering, retention, selection, snapshots, unloaded, watch
from .arguments import nothing_but, options
from .rendering import say
from .view import CATEGORIES, LISTED, TRACEBACKS, View, flags_of, name_of, total_line

_kept = {}  # snapshots by name, until gdb ends


class Command(gdb.Command):
    """The common part of all commands: errors are one line without a traceback, and nothing runs in
    the process."""

    def __init__(self, name, completion=gdb.COMPLETE_NONE, prefix=False):
        if completion is None:  # it has its own complete()
            super().__init__(name, gdb.COMMAND_DATA, prefix=prefix)
        else:
            super().__init__(name, gdb.COMMAND_DATA, completion, prefix)
        self.words = name

    def invoke(self, argument, from_tty):
        self.dont_repeat()
        try:
            with inferior.without_calls():
                self.run(argument)
        except (layout.HeapError, gdb.MemoryError, UnicodeError) as error:
            missing = (layout.Unreadable, gdb.MemoryError)
            cut = ""
            if isinstance(error, missing) or isinstance(error.__cause__, missing):
                cut = inferior.cut_core()
            text = f"{self.words}: {error}" + (f" ({cut})" if cut else "")
            raise gdb.GdbError(rendering.printable(text)) from error
        finally:
            unloaded.forget()


class Alkaid(Command):
    """Where the memory of a process is, as libalkaid.so knows it.

They work on a process and on a core, need no debug symbols, and call nothing in the process."""

    def run(self, argument):
        if argument:
            raise layout.HeapError(f"there is no '{argument}': see help alkaid")
        gdb.execute("help alkaid")


class Heap(Command):
    """Live blocks: totals by label and pool, by category, and by traceback.

Usage: alkaid heap [--all]
The tables are kept if tracking is on (ALKAID_TRACK_ALLOCATIONS, alkaid run --track). The 10
largest tracebacks and 20 largest categories unless --all is given."""

    def run(self, argument):
        given, rest = options(argument, "--all")
        if rest:
            raise layout.HeapError(f"there is no 'alkaid heap {rest}': see help alkaid heap")
        view = View()
        snapshot = view.snapshot()
        say(total_line(snapshot))
        if snapshot.blocks:
            say()
            say("  By label and pool:")
            groups = snapshots.totals(snapshot.blocks, lambda block: (
                snapshot.labels[block.label], snapshot.pools[block.pool]))
            rows = [(f"{size:,}", f"{count:,}", label or "-", pool)
                    for (label, pool), size, count in groups]
            for line in rendering.table(("bytes", "blocks", "label", "pool"), rows, left=(2, 3)):
                say("    " + line)
            say()
            say("  By category:")
            view.print_categories(snapshot.blocks, snapshot,
                                  None if "--all" in given else CATEGORIES)
            say()
            say("  By traceback:")
            view.print_tracebacks(snapshot.blocks, snapshot,
                                  None if "--all" in given else TRACEBACKS)
        view.print_notes()


class HeapAll(Command):
    """All live blocks, in the order of their addresses.

Usage: alkaid heap all"""

    def run(self, argument):
        nothing_but(argument, "--all")  # allowed, although it changes nothing
        view = View()
        snapshot = view.snapshot()
        say(total_line(snapshot))
        view.print_blocks(snapshot.blocks, snapshot, None)
        view.print_notes()


class HeapLabel(Command):
    """Keep the live blocks of this moment under a name, for alkaid heap diff.

Usage: alkaid heap label NAME
Without a name: what is kept. It is kept in gdb, until gdb ends or the name is given again."""

    def run(self, argument):
        name = argument.strip()
        if not name:
            for kept, snapshot in _kept.items():
                say(f"{kept}: {total_line(snapshot)}")
            if not _kept:
                say("nothing is kept: alkaid heap label NAME")
            return
        if len(name.split()) != 1 or name.startswith("--"):
            raise layout.HeapError(f"a name is one word, not '{name}'")
        view = View()
        snapshot = view.snapshot()
        _kept[name] = snapshot
        say(total_line(snapshot))
        view.print_notes()


class HeapDiff(Command):
    """What changed since a moment that was kept: blocks freed, and blocks that are new.

Usage: alkaid heap diff [--all] BEFORE [AFTER]
Without AFTER: up to now. New blocks are shown with their first bytes, and grouped by traceback; the
50 largest blocks and 10 largest tracebacks unless --all is given."""

    def complete(self, text, word):
        return [name for name in _kept if name.startswith(word)]

    def run(self, argument):
        given, rest = options(argument, "--all")
        names = rest.split()
        if not 1 <= len(names) <= 2:
            raise layout.HeapError("takes one name or two: alkaid heap diff BEFORE [AFTER]")
        for name in names:
            if name not in _kept:
                known = ", ".join(_kept) or "none"
                raise layout.HeapError(f"nothing was kept as '{name}' (kept: {known}): alkaid heap "
                                       f"label {name} keeps this moment")
        view = View()
        before = _kept[names[0]]
        after = _kept[names[1]] if len(names) == 2 else view.snapshot()
        changes = snapshots.Changes(before, after)
        about = "about " if before.sampled else ""
        limit = None if "--all" in given else LISTED
        say(f"Changes from {names[0]} to {names[1] if len(names) == 2 else 'current'}")
        say(f"  {about}{changes.bytes:+,} bytes, {about}{changes.blocks:+,} block"
              f"{'' if abs(changes.blocks) == 1 else 's'}")
        say()
        say("  Free-d blocks:")
        view.print_blocks(changes.freed, before, limit, contents=False)
        say("  New blocks:")
        view.print_blocks(changes.made, after, limit, contents=len(names) == 1)
        if changes.made:
            say()
            say("  New blocks by traceback:")
            view.print_tracebacks(changes.made, after, None if limit is None else TRACEBACKS, "+")
        view.print_notes()


class HeapSelect(Command):
    """Live blocks that an expression selects.

Usage: alkaid heap select [--all] "EXPRESSION"
The expression has Python's form: size > 300000 and label == 'x'. A block has
  address, size      where it begins; bytes
  label, pool        texts; '' is no label
  category           what it is: a class, 'std::string', 'Python dict', ... or 'uncategorized'
  age                seconds since it was allocated, in a core before the last allocation
  thread             the kernel's id of the thread that allocated it
  serial             distinguishes blocks that had the same address at different times
  frames             names of the functions of its traceback: 'ImageSet::Load' in frames
  stack              the same as one text: 'ImageSet' in stack
  flags              'untracked' (it was there before tracking), 'sampled'; both are names as well
and KiB, MiB, GiB, len(x), x.startswith(y), x.endswith(y). The 50 largest unless --all is given."""

    def run(self, argument):
        given, text = options(argument, "--all")
        if len(text) > 1 and text[0] == text[-1] and text[0] in "\"'" and (
                text[0] not in text[1:-1]):
            text = text[1:-1]
        if not text:
            raise layout.HeapError("takes an expression, such as \"size > 300000\"")
        now = 0
        heap = snapshot = None  # set once the expression is known to be valid
        properties = {
            "address": lambda block: block.address,
            "size": lambda block: block.size,
            "label": lambda block: heap.heap.label(block.label),
            "pool": lambda block: heap.heap.pool(block.pool),
            "category": lambda block: snapshot.category(block),
            "age": lambda block: (now - block.birth_ns) / 1e9,
            "thread": lambda block: block.thread,
            "serial": lambda block: block.serial,
            "frames": lambda block: heap.function_names(block.stack),
            "stack": lambda block: "\n".join(heap.function_names(block.stack)),
            "flags": lambda block: flags_of(block),
            "untracked": lambda block: bool(block.flags & layout.UNTRACKED),
            "sampled": lambda block: bool(block.flags & layout.SAMPLED),
        }
        selected = selection.compile_selection(text, properties)
        heap = View()
        snapshot = heap.snapshot()
        now = heap.now_ns(block.birth_ns for block in snapshot.blocks)
        chosen = [block for block in snapshot.blocks if selected(block)]
        say(f"{snapshots.weight(chosen):,} bytes in {len(chosen):,} of {len(snapshot.blocks):,} "
              "blocks")
        heap.print_blocks(chosen, snapshot, None if "--all" in given else LISTED)
        heap.print_notes()


class HeapBlock(Command):
    """The live block in which an address lies, with its traceback.

Usage: alkaid heap block ADDRESS"""

    def run(self, argument):
        view, snapshot, block = find_block(argument)
        say(rendering.block_line(block, snapshot.labels[block.label] or "no label"))
        now = view.now_ns(other.birth_ns for other in snapshot.blocks)
        say(f"    {snapshot.category(block)}")
        say(f"    pool {snapshot.pools[block.pool]}, thread {block.thread}, serial "
              f"{block.serial}, allocated {rendering.age(now - block.birth_ns)} ago"
              + "".join(f", {flag}" for flag in flags_of(block)))
        view.print_traceback(block.stack, whole=True)
        for line in rendering.hexdump(block.address,
                                      view.memory.readable(block.address, min(block.size, 64))):
            say("    " + line)
        view.print_notes()


def find_block(argument, categories_too=True):
    if not argument.strip():
        raise layout.HeapError("takes an address")
    inferior.require_stopped()
    address = inferior.evaluate(argument)
    view = View()
    snapshot = view.snapshot(categories_too)
    block = snapshot.containing(address)
    if block is None:
        below = snapshot.below(address)
        nearest = ""
        if below is not None:
            end = below.address + below.size
            nearest = (f"; the one below, of {below.size:,} bytes, ends {address - end:,} bytes "
                       "before")
        view.print_notes()
        raise layout.HeapError(f"no live block that is recorded contains {address:#x}{nearest}")
    return view, snapshot, block


class HeapWatch(Command):
    """Stop when a block is next touched at one of its ends, or freed, and report by which code.

Usage: alkaid heap watch [--ends] ADDRESS
ADDRESS is any in the block. Then let the process continue. Takes the four hardware watchpoints that
a processor has: on the first and the last byte, and, unless --ends is given or there is no room, on
the block's record in the tables, which changes when the block is freed, and on the word that says
where the records are, which are moved when their table is replaced. They are removed after the
report, and by alkaid heap unwatch."""

    def run(self, argument):
        given, rest = options(argument, "--ends")
        if not inferior.is_live():
            inferior.require_stopped()
            raise layout.HeapError("a core does not go on: watchpoints need a process")
        _, snapshot, block = find_block(rest, categories_too=False)
        line = rendering.block_line(block, name_of(block, snapshot))
        begun = watch.begin(block, line, "--ends" in given)
        say(f"Watching {line} with hardware watchpoints {', '.join(map(str, begun.numbers()))}")
        if begun.unseen():
            say(f"note: {begun.unseen()}")


class HeapUnwatch(Command):
    """Remove the watchpoints of alkaid heap watch.

Usage: alkaid heap unwatch"""

    def run(self, argument):
        nothing_but(argument)
        say(f"{watch.end_all()} block(s) were watched")


class Hexdump(Command):
    """Bytes in hexadecimal and as characters.

Usage: alkaid hexdump ADDRESS [LENGTH]
ADDRESS and LENGTH are expressions without spaces; 64 bytes if no length is given."""

    MOST = 1 << 20

    def run(self, argument):
        words = argument.split()
        if not 1 <= len(words) <= 2:
            raise layout.HeapError("takes an address and, if you like, a length in bytes")
        inferior.require_stopped()
        address = inferior.evaluate(words[0])
        length = inferior.evaluate(words[1]) if len(words) == 2 else 64
        if not 0 < length <= self.MOST:
            raise layout.HeapError(f"a length is between 1 and {self.MOST:,} bytes, not {words[1]}")
        data = inferior.Memory().readable(address, length)
        for line in rendering.hexdump(address, data):
            say(line)
        if len(data) < length:
            raise layout.HeapError(f"nothing can be read at {address + len(data):#x}")


class Pools(Command):
    """Pools: bytes live, at most live, and ever allocated; allocations ever made.

Usage: alkaid pools
Works whether tracking is on or off. The peak is that of max_memory()."""

    def run(self, argument):
        nothing_but(argument)
        inferior.require_stopped()
        found, notes = pools.read_pools(inferior.Memory().read, inferior.address_of("alkaid_pools"))
        rows = [(f"{pool.live:,}", f"{pool.peak:,}", f"{pool.allocated:,}", f"{pool.allocations:,}",
                 pool.name or "-", f"{pool.pool:#018x}") for pool in found]
        header = ("live bytes", "peak bytes", "bytes ever", "allocations", "pool", "at")
        for line in rendering.table(header, rows, left=(4,)):
            say(line)
        for note in notes:
            say(f"note: {note}")


class Retention(Command):
    """Root buffers that live slices keep, and how much of them the slices show; worst first.

Usage: alkaid retention [--all]
Slices are recorded if tracking is on with `views` (ALKAID_TRACK_ALLOCATIONS=views). Visible
bytes are those that at least one slice shows. The 50 worst unless --all is given."""

    def run(self, argument):
        given = nothing_but(argument, "--all")
        view = View()
        kept = retention.retained_roots(view.heap.views())
        if not kept:
            say("no live slice is recorded: that takes tracking started with views")
            view.print_notes()
            return
        snapshot = view.snapshot()
        held = sum(entry.held for entry in kept)
        visible = sum(entry.visible for entry in kept)
        say(f"{held:,} bytes held by slices of {len(kept):,} root"
              f"{'' if len(kept) == 1 else 's'}, {visible:,} of them visible")
        now = view.now_ns(entry.birth_ns for entry in kept)
        shown = kept if "--all" in given else kept[:LISTED]
        rows = []
        for entry in shown:
            block = snapshot.containing(entry.root_data)
            label = snapshot.labels[block.label] if block is not None else ""
            birth = block.birth_ns if block is not None else entry.birth_ns
            ratio = f"{100 * entry.visible / entry.held:.1f} %" if entry.held else "-"
            rows.append((f"{entry.held:,}", f"{entry.visible:,}", ratio, f"{len(entry.views):,}",
                         rendering.age(now - birth), label or "-", f"{entry.root_data:#018x}",
                         self.keeper(view, entry)))
        header = ("held", "visible", "ratio", "views", "age", "label", "data",
                  "first slice made by")
        for line in rendering.table(header, rows, left=(5, 7)):
            say("  " + line)
        if len(shown) < len(kept):
            say(f"  ... {len(kept) - len(shown):,} more (--all shows them)")
        view.print_notes()

    @staticmethod
    def keeper(view, entry):
        oldest = min(entry.views, key=lambda slice_: slice_.birth_ns)
        frames = view.heap.frames(oldest.stack)
        outside = [frame for frame in frames if not view.code.is_machinery(frame)] or frames
        if not outside:
            return "-"
        name, place = view.code.shown(outside[0])[0]
        return name + place


def register():
    Alkaid("alkaid", prefix=True)
    Heap("alkaid heap", prefix=True)
    HeapAll("alkaid heap all")
    HeapLabel("alkaid heap label")
    HeapDiff("alkaid heap diff", completion=None)
    HeapSelect("alkaid heap select")
    HeapBlock("alkaid heap block", completion=gdb.COMPLETE_EXPRESSION)
    HeapWatch("alkaid heap watch", completion=gdb.COMPLETE_EXPRESSION)
    HeapUnwatch("alkaid heap unwatch")
    Hexdump("alkaid hexdump", completion=gdb.COMPLETE_EXPRESSION)
    Pools("alkaid pools")
    Retention("alkaid retention")
    watch.connect()
