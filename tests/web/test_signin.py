"""Who is believed, and who may do what: on the real engine, with the proxy's headers."""

import asyncio
import re
from collections.abc import Awaitable, Callable
from dataclasses import replace
from ipaddress import ip_network
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import httpx
import pytest

from monitor.app import App, bind
from monitor.config.plan import Plan, Proxy, Web
from monitor.core.model import Maintainer, OnCall
from tests.engine.rig import Rig
from tests.web.test_api import Site

PROXY = "10.0.3.7"
WEB = Web(
    host="10.0.0.1",
    token="s3cret",
    proxy=Proxy((ip_network("10.0.3.0/28"),)),
    admins=("root@example.com", "group:sre"),
)
ASHA, BEN, CAROL, EVE = (f"{name}@example.com" for name in ("asha", "ben", "carol", "eve"))
Story = Callable[["Door"], Awaitable[None]]


class Teams(Rig):
    """The rig in which every team names its people: asha of recsys, carol of data; ben on call."""

    def plan(self, *extra: str) -> Plan:
        made = super().plan(*extra)
        teams = {
            "recsys": Maintainer("recsys", ("recsys-slack",), people=(ASHA,), groups=("rec",)),
            "data": Maintainer("data", ("data-slack",), people=(CAROL,)),
        }
        checks = {**made.checks, "b": replace(made.checks["b"], maintainer="data")}
        on_call = OnCall((BEN,), ("oncall-slack",))
        return replace(made, maintainers=teams, checks=checks, on_call=on_call)


class Door(Site):
    """Asks as somebody whom the proxy names, or as whoever says so without it."""

    async def ask(
        self, who: str, path: str, body: Any = None, *, method: str = "POST", **headers: str
    ) -> httpx.Response:
        more = {name.replace("_", "-"): value for name, value in headers.items()}
        named = {"X-Forwarded-Email": who} if who else {}
        return await self.http.request(method, path, json=body, headers={**named, **more})

    async def status_of(self, who: str, path: str, body: Any = None, **more: str) -> int:
        return (await self.ask(who, path, body, **more)).status_code

    async def page(self, who: str, path: str) -> str:
        return (await self.ask(who, f"http://monitor{path}", method="GET")).text

    async def send(self, who: str, path: str, token_of: str, **fields: str) -> str:
        """Send the form of an incident with the token of somebody's page; what came of it."""
        page = await self.page(token_of, path)
        token = re.search(r'name="csrf" value="([^"]+)"', page)
        body = {"csrf": token[1] if token else "none", **fields}
        headers = {"X-Forwarded-Email": who}
        answer = await self.http.post(f"http://monitor{path}/act", data=body, headers=headers)
        return unquote(answer.headers["Location"])

    async def deeds(self, incident: str) -> list[tuple[str, str]]:
        told = (await self.ask(EVE, f"incidents/{incident}", method="GET")).json()
        return [(one["what"], one["who"]) for one in told["timeline"] if one["who"] != "monitor"]

    async def fires(self) -> str:
        self.rig.source.says(50)
        await self.rig.minutes(2)
        (found,) = self.views()
        return found.incident.id


@pytest.fixture
def tell(tmp_path: Path) -> Callable[..., None]:
    def run(story: Story, peer: str = PROXY) -> None:
        rig = Teams(f"sqlite:///{tmp_path}/monitor.db")
        rig.run(lambda started: story(Door(started, WEB, peer)))
        rig.store.close()

    return run


@pytest.mark.parametrize("peer", ["10.0.3.16", "127.0.0.1", "::1", "testclient", "::ffff:10.0.4.7"])
def test_a_header_from_anybody_but_the_proxy_names_nobody(
    peer: str, tell: Callable[..., None]
) -> None:
    async def story(door: Door) -> None:
        incident = await door.fires()
        forged = {"X_Forwarded_For": PROXY, "Forwarded": f"for={PROXY}"}
        assert await door.status_of("root@example.com", "status", method="GET", **forged) == 401
        assert await door.status_of(ASHA, f"incidents/{incident}/ack", {}) == 401
        token = {"Authorization": "Bearer s3cret"}
        assert await door.status_of(EVE, f"incidents/{incident}/ack", {"by": "job"}, **token) == 200
        told = (await door.ask("", f"incidents/{incident}", method="GET", **token)).json()
        assert told["incident"]["ack"]["by"] == "job"

    tell(story, peer)


@pytest.mark.parametrize("peer", [PROXY, "::ffff:10.0.3.7"])
def test_the_proxy_names_who_it_is_and_what_they_are(peer: str, tell: Callable[..., None]) -> None:
    async def story(door: Door) -> None:
        roles = {ASHA: "maintainer", BEN: "maintainer", EVE: "viewer", "Root@Example.com": "admin"}
        for who, role in roles.items():
            assert f"{who} ({role})" in await door.page(who, "/")
        assert await door.status_of("", "status", method="GET") == 401

    tell(story, peer)


def test_a_name_that_is_there_twice_or_is_no_text_is_nobodys(tell: Callable[..., None]) -> None:
    async def story(door: Door) -> None:
        for names in (["eve@example.com", "root@example.com"], [""], ["x" * 300], ["a\x01b"]):
            headers = [("X-Forwarded-Email", name) for name in names]
            assert (await door.http.get("status", headers=headers)).status_code == 401

    tell(story)


