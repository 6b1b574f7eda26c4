"""How clusters and services went through a window, from the numbers that were kept."""

from collections.abc import Iterable, Mapping

from monitor.core.digest import NightLine
from monitor.core.model import Evidence
from monitor.core.series import Peak, Series, quantile
from monitor.core.world import World

MEASURES: Mapping[str, tuple[str, ...]] = {
    "trino_load": ("queue_time", "queued", "failures", "workers"),
    "latency": ("p99", "errors"),
    "canary": ("delay", "age", "missing"),
}
"""The measures that a digest tells, by kind of check."""

_LEAST_IS_WORST = frozenset({"workers"})
MOST_LINES = 12


def night_lines(series: Iterable[Series], world: World) -> tuple[NightLine, ...]:
    """Tell typical and worst of each measure; clusters before services, the worst slices first."""
    found = []
    for one in series:
        facts = world.checks.get(one.check)
        told = MEASURES.get(facts.kind, ()) if facts else ()
        if facts is None or one.measure not in told or not one.points:
            continue
        order = (list(MEASURES).index(facts.kind), one.check, told.index(one.measure))
        found.append((order, _line(one, facts.resource)))
    found.sort(key=lambda pair: (*pair[0], -pair[1].worst))
    return tuple(line for _, line in found[:MOST_LINES])


def _line(one: Series, resource: str | None) -> NightLine:
    values = [point.value for point in one.points]
    is_least = one.measure in _LEAST_IS_WORST
    pick = min if is_least else max
    worst = pick(one.points, key=lambda point: point.value)
    peak = max(one.peaks, key=lambda peak: peak.value, default=None)
    return NightLine(
        check=one.check,
        resource=resource,
        slice=one.slice,
        measure=one.measure,
        unit=one.unit,
        typical=quantile(values, 0.5),
        p95=quantile(values, 0.05 if is_least else 0.95),
        worst=worst.value,
        worst_at=worst.at,
        holders=_holders(peak),
    )


def _holders(peak: Peak | None) -> tuple[str, ...]:
    """Name who held a cluster: user, program, share of it."""
    if peak is None:
        return ()
    named = peak.evidence.get("holders")
    if not isinstance(named, list):
        return ()
    return tuple(_holder(one) for one in named[:3] if isinstance(one, Mapping))


def _holder(one: Evidence) -> str:
    share = one.get("share")
    through = f" through {one['source']}" if one.get("source") else ""
    held = f" {share:.0%}" if isinstance(share, int | float) else ""
    return f"{one.get('user') or 'unknown user'}{through}{held}"
