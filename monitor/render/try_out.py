"""Trying a folder of templates on samples, before a message depends on them."""

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, replace
from difflib import get_close_matches
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import TypeAlias

from jinja2 import TemplateError, TemplateSyntaxError

from monitor.api.check import KINDS
from monitor.core.digest import Digest
from monitor.core.incident import IncidentView, Storm
from monitor.core.notification import Notification, NotifyReason
from monitor.render import samples
from monitor.render.blocks import section, validate
from monitor.render.digest import render_digest
from monitor.render.incident import notification_text
from monitor.render.mail import compose
from monitor.render.slack import digest_messages, incident_blocks, thread_line
from monitor.render.templates import Templates

EDITIONS = ("morning", "evening", "weekly")
"""Names that digests commonly have: a file of such a name is no mistake."""


@dataclass(frozen=True, slots=True)
class TemplateFault:
    """What is wrong with a template; ``line`` counts from 1."""

    path: str
    line: int
    message: str
    suggestion: str | None = None


def template_faults(folder: Path, digests: Collection[str] = ()) -> list[TemplateFault]:
    """Render every template of a folder on samples; return what is wrong, by path.

    ``digests`` are the names of those that are configured.
    """
    checks = {*KINDS, "storm"}
    kinds = {"alert": checks, "thread": checks, "digest": {*digests, *EDITIONS}}
    known = {
        f"{trial}/{name}.j2"
        for trial in TRIALS
        for name in ("default", *kinds[trial.rpartition("/")[2]])
    }
    found: list[TemplateFault] = []
    for name in sorted(_names(folder)):
        if name not in known:
            close = get_close_matches(name, sorted(known), 1, 0.5)
            text = "this stands in for no template that is shipped, and is never used"
            found.append(TemplateFault(name, 1, text, close[0] if close else None))
        else:
            found += _try(folder, name)
    return found


def _names(folder: Path) -> Iterator[str]:
    for path in folder.rglob("*.j2"):
        yield path.relative_to(folder).as_posix()


def _try(folder: Path, name: str) -> list[TemplateFault]:
    strict = replace(Templates(own=folder), is_strict=True)
    trial, _, file = name.rpartition("/")
    try:
        wrong = TRIALS[trial](strict, file.removesuffix(".j2"))
    except TemplateSyntaxError as error:
        return [TemplateFault(name, error.lineno, str(error.message))]
    except TemplateError as error:
        return [TemplateFault(name, _line(error.__traceback__, name), str(error.message))]
    return [TemplateFault(name, 1, f"Slack would refuse it: {one}") for one in dict.fromkeys(wrong)]


def _line(trace: TracebackType | None, name: str) -> int:
    """Return the line of the template in which it went wrong: Jinja puts it into the traceback."""
    line = 1
    while trace is not None:
        if trace.tb_frame.f_code.co_filename.endswith(name):
            line = trace.tb_lineno
        trace = trace.tb_next
    return line


def _views(kind: str) -> list[IncidentView]:
    """Make incidents of a kind: open and over, and one of a metric with its chart."""
    if kind == "storm":
        begun = samples.storm()
        over = replace(begun.incident, resolved_at=samples.NOW)
        end = replace(begun, incident=over, members=(), more_own=0, storm=Storm(0, 0, 0, ()))
        return [begun, end, begun]
    made = (samples.acknowledged(), samples.resolved(), samples.metric())
    return [_of_kind(one, kind) for one in made] if kind != "default" else list(made)


def _of_kind(view: IncidentView, kind: str) -> IncidentView:
    members = (replace(one, kind=kind) for one in view.members)
    return replace(view, members=tuple(members))


def _notes(kind: str) -> list[Notification]:
    first, over, metric = _views(kind)
    return [
        samples.notification(about=first),
        samples.notification(NotifyReason.RESOLVED, over),
        samples.notification(about=metric),
    ]


def _digest(name: str) -> Digest:
    made = samples.whole_digest()
    return made if name == "default" else replace(made, name=name)


def _slack_alert(templates: Templates, kind: str) -> list[str]:
    made = [incident_blocks(view, "UTC", "a note", templates) for view in _views(kind)]
    return [fault for blocks in made for fault in validate(blocks)]


def _slack_thread(templates: Templates, kind: str) -> list[str]:
    lines = [thread_line(one, "UTC", ["<@U00000001>"], templates) for one in _notes(kind)]
    return [fault for line in lines for fault in validate([section(line or "")])]


def _slack_digest(templates: Templates, name: str) -> list[str]:
    made = digest_messages(_digest(name), templates)
    return [fault for blocks in made for fault in validate(blocks)]


def _text(templates: Templates, kind: str, *, is_first: bool) -> list[str]:
    for note in _notes(kind):
        notification_text(note, "UTC", templates, is_first=is_first)
    return []


def _mail(templates: Templates, kind: str, *, is_first: bool) -> list[str]:
    for note in _notes(kind):
        to = ["b@example.com"]
        compose(note, "UTC", "a@example.com", to, is_first=is_first, templates=templates)
    return []


def _shown(templates: Templates, name: str, *, medium: str) -> list[str]:
    render_digest(medium, _digest(name), templates)
    return []


Trial: TypeAlias = Callable[[Templates, str], list[str]]
TRIALS: dict[str, Trial] = {
    "slack/alert": _slack_alert,
    "slack/thread": _slack_thread,
    "slack/digest": _slack_digest,
    "text/alert": partial(_text, is_first=True),
    "text/thread": partial(_text, is_first=False),
    "text/digest": partial(_shown, medium="text"),
    "html/digest": partial(_shown, medium="html"),
    "email/alert": partial(_mail, is_first=True),
    "email/thread": partial(_mail, is_first=False),
    "email/digest": partial(_shown, medium="email"),
}
"""Every folder in which a team may replace templates, and what uses them."""
