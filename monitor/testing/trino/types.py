"""Column types as the statement protocol writes them: a text, and the same as a tree."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

UNBOUNDED = 2**31 - 1
"""The length that Trino writes for a ``varchar`` without one."""

_FIELD = re.compile(r'(?:"((?:[^"]|"")*)"|([A-Za-z_]\w*)) (.+)', re.DOTALL)
_TWO_WORDS = ("timestamp with ", "time with ", "interval ", "INTERVAL ")


def column(name: str, kind: str) -> dict[str, Any]:
    """Describe a column of a type such as ``row(a integer, b array(double))``."""
    return {"name": name, "type": kind, "typeSignature": signature(kind)}


def signature(kind: str) -> dict[str, Any]:
    """Parse a type into ``{rawType, arguments}``; what stands in brackets are its arguments."""
    head, inner, tail = _brackets(kind)
    raw = f"{head}{tail}"
    raw = raw.lower() if raw.upper().startswith("INTERVAL ") else raw
    if inner is None:
        given = [UNBOUNDED] if raw == "varchar" else []
        return {"rawType": raw, "arguments": [_long(number) for number in given]}
    return {"rawType": raw, "arguments": [_argument(raw, text) for text in _split(inner)]}


def _argument(raw: str, text: str) -> Mapping[str, Any]:
    if text.isdecimal():
        return _long(int(text))
    if raw != "row":
        return {"kind": "TYPE", "value": signature(text)}
    named = None if text.startswith(_TWO_WORDS) else _FIELD.fullmatch(text)
    if named is None:
        return {"kind": "NAMED_TYPE", "value": {"typeSignature": signature(text)}}
    name = named[2] if named[1] is None else named[1].replace('""', '"')
    value = {"fieldName": {"name": name}, "typeSignature": signature(named[3])}
    return {"kind": "NAMED_TYPE", "value": value}


def _long(number: int) -> dict[str, Any]:
    return {"kind": "LONG", "value": number}


def _brackets(kind: str) -> tuple[str, str | None, str]:
    """Cut ``timestamp(3) with time zone`` into head, what is in brackets, and tail."""
    start = kind.find("(")
    if start < 0:
        return kind, None, ""
    end = kind.rfind(")")
    return kind[:start], kind[start + 1 : end], kind[end + 1 :]


def _split(inner: str) -> Iterator[str]:
    """Cut at the commas that stand in no bracket and in no quoted name."""
    depth, start, is_quoted = 0, 0, False
    for place, sign in enumerate(inner):
        is_quoted ^= sign == '"'
        depth += 0 if is_quoted else (sign == "(") - (sign == ")")
        if sign == "," and depth == 0 and not is_quoted:
            yield inner[start:place].strip()
            start = place + 1
    yield inner[start:].strip()
