"""Slack's Block Kit: builders, a small markup that templates write, and the limits of Slack."""

import html
import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, TypeAlias

Block: TypeAlias = dict[str, Any]

MOST_BLOCKS = 50
MOST_ELEMENTS = 10
MOST_BUTTONS, LONGEST_BUTTON, LONGEST_VALUE = 25, 75, 2000
CONFIRM = {"title": 100, "text": 300, "confirm": 30, "deny": 30}
MOST_CHARTS, MOST_LINES, MOST_POINTS, LONGEST_LABEL, LONGEST_TITLE = 2, 12, 20, 20, 50
LONGEST_HEADER = 150
LONGEST_TEXT = 3000
LONGEST_FIELD = 2000
LONGEST_ID = 255
LONGEST_MESSAGE = 12_000
"""Slack refuses messages near 13,200 characters, though each block is legal (bolt-js#2509)."""

FENCE, DIVIDER = "```", "---"
_KEYS = {
    "header": {"text"},
    "section": {"text", "fields"},
    "context": {"elements"},
    "divider": set(),
    "image": {"image_url", "alt_text", "title"},
    "actions": {"elements"},
    "data_visualization": {"title", "chart"},
}
_OURS = re.compile(r"<@[UW][A-Z0-9]{7,}>")
"""A mention that the receiver wrote itself: foreign text has no ``<`` any more."""
_HALF_ENTITY = re.compile(r"&[a-z]{0,3}$")


def header(text: str) -> Block:
    """Make a header; plain text, cut at Slack's limit."""
    return {"type": "header", "text": {"type": "plain_text", "text": cut(text, LONGEST_HEADER)}}


def section(text: str) -> Block:
    """Make a paragraph of mrkdwn; foreign text in it is escaped already."""
    return {"type": "section", "text": {"type": "mrkdwn", "text": cut(text, LONGEST_TEXT)}}


def context(text: str) -> Block:
    """Make a small grey line of mrkdwn."""
    return {"type": "context", "elements": [{"type": "mrkdwn", "text": cut(text, LONGEST_FIELD)}]}


def divider() -> Block:
    """Make a line across."""
    return {"type": "divider"}


def cut(text: str, longest: int) -> str:
    """Cut a text, and say so; an escaped character is never cut in two."""
    if len(text) <= longest:
        return text
    return _HALF_ENTITY.sub("", text[: longest - 2]) + " …"


def parse(markup: str) -> list[Block]:
    """Read what a Slack template writes.

    Paragraphs are sections, ``# `` starts a header, ``> `` a small line, ``---`` alone is a
    divider, and lines between two lines of three backticks are code in a section of its own.
    What is too long for one section goes on in the next.
    """
    blocks: list[Block] = []
    paragraph: list[str] = []
    fenced: list[str] | None = None
    for line in [*markup.splitlines(), ""]:
        if fenced is not None:
            if line.strip() == FENCE:
                blocks.extend(_code(fenced))
                fenced = None
            else:
                fenced.append(line)
        elif line.strip() in {"", FENCE, DIVIDER} or line.startswith(("# ", "> ")):
            blocks.extend(section(text) for text in _pieces(paragraph, LONGEST_TEXT))
            paragraph = []
            fenced = [] if line.strip() == FENCE else None
            blocks.extend(_special(line))
        else:
            paragraph.append(line.rstrip())
    return blocks + (list(_code(fenced)) if fenced else [])


def _special(line: str) -> Iterator[Block]:
    text = line[2:].strip()
    if line.strip() == DIVIDER:
        yield divider()
    elif line.startswith("# ") and text:
        yield header(html.unescape(text))
    elif line.startswith("> ") and text:
        yield context(text)


def _code(lines: Sequence[str]) -> Iterator[Block]:
    for text in _pieces(lines, LONGEST_TEXT - 2 * len(FENCE) - 2):
        yield section(f"{FENCE}\n{text}\n{FENCE}")


