"""Probes on libalkaid.so as kernel events: made, listed, removed.

Events are machine-wide: every user who may trace sees all of them. So each recording has a group of
its own, alkaid_<process id>, and removes only that.
"""

import errno
import os
import re
import subprocess
import tempfile
import time

TRACING = "/sys/kernel/tracing"
PARANOID = "/proc/sys/kernel/perf_event_paranoid"
GROUP = re.compile(r"alkaid_(\d+)(?:_\d+)?$")

# The functions that the pools call. `$params` records the requested sizes and addresses, `$retval`
# the returned ones.
ALLOCATOR_FUNCTIONS = {
    "jemalloc": (("je_alkaid_mallocx", True), ("je_alkaid_rallocx", True),
                 ("je_alkaid_dallocx", False)),
    "mimalloc": (("mi_malloc_aligned", True), ("mi_realloc_aligned", True), ("mi_free", False)),
}

# The tracepoints with their arguments, and the type in which each is printed.
TRACEPOINTS = {
    "allocate": (("ptr", "x"), ("size", "d"), ("alignment", "d"), ("pool", "x"), ("label", "text")),
    "reallocate": (("old_ptr", "x"), ("new_ptr", "x"), ("old_size", "d"), ("new_size", "d"),
                   ("pool", "x")),
    "free": (("ptr", "x"), ("size", "d"), ("pool", "x")),
    "slice": (("slice", "x"), ("root", "x"), ("offset", "d"), ("size", "d")),
    "slice_release": (("slice", "x"), ("root", "x")),
    "root_release": (("root", "x"), ("data", "x"), ("size", "d")),
}

X86_REGISTERS = {}
for letter in "abcd":
    for spelt in (f"r{letter}x", f"e{letter}x", f"{letter}x", f"{letter}l"):
        X86_REGISTERS[spelt] = f"%{letter}x"
for word in ("si", "di", "bp", "sp"):
    for spelt in (f"r{word}", f"e{word}", word, f"{word}l"):
        X86_REGISTERS[spelt] = f"%{word}"
for count in range(8, 16):
    for suffix in ("", "d", "w", "b"):
        X86_REGISTERS[f"r{count}{suffix}"] = f"%r{count}"


class ProbeError(RuntimeError):
    """Why probes cannot be set here; the message is for the user."""


def fetch_of(argument, machine):
    """How the kernel's tracer fetches a tracepoint's argument, and the bytes it has.

    The note says SIZE@PLACE; a negative size means a signed number. The place is a register, a
    constant, or memory at a register and an offset.
    """
    size, _, place = argument.partition("@")
    fetch = None
    if machine == "x86_64":
        if place.startswith("$"):
            fetch = "\\" + str(int(place[1:], 0))
        elif place.startswith("%"):
            fetch = X86_REGISTERS.get(place[1:])
        elif memory := re.fullmatch(r"(-?\d*)\(%(\w+)\)", place):
            register = X86_REGISTERS.get(memory[2])
            fetch = register and f"{int(memory[1] or 0):+d}({register})"
    elif machine == "aarch64":
        if re.fullmatch(r"-?\d+", place):
            fetch = "\\" + place
        elif register := re.fullmatch(r"[xw](\d+)|(sp)", place):
            fetch = f"%x{register[1]}" if register[1] else "%sp"
        elif memory := re.fullmatch(r"\[(x\d+|sp)(?:, #?(-?\d+))?\]", place):
            fetch = f"{int(memory[2] or 0):+d}(%{memory[1]})"
    if fetch is None or not re.fullmatch(r"-?[1248]f?", size):
        raise ProbeError(f"a tracepoint's argument is where it cannot be fetched: {argument}")
    return fetch, int(size.rstrip("f"))


def tracepoint_command(point, group, path, machine):
    """The line for the kernel's uprobe_events that turns the tracepoint into an event."""
    wanted = TRACEPOINTS[point.name]
    if len(point.arguments) != len(wanted):
        raise ProbeError(f"tracepoint {point.name} of {path} has {len(point.arguments)} arguments, "
                         f"not {len(wanted)}: library and tools are of different versions")
    fields = []
    for argument, (name, form) in zip(point.arguments, wanted):
        fetch, size = fetch_of(argument, machine)
        if form == "text":
            # The offset dereferences the address.
            fields.append(f"{name}=+0({fetch}):ustring")
        else:
            letter = "x" if form == "x" else "s" if size < 0 else "u"
            fields.append(f"{name}={fetch}:{letter}{abs(size) * 8}")
    counter = f"({point.semaphore_offset:#x})" if point.semaphore_offset else ""
    return f"p:{group}/{point.name} {path}:{point.offset:#x}{counter} {' '.join(fields)}"


def require_path_without_blanks(path):
    if re.search(r"\s", path):
        raise ProbeError(f"{path}: the kernel takes no blanks in the path of a probed file")


