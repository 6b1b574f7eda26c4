"""Where a page or an answer has no room for all, what is left out is what matters least."""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import timedelta

import pytest

from monitor.core.incident import IncidentView
from monitor.core.labels import labels_of
from monitor.core.model import Outcome, Tier, Verdict
from monitor.core.state import SliceState
from monitor.render import samples
from monitor.web import reading, slack_texts, timeline
from tests.core.test_advance import WORLD
from tests.engine.rig import START
from tests.web.test_site import Reader, tell

__all__ = ["tell"]
Story = Callable[[Reader], Awaitable[None]]


def test_of_what_is_over_the_status_page_shows_the_newest(
    tell: Callable[[Story], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading, "MOST_PAST", 2)

    async def story(reader: Reader) -> None:
        for name in ("first", "second", "third"):
            for status in ("firing", "resolved"):
                labels = {"alertname": name, "maintainer": "data"}
                await reader.post("alertmanager", [{"labels": labels, "status": status}])
                await reader.rig.minutes(1)
        text = await reader.page("/")
        assert text.index("alertmanager/data/third") < text.index("alertmanager/data/second")
        assert "alertmanager/data/first: " not in text
        assert '<p class="dim">and 1 more</p>' in text

    tell(story)


def test_of_many_slices_the_check_page_shows_the_worst(
    tell: Callable[[Story], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading, "MOST_SLICES", 2)

    async def story(reader: Reader) -> None:
        slices = {"m1": Outcome.OK, "m2": Outcome.OK, "m3": Outcome.PAGE, "m4": Outcome.ERROR}
        states = [
            SliceState("a", of, START, Verdict("a", of, START, outcome))
            for of, outcome in ((labels_of({"model": m}), one) for m, one in slices.items())
        ]
        monkeypatch.setattr(reader.rig.store.story, "states", lambda _check: states)
        text = await reader.page("/checks/a")
        assert text.index("model=m3") < text.index("model=m4")
        assert "model=m1" not in text
        assert "and 2 more, none of them worse" in text

    tell(story)


def test_of_many_open_incidents_slack_names_pages_first() -> None:
    def opened(number: int, tier: Tier) -> IncidentView:
        view = samples.view()
        at, owner = START + timedelta(minutes=number), f"team{number}"
        incident = replace(view.incident, id=f"i{number}", tier=tier, opened_at=at)
        return replace(view, incident=replace(incident, maintainer=owner, assignee=None))

    most = slack_texts.MOST_LINES
    views = [*(opened(n, Tier.WARN) for n in range(most)), opened(most, Tier.PAGE)]
    text = slack_texts.status_text(views, [], WORLD, START + timedelta(hours=9))
    assert f"team{most}," in text.splitlines()[1]
    assert text.endswith("and 1 more")


def test_of_a_very_long_story_the_newest_is_told(
    tell: Callable[[Story], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    async def story(reader: Reader) -> None:
        incident = await reader.breaks()
        whole = (await reader.get(f"incidents/{incident}"))["timeline"]
        monkeypatch.setattr(timeline, "MOST", 2)
        assert (await reader.get(f"incidents/{incident}"))["timeline"] == whole[-2:]
        assert len(whole) > len(whole[-2:])

    tell(story)
