"""Incidents as issues of a tracker: fields and text in Atlassian's document format."""

from hashlib import blake2s
from typing import Any

from monitor.render.page import Page, cut

LONGEST_SUMMARY = 255
LONGEST_TEXT = 30_000
"""Jira takes 32,767 characters of a description, its markup included."""


def label_of(page: Page) -> str:
    """Name the incident for good; labels of Jira hold no spaces, and some keys do."""
    return f"monitor-{blake2s(page.key.encode(), digest_size=10).hexdigest()}"


def issue_fields(page: Page) -> dict[str, Any]:
    """Write summary, description and label."""
    return {
        "summary": cut(page.summary, LONGEST_SUMMARY),
        "description": document(page.text),
        "labels": ["monitor", label_of(page)],
    }


def document(text: str) -> dict[str, Any]:
    """Write foreign text as a block of code: there it is no markup, link or mention."""
    content = [{"type": "text", "text": cut(text, LONGEST_TEXT) or "-"}]
    return {
        "type": "doc",
        "version": 1,
        "content": [{"type": "codeBlock", "content": content}],
    }
