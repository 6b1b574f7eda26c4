"""A kind may have tiers of its own: `trino_load` is useful with none given."""

from datetime import timedelta

from monitor.core.model import Tier
from tests.config.conftest import Site

TRINO = """\
sources: {c: {type: trino, url: "trino://m@127.0.0.1:1/x"}}
receivers: {box: {type: console}}
on_call: {receivers: [box]}
"""


def test_a_load_without_tiers_is_judged_by_its_state(site: Site) -> None:
    plan = site.config(TRINO).checks("checks: {l: {kind: trino_load, source: c}}\n").load()
    planned = plan.checks["l"]
    assert [rule.tier for rule in planned.tiers] == [Tier.WARN, Tier.PAGE]
    assert {limit.measure for rule in planned.tiers for limit in rule.limits} == {"state"}
    assert planned.schedule.every == timedelta(seconds=15)
    assert planned.keep_firing_for == timedelta(seconds=75)


def test_tiers_of_its_own_take_the_place_of_the_kinds(site: Site) -> None:
    text = "checks: {l: {kind: trino_load, source: c, warn: {queued: 50}}}\n"
    planned = site.config(TRINO).checks(text).load().checks["l"]
    (rule,) = planned.tiers
    assert [limit.measure for limit in rule.limits] == ["queued", "state"]
    assert planned.keep_firing_for == timedelta(0)


def test_a_check_is_critical_only_when_it_says_so(site: Site) -> None:
    text = (
        "checks:\n"
        "  a: {kind: threshold, source: c, query: select 1 as value, warn: 1, critical: true}\n"
        "  b: {kind: threshold, source: c, query: select 1 as value, warn: 1}\n"
    )
    checks = site.config(TRINO).checks(text).load().checks
    assert [checks[name].critical for name in ("a", "b")] == [True, False]
