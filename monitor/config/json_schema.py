"""JSON Schema of files of checks, generated from the kinds: for editors that complete and check."""

from collections.abc import Mapping
from typing import Any

from monitor.api.check import KINDS, Check, Measure
from monitor.config.defaults import DEFAULT_KEYS
from monitor.config.sections import CommonSection
from monitor.core.model import Unit

Schema = dict[str, Any]

_UNITS: Mapping[Unit, Schema] = {
    Unit.NUMBER: {"type": ["number", "string"]},
    Unit.SECONDS: {"type": "string", "examples": ["250ms", "30s", "5m", "2h", "1d"]},
    Unit.SHARE: {"type": "string", "pattern": r"^\s*[0-9.]+\s*%\s*$", "examples": ["12%"]},
    Unit.BYTES: {"type": "string", "examples": ["500MB", "2GiB"]},
}
_HOLD: Schema = {
    "type": "string",
    "description": "How long a breach must last: a duration, or a count of looks.",
    "examples": ["5m", "2 of 3"],
}
_EACH: Schema = {
    "type": "object",
    "description": "Makes many checks from one; the id must hold {{ name }}.",
    "additionalProperties": {
        "anyOf": [
            {"type": "array", "items": {"type": ["string", "number"]}},
            {
                "type": "object",
                "properties": {"source": {"type": "string"}, "query": {"type": "string"}},
                "required": ["source", "query"],
                "additionalProperties": False,
            },
        ]
    },
}


def check_schema() -> Schema:
    """Return the schema of a file of checks, for the kinds that are installed."""
    defs: Schema = {}
    common = _plain(CommonSection.model_json_schema(ref_template="#/$defs/{model}"), defs)
    for kind, cls in sorted(KINDS.items()):
        defs[f"kind:{kind}"] = _kind(kind, cls, common, defs)
    every = {key for name in KINDS for key in defs[f"kind:{name}"]["properties"]}
    cases = [
        {
            "if": {"properties": {"kind": {"const": kind}}, "required": ["kind"]},
            "then": {"$ref": f"#/$defs/kind:{kind}"},
        }
        for kind in sorted(KINDS)
    ]
    defs["check"] = {
        "type": "object",
        "properties": {key: {} for key in sorted(every)},
        "allOf": cases,
    }
    defs["check"]["properties"]["kind"] = {"enum": sorted(KINDS), "description": "What it checks."}
    defs["check"]["additionalProperties"] = False
    shared = {key: common[key] for key in DEFAULT_KEYS if key in common}
    shared["kind"] = {"enum": sorted(KINDS)}
    some = defs[f"kind:{min(KINDS)}"]["properties"]
    shared |= {key: some[key] for key in ("timezone", "timeout", "slices")}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "A file of checks",
        "type": "object",
        "additionalProperties": False,
        "properties": {
            "defaults": {"type": "object", "additionalProperties": False, "properties": shared},
            "checks": {"type": "object", "additionalProperties": {"$ref": "#/$defs/check"}},
        },
        "$defs": defs,
    }


def _kind(kind: str, cls: type[Check], common: Schema, defs: Schema) -> Schema:
    own = _fields(cls, defs)
    own.pop("id", None)
    if "query" in own:
        own["query_file"] = {"type": "string", "description": "A file with the query."}
    tiers = {
        "warn": _tier(cls.measures, "Tells the maintainer."),
        "page": _tier(cls.measures, "Tells the pagers, too."),
    }
    like = {"type": "string", "description": "Copies the keys of another check of the file."}
    shared = {key: value for key, value in common.items() if key not in own}
    return {
        "type": "object",
        "description": (cls.__doc__ or "").strip().splitlines()[0],
        "properties": {
            "kind": {"const": kind},
            **own,
            **tiers,
            **shared,
            "like": like,
            "for_each": _EACH,
        },
        "additionalProperties": False,
    }


def _fields(cls: type[Check], defs: Schema) -> Schema:
    return _plain(cls.model_json_schema(ref_template="#/$defs/{model}"), defs)


def _plain(schema: Schema, defs: Schema) -> Schema:
    """Return the properties of a model; its parts go to the others."""
    defs.update(schema.get("$defs", {}))
    properties: Schema = schema["properties"]
    return {key: _as_written(value) for key, value in properties.items()}


def _as_written(schema: Schema) -> Schema:
    """Drop what describes the typed value and not the text: defaults that are no JSON of YAML."""
    return {key: value for key, value in schema.items() if key not in {"title", "default"}}


def _tier(measures: Mapping[str, Measure], about: str) -> Schema:
    first = next(iter(measures.values()))
    limits = {
        name: {**_UNITS[one.unit], "description": f"{one.about or name} (bad {one.bad})"}
        for name, one in measures.items()
    }
    named = {
        "type": "object",
        "properties": {**limits, "for": _HOLD},
        "additionalProperties": False,
    }
    return {"description": about, "anyOf": [_UNITS[first.unit], named]}
