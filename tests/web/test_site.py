"""The pages for people, on the real engine and a virtual clock."""

import html
import re
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import date
from pathlib import Path
from urllib.parse import quote

import pytest

from monitor.core.matcher import parse_matchers
from monitor.core.route_tree import Route as RouteNode
from monitor.core.routing import Routing
from monitor.core.trail import Deed
from monitor.render.samples import digest
from tests.engine.rig import Rig
from tests.web.test_api import Site

Story = Callable[["Reader"], Awaitable[None]]


class Reader(Site):
    """Reads pages, and sends off the forms on them."""

    async def page(self, path: str, status: int = 200) -> str:
        answer = await self.http.get(f"http://monitor{path}")
        assert answer.status_code == status
        policy = answer.headers["Content-Security-Policy"]
        assert "default-src 'none'" in policy
        assert re.findall(r"script-src ([^;]*);", policy) == ["'self'"]
        assert "unsafe" not in policy
        scripts = re.findall(r"<script.*?</script>", answer.text, flags=re.DOTALL)
        assert set(scripts) <= {'<script src="/static/live.js" defer></script>'}
        assert not re.search(r'<\w+(\s+[\w-]+(="[^"]*")?)*\s+on\w+=', answer.text)
        return answer.text

    async def send(self, path: str, page: str, **fields: str) -> str:
        """Send a form with the token that its page holds; give the page that it leads to."""
        token = re.search(r'name="csrf" value="([^"]+)"', page)
        assert token is not None
        body = {"csrf": token[1], **fields}
        answer = await self.http.post(f"http://monitor{path}", data=body)
        assert answer.status_code == 303
        return await self.page(answer.headers["Location"])


@pytest.fixture
def tell(tmp_path: Path) -> Callable[[Story], None]:
    def run(story: Story) -> None:
        rig = Rig(f"sqlite:///{tmp_path}/monitor.db")
        rig.run(lambda started: story(Reader(started)))
        rig.store.close()

    return run


def test_the_status_page_shows_what_is_open_and_every_check_with_its_hours(
    tell: Callable[[Story], None],
) -> None:
    async def story(reader: Reader) -> None:
        incident = await reader.breaks()
        await reader.rig.minutes(2)
        text = await reader.page("/")
        assert "<h1>1 open · 2 checks</h1>" in text
        assert f'href="/incidents/{incident}"' in text
        assert 'aria-label="last 24 hours: 1 h warn"' in text
        assert 'aria-label="last 24 hours: all good"' in text
        only = await reader.page("/?q=B")
        assert 'href="/checks/b"' in only
        assert 'href="/checks/a"' not in only

    tell(story)


def test_a_check_page_shows_numbers_rules_last_looks_and_who_is_told(
    tell: Callable[[Story], None],
) -> None:
    async def story(reader: Reader) -> None:
        await reader.breaks()
        await reader.rig.minutes(2)
        text = await reader.page("/checks/a")
        for part in (
            "warn when value is above 10",
            "told: recsys-slack",
            'class="chart"',
            "value 50",
            "Last looks",
            "Incidents",
        ):
            assert part in text
        assert "There is no check" in await reader.page("/checks/nothing", 404)

    tell(story)


def test_looking_now_from_a_page_looks(tell: Callable[[Story], None]) -> None:
    async def story(reader: Reader) -> None:
        text = await reader.page("/checks/a")
        before = reader.rig.source._asked
        assert "Looked." in await reader.send("/checks/a/run", text)
        assert reader.rig.source._asked == before + 1
        _, (asked,) = reader.rig.store.history.trail(reader.rig.clock.now())
        assert (asked.deed, asked.who, asked.what) == (Deed.LOOKED, "somebody at the pages", "a")

    tell(story)


def test_an_incident_is_acknowledged_and_handed_over_from_its_page(
    tell: Callable[[Story], None],
) -> None:
    async def story(reader: Reader) -> None:
        incident = await reader.breaks()
        where = f"/incidents/{incident}"
        text = await reader.page(where)
        done = await reader.send(f"{where}/act", text, do="ack", by="asha", comment="on it")
        assert "acknowledged by asha" in done
        assert "on it" in done
        done = await reader.send(f"{where}/act", text, do="reassign", by="asha", to="data")
        assert "data" in done
        refused = await reader.send(f"{where}/act", text, do="ack", by=" ")
        assert "Something is missing" in refused

    tell(story)


def test_a_silence_is_previewed_made_and_ended(tell: Callable[[Story], None]) -> None:
    async def story(reader: Reader) -> None:
        await reader.breaks()
        text = await reader.page('/silences?matchers=check%3D"a"')
        assert "That covers 1 open alert and 1 check." in text
        assert "fires now: a" in text
        made = await reader.send(
            "/silences", text, matchers='check="a"', by="asha", comment="migration", **{"for": "1h"}
        )
        assert "migration" in made
        (silence,) = await reader.get("silences")
        ended = await reader.send(f"/silences/{silence['id']}/end", made)
        assert "Over" in ended

    tell(story)