def _pieces(lines: Sequence[str], longest: int) -> Iterator[str]:
    """Join lines to texts that are short enough; a line that is too long itself is broken."""
    text = ""
    for line in lines:
        for part in _broken(line, longest):
            if text and len(text) + 1 + len(part) > longest:
                yield text
                text = part
            else:
                text = f"{text}\n{part}" if text else part
    if text.strip():
        yield text


def _broken(line: str, longest: int) -> Iterator[str]:
    while len(line) > longest:
        part = _HALF_ENTITY.sub("", line[:longest])
        yield part
        line = line[len(part) :]
    yield line


def plain(blocks: Sequence[Block]) -> str:
    """Write all that blocks say as one text of mrkdwn, for a Slack that refuses the blocks."""
    return "\n".join(text for block in blocks for text in _texts(block))


def _texts(block: Block) -> Iterator[str]:
    given = [block.get("text"), *(block.get("fields") or ()), *(block.get("elements") or ())]
    for text in given:
        if isinstance(text, Mapping) and text.get("type") in {"mrkdwn", "plain_text"}:
            written = str(text["text"])
            yield written if text["type"] == "mrkdwn" else html.escape(written, quote=False)


def size(blocks: Sequence[Block]) -> int:
    """Return the characters of a message as Slack counts them: as JSON."""
    return len(json.dumps(blocks, ensure_ascii=False))


def validate(blocks: Sequence[Block]) -> list[str]:
    """Return what Slack would refuse, or what would ping people; empty for a good message."""
    found: list[str] = []
    if not 0 < len(blocks) <= MOST_BLOCKS:
        found.append(f"{len(blocks)} blocks; 1 to {MOST_BLOCKS} are allowed")
    if size(blocks) > LONGEST_MESSAGE:
        found.append(f"{size(blocks)} characters in all; {LONGEST_MESSAGE} are safe")
    ids = [str(block["block_id"]) for block in blocks if "block_id" in block]
    if len(ids) != len(set(ids)):
        found.append("two blocks have the same block_id")
    if any(len(one) > LONGEST_ID for one in ids):
        found.append(f"a block_id is longer than {LONGEST_ID} characters")
    charts = sum(block.get("type") == "data_visualization" for block in blocks)
    if charts > MOST_CHARTS:
        found.append(f"{charts} charts; {MOST_CHARTS} are allowed")
    for one in blocks:
        actions = [str(button.get("action_id")) for button in _buttons(one)]
        if len(actions) != len(set(actions)):
            found.append("two buttons of one block have the same action_id")
    for place, block in enumerate(blocks, 1):
        found.extend(f"block {place}: {fault}" for fault in _faults(block))
    return found


def _faults(block: Block) -> Iterator[str]:
    kind = str(block.get("type"))
    if kind not in _KEYS:
        yield f"unknown type '{kind}'"
        return
    unknown = set(block) - _KEYS[kind] - {"type", "block_id"}
    if unknown:
        yield f"unknown keys of a {kind}: {', '.join(sorted(unknown))}"
    yield from _RULES.get(kind, _no_rule)(block)


def _no_rule(_block: Block) -> Iterator[str]:
    yield from ()


def _header_faults(block: Block) -> Iterator[str]:
    yield from _text_faults(block.get("text"), LONGEST_HEADER, ("plain_text",))


def _context_faults(block: Block) -> Iterator[str]:
    elements = block.get("elements") or []
    if not 0 < len(elements) <= MOST_ELEMENTS:
        yield f"{len(elements)} elements; 1 to {MOST_ELEMENTS} are allowed"
    for element in elements:
        yield from _text_faults(element, LONGEST_FIELD)


def _buttons(block: Block) -> list[Mapping[str, Any]]:
    return list(block.get("elements") or ()) if block.get("type") == "actions" else []


