"""The code between the program that allocated and the tables: allocators, the C and the C++
library, and Alkaid. alkaid/heap/reports/stack_trace_text.cc has the same tables."""

# Files, up to ".so"; a star matches any ending.
LIBRARIES = (
    "ld-linux*", "libalkaid", "libalkaid_malloc", "_alkaid*", "libasan", "libc", "libc-*",
    "libgcc_s", "libjemalloc", "libmimalloc", "libpthread", "libstdc++", "libtcmalloc*", "libtsan",
)
# Functions, qualified and without parameters; a star matches any ending.
FUNCTIONS = (
    "std::*", "__gnu_cxx::*", "alkaid::*", "operator new*", "operator delete*", "je_*", "mi_*",
    "tc_*", "_start", "malloc", "calloc", "realloc", "free", "memalign",
)


def _is_in(text, table):
    return any(text.startswith(entry[:-1]) if entry.endswith("*") else text == entry
               for entry in table)


def is_library(file):
    """Whether a file is one of these; `file` is its name without its folder."""
    stem, ending, _ = file.partition(".so")
    return bool(ending) and _is_in(stem.removesuffix(".abi3"), LIBRARIES)


def is_function(name):
    """Whether a function is one of these. `FILE + 0xOFFSET`, the text for code without a name,
    never is."""
    if " + 0x" in name:
        return False
    name = name.removeprefix("(anonymous namespace)::")
    plain = name.lstrip("_").removeprefix("libc_")
    return _is_in(name, FUNCTIONS) or _is_in(plain, FUNCTIONS)
