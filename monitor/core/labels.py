"""Labels: the names and values that tell one slice of a check from another."""

from collections.abc import Iterable, Mapping
from typing import TypeAlias

Labels: TypeAlias = tuple[tuple[str, str], ...]
"""Pairs of name and value, sorted by name; hashable, so that a slice can be a key."""


def labels_of(pairs: Mapping[str, str] | Iterable[tuple[str, str]]) -> Labels:
    """Make labels from a mapping or from pairs, in any order."""
    items = pairs.items() if isinstance(pairs, Mapping) else pairs
    return tuple(sorted((str(name), str(value)) for name, value in items))


def text_of(labels: Labels) -> str:
    """Write labels for people: ``model=ctr, variant=B``; nothing for the empty slice."""
    return ", ".join(f"{name}={value}" for name, value in labels)
