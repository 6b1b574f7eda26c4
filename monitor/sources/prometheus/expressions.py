"""PromQL of one shape: texts that differ in one value of one label become one question.

With the label among those that aggregations keep, each value has groups of its own, of the same
series in the same order as alone.
"""

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

QUANTILE = "histogram_quantile"
_EDGE = "le"
"""The label that a quantile takes the buckets apart by."""
_SPECIAL = re.compile(r"[.+*?()|\[\]{}^$]")


@dataclass(frozen=True, slots=True)
class Matchers:
    """What a selector asks of labels: (label, sign, quoted value)."""

    all: tuple[tuple[str, str, str], ...]

    def differs_in(self) -> dict[str, str]:
        """Return the quoted values of labels in which others may differ."""
        return {
            label: text
            for label, sign, text in self.all
            if sign == "=" and text != '""' and label != "__name__"
        }

    def without(self, label: str) -> "Matchers":
        """Leave out what is asked of a label."""
        return Matchers(tuple(one for one in self.all if one[0] != label))

    def written(self, label: str, either: str) -> str:
        """Write them, with a regular expression in the place of the value of a label."""
        parts = (
            f'{name}=~"{either}"' if name == label else f"{name}{sign}{text}"
            for name, sign, text in self.all
        )
        return f"{{{', '.join(parts)}}}"


@dataclass(frozen=True, slots=True)
class By:
    """The labels that an aggregation keeps."""

    labels: tuple[str, ...]

    def written(self, label: str) -> str:
        """Write them, and a label that it must keep, too."""
        return f" by ({', '.join(dict.fromkeys((*self.labels, label)))}) "


Part: TypeAlias = str | Matchers | By


@dataclass(frozen=True, slots=True)
class Expression:
    """A text that was read: what is fixed, and where others of its shape may differ."""

    parts: tuple[Part, ...]

    def _kept(self) -> Iterator[By]:
        return (one for one in self.parts if isinstance(one, By))

    def _asked(self) -> Iterator[Matchers]:
        return (one for one in self.parts if isinstance(one, Matchers))

    def labels(self) -> Iterator[str]:
        """Name the labels in one value of which others may differ from it."""
        first, *others = (one.differs_in() for one in self._asked())
        for label, text in first.items():
            kept = {label in one.labels for one in self._kept()}
            is_edge = label == _EDGE and QUANTILE in self.parts
            is_everywhere = all(other.get(label) == text for other in others)
            if is_everywhere and len(kept) < 2 and not is_edge:  # noqa: PLR2004  # all, or none
                yield label

    def without(self, label: str) -> "Expression":
        """Return what it has in common with those that differ in this label."""
        parts = (one.without(label) if isinstance(one, Matchers) else one for one in self.parts)
        return replace(self, parts=tuple(parts))

    def value(self, label: str) -> str:
        """Return what a label must equal."""
        return next(self._asked()).differs_in()[label][1:-1]

    def drops(self, label: str) -> bool:
        """Say whether its answer alone would not have this label."""
        return any(label not in one.labels for one in self._kept())

    def written(self, label: str, either: str) -> str:
        """Write it for all values that a regular expression matches."""
        return "".join(
            one.written(label, either)
            if isinstance(one, Matchers)
            else one.written(label)
            if isinstance(one, By)
            else one
            for one in self.parts
        )


def shapes(expressions: Mapping[int, Expression]) -> list[tuple[str, list[int]]]:
    """Return which differ in one label only: the label, and their keys."""
    could = {
        key: [(label, one.without(label)) for label in one.labels()]
        for key, one in expressions.items()
    }
    sizes = Counter(shape for mine in could.values() for shape in mine)
    found: dict[tuple[str, Expression], list[int]] = {}
    for key, mine in could.items():
        if mine:
            found.setdefault(max(mine, key=lambda shape: sizes[shape]), []).append(key)
    return [(label, keys) for (label, _), keys in found.items() if len(keys) > 1]


def merged(expressions: Sequence[Expression], label: str) -> str:
    """Write one text that asks for the series of all of them."""
    values = dict.fromkeys(one.value(label) for one in expressions)
    either = "|".join(_SPECIAL.sub(lambda match: rf"\\{match[0]}", value) for value in values)
    return expressions[0].written(label, either)
