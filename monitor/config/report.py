"""Where the problems of a load are gathered, all of them in one run."""

import re
from collections.abc import Iterable
from difflib import get_close_matches

from monitor.api.errors import MonitorError
from monitor.config.plan import Place, Problem
from monitor.config.yaml_tree import Node, faults_of

MOST_NAMED = 12
"""Known words that a message has room for."""


class ConfigError(MonitorError):
    """The configuration cannot be used at all; ``problems`` are all that were found."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        """Keep the problems; the text has a line for each."""
        self.problems = tuple(problems)
        super().__init__("\n".join(map(str, self.problems)))


class Report:
    """The problems so far. ``is_fatal`` says that nothing can run, ``count`` how many were added.

    The count also grows when the same problem is added again: who builds a check compares it with
    the count before, even where a default broke another check first.
    """

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        """Start without problems, with the values that no message may show."""
        self.is_fatal = False
        self.count = 0
        self._problems: dict[tuple[Place, str], Problem] = {}
        self._warnings: dict[tuple[Place, str], Problem] = {}
        self._secrets: set[str] = set(secrets)

    def beside(self) -> "Report":
        """Return an empty report that hides the same values."""
        return Report(self._secrets)

    def take_over(self, other: "Report") -> None:
        """Take over all that another report knows, its secrets among it."""
        self._secrets |= other._secrets  # noqa: SLF001  # of its own class
        self.is_fatal = self.is_fatal or other.is_fatal
        self.take(other.problems, other.warnings)

    def take(self, problems: Iterable[Problem], warnings: Iterable[Problem] = ()) -> None:
        """Take over what another report found."""
        for one in problems:
            self.count += 1
            self._problems.setdefault((one.place, one.message), one)
        for one in warnings:
            self._warnings.setdefault((one.place, one.message), one)

    def hide(self, value: str) -> None:
        """Keep a value from the environment out of every message."""
        if value:
            self._secrets.add(value)

    def add(
        self,
        place: Place,
        message: str,
        *,
        suggestion: str | None = None,
        check: str | None = None,
        is_fatal: bool = False,
    ) -> None:
        """Add a problem; the same one at the same place counts once."""
        self.count += 1
        message = self._shown(message)
        problem = Problem(place, message, suggestion, check)
        self._problems.setdefault((place, message), problem)
        self.is_fatal = self.is_fatal or is_fatal

    def warn(
        self, place: Place, message: str, *, suggestion: str | None = None, check: str | None = None
    ) -> None:
        """Add what is no error and yet worth a look."""
        message = self._shown(message)
        self._warnings.setdefault((place, message), Problem(place, message, suggestion, check))

    def _shown(self, message: str) -> str:
        for secret in self._secrets:
            message = _without(message, secret)
        return message

    def add_faults(self, node: Node, name: str = "the value", check: str | None = None) -> bool:
        """Add what is wrong in a tree; return whether anything was."""
        found = list(faults_of(node, name))
        for fault in found:
            self.add(fault.place, fault.message, check=check)
        return bool(found)

    def is_known(
        self, what: str, name: str, known: Iterable[str], place: Place, check: str | None = None
    ) -> bool:
        """Say whether a name is known, and add a problem with the nearest one where it is not."""
        names = tuple(known)
        if name in names:
            return True
        hint = nearest(name, names)
        self.add(place, f"{what} '{name}' is not defined", suggestion=hint, check=check)
        return False

    @property
    def problems(self) -> tuple[Problem, ...]:
        """Return the problems in the order of files, lines and columns."""
        return _in_order(self._problems.values())

    @property
    def warnings(self) -> tuple[Problem, ...]:
        """Return the warnings in the same order."""
        return _in_order(self._warnings.values())


def _in_order(problems: Iterable[Problem]) -> tuple[Problem, ...]:
    return tuple(sorted(problems, key=lambda one: one.place))


def nearest(word: str, known: Iterable[str]) -> str | None:
    """Return the known name that looks most like a word, or None."""
    names = {name.lower(): name for name in known}
    found = get_close_matches(word.lower(), names, n=1, cutoff=0.6)
    return names[found[0]] if found else None


def or_known(word: str, known: Iterable[str]) -> tuple[str, str | None]:
    """Return what a message about an unknown word ends with, and the known one that it looks like.

    Where it looks like none, and few are known, those are named.
    """
    names = sorted(known)
    hint = nearest(word, names)
    is_short = hint is None and 0 < len(names) <= MOST_NAMED
    return f"; known: {', '.join(names)}" if is_short else "", hint


def _without(message: str, secret: str) -> str:
    """Blank a secret out, as a word where it is so short that it may be part of one."""
    short = 4
    if len(secret) >= short:
        return message.replace(secret, "***")
    return re.sub(rf"(?<!\w){re.escape(secret)}(?!\w)", "***", message)
