"""Tell any program that takes Alertmanager's webhook."""

import hashlib
import hmac
import json
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar

import httpx
from pydantic import Field, PrivateAttr, SecretStr

from monitor.api import DeliveryError, IncidentView, Member, Notification, Receipt, Receiver
from monitor.render.backfill import commands
from monitor.render.digest import as_json
from monitor.render.summary import headline, sentence

TIMEOUT_SECONDS = 10.0
TRY_AGAIN = {408, 425, 429}
NO_END = "0001-01-01T00:00:00Z"
"""What Alertmanager writes as the end of an alert that still fires."""


class Webhook(Receiver, type="webhook"):
    """POST Alertmanager's version 4 JSON, with `incident` and `reason` added.

    `Idempotency-Key` is the same for the same message. With a secret, `X-Monitor-Signature` is
    `sha256=` and the HMAC of the body.
    """

    rate: ClassVar[float] = 50.0

    url: SecretStr = Field(description="Where to POST; kept out of logs, it may hold a token.")
    secret: SecretStr | None = Field(default=None, description="Key of the signature.")

    _client: httpx.AsyncClient | None = PrivateAttr(default=None)

    async def send(self, notification: Notification, receipt: Receipt | None) -> Receipt:
        """Deliver; 2xx is the proof."""
        body = json.dumps(body_of(notification), default=str).encode()
        headers = {"Content-Type": "application/json", "Idempotency-Key": notification.key}
        if self.secret is not None:
            key = self.secret.get_secret_value().encode()
            signature = hmac.new(key, body, hashlib.sha256).hexdigest()
            headers["X-Monitor-Signature"] = f"sha256={signature}"
        try:
            url = self.url.get_secret_value()
            response = await self._http().post(url, content=body, headers=headers)
        except (httpx.ConnectError, httpx.ConnectTimeout) as error:
            raise DeliveryError(f"cannot connect: {error}") from error
        except (httpx.InvalidURL, httpx.UnsupportedProtocol) as error:
            raise DeliveryError(f"no URL that can be posted to: {error}", is_final=True) from error
        except httpx.HTTPError as error:
            raise DeliveryError(f"no answer: {error}", is_ambiguous=True) from error
        if not response.is_success:
            raise _refused(response)
        return Receipt(self.name, notification.subject, notification.at)

    def _http(self) -> httpx.AsyncClient:
        if self._client is None:
            self._client = httpx.AsyncClient(timeout=TIMEOUT_SECONDS)
        return self._client

    async def close(self) -> None:
        """Close the connections."""
        if self._client is not None:
            await self._client.aclose()


def _refused(response: httpx.Response) -> DeliveryError:
    status = response.status_code
    wait = response.headers.get("Retry-After", "")
    return DeliveryError(
        f"HTTP {status}: {response.text[:200]}",
        retry_after=timedelta(seconds=int(wait)) if wait.isdecimal() else None,
        is_final=not response.is_server_error and status not in TRY_AGAIN,
    )


def body_of(notification: Notification) -> dict[str, Any]:
    """Write the body of a notification; moments as RFC 3339 in UTC."""
    view = notification.view
    if view is None:
        said: dict[str, Any] = {"version": "4", "reason": str(notification.reason)}
        if notification.digest is None:
            return {**said, "text": notification.headline}
        return {**said, "digest": as_json(notification.digest)}
    alerts = [_alert(view, member) for member in view.members]
    group = {"alertname": view.incident.check}
    return {
        "version": "4",
        "groupKey": view.incident.id,
        "status": "firing" if view.is_open else "resolved",
        "receiver": notification.receiver,
        "groupLabels": group,
        "commonLabels": {**group, "maintainer": view.incident.maintainer},
        "commonAnnotations": {"summary": headline(view)},
        "externalURL": "",
        "truncatedAlerts": 0,
        "alerts": alerts,
        "incident": view.incident.id,
        "reason": str(notification.reason),
        "backfill": list(commands(view)),
    }


def _alert(view: IncidentView, member: Member) -> dict[str, Any]:
    labels = {
        **dict(member.slice),
        "alertname": member.check,
        "severity": str(member.tier),
        "maintainer": member.maintainer,
        "kind": member.kind,
    }
    if member.is_folded:
        labels["cause"] = view.incident.check
    return {
        "status": "resolved" if member.resolved_at else "firing",
        "labels": labels,
        "annotations": {"summary": sentence(member)},
        "startsAt": _rfc3339(member.fired_at),
        "endsAt": _rfc3339(member.resolved_at) if member.resolved_at else NO_END,
        "generatorURL": member.link or "",
        "fingerprint": _fingerprint(member),
    }


def _fingerprint(member: Member) -> str:
    """Name a slice of a check for good: 16 hexadecimal digits, as Alertmanager's."""
    known = json.dumps([member.check, member.slice])
    return hashlib.blake2s(known.encode(), digest_size=8).hexdigest()


def _rfc3339(at: datetime) -> str:
    return at.astimezone(UTC).isoformat().replace("+00:00", "Z")
