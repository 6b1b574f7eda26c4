"""Trying a folder of templates on samples, before a message depends on them."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from difflib import get_close_matches
from pathlib import Path
from types import TracebackType

from jinja2 import TemplateError, TemplateSyntaxError

from monitor.core.notification import NotifyReason
from monitor.render import samples
from monitor.render.blocks import validate
from monitor.render.digest import as_html, as_text
from monitor.render.incident import notification_text
from monitor.render.mail import compose
from monitor.render.slack import digest_messages, incident_blocks
from monitor.render.templates import Templates, shipped_folder

REASONS = (NotifyReason.FIRST, NotifyReason.RESOLVED)


@dataclass(frozen=True, slots=True)
class TemplateFault:
    """What is wrong with a template; ``line`` counts from 1."""

    path: str
    line: int
    message: str
    suggestion: str | None = None


def template_faults(folder: Path) -> list[TemplateFault]:
    """Render every template of a folder on samples; return what is wrong, by path."""
    known = sorted(_names(shipped_folder()))
    found: list[TemplateFault] = []
    for name in sorted(_names(folder)):
        if name not in TRIALS:
            close = get_close_matches(name, [one for one in known if one in TRIALS], 1, 0.5)
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
    try:
        wrong = TRIALS[name](strict)
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


def _slack_incident(templates: Templates) -> list[str]:
    views = (samples.incident(), samples.incident(is_open=False))
    made = [incident_blocks(view, "UTC", "a note", templates) for view in views]
    return [fault for blocks in made for fault in validate(blocks)]


def _slack_digest(templates: Templates) -> list[str]:
    made = digest_messages(samples.digest(), templates)
    return [fault for blocks in made for fault in validate(blocks)]


def _text_incident(templates: Templates) -> list[str]:
    for reason in REASONS:
        notification_text(samples.notification(reason), "UTC", templates)
    return []


def _mail_incident(templates: Templates) -> list[str]:
    notes = [samples.notification(reason) for reason in REASONS]
    for note in (*notes, replace(notes[0], view=samples.metric())):
        compose(note, "UTC", "a@example.com", ["b@example.com"], is_first=True, templates=templates)
    return []


def _text_digest(templates: Templates) -> list[str]:
    as_text(samples.digest(), templates)
    return []


def _html_digest(templates: Templates) -> list[str]:
    as_html(samples.digest(), templates)
    return []


TRIALS: dict[str, Callable[[Templates], list[str]]] = {
    "slack/incident.j2": _slack_incident,
    "slack/digest.j2": _slack_digest,
    "text/incident.j2": _text_incident,
    "text/digest.j2": _text_digest,
    "html/digest.j2": _html_digest,
    "email/incident.j2": _mail_incident,
}
"""Every template that a team may replace, and what uses it."""
