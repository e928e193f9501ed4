"""What `import alkaid` provides."""

import subprocess
import sys
from pathlib import Path

import alkaid as ak


def test_every_name_of_all_is_there() -> None:
    assert [name for name in ak.__all__ if not hasattr(ak, name)] == []
    assert len(set(ak.__all__)) == len(ak.__all__)


def test_importing_it_imports_nothing_that_takes_long() -> None:
    # -S leaves out the start-up hooks of packages, and with them the folder of packages.
    code = "import sys; sys.path.append(sys.argv[1]); import alkaid; print([m for m in ('numpy', 'pyarrow', 'socket', 'typing', 'pickle') if m in sys.modules])"
    result = subprocess.run([sys.executable, "-S", "-c", code, str(Path(ak.__file__).parents[1])], capture_output=True, text=True, timeout=300)
    assert (result.returncode, result.stdout, result.stderr) == (0, "[]\n", "")
