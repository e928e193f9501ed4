"""A process has one libalkaid.so, or reports why not."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import alkaid as ak


def run(code: str, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", code, *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=300, env={**os.environ, **variables})


def test_a_second_library_of_another_name_is_refused_and_named(tmp_path: Path) -> None:
    compiler = shutil.which("cc")
    if compiler is None:
        pytest.skip("no C compiler here")
    other = tmp_path / "libalkaid.so.99"
    command = [compiler, "-shared", "-x", "c", "/dev/null", f"-Wl,-soname,{other.name}", "-o", str(other)]
    subprocess.run(command, check=True)
    result = run("import ctypes, sys; ctypes.CDLL(sys.argv[1]); import alkaid", str(other))
    assert result.returncode == 1
    assert "this process has two libraries of Alkaid" in result.stderr
    assert str(other) in result.stderr


def test_a_library_that_is_loaded_already_is_the_one_that_is_used(tmp_path: Path) -> None:
    """As `alkaid run --track` preloads it: found by the name inside it, not by its path."""
    code = (
        "import ctypes, sys\n"
        "ctypes.CDLL(sys.argv[1])\n"
        "import alkaid\n"
        "paths = {line.split()[-1] for line in open('/proc/self/maps') if '/libalkaid.so' in line}\n"
        "print(sorted(paths))\n"
    )
    own = run("import alkaid; print(next(line.split()[-1] for line in open('/proc/self/maps') if '/libalkaid.so' in line))")
    assert own.returncode == 0, own.stderr
    copy = tmp_path / "libalkaid.so.0.1.0"
    shutil.copy(own.stdout.strip(), copy)
    # A complete wheel has its other libraries in a folder next to the package.
    beside = Path(ak.__file__).parents[1] / "alkaid.libs"
    result = run(code, str(copy), LD_LIBRARY_PATH=f"{beside}:{os.environ.get('LD_LIBRARY_PATH', '')}")
    assert (result.returncode, result.stdout) == (0, f"[{str(copy)!r}]\n"), result.stderr


def test_it_says_its_version() -> None:
    assert ak.__version__.count(".") == 2
    assert os.path.dirname(ak.__file__).endswith("alkaid")
