import contextlib
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.core.re2 import RegexError, compile_pattern

MATCHES = [
    ("", ""),
    ("a{,3}", "a{,3}"),  # no repetition: it stands for itself
    ("a{", "a{"),
    ("a{2}", "aa"),
    ("a{2,}", "aaaa"),
    ("x*", ""),
    ("(?i)k", "\u212a"),  # the Kelvin sign folds to k
    ("(?i)[^k]", "x"),
    ("(?i)\\x{df}", "\u1e9e"),
    ("a(?i)b(?-i:c)", "aBc"),
    ("(?i:A)b", "ab"),
    ("\\Qa.b\\E+", "a.bb"),
    ("\\Qa.b", "a.b"),
    ("[]a]+", "]a"),
    ("[^]a]", "b"),
    ("[a-]", "-"),
    ("[[:alpha:]-]+", "a-b"),
    ("[^[:^digit:]]", "7"),
    ("[\\w-]+", "a_b-c"),
    ("[\\n]", "\n"),
    ("[^a]", "\n"),
    ("(?s).", "\n"),
    ("\\pL+", "aéß"),
    ("\\p{^Lu}", "a"),
    ("\\PL", "1"),
    ("\\x41\\x{1F600}\\101\\0", "A\U0001f600A\0"),
    ("(?P<name>a)|(?:b)", "b"),
    ("(?<name>a)", "a"),
    ("a|b|", ""),
    ("^^a$$", "a"),
    ("(^)*a", "a"),
    ("a\\b.*", "a-b"),
    ("\\B", ""),  # not so in Python before 3.14
    ("(?m)a$\n^b", "a\nb"),
    ("\\_\\-\\ ", "_- "),
    ("(a*)*b", "aab"),
    ("()", ""),
    ("a(|b)c", "abc"),
]
NO_MATCHES = [
    ("a", "ab"),
    ("a", "ba"),
    ("a|b", "ab"),
    ("a$", "a\n"),  # Python's $ would allow the line break
    (".", "\n"),
    ("\\d", "\u0663"),  # an Arabic digit is no digit of RE2
    ("\\w", "é"),
    ("\\s", "\v"),
    ("a\\bb", "ab"),
    ("(?i)i", "\u0130"),
    ("[^\\x00-\\x{10FFFF}]", "a"),
    ("a{0}", "a"),
    ("a{2}", "aaa"),
    ("\\pC", "\u0378"),  # not given out yet
]
REFUSED = [
    "(?=a)", "(?!a)", "(?<=a)", "(?<!a)", "(a)\\1", "(?P=name)", "(?#note)", "(?>a)", "a++", "a*+",
    "a**", "a{2}{3}", "a{2,1}", "a{1001}", "(a{100}){100}", "*a", "a|*", "(*)", "(", ")", "(?", "[",
    "[a", "[b-a]", "[a-\\d]", "[\\b]", "\\Z", "\\C", "\\i", "\\", "\\8", "\\x", "\\xg0",
    "\\x{110000}",
    "[[:nothing:]]", "\\p{Nothing}", "\\pX", "(?i", "(?i-)", "(?x)a", "(?P<>a)", "(?P<n>a)(?P<n>b)",
    "(?a)b", "(?L)b", "(?u)b", "(?(1)a|b)", "\\N{DIGIT ONE}", "\\u0041", "(" * 101 + ")" * 101,
    "(?:" * 20 + "a{1000}" * 21 + ")" * 20,
]  # fmt: skip


@pytest.mark.parametrize(("pattern", "text"), MATCHES)
def test_a_pattern_matches_what_re2_matches(pattern: str, text: str) -> None:
    assert compile_pattern(pattern).matches(text)


@pytest.mark.parametrize(("pattern", "text"), NO_MATCHES)
def test_a_pattern_matches_nothing_else(pattern: str, text: str) -> None:
    assert not compile_pattern(pattern).matches(text)


@pytest.mark.parametrize("pattern", REFUSED)
def test_what_re2_refuses_is_refused(pattern: str) -> None:
    with pytest.raises(RegexError):
        compile_pattern(pattern)


def test_patterns_that_take_python_for_ever_end_at_once() -> None:
    # With Python's own engine this test would not end: 2^5000 ways.
    assert not compile_pattern("(a|a)*(a*)*b").matches("a" * 5000)


def test_a_pattern_forgets_its_moves_before_they_fill_the_memory() -> None:
    pattern = compile_pattern("(.|..)*x")
    for start in range(0x4E00, 0x4E00 + 6000):
        assert pattern.matches(chr(start) + "x")
    assert pattern._remembered <= 5000


_leaves = st.sampled_from(["a", "b", "\n", ".", "[ab]", "[^a]", "\\w", "\\b", "^", "(?:)"])
_patterns = st.recursive(
    _leaves,
    lambda part: st.one_of(
        st.tuples(part, part).map("".join),
        st.tuples(part, part).map(lambda two: f"(?:{two[0]}|{two[1]})"),
        part.map(lambda one: f"(?:{one})*"),
        part.map(lambda one: f"(?:{one})?"),
        part.map(lambda one: f"(?:{one}){{1,2}}"),
    ),
    max_leaves=8,
)


@given(_patterns, st.text("ab \n", max_size=6))
def test_where_python_and_re2_agree_on_the_grammar_they_agree_on_the_answer(
    pattern: str, text: str
) -> None:
    expected = re.compile(pattern, re.ASCII).fullmatch(text) is not None
    assert compile_pattern(pattern).matches(text) is expected


@given(st.text(alphabet="ab()[]{}|*+?\\^$.-,:!=<>0123456789PQEi", max_size=12))
def test_any_text_is_a_pattern_or_refused_and_never_breaks_the_reader(text: str) -> None:
    with contextlib.suppress(RegexError):
        pattern = compile_pattern(text)
        assert pattern.matches("ab") is pattern.matches("ab")  # computed, then remembered
