"""What Slack would show, as a local page without scripts."""

import html
import re
from collections.abc import Iterable
from typing import Any

STYLE = """
:root { color-scheme: light }
body { font: 15px/1.47 Lato, 'Helvetica Neue', system-ui, sans-serif; margin: 0; color: #1d1c1d;
background: #fff; display: grid; grid-template-columns: 14rem minmax(0, 56rem) }
nav { background: #3f0e40; color: #fff; padding: 1rem; min-height: 100vh; position: sticky; top: 0;
height: 100vh; box-sizing: border-box } nav a { color: #cfc3cf; display: block; padding: .15rem 0;
text-decoration: none } main { padding: 0 1.5rem 4rem }
h2 { border-bottom: 1px solid #ddd; padding: .8rem 0 .4rem; font-size: 1.05rem }
.message { padding: .4rem 0; margin: .5rem 0 } .app { font-weight: 700 } .app small {
background: #e8e8e8; font-weight: 400; padding: 0 .25rem; border-radius: 2px; margin: 0 .4rem }
.thread { margin: .4rem 0 .4rem 1.2rem; border-left: 3px solid #ddd; padding-left: .8rem }
.context { color: #616061; font-size: 13px } p { margin: .25rem 0 } h3 { margin: .3rem 0 }
pre { background: #f8f8f8; border: 1px solid #ddd; border-radius: 4px; padding: .5rem;
white-space: pre-wrap; font-size: 12px; margin: .3rem 0 } code { color: #c01343 }
.edited { color: #999; font-size: 12px } hr { border: 0; border-top: 1px solid #ddd }
summary { color: #1264a3; cursor: pointer; font-size: 13px }
"""
EMOJI = {
    ":red_circle:": "\U0001f534",
    ":large_yellow_circle:": "\U0001f7e1",
    ":large_green_circle:": "\U0001f7e2",
    ":warning:": "⚠️",
}
_FENCED = re.compile(r"```\n?(.*?)\n?```", re.DOTALL)
_OPEN, _CLOSE = "\ue000", "\ue001"
_LINK = re.compile(rf"{_OPEN}(https?://[^|{_CLOSE}]+)(?:\|([^{_CLOSE}]*))?{_CLOSE}")
_MENTION = re.compile(rf"{_OPEN}[!@]([^{_CLOSE}]*){_CLOSE}")
_BARE = re.compile(r"(?<![\">=])(https?://[^\s<|]+)")
_STEPS = (
    (re.compile(r"`([^`\n]+)`"), r"<code>\1</code>"),
    (re.compile(r"(?<!\w)\*([^*\n]+)\*(?!\w)"), r"<strong>\1</strong>"),
)


def page(channels: Iterable[str], body: str) -> str:
    """Put the messages of all channels, which are HTML already, into a page."""
    names = list(channels)
    links = "".join(f'<a href="#{_id(name)}"># {html.escape(name)}</a>' for name in names)
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Slack</title>'
        f'<meta name="viewport" content="width=device-width"><style>{STYLE}</style></head>'
        f"<body><nav><p>Channels</p>{links}</nav><main>{body}</main></body></html>"
    )


def heading(channel: str) -> str:
    """Write the name of a channel."""
    return f'<h2 id="{_id(channel)}"># {html.escape(channel)}</h2>'


def _id(channel: str) -> str:
    return html.escape(f"channel-{channel}", quote=True)


def message_html(message: dict[str, Any], replies: Iterable[dict[str, Any]]) -> str:
    """Show a message with the thread below it."""
    edited = '<span class="edited">(edited)</span>' if message.get("history") else ""
    shown = [f'<div class="thread">{body(reply)}</div>' for reply in replies]
    word = "reply" if len(shown) == 1 else "replies"
    thread = (
        f"<details open><summary>{len(shown)} {word}</summary>{''.join(shown)}</details>"
        if shown
        else ""
    )
    return (
        '<div class="message"><div class="app">Platform monitor<small>APP</small></div>'
        f"{body(message)}{edited}{thread}</div>"
    )


