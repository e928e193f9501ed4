#!/usr/bin/env python3
"""Holds promises.md to tests that exist.

  check_promises.py ROOT        prints each promise without a test, and each test that is not there
  check_promises.py --self-test plants both faults and finds them

The names of tests are read from the sources: GoogleTest's macros, the pool contract's tables, the
functions of Python's tests, and the CMake calls that add test programs, those listed as PROCESS_TESTS
of a room among them.
"""

import pathlib
import re
import sys

GTEST = re.compile(r"^\s*(?:TYPED_)?TEST(?:_F|_P)?\(\s*(\w+),\s*(\w+)\s*\)", re.MULTILINE)
CONTRACT = re.compile(r'^\s*\{"(\w+)", \w+\},', re.MULTILINE)
PROGRAM = re.compile(r"alkaid_(?:test|growth)_program\((\w+)|add_test\(\s*NAME ([\w.]+)"
                     r"|alkaid_(?:script|tracing)_test\(([\w.]+)")
PYTHON = re.compile(r"^def (test_\w+)\(", re.MULTILINE)
PROCESS_TESTS = re.compile(r"PROCESS_TESTS((?:\s+[a-z]\w*)+)")
ROW = re.compile(r"^\| (?!Promise |-)(.*) \| (.*) \|$", re.MULTILINE)


def existing_tests(root):
    names = set()
    for source in [*root.glob("cpp/**/*_test.cc"), *root.glob("benchmarks/*_test.cc")]:
        names |= {f"{suite}.{test}" for suite, test in GTEST.findall(source.read_text())}
    for contract in root.glob("cpp/alkaid/testing/pool_contract*.cc"):
        names |= {f"PoolContract.{test}" for test in CONTRACT.findall(contract.read_text())}
    for source in root.glob("cpp/python/tests/test_*.py"):
        names |= {f"{source.stem}.{test}" for test in PYTHON.findall(source.read_text())}
    for folder in ("cpp", "ci", "benchmarks", "docs"):
        for lists in (root / folder).glob("**/CMakeLists.txt"):
            text = lists.read_text()
            names |= {name for pair in PROGRAM.findall(text) for name in pair if name}
            names |= {f"alkaid_{name}_test" for named in PROCESS_TESTS.findall(text)
                      for name in named.split()}
    return names


def faults_of(page, names):
    faults, rows = [], ROW.findall(page)
    for promise, tests in rows:
        named = re.findall(r"`([^`]+)`", tests)
        if not named:
            faults.append(f"names no test: {promise}")
        faults += [f"there is no test {name}" for name in named if name not in names]
    return faults, len(rows)


def main(arguments):
    if arguments == ["--self-test"]:
        page = "| Promise | Test |\n|---|---|\n| a | `A.Is` |\n| b | none |\n| c | `C.Is` |\n"
        return 0 if faults_of(page, {"A.Is"}) == (
            ["names no test: b", "there is no test C.Is"], 3) else 1
    root = pathlib.Path(arguments[0])
    faults, count = faults_of((root / "docs" / "promises.md").read_text(), existing_tests(root))
    for fault in faults:
        print(f"promises.md: {fault}")
    print(f"{count} promises, {len(faults)} faults")
    return 1 if faults or not count else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
