"""Blocks that do something: buttons under an incident, native charts."""

from collections.abc import Sequence
from itertools import pairwise

from monitor.core.incident import IncidentView
from monitor.core.series import Point, Series
from monitor.render.blocks import Block, cut
from monitor.render.chart import title_of
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


def native_chart(series: Series, timezone: str) -> Block:
    """Draw a series by Slack itself: value and expectation, at most twenty points.

    Every line needs a point in every category, so the expectation is left out where any lacks.
    """
    points = _thinned(series.points)
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
    if any(a == b for a, b in pairwise(labels)):
        labels = [f"{label} {n}" for n, label in enumerate(labels)]
    return [label[:LONGEST_LABEL] for label in labels]


def without_native(blocks: Sequence[Block]) -> list[Block]:
    """Leave out what a workspace may not know yet."""
    return [block for block in blocks if block["type"] not in NATIVE]
