#!/usr/bin/env python3
"""Holds the floors of the source tree.

- A room includes itself and rooms of lower floors, never a higher one, never a sibling on its own.
- A header whose name ends in _internal.h stays in its room, but for the friends below. Those of base/
  are for every room of the library, and for nobody above.
- An umbrella header, such as alkaid/dgram.h or alkaid/core/memory.h, includes what it is named for and
  stands on the highest of its floors.
- The same holds for the folders of cpp/tools, which have floors of their own.
- What is made for tests (cpp/fixtures), and testing/, which is for users' tests too, are used by
  tests (*_test.cc) and by folders above the rooms, never by the library.
- Only headers are included, and each include is one that can be read here: `#include "path"` or
  `#include <path>` on a line of its own.

    check_layers.py [ROOT]         prints each violation as FILE:LINE: ..., exits 1 if there is one
    check_layers.py --self-test    plants violations of each rule in a temporary tree and finds them
"""

import pathlib
import posixpath
import re
import sys
import tempfile

# Each room's floor. c, cuda and nodes are kept free for what comes.
FLOORS = {
    "base": 0,
    "unwind": 1,
    "core/observers": 1,
    "core/pools": 2,
    "core/buffers": 3,
    "testing": 3,
    "core/files": 4,
    "dgram": 5,
    "heap/tracking": 5,
    "interop": 5,
    "events": 6,
    "heap/reports": 6,
    "cuda": 6,
    "growth": 7,
    "columns": 7,
    "c": 7,
    "nodes": 7,
    "startup": 8,
}
# Headers that stand for whole rooms, and the folder that each stands for.
UMBRELLAS = {
    "alkaid/core/memory.h": "core",
    "alkaid/dgram.h": "dgram",
    "alkaid/events.h": "events",
    "alkaid/heap.h": "heap",
    "alkaid/growth.h": "growth",
    "alkaid/interop.h": "interop",
    "alkaid/columns.h": "columns",
}
# Who may include whose internal headers besides.
FRIENDS = {
    ("core/buffers", "core/pools"),
    ("core/files", "core/buffers"),
    ("heap/reports", "core/buffers"),
    ("heap/reports", "heap/tracking"),
    ("heap/reports", "unwind"),
    ("heap/tracking", "unwind"),
    ("preload", "heap/tracking"),
    ("python", "interop"),
}
# The folders of cpp/tools; what lies in none of them, main.cc and commands.h, uses and serves all.
TOOL_FLOORS = {"support": 0, "usage": 1, "dgram": 2, "heap": 2, "growth": 2, "demo": 3, "gdb": 4, "perf": 4}
# Folders above all rooms: they may include any public header, and each other's as they need.
TOPS = ("fixtures", "tests", "preload", "tools", "python", "fuzz", "benchmarks", "ci", "docs")
# Where their folders are, from the root.
PLACES = ("cpp", "benchmarks", "ci", "docs")
SOURCES = {".h", ".hpp", ".inc", ".c", ".cc", ".cpp", ".cxx", ".cu", ".cuh"}
HEADERS = {".h", ".hpp", ".inc", ".cuh"}
INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]')
COMMENT = r"(?:/\*.*?\*/\s*)*"
LIKE_INCLUDE = re.compile(rf"^\s*{COMMENT}(?:#|%:)\s*{COMMENT}(?:include|include_next|import)\b")


def room_of(path):
    """The room of a path below cpp/, such as core/pools for alkaid/core/pools/pool.h; the first folder
    for what is not the library's; None for a place that is neither."""
    parts = pathlib.PurePosixPath(path).parts
    if parts[0] != "alkaid":
        return parts[0] if parts[0] in TOPS else None
    folder = "/".join(parts[1:-1])
    return folder if folder in FLOORS else None


def rooms_below(folder):
    return [room for room in FLOORS if room == folder or room.startswith(folder + "/")]


def tool_folder(path):
    """The folder of cpp/tools that a path below cpp/ lies in, or None."""
    parts = pathlib.PurePosixPath(path).parts
    return parts[1] if parts[0] == "tools" and len(parts) > 2 else None


