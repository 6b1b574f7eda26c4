"""Hand alerts to an Alertmanager, and through it to whatever a team has there."""

import json
from datetime import timedelta
from typing import Any, ClassVar

from pydantic import Field, SecretStr

from monitor.api import Notification, Receipt
from monitor.api.fields import Duration
from monitor.api.http import HttpReceiver
from monitor.core.model import Tier
from monitor.render.alertmanager import api_alert, api_alerts, gone


class Alertmanager(HttpReceiver, type="alertmanager"):
    """POST to `/api/v2/alerts`, one alert there for each slice that fires here.

    Alertmanager resolves what nobody repeats; each alert therefore says itself until when it
    stays, if this daemon should fall silent.
    """

    takes_digests: ClassVar[bool] = False
    told_apart: ClassVar[int | None] = None

    url: str = Field(description="Its address, as http://alertmanager:9093.")
    token: SecretStr | None = Field(default=None, description="A bearer token, behind a proxy.")
    stays: Duration = Field(
        default=timedelta(days=7), description="How long an alert fires without further news."
    )

    async def send(self, notification: Notification, receipt: Receipt | None) -> Receipt:
        """Post what fires and what is over; a severity that changed ends the alert of the old."""
        alerts = self._alerts(notification)
        told = json.loads(receipt.place.get("firing", "[]")) if receipt else []
        over = [
            api_alert(labels, notification.at - timedelta(seconds=1), notification.at, {})
            for labels in gone(told, alerts)
        ]
        token = self.token.get_secret_value() if self.token else ""
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        url = self.url.rstrip("/") + "/api/v2/alerts"
        await self.call("POST", url, json=[*over, *alerts], headers=headers)
        place = {"firing": json.dumps([alert["labels"] for alert in alerts])}
        return Receipt(self.name, notification.subject, notification.at, place)

    def _alerts(self, notification: Notification) -> list[dict[str, Any]]:
        until = notification.at + self.stays
        if notification.view is not None:
            return api_alerts(notification.view, until)
        tier = Tier.PAGE if notification.is_page else Tier.WARN
        labels = {"alertname": "monitor", "subject": notification.subject, "severity": str(tier)}
        said = {"summary": notification.headline or str(notification.reason)}
        return [api_alert(labels, notification.at, until, said)]
