"""What stands behind a webhook or an Alertmanager can go by all that our own route tree goes by."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from monitor.core.alert import Alert, AlertState
from monitor.core.incident import Incident, IncidentView
from monitor.core.labels import Labels, labels_of
from monitor.core.model import Maintainer, OnCall, Outcome, Tier, Verdict
from monitor.core.notification import Notification, NotifyReason
from monitor.core.view import alert_labels, view_of
from monitor.core.world import CheckFacts, World
from monitor.render.alertmanager import api_alerts, body_of
from monitor.render.summary import headline

NOW = datetime(2026, 11, 24, 3, tzinfo=UTC)
OWN = labels_of({"env": "prod", "model": "of the check", "severity": "loud", "check": "x"})
FACTS = CheckFacts("ctr", "anomaly", (), "kpi", "kpi.clicks", "recsys", labels=OWN)


def alert(check: str, slice_: Labels = (), reason: str = "it fell") -> Alert:
    last = Verdict(check, slice_, NOW, Outcome.PAGE, Tier.PAGE, reason=reason)
    return Alert(check, slice_, AlertState.FIRING, NOW, Tier.PAGE, NOW, incident="i", last=last)


def seen(*alerts: Alert, facts: CheckFacts = FACTS, owner: str = "recsys") -> IncidentView:
    people = {"recsys": Maintainer("recsys", ("chat",))}
    world = World({facts.id: facts}, OnCall((), ("chat",)), maintainers=people)
    first = alerts[0].check
    incident = Incident("i", first, facts.resource, owner, NOW, Tier.PAGE)
    return view_of(incident, alerts, world, now=NOW)


def body(view: IncidentView) -> dict[str, Any]:
    return body_of(Notification("i:1", "i", "hook", NotifyReason.FIRST, NOW, view=view))


def labels_in(view: IncidentView) -> list[dict[str, str]]:
    return [one["labels"] for one in body(view)["alerts"]]


CTR = labels_of({"model": "ctr"})


def test_an_alert_has_the_labels_by_which_our_tree_sees_it_and_those_of_its_slice_win() -> None:
    one = alert("ctr", CTR)
    (labels,) = labels_in(seen(one))
    assert labels == alert_labels(one, FACTS, "recsys")
    assert labels == {
        "alertname": "ctr",
        "check": "ctr",
        "env": "prod",
        "kind": "anomaly",
        "maintainer": "recsys",
        "model": "ctr",
        "resource": "kpi.clicks",
        "severity": "page",
        "source": "kpi",
    }
    (posted,) = api_alerts(seen(one), NOW + timedelta(days=7))
    assert posted["labels"] == labels


def test_what_an_alert_does_not_have_is_no_empty_label() -> None:
    (labels,) = labels_in(seen(alert("ctr"), facts=replace(FACTS, resource=None, labels=())))
    assert "resource" not in labels
    assert "" not in labels.values()


def test_an_alert_from_elsewhere_keeps_the_source_and_resource_it_came_with() -> None:
    told = labels_of({"alertname": "Disk", "source": "node", "resource": "disk-1"})
    (labels,) = labels_in(seen(alert("alertmanager/-/Disk", told), owner="on-call"))
    assert (labels["source"], labels["resource"]) == ("node", "disk-1")
    assert labels["check"] == "alertmanager/-/Disk"


def test_common_is_what_all_alerts_say() -> None:
    one, other = alert("ctr", CTR), alert("ctr", labels_of({"model": "cvr"}), "it rose")
    alone, both = body(seen(one)), body(seen(one, other))
    assert alone["commonAnnotations"] == alone["alerts"][0]["annotations"]
    assert "it fell" in alone["commonAnnotations"]["summary"]
    assert both["commonAnnotations"] == {}
    assert both["text"] == headline(seen(one, other))
    assert both["commonLabels"]["env"] == "prod"
    assert "model" not in both["commonLabels"]
