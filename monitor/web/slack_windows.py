"""The windows that Slack opens over a message: for how long to be silent, and whose it is."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta
from typing import Any

from monitor.core.incident import IncidentView
from monitor.render.blocks import Block, cut
from monitor.render.slack_parts import PREFIX
from monitor.render.summary import headline
from monitor.render.templates import escape

MOST_OPTIONS = 100
SPANS = {
    "4 hours": timedelta(hours=4),
    "1 day": timedelta(days=1),
    "3 days": timedelta(days=3),
    "1 week": timedelta(days=7),
}


def silence_window(view: IncidentView) -> Block:
    """Ask for how long, and why."""
    why = {
        "type": "input",
        "block_id": "why",
        "label": _plain("Why?"),
        "element": {"type": "plain_text_input", "action_id": "why", "max_length": 500},
    }
    return _window("silence", "Silence", view, [_select("span", "For how long?", SPANS), why])


def not_mine_window(view: IncidentView, maintainers: Sequence[str]) -> Block:
    """Ask whose it is."""
    known = [name for name in maintainers if name != view.incident.owner][:MOST_OPTIONS]
    return _window("not_mine", "Not mine", view, [_select("to", "Whose is it?", known)])


def chosen(view: Mapping[str, Any]) -> dict[str, str]:
    """Read what was filled in, by block."""
    found: dict[str, str] = {}
    for block, elements in ((view.get("state") or {}).get("values") or {}).items():
        for element in elements.values():
            option = element.get("selected_option") or {}
            found[block] = str(option.get("value") or element.get("value") or "")
    return found


def _window(callback: str, title: str, view: IncidentView, inputs: list[Block]) -> Block:
    about = {
        "type": "section",
        "text": {"type": "mrkdwn", "text": escape(cut(headline(view), 500))},
    }
    return {
        "type": "modal",
        "callback_id": f"{PREFIX}{callback}",
        "private_metadata": view.incident.id,
        "title": _plain(title),
        "submit": _plain("Do it"),
        "close": _plain("Cancel"),
        "blocks": [about, *inputs],
    }


def _select(block: str, label: str, values: Iterable[str]) -> Block:
    options = [{"text": _plain(cut(value, 75)), "value": value} for value in values]
    return {
        "type": "input",
        "block_id": block,
        "label": _plain(label),
        "element": {"type": "static_select", "action_id": block, "options": options},
    }


def _plain(text: str) -> Block:
    return {"type": "plain_text", "text": text}
