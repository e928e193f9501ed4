"""Finds the libalkaid.so that a process has mapped, or that a command will load."""

import os
import re
import shutil
import subprocess

LIBRARY = re.compile(r"libalkaid\.so(?:\.\d+)*$")


class NotFound(RuntimeError):
    """Why no library was found; the message is for the user."""


def of_process(pid):
    """The path by which this process can open the file that the process `pid` has mapped."""
    try:
        with open(f"/proc/{pid}/maps", encoding="utf-8", errors="surrogateescape") as maps:
            mappings = [line.rstrip("\n").split(None, 5) for line in maps]
    except (FileNotFoundError, ProcessLookupError) as error:
        raise NotFound(f"there is no process {pid}") from error
    except PermissionError as error:
        raise NotFound(f"the maps of process {pid} may not be read: that takes its user, or "
                       "root") from error
    for mapping in mappings:
        path = mapping[5].removesuffix(" (deleted)") if len(mapping) == 6 else ""
        if not LIBRARY.match(os.path.basename(path)):
            continue
        if mapping[5].endswith(" (deleted)"):
            raise NotFound(f"process {pid} uses {path}, which was replaced since: restart "
                           "it, or name the replaced file by --library")
        return reached(pid, path, mapping[0], mapping[3], int(mapping[4]))
    raise NotFound(f"process {pid} has no libalkaid.so loaded")


def reached(pid, path, place, device, inode):
    """The path by which this process can open the file that `pid` has mapped at `place`.

    The kernel reports the file's path as this process sees it; a chrooted process knows it by
    another name. For a file that only the other process sees, in a container, it reports the name
    there; this process may have another file of that name. The mapping shows which file it is.
    """
    major, minor = (int(number, 16) for number in device.split(":"))
    mapped = f"/proc/{pid}/map_files/{place}"
    try:
        status = os.stat(mapped)
        identity = status.st_dev, status.st_ino
    except OSError:  # this needs root
        mapped, identity = None, (os.makedev(major, minor), inode)
    candidates = []
    for candidate in (path, f"/proc/{pid}/root{path}"):
        try:
            status = os.stat(candidate)
        except OSError:
            continue
        if (status.st_dev, status.st_ino) == identity:
            return candidate
        candidates.append(candidate)
    if mapped is not None:
        return mapped
    if not candidates:
        raise NotFound(f"process {pid} uses {path}, which cannot be reached from here: that takes "
                       "root, or name the file by --library")
    return candidates[-1]  # some filesystems have two numbers for a file


def of_command(command):
    """The path of the library that the dynamic loader will load for the command."""
    program = shutil.which(command)
    if program is None:
        raise NotFound(f"{command}: no such command")
    done = subprocess.run(["ldd", program], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          text=True, check=False)
    for line in done.stdout.splitlines():
        name, _, place = line.strip().partition(" => ")
        if LIBRARY.match(os.path.basename(name)):
            path = place.split(" (")[0]
            if path == "not found":
                raise NotFound(f"{program} needs {name}, which the loader does not find")
            return os.path.realpath(path)
    raise NotFound(f"{program} is not linked with libalkaid.so. When it loads the library later, "
                   "or starts another program that does, name the file by --library")
