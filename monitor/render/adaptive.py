"""Notifications as Adaptive Cards, for Microsoft Teams (schema 1.4)."""

import json
from typing import Any, TypeAlias

from monitor.core.notification import Notification
from monitor.render.digest import as_text, verdict_line
from monitor.render.page import Page, cut, page_of

Element: TypeAlias = dict[str, Any]

LARGEST = 26_000
"""Bytes of a card with its fallback; Teams refuses messages beyond 28 KB."""

LONGEST_RUN = 4000


def card_of(notification: Notification, timezone: str) -> Element:
    """Make the card of a notification; what does not fit is left out at its end, and it says so.

    Foreign text stands only in text runs: unlike text blocks, they know no Markdown.
    """
    if notification.digest is not None:
        digest = notification.digest
        title, colour = f"{digest.name} digest: {verdict_line(digest)}", "Default"
        body = [_title(title, colour), *_lines(as_text(digest))]
    else:
        page = page_of(notification, timezone)
        title = page.summary
        body = [_title(title, _colour(page)), *_facts(page)]
    return _fitted(body, title)


def _colour(page: Page) -> str:
    if not page.is_open:
        return "Good"
    return "Attention" if page.is_page else "Warning"


def _facts(page: Page) -> list[Element]:
    elements = [_runs([(f"{name}: ", True), (text, False)]) for name, text in page.facts.items()]
    return [_runs([(page.reason, False)]), *elements]


def _lines(text: str) -> list[Element]:
    return [_runs([(line, False)], mono=True) for line in text.splitlines() if line.strip()]


def _title(text: str, colour: str) -> Element:
    run = {"type": "TextRun", "text": cut(text, 500), "weight": "Bolder", "size": "Medium"}
    return {"type": "RichTextBlock", "inlines": [{**run, "color": colour}]}


def _runs(parts: list[tuple[str, bool]], *, mono: bool = False) -> Element:
    inlines = [
        {
            "type": "TextRun",
            "text": cut(text, LONGEST_RUN),
            **({"weight": "Bolder"} if is_bold else {}),
            **({"fontType": "Monospace"} if mono else {}),
        }
        for text, is_bold in parts
    ]
    return {"type": "RichTextBlock", "inlines": inlines}


def _fitted(body: list[Element], title: str) -> Element:
    kept, size = list(body), _size(_card(title, body))
    while len(kept) > 1 and size > LARGEST:
        size -= _size(kept.pop())
    if len(kept) < len(body):
        kept.append(_runs([(f"{len(body) - len(kept)} lines are left out here.", False)]))
    return _card(title, kept)


def _card(title: str, body: list[Element]) -> Element:
    return {
        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
        "type": "AdaptiveCard",
        "version": "1.4",
        "fallbackText": cut(title, 500),
        "msteams": {"width": "Full"},
        "body": body,
    }


def _size(element: Element) -> int:
    return len(json.dumps(element).encode())
