"""Texts and numbers that are none, made such that everybody can store and read them."""

import json
from dataclasses import dataclass
from math import inf, nan
from typing import Any

import pytest

from monitor.core.model import Outcome
from monitor.core.whole import read_json, whole, write_json


@dataclass(frozen=True)
class Said:
    text: str
    more: Any = None


@pytest.mark.parametrize(
    ("said", "made"),
    [
        ("plain \u00e9 \U0001f600", "plain \u00e9 \U0001f600"),
        ("half \ud83d", "half ?"),
        ("a\0b", "a?b"),
        (Said("\0", {"\0": ["\ud800", 1.5]}), Said("?", {"?": ["?", 1.5]})),
        ((("model", "\0"),), (("model", "?"),)),
        (Outcome.OK, Outcome.OK),
        (None, None),
    ],
)
def test_what_is_no_text_becomes_a_mark(said: object, made: object) -> None:
    assert whole(said) == made
    assert type(whole(said)) is type(made)


def test_json_of_others_is_read_as_whole_text() -> None:
    assert read_json(r'{"a": "\ud83d", "b": "\u0000", "c": "\ud83d\ude00"}') == {
        "a": "?",
        "b": "?",
        "c": "\U0001f600",
    }


def test_numbers_that_are_none_are_written_as_texts() -> None:
    text = write_json({"a": [inf, -inf, (nan, 1.5)], "b": {"c": nan}})
    assert json.loads(text) == {"a": ["Infinity", "-Infinity", ["NaN", 1.5]], "b": {"c": "NaN"}}
    assert write_json({"a": 1.5}) == '{"a": 1.5}'
