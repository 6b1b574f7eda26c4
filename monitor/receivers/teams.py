"""Tell in Microsoft Teams, through the address of a workflow."""

from typing import Any, ClassVar

from pydantic import Field, SecretStr

from monitor.api import Notification, Receipt
from monitor.api.http import HttpReceiver
from monitor.render.adaptive import card_of
from monitor.render.units import Zone


class Teams(HttpReceiver, type="teams"):
    """Post an Adaptive Card to a workflow ("When a Teams webhook request is received").

    A workflow can neither edit nor thread: each notification is a card of its own, and none of
    them can be asked for, so a lost answer may make two of one.
    """

    rate: ClassVar[float] = 1.0
    may_page: ClassVar[bool] = False

    url: SecretStr = Field(description="The workflow's address; it holds a signature.")
    timezone: Zone = Field(default="UTC", description="IANA zone of the times.")

    async def send(self, notification: Notification, receipt: Receipt | None) -> Receipt:
        """Post the card; 202 is all the proof that a workflow gives."""
        card = card_of(notification, self.timezone)
        message: dict[str, Any] = {
            "type": "message",
            "attachments": [
                {
                    "contentType": "application/vnd.microsoft.card.adaptive",
                    "contentUrl": None,
                    "content": card,
                }
            ],
        }
        headers = {"Idempotency-Key": notification.key.encode("ascii", "replace").decode()}
        await self.call("POST", self.url.get_secret_value(), json=message, headers=headers)
        return Receipt(self.name, notification.subject, notification.at)
