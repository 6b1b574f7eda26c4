"""The reference page of checks, generated from the kinds: every kind, key and measure."""

import inspect
import re
from collections.abc import Iterator
from typing import Any

from monitor.api.check import KINDS, Check
from monitor.config.json_schema import Schema
from monitor.config.sections import CommonSection, TestSection
from monitor.config.settings import duration_text
from monitor.core.model import Unit

HEAD = """\
# Checks: kinds, keys and measures

This page is generated: `monitor schema --reference > docs/reference/checks.md`. How to begin stands
in [a check of your own](../how-to/a-check-of-your-own.md).

A file below `checks/<team>/` holds `defaults:` and `checks:`, a map of ids. Nearer defaults win:
`defaults:` of the file, `_defaults.yaml` of its folder and of those above, `defaults:` of
`config.yaml`. Values mean what is written: `10:30`, `no`, `on` are texts until a key types them.
Texts that begin with `#`, `@`, `*`, `>`, `|` or `%` need quotes. Aliases, tags and keys that are
written twice are refused.
"""
CALENDARS = """\
## `calendars:` and `holidays:` of `config.yaml`

```yaml
calendars:
  business-days-in: {weekdays: "monday:friday", holidays: IN, except: [2026-11-09]}
holidays: [IN, business-days-in]
```

A calendar has its `weekdays`, without the public `holidays` of countries (`IN`, `US-CA`) and the
days under `except`, and with those under `extra` in any case. `ready_by: {time: "07:30", calendar:
business-days-in}` names one. `holidays:` are days on which metrics are unlike other days, for every
check that does not name its own.
"""
_UNITS = {
    Unit.NUMBER: "number, as `50`",
    Unit.SECONDS: "duration, as `250ms`, `5m`, `2h`",
    Unit.SHARE: "share, as `12%`",
    Unit.BYTES: "size, as `500MB`, `2GiB`",
}
_COMMON = {
    "source": "The system that is asked, of `sources:`.",
    "resource": "What the check is about, of `resources:`: its owner, upstream and backfill count.",
    "maintainer": "Who is told; without it the resource's maintainer, else that of the defaults.",
    "every": "How often to look, as `5m`; at least `1s`.",
    "cron": "When to look, in the check's `timezone`; instead of `every`.",
    "after": "Checks whose red state blocks this one.",
    "wake": "`true`: a page wakes people outside their hours.",
    "keep_firing_for": "How long an alert must be good before it is resolved.",
    "runbook": "A link for whoever is told.",
    "labels": "Labels for routes and silences.",
    "enabled": "`false`: checked by lint, and not run.",
    "description": "One sentence for people.",
    "critical": "`true`: it is asked even while its source is overloaded.",
    "batch": "`false`: it asks for itself; its question is neither shared nor merged.",
    "tests": "Unit tests, see below; `monitor test` runs them.",
}
_GRAMMAR = """\
## Keys that make checks

| key | meaning |
|---|---|
| `kind` | one of the kinds below |
| `warn`, `page` | limits: a number for the kind's first measure, or measures by name, and `for` |
| `for` | inside a tier: how long a breach must last, as `5m`, or how many looks, as `2 of 3` |
| `like` | copies the keys of another check of the same file; own keys win |
| `for_each` | `{model: [ctr, cvr]}`: one check each; `{{ model }}` stands in the id and in texts |
| `query_file` | a file with the query, beside the file of the check, instead of `query` |

`for_each: {model: {source: kpi, query: select distinct model from kpi}}` finds the values, within
10 s and at most 1000; it is asked again every 10 minutes. When it cannot be, what it found
last goes on, over a start of the daemon, too: with a warning, and after a day with a word to the
maintainer. `lint` and `plan` ask with `--ask`.

A limit is breached by the bound itself where *above* is bad (`queued: 50`: 50 are too many), and by
less than it where *below* is bad (`workers: 50%`: fewer than half are too few). A page limit must
lie beyond the warn limit, and within what the measure can be.
"""


def reference_page() -> str:
    """Return the whole page, ending with one newline."""
    parts = [HEAD, "## Keys of every check\n", *_common(), _GRAMMAR, *_tests(), *_slices()]
    parts.append(CALENDARS)
    for kind, cls in sorted(KINDS.items()):
        if cls.__module__.startswith("monitor.kinds."):
            parts += _kind(kind, cls)
    return "\n".join(parts).rstrip() + "\n"


def _common() -> Iterator[str]:
    yield "| key | meaning |\n|---|---|"
    for name in CommonSection.model_fields:
        yield f"| `{name}` | {_COMMON[name]} |"
    for name in ("timezone", "timeout", "slices"):
        yield f"| `{name}` | {about_of(Check.model_fields[name])} |"
    yield ""


def _tests() -> Iterator[str]:
    yield "## `tests:`\n"
    yield "A list of maps: what rows of a CSV file must lead to at a moment.\n"
    yield "| key | meaning |\n|---|---|"
    about = {
        "at": "the moment, in the check's zone unless it has one",
        "rows": "the CSV file, beside the file of the check",
        "expect": "`ok`, `warn`, `page`, `pending` (not for long enough), `no_data` or `error`",
        "slice": "labels of the slice that counts; without it the worst one",
    }
    for name in TestSection.model_fields:
        yield f"| `{name}` | {about[name]} |"
    yield ""


def _slices() -> Iterator[str]:
    yield "## `slices:`\n"
    yield "| key | default | meaning |\n|---|---|---|"
    fields: Any = type(Check.model_fields["slices"].default).model_fields
    for name, field in fields.items():
        yield f"| `{name}` | {default_of(field)} | {about_of(field)} |"
    yield ""


def _kind(kind: str, cls: type[Check]) -> Iterator[str]:
    yield f"## Kind `{kind}`\n"
    yield f"{inspect.cleandoc(cls.__doc__ or '')}\n"
    yield "| measure | bad side | written as | meaning |\n|---|---|---|---|"
    for name, one in cls.measures.items():
        yield f"| `{name}` | {one.bad} | {_UNITS[one.unit]} | {one.about or name} |"
    yield "\n| key | default | meaning |\n|---|---|---|"
    for name, field in cls.model_fields.items():
        if name not in Check.model_fields:
            yield f"| `{name}` | {default_of(field)} | {about_of(field)} |"
            yield from _parts(name, field)
    if cls.default_source is not None:
        yield f"\nWithout `source` it asks `{cls.default_source}`."
    yield f"\nWithout `every` it looks every {duration_text(cls.default_every)}.\n"


def _parts(name: str, field: Any) -> Iterator[str]:
    """Go through the keys of a map below a key."""
    schema: Schema = _schema_of(field)
    for part, about in schema.items():
        yield f"| `{name}.{part}` | | {about.get('description', '')} |"


def _schema_of(field: Any) -> Schema:
    models = [one for one in _types(field.annotation) if hasattr(one, "model_json_schema")]
    return models[0].model_json_schema()["properties"] if models else {}


def _types(annotation: Any) -> Iterator[Any]:
    yield annotation
    for part in getattr(annotation, "__args__", ()):
        yield from _types(part)


def about_of(field: Any) -> str:
    """Return what a key is described as, fit for a cell of a table."""
    return re.sub(r"\s+", " ", field.description or "").replace("|", r"\|")


def default_of(field: Any) -> str:
    """Write the default of a key as it would be written in a file; empty for nothing."""
    if field.is_required():
        return "required"
    value = field.default
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    if not value and not isinstance(value, int | float):
        return ""
    if hasattr(value, "total_seconds"):
        return f"`{duration_text(value)}`"
    return f"`{value}`"
