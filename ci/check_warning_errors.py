#!/usr/bin/env python3
"""Whether compiler warnings are errors where that is asked for, and nowhere else.

  check_warning_errors.py BUILD ON|OFF   each compilation of this build has -Werror, or none has;
                                         of the presets, those of PRESETS alone ask for it
  check_warning_errors.py --self-test    plants each violation and finds it

A release, and what a user builds, must not stop at what a compiler of tomorrow warns of.
"""

import json
import pathlib
import re
import sys

# Those of people who change the library; the second inherits from the first that is not dev.
PRESETS = {"dev", "fuzz", "fuzz-coverage"}
WERROR = re.compile(r"(?:^| )-Werror(?: |$|=)")


def asking(presets):
    """The names of the presets, hidden ones too, that have the option on, by themselves or inherited."""
    by_name = {preset["name"]: preset for preset in presets}

    def value(preset):
        own = preset.get("cacheVariables", {}).get("ALKAID_WARNINGS_AS_ERRORS")
        if own is not None or "inherits" not in preset:
            return own
        return value(by_name[preset["inherits"]])
    return {name for name, preset in by_name.items() if value(preset) not in (None, "OFF")}


def violations(commands, presets, expected):
    found = [f"{command['file']}: {'no ' if expected else ''}-Werror"
             for command in commands if bool(WERROR.search(command["command"])) != expected]
    if asking(presets) != PRESETS:
        found.append(f"CMakePresets.json: warnings are errors in {', '.join(sorted(asking(presets)))}; "
                     f"in {', '.join(sorted(PRESETS))} they should be")
    return found


def self_test(presets):
    def commands(flags):
        return [{"file": "a.cc", "command": f"c++ {flags} -c a.cc"}]

    assert not violations(commands("-Wall -Werror"), presets, True)
    assert not violations(commands("-Wall"), presets, False)
    assert violations(commands("-Wall"), presets, True)
    assert violations(commands("-Werror -Wall"), presets, False)
    assert violations(commands("-Werror=shadow"), presets, False)
    strict = [dict(preset) for preset in presets]
    for preset in strict:
        if preset["name"] == "base":
            preset["cacheVariables"] = {"ALKAID_WARNINGS_AS_ERRORS": "ON"}
    assert violations([], strict, True)
    print("planted violations are found")


def main():
    root = pathlib.Path(__file__).resolve().parent.parent
    presets = json.loads((root / "CMakePresets.json").read_text())["configurePresets"]
    if sys.argv[1:] == ["--self-test"]:
        self_test(presets)
        return
    build, expected = sys.argv[1:]
    commands = json.loads((pathlib.Path(build) / "compile_commands.json").read_text())
    found = violations(commands, presets, expected == "ON")
    print("\n".join(found) or f"{len(commands)} compilations, as they should be")
    sys.exit(bool(found))


if __name__ == "__main__":
    main()