def test_a_viewer_reads_everything_and_changes_nothing(tell: Callable[..., None]) -> None:
    async def story(door: Door) -> None:
        incident = await door.fires()
        for path in ("/", "/checks/a", "/silences", "/maintainers", f"/incidents/{incident}"):
            text = await door.page(EVE, path)
            assert f"{EVE} (viewer)" in text
            assert "Acknowledge" not in text
            assert "Look now" not in text
        asked = door.rig.source._asked
        for path, body in (
            (f"incidents/{incident}/ack", {}),
            (f"incidents/{incident}/accept", {}),
            (f"incidents/{incident}/reassign", {"to": "data"}),
            (f"incidents/{incident}/resolve", {}),
            ("silences", door.silence()),
            ("checks/a/run", None),
            ("alertmanager", [{"labels": {"alertname": "x"}}]),
        ):
            answer = await door.ask(EVE, path, body)
            assert answer.status_code == 403, path
            assert "you may not do that" in answer.json()["error"]
        refused = await door.send(EVE, f"/incidents/{incident}", EVE, do="ack")
        assert "refused=" in refused
        assert await door.deeds(incident) == []
        assert door.rig.store.history.silences() == []
        assert door.rig.source._asked == asked

    tell(story)


def test_who_did_it_is_who_signed_in_whatever_the_request_says(tell: Callable[..., None]) -> None:
    async def story(door: Door) -> None:
        incident = await door.fires()
        await door.ask(ASHA, f"incidents/{incident}/ack", {"by": "carol@example.com"})
        await door.send(ASHA, f"/incidents/{incident}", ASHA, do="resolve", by="carol")
        assert await door.deeds(incident) == [("acknowledged", ASHA), ("resolved by hand", ASHA)]
        await door.ask(ASHA, "silences", door.silence(createdBy="carol"))
        (silence,) = door.rig.store.history.silences()
        assert silence.created_by == ASHA

    tell(story)


@pytest.mark.long
@pytest.mark.parametrize(
    ("who", "groups", "status"),
    [
        (ASHA, "", 200),
        (ASHA.upper(), "", 200),
        (BEN, "", 200),
        (EVE, "staff, rec", 200),
        (EVE, "sre", 200),
        (EVE, "staff|rec", 200),
        ("root@example.com", "", 200),
        (CAROL, "staff", 403),
        (EVE, "record", 403),
    ],
)
def test_people_of_the_owner_on_call_and_administrators_act(
    who: str, groups: str, status: int, tell: Callable[..., None]
) -> None:
    async def story(door: Door) -> None:
        incident = await door.fires()
        headers = {"X_Forwarded_Groups": groups}
        assert await door.status_of(who, f"incidents/{incident}/ack", {}, **headers) == status
        assert await door.status_of(who, "checks/a/run", **headers) == status

    tell(story)


def test_a_silence_covers_what_is_theirs_and_nothing_else(tell: Callable[..., None]) -> None:
    async def story(door: Door) -> None:
        for matchers, status in (
            (['check="a"'], 200),
            (['maintainer="recsys"', 'model="ctr"'], 200),
            (['model="ctr"'], 403),
            (['check=~"a|b"'], 403),
            (['check="b"'], 403),
            (['check="nowhere"'], 403),
        ):
            body = door.silence(matchers=matchers)
            assert await door.status_of(ASHA, "silences", body) == status, matchers
            assert await door.status_of("root@example.com", "silences", body) == 200

    tell(story)


def test_a_silence_is_ended_or_changed_by_whoever_may_make_it(tell: Callable[..., None]) -> None:
    async def story(door: Door) -> None:
        key = (await door.ask(ASHA, "silences", door.silence())).json()["silenceID"]
        changed = door.silence(id=key, matchers=['check="b"'])
        assert await door.status_of(CAROL, "silences", changed) == 403
        assert await door.status_of(CAROL, f"silences/{key}", method="DELETE") == 403
        assert await door.status_of(ASHA, f"silences/{key}", method="DELETE") == 200

    tell(story)


def test_the_form_of_one_person_is_no_good_for_another(tell: Callable[..., None]) -> None:
    async def story(door: Door) -> None:
        where = f"/incidents/{await door.fires()}"
        stolen = await door.send(BEN, where, ASHA, do="ack")
        assert "too old" in stolen
        assert "said=Done" in await door.send(BEN, where, BEN, do="ack")

    tell(story)


def test_a_page_of_another_site_changes_nothing_through_who_is_signed_in(
    tell: Callable[..., None],
) -> None:
    async def story(door: Door) -> None:
        foreign = {"Sec_Fetch_Site": "cross-site"}
        assert await door.status_of(ASHA, "checks/a/run", **foreign) == 403
        assert await door.status_of(ASHA, "ping/a", method="GET", **foreign) == 403
        assert await door.status_of(ASHA, "status", method="GET", **foreign) == 200
        seen = {"Origin": "https://monitor.example.com"}
        assert await door.status_of(ASHA, "checks/a/run", **seen) == 403
        behind = {**seen, "X_Forwarded_Host": "monitor.example.com"}
        assert await door.status_of(ASHA, "checks/a/run", **behind) == 200

    tell(story)


def test_the_server_believes_no_header_about_where_a_request_comes_from(tmp_path: Path) -> None:
    rig = Teams(f"sqlite:///{tmp_path}/monitor.db")
    app = App(replace(rig.plan(), web=WEB), rig.store, rig.clock)
    forged = {"X-Forwarded-For": PROXY, "X-Forwarded-Email": "root@example.com"}

    async def story() -> None:
        listener, server = bind("127.0.0.1", 0), app._server()
        serving = asyncio.create_task(server.serve(sockets=[listener]))
        address = f"http://127.0.0.1:{listener.getsockname()[1]}/api/v1/status"
        async with httpx.AsyncClient() as client:
            answer = await client.get(address, headers=forged)
        server.should_exit = True
        await serving
        assert answer.status_code == 401

    asyncio.run(story())
    rig.store.close()