def check_tracing():
    """Raises ProbeError where the kernel would refuse."""
    control = f"{TRACING}/uprobe_events"
    try:
        os.close(os.open(control, os.O_WRONLY | os.O_APPEND))
    except PermissionError as error:
        raise ProbeError(f"probes cannot be set: {control}: permission denied. That takes root; "
                         "in a container root of the machine, not of a user namespace") from error
    except FileNotFoundError as error:
        if os.path.exists(f"{TRACING}/events"):
            raise ProbeError("probes cannot be set: this kernel has no uprobe events "
                             "(CONFIG_UPROBE_EVENTS)") from error
        raise ProbeError(f"probes cannot be set: nothing is mounted at {TRACING}. As root: "
                         f"mount -t tracefs nodev {TRACING}") from error
    except OSError as error:
        hint = ""
        if error.errno == errno.EROFS:
            hint = ("; a container's engine has to mount it for writing: --volume "
                    f"{TRACING}:{TRACING} as root, or --privileged")
        raise ProbeError(f"probes cannot be set: {control}: {error.strerror}{hint}") from error


def check_events(status="/proc/self/status", paranoid=PARANOID):
    """Raises ProbeError where perf would record events of the kernel without what is needed to read
    them."""
    with open(status, encoding="utf-8") as lines:
        held = next(int(line.split()[1], 16) for line in lines if line.startswith("CapEff:"))
    cap_sys_admin, cap_perfmon = 21, 38
    if held & (1 << cap_sys_admin | 1 << cap_perfmon):
        return
    with open(paranoid, encoding="utf-8") as setting:
        level = int(setting.read())
    if level > 1:
        raise ProbeError(f"perf may not record probes here: kernel.perf_event_paranoid is {level}, "
                         "and this process has not CAP_PERFMON. Give it that (in a container "
                         "--cap-add=PERFMON), or set kernel.perf_event_paranoid to 1 or less")


def groups_present():
    """The existing groups of this tool, of all users."""
    with open(f"{TRACING}/uprobe_events", encoding="utf-8") as events:
        found = {line.split(":", 1)[1].split("/", 1)[0] for line in events if ":" in line}
    return {group for group in found if GROUP.match(group)}


def write_control(line):
    # Not open(), since the file cannot be seeked to its end. O_APPEND keeps the events of others.
    control = os.open(f"{TRACING}/uprobe_events", os.O_WRONLY | os.O_APPEND)
    try:
        os.write(control, line.encode() + b"\n")
    finally:
        os.close(control)


def list_events(group):
    """The events of one group, as group/name."""
    with open(f"{TRACING}/uprobe_events", encoding="utf-8") as events:
        return sorted({line.split(":", 1)[1].split(" ", 1)[0] for line in events
                       if line.split(":", 1)[-1].startswith(group + "/")})


def remove_group(group):
    """Removes the events of one group; events that are gone already are no error."""
    for name in list_events(group):
        # A perf that has just ended may hold its events a moment longer.
        for attempt in range(20):
            try:
                write_control(f"-:{name}")
                break
            except FileNotFoundError:
                break
            except OSError as error:
                if attempt == 19:
                    raise ProbeError(f"{name} could not be removed: {error.strerror}") from error
                time.sleep(0.05)


def remove_stale_groups():
    """Removes the groups of killed recordings. Returns their names."""
    stale = [group for group in groups_present()
             if not os.path.exists(f"/proc/{GROUP.match(group)[1]}")]
    for group in sorted(stale):
        remove_group(group)
    return sorted(stale)


class ProbeGroup:
    """The probes of one recording, as a context: set on entry, removed at exit."""

    def __init__(self):
        self.events = []  # group:name, for perf record -e
        self._name = f"alkaid_{os.getpid()}"

    def __enter__(self):
        taken, count = groups_present(), 0
        # Left by a killed process that had this id before.
        while self._name in taken:
            count += 1
            self._name = f"alkaid_{os.getpid()}_{count}"
        return self

    def __exit__(self, *_):
        remove_group(self._name)

    def probe_allocators(self, perf, image, path, backends):
        """Made by perf, which finds parameters by the debug symbols."""
        require_path_without_blanks(path)
        # Not -q, which also hides the reason of a failure.
        arguments = ["probe", "-x", path]
        for backend in backends:
            for function, returns in ALLOCATOR_FUNCTIONS[backend]:
                self.events.append(f"{self._name}:{function}")
                arguments += ["-a", f"{self._name}:{function}={function} $params"]
                if returns:  # perf appends __return to the name
                    self.events.append(f"{self._name}:{function}__return")
                    arguments += ["-a", f"{self._name}:{function}={function}%return $retval"]
        # A session of its own, as CTRL-C is for the recording, not for the command that makes its
        # probes. And a cache of its own, as perf would copy the library into the user's and leave
        # it there.
        with tempfile.TemporaryDirectory() as cache:
            done = subprocess.run([perf, "--buildid-dir", cache, *arguments],
                                  stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                  stderr=subprocess.STDOUT, text=True, start_new_session=True,
                                  check=False)
        if done.returncode != 0:
            reason = f"perf probe failed on {path}:\n{done.stdout.strip()}"
            if not image.has_debug_information():
                reason += (f"\n{path} has no debug symbols. --probes=usdt needs none; else install "
                           "them, or build the library with -g")
            raise ProbeError(reason)

    def probe_tracepoints(self, image, path, names):
        points = [point for point in image.tracepoints("alkaid") if point.name in names]
        missing = sorted(set(names) - {point.name for point in points})
        if missing:
            raise ProbeError(f"{path} has no tracepoint {', '.join(missing)} of provider alkaid: "
                             "it was built without sys/sdt.h (Debian: systemtap-sdt-dev)")
        require_path_without_blanks(path)
        for point in points:
            write_control(tracepoint_command(point, self._name, path, image.machine))
        self.events += [f"{self._name}:{name}" for name in names]