def _action_faults(block: Block) -> Iterator[str]:
    elements = _buttons(block)
    if not 0 < len(elements) <= MOST_BUTTONS:
        yield f"{len(elements)} buttons; 1 to {MOST_BUTTONS} are allowed"
    for one in elements:
        if one.get("type") != "button":
            yield f"an element of type '{one.get('type')}'"
        yield from _text_faults(one.get("text"), LONGEST_BUTTON, ("plain_text",))
        if len(str(one.get("value", ""))) > LONGEST_VALUE:
            yield f"a value longer than {LONGEST_VALUE} characters"
        if "confirm" in one:
            yield from _confirm_faults(one["confirm"])
        if not 0 < len(str(one.get("action_id") or "")) <= LONGEST_ID:
            yield f"an action_id is missing or longer than {LONGEST_ID} characters"


def _confirm_faults(asked: Mapping[str, Any]) -> Iterator[str]:
    for name, longest in CONFIRM.items():
        for fault in _text_faults(asked.get(name), longest, ("plain_text",)):
            yield f"{name} of a confirmation: {fault}"


def _chart_faults(block: Block) -> Iterator[str]:
    title, chart = str(block.get("title") or ""), block.get("chart") or {}
    if not 0 < len(title) <= LONGEST_TITLE:
        yield f"a title of {len(title)} characters; 1 to {LONGEST_TITLE} are allowed"
    categories = list((chart.get("axis_config") or {}).get("categories") or ())
    if not 0 < len(categories) <= MOST_POINTS or len(set(categories)) < len(categories):
        yield f"{len(categories)} categories; 1 to {MOST_POINTS} different ones are allowed"
    if any(not 0 < len(str(one)) <= LONGEST_LABEL for one in categories):
        yield f"a category is empty or longer than {LONGEST_LABEL} characters"
    series = list(chart.get("series") or ())
    if not 0 < len(series) <= MOST_LINES:
        yield f"{len(series)} lines; 1 to {MOST_LINES} are allowed"
    for one in series:
        if [point.get("label") for point in one.get("data") or ()] != categories:
            yield f"the line '{one.get('name')}' lacks a point in a category"


def _section_faults(block: Block) -> Iterator[str]:
    fields = block.get("fields")
    if fields is None or "text" in block:
        yield from _text_faults(block.get("text"), LONGEST_TEXT)
    if fields is not None and not 0 < len(fields) <= MOST_ELEMENTS:
        yield f"{len(fields)} fields; 1 to {MOST_ELEMENTS} are allowed"
    for one in fields or ():
        yield from _text_faults(one, LONGEST_FIELD)


def _image_faults(block: Block) -> Iterator[str]:
    if not 0 < len(str(block.get("image_url") or "")) <= LONGEST_TEXT:
        yield f"image_url is missing or longer than {LONGEST_TEXT} characters"
    if not 0 < len(str(block.get("alt_text") or "")) <= LONGEST_FIELD:
        yield f"alt_text is missing or longer than {LONGEST_FIELD} characters"
    if "title" in block:
        yield from _text_faults(block["title"], LONGEST_FIELD, ("plain_text",))


def _text_faults(
    text: object, longest: int, kinds: tuple[str, ...] = ("mrkdwn", "plain_text")
) -> Iterator[str]:
    if not isinstance(text, Mapping) or not isinstance(text.get("text"), str):
        yield "a text is missing"
        return
    if text.get("type") not in kinds:
        yield f"a text of type '{text.get('type')}'; it must be {' or '.join(kinds)}"
    written = text["text"]
    if not written.strip():
        yield "an empty text"
    if len(written) > longest:
        yield f"a text of {len(written)} characters; {longest} are allowed"
    if written.count(FENCE) % 2:
        yield "code that does not end"
    bare = _OURS.sub("", written)
    if text.get("type") == "mrkdwn" and ("<!" in bare or "<@" in bare):
        yield "a mention; foreign text must be escaped"


_RULES: Mapping[str, Callable[[Block], Iterator[str]]] = {
    "header": _header_faults,
    "section": _section_faults,
    "context": _context_faults,
    "image": _image_faults,
    "actions": _action_faults,
    "data_visualization": _chart_faults,
}
