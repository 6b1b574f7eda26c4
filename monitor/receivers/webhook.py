"""Tell any program that takes Alertmanager's webhook, or CloudEvents."""

import hashlib
import hmac
from datetime import UTC
from typing import ClassVar
from urllib.parse import quote

from pydantic import Field, SecretStr

from monitor.api import Notification, Receipt
from monitor.api.http import HttpReceiver
from monitor.core.whole import write_json
from monitor.render.alertmanager import body_of

PRINTABLE = "".join(map(chr, range(0x21, 0x7F))).replace("%", "").replace('"', "")
"""What CloudEvents' HTTP binding (1.0.2, 3.1.3.2) leaves as it is in a header."""


class Webhook(HttpReceiver, type="webhook"):
    """POST Alertmanager's version 4 JSON, with `incident` and `reason` added, as a CloudEvent.

    `Idempotency-Key` is the same for the same message. With a secret, `X-Monitor-Signature` is
    `sha256=` and the HMAC of the body.
    """

    rate: ClassVar[float] = 1000.0
    told_apart: ClassVar[int | None] = None
    width: ClassVar[int] = 8

    url: SecretStr = Field(description="Where to POST; kept out of logs, it may hold a token.")
    secret: SecretStr | None = Field(default=None, description="Key of the signature.")

    async def send(self, notification: Notification, receipt: Receipt | None) -> Receipt:
        """Deliver; 2xx is the proof."""
        body = write_json(body_of(notification), default=str).encode()
        headers = headers_of(notification)
        if self.secret is not None:
            key = self.secret.get_secret_value().encode()
            signature = hmac.new(key, body, hashlib.sha256).hexdigest()
            headers["X-Monitor-Signature"] = f"sha256={signature}"
        await self.call("POST", self.url.get_secret_value(), content=body, headers=headers)
        return Receipt(self.name, notification.subject, notification.at)


def headers_of(notification: Notification) -> dict[str, str]:
    """Describe the body as a CloudEvent in binary mode, all in ASCII."""
    if notification.view is None:
        kind = "digest" if notification.digest is not None else "notice"
    else:
        kind = "incident.firing" if notification.view.is_open else "incident.resolved"
    key = quote(notification.key, safe=PRINTABLE)
    return {
        "Content-Type": "application/json",
        "Idempotency-Key": key,
        "ce-specversion": "1.0",
        "ce-id": key,
        "ce-type": f"monitor.{kind}",
        "ce-source": "/monitor",
        "ce-subject": quote(notification.subject, safe=PRINTABLE),
        "ce-time": notification.at.astimezone(UTC).isoformat(),
    }
