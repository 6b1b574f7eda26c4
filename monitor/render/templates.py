"""The templates for people, and a team's own in their place."""

import logging
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Any

from jinja2 import ChoiceLoader, FileSystemLoader, PrefixLoader, TemplateError
from pydantic import Field

import monitor
from monitor.core.labels import text_of
from monitor.render.backfill import commands
from monitor.render.sandbox import Sandbox, bounded
from monitor.render.storm import owners
from monitor.render.summary import details, headline, sentence, subject, title
from monitor.render.units import duration, local, number, since

log = logging.getLogger(__name__)

OwnTemplates = Annotated[
    Path | None, Field(description="A folder with templates of your own, laid out as the shipped.")
]
"""The setting of a receiver that writes by templates."""

_CONTROL = re.compile(
    r"[\x00-\x08\x0b-\x1f\x7f\u202a-\u202e\u2066-\u2069\ud800-\udfff\ufffe\uffff]"
)
"""Characters that a terminal or a reader would obey (control codes, changes of direction), and
halves of pairs and the like, which no encoding knows."""

HELPERS = {
    "commands": commands,
    "details": details,
    "duration": duration,
    "headline": headline,
    "local": local,
    "number": number,
    "owners": owners,
    "sentence": sentence,
    "since": since,
    "subject": subject,
    "text_of": text_of,
    "title": title,
}
"""The functions that every template sees; they are filters, too."""


DEFAULT = "default.j2"
_NAME = re.compile(r"[A-Za-z0-9_-]{1,100}")
"""Kinds and digests that can have a template of their own: no name leads out of the folder."""

LIKE = {
    "email/digest": "html/digest",
    "email/thread": "email/alert",
    "text/thread": "text/alert",
}
"""Folders whose shipped template is that of another one: a team's own counts for both."""

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
    """Templates by folder: ``slack/alert``, ``slack/thread``, ``text/digest``, ``email/alert``.

    The first part decides how values are escaped; the filter ``code`` keeps the lines and spaces
    of a value, in Slack as a block of code. A file of the folder in ``own`` stands in for the
    shipped ``default.j2``: one with the name of the kind or digest, else ``default.j2``. It may
    include the shipped one as ``shipped/slack/alert/default.j2``. Where it fails, the next one is
    used and the log says why: a message is never lost to a template. A strict one raises instead,
    to try them out.
    """

    own: Path | None = None
    shipped: Path = field(default_factory=shipped_folder)
    is_strict: bool = False

    def render(self, folder: str, name: str, **values: Any) -> str:
        """Render the template of a kind or digest. Raise TemplateError if the shipped one fails.

        The shipped ones are cut where there is too much to say, and say so.
        """
        for path in self._own(folder, name):
            try:
                return _render(self.own, self.shipped, path, values)
            except TemplateError as error:
                if self.is_strict:
                    raise
                log.warning("%s/%s is not used: %s", self.own, path, error)
        names = [f"{name}.j2"] if _NAME.fullmatch(name) else []
        shipped = (one for one in names if (self.shipped / folder / one).is_file())
        return _render(None, self.shipped, f"{folder}/{next(shipped, DEFAULT)}", values)

    def _own(self, folder: str, name: str) -> Iterator[str]:
        """Name the files that stand in for the shipped one, the most special first."""
        names = [f"{name}.j2", DEFAULT] if _NAME.fullmatch(name) else [DEFAULT]
        folders = [one for one in (folder, LIKE.get(folder)) if one]
        for path in (f"{one}/{file}" for one in folders for file in names):
            if self.own is not None and (self.own / path).is_file():
                yield path


def _render(own: Path | None, shipped: Path, path: str, values: dict[str, Any]) -> str:
    template = _sandbox(own, shipped, path.split("/", 1)[0]).get_template(path)
    return bounded(template, values, may_cut=own is None).encode(errors="replace").decode()


@lru_cache(maxsize=20)
def _sandbox(own: Path | None, shipped: Path, kind: str) -> Sandbox:
    """Make the environment of a folder; files that change are read again by themselves."""
    finalize = {"slack": escape, "text": one_line}.get(kind)
    ours = FileSystemLoader(shipped)
    theirs = [] if own is None else [FileSystemLoader(own), PrefixLoader({"shipped": ours})]
    loader = ChoiceLoader([*theirs, ours])
    made = Sandbox(loader=loader, finalize=finalize, is_html=kind in HTML_KINDS)
    made.filters.update(HELPERS, code=code if kind == "slack" else _as_it_is)
    made.globals.update(HELPERS)
    return made
