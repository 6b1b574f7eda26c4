"""Made-up incidents and digests with every part: to try templates on, for tests, to look at.

Foreign text in them is what a template must not let through: a mention, a link, code.
"""

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
from monitor.core.incident import Ack, Gap, Incident, IncidentView, Member, Storm
from monitor.core.labels import labels_of
from monitor.core.model import Breach, Direction, Limit, Outcome, Sample, Tier, Unit
from monitor.core.notification import Notification, NotifyReason
from monitor.core.series import Point, Series

NOW = datetime(2026, 11, 24, 3, 30, tzinfo=UTC)
HOUR = timedelta(hours=1)
GOOD_HOURS = 42
PING = "<!channel> <http://x|y> & `rm`"
SLICE = labels_of({"model": "ctr", "variant": "B"})
FIRST = datetime(2026, 11, 23, 19, tzinfo=UTC)
GAP = Gap(FIRST, FIRST + HOUR, FIRST + 2 * HOUR, ("dt_hour=2026-11-23-19", "it's; <!here>"))


def own_member() -> Member:
    """Make a table that misses two partitions, with a command and links."""
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
    """Make a dashboard that is stale because of it."""
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
    """Make an open incident of both."""
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


def acknowledged() -> IncidentView:
    """Make the same with somebody who takes care of it."""
    made = view()
    return replace(made, incident=replace(made.incident, ack=Ack("asha@example.com", NOW)))


def resolved() -> IncidentView:
    """Make the same after its end."""
    made = view()
    members = tuple(
        replace(one, state=AlertState.RESOLVED, resolved_at=NOW) for one in made.members
    )
    return replace(made, incident=replace(made.incident, resolved_at=NOW), members=members)


def storm() -> IncidentView:
    """Make a storm: many incidents at once, of several owners."""
    made = view()
    check, owners = "storm/oncall-slack", (("data-platform", 41), (PING, 2), ("recsys", 1))
    incident = replace(made.incident, id="20261124T003000-storm", check=check, members=247)
    members = tuple(replace(own_member(), check=f"fresh-{n} {PING}") for n in range(10))
    counts = Storm(open=44, pages=3, acked=1, owners=owners)
    return replace(made, incident=incident, members=members, more_own=34, storm=counts)


def notification(
    reason: NotifyReason = NotifyReason.FIRST, about: IncidentView | None = None
) -> Notification:
    """Make a notification of an incident."""
    shown = about or view()
    return Notification("key", shown.incident.id, "receiver", reason, NOW, is_page=True, view=shown)


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


def digest() -> Digest:
    """Make a digest of a night in which one thing broke."""
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


def course() -> Series:
    """Give two days of a metric that leaves its band at the end."""
    points = []
    for hour in range(48):
        expected = 500 + 200 * ((hour % 24) - 12) / 12
        value = expected + (hour * 37 % 11 - 5) * 6 + (260 if hour > GOOD_HOURS else 0)
        at = NOW - (48 - hour) * HOUR
        points.append(Point(at, value, expected - 60, expected + 60, expected))
    slices = labels_of({"model": "ctr", "variant": "B"})
    return Series("opt-outs-rise", slices, "opt_outs", Unit.NUMBER, tuple(points))


def whole_digest() -> Digest:
    """Give a digest with every part; foreign text in each."""
    held = (f"{PING} through superset 62%",)
    return replace(
        digest(),
        coverage=Coverage(
            418,
            416,
            (
                NotRun("trino-load", "data-platform", Outcome.ERROR, f"timeout {PING}"),
                NotRun("late", "x", Outcome.ERROR, PING, NOW - 5 * HOUR, NOW - 4 * HOUR),
            ),
        ),
        owners=(OwnerCount("data-platform", 2, 1, ("platform-slack",)),),
        unchanged=(view(),),
        experiments=(
            ExperimentLine("new-ranker", "exp", Outcome.WARN, f"sample ratio broken {PING}", 3.2),
            ExperimentLine("blue", "exp2", Outcome.OK, "no guardrail crossed"),
        ),
        night=(
            NightLine(
                "load", "trino.adhoc", (), "queue_time", Unit.SECONDS, 2, 240, 2900, NOW, held
            ),
            NightLine(
                "lat",
                "service.ranker",
                labels_of({"model": PING}),
                "p99",
                Unit.SECONDS,
                0.1,
                0.2,
                0.9,
                NOW,
            ),
        ),
        noisy=(Noisy("rows", "recsys", 14, 12, 1, "for: 5m", "for: 15m", 2),),
        elsewhere=(Elsewhere("jsm", f"P2 {PING}", NOW - HOUR, "platform"),),
        charts=(course(),),
        unavailable=(Unavailable("open alerts of eu", PING),),
        undelivered=(f"pager: HTTP 403 {PING}",),
        week=Week(
            41,
            3,
            20,
            timedelta(minutes=4),
            timedelta(minutes=38),
            55,
            ((NOW - 48 * HOUR, 418, 418), (NOW - 24 * HOUR, 410, 418)),
        ),
        pages_sent=2,
        added=tuple(f"check-{n}" for n in range(7)),
        removed=("old",),
        revision_before="1111111",
        late_by=timedelta(minutes=40),
        ending=(f'check="a" until Tue 24 Nov 12:00 (asha: {PING})',),
    )
