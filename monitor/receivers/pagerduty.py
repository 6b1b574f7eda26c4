"""Page through PagerDuty's Events API v2."""

from typing import Any, ClassVar

from pydantic import Field, SecretStr

from monitor.api import Notification, NotifyReason, Receipt
from monitor.api.http import HttpReceiver
from monitor.render.page import Page, acknowledging, cut, page_of, short
from monitor.render.units import Zone

LONGEST_KEY = 255
LONGEST_SUMMARY = 1024


class PagerDuty(HttpReceiver, type="pagerduty"):
    """One alert an incident, by `dedup_key`: triggered, again for news, acknowledged, resolved."""

    takes_digests: ClassVar[bool] = False

    key: SecretStr = Field(description="The integration (routing) key of the service.")
    base_url: str = Field(
        default="https://events.pagerduty.com/v2", description="Another region, or a test."
    )
    timezone: Zone = Field(default="UTC", description="IANA zone of the times.")

    async def send(self, notification: Notification, receipt: Receipt | None) -> Receipt:
        """Say what is new; 202 is the proof, and the same key never makes two open alerts."""
        page = page_of(notification, self.timezone)
        for action in _actions(page, notification.reason, receipt):
            event = self.event(page, action)
            await self.call("POST", self.base_url.rstrip("/") + "/enqueue", json=event)
        return Receipt(self.name, notification.subject, notification.at, page.place)

    def event(self, page: Page, action: str) -> dict[str, Any]:
        """Write the event."""
        event: dict[str, Any] = {
            "routing_key": self.key.get_secret_value(),
            "event_action": action,
            "dedup_key": short(page.key, LONGEST_KEY),
        }
        if action == "trigger":
            event |= {"payload": _payload(page), "client": "monitor", "links": _links(page)}
        return event


def _actions(page: Page, reason: NotifyReason, receipt: Receipt | None) -> tuple[str, ...]:
    if not page.is_open:
        return ("resolve",)
    change = acknowledging(page, receipt)
    if change == "unacknowledge":  # there is no way back but a new alert
        return ("resolve", "trigger")
    if change and reason is NotifyReason.ACKNOWLEDGED and receipt is not None:
        return (change,)
    return ("trigger", change) if change else ("trigger",)


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
