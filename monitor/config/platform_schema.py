"""JSON Schema of config.yaml, generated from its sections: for editors that complete and check."""

from collections.abc import Collection, Mapping
from types import NoneType
from typing import Annotated, Any, Literal, get_args, get_origin

from pydantic import BaseModel, BeforeValidator

from monitor.api.receiver import RECEIVERS
from monitor.api.source import SOURCES
from monitor.config import sections
from monitor.config.interval_file import IntervalSection
from monitor.config.json_schema import Schema
from monitor.config.routing import InhibitSection, RouteSection

_TEXT: Schema = {"type": ["string", "number"]}
_OWN_GRAMMAR: Schema = {"type": ["string", "number", "array"]}
_LISTS = (tuple, list, frozenset, set)
_MAPS = (dict, Mapping)


def platform_schema() -> Schema:
    """Return the schema of config.yaml, for the sources and receivers that are installed."""
    route = _section(RouteSection)
    route["properties"]["routes"] = {"type": "array", "items": {"$ref": "#/$defs/route"}}
    intervals = {
        "type": "array",
        "items": {
            "type": "object",
            "properties": {
                "name": {"type": "string"},
                "time_intervals": {"type": "array", "items": _section(IntervalSection)},
            },
            "required": ["name", "time_intervals"],
            "additionalProperties": False,
        },
    }
    named: dict[str, type[BaseModel]] = {
        "maintainers": sections.MaintainerSection,
        "resources": sections.ResourceSection,
        "calendars": sections.CalendarSection,
        "digests": sections.DigestSection,
    }
    properties: Schema = {
        **{key: {"type": "string"} for key in ("timezone", "store", "checks", "templates")},
        **{
            key: {"type": "object", "additionalProperties": _section(c)} for key, c in named.items()
        },
        "sources": _typed(SOURCES, {"name"}),
        "receivers": _typed(RECEIVERS, {"name", *sections.SlackSection.model_fields}),
        "web": _section(sections.WebSection),
        "slack": _section(sections.SlackSection),
        "on_call": _section(sections.OnCallSection),
        "auditor": _section(sections.AuditorSection),
        "holidays": {},
        "defaults": {"type": "object"},
        "route": {"$ref": "#/$defs/route"},
        "inhibit_rules": {"type": "array", "items": _section(InhibitSection)},
        "time_intervals": intervals,
        "mute_time_intervals": intervals,
    }
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "config.yaml",
        "type": "object",
        "properties": properties,
        "additionalProperties": False,
        "$defs": {"route": route},
    }


def _typed(types: Mapping[str, type[BaseModel]], given: Collection[str]) -> Schema:
    """Describe named integrations: which keys there may be hangs on the ``type``.

    What is ``given`` elsewhere need not be written: the name, and what all share.
    """
    cases = []
    for name, cls in sorted(types.items()):
        own = _section(cls)
        own["properties"].pop("name", None)
        own["properties"]["type"] = {"const": name}
        own["required"] = [key for key in own.get("required", ()) if key not in given]
        cases.append({"if": {"properties": {"type": {"const": name}}}, "then": own})
    kind = {"enum": sorted(types)}
    one = {"type": "object", "properties": {"type": kind}, "required": ["type"], "allOf": cases}
    return {"type": "object", "additionalProperties": one}


def _section(cls: type[BaseModel]) -> Schema:
    """Describe a map by the fields of its section: as they are written, not as they are typed."""
    properties, required = {}, []
    for name, field in cls.model_fields.items():
        key = field.alias or name
        is_own = any(isinstance(mark, BeforeValidator) for mark in field.metadata)
        properties[key] = _OWN_GRAMMAR if is_own else _written(field.annotation)
        if field.description:
            properties[key] = {**properties[key], "description": field.description}
        if field.is_required():
            required.append(key)
    made: Schema = {"type": "object", "properties": properties, "additionalProperties": False}
    return {**made, "required": required} if required else made


def _written(kind: Any) -> Schema:
    origin, inner = get_origin(kind), get_args(kind)
    made = _TEXT
    if origin is Annotated:
        is_own = any(isinstance(mark, BeforeValidator) for mark in inner[1:])
        made = _OWN_GRAMMAR if is_own else _written(inner[0])
    elif origin is Literal:
        made = {"enum": list(inner)}
    elif origin in _LISTS:
        made = {"type": "array", "items": _written(inner[0])}
    elif isinstance(kind, type) and issubclass(kind, BaseModel):
        made = _section(kind)
    elif origin in _MAPS:
        made = {"type": "object"}
    elif kind is bool:
        made = {"type": "boolean"}
    else:
        others = [one for one in inner if one is not NoneType]
        made = _written(others[0]) if len(others) == 1 else made
    return made
