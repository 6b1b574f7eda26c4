"""Blocks that do something: buttons under an incident, native charts."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, TypeAlias

from monitor.core.incident import IncidentView
from monitor.core.series import Point, Series
from monitor.render.blocks import Block, context, cut, plain, validate
from monitor.render.chart import drawable, sparkline, title_of
from monitor.render.templates import escape
from monitor.render.units import local

ACTIONS = {
    "ack": "Acknowledge",
    "silence_1h": "Silence 1 h",
    "silence_morning": "Silence until morning",
    "silence": "Silence ...",
    "not_mine": "Not mine",
    "run": "Run now",
    "explain": "Explain",
    "accept": "Accept as new normal",
}
"""Buttons by action; what is chosen further is asked in a window."""

QUESTIONS = {"accept": "From the next look on, what fires here now is judged to be normal."}
"""What is asked once more before it is done: a click beside the right button must not do it."""

PREFIX = "monitor:"
NATIVE = frozenset({"data_visualization"})
"""Blocks that Slack rolls out by and by: a workspace without them refuses the whole message."""

Rung: TypeAlias = dict[str, Any]
"""Text and blocks of a message, in one of its forms."""

LONGEST_PLAIN = 39_000
"""Characters of a message without blocks: Slack cuts at 40,000."""

MOST_POINTS = 20
LONGEST_LABEL, LONGEST_TITLE = 20, 50


def buttons(view: IncidentView) -> Block:
    """Make the buttons of an open incident; their value is its id and nothing else."""
    ack = view.incident.ack
    done = {"ack"} if ack is not None else set()
    if not view.can_be_normal or (ack is not None and ack.is_new_normal):
        done.add("accept")
    names = [name for name in ACTIONS if name not in done]
    return {"type": "actions", "elements": [_button(name, view.incident.id) for name in names]}


def _button(action: str, value: str) -> Block:
    made: Block = {
        "type": "button",
        "action_id": f"{PREFIX}{action}",
        "text": {"type": "plain_text", "text": ACTIONS[action]},
        "value": cut(value, 2000),
    }
    if action in QUESTIONS:
        made["confirm"] = {
            "title": {"type": "plain_text", "text": f"{ACTIONS[action]}?"},
            "text": {"type": "plain_text", "text": QUESTIONS[action]},
            "confirm": {"type": "plain_text", "text": "Accept"},
            "deny": {"type": "plain_text", "text": "Cancel"},
        }
    return {**made, "style": "primary"} if action == "ack" else made


def chart_blocks(series: Series, timezone: str) -> list[Block]:
    """Show a series: a line of bars for whoever sees no picture, and the picture."""
    line = context(escape(f"{title_of(series)}: {sparkline(series)}"))
    newest = replace(series, points=series.points[-MOST_POINTS:]) if series.mark else series
    return [line, native_chart(newest, timezone)]


def native_chart(series: Series, timezone: str) -> Block:
    """Draw a series by Slack itself: value and expectation, at most twenty points.

    Every line needs a point in every category, so the expectation is left out where any lacks.
    """
    points = _thinned(drawable(series.points))
    labels = _labels(points, timezone)
    lines = [("value", [point.value for point in points])]
    expected = [point.expected for point in points if point.expected is not None]
    if len(expected) == len(points):
        lines.append(("expected", expected))
    return {
        "type": "data_visualization",
        "title": cut(title_of(series), LONGEST_TITLE),
        "chart": {
            "type": "line",
            "series": [
                {
                    "name": name,
                    "data": [
                        {"label": label, "value": round(value, 4)}
                        for label, value in zip(labels, values, strict=True)
                    ],
                }
                for name, values in lines
            ],
            "axis_config": {"categories": labels},
        },
    }


def _thinned(points: Sequence[Point]) -> list[Point]:
    step = max(1, -(-len(points) // MOST_POINTS))
    return list(points[::-1][::step])[::-1]


def _labels(points: Sequence[Point], timezone: str) -> list[str]:
    """Write moments, each once: two points of one minute would be one category."""
    labels = [local(point.at, timezone)[4:] for point in points]
    if len(set(labels)) < len(labels):
        labels = [f"{label} {n}" for n, label in enumerate(labels)]
    return [label[:LONGEST_LABEL] for label in labels]


def without_native(blocks: Sequence[Block]) -> list[Block]:
    """Leave out what a workspace may not know yet."""
    return [block for block in blocks if block["type"] not in NATIVE]


def ladder(text: str, blocks: list[Block]) -> list[Rung]:
    """Return the forms of a message, the richest first; none of them says less.

    Native charts go first, for not every workspace has them; then all blocks become one text.
    """
    rich = [form for form in (blocks, without_native(blocks)) if form and not validate(form)]
    rungs: list[Rung] = [{"text": text, "blocks": form} for form in rich]
    plain_text = cut(plain(blocks) or text, LONGEST_PLAIN)
    return [*(rungs[:1] if rich[:1] == rich[1:] else rungs), {"text": plain_text, "blocks": []}]
