"""The reference page of config.yaml, generated from its sections, sources and receivers."""

import inspect
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from pydantic import BaseModel

from monitor.api.receiver import RECEIVERS, Receiver
from monitor.api.source import SOURCES, Source
from monitor.config import sections
from monitor.config.grammar import ALL_DAY, EVERY_DAY
from monitor.config.plan import Web
from monitor.config.reference import about_of, default_of

HEAD = """\
# config.yaml: systems, people, and what belongs to whom

This page is generated: `monitor schema --of config --reference > docs/reference/configuration.md`.
`monitor schema --of config > config.schema.json` is for editors.

`config.yaml` holds what the platform team decides; checks live below the folder that `checks:`
names ([their reference](checks.md)). `${NAME}` and `${NAME:-default}` stand for variables of the
environment, in any value: secrets belong there, and messages never show them. Values mean what is
written; aliases, tags and keys that are written twice are refused. `monitor lint` tells what is
wrong with its line; what is wrong about routing or the store stops a start, a source or receiver
that is broken stops only what needs it.

## Keys

| key | default | meaning |
|---|---|---|
| `timezone` | `UTC` | an IANA zone: of local times in this file, of messages and pages |
| `store` | `sqlite:///monitor.db` | a SQLAlchemy URL: SQLite, or `postgresql+psycopg://...` |
| `checks` | `checks/` | the folder with the files of checks, beside this file |
| `templates` | | a folder with templates of your own: [receivers](receivers.md) |
| `web` | | where the pages listen, and who may see them: [pages](pages.md) |
| `sources` | | the systems that are asked, by name |
| `receivers` | | the ways to tell people, by name: [receivers](receivers.md) |
| `slack` | | what all receivers of type `slack` share |
| `maintainers` | | who owns resources and checks, by name |
| `on_call` | | who hears what nobody owns |
| `resources` | | what belongs to whom, and what is made from what |
| `digests` | | the digests, by name: [digests](digests.md) |
| `calendars`, `holidays` | | days that are unlike others: [checks](checks.md) |
| `defaults` | | keys that checks have unless they say otherwise |
| `route`, `inhibit_rules`, `time_intervals` | | who is told what, when: [routing](routing.md) |
| `auditor` | | who hears when something was not told |

`mute_time_intervals` is the older word for `time_intervals`.
"""
_SECTIONS: tuple[tuple[str, type[BaseModel]], ...] = (
    ("maintainers", sections.MaintainerSection),
    ("maintainers: hours", sections.HoursSection),
    ("on_call", sections.OnCallSection),
    ("on_call: overrides", sections.OverrideSection),
    ("on_call: escalation", sections.EscalationSection),
    ("resources", sections.ResourceSection),
    ("digests", sections.DigestSection),
    ("calendars", sections.CalendarSection),
    ("slack", sections.SlackSection),
    ("web", sections.WebSection),
    ("web: proxy", sections.ProxySection),
    ("auditor", sections.AuditorSection),
)


def platform_page() -> str:
    """Return the whole page, ending with one newline; of plugins only the built-in ones."""
    parts = [HEAD]
    for title, cls in _SECTIONS:
        parts += [f"## `{title}`\n", *_table(_keys(cls)), ""]
    parts += _family("Sources", "sources", Source, _built_in(SOURCES, "monitor.sources."))
    parts += _family("Receivers", "receivers", Receiver, _built_in(RECEIVERS, "monitor.receivers."))
    return "\n".join(parts).rstrip() + "\n"


def _built_in(types: Mapping[str, type[BaseModel]], room: str) -> list[tuple[str, type[BaseModel]]]:
    return [
        (name, cls)
        for name, cls in sorted(types.items())
        if cls.__module__.startswith(room) and name != "pings"  # it is there by itself
    ]


def _family(
    title: str, key: str, base: type[BaseModel], types: Iterable[tuple[str, type[BaseModel]]]
) -> Iterator[str]:
    yield f"## {title}\n"
    common = _keys(base)
    yield f"Each of `{key}:` has a `type`{', and may have:' if common else '.'}\n"
    yield from _table(common) if common else ()
    for name, cls in types:
        yield f"\n### `type: {name}`\n"
        yield inspect.cleandoc(cls.__doc__ or "")
        own = [one for one in _keys(cls) if one[0] not in base.model_fields]
        if own:
            yield ""
            yield from _table(own)
    yield ""


def _keys(cls: type[BaseModel]) -> list[tuple[str, Any]]:
    return [
        (field.alias or name, field) for name, field in cls.model_fields.items() if name != "name"
    ]


def _table(keys: Iterable[tuple[str, Any]]) -> Iterator[str]:
    yield "| key | default | meaning |\n|---|---|---|"
    for key, field in keys:
        yield f"| `{key}` | {_written(field)} | {about_of(field)} |"


def _written(field: Any) -> str:
    """Write what has a grammar of its own as people write it."""
    value = field.default
    if isinstance(value, Web):
        return f"`{value.host}:{value.port}`"
    if value == EVERY_DAY:
        return "every day"
    if value == ALL_DAY:
        return "`00:00-24:00`"
    return default_of(field)
