"""Sources whose answers are as bad as data can be: nothing hangs, nothing is lost, pages answer.

The platform of the demo; of its answers every second one has foreign texts and numbers in it. A
seed that fails is replayed by its number.
"""

import asyncio
from collections.abc import Awaitable, Callable
from random import Random
from typing import Any

import httpx
import pytest

from monitor.core.model import Outcome
from monitor.demo.story import Stage, stage
from monitor.web.pages import make_web
from tests.often import often
from tests.render.poison import Poison

pytestmark = pytest.mark.long

BAD, GOOD = 24, 26
"""Steps of five minutes with poison, and after it."""

LISTS = ("/", "/healthz", "/metrics", "/api/v1/incidents", "/api/v1/checks")
Ask = Callable[..., Awaitable[Any]]


@pytest.mark.parametrize("seed", range(often(1, 12)))
def test_a_poisoned_answer_harms_nothing_but_its_own_check(
    seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    with stage() as on:
        asyncio.run(story(on, Random(seed), monkeypatch))  # noqa: S311  # a replay needs a weak one


async def story(on: Stage, random: Random, monkeypatch: pytest.MonkeyPatch) -> None:
    engine = on.app.engine
    with monkeypatch.context() as patch:
        for cls in {type(source) for source in engine.plan.sources.values()}:
            patch.setattr(cls, "ask", poisoned(cls.ask, random))
        await engine.start()
        for _ in range(BAD):
            await step(on)
    for _ in range(GOOD):
        await step(on)
    engine.count()
    assert engine.metrics.slots_unaccounted._value.get() == 0
    assert list(engine.steps.complaints(on.clock.now())) == []
    newest = {state.check: state.verdict.outcome for state in on.store.story.states()}
    assert Outcome.ERROR not in newest.values()
    open_alerts = {key for key, alert in engine.memory.alerts.items() if alert.is_open}
    assert open_alerts <= on.store.history.memory(on.clock.now()).alerts.keys()
    await engine.stop()


def poisoned(ask: Ask, random: Random) -> Ask:
    poison = Poison(random)

    async def asked(*args: Any) -> Any:
        answer = await ask(*args)
        return poison.value(answer) if random.random() < 0.5 else answer

    return asked


async def step(on: Stage) -> None:
    async with asyncio.timeout(60):
        await on.step()
    assert on.app.engine.trouble is None
    incidents = [f"/incidents/{key}" for key in on.app.engine.memory.incidents]
    checks = [f"/checks/{name}" for name in on.app.engine.plan.checks]
    transport = httpx.ASGITransport(make_web(on.app.pages))
    async with httpx.AsyncClient(transport=transport, base_url="http://monitor") as client:
        for path in (*LISTS, *incidents, *checks):
            answer = await client.get(path)
            assert answer.status_code == 200, path
