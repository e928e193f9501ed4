"""The guide's programs do what the guide says."""

import pathlib
import re

import pytest

PAGE = pathlib.Path(__file__).parents[3] / "docs" / "python.md"


def test_the_programs_of_the_guide_run_in_order() -> None:
    text = PAGE.read_text()
    blocks = re.findall(r"^```python\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    assert len(blocks) > 5
    names: dict = {}
    for block in blocks:
        line = text[: text.index(block)].count("\n")
        exec(compile("\n" * line + block, str(PAGE), "exec"), names)


def test_the_guide_names_every_function_of_memory() -> None:
    import alkaid as ak

    text = PAGE.read_text()
    of_memory = [name for name in ak.__all__ if name.islower() and getattr(ak, name).__class__.__name__ != "module"]
    memory = ("buffer", "pool", "label", "allocat", "dlpack")
    missing = [name for name in of_memory if any(word in name for word in memory) and name not in text]
    assert missing == []


@pytest.mark.parametrize("name", ["py_buffer", "allocate_buffer", "foreign_buffer", "from_dlpack", "numpy_allocator"])
def test_docstrings_say_what_they_raise_or_hold(name: str) -> None:
    import alkaid as ak

    text = getattr(ak, name).__doc__
    assert re.search("Error|hold", text), text