def below(root, file):
    """The path below cpp/, or from the root for what lies elsewhere."""
    place = file.relative_to(root)
    return place.relative_to("cpp").as_posix() if place.parts[0] == "cpp" else place.as_posix()


def included(root, file, quote, name):
    """The included file as `below` gives it, or None for what is not the project's."""
    beside = (file.parent / name).resolve()
    if quote == '"' and beside.is_file() and root in beside.parents:
        return below(root, beside)
    name = posixpath.normpath(name)
    return name if name.split("/")[0] in ("alkaid", *TOPS) and "/" in name else None


def complaint(source, target):
    """What is wrong with an include of `target` in `source`, both paths below cpp/; None if nothing."""
    if source in UMBRELLAS:
        inside = room_of(target) in rooms_below(UMBRELLAS[source])
        if inside:
            internal = target.endswith("_internal.h")
            return f"{source} is for users, and {target} is internal" if internal else None
        room, floor = UMBRELLAS[source], max(FLOORS[r] for r in rooms_below(UMBRELLAS[source]))
    else:
        room = room_of(source)
        floor = FLOORS.get(room)  # None above all rooms
    is_test = source.endswith("_test.cc")
    if pathlib.PurePosixPath(target).suffix not in HEADERS:
        return f"{target} is no header"

    if target in UMBRELLAS:
        stands_for = rooms_below(UMBRELLAS[target])
        if floor is None or floor > max(FLOORS[r] for r in stands_for):
            return None
        return f"{room}/ (floor {floor}) includes {target}, which stands for all of {', '.join(stands_for)}"
    target_room = room_of(target)
    if target_room is None:
        return f"{target} is in no room"
    if target_room in TOPS:
        folders = tool_folder(source), tool_folder(target)
        if folders[0] and target.startswith("tools/") and not folders[1]:
            if target != "tools/commands.h" or folders[0] == "support":
                return f"tools/{folders[0]}/ includes {target}, which is above it"
        if all(folders) and folders[0] != folders[1]:
            floors = [TOOL_FLOORS[folder] for folder in folders]
            if floors[1] >= floors[0]:
                return f"tools/{folders[0]}/ includes {target}, which is not on a lower floor"
        if floor is None or (is_test and target_room == "fixtures"):
            return None
        return f"{room}/ includes {target}, which is not the library's"
    if target_room == room:
        return None
    if target_room == "testing" and not target.endswith("_internal.h") and (is_test or floor is None):
        return None
    if target_room == "testing":
        return f"{room}/ includes {target}, which is for tests"
    of_base = target_room == "base" and floor is not None
    if target.endswith("_internal.h") and not of_base and (room, target_room) not in FRIENDS:
        return f"{target} is internal to {target_room}/"
    if floor is None:
        return None
    if FLOORS[target_room] > floor:
        return f"{room}/ (floor {floor}) includes {target} (floor {FLOORS[target_room]})"
    if FLOORS[target_room] == floor:
        return f"{room}/ includes its sibling {target}"
    return None


def check(root):
    """All violations below `root`, and the number of files read."""
    violations, files = [], 0
    root = root.resolve()
    for file in sorted(found for place in PLACES for found in (root / place).rglob("*")):
        if file.suffix not in SOURCES:
            continue
        files += 1
        place, source = file.relative_to(root), below(root, file)
        unknown_tool = tool_folder(source) is not None and tool_folder(source) not in TOOL_FLOORS
        if source not in UMBRELLAS and (room_of(source) is None or unknown_tool):
            violations.append(f"{place}:1: '{place.parent}' has no floor in ci/check_layers.py")
            continue
        for number, line in enumerate(file.read_text(errors="replace").splitlines(), 1):
            match = INCLUDE.match(line)
            target = match and included(root, file, *match.groups())
            wrong = target and complaint(source, target)
            if not match and LIKE_INCLUDE.match(line):
                wrong = "an include that cannot be read"
            if wrong:
                violations.append(f"{place}:{number}: {wrong}")
    return violations, files


