"""How well the default tiers tell an overload from a busy day, and who is named for it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

import pytest

from monitor.core.alert import Alert, Change
from monitor.core.judge import judge
from monitor.core.lifecycle import step
from monitor.core.model import Tier
from monitor.kinds.trino_load import TrinoLoad
from tests.kinds.trino_scenarios import LOOK, STORIES, Story, snapshots
from tests.often import often

pytestmark = pytest.mark.long  # a minute of each story takes a tenth of a second
SEEDS = often(1, 10)
CHECK = TrinoLoad(id="load")
RULES = CHECK.complete(())


@dataclass(frozen=True)
class Told:
    """What people heard of a story: when after its event began, the tier, who was named."""

    story: Story
    fired: timedelta | None = None
    tier: Tier | None = None
    named: tuple[str, str] | None = None


def live(story: Story, seed: int) -> Told:
    """Take a story through kind, judge and lifecycle, as the engine does."""
    alert: Alert | None = None
    told = Told(story)
    for at, load in snapshots(story, seed):
        now = load.observed_at
        (verdict,) = judge("load", CHECK.measure([load], now), RULES, now)
        alert, events = step(alert, verdict, RULES, CHECK.default_keep)
        if any(event.change is Change.FIRED for event in events) and told.fired is None:
            assert verdict.samples
            holders = verdict.samples[0].evidence["holders"]
            named = (holders[0]["user"], holders[0]["source"]) if holders else None
            told = Told(story, (at + 1) * LOOK, Tier.WARN, named)
        if any(event.tier is Tier.PAGE for event in events):
            told = Told(story, told.fired, Tier.PAGE, told.named)
    return told


@pytest.fixture(scope="module")
def everything() -> list[Told]:
    return [live(story, seed) for seed in range(SEEDS) for story in STORIES]


def names(told: Sequence[Told]) -> list[str]:
    return [one.story.name for one in told]


def test_nearly_every_overload_is_told(everything: list[Told]) -> None:
    bad = [one for one in everything if one.story.is_overload]
    missed = [one for one in bad if one.fired is None or one.fired < timedelta(0)]
    assert len(missed) <= 0.01 * len(bad), names(missed)


def test_nearly_everything_that_is_told_is_an_overload(everything: list[Told]) -> None:
    fired = [(one, one.fired) for one in everything if one.fired is not None]
    wrong = [one for one, at in fired if not one.story.is_overload or at < timedelta(0)]
    assert len(wrong) <= 0.05 * len(fired), names(wrong)


def test_the_one_who_did_it_is_named_first(everything: list[Told]) -> None:
    known = [one for one in everything if one.story.culprit and one.fired is not None]
    wrong = [one for one in known if one.named != one.story.culprit]
    assert len(wrong) <= 0.05 * len(known), [(one.story.name, one.named) for one in wrong]


def test_only_a_cluster_that_is_down_pages(everything: list[Told]) -> None:
    paged = {one.story.name for one in everything if one.tier is Tier.PAGE}
    assert paged == {"nothing answers"}


def test_what_is_hard_is_told_within_a_minute(everything: list[Told]) -> None:
    hard = {"the queue is full", "nothing answers", "queries are killed for memory"}
    times = [one.fired for one in everything if one.story.name in hard]
    assert max(at for at in times if at is not None) <= timedelta(seconds=60)


def test_a_long_queue_is_told_within_four_minutes_if_it_grows_or_the_cluster_is_full(
    everything: list[Told],
) -> None:
    slow = {
        "five times the dashboards",
        "one query takes the memory",
        "one user burns the CPU",
    }
    times = [one.fired for one in everything if one.story.name in slow]
    assert max(at for at in times if at is not None) <= timedelta(minutes=4)


def test_there_are_enough_stories_when_it_counts() -> None:
    assert len(STORIES) * 10 >= 200
