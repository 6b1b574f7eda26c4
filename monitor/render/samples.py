"""A made-up incident and a made-up digest with every part, to try templates on."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from monitor.core.alert import AlertState
from monitor.core.digest import (
    Blind,
    Coverage,
    Digest,
    Elsewhere,
    ExperimentLine,
    MetricCell,
    Mood,
    NightLine,
    Noisy,
    NotRun,
    OwnerCount,
    Unavailable,
    Week,
)
from monitor.core.incident import Ack, Gap, Incident, IncidentView, Member
from monitor.core.labels import labels_of
from monitor.core.model import Breach, Direction, Limit, Outcome, Sample, Tier, Unit
from monitor.core.notification import Notification, NotifyReason
from monitor.core.series import Point, Series

NOW = datetime(2026, 11, 24, 3, 30, tzinfo=UTC)
HOUR = timedelta(hours=1)
SLICE = labels_of({"model": "ctr", "variant": "B"})


def incident(*, is_open: bool = True) -> IncidentView:
    """Make an incident with gaps, a command, something that follows, and an acknowledgement."""
    evidence = {"holders": [{"user": "etl", "source": "airflow", "queries": 31, "share": 0.62}]}
    sample = Sample("age", 6 * 3600, unit=Unit.SECONDS, evidence=evidence)
    start = NOW - 8 * HOUR
    own = Member(
        check="impressions-fresh",
        kind="freshness",
        slice=(),
        state=AlertState.FIRING if is_open else AlertState.RESOLVED,
        tier=Tier.PAGE,
        summary="",
        maintainer="data-platform",
        fired_at=NOW - 3 * HOUR,
        resource="events.impressions_hourly",
        resolved_at=None if is_open else NOW,
        samples=(sample,),
        breach=Breach(sample, Limit("age", 6 * 3600, Direction.ABOVE, Unit.SECONDS)),
        evidence=evidence,
        gaps=(Gap(start, start + HOUR, start + 2 * HOUR, ("dt_hour=2026-11-23-19",)),),
        backfill="airflow backfill create --from-date {{ from }} --to-date {{ to }}",
        link="https://trino.example.com/ui",
        runbook="https://wiki.example.com/impressions",
    )
    follows = replace(
        own,
        check="exec-dashboard",
        slice=SLICE,
        resource="superset.exec",
        maintainer="analytics",
        is_folded=True,
        breach=None,
        summary="not refreshed since yesterday",
        gaps=(),
    )
    about = Incident(
        "20261124T003000-impressions-fresh",
        "impressions-fresh",
        "events.impressions_hourly",
        "data-platform",
        NOW - 3 * HOUR,
        Tier.PAGE,
        resolved_at=None if is_open else NOW,
        ack=Ack("asha@example.com", NOW),
    )
    return IncidentView(about, (own, follows), people=("asha@example.com",))


def metric() -> IncidentView:
    """Make an incident of a metric that fell nine hours ago, with the four weeks before."""
    season = [1000.0 + 40.0 * abs(12 - hour % 24) for hour in range(28 * 24)]
    values: list[float | None] = [one + hour * 37 % 17 for hour, one in enumerate(season)]
    values[-9:] = [0.55 * one for one in season[-9:]]
    values[300:312] = [None] * 12
    chart = {
        "start": (NOW - 28 * 24 * HOUR).isoformat(),
        "bucket_seconds": 3600,
        "mark": len(season) - 9,
        "value": values,
        "low": [one - 60 for one in season],
        "high": [one + 60 for one in season],
        "expected": season,
    }
    evidence = {"metric": "impressions", "value": values[-1], "expected": season[-1]}
    sample = Sample("drop", 0.45, SLICE, Unit.SHARE, {**evidence, "chart": chart})
    own = Member(
        check="impressions-drop",
        kind="anomaly",
        slice=SLICE,
        state=AlertState.FIRING,
        tier=Tier.WARN,
        summary="",
        maintainer="recsys",
        fired_at=NOW - 9 * HOUR,
        samples=(sample,),
        breach=Breach(sample, Limit("drop", 0.12, Direction.ABOVE, Unit.SHARE)),
        evidence=sample.evidence,
        is_learned=True,
    )
    about = Incident("20261123T1830-drop", own.check, None, "recsys", own.fired_at, Tier.WARN)
    return IncidentView(about, (own,))


def notification(reason: NotifyReason = NotifyReason.FIRST) -> Notification:
    """Make a notification of the incident."""
    view = incident(is_open=reason is not NotifyReason.RESOLVED)
    return Notification("key", view.incident.id, "receiver", reason, NOW, is_page=True, view=view)


def digest() -> Digest:
    """Make a digest in which every part has something to say."""
    points = tuple(Point(NOW - n * HOUR, 500.0 + n, 400, 600, 500) for n in range(24, 0, -1))
    cell = MetricCell("opt_outs", SLICE, Outcome.WARN, 904, 580, 0.56, at=NOW)
    return Digest(
        name="morning",
        audience="on_call",
        since=NOW - 16 * HOUR,
        until=NOW,
        timezone="UTC",
        mood=Mood.OPEN,
        coverage=Coverage(
            418,
            417,
            (NotRun("trino-load", "data-platform", Outcome.ERROR, "Trino is down", NOW, NOW),),
            (Blind(NOW - 5 * HOUR, NOW - 4 * HOUR),),
        ),
        open=(incident(),),
        overnight=(incident(is_open=False),),
        owners=(OwnerCount("data-platform", 2, 1, ("platform-slack",)),),
        metrics=(cell, replace(cell, metric="impressions", outcome=Outcome.BLOCKED, note="late")),
        unowned=("orphan",),
        revision="4f2a91c",
        next_at=NOW + 24 * HOUR,
        unchanged=(incident(),),
        experiments=(ExperimentLine("ranker", "exp", Outcome.WARN, "split is broken", 3.0),),
        night=(
            NightLine("l", "trino.adhoc", (), "queued", Unit.NUMBER, 1, 2, 3, NOW, ("etl 62%",)),
        ),
        noisy=(Noisy("rows", "recsys", 14, 12, 1, "for: 5m", "for: 15m", 2),),
        elsewhere=(Elsewhere("jsm", "P2 disk full", NOW - HOUR, "platform"),),
        charts=(Series("opt-outs-rise", SLICE, "opt_outs", Unit.NUMBER, points),),
        unavailable=(Unavailable("the night", "no time left"),),
        undelivered=("pager: HTTP 403",),
        week=Week(41, 3, 20, timedelta(minutes=4), HOUR, 55, ((NOW, 418, 418),)),
        pages_sent=2,
        added=("new",),
        removed=("old",),
        revision_before="1111111",
        late_by=HOUR,
        ending=('check="a" until Tue 24 Nov 12:00 (asha: migration)',),
    )
