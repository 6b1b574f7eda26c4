"""The API as scripts use it, on the real engine and a virtual clock."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import timedelta
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import httpx
import pytest
from prometheus_client import CollectorRegistry

from monitor.config.plan import Proxy, Web
from monitor.web.auth import ExposedError, knows, refuse_exposed
from monitor.web.pages import Pages, make_web
from tests.engine.rig import Rig

BY = {"by": "asha"}
FIRST, RESOLVED = "first notification", "all alerts resolved"
Story = Callable[["Site"], Awaitable[None]]


class Site:
    """A rig with its pages."""

    def __init__(self, rig: Rig, web: Web | None = None, peer: str = "127.0.0.1") -> None:
        self.rig = rig
        pages = Pages(
            store=rig.store,
            clock=rig.clock,
            registry=CollectorRegistry(),
            plan=lambda: rig.engine.plan,
            world=lambda: rig.engine.world,
            trouble=lambda: rig.engine.trouble,
            count=rig.engine.count,
            doer=rig.engine,
            web=web or Web(),
        )
        self.views = pages.views
        self.http = httpx.AsyncClient(
            transport=httpx.ASGITransport(make_web(pages), client=(peer, 50_000)),
            base_url="http://monitor/api/v1/",
        )

    async def get(self, path: str, **more: Any) -> Any:
        answer = await self.http.get(path, **more)
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def post(self, path: str, body: Any, status: int = 200) -> Any:
        answer = await self.http.post(path, json=body)
        assert answer.status_code == status, answer.text
        return answer.json()

    async def breaks(self) -> str:
        """Let check a fire; return its incident."""
        self.rig.source.says(50)
        await self.rig.minutes(2)
        (view,) = [v for v in await self.get("incidents") if v["incident"]["resolved_at"] is None]
        return str(view["incident"]["id"])

    def silence(self, **more: Any) -> dict[str, Any]:
        now = self.rig.clock.now()
        ends = (now + timedelta(minutes=5)).isoformat()
        about = {"createdBy": "asha", "comment": "migration", "endsAt": ends}
        return {"matchers": ['check="a"'], **about, **more}


@pytest.fixture
def tell(tmp_path: Path) -> Callable[[Story], None]:
    def run(story: Story) -> None:
        rig = Rig(f"sqlite:///{tmp_path}/monitor.db")
        rig.run(lambda started: story(Site(started)))
        rig.store.close()

    return run


def test_the_status_counts_the_checks_by_how_they_are(
    tell: Callable[[Story], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    async def story(site: Site) -> None:
        assert (await site.get("status"))["outcomes"] == {"not yet": 2}
        await site.breaks()
        for most in (5000, 1):
            monkeypatch.setattr("monitor.web.standing.MOST_ROWS", most)
            assert (await site.get("status"))["outcomes"] == {"warn": 1, "ok": 1}

    tell(story)


def test_an_acknowledgement_is_told_in_the_thread_and_ends(tell: Callable[[Story], None]) -> None:
    async def story(site: Site) -> None:
        incident = await site.breaks()
        await site.post(f"incidents/{incident}/ack", {**BY, "until": "10m"})
        told = await site.get(f"incidents/{incident}")
        assert told["incident"]["ack"]["by"] == "asha"
        await site.rig.minutes(12)
        assert site.rig.sent("recsys-slack") == [FIRST, "acknowledged", "the acknowledgement ended"]

    tell(story)


def test_a_reassigned_incident_is_told_to_its_new_owner_and_ended_at_both(
    tell: Callable[[Story], None],
) -> None:
    async def story(site: Site) -> None:
        incident = await site.breaks()
        await site.post(f"incidents/{incident}/reassign", {**BY, "to": "nobody"}, 400)
        await site.post(f"incidents/{incident}/reassign", {**BY, "to": "data"})
        await site.rig.minutes(1)
        assert site.rig.sent("data-slack") == [FIRST]
        site.rig.source.says(1)
        await site.rig.minutes(2)
        assert site.rig.sent("data-slack") == [FIRST, RESOLVED]
        assert site.rig.sent("recsys-slack") == [FIRST, "reassigned", RESOLVED]

    tell(story)


def test_a_silence_is_committed_hushes_and_its_end_is_told_at_once(
    tell: Callable[[Story], None],
) -> None:
    async def story(site: Site) -> None:
        made = await site.post("silences", site.silence())
        assert [one.id for one in site.rig.store.history.silences()] == [made["silenceID"]]
        incident = await site.breaks()
        assert site.rig.sent("recsys-slack") == []
        (shown,) = await site.get("silences?state=active")
        assert shown["matchers"][0] == {
            "name": "check",
            "value": "a",
            "isRegex": False,
            "isEqual": True,
        }
        answer = await site.http.delete(f"silences/{made['silenceID']}?by=ben")
        assert answer.status_code == 200
        await site.rig.minutes(1)
        assert site.rig.sent("recsys-slack") == ["nothing suppresses it any more"]
        story = await site.get(f"incidents/{incident}")
        told = [(entry["what"], entry["why"]) for entry in story["timeline"]]
        assert ("not told", "silenced") in told
        assert ("suppressed", "silence") in told
        assert ("suppression ended", "silence") in told

    tell(story)


def test_a_silence_that_runs_out_ends_by_itself(tell: Callable[[Story], None]) -> None:
    async def story(site: Site) -> None:
        await site.post("silences", site.silence())
        await site.breaks()
        await site.rig.minutes(4)
        assert site.rig.sent("recsys-slack") == ["nothing suppresses it any more"]

    tell(story)


def test_what_was_told_and_then_silenced_still_hears_its_end(tell: Callable[[Story], None]) -> None:
    async def story(site: Site) -> None:
        await site.breaks()
        await site.post("silences", site.silence())
        site.rig.source.says(1)
        await site.rig.minutes(2)
        assert site.rig.sent("recsys-slack") == [FIRST, RESOLVED]

    tell(story)


def test_a_silence_as_alertmanagers_tools_write_it_is_read(tell: Callable[[Story], None]) -> None:
    async def story(site: Site) -> None:
        matcher = {"name": "check", "value": "a|b", "isRegex": True, "isEqual": True}
        await site.post("silences", site.silence(matchers=[matcher]))
        (kept,) = site.rig.store.history.silences()
        assert str(kept.matchers[0]) == 'check=~"a|b"'

    tell(story)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"matchers": []}, "matchers"),
        ({"matchers": ['check=~"(?=a)"']}, "matchers"),
        ({"matchers": ['check=~".*"']}, "must not match the empty value"),
        ({"matchers": ["check"]}, "matchers"),
        ({"comment": " "}, "comment"),
        ({"createdBy": ""}, "createdBy"),
        ({"endsAt": "2020-01-01T00:00:00Z"}, "passed"),
        ({"endsAt": "soon"}, "endsAt"),
        ({"endsAt": "2030-01-01T00:00:00"}, "endsAt"),
    ],
)
def test_a_silence_that_makes_no_sense_is_refused_with_the_reason(
    tell: Callable[[Story], None], change: dict[str, Any], says: str
) -> None:
    async def story(site: Site) -> None:
        answer = await site.post("silences", site.silence(**change), 400)
        assert says in answer["error"]
        assert site.rig.store.history.silences() == []

    tell(story)


FOR_EVER = ["9999-12-31T23:59:59Z", "9999-12-31T23:59:59-12:00"]


@pytest.mark.parametrize("until", FOR_EVER)
def test_a_silence_and_an_acknowledgement_may_last_for_ever_and_every_page_tells_of_them(
    tell: Callable[[Story], None], until: str
) -> None:
    async def story(site: Site) -> None:
        plan = site.rig.engine.plan
        site.rig.engine.plan = replace(plan, timezone="Asia/Kolkata")
        incident = await site.breaks()
        await site.post(f"incidents/{incident}/ack", {**BY, "until": until})
        await site.post("silences", site.silence(endsAt=until, startsAt="0001-01-01T00:00:00Z"))
        for page in ("/", "/silences", "/checks/a", f"/incidents/{incident}"):
            shown = await site.http.get(f"http://monitor{page}")
            assert shown.status_code == 200, page
        (kept,) = await site.get("silences?state=active")
        assert kept["endsAt"] == "9000-01-01T00:00:00Z"

    tell(story)


@pytest.mark.parametrize("until", ["9999999d", "99999999999999d", "9" * 400 + "d"])
def test_an_acknowledgement_for_more_than_a_century_is_refused(
    tell: Callable[[Story], None], until: str
) -> None:
    async def story(site: Site) -> None:
        incident = await site.breaks()
        answer = await site.post(f"incidents/{incident}/ack", {**BY, "until": until}, 400)
        assert "is longer than 100 years" in answer["error"]

    tell(story)


def test_a_state_that_silences_never_have_is_refused(tell: Callable[[Story], None]) -> None:
    async def story(site: Site) -> None:
        answer = await site.http.get("silences?state=actve")
        assert answer.status_code == 400
        assert "active, pending, expired" in answer.text

    tell(story)


def test_a_silence_that_is_not_there_cannot_be_changed(tell: Callable[[Story], None]) -> None:
    async def story(site: Site) -> None:
        await site.post("silences", {**site.silence(), "id": "misspelt"}, 404)
        assert await site.get("silences") == []
        key = (await site.post("silences", site.silence()))["silenceID"]
        changed = {**site.silence(), "id": key, "comment": "longer"}
        assert (await site.post("silences", changed))["silenceID"] == key
        (silence,) = await site.get("silences")
        assert silence["comment"] == "longer"

    tell(story)


def test_incidents_say_what_they_are_about_and_can_be_picked_by_state(
    tell: Callable[[Story], None],
) -> None:
    async def story(site: Site) -> None:
        incident = await site.breaks()
        (told,) = await site.get("incidents?state=open")
        assert told["incident"]["id"] == incident
        assert told["headline"] == "a: value 50 (limit 10)"
        assert told["commands"] == []
        assert await site.get("incidents?state=resolved") == []
        await site.post(f"incidents/{incident}/resolve", BY)
        assert await site.get("incidents?state=open") == []
        (told,) = await site.get("incidents?state=resolved")
        assert told["headline"] == (await site.get(f"incidents/{incident}"))["headline"]
        answer = await site.http.get("incidents?state=opn")
        assert answer.status_code == 400
        assert "open, resolved" in answer.text

    tell(story)


def test_resolving_by_hand_tells_the_end_and_what_is_still_bad_fires_again(
    tell: Callable[[Story], None],
) -> None:
    async def story(site: Site) -> None:
        incident = await site.breaks()
        await site.post(f"incidents/{incident}/resolve", BY)
        await site.post(f"incidents/{incident}/resolve", BY, 404)
        await site.rig.minutes(2)
        assert site.rig.sent("recsys-slack") == [FIRST, RESOLVED, FIRST]

    tell(story)


def test_nothing_is_acknowledged_that_cannot_be_stored(tell: Callable[[Story], None]) -> None:
    async def story(site: Site) -> None:
        incident = await site.breaks()
        site.rig.store.is_full = True
        for path, body in (
            (f"incidents/{incident}/ack", BY),
            ("silences", site.silence()),
            ("alertmanager", {"alerts": [{"labels": {"alertname": "X"}}]}),
            ("checks/b/run", {}),
        ):
            await site.post(path, body, 503)
        site.rig.store.is_full = False
        await site.rig.minutes(1)
        told = await site.get(f"incidents/{incident}")
        assert told["incident"]["ack"] is None
        assert site.rig.store.history.silences() == []

    tell(story)


def test_alerts_of_another_alertmanager_are_told_to_their_maintainer_and_resolve(
    tell: Callable[[Story], None],
) -> None:
    async def story(site: Site) -> None:
        labels = {"alertname": "DiskFull", "maintainer": "data", "node": "n1"}
        summary = {"annotations": {"summary": "95 % of /data"}}
        firing = {"labels": labels, "status": "firing", **summary}
        assert await site.post("alertmanager", {"version": "4", "alerts": [firing]}) == {
            "accepted": 1
        }
        await site.rig.minutes(1)
        assert site.rig.sent("data-slack") == [FIRST]
        (alert,) = await site.get("alerts?matcher=alertname=DiskFull,node=~n.")
        assert (alert["labels"]["maintainer"], alert["summary"]) == ("data", "95 % of /data")
        await site.rig.engine.reload(site.rig.plan())
        await site.post("alertmanager", [{"labels": labels, "status": "resolved"}])
        await site.rig.minutes(1)
        assert site.rig.sent("data-slack") == [FIRST, RESOLVED]
        assert site.rig.store.journal.not_taken() == []

    tell(story)


@pytest.mark.long
@pytest.mark.parametrize(
    "body",
    [
        {},
        {"alerts": []},
        {"alerts": [{}]},
        {"alerts": [{"labels": {"a": "b"}}]},
        {"alerts": [{"labels": {"alertname": "X", "n": 1}}]},
        {"alerts": [{"labels": {"alertname": "X"}, "endsAt": "soon"}]},
        [7],
        7,
    ],
)
def test_alerts_that_cannot_be_read_are_refused_whole(
    tell: Callable[[Story], None], body: Any
) -> None:
    async def story(site: Site) -> None:
        await site.post("alertmanager", body, 400)
        assert site.rig.store.journal.not_taken() == []

    tell(story)


def test_lists_are_filtered_and_paged(tell: Callable[[Story], None]) -> None:
    async def story(site: Site) -> None:
        await site.breaks()
        alerts = [{"labels": {"alertname": "X", "n": str(n)}} for n in range(7)]
        await site.post("alertmanager", {"alerts": alerts})
        await site.rig.minutes(1)
        answer = await site.http.get('alerts?matcher=alertname="X"&limit=3&offset=5')
        assert (len(answer.json()), answer.headers["x-total-count"]) == (2, "7")
        assert len(await site.get('incidents?matcher=check="a"')) == 1
        assert [s["check"] for s in await site.get('checks?matcher=outcome="warn"&limit=1')] == [
            "a"
        ]
        assert (await site.http.get("alerts?matcher=a")).status_code == 400
        assert (await site.http.get("alerts?limit=x")).status_code == 400

    tell(story)


@pytest.mark.long
def test_a_check_can_be_looked_at_at_once(tell: Callable[[Story], None]) -> None:
    async def story(site: Site) -> None:
        site.rig.source.says(50)
        (verdict,) = await site.post("checks/a/run", {})
        assert verdict["outcome"] == "warn"
        await site.rig.engine.settle()
        assert site.rig.sent("recsys-slack") == [FIRST]
        await site.post("checks/nothing/run", {}, 404)
        await site.post("checks/a/run?by=asha", {})
        (incident,) = await site.get("incidents")
        trail = await site.get("trail")
        assert [(one["deed"], one["who"], one["what"], one["incident"]) for one in trail] == [
            ("looked at by hand", "asha", "a", incident["incident"]["id"]),
            ("looked at by hand", "somebody", "a", None),
        ]
        assert await site.get("trail?who=asha&since=2h") == trail[:1]
        assert await site.get("trail?limit=1&offset=1") == trail[1:]
        assert "sent" in {one["deed"] for one in await site.get("trail?who=monitor")}
        await site.rig.minutes(70)
        assert await site.get("trail?since=1h") == []
        for wrong in ("soon", "99999999w", "1h&limit=x"):
            assert (await site.http.get(f"trail?since={wrong}")).status_code == 400

    tell(story)


def test_an_incident_tells_who_was_told_when_and_why(tell: Callable[[Story], None]) -> None:
    async def story(site: Site) -> None:
        incident = await site.breaks()
        await site.post(f"incidents/{incident}/ack", {**BY, "comment": "on it"})
        await site.rig.minutes(1)
        told = await site.get(f"incidents/{incident}")
        assert [receipt["receiver"] for receipt in told["receipts"]] == ["recsys-slack"]
        steps = {(entry["what"], entry["who"], entry["why"]) for entry in told["timeline"]}
        assert ("fired", "monitor", "") in steps
        assert ("to be told", "monitor", FIRST) in steps
        assert ("sent", "monitor", FIRST) in steps
        assert ("acknowledged", "asha", "on it") in steps
        assert (await site.http.get("incidents/none")).status_code == 404

    tell(story)


def test_only_json_of_a_sane_size_is_read(tell: Callable[[Story], None]) -> None:
    async def story(site: Site) -> None:
        assert (await site.http.post("silences", content="x=1")).status_code == 400
        headers = {"content-type": "application/json"}
        wrong = await site.http.post("silences", content=b"\xff", headers=headers)
        assert wrong.status_code == 400
        deep = await site.http.post("alertmanager", content="[" * 100_000, headers=headers)
        assert deep.status_code == 400

    tell(story)


def test_another_site_cannot_change_anything_through_a_browser(
    tell: Callable[[Story], None],
) -> None:
    async def story(site: Site) -> None:
        headers = {"origin": "https://evil.example.com"}
        answer = await site.http.post("silences", json=site.silence(), headers=headers)
        assert answer.status_code == 403
        own = {"origin": "http://monitor"}
        answer = await site.http.post("silences", json=site.silence(), headers=own)
        assert answer.status_code == 200

    tell(story)


def test_with_a_token_everything_but_the_health_needs_it(tmp_path: Path) -> None:
    rig = Rig(f"sqlite:///{tmp_path}/monitor.db")

    async def story(started: Rig) -> None:
        site = Site(started, Web(token="s3cret"))
        for path in ("status", "incidents", "http://monitor/", "http://monitor/metrics"):
            assert (await site.http.get(path)).status_code == 401
        assert (await site.http.get("http://monitor/healthz")).status_code == 200
        bearer = {"authorization": "Bearer s3cret"}
        assert (await site.http.get("status", headers=bearer)).status_code == 200
        assert (await site.http.get("status", auth=("me", "s3cret"))).status_code == 200
        assert (await site.http.get("status", auth=("me", "wrong"))).status_code == 401

    rig.run(story)
    rig.store.close()


def test_beyond_loopback_a_token_is_needed() -> None:
    for host in ("127.0.0.1", "::1", "localhost", "127.8.8.8"):
        refuse_exposed(Web(host))
    for host in ("0.0.0.0", "::", "10.0.0.1", "monitor.example.com", ""):  # noqa: S104
        with pytest.raises(ExposedError, match="MONITOR_TOKEN"):
            refuse_exposed(Web(host))
        refuse_exposed(Web(host, token="s3cret"))
        refuse_exposed(Web(host, proxy=Proxy((ip_network("10.0.0.1"),))))


@pytest.mark.parametrize("header", [None, "", "Bearer", "Bearer x", "Basic !!", "Digest s3cret"])
def test_what_is_no_token_is_refused(header: str | None) -> None:
    assert not knows(header, "s3cret")


def test_received_alerts_survive_a_death_before_they_are_taken_in(tmp_path: Path) -> None:
    rig = Rig(f"sqlite:///{tmp_path}/monitor.db")
    body = json.dumps({"alerts": [{"labels": {"alertname": "X", "maintainer": "data"}}]})

    async def dies(started: Rig) -> None:
        started.engine.steps.flush_soon = lambda: None  # type: ignore[method-assign]  # it dies before
        await started.engine.receive(body)

    async def lives(started: Rig) -> None:
        await started.minutes(1)

    async def first() -> None:
        await rig.engine.start()
        await dies(rig)

    asyncio.run(first())
    rig.restarts()
    rig.run(lives)
    assert rig.sent("data-slack") == [FIRST]
    rig.store.close()
