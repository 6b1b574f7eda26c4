"""An incident with everything that a message can show."""

from datetime import UTC, datetime

from monitor.core.alert import AlertState
from monitor.core.incident import Gap, Incident, IncidentView, Member
from monitor.core.model import Breach, Direction, Limit, Sample, Tier, Unit
from monitor.core.notification import Notification, NotifyReason

AT = datetime(2026, 11, 24, 3, 10, tzinfo=UTC)
LIMIT = Limit("age", 7200.0, Direction.ABOVE, Unit.SECONDS)
GAP = Gap(
    datetime(2026, 11, 23, 19, tzinfo=UTC),
    datetime(2026, 11, 23, 21, tzinfo=UTC),
    datetime(2026, 11, 23, 22, tzinfo=UTC),
    ("2026-11-23T19:00", "2026-11-23T20:00", "2026-11-23T21:00"),
)


def view(*, over: bool = False, resource: str = "events.impressions") -> IncidentView:
    own = Member(
        check="impressions-fresh",
        kind="freshness",
        slice=(),
        state=AlertState.RESOLVED if over else AlertState.FIRING,
        tier=Tier.WARN,
        summary="",
        maintainer="data",
        fired_at=AT,
        resource=resource,
        resolved_at=AT if over else None,
        breach=Breach(Sample("age", 9000.0, unit=Unit.SECONDS), LIMIT),
        gaps=(GAP,),
        backfill="backfill --from-date {{ from }} --to-date {{ to }} # until {{ end }}",
    )
    dashboard = Member(
        "exec-dashboard",
        "freshness",
        (),
        AlertState.FIRING,
        Tier.WARN,
        "",
        "analytics",
        AT,
        "superset.exec",
        is_folded=True,
    )
    incident = Incident(
        "i1", "impressions-fresh", resource, "data", AT, Tier.WARN, AT if over else None
    )
    return IncidentView(incident, (own, dashboard))


def note(
    key: str = "i1:box:1",
    reason: NotifyReason = NotifyReason.FIRST,
    *,
    over: bool = False,
    resource: str = "events.impressions",
) -> Notification:
    shown = view(over=over, resource=resource)
    return Notification(key, "i1", "box", reason, AT, view=shown)
