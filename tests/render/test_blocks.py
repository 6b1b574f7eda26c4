import pytest
from hypothesis import given
from hypothesis import strategies as st
from slack_sdk.models.blocks import Block as SdkBlock

from monitor.render.blocks import (
    Block,
    context,
    cut,
    divider,
    header,
    parse,
    section,
    validate,
)


def text(words: str, kind: str = "mrkdwn") -> dict[str, str]:
    return {"type": kind, "text": words}


GOOD = [header("h"), section("s"), context("c"), divider()]


def test_what_the_builders_make_is_valid() -> None:
    assert validate(GOOD) == []
    for block in SdkBlock.parse_all(GOOD):
        block.to_dict()


@pytest.mark.parametrize(
    ("blocks", "fault"),
    [
        ([], "0 blocks"),
        ([section("s")] * 51, "51 blocks"),
        ([section("s" * 2900)] * 5, "characters in all"),
        ([{"type": "poster"}], "unknown type"),
        ([{**section("s"), "colour": "red"}], "unknown keys"),
        ([{"type": "section"}], "a text is missing"),
        ([{"type": "section", "text": text("")}], "an empty text"),
        ([{"type": "section", "text": text("s" * 3001)}], "3001 characters"),
        ([{"type": "section", "text": text("s", "html")}], "type 'html'"),
        ([{"type": "section", "fields": [text("f")] * 11}], "11 fields"),
        ([{"type": "section", "fields": [text("f" * 2001)]}], "2001 characters"),
        ([{"type": "header", "text": text("h")}], "must be plain_text"),
        ([{"type": "header", "text": text("h" * 151, "plain_text")}], "151 characters"),
        ([{"type": "context", "elements": []}], "0 elements"),
        ([{"type": "context", "elements": [text("c")] * 11}], "11 elements"),
        ([{"type": "image", "image_url": "https://x"}], "alt_text"),
        ([{"type": "image", "alt_text": "a"}], "image_url"),
        ([{**section("s"), "block_id": "1"}] * 2, "same block_id"),
        ([{**section("s"), "block_id": "1" * 256}], "block_id is longer"),
        ([section("```\nopen")], "code that does not end"),
        ([section("hello <!channel>")], "a mention"),
        ([context("hello <@U123>")], "a mention"),
    ],
)
def test_what_slack_would_refuse_is_named(blocks: list[Block], fault: str) -> None:
    assert any(fault in line for line in validate(blocks)), validate(blocks)


def test_the_markup_of_templates_makes_blocks() -> None:
    made = parse("# Head &amp; toe\n\n*one*\n• two\n\n> small\n\n---\n```\ncode\n\nmore\n```\nend")
    assert made == [
        header("Head & toe"),
        section("*one*\n• two"),
        context("small"),
        divider(),
        section("```\ncode\n\nmore\n```"),
        section("end"),
    ]


def test_what_is_too_long_for_a_block_goes_on_in_the_next() -> None:
    lines = [f"line {number:04}" for number in range(1000)]
    made = parse("```\n" + "\n".join(lines) + "\n```")
    assert len(made) > 1
    assert not [line for block in made for line in validate([block])]
    shown = "\n".join(block["text"]["text"].strip("`\n") for block in made)
    assert shown.split("\n") == lines


def test_a_cut_never_halves_an_escaped_character() -> None:
    assert cut("abc&amp;defgh", 8) == "abc …"


@given(st.text(max_size=9000))
def test_no_markup_makes_a_block_that_slack_refuses(markup: str) -> None:
    harmless = markup.replace("<", "").replace("```", "")
    for block in parse(harmless):
        assert validate([block]) == []
