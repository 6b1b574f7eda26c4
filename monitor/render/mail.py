"""Notifications as mail: plain text and HTML, one thread for each incident or digest."""

import html
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from email.message import EmailMessage
from email.utils import format_datetime
from hashlib import blake2s

from monitor.core.notification import Notification
from monitor.core.series import Series
from monitor.render.alert_chart import charts_of
from monitor.render.chart import caption, png, sparkline, svg, title_of
from monitor.render.digest import render_digest, verdict_line
from monitor.render.incident import notification_text
from monitor.render.page import cut, page_of
from monitor.render.summary import MOST_MEMBERS, state
from monitor.render.templates import Templates, one_line

LONGEST_SUBJECT = 200
"""Mail clients show fewer characters; RFC 5322 wants lines below 998."""

MOST_CHARTS = 2
"""Charts of an incident's mail, a few dozen kB each; the pages have the others."""

_SHIPPED = Templates()


def compose(
    notification: Notification,
    timezone: str,
    sender: str,
    to: Sequence[str],
    *,
    is_first: bool,
    templates: Templates = _SHIPPED,
) -> EmailMessage:
    """Write a mail. The same notification has the same Message-ID, so that doubles are known."""
    mail = EmailMessage()
    mail["From"] = sender
    mail["To"] = ", ".join(to)
    mail["Subject"] = cut(_subject(notification), LONGEST_SUBJECT)
    mail["Date"] = format_datetime(notification.at)
    first = _message_id(notification.subject)
    mail["Message-ID"] = first if is_first else _message_id(notification.key)
    if not is_first:
        mail["In-Reply-To"] = first
        mail["References"] = first
    if notification.is_page:
        mail["Importance"] = "high"
    # Answers of robots (out of office) would come back to us.
    mail["Auto-Submitted"] = "auto-generated"
    mail["X-Monitor-Key"] = one_line(notification.key)
    text = notification_text(notification, timezone, templates, is_first=is_first)
    mail.set_content(text + "\n")
    digest, view = notification.digest, notification.view
    charts = digest.charts if digest else charts_of(view)[:MOST_CHARTS] if view else ()
    pictures = _pictures(charts, digest.timezone if digest else timezone)
    folder = "email/alert" if is_first else "email/thread"
    written = _html(notification, timezone, templates, pictures, folder)
    if written is not None:
        for one in pictures:
            drawn = f'<img src="cid:{one.name}" width="640" alt="{html.escape(one.caption)}">'
            written = written.replace(one.svg, drawn) if one.png and digest else written
        mail.add_alternative(written, subtype="html")
        _attach(mail, pictures)
    return mail


@dataclass(frozen=True, slots=True)
class Picture:
    """A chart of a mail. ``png`` is empty without the extra `plots`: then ``bars`` tell it."""

    name: str
    title: str
    caption: str
    bars: str
    svg: str
    png: bytes


def _pictures(charts: Iterable[Series], timezone: str) -> list[Picture]:
    """Draw charts as PNG: mail clients show no SVG."""
    return [
        Picture(
            name=f"chart-{number}",
            title=title_of(chart),
            caption=f"{title_of(chart)}: {caption(chart)}",
            bars=sparkline(chart),
            svg=svg(chart, timezone),
            png=png(chart, timezone) or b"",
        )
        for number, chart in enumerate(charts, 1)
    ]


def _attach(mail: EmailMessage, pictures: Iterable[Picture]) -> None:
    page = mail.get_body(("html",))
    for one in pictures:
        if page is not None and one.png:
            name = f"{one.name}.png"
            page.add_related(one.png, "image", "png", cid=f"<{one.name}>", filename=name)


def _subject(notification: Notification) -> str:
    """Name the incident by what does not change: clients keep one subject in one thread.

    How it stands is in the first line of the text, and whether it is a page in `Importance`.
    """
    if notification.digest is not None:
        digest = notification.digest
        return one_line(f"{digest.name} digest: {verdict_line(digest)}")
    view = notification.view
    if view is not None and view.storm is not None:
        return "Many incidents at once"
    if view is not None:
        names = dict.fromkeys((view.incident.check, view.incident.resource or ""))
        return one_line(": ".join(filter(None, names)))
    return one_line(notification.headline or notification.reason)


def _html(
    notification: Notification,
    timezone: str,
    templates: Templates,
    pictures: Sequence[Picture],
    folder: str,
) -> str | None:
    if notification.digest is not None:
        return render_digest("email", notification.digest, templates)
    view = notification.view
    if view is None:
        return None
    return templates.render(
        folder,
        view.kind,
        view=view,
        page=page_of(notification, timezone),
        state=state(view),
        zone=timezone,
        most=MOST_MEMBERS,
        pictures=pictures,
        note=notification.headline,
        reason=str(notification.reason),
    )


def _message_id(key: str) -> str:
    return f"<{blake2s(key.encode(), digest_size=16).hexdigest()}@monitor.invalid>"
