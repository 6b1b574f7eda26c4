"""What others say may hold what no store takes, and no JSON: half of a pair, NUL, infinity."""

import json
import math
import re
from collections.abc import Mapping
from dataclasses import fields, is_dataclass, replace
from typing import Any, TypeVar

T = TypeVar("T")

INFINITE_AS_TEXT = {"ser_json_inf_nan": "strings"}
"""How JSON holds numbers that are none: pydantic writes null otherwise, and cannot read that."""

_ESCAPED = re.compile(r"\\u(?:[dD][89a-fA-F]|0000)")


def whole(value: T) -> T:
    """Return a value with question marks for what is no text, in all texts that it holds.

    Of values it goes through dataclasses, mappings, lists and tuples; the rest stays.
    """
    made: T = _whole(value)
    return made


def _whole(value: Any) -> Any:
    if type(value) is str:
        return value.encode(errors="replace").decode().replace("\0", "?")
    if is_dataclass(value) and not isinstance(value, type):
        texts = ((one.name, getattr(value, one.name)) for one in fields(value) if one.init)
        return replace(value, **{name: _whole(it) for name, it in texts})
    if isinstance(value, Mapping):
        return {_whole(name): _whole(it) for name, it in value.items()}
    if type(value) in (list, tuple, set, frozenset):
        return type(value)(map(_whole, value))
    return value


def read_json(text: str | bytes) -> Any:
    """Read JSON as whole text. Raise ValueError, RecursionError."""
    written = text if isinstance(text, str) else text.decode()
    found = json.loads(written)
    return whole(found) if _ESCAPED.search(written) else found


def write_json(value: Any, **options: Any) -> str:
    """Write JSON as everybody reads it: numbers that are none are texts. Options of json.dumps."""
    try:
        return json.dumps(value, allow_nan=False, **options)
    except ValueError:
        return json.dumps(_finite(value), allow_nan=False, **options)


def _finite(value: Any) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
    if isinstance(value, Mapping):
        return {name: _finite(it) for name, it in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(it) for it in value]
    return value
