"""Values to JSON texts and back, exactly."""

import json
from functools import lru_cache
from typing import Any

from pydantic import TypeAdapter

from monitor.core.alert import Alert, AlertEvent
from monitor.core.digest import Digest
from monitor.core.incident import Incident, IncidentView
from monitor.core.labels import Labels, labels_of
from monitor.core.model import Verdict
from monitor.core.notification import Notification
from monitor.core.silence import Silence
from monitor.core.state import SliceState

ALERT = TypeAdapter(Alert)
EVENT = TypeAdapter(AlertEvent)
INCIDENT = TypeAdapter(Incident)
VERDICT = TypeAdapter(Verdict)
NOTIFICATION = TypeAdapter(Notification)
SILENCE = TypeAdapter(Silence)
DIGEST = TypeAdapter(Digest)
INCIDENT_VIEW = TypeAdapter(IncidentView)
VERDICTS = TypeAdapter(list[Verdict])
SLICE_STATES = TypeAdapter(list[SliceState])


def dump(adapter: TypeAdapter[Any], value: object) -> str:
    """Write a value as JSON text."""
    # Past `dump_json`, which goes through its dozen options for each value.
    return adapter.serializer.to_json(value).decode()


def verdict_text(verdict: Verdict) -> str:
    """Write the newest verdict of a slice, each look, without what is as by default."""
    return VERDICT.serializer.to_json(verdict, exclude_defaults=True).decode()


@lru_cache(maxsize=4096)
def labels_text(labels: Labels) -> str:
    """Write labels as a JSON object with sorted names, so that the same slice has one key."""
    return json.dumps(dict(labels), sort_keys=True, ensure_ascii=False)


def labels_from(text: str) -> Labels:
    """Read what ``labels_text`` wrote."""
    return labels_of(json.loads(text))
