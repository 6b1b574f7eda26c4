"""An incident and a digest with every feature, for tests and for looking at."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from monitor.core.alert import AlertState
from monitor.core.digest import Blind, Coverage, Digest, MetricCell, Mood, NotRun, OwnerCount
from monitor.core.incident import Gap, Incident, IncidentView, Member
from monitor.core.labels import labels_of
from monitor.core.model import Breach, Direction, Limit, Outcome, Sample, Tier, Unit

NOW = datetime(2026, 11, 24, 3, 30, tzinfo=UTC)
HOUR = timedelta(hours=1)
PING = "<!channel> <http://x|y> & `rm`"
FIRST = datetime(2026, 11, 23, 19, tzinfo=UTC)
GAP = Gap(FIRST, FIRST + HOUR, FIRST + 2 * HOUR, ("dt_hour=2026-11-23-19", "it's; <!here>"))


def own_member() -> Member:
    evidence = {
        "holders": [{"user": PING, "source": "superset", "queries": 31, "share": 0.62}],
        "metric": None,
    }
    sample = Sample("age", 6 * 3600, unit=Unit.SECONDS, evidence=evidence)
    limit = Limit("age", 6 * 3600, Direction.ABOVE, Unit.SECONDS)
    return Member(
        check="impressions-fresh",
        kind="freshness",
        slice=(),
        state=AlertState.FIRING,
        tier=Tier.PAGE,
        summary="",
        maintainer="data-platform",
        fired_at=NOW - 3 * HOUR,
        resource="events.impressions_hourly",
        samples=(sample,),
        breach=Breach(sample, limit),
        evidence=evidence,
        gaps=(GAP,),
        backfill="airflow backfill create --from-date {{ from }} --to-date {{ to }}",
        link="https://trino.example.com/ui/?a=1&b=2",
        runbook="https://wiki.example.com/impressions",
    )


def folded_member() -> Member:
    return replace(
        own_member(),
        check="exec-dashboard",
        slice=labels_of({"chart": PING}),
        resource="superset.exec",
        maintainer="analytics",
        is_folded=True,
        breach=None,
        summary="not refreshed since yesterday",
        gaps=(),
        backfill=None,
    )


def view(**changes: object) -> IncidentView:
    incident = Incident(
        "20261124T003000-impressions-fresh",
        "impressions-fresh",
        "events.impressions_hourly",
        "data-platform",
        NOW - 3 * HOUR,
        Tier.PAGE,
    )
    made = IncidentView(incident, (own_member(), folded_member()), people=("dev@example.com",))
    return replace(made, **changes)  # type: ignore[arg-type]


def resolved() -> IncidentView:
    made = view()
    members = tuple(
        replace(one, state=AlertState.RESOLVED, resolved_at=NOW) for one in made.members
    )
    return replace(made, incident=replace(made.incident, resolved_at=NOW), members=members)


def digest() -> Digest:
    slices = [labels_of({"model": model, "variant": v}) for model in ("ctr", "cvr") for v in "AB"]
    cells = [
        MetricCell("impressions", one, Outcome.OK, 48_201, 49_000, -0.0163, at=NOW)
        for one in slices[:3]
    ]
    cells.append(
        MetricCell(
            "impressions",
            slices[3],
            Outcome.BLOCKED,
            20_000,
            49_000,
            -0.6,
            note="not judged: under events.impressions_hourly",
        )
    )
    cells.append(MetricCell("opt_outs", slices[1], Outcome.WARN, 904, 580, 0.559, at=NOW))
    return Digest(
        name="morning",
        audience="on_call",
        since=NOW - 16 * HOUR,
        until=NOW,
        timezone="Asia/Kolkata",
        mood=Mood.OPEN,
        coverage=Coverage(
            418,
            417,
            (NotRun("trino-load", "data-platform", Outcome.ERROR, f"timeout {PING}"),),
            (Blind(NOW - 5 * HOUR, NOW - 4 * HOUR),),
        ),
        open=(view(),),
        overnight=(resolved(),),
        owners=(OwnerCount("data-platform", 2, 1),),
        metrics=tuple(cells),
        unowned=("orphan-check",),
        revision="4f2a91c",
        next_at=NOW + 24 * HOUR,
    )
