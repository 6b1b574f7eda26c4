"""An incident as pagers and trackers know it: one object under one key, open or over."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from hashlib import blake2s

from monitor.core.incident import IncidentView
from monitor.core.model import Tier
from monitor.core.notification import Notification, Receipt
from monitor.render.backfill import commands
from monitor.render.incident import notification_text
from monitor.render.storm import owners
from monitor.render.summary import details, headline, sentence, title
from monitor.render.templates import one_line, visible
from monitor.render.units import local

MOST_LINKS = 10
LONGEST_FACT = 2000


@dataclass(frozen=True, slots=True)
class Page:
    """What every pager wants; all texts are free of control characters.

    ``text`` has many lines, ``facts`` are named details, ``source`` is what is ill and ``since``
    when that began; ``acked_by`` is who takes care of it, empty while nobody does.
    """

    key: str
    is_open: bool
    tier: Tier
    summary: str
    text: str
    source: str
    reason: str
    since: datetime
    facts: Mapping[str, str]
    links: tuple[str, ...] = ()
    acked_by: str = ""

    @property
    def place(self) -> dict[str, str]:
        """What a pager's receipt keeps, so that it is known what to take back."""
        return {"acked_by": self.acked_by} if self.acked_by else {}

    @property
    def is_page(self) -> bool:
        """Whether somebody may be woken for it."""
        return self.tier is Tier.PAGE


def page_of(notification: Notification, timezone: str) -> Page:
    """Make the page of a notification; one without an incident is its headline alone."""
    view = notification.view
    reason = one_line(notification.headline or notification.reason)
    text = visible(notification_text(notification, timezone)).strip() or reason
    if view is None:
        tier = Tier.PAGE if notification.is_page else Tier.WARN
        key, at = notification.subject, notification.at
        return Page(key, True, tier, reason, text, "monitor", reason, at, {})  # noqa: FBT003  # it is open
    return Page(
        key=notification.subject,
        is_open=view.is_open,
        tier=view.incident.tier,
        summary=one_line(title(view) if view.is_open else f"RESOLVED {headline(view)}"),
        text=text,
        source=one_line(view.incident.resource or view.incident.check) or "unknown",
        reason=reason,
        since=view.incident.opened_at,
        facts=_facts(view, timezone),
        links=_links(view),
        acked_by=one_line(view.incident.ack.by) if view.incident.ack is not None else "",
    )


def acknowledging(page: Page, receipt: Receipt | None) -> str:
    """Return ``acknowledge`` or ``unacknowledge`` where the pager has to be told; else nothing."""
    was_acked = receipt is not None and "acked_by" in receipt.place
    if was_acked == bool(page.acked_by):
        return ""
    return "unacknowledge" if was_acked else "acknowledge"


def cut(text: str, longest: int) -> str:
    """Cut a plain text, and say so."""
    return text if len(text) <= longest else text[: longest - 2] + " …"


def short(key: str, longest: int) -> str:
    """Return a key that is at most so long, and still no other's."""
    if len(key) <= longest:
        return key
    code = blake2s(key.encode(), digest_size=8).hexdigest()
    return f"{key[: longest - len(code) - 1]}-{code}"


def _facts(view: IncidentView, timezone: str) -> dict[str, str]:
    incident = view.incident
    told = {
        "maintainer": incident.maintainer + (" (nobody owns it)" if incident.unowned else ""),
        "check": incident.check,
        "since": local(incident.opened_at, timezone),
        "details": "\n".join(_details(view, timezone)),
        "because of it": ", ".join(dict.fromkeys(m.resource or m.check for m in view.folded)),
        "backfill": "\n".join(commands(view)),
    }
    return {name: cut(visible(text), LONGEST_FACT) for name, text in told.items() if text}


def _details(view: IncidentView, timezone: str) -> list[str]:
    if view.storm is None:
        return [line for member in view.own for line in details(member, timezone)]
    named = [f"{one.check} ({one.maintainer}): {sentence(one)}" for one in view.own]
    return [", ".join(owners(view.storm)), *named]


def _links(view: IncidentView) -> tuple[str, ...]:
    known = (one for member in view.own for one in (member.link, member.runbook) if one)
    web = (one for one in known if one.startswith(("http://", "https://")))
    return tuple(dict.fromkeys(web))[:MOST_LINKS]
