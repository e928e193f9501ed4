#!/usr/bin/env python3
"""Holds the floors of the source tree: lower floors never include higher ones, siblings on a floor
never include each other, and an internal header stays in its room. Tests of any room may use
testing/, its internal headers included: those are the tests' own equipment.

    check_layers.py [ROOT]         prints each violation as FILE:LINE: ..., exits 1 if there is one
    check_layers.py --self-test    plants violations of each rule in a temporary tree and finds them
"""

import pathlib
import re
import sys
import tempfile

# Each room's floor. A room may include itself and all rooms of lower floors.
FLOORS = {
    "base": 0,
    "core": 1,
    "unwind": 1,
    "dgram": 2,
    "profile": 2,
    "interop": 2,
    "cuda": 2,
    "events": 3,
    "growth": 3,
    "testing": 3,
}
ROOMS = "cpp/alkaid"
# Folders above all rooms: they may include any public header.
TOP = ("cpp/preload", "cpp/tools", "cpp/python", "cpp/fuzz", "benchmarks")
# A part of a room that has to lie in a library of its own: it may use that room's internal headers.
ANNEXES = {"cpp/preload": "profile"}
SOURCES = {".h", ".cc", ".cu"}
INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]')


def room_of(path):
    """The room of a path below the include root, such as alkaid/core/buffer.h; None outside."""
    parts = pathlib.PurePosixPath(path).parts
    return parts[1] if len(parts) == 3 and parts[0] == "alkaid" else None


def included(root, file, quote, name):
    """The included file as a path below the include root, or None for what is not the project's."""
    beside = (file.parent / name).resolve()
    if quote == '"' and beside.is_file() and (root / "cpp").resolve() in beside.parents:
        return beside.relative_to((root / "cpp").resolve()).as_posix()
    return name if name.startswith("alkaid/") else None


def complaint(room, is_test, target, annexed=None):
    """What is wrong with an include of `target` from `room` (None above all rooms), or None.
    `annexed` is the room whose internal headers may be used besides."""
    target_room = room_of(target)
    if target_room is None:
        return None if not target.startswith("alkaid/") else f"{target} is in no room"
    if target_room not in FLOORS:
        return f"the room '{target_room}' has no floor in ci/check_layers.py"
    if target_room == room or (is_test and target_room == "testing"):
        return None
    if target.endswith("_internal.h") and target_room != annexed:
        return f"{target} is internal to {target_room}/"
    if room is None:
        return None
    if FLOORS[target_room] > FLOORS[room]:
        return f"{room}/ (floor {FLOORS[room]}) includes {target} (floor {FLOORS[target_room]})"
    if FLOORS[target_room] == FLOORS[room]:
        return f"{room}/ includes its sibling {target}"
    return None


def check(root):
    """All violations below `root`, and the number of files read."""
    violations, files = [], 0
    for top in (ROOMS, *TOP):
        for file in sorted((root / top).rglob("*")):
            if file.suffix not in SOURCES:
                continue
            files += 1
            place = file.relative_to(root)
            room = file.relative_to(root / ROOMS).parts[0] if top == ROOMS else None
            if room is not None and room not in FLOORS:
                violations.append(f"{place}:1: '{room}' has no floor in ci/check_layers.py")
                continue
            is_test = file.stem.endswith("_test")
            for number, line in enumerate(file.read_text(errors="replace").splitlines(), 1):
                match = INCLUDE.match(line)
                target = match and included(root, file, *match.groups())
                wrong = target and complaint(room, is_test, target, ANNEXES.get(top))
                if wrong:
                    violations.append(f"{place}:{number}: {wrong}")
    return violations, files


def self_test():
    """Plants one file for each rule; True when just the faults are found."""
    good = {
        "cpp/alkaid/base/a.h": "",
        "cpp/alkaid/core/b.h": '#include "alkaid/base/a.h"\n#include <vector>\n',
        "cpp/alkaid/core/b_internal.h": "",
        "cpp/alkaid/core/b.cc": '#include "alkaid/core/b_internal.h"\n',
        "cpp/alkaid/core/b_test.cc": '#include "alkaid/testing/t.h"\n',
        "cpp/alkaid/dgram/d.h": "#include <alkaid/core/b.h>\n",
        "cpp/alkaid/core/equipment_test.cc": '#include "alkaid/testing/t_internal.h"\n',
        "cpp/alkaid/testing/t_internal.h": "",
        "cpp/alkaid/testing/t.h": '#include "alkaid/dgram/d.h"\n',
        "cpp/tools/main.cc": '#include "alkaid/testing/t.h"\n#include "other.h"\n',
        "cpp/tools/other.h": "",
        "cpp/alkaid/profile/p_internal.h": "",
        "cpp/preload/annex.cc": '#include "alkaid/profile/p_internal.h"\n',
    }
    bad = {
        "cpp/alkaid/base/upward.h": '#include "alkaid/core/b.h"\n',
        "cpp/alkaid/base/angled.h": "#include <alkaid/core/b.h>\n",
        "cpp/alkaid/base/relative.h": '#  include "../core/b.h"\n',
        "cpp/alkaid/base/upward_test.cc": '#include "alkaid/core/b.h"\n',
        "cpp/alkaid/profile/sibling.h": '#include "alkaid/dgram/d.h"\n',
        "cpp/alkaid/core/tests_only.cc": '#include "alkaid/testing/t.h"\n',
        "cpp/alkaid/dgram/internal.cc": '#include "alkaid/core/b_internal.h"\n',
        "cpp/alkaid/dgram/internal_test.cc": '#include "alkaid/core/b_internal.h"\n',
        "cpp/alkaid/cellar/unknown.h": "",
        "cpp/alkaid/core/unknown_room.cc": '#include "alkaid/cellar/unknown.h"\n',
        "cpp/alkaid/core/equipment.cc": '#include "alkaid/testing/t_internal.h"\n',
        "cpp/tools/internal.cc": '#include "alkaid/core/b_internal.h"\n',
        "cpp/preload/others.cc": '#include "alkaid/core/b_internal.h"\n',
        "benchmarks/internal.cc": '#include "alkaid/core/b_internal.h"\n',
    }
    with tempfile.TemporaryDirectory() as folder:
        root = pathlib.Path(folder)
        for name, text in {**good, **bad}.items():
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            (root / name).write_text(text)
        found = {violation.split(":")[0] for violation in check(root)[0]}
    for name in sorted(found ^ set(bad)):
        print(f"{name}: {'found without fault' if name in found else 'planted and not found'}")
    return found == set(bad)


def main(arguments):
    if arguments == ["--self-test"]:
        return 0 if self_test() else 1
    root = pathlib.Path(arguments[0] if arguments else pathlib.Path(__file__).parent.parent)
    violations, files = check(root)
    for violation in violations:
        print(violation)
    if not files:
        print(f"no sources below {root}")
        return 1
    print(f"{files} files, {len(violations)} violations")
    return 1 if violations else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