def self_test():
    """Plants one file for each rule; True when just the faults are found."""
    good = {
        "cpp/alkaid/base/a.h": "",
        "cpp/alkaid/base/a_internal.h": "",
        "cpp/alkaid/core/observers/o.h": '#include "alkaid/base/a.h"\n#include <vector>\n',
        "cpp/alkaid/core/pools/p.h": "#include <alkaid/core/observers/o.h>\n",
        "cpp/alkaid/core/pools/p_internal.h": "",
        "cpp/alkaid/core/pools/p.cc": '#include "alkaid/core/pools/p_internal.h"\n'
                                      '#include "alkaid/base/a_internal.h"\n',
        "cpp/alkaid/core/pools/p_test.cc": '#include "alkaid/testing/t.h"\n'
                                           '#include "fixtures/made.h"\n',
        "cpp/alkaid/core/buffers/b.cc": '#include "alkaid/core/pools/p_internal.h"\n',
        "cpp/alkaid/core/buffers/b.h": "",
        "cpp/alkaid/core/buffers/b_internal.h": "",
        "cpp/alkaid/core/files/f.cc": '#include "alkaid/core/buffers/b_internal.h"\n',
        "cpp/alkaid/core/memory.h": '#include "alkaid/core/files/f.h"\n#include "alkaid/base/a.h"\n',
        "cpp/alkaid/core/files/f.h": "",
        "cpp/alkaid/dgram/d.h": "#include <alkaid/core/memory.h>\n",
        "cpp/alkaid/dgram.h": '#include "alkaid/dgram/d.h"\n',
        "cpp/alkaid/heap/tracking/t.h": "",
        "cpp/alkaid/heap/tracking/t_internal.h": "",
        "cpp/alkaid/heap/reports/r.cc": '#include "alkaid/heap/tracking/t_internal.h"\n',
        "cpp/alkaid/heap.h": '#include "alkaid/heap/tracking/t.h"\n',
        "cpp/alkaid/growth/g.h": "//   #include \"alkaid/testing/t.h\"\n",
        "docs/samples/sample.cc": "#include <alkaid/testing/t.h>\n",
        "cpp/alkaid/growth/g.cc": '#include "alkaid/heap.h"\n#include "alkaid/dgram.h"\n',
        "cpp/alkaid/testing/t.h": '#include "alkaid/core/pools/p.h"\n',
        "cpp/fixtures/made.h": '#include "alkaid/dgram/d.h"\n',
        "cpp/tests/whole_test.cc": '#include "fixtures/made.h"\n#include "alkaid/testing/t.h"\n',
        "cpp/tools/main.cc": '#include "alkaid/testing/t.h"\n#include "tools/demo/other.h"\n',
        "cpp/tools/demo/other.h": "",
        "cpp/tools/commands.h": "",
        "cpp/tools/dgram/d.h": '#include "tools/support/s.h"\n#include "tools/commands.h"\n',
        "cpp/tools/demo/demo.cc": '#include "tools/dgram/d.h"\n',
        "cpp/tools/support/s.h": "",
        "cpp/preload/annex.cc": '#include "alkaid/heap/tracking/t_internal.h"\n',
        "benchmarks/program.h": "",
        "cpp/alkaid/testing/t_internal.h": "",
        "benchmarks/bench.cc": '#include "fixtures/made.h"\n#include "program.h"\n',
    }
    bad = {
        "cpp/alkaid/base/upward.h": '#include "alkaid/core/pools/p.h"\n',
        "cpp/alkaid/base/angled.h": "#include <alkaid/core/pools/p.h>\n",
        "cpp/alkaid/base/relative.h": '#  include "../core/pools/p.h"\n',
        "cpp/alkaid/base/upward_test.cc": '#include "alkaid/core/pools/p.h"\n',
        "cpp/alkaid/base/uses_fixtures.cc": '#include "fixtures/made.h"\n',
        "cpp/alkaid/core/pools/upward.cc": '#include "alkaid/core/buffers/b.h"\n',
        "cpp/alkaid/core/pools/face.cc": '#include "alkaid/core/memory.h"\n',
        "cpp/alkaid/core/files/face.cc": '#include "alkaid/core/memory.h"\n',
        "cpp/alkaid/core/files/not_a_friend.cc": '#include "alkaid/core/pools/p_internal.h"\n',
        "cpp/alkaid/core/loose.h": "",
        "cpp/alkaid/loose.h": "",
        "cpp/alkaid/events.h": '#include "alkaid/growth/g.h"\n',
        "cpp/alkaid/growth.h": '#include "alkaid/growth/g_internal.h"\n',
        "cpp/alkaid/growth/g_internal.h": "",
        "cpp/alkaid/heap/tracking/sibling.h": '#include "alkaid/dgram/d.h"\n',
        "cpp/alkaid/heap/tracking/upward_test.cc": '#include "alkaid/heap/reports/r.h"\n',
        "cpp/alkaid/heap/reports/umbrella.cc": '#include "alkaid/heap.h"\n',
        "cpp/alkaid/events/umbrella.cc": '#include "alkaid/heap.h"\n',
        "cpp/alkaid/growth/tests_only.cc": '#include "alkaid/testing/t.h"\n',
        "cpp/alkaid/growth/header_test.h": '#include "fixtures/made.h"\n',
        "cpp/alkaid/growth/testing_inside_test.cc": '#include "alkaid/testing/t_internal.h"\n',
        "cpp/alkaid/growth/source.cc": '#include "alkaid/growth/g.cc"\n',
        "cpp/alkaid/growth/macro.cc": '#define H "fixtures/made.h"\n#include H\n',
        "cpp/alkaid/growth/comment.cc": '/* x */ #include "fixtures/made.h"\n',
        "cpp/alkaid/growth/digraph.cc": '%:include "fixtures/made.h"\n',
        "cpp/alkaid/growth/lines.cc": '#include \\\n"fixtures/made.h"\n',
        "cpp/alkaid/growth/import.cc": '#import "fixtures/made.h"\n',
        "cpp/alkaid/growth/dots.cc": "#include <./fixtures/made.h>\n",
        "cpp/alkaid/base/bench.cc": '#include "../../../benchmarks/program.h"\n',
        "cpp/alkaid/base/c.c": '#include "alkaid/core/pools/p.h"\n',
        "docs/samples/internal.cc": "#include <alkaid/core/pools/p_internal.h>\n",
        "ci/internal.cc": '#include "alkaid/core/pools/p_internal.h"\n',
        "cpp/tools/support/loose.cc": '#include "tools/commands.h"\n',
        "cpp/alkaid/core/buffers/tests_only.cc": '#include "alkaid/testing/t.h"\n',
        "cpp/alkaid/dgram/internal.cc": '#include "alkaid/core/pools/p_internal.h"\n',
        "cpp/alkaid/dgram/internal_test.cc": '#include "alkaid/core/pools/p_internal.h"\n',
        "cpp/alkaid/dgram/fixtures.h": '#include "fixtures/made.h"\n',
        "cpp/alkaid/startup/friend.cc": '#include "alkaid/heap/tracking/t_internal.h"\n',
        "cpp/alkaid/cellar/unknown.h": "",
        "cpp/alkaid/core/pools/unknown_room.cc": '#include "alkaid/cellar/unknown.h"\n',
        "cpp/fixtures/internal.h": '#include "alkaid/core/pools/p_internal.h"\n',
        "cpp/tools/support/upward.cc": '#include "tools/dgram/d.h"\n',
        "cpp/tools/heap/sibling.cc": '#include "tools/dgram/d.h"\n',
        "cpp/tools/cellar/unknown.cc": "",
        "cpp/tools/internal.cc": '#include "alkaid/core/pools/p_internal.h"\n',
        "cpp/tools/of_base.cc": '#include "alkaid/base/a_internal.h"\n',
        "cpp/fixtures/of_base.h": '#include "alkaid/base/a_internal.h"\n',
        "cpp/tests/internal_test.cc": '#include "alkaid/core/pools/p_internal.h"\n',
        "cpp/preload/others.cc": '#include "alkaid/core/pools/p_internal.h"\n',
        "benchmarks/internal.cc": '#include "alkaid/core/pools/p_internal.h"\n',
    }
    with tempfile.TemporaryDirectory() as folder:
        root = pathlib.Path(folder)
        for name, text in {**good, **bad}.items():
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            (root / name).write_text(text)
        del bad["cpp/alkaid/growth/g_internal.h"]  # there for the one that includes it
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
