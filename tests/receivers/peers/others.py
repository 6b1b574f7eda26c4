"""An Alertmanager, a Jira, a Teams workflow and a webhook, as strict as their documentation."""

import json
import re
from datetime import datetime
from email.message import Message
from typing import Any
from urllib.parse import urlsplit

from monitor.api import Receiver
from monitor.receivers.alertmanager import Alertmanager
from monitor.receivers.jira import Jira
from monitor.receivers.teams import Teams
from monitor.receivers.webhook import Webhook
from monitor.render.samples import NOW
from tests.contract.receiver_contract import SECRET, Seen
from tests.receivers.peers.http import Answer, HttpPeer


class AlertmanagerPeer(HttpPeer):
    """What 0.25 accepts; an alert is its labels, and ends with its endsAt."""

    def __init__(self) -> None:
        super().__init__()
        self.alerts: dict[str, dict[str, Any]] = {}

    def receiver_at(self, url: str) -> Receiver:
        return Alertmanager.model_validate({"name": "am", "url": url, "token": SECRET})

    def seen(self) -> list[Seen]:
        """Return the incident's own alerts that fire, as one; the ended ones only if none does."""
        mine = [one for one in self.alerts.values() if "cause" not in one["labels"]]
        firing = [one for one in mine if datetime.fromisoformat(one["endsAt"]) > NOW]
        shown = firing or mine[-1:]
        return [
            Seen(
                one["labels"]["alertname"],
                json.dumps(one, ensure_ascii=False),
                bool(firing),
                one["labels"]["severity"] == "page",
            )
            for one in shown
        ]

    def handle(self, verb: str, path: str, body: Any, headers: Message) -> Answer:
        for alert in body:
            names = [*alert["labels"], *alert["annotations"]]
            if not all(re.fullmatch(r"[a-zA-Z_][a-zA-Z0-9_]*", name) for name in names):
                return 400, f"invalid name in {names}"
            if not alert["labels"] or alert["endsAt"] < alert["startsAt"]:
                return 400, "start must be before end"
        for alert in body:
            self.alerts[json.dumps(alert["labels"], sort_keys=True)] = alert
        return 200, None


class JiraPeer(HttpPeer):
    """The part of REST v3 that is used: issues, search by label, transitions, comments."""

    def __init__(self) -> None:
        super().__init__()
        self.issues: dict[str, dict[str, Any]] = {}

    def receiver_at(self, url: str) -> Receiver:
        given = {"name": "jira", "base_url": url, "user": "bot@example.com", "token": SECRET}
        return Jira.model_validate({**given, "project": "OPS"})

    def is_write(self, verb: str, path: str) -> bool:
        return verb != "GET" and not path.endswith("/search/jql")

    def seen(self) -> list[Seen]:
        return [
            Seen(
                key,
                json.dumps(one, ensure_ascii=False),
                one["status"] != "Done",
                one["summary"].startswith("PAGE"),
            )
            for key, one in self.issues.items()
        ]

    def handle(self, verb: str, path: str, body: Any, headers: Message) -> Answer:
        _, _, _, _, *steps = urlsplit(path).path.split("/")
        if steps == ["search", "jql"]:
            label = re.search(r'labels = "([^"]+)"', body["jql"])
            found = [k for k, one in self.issues.items() if label and label[1] in one["labels"]]
            return 200, {"issues": [{"key": key} for key in found]}
        if (verb, steps) == ("POST", ["issue"]):
            return self._create(body["fields"])
        known = self.issues.get(steps[1])
        if known is None:
            return 404, {"errorMessages": ["Issue does not exist"]}
        return self._issue(verb, known, steps[2:], body)

    def _create(self, fields: dict[str, Any]) -> Answer:
        if faults := field_faults(fields):
            return 400, {"errors": faults}
        key = f"OPS-{len(self.issues) + 1}"
        self.issues[key] = {**fields, "status": "To Do", "comments": []}
        return 201, {"key": key}

    def _issue(self, verb: str, known: dict[str, Any], steps: list[str], body: Any) -> Answer:
        if steps == ["comment"]:
            known["comments"].append(body["body"])
            return 201, {}
        if steps == ["transitions"] and verb == "GET":
            return 200, {
                "transitions": [{"id": "11", "name": "To Do"}, {"id": "31", "name": "Done"}]
            }
        if steps == ["transitions"]:
            known["status"] = {"11": "To Do", "31": "Done"}[body["transition"]["id"]]
            return 204, None
        if verb == "PUT":
            if faults := field_faults(body["fields"]):
                return 400, {"errors": faults}
            known.update(body["fields"])
            return 204, None
        category = "done" if known["status"] == "Done" else "new"
        return 200, {"fields": {"status": {"statusCategory": {"key": category}}}}


def field_faults(fields: dict[str, Any]) -> dict[str, str]:
    text = json.dumps(fields["description"], ensure_ascii=False)
    rules = {
        "summary": 0 < len(fields["summary"]) <= 255 and "\n" not in fields["summary"],
        "description": len(text) <= 32_767 and fields["description"]["type"] == "doc",
        "labels": not any(" " in one for one in fields["labels"]),
    }
    return {name: "wrong" for name, is_good in rules.items() if not is_good}


class TeamsPeer(HttpPeer):
    """A workflow: it takes Adaptive Cards of at most 28 KB, and remembers nothing."""

    def __init__(self) -> None:
        super().__init__()
        self.cards: list[dict[str, Any]] = []

    def receiver_at(self, url: str) -> Receiver:
        return Teams.model_validate({"name": "teams", "url": f"{url}/workflows?sig={SECRET}"})

    def seen(self) -> list[Seen]:
        return [
            Seen(
                str(place),
                " ".join(run["text"] for block in card["body"] for run in block["inlines"]),
                "Good" not in json.dumps(card),
                "Attention" in json.dumps(card),
            )
            for place, card in enumerate(self.cards)
        ]

    def handle(self, verb: str, path: str, body: Any, headers: Message) -> Answer:
        if len(json.dumps(body)) > 28 * 1024:
            return 413, {"error": "RequestEntityTooLarge"}
        (attachment,) = body["attachments"]
        card = attachment["content"]
        kinds = {block["type"] for block in card["body"]}
        if attachment["contentType"] != "application/vnd.microsoft.card.adaptive" or kinds != {
            "RichTextBlock"
        }:
            return 400, {"error": "a card of rich text was expected"}
        self.cards.append(card)
        return 202, None


class WebhookPeer(HttpPeer):
    """Any program; it uses the key against doubles, as it is told to."""

    def __init__(self) -> None:
        super().__init__()
        self.bodies: dict[str, Any] = {}

    def receiver_at(self, url: str) -> Receiver:
        return Webhook.model_validate({"name": "hook", "url": f"{url}/x?token={SECRET}"})

    def seen(self) -> list[Seen]:
        return [
            Seen(
                body["groupKey"],
                json.dumps(body, ensure_ascii=False),
                body["status"] == "firing",
                body["alerts"][0]["labels"]["severity"] == "page",
            )
            for body in self.bodies.values()
        ]

    def handle(self, verb: str, path: str, body: Any, headers: Message) -> Answer:
        self.bodies[headers["Idempotency-Key"]] = body
        return 200, None