def test_matchers_that_are_wrong_or_cover_everything_make_no_silence(
    tell: Callable[[Story], None],
) -> None:
    async def story(reader: Reader) -> None:
        assert 'role="alert"' in await reader.page("/silences?matchers=nonsense")
        text = await reader.page('/silences?matchers=check%3D"a"')
        fields = {"by": "asha", "comment": "x", "for": "1h"}
        refused = await reader.send("/silences", text, matchers='x=~".*"', **fields)
        assert "Something is missing" in refused
        assert await reader.get("silences") == []

    tell(story)


@pytest.mark.parametrize("path", ["/silences", "/checks/a/run", "/incidents/x/act"])
def test_a_form_without_the_token_of_the_pages_changes_nothing(
    path: str, tell: Callable[[Story], None]
) -> None:
    async def story(reader: Reader) -> None:
        fields = {"matchers": 'check="a"', "by": "eve", "comment": "x", "for": "1h", "do": "ack"}
        before = reader.rig.source._asked
        answer = await reader.http.post(f"http://monitor{path}", data={**fields, "csrf": "guess"})
        assert quote("too old") in answer.headers["Location"]
        assert await reader.get("silences") == []
        assert reader.rig.source._asked == before

    tell(story)


def test_foreign_text_is_no_markup_anywhere(tell: Callable[[Story], None]) -> None:
    async def story(reader: Reader) -> None:
        evil = "<img src=x onerror=alert(1)>"
        for path in ("/?q=", "/silences?matchers=", "/?said=", "/?refused="):
            text = await reader.page(path + quote(evil))
            assert "<img" not in text
            assert evil in html.unescape(text)

    tell(story)


def test_a_check_page_names_whom_the_route_tree_tells(tell: Callable[[Story], None]) -> None:
    async def story(reader: Reader) -> None:
        rig = reader.rig
        tree = RouteNode(None, (), routes=(RouteNode("data-slack", parse_matchers('check="a"')),))
        await rig.engine.reload(replace(rig.plan(), routing=Routing(tree)))
        text = await reader.page("/checks/a")
        assert "<li>told: data-slack</li>" in text
        assert "<li>told: recsys-slack</li>" in await reader.page("/checks/b")

    tell(story)


def test_what_is_read_on_pages_can_be_read_as_json(tell: Callable[[Story], None]) -> None:
    async def story(reader: Reader) -> None:
        await reader.breaks()
        told = await reader.get("maintainers")
        (team,) = [one for one in told["rows"] if one["name"] == "recsys"]
        assert (team["checks"], team["open"], team["receivers"]) == (2, 1, ["recsys-slack"])
        assert told["on_call_receivers"] == ["oncall-slack"]
        assert await reader.get("digests") == []
        check = await reader.get("checks/a?days=2")
        assert check["told"] == ["told: recsys-slack"]
        assert check["looks"][0]["outcome"] == "warn"
        (series,) = check["numbers"]
        assert {point["value"] for point in series["points"]} == {50}
        assert (await reader.get("checks/a"))["numbers"] == []
        assert (await reader.http.get("checks/a?days=91")).status_code == 400

    tell(story)


def test_digests_and_maintainers_have_pages(tell: Callable[[Story], None]) -> None:
    async def story(reader: Reader) -> None:
        assert "None was made yet." in await reader.page("/digests")
        assert "There is no such digest." in await reader.page("/digests/2026-11-24", 404)
        assert "Write the day as" in await reader.page("/digests/yesterday", 404)
        assert "recsys-slack" in await reader.page("/maintainers")

    tell(story)


def test_the_page_of_a_digest_is_written_by_the_template_of_the_team(
    tell: Callable[[Story], None], tmp_path: Path
) -> None:
    async def story(reader: Reader) -> None:
        rig, folder = reader.rig, tmp_path / "html" / "digest"
        folder.mkdir(parents=True)
        (folder / "default.j2").write_text("<h1>ours: {{ verdict }}</h1>")
        rig.store.story.claim("morning", date(2026, 11, 24), digest(), None, [])
        where = "http://monitor/digests/2026-11-24"
        assert "ours: " not in (await reader.http.get(where)).text
        await rig.engine.reload(replace(rig.plan(), templates=tmp_path))
        assert "<h1>ours: 1 open (1 page)" in (await reader.http.get(where)).text

    tell(story)


def test_only_what_changes_by_itself_is_kept_fresh(tell: Callable[[Story], None]) -> None:
    async def story(reader: Reader) -> None:
        incident = await reader.breaks()
        for path in ("/", f"/incidents/{incident}"):
            assert "live.js" in await reader.page(path)
        for path in ("/silences", "/checks/a", "/maintainers", "/digests"):
            assert "live.js" not in await reader.page(path)
        answer = await reader.http.get("http://monitor/static/live.js")
        assert answer.headers["Content-Type"].startswith("text/javascript")
        assert (await reader.http.get("http://monitor/static/../base.j2")).status_code == 404

    tell(story)


def test_the_style_sheet_is_served(tell: Callable[[Story], None]) -> None:
    async def story(reader: Reader) -> None:
        answer = await reader.http.get("http://monitor/static/style.css")
        assert answer.headers["Content-Type"].startswith("text/css")
        assert "prefers-color-scheme: dark" in answer.text

    tell(story)
