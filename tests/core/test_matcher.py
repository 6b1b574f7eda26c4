import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.core.matcher import (
    Matcher,
    MatcherError,
    Operator,
    match_all,
    parse_matcher,
    parse_matchers,
)

READ = [
    ("", []),
    ("{}", []),
    ("{ }", []),
    ('a="b"', [("a", "=", "b")]),
    ("a=b", [("a", "=", "b")]),
    ('{a="b"}', [("a", "=", "b")]),
    ('{a="b",}', [("a", "=", "b")]),
    ("a=b,", [("a", "=", "b")]),
    ('{a="b",c=~"d"}', [("a", "=", "b"), ("c", "=~", "d")]),
    (' a !=\t"b" ,\nc!~d ', [("a", "!=", "b"), ("c", "!~", "d")]),
    ('"team name"="data platform"', [("team name", "=", "data platform")]),
    ("überwachung=日本", [("überwachung", "=", "日本")]),
    ('a=""', [("a", "=", "")]),
    ('a="{},=!~"', [("a", "=", "{},=!~")]),
    ('a="\\"\\\\\\n\\t\\x41\\u00e9\\U0001F600\\101"', [("a", "=", '"\\\n\tAé\U0001f600A')]),
    ('a="\\xc3\\xa9"', [("a", "=", "é")]),  # bytes that add up to UTF-8
    ('a=~"\\\\d+"', [("a", "=~", "\\d+")]),
    ("a.b/c:d=1", [("a.b/c:d", "=", "1")]),
    ("a=~.*", [("a", "=~", ".*")]),
    ("a=(b|c)", [("a", "=", "(b|c)")]),
]
REFUSED = [
    ("a", "one of the operators", 2),
    ("a=", "a value is missing", 3),
    ("=b", "the name of a label is missing", 1),
    ("a==b", "a value is missing", 3),
    ("a=!b", "the sign ! needs double quotes", 3),
    ("a=b c=d", "a comma or the end", 5),
    ("a=b,,c=d", "the name of a label is missing", 5),
    (",a=b", "the name of a label is missing", 1),
    ("{a=b", "a comma or '}' is missing", 5),
    ("a=b}", "a comma or the end", 4),
    ("{a=b}}", "a comma or the end", 6),
    ("{", "a comma or '}' is missing", 2),
    ("}", "a comma or the end", 1),
    ("a='b'", "the sign ' needs double quotes", 3),
    ("a=\\d", "the sign \\ needs double quotes", 3),
    ('a="b', "the closing quote is missing", 3),
    ('a="\\d"', "the escape \\d is not known", 4),
    ('a="\\\'"', "the escape \\' is not known", 4),
    ('a="\\xff"', "not valid UTF-8", 4),
    ('a="\\ud800"', "is no character", 4),
    ('a="\\477"', "the escape \\4 is not known", 4),
    ('a="b\nc"', "a line break in quotes", 5),
    ('""="b"', "needs the name of a label", None),
    ('a=~"("', "the pattern '(' is wrong", None),
    ('a=~"(?=b)"', "looking ahead", None),
    ("a=\ud800", "not valid UTF-8", 3),
]


@pytest.mark.parametrize(("text", "expected"), READ)
def test_matchers_are_read_as_alertmanager_reads_them(
    text: str, expected: list[tuple[str, str, str]]
) -> None:
    assert [(m.name, m.operator.value, m.value) for m in parse_matchers(text)] == expected


@pytest.mark.parametrize(("text", "message", "column"), REFUSED)
def test_what_is_no_matcher_is_refused_with_the_column(
    text: str, message: str, column: int | None
) -> None:
    with pytest.raises(MatcherError) as caught:
        parse_matchers(text)
    assert message in str(caught.value)
    assert caught.value.column == column


@pytest.mark.parametrize("text", ["", "{a=b}", "a=b,c=d"])
def test_one_matcher_is_one_without_braces(text: str) -> None:
    with pytest.raises(MatcherError):
        parse_matcher(text)


@pytest.mark.parametrize(
    ("matcher", "value", "expected"),
    [
        ('a="b"', "b", True),
        ('a="b"', "", False),
        ('a=""', "", True),
        ('a!=""', "", False),
        ('a!="b"', "", True),
        ('a=~"b|c"', "c", True),
        ('a=~"b"', "bb", False),
        ('a=~"b?"', "", True),
        ('a!~"b?"', "", False),
        ('a!~"b"', "bb", True),
    ],
)
def test_a_missing_label_is_the_empty_value(matcher: str, value: str, *, expected: bool) -> None:
    labels = {"a": value} if value else {}
    assert parse_matcher(matcher).matches(labels) is expected
    assert parse_matcher(matcher).matches({"a": value}) is expected


def test_all_matchers_must_hold_and_none_match_everything() -> None:
    both = parse_matchers("a=b,c=d")
    assert match_all(both, {"a": "b", "c": "d"})
    assert not match_all(both, {"a": "b"})
    assert match_all((), {})


_words = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
_plain = st.builds(
    Matcher, _words.filter(bool), st.sampled_from([Operator.EQUAL, Operator.NOT_EQUAL]), _words
)


@given(st.lists(_plain, max_size=4))
def test_what_is_written_is_read_again_as_the_same(matchers: list[Matcher]) -> None:
    assert list(parse_matchers(",".join(map(str, matchers)))) == matchers
    assert list(parse_matchers("{" + ", ".join(map(str, matchers)) + "}")) == matchers


@given(st.text(alphabet='ab"\\{},=!~ \n\x85n', max_size=12))
def test_any_text_holds_matchers_or_is_refused_and_never_breaks_the_reader(text: str) -> None:
    with contextlib.suppress(MatcherError):
        assert parse_matchers(text) == parse_matchers(",".join(map(str, parse_matchers(text))))
