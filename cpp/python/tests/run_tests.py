"""Runs one file of tests by pytest, as ctest expects: exits with 77 and the reason if it cannot run here."""

import importlib.util
import sys


def main() -> int:
    for module in ("pytest", "numpy"):
        if importlib.util.find_spec(module) is None:
            print(f"skipped: {sys.executable} has no {module}")
            return 77
    import pytest

    code = pytest.main(["-q", "-rs", "-p", "no:cacheprovider", *sys.argv[1:]])
    return 77 if code == pytest.ExitCode.NO_TESTS_COLLECTED else int(code)


if __name__ == "__main__":
    sys.exit(main())
