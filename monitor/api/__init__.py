"""All that a plugin may import."""

from typing import TYPE_CHECKING

from monitor.api.answer import (
    Answer,
    Answers,
    Cost,
    Latencies,
    Partition,
    PartitionList,
    Row,
    Run,
    RunList,
    SliceLatency,
    Table,
    Updated,
    as_moment,
)
from monitor.api.buckets import Buckets, Remembered
from monitor.api.check import KINDS, Check, Measure, Slices
from monitor.api.elsewhere import OpenAlert, OpenAlertList, OpenAlerts
from monitor.api.errors import DeliveryError, MissingExtraError, MonitorError, SourceError
from monitor.api.fields import (
    Calendar,
    Clock,
    Duration,
    Holidays,
    ReadyBy,
    Share,
    parse_duration,
    parse_share,
)
from monitor.api.load import ClusterQuery, GroupLoad, LoadPoint, LoadSnapshot, holders_of
from monitor.api.query import (
    Grain,
    LastUpdate,
    LastWrite,
    Load,
    Partitions,
    Quantiles,
    Query,
    Rows,
    Runs,
    Together,
)
from monitor.api.reading import looks_harmless
from monitor.api.receiver import RECEIVERS, Receiver
from monitor.api.source import SOURCES, Asking, BlockingSource, Source
from monitor.core.business_days import BusinessDays, first_deadline, last_deadline
from monitor.core.incident import Gap, Incident, IncidentView, Member
from monitor.core.labels import Labels, labels_of, text_of
from monitor.core.model import (
    Direction,
    Limit,
    Measured,
    NoData,
    NotYet,
    Sample,
    Tier,
    TierRule,
    Unit,
)
from monitor.core.notification import Notification, NotifyReason, Receipt

if TYPE_CHECKING:
    from monitor.api.grid import buckets_of

__all__ = [
    "KINDS",
    "RECEIVERS",
    "SOURCES",
    "Answer",
    "Answers",
    "Asking",
    "BlockingSource",
    "Buckets",
    "BusinessDays",
    "Calendar",
    "Check",
    "Clock",
    "ClusterQuery",
    "Cost",
    "DeliveryError",
    "Direction",
    "Duration",
    "Gap",
    "Grain",
    "GroupLoad",
    "Holidays",
    "Incident",
    "IncidentView",
    "Labels",
    "LastUpdate",
    "LastWrite",
    "Latencies",
    "Limit",
    "Load",
    "LoadPoint",
    "LoadSnapshot",
    "Measure",
    "Measured",
    "Member",
    "MissingExtraError",
    "MonitorError",
    "NoData",
    "NotYet",
    "Notification",
    "NotifyReason",
    "OpenAlert",
    "OpenAlertList",
    "OpenAlerts",
    "Partition",
    "PartitionList",
    "Partitions",
    "Quantiles",
    "Query",
    "ReadyBy",
    "Receipt",
    "Receiver",
    "Remembered",
    "Row",
    "Rows",
    "Run",
    "RunList",
    "Runs",
    "Sample",
    "Share",
    "SliceLatency",
    "Slices",
    "Source",
    "SourceError",
    "Table",
    "Tier",
    "TierRule",
    "Together",
    "Unit",
    "Updated",
    "as_moment",
    "buckets_of",
    "first_deadline",
    "holders_of",
    "labels_of",
    "last_deadline",
    "looks_harmless",
    "parse_duration",
    "parse_share",
    "text_of",
]


def __getattr__(name: str) -> object:
    """Import what needs numpy when it is first asked for: most daemons never do."""
    if name != "buckets_of":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from monitor.api.grid import buckets_of  # noqa: PLC0415

    return buckets_of
