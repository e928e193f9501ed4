"""Enumeration: a value with the labels that its detector declares."""

from __future__ import annotations


class Enumeration:
    """A value of an enumeration and its labels, as in psana.

    ``value`` is the number, ``names`` a dict from numbers to labels, ``name`` the label of the value, or None if there
    is none. Compares, hashes and indexes as the number; its text is the label.
    """

    __slots__ = ("names", "value")

    def __init__(self, value: int, names: dict[int, str]) -> None:
        self.value = value
        self.names = names

    @property
    def name(self) -> str | None:
        """The label of the value; None if it has none."""
        return self.names.get(self.value)

    def __int__(self) -> int:
        return self.value

    __index__ = __int__

    def __eq__(self, other: object) -> bool:
        if isinstance(other, Enumeration):
            return self.value == other.value
        return self.value == other

    def __hash__(self) -> int:
        return hash(self.value)

    def __str__(self) -> str:
        return self.name if self.name is not None else str(self.value)

    def __repr__(self) -> str:
        return f"Enumeration({self.value}, {self.names!r})"


Enumeration.__module__ = "alkaid"
