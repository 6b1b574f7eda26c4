"""An incident as plain text."""

from monitor.core.notification import Notification
from monitor.render.digest import as_text
from monitor.render.summary import MOST_MEMBERS
from monitor.render.templates import Templates

_SHIPPED = Templates()


def notification_text(
    notification: Notification, timezone: str, templates: Templates = _SHIPPED
) -> str:
    """Write a notification as plain text; times are in the IANA zone, a digest's in its own."""
    if notification.digest is not None:
        return as_text(notification.digest, templates)
    if notification.view is None:
        return notification.headline
    return templates.render(
        "text/incident.j2",
        view=notification.view,
        reason=str(notification.reason),
        most=MOST_MEMBERS,
        note=notification.headline,
        at=notification.at,
        zone=timezone,
    ).rstrip("\n")
