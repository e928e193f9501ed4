"""Finds the libalkaid.so that a process has mapped, or that a command will load."""

import os
import re
import shutil
import subprocess

LIBRARY = re.compile(r"libalkaid\.so(?:\.\d+)*$")


class NotFound(RuntimeError):
    """Why there is no library; the message is for the user."""


def of_process(pid):
    """The path by which this process reaches the file that the process `pid` has mapped."""
    try:
        with open(f"/proc/{pid}/maps", encoding="utf-8", errors="surrogateescape") as maps:
            paths = [line.rstrip("\n").split(None, 5)[5] for line in maps
                     if len(line.split(None, 5)) == 6]
    except (FileNotFoundError, ProcessLookupError) as error:
        raise NotFound(f"there is no process {pid}") from error
    except PermissionError as error:
        raise NotFound(f"the maps of process {pid} may not be read: that takes its user, or "
                       "root") from error
    for path in paths:
        deleted = path.endswith(" (deleted)")
        path = path.removesuffix(" (deleted)")
        if not LIBRARY.match(os.path.basename(path)):
            continue
        if deleted:
            raise NotFound(f"process {pid} uses {path}, which was replaced since: start it "
                           "anew, or name the file it was by --library")
        # A process in a container may see another file under this name.
        inside = f"/proc/{pid}/root{path}"
        return path if os.path.exists(path) and os.path.samefile(path, inside) else inside
    raise NotFound(f"process {pid} has no libalkaid.so loaded")


def of_command(command):
    """The path of the library that the dynamic loader will give the command."""
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
