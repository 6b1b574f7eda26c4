"""Page through PagerDuty's Events API v2."""

from typing import Any, ClassVar

from pydantic import Field, SecretStr

from monitor.api import Notification, Receipt
from monitor.api.http import HttpReceiver
from monitor.render.page import Page, cut, page_of, short
from monitor.render.units import Zone

LONGEST_KEY = 255
LONGEST_SUMMARY = 1024


class PagerDuty(HttpReceiver, type="pagerduty"):
    """One alert an incident, by `dedup_key`: triggered, triggered again for news, resolved."""

    takes_digests: ClassVar[bool] = False

    key: SecretStr = Field(description="The integration (routing) key of the service.")
    base_url: str = Field(
        default="https://events.pagerduty.com/v2", description="Another region, or a test."
    )
    timezone: Zone = Field(default="UTC", description="IANA zone of the times.")

    async def send(self, notification: Notification, receipt: Receipt | None) -> Receipt:
        """Trigger or resolve; 202 is the proof, and the same key never makes two alerts."""
        event = self.event(page_of(notification, self.timezone))
        await self.call("POST", self.base_url.rstrip("/") + "/enqueue", json=event)
        return Receipt(self.name, notification.subject, notification.at)

    def event(self, page: Page) -> dict[str, Any]:
        """Write the event."""
        event: dict[str, Any] = {
            "routing_key": self.key.get_secret_value(),
            "event_action": "trigger" if page.is_open else "resolve",
            "dedup_key": short(page.key, LONGEST_KEY),
        }
        if page.is_open:
            event |= {"payload": _payload(page), "client": "monitor", "links": _links(page)}
        return event


def _payload(page: Page) -> dict[str, Any]:
    return {
        "summary": cut(page.summary, LONGEST_SUMMARY),
        "source": page.source,
        "severity": "critical" if page.is_page else "warning",
        "timestamp": page.since.isoformat(),
        "custom_details": {**page.facts, "reason": page.reason},
    }


def _links(page: Page) -> list[dict[str, str]]:
    return [{"href": link, "text": link} for link in page.links]
