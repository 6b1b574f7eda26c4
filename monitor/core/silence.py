"""Silences: people say for which labels, from when to when and why they do not want to hear."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TypeAlias

from monitor.core.matcher import Matcher, match_all


@dataclass(frozen=True, slots=True)
class Silence:
    """A stored silence; one that was ended early has that moment as ``ends_at``."""

    id: str
    matchers: tuple[Matcher, ...]
    starts_at: datetime
    ends_at: datetime
    created_by: str
    comment: str

    def is_active(self, now: datetime) -> bool:
        """Say whether it works at a moment; ``ends_at`` is exclusive."""
        return self.starts_at <= now < self.ends_at

    def covers(self, labels: Mapping[str, str]) -> bool:
        """Say whether it is about something with these labels."""
        return match_all(self.matchers, labels)


Silences: TypeAlias = Iterable[Silence]


def silenced_by(labels: Mapping[str, str], active: Silences) -> tuple[Silence, ...]:
    """Return those of the active silences that cover the labels, the longest first."""
    found = [one for one in active if one.covers(labels)]
    return tuple(sorted(found, key=lambda one: one.ends_at, reverse=True))
