"""Tell on standard output: for a first try, and for logs."""

import sys
from typing import ClassVar, Self, TextIO

from pydantic import Field, PrivateAttr

from monitor.api import Notification, Receipt, Receiver
from monitor.render.incident import notification_text
from monitor.render.templates import OwnTemplates, Templates
from monitor.render.units import Zone


class Console(Receiver, type="console"):
    """Print what happens, a few lines each."""

    rate: ClassVar[float] = 1000.0
    told_apart: ClassVar[int | None] = None

    timezone: Zone = Field(default="UTC", description="IANA zone of the times.")
    templates: OwnTemplates = None

    _stream: TextIO | None = PrivateAttr(default=None)

    def write_to(self, stream: TextIO) -> Self:
        """Print there instead of on standard output."""
        self._stream = stream
        return self

    async def send(self, notification: Notification, receipt: Receipt | None) -> Receipt:
        """Print and be done."""
        stream = self._stream or sys.stdout
        text = notification_text(notification, self.timezone, Templates(own=self.templates))
        stream.write(text + "\n")
        stream.flush()
        return Receipt(self.name, notification.subject, notification.at)
