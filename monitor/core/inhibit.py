"""Inhibition: while a source alert fires, its targets are not told."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from monitor.core.labels import Labels, labels_of
from monitor.core.matcher import Matcher, match_all


@dataclass(frozen=True, slots=True)
class InhibitRule:
    """Sources mute targets that have the same values of ``equal``; a missing label is empty."""

    source_matchers: tuple[Matcher, ...]
    target_matchers: tuple[Matcher, ...]
    equal: tuple[str, ...] = ()
    name: str = ""


class Inhibitions:
    """The firing alerts, ordered by the rules of which they are sources."""

    def __init__(
        self, rules: Iterable[InhibitRule], firing: Iterable[Mapping[str, str]] = ()
    ) -> None:
        """Sort the alerts that fire, given by their labels."""
        self._rules = tuple(rules)
        self._sources: tuple[dict[tuple[str, ...], list[_Source]], ...] = tuple(
            {} for _ in self._rules
        )
        if not self._rules:
            return
        for labels in firing:
            for rule, sources in zip(self._rules, self._sources, strict=True):
                if match_all(rule.source_matchers, labels):
                    is_target = match_all(rule.target_matchers, labels)
                    source = _Source(labels_of(labels), is_target)
                    sources.setdefault(_values(rule, labels), []).append(source)

    def of(self, labels: Mapping[str, str]) -> tuple[Labels, ...]:
        """Return the labels of all alerts that inhibit one with these labels, each once.

        What matches both sides of a rule is not inhibited by what does so, too: two of a kind
        would silence each other.
        """
        found: dict[Labels, None] = {}
        for rule, sources in zip(self._rules, self._sources, strict=True):
            if not match_all(rule.target_matchers, labels):
                continue
            is_source = match_all(rule.source_matchers, labels)
            for source in sources.get(_values(rule, labels), ()):
                if not (is_source and source.is_target):
                    found[source.labels] = None
        return tuple(found)


@dataclass(frozen=True, slots=True)
class _Source:
    labels: Labels
    is_target: bool


def _values(rule: InhibitRule, labels: Mapping[str, str]) -> tuple[str, ...]:
    return tuple(labels.get(name, "") for name in rule.equal)
