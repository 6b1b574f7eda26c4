"""PagerDuty and Opsgenie, as strict as their documentation."""

import json
from email.message import Message
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from monitor.api import Receiver
from monitor.receivers.opsgenie import Opsgenie
from monitor.receivers.pagerduty import PagerDuty
from tests.contract.receiver_contract import SECRET, Seen
from tests.receivers.peers.http import Answer, HttpPeer


class PagerDutyPeer(HttpPeer):
    """Events API v2: its OpenAPI and the limits of its documentation."""

    def __init__(self) -> None:
        super().__init__()
        self.alerts: dict[str, dict[str, Any]] = {}

    def receiver_at(self, url: str) -> Receiver:
        return PagerDuty.model_validate({"name": "pd", "key": SECRET, "base_url": f"{url}/v2"})

    def seen(self) -> list[Seen]:
        return [
            Seen(key, json.dumps(one), one["is_open"], one["severity"] == "critical")
            for key, one in self.alerts.items()
        ]

    def handle(self, verb: str, path: str, body: Any, headers: Message) -> Answer:
        faults = event_faults(body)
        if (verb, path) != ("POST", "/v2/enqueue") or faults:
            return 400, {"status": "invalid event", "errors": faults}
        new = {"severity": "", "is_open": False, "is_acked": False, "rings": 0}
        known = self.alerts.setdefault(body["dedup_key"], new)
        known.update(body.get("payload", {}))
        if body["event_action"] == "resolve":
            known.update(is_open=False, is_acked=False)
        elif body["event_action"] == "acknowledge":
            known["is_acked"] = known["is_open"]
        elif not known["is_open"]:  # what is open, acknowledged or not, only takes note
            known.update(is_open=True, rings=known["rings"] + 1)
        return 202, {"status": "success", "dedup_key": body["dedup_key"]}


def event_faults(event: dict[str, Any]) -> list[str]:
    payload = event.get("payload", {})
    is_trigger = event.get("event_action") == "trigger"
    rules = {
        "routing_key": len(event.get("routing_key", "")) == 32,
        "event_action": event.get("event_action") in {"trigger", "acknowledge", "resolve"},
        "dedup_key": 0 < len(event.get("dedup_key", "")) <= 255,
        "summary": not is_trigger or 0 < len(payload.get("summary", "")) <= 1024,
        "source": not is_trigger or bool(payload.get("source")),
        "severity": not is_trigger
        or payload.get("severity") in {"critical", "warning", "error", "info"},
        "links": all(one["href"].startswith("http") for one in event.get("links", [])),
        "size": len(json.dumps(event)) <= 512 * 1024,
    }
    return [name for name, is_good in rules.items() if not is_good]


class OpsgeniePeer(HttpPeer):
    """The alert API: 202 first, the outcome by request id, an alias for one open alert."""

    home = ""
    known_teams = ("recsys",)

    def __init__(self) -> None:
        super().__init__()
        self.alerts: list[dict[str, Any]] = []
        self.outcomes: list[tuple[bool, str]] = []

    def receiver_at(self, url: str) -> Receiver:
        given = {"name": "og", "key": SECRET, "base_url": url + self.home}
        return Opsgenie.model_validate({**given, "responders": self.known_teams})

    def seen(self) -> list[Seen]:
        return [
            Seen(
                one["alias"],
                json.dumps(one, ensure_ascii=False),
                one["is_open"],
                one["priority"] == "P1",
            )
            for one in self.alerts
        ]

    def _open(self, alias: str) -> dict[str, Any] | None:
        found = (one for one in self.alerts if one["alias"] == alias and one["is_open"])
        return next(found, None)

    def handle(self, verb: str, path: str, body: Any, headers: Message) -> Answer:
        if headers.get("Authorization") != f"GenieKey {SECRET}":
            return 401, {"message": "Could not authenticate"}
        split = urlsplit(path)
        steps = split.path.removeprefix(f"{self.home}/v2/alerts").strip("/").split("/")
        if verb == "GET":
            is_success, status = self.outcomes[int(steps[1])]
            return 200, {"data": {"isSuccess": is_success, "status": status}}
        if steps == [""]:
            return self.create(body)
        if parse_qs(split.query).get("identifierType") != ["alias"]:
            return 422, {"message": "no alert has this id"}
        return self._change(unquote(steps[0]), steps[1], body)

    def create(self, body: dict[str, Any]) -> Answer:
        limits = {"message": 130, "alias": 512, "description": 15_000, "entity": 512}
        too_long = [name for name, most in limits.items() if not 0 < len(body[name]) <= most]
        if too_long or body["priority"] not in {"P1", "P2", "P3", "P4", "P5"}:
            return 422, {"message": f"wrong: {too_long}"}
        by = "id" if "/jsm/" in self.home else "name"
        if any(one.get(by) not in self.known_teams for one in body["responders"]):
            return self._outcome(is_success=False, status="Responder does not exist")
        known = self._open(body["alias"])
        if known is None:
            new = {"is_open": True, "is_acked": False, "count": 1, "notes": []}
            self.alerts.append({**body, **new})
        else:
            known["count"] += 1
        return self._outcome(is_success=True, status="Created alert")

    def _change(self, alias: str, what: str, body: dict[str, Any]) -> Answer:
        known = self._open(alias)
        if known is None:
            return self._outcome(is_success=False, status="Alert does not exist")
        if what == "close":
            known["is_open"] = False
        elif what == "notes":
            known["notes"].append(body["note"])
        elif what in {"acknowledge", "unacknowledge"}:
            known["is_acked"] = what == "acknowledge"
        elif what in {"priority", "message"}:
            known[what] = body[what]
        else:
            return 404, {"message": "no such call"}
        return self._outcome(is_success=True, status=what)

    def _outcome(self, *, is_success: bool, status: str) -> Answer:
        self.outcomes.append((is_success, status))
        return 202, {"result": "Request will be processed", "requestId": len(self.outcomes) - 1}


class JsmPeer(OpsgeniePeer):
    """Jira Service Management Operations: the same contract below another path, teams by id."""

    home = "/jsm/ops/integration"
    known_teams = ("b7f3f4f0-7a5e-4f2e-9d4a-0f6f1f2c3d4e",)
