"""A mapping over another one: changes stay in the layer until somebody takes them over."""

from collections.abc import Iterator, Mapping, MutableMapping
from enum import Enum
from typing import Any, Final, TypeVar

K = TypeVar("K")
V = TypeVar("V")


class _Gone(Enum):
    GONE = 0


GONE: Final = _Gone.GONE


class Layer(MutableMapping[K, V]):
    """Read through to ``base``, write here. The base must not change meanwhile.

    Making one costs nothing, however large the base is: a step touches a few alerts of many.
    """

    __slots__ = ("base", "written")

    def __init__(self, base: Mapping[K, V]) -> None:
        self.base = base
        self.written: dict[K, V | _Gone] = {}

    def __getitem__(self, key: K) -> V:
        """Return the newest value; raise KeyError for none."""
        found = self.written[key] if key in self.written else self.base[key]
        if found is GONE:
            raise KeyError(key)
        return found

    def get(self, key: K, default: Any = None) -> Any:
        """Return the newest value, or the default: the most frequent call, so without a raise."""
        found = self.written.get(key)
        if found is None:
            return self.base.get(key, default) if key not in self.written else None
        return default if found is GONE else found

    def __contains__(self, key: object) -> bool:
        """Say whether there is a value."""
        if key in self.written:
            return self.written[key] is not GONE
        return key in self.base

    def __setitem__(self, key: K, value: V) -> None:
        """Write into the layer."""
        self.written[key] = value

    def __delitem__(self, key: K) -> None:
        """Hide a key of the base; raise KeyError when there is none."""
        self[key]
        self.written[key] = GONE

    def __iter__(self) -> Iterator[K]:
        """Give the keys of the base in their order, then the new ones."""
        for key in self.base:
            if self.written.get(key) is not GONE:
                yield key
        for key, value in self.written.items():
            if value is not GONE and key not in self.base:
                yield key

    def __len__(self) -> int:
        """Count; this walks all keys."""
        return sum(1 for _ in self)

    def changes(self) -> list[V]:
        """Return the values that were written, without those of removed keys."""
        return [value for value in self.written.values() if value is not GONE]
