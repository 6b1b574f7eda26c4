"""Pages as HTML: Jinja on the shipped templates, under a strict policy.

One script of ours keeps two of them fresh; nothing needs it, and no other can run (ADR 19).
"""

import hmac
from datetime import datetime
from functools import lru_cache, partial
from typing import Any
from urllib.parse import urlsplit

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.responses import HTMLResponse, Response

from monitor.core.labels import text_of
from monitor.render.backfill import commands
from monitor.render.storm import owners
from monitor.render.summary import details, headline, sentence, state, subject
from monitor.render.templates import shipped_folder
from monitor.render.units import local, number, since
from monitor.web import strips

POLICY = (
    "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; "
    "img-src 'self' data:; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cache-Control": "no-store",
}
FILTERS = {
    "commands": commands,
    "headline": headline,
    "owners": owners,
    "moment": datetime.fromisoformat,
    "number": number,
    "sentence": sentence,
    "since": since,
    "state": state,
    "subject": subject,
    "text_of": text_of,
}


@lru_cache(maxsize=4)
def _environment(timezone: str) -> Environment:
    folder = shipped_folder() / "web"
    made = Environment(
        loader=FileSystemLoader(folder),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters.update(
        FILTERS,
        details=partial(details, zone=timezone),
        local=partial(local, timezone=timezone),
        safe_link=safe_link,
    )
    made.globals["strip_key"] = strips.key
    return made


def render(name: str, timezone: str, values: dict[str, Any]) -> str:
    """Render a page; moments are in the zone."""
    return _environment(timezone).get_template(name).render(values)


def page(text: str, status: int = 200) -> Response:
    """Answer with a page."""
    return HTMLResponse(text, status, HEADERS)


STATIC = {"style.css": "text/css", "live.js": "text/javascript"}


def static(name: str) -> Response:
    """Give the style sheet or the script."""
    text = (shipped_folder() / "web" / name).read_text()
    headers = {"Cache-Control": "max-age=3600", "X-Content-Type-Options": "nosniff"}
    return Response(text, media_type=STATIC[name], headers=headers)


def safe_link(url: str) -> str:
    """Return a link that leads to the web; anything else (``javascript:``) leads nowhere."""
    return url if urlsplit(url).scheme in {"http", "https"} else "#"


def csrf_of(key: bytes, name: str) -> str:
    """Return what a form must bring back: only a page of this process, for this person, has it."""
    return hmac.new(key, b"form:" + name.encode(), "sha256").hexdigest()
