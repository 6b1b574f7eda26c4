"""How errors and warnings of the configuration are written: for people, scripts, GitHub, SARIF."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from monitor import __version__
from monitor.config.plan import Problem
from monitor.core.whole import write_json


@dataclass(frozen=True, slots=True)
class Findings:
    """What was found, and in how many checks that can run."""

    errors: Sequence[Problem]
    warnings: Sequence[Problem]
    checks: int


def as_text(found: Findings) -> str:
    """Write a line for each finding, and the sum; colours where the output is a terminal."""
    lines = [_line(one, "") for one in found.errors]
    lines += [_line(one, click.style("warning: ", fg="yellow")) for one in found.warnings]
    count = _count(len(found.errors), "problem")
    more = f", {_count(len(found.warnings), 'warning')}" if found.warnings else ""
    colour = "red" if found.errors else "yellow" if found.warnings else "green"
    total = click.style(f"{count}{more}", fg=colour, bold=True)
    return "\n".join([*lines, f"{_count(found.checks, 'check')}, {total}"])


def as_json(found: Findings) -> str:
    """Write one object: errors, warnings, and the number of checks."""
    shown = {
        "errors": [_plain(one) for one in found.errors],
        "warnings": [_plain(one) for one in found.warnings],
        "checks": found.checks,
    }
    return write_json(shown, indent=2)


def as_github(found: Findings) -> str:
    """Write workflow commands, which GitHub shows beside the lines of a pull request."""
    lines = [_command("error", one) for one in found.errors]
    return "\n".join([*lines, *(_command("warning", one) for one in found.warnings)])


def as_sarif(found: Findings) -> str:
    """Write SARIF 2.1.0, for code scanning."""
    results = [_result("error", one) for one in found.errors]
    results += [_result("warning", one) for one in found.warnings]
    driver = {"name": "monitor lint", "version": __version__, "rules": [{"id": "check"}]}
    run = {"tool": {"driver": driver}, "columnKind": "unicodeCodePoints", "results": results}
    schema = "https://json.schemastore.org/sarif-2.1.0.json"
    return write_json({"$schema": schema, "version": "2.1.0", "runs": [run]}, indent=2)


FORMATS = {"text": as_text, "json": as_json, "github": as_github, "sarif": as_sarif}


def _line(one: Problem, word: str) -> str:
    hint = f"; did you mean {click.style(repr(one.suggestion), fg='green')}?"
    place = click.style(str(one.place), bold=True)
    return f"{place}: {word}{one.message}{hint if one.suggestion else ''}"


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"


def _plain(one: Problem) -> Mapping[str, Any]:
    return {
        "file": one.place.file,
        "line": one.place.line,
        "column": one.place.column,
        "message": one.message,
        "suggestion": one.suggestion,
        "check": one.check,
    }


def _full(one: Problem) -> str:
    return f"{one.message}; did you mean '{one.suggestion}'?" if one.suggestion else one.message


def _command(level: str, one: Problem) -> str:
    place = {"file": one.place.file, "line": one.place.line, "col": one.place.column}
    where = ",".join(f"{key}={_escaped(str(value), ':,')}" for key, value in place.items())
    return f"::{level} {where}::{_escaped(_full(one), '')}"


def _escaped(text: str, more: Iterable[str]) -> str:
    for sign in ("%", "\r", "\n", *more):
        text = text.replace(sign, f"%{ord(sign):02X}")
    return text


def _result(level: str, one: Problem) -> Mapping[str, Any]:
    region = {"startLine": one.place.line, "startColumn": one.place.column}
    path = Path(one.place.file)
    uri = path.as_uri() if path.is_absolute() else path.as_posix()
    place = {"artifactLocation": {"uri": uri}, "region": region}
    return {
        "ruleId": "check",
        "level": level,
        "message": {"text": _full(one)},
        "locations": [{"physicalLocation": place}],
    }
