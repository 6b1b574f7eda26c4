"""An incident as plain text."""

from monitor.core.notification import Notification
from monitor.render.digest import as_text
from monitor.render.summary import MOST_MEMBERS
from monitor.render.templates import Templates

_SHIPPED = Templates()


def notification_text(
    notification: Notification,
    timezone: str,
    templates: Templates = _SHIPPED,
    *,
    is_first: bool = True,
) -> str:
    """Write a notification as plain text; times are in the IANA zone, a digest's in its own.

    One that is not the first is told below the first one.
    """
    if notification.digest is not None:
        return as_text(notification.digest, templates)
    if notification.view is None:
        return notification.headline
    return templates.render(
        "text/alert" if is_first else "text/thread",
        notification.view.kind,
        view=notification.view,
        reason=str(notification.reason),
        most=MOST_MEMBERS,
        note=notification.headline,
        at=notification.at,
        zone=timezone,
    ).rstrip("\n")
