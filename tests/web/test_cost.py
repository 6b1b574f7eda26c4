"""What pages cost, counted: calls and queries do not hang on how busy the machine is."""

import asyncio
import cProfile
import pstats
import re
from collections.abc import Callable
from datetime import timedelta
from functools import cache
from typing import Any

import pytest
import sqlalchemy as sa

from bench.pages.__main__ import DAYS, MODELS, NOW, ask, fill, pages_of, plan_of
from monitor.store import Store, open_store
from monitor.web import reading
from monitor.web.pages import Pages, make_web
from monitor.web.paper import render

COMMON = {
    "zone": "UTC",
    "now": NOW,
    "revision": "x",
    "trouble": None,
    "csrf": "x",
    "by": "",
    "me": "",
    "role": "",
    "said": "",
    "refused": "",
}


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Pages]:
    folder = tmp_path_factory.mktemp("pages")

    @cache
    def made(count: int, days: int = 1) -> Pages:
        plan = plan_of(count)
        store = open_store(f"sqlite:///{folder}/{count}-{days}.db")
        fill(store, plan, days)
        return pages_of(store, plan)

    return made


def calls(work: Callable[[], Any]) -> int:
    work()  # what is remembered from then on is read
    profile = cProfile.Profile()
    profile.runcall(work)
    return int(pstats.Stats(profile).total_calls)  # type: ignore[attr-defined]  # it has it


def queries(store: Store, work: Callable[[], Any]) -> int:
    found: list[str] = []

    def note(_c: Any, _cursor: Any, statement: str, *_: Any) -> None:
        found.append(statement)

    sa.event.listen(store._engine, "before_cursor_execute", note)
    work()
    sa.event.remove(store._engine, "before_cursor_execute", note)
    return len(found)


def status(pages: Pages) -> Callable[[], str]:
    def work() -> str:
        return render("status.j2", "UTC", {**COMMON, **pages.site.reading.status("", "")})

    return work


@pytest.mark.long
def test_a_check_more_costs_the_status_page_few_calls_and_no_query(
    filled: Callable[..., Pages],
) -> None:
    few, many = filled(50), filled(350)
    more = calls(status(many)) - calls(status(few))
    assert more / 300 < 60  # 152 when 5,000 checks took 203 ms, 42 when they took 110 ms
    assert queries(many.store, status(many)) == queries(few.store, status(few))


@pytest.mark.long
def test_the_status_page_is_small_enough_for_five_thousand_checks(
    filled: Callable[..., Pages],
) -> None:
    few, many = filled(50), filled(350)

    def size(pages: Pages) -> int:
        return asyncio.run(ask(make_web(pages), "/"))

    assert (size(many) - size(few)) / 300 * 5000 < 500_000


def test_of_very_many_checks_only_the_worst_are_shown_and_it_is_said(
    filled: Callable[[int], Pages], monkeypatch: pytest.MonkeyPatch
) -> None:
    pages = filled(350)
    whole = status(pages)()
    bad = re.findall(r'/checks/([^"]+)">[^\n]*tag (?:page|warn|error)"', whole)
    assert 3 < len(bad) < 20
    monkeypatch.setattr(reading, "MOST_ROWS", 20)
    text = status(pages)()
    shown = re.findall(r'<a href="/checks/([^"]+)">', text)
    assert len(shown) == 20
    assert set(bad) < set(shown)
    assert "The worst 20 of 350 checks are shown" in text
    assert calls(status(pages)) < 20 * 60 + 350 * 20 + 6_000
    owner = pages.site.reading.status("", "team-3")
    assert not owner["left"]


@pytest.mark.long
def test_a_month_of_a_check_is_drawn_from_three_points_an_hour(
    filled: Callable[..., Pages],
) -> None:
    pages = filled(50, DAYS)
    check = next(iter(pages.plan().checks))
    span = timedelta(days=DAYS)
    found = pages.store.samples.series([check], NOW - span, NOW, is_brief=True)
    assert len(found) == MODELS
    assert sum(len(one.points) for one in found) <= MODELS * (DAYS * 24 + 1) * 3
    month = calls(lambda: pages.site.reading.check(check, span))
    assert month < 150_000  # 515,000 when it took 229 ms, 104,000 when it took 78 ms
