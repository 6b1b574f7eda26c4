"""Alerts and digests as bad as data can be: every text of every part, drawn from a seed.

The parts are walked by their fields, so that a new field of a message is poisoned from its first
day on.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, is_dataclass, replace
from datetime import datetime, timedelta
from enum import Enum
from random import Random
from typing import Any

from monitor.core.digest import Digest
from monitor.core.incident import IncidentView
from monitor.core.notification import Notification, NotifyReason
from monitor.core.series import Point, Series
from monitor.render import samples

FOREIGN = "<b>foreign</b>"
"""What no page may show as markup."""

WORDS = (
    "",
    " ",
    "\n",
    "\r\nBcc: all@example.com\r\n\r\n",
    "\x00\x07\x1b[31m",
    "\u202e\u2066\u200b\ufeff",
    "\ud83d",  # half of a pair, as broken JSON brings it
    "\N{PILE OF POO}" * 20,
    "e\u0301" * 50,
    "\ufffe\uffff\x0b\x0c\x85\u2028",
    "\u0645\u0631\u062d\u0628\u0627",
    "<!channel>",
    "<!here|x>",
    "<!subteam^S0123456|all>",
    "<@U0123456789>",
    "<http://evil.example|ok>",
    "&lt;!channel&gt;",
    "&amp;lt;!channel&amp;gt;",
    "<\x00!channel>",
    "<<!channel>>",
    "`<!channel>`",
    "```",
    "```\n<!channel>\n```",
    "*b* _i_ ~s~ :tada:",
    "# header",
    "> quote",
    "---",
    "{{ 7 * 7 }}{% for x in y %}",
    "<at>all</at>[x](javascript:1)",
    FOREIGN,
    '"><script>alert(1)</script>',
    "'; rm -rf /; echo '",
    "dt_hour=2026-11-23-19",
    "=cmd|' /C calc'!A0",
    "https://example.com/?a=1&b=<x>",
)
NUMBERS = (0.0, -1.0, 1e-300, 1e300, float("inf"), float("-inf"), float("nan"), 2.0**63)
KEPT = frozenset({"timezone"})
"""Fields whose values the configuration holds to be one of a few."""

LONGEST = 5_000
MOST_LARGE = 300
MOST_DRAWN = 100


@dataclass
class Poison:
    """Draws what a seed says."""

    random: Random

    def text(self) -> str:
        """Draw a text: short ones mostly, now and then one of thousands of characters."""
        parts = self.random.choices(WORDS, k=self.random.choice((1, 1, 2, 3)))
        made = "".join(parts)
        if self.random.random() < 0.03:
            made = (made or "x") * (LONGEST // max(1, len(made)))
        return made

    def key(self) -> str:
        """Draw a name of our own: it can hold whatever another system calls an alert."""
        return f"2026-{self.text()[:150]}".encode(errors="replace").decode()

    def value(self, old: Any, *, name: str = "") -> Any:  # noqa: PLR0911  # one for each type
        """Give something of the same type in place of a value."""
        if old is None or isinstance(old, Enum | bool | datetime | timedelta) or name in KEPT:
            return old
        if name == "id":
            return self.key()
        if isinstance(old, str):
            return self.text() if self.random.random() < 0.7 else old
        if isinstance(old, float):
            return self.random.choice(NUMBERS) if self.random.random() < 0.3 else old
        if isinstance(old, int):
            return self.random.choice((0, 1, 10**9)) if self.random.random() < 0.1 else old
        if isinstance(old, list) and len(old) > MOST_DRAWN:
            return self.course(old)
        if isinstance(old, tuple | list):
            return type(old)(self.value(one) for one in self.several(list(old)))
        if isinstance(old, Mapping):
            # Keys are the code's own words; texts as keys would only be passed over.
            return {key: self.value(one) for key, one in old.items()}
        if is_dataclass(old) and not isinstance(old, type):
            known = {one.name: getattr(old, one.name) for one in fields(old)}
            return replace(old, **{n: self.value(one, name=n) for n, one in known.items()})
        return old

    def course(self, numbers: list[Any]) -> list[Any]:
        """Put something else in a few places of a long list of numbers."""
        made = list(numbers)
        for _ in range(self.random.choice((0, 0, 1, 5))):
            made[self.random.randrange(len(made))] = self.random.choice((*NUMBERS, None))
        return made

    def several(self, values: list[Any]) -> list[Any]:
        """Give none, some, or very many of what is there."""
        draw = self.random.random()
        if not values or not is_dataclass(values[0]) or draw < 0.8:
            return values
        if isinstance(values[0], Series | Point):  # drawn: a fold takes the worst few
            return values * 2
        if draw < 0.9:
            return values[:-1]
        return values * self.random.choice((2, 5, 20 if draw < 0.995 else MOST_LARGE))


VIEWS: tuple[Callable[[], IncidentView], ...] = (
    samples.view,
    samples.acknowledged,
    samples.resolved,
    samples.metric,
    samples.storm,
)
DIGESTS: tuple[Callable[[], Digest], ...] = (samples.digest, samples.whole_digest)


def alert(seed: int) -> Notification:
    """Draw the notification of an incident."""
    random = Random(seed)  # noqa: S311  # a replay needs a weak one
    poison = Poison(random)
    view = poison.value(random.choice(VIEWS)())
    reason = random.choice(list(NotifyReason))
    said = samples.notification(reason, view)
    headline = poison.text() if random.random() < 0.3 else ""
    return replace(said, key=poison.key(), subject=poison.key(), headline=headline)


def digest(seed: int) -> Notification:
    """Draw a digest."""
    random = Random(seed)  # noqa: S311  # as above
    poison = Poison(random)
    story = poison.value(random.choice(DIGESTS)())
    key = f"digest:{poison.key()}"
    return Notification(key, key, "r", NotifyReason.DIGEST, samples.NOW, digest=story)
