"""The route tree of Alertmanager: which nodes handle an alert, and how they group it."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta

from monitor.core.matcher import Matcher, match_all


@dataclass(frozen=True, slots=True)
class Route:
    """A node of the tree, with everything that it inherits filled in.

    ``receiver`` is None where no node on the way names one: the alert is its maintainer's (ours).
    ``group_by`` is None for ``['...']``, all labels. ``continues`` lets the siblings after it see
    what it matched. ``key`` names the way from the root by its matchers, ``place`` the line.
    """

    receiver: str | None
    matchers: tuple[Matcher, ...] = ()
    continues: bool = False
    routes: tuple["Route", ...] = ()
    group_by: frozenset[str] | None = frozenset()
    group_wait: timedelta = timedelta(seconds=30)
    group_interval: timedelta = timedelta(minutes=5)
    repeat_interval: timedelta = timedelta(hours=4)
    mute_time_intervals: tuple[str, ...] = ()
    active_time_intervals: tuple[str, ...] = ()
    key: str = "{}"
    place: str = ""

    def matches(self, labels: Mapping[str, str]) -> tuple["Route", ...]:
        """Return the nodes that handle an alert, depth first; empty when it does not come here.

        The first child that takes it wins, unless it continues; a node whose children do not take
        it handles it itself.
        """
        if not match_all(self.matchers, labels):
            return ()
        taken: list[Route] = []
        for child in self.routes:
            found = child.matches(labels)
            taken.extend(found)
            if found and not child.continues:
                break
        return tuple(taken) or (self,)

    def walk(self) -> Iterator["Route"]:
        """Go through the node and everything below it."""
        yield self
        for child in self.routes:
            yield from child.walk()

    def group_labels(self, labels: Mapping[str, str]) -> dict[str, str]:
        """Return the labels by which an alert is grouped here; those it has."""
        names = labels.keys() if self.group_by is None else self.group_by
        return {name: labels[name] for name in sorted(names) if labels.get(name)}

    def group_key(self, labels: Mapping[str, str]) -> str:
        """Name the group of an alert as Alertmanager's ``groupKey`` does."""
        inner = ", ".join(
            f"{name}={_quoted(value)}" for name, value in self.group_labels(labels).items()
        )
        return f"{self.key}:{{{inner}}}"


def key_of(parent: Route | None, matchers: tuple[Matcher, ...]) -> str:
    """Name the way to a node: the matchers along it, sorted, from the root on."""
    own = ",".join(map(str, sorted(matchers, key=lambda m: (m.name, m.value, _ORDER[m.operator]))))
    return f"{parent.key}/{{{own}}}" if parent else f"{{{own}}}"


_ORDER = {"=": 0, "!=": 1, "=~": 2, "!~": 3}


def _quoted(text: str) -> str:
    """Quote as Go's ``%q`` does: what cannot be printed is escaped."""
    made = []
    for letter in text:
        point = ord(letter)
        if letter in '"\\':
            made.append(f"\\{letter}")
        elif letter.isprintable():
            made.append(letter)
        elif letter in _SHORT:
            made.append(_SHORT[letter])
        elif point < 0x80:  # noqa: PLR2004  # ASCII
            made.append(f"\\x{point:02x}")
        else:
            made.append(f"\\u{point:04x}" if point <= 0xFFFF else f"\\U{point:08x}")  # noqa: PLR2004
    return '"' + "".join(made) + '"'


_SHORT = {"\a": "\\a", "\b": "\\b", "\f": "\\f", "\n": "\\n", "\r": "\\r", "\t": "\\t", "\v": "\\v"}
