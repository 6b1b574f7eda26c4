"""Notifications as mail: plain text and HTML, one thread for each incident or digest."""

from collections.abc import Mapping, Sequence
from email.message import EmailMessage
from email.utils import format_datetime
from hashlib import blake2s

from monitor.core.notification import Notification
from monitor.render.chart import png, svg
from monitor.render.digest import as_html, verdict_line
from monitor.render.incident import notification_text
from monitor.render.page import cut, page_of
from monitor.render.summary import MOST_MEMBERS, state, title
from monitor.render.templates import Templates, one_line

LONGEST_SUBJECT = 200
"""Mail clients show fewer characters; RFC 5322 wants lines below 998."""

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
    # Answers of robots (out of office) would come back to us.
    mail["Auto-Submitted"] = "auto-generated"
    mail["X-Monitor-Key"] = one_line(notification.key)
    mail.set_content(notification_text(notification, timezone, templates) + "\n")
    written = _html(notification, timezone, templates)
    if written is not None:
        pictures = _pictures(notification)
        for name, (drawn, _) in pictures.items():
            written = written.replace(drawn, f'<img src="cid:{name}" width="640" alt="{name}">')
        mail.add_alternative(written, subtype="html")
        _attach(mail, pictures)
    return mail


def _pictures(notification: Notification) -> dict[str, tuple[str, bytes]]:
    """Draw the charts of a digest as PNG: mail clients show no SVG. None without `plots`."""
    digest = notification.digest
    found: dict[str, tuple[str, bytes]] = {}
    for number, chart in enumerate(digest.charts if digest else (), 1):
        image = png(chart, digest.timezone if digest else "UTC")
        if image is not None:
            drawn = svg(chart, digest.timezone if digest else "UTC")
            found[f"chart-{number}"] = (drawn, image)
    return found


def _attach(mail: EmailMessage, pictures: Mapping[str, tuple[str, bytes]]) -> None:
    page = mail.get_body(("html",))
    for name, (_, image) in pictures.items():
        if page is not None:
            page.add_related(image, "image", "png", cid=f"<{name}>", filename=f"{name}.png")


def _subject(notification: Notification) -> str:
    """Name the incident by what does not change, so that clients keep it in one thread."""
    if notification.digest is not None:
        digest = notification.digest
        return one_line(f"{digest.name} digest: {verdict_line(digest)}")
    if notification.view is not None:
        return one_line(title(notification.view))
    return one_line(notification.headline or notification.reason)


def _html(notification: Notification, timezone: str, templates: Templates) -> str | None:
    if notification.digest is not None:
        return as_html(notification.digest, templates)
    view = notification.view
    if view is None:
        return None
    return templates.render(
        "email/incident.j2",
        view=view,
        page=page_of(notification, timezone),
        state=state(view),
        zone=timezone,
        most=MOST_MEMBERS,
        note=notification.headline,
        reason=str(notification.reason),
    )


def _message_id(key: str) -> str:
    return f"<{blake2s(key.encode(), digest_size=16).hexdigest()}@monitor.invalid>"
