"""The arguments of a command."""

from .layout import HeapError


def options(argument, *known):
    """Splits `argument` into its leading known options, and the rest."""
    given, rest = set(), argument.strip()
    while rest.startswith("--"):
        word, _, rest = rest.partition(" ")
        if word not in known:
            raise HeapError(f"there is no option {word}"
                            + (f"; known are {', '.join(known)}" if known else ""))
        given.add(word)
        rest = rest.strip()
    return given, rest


def nothing_but(argument, *known):
    """The options; an error where there is anything else."""
    given, rest = options(argument, *known)
    if rest:
        raise HeapError(f"takes no '{rest}'")
    return given
