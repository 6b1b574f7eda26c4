"""Tell through Apprise: the long tail of chats, never a page."""

import asyncio
import importlib
from typing import ClassVar

from pydantic import Field, SecretStr

from monitor.api import DeliveryError, Notification, Receipt, Receiver
from monitor.render.incident import notification_text
from monitor.render.page import page_of
from monitor.render.units import Zone


class Apprise(Receiver, type="apprise"):
    """Send to one Apprise address, as `ntfy://topic`: ntfy, Telegram, Discord, Mattermost, ...

    Apprise knows neither edits nor ends nor keys, so each notification is a message of its own
    and it is refused as a pager.
    """

    extra: ClassVar[str | None] = "apprise"
    rate: ClassVar[float] = 1.0
    may_page: ClassVar[bool] = False

    url: SecretStr = Field(description="An Apprise address; it holds the secrets of the service.")
    timezone: Zone = Field(default="UTC", description="IANA zone of the times.")

    async def send(self, notification: Notification, receipt: Receipt | None) -> Receipt:
        """Send; Apprise only says whether it worked."""
        if not await asyncio.to_thread(self._send, notification):
            raise DeliveryError("Apprise could not deliver; its log says more", is_ambiguous=True)
        return Receipt(self.name, notification.subject, notification.at)

    def _send(self, notification: Notification) -> bool:
        apprise = importlib.import_module("apprise")  # takes 0.6 s: only where it is used
        to = apprise.Apprise()
        if not to.add(self.url.get_secret_value()):
            raise DeliveryError("Apprise does not know this address", is_final=True)
        page = page_of(notification, self.timezone)
        kind = "failure" if page.is_page else "warning"
        return bool(
            to.notify(
                title=page.summary,
                body=notification_text(notification, self.timezone),
                notify_type=kind if page.is_open else "success",
                body_format="text",
            )
        )
