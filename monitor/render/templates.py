"""The templates for people, and a team's own in their place."""

import logging
import re
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Any

from jinja2 import FileSystemLoader, TemplateError, TemplateNotFound
from pydantic import Field

import monitor
from monitor.core.labels import text_of
from monitor.render.backfill import commands
from monitor.render.sandbox import Sandbox, bounded
from monitor.render.summary import details, headline, sentence, subject, title
from monitor.render.units import duration, local, number, since

log = logging.getLogger(__name__)

OwnTemplates = Annotated[
    Path | None, Field(description="A folder with templates of your own, laid out as the shipped.")
]
"""The setting of a receiver that writes by templates."""

_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f\u202a-\u202e\u2066-\u2069]")
"""Characters that a terminal or a reader would obey: control codes, changes of direction."""

HELPERS = {
    "commands": commands,
    "details": details,
    "duration": duration,
    "headline": headline,
    "local": local,
    "number": number,
    "sentence": sentence,
    "since": since,
    "subject": subject,
    "text_of": text_of,
    "title": title,
}
"""The functions that every template sees; they are filters, too."""


HTML_KINDS = frozenset({"email", "html"})


class Safe(str):
    """A text that is fit to be written as it stands; everything else is escaped."""

    __slots__ = ()


def shipped_folder() -> Path:
    """Return the templates that ship with the program: installed, or in a checkout."""
    package = Path(monitor.__file__).parent
    installed = package / "_shipped" / "templates"
    return installed if installed.exists() else package.parent / "templates"


def escape(text: object) -> Safe:
    """Make foreign text harmless in Slack and keep it on its line.

    Without ``<`` there is no mention and no link. Backticks cannot be escaped and become quotes;
    asterisks and underscores can only change how the text looks.
    """
    if isinstance(text, Safe):
        return text
    return Safe(_harmless(" ".join(visible(text).split())))


def code(text: object) -> Safe:
    """Write foreign text as a block of code; backticks would end it and become quotes."""
    return Safe("```\n" + _harmless(visible(text)) + "\n```")


def _harmless(text: str) -> str:
    text = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return text.replace("`", "'")


def visible(text: object) -> str:
    """Write any value without what a terminal would obey."""
    return _CONTROL.sub("", str(text))


def one_line(text: object) -> Safe:
    """Write foreign text for a terminal: visible and on its line, so that it can fake no other."""
    return text if isinstance(text, Safe) else Safe(" ".join(visible(text).split()))


def _as_it_is(text: object) -> Safe:
    return Safe(visible(text))


@dataclass(frozen=True)
class Templates:
    """Templates by path: ``slack/incident.j2``, ``text/digest.j2``, ``html/digest.j2``.

    The first part of the path decides how values are escaped; the filter ``code`` keeps the lines
    and spaces of a value, in Slack as a block of code. A file of the same path in
    ``own`` stands in for the shipped one; where it fails, the shipped one is used and the log
    says why: a message is never lost to a template. A strict one raises instead, to try them out.
    """

    own: Path | None = None
    shipped: Path = field(default_factory=shipped_folder)
    is_strict: bool = False

    def render(self, path: str, **values: Any) -> str:
        """Render a template. Raise TemplateError only when the shipped one fails, too.

        The shipped ones are cut where there is too much to say, and say so.
        """
        if self.own is not None:
            try:
                return _render(self.own, path, values, may_cut=False)
            except TemplateNotFound:
                pass
            except TemplateError as error:
                if self.is_strict:
                    raise
                log.warning("%s/%s is not used: %s", self.own, path, error)
        return _render(self.shipped, path, values, may_cut=True)


def _render(folder: Path, path: str, values: dict[str, Any], *, may_cut: bool) -> str:
    template = _sandbox(folder, path.split("/", 1)[0]).get_template(path)
    return bounded(template, values, may_cut=may_cut)


@lru_cache(maxsize=20)
def _sandbox(folder: Path, kind: str) -> Sandbox:
    """Make the environment of a folder; files that change are read again by themselves."""
    finalize = {"slack": escape, "text": one_line}.get(kind)
    made = Sandbox(loader=FileSystemLoader(folder), finalize=finalize, is_html=kind in HTML_KINDS)
    made.filters.update(HELPERS, code=code if kind == "slack" else _as_it_is)
    made.globals.update(HELPERS)
    return made