def body(message: dict[str, Any]) -> str:
    """Show the blocks of a message; without any, its text."""
    blocks = message.get("blocks") or []
    if not blocks:
        return f"<p>{mrkdwn(str(message.get('text', '')))}</p>"
    return "".join(_block(block) for block in blocks)


def _block(block: dict[str, Any]) -> str:  # noqa: PLR0911  # one for each type
    kind = block.get("type")
    if kind == "divider":
        return "<hr>"
    if kind == "context":
        shown = " ".join(_text(one) for one in block.get("elements", []))
        return f'<div class="context">{shown}</div>'
    if kind == "header":
        return f"<h3>{_text(block.get('text'))}</h3>"
    if kind == "section":
        fields = "".join(f"<p>{_text(one)}</p>" for one in block.get("fields", []))
        return f"<div>{_text(block.get('text'))}</div>{fields}" if "text" in block else fields
    if kind == "actions":
        names = (_text(element.get("text")) for element in block.get("elements", []))
        return " ".join(f"<button>{name}</button>" for name in names)
    if kind == "data_visualization":
        return _chart(block)
    return f"<p>[{html.escape(str(kind))}]</p>"


def _chart(block: dict[str, Any]) -> str:
    """Draw the lines of a native chart, the first one as Slack's own blue."""
    series = (block.get("chart") or {}).get("series") or []
    lines = [[float(point["value"]) for point in one["data"]] for one in series]
    numbers = [number for line in lines for number in line]
    if not numbers:
        return ""
    low, span = min(0.0, *numbers), (max(numbers) - min(0.0, *numbers)) or 1.0
    drawn = "".join(
        f'<polyline fill="none" stroke="{colour}" stroke-width="2" points="'
        + " ".join(
            f"{x * 500 / max(1, len(line) - 1):.1f},{96 - (value - low) / span * 92:.1f}"
            for x, value in enumerate(line)
        )
        + '"/>'
        for line, colour in zip(lines, ("#1264a3", "#b0b0b0", "#2bac76", "#e01e5a"), strict=False)
    )
    title = html.escape(str(block.get("title", "")))
    names = html.escape(", ".join(str(one.get("name")) for one in series))
    return (
        f'<p><strong>{title}</strong> <span class="context">{names}</span></p>'
        f'<svg viewBox="0 0 500 100" width="500" height="100" role="img">{drawn}</svg>'
    )


def _text(text: object) -> str:
    if not isinstance(text, dict):
        return ""
    written = str(text.get("text", ""))
    return mrkdwn(written) if text.get("type") == "mrkdwn" else html.escape(written)


def mrkdwn(text: str) -> str:
    """Show mrkdwn as safe HTML: bold, code, links and line ends; a mention is marked.

    A ``<`` that its sender did not escape is Slack's own: it starts a link or a mention.
    """
    own = text.replace("<", _OPEN).replace(">", _CLOSE)
    safe = html.escape(html.unescape(own))
    parts = []
    end = 0
    for found in _FENCED.finditer(safe):
        parts.append(_inline(safe[end : found.start()]))
        parts.append(f"<pre>{found.group(1)}</pre>")
        end = found.end()
    shown = "".join([*parts, _inline(safe[end:])])
    return shown.replace(_OPEN, "&lt;").replace(_CLOSE, "&gt;")


def _inline(text: str) -> str:
    for name, sign in EMOJI.items():
        text = text.replace(name, sign)
    text = _MENTION.sub(r"<mark>@\1</mark>", text)
    text = _LINK.sub(lambda m: f'<a href="{m.group(1)}">{m.group(2) or m.group(1)}</a>', text)
    text = _BARE.sub(r'<a href="\1">\1</a>', text)
    for pattern, shown in _STEPS:
        text = pattern.sub(shown, text)
    return text.strip("\n").replace("\n", "<br>")
