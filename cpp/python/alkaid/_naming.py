"""The module name of public classes."""

from __future__ import annotations


def public(*classes: type) -> None:
    """Makes messages, help and pickles call them alkaid.<name>, whichever module they are in."""
    for one in classes:
        one.__module__ = "alkaid"
