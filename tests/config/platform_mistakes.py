"""Mistakes as people make them in config.yaml: routes, receivers, maintainers, hours, sources."""

import random
import re
from collections.abc import Callable, Iterator

from monitor.config.yaml_tree import Entry, Fields, Items, Text, read_tree
from tests.config.mistakes import LONGER, Mistake, Path, misspell, put

FILE = "config.yaml"
CONFIG = """\
timezone: Asia/Kolkata
store: sqlite:///monitor.db
checks: checks
web:
  listen: 10.0.0.1:8080
  proxy:
    trusted: [10.0.3.0/28]
    user_header: X-Forwarded-User
  admins: ["group:sre"]
sources:
  adhoc:
    type: trino
    url: trino://monitor@127.0.0.1:8080/hive
    maintainer: platform
    max_concurrency: 4
  kpi: {type: sql, url: "sqlite:///kpi.db", maintainer: platform}
  serving:
    type: prometheus
    url: http://127.0.0.1:9090
    maintainer: recsys
receivers:
  chat: {type: console}
  hook:
    type: webhook
    url: http://127.0.0.1:9/x
  pager: {type: webhook, url: "http://127.0.0.1:9/y"}
maintainers:
  recsys:
    receivers: [chat]
    page: [pager]
    hours: {weekdays: "monday:friday", times: "09:00-19:00", timezone: Asia/Kolkata}
    people: [asha@example.com]
  platform:
    receivers: [hook]
on_call:
  rotation: [asha@example.com, ben@example.com]
  every: 1w
  from: "2026-01-05 09:00"
  receivers: [chat]
resources:
  trino.adhoc: {maintainer: platform}
  events.hourly:
    maintainer: recsys
    upstream: [trino.adhoc]
calendars:
  business:
    weekdays: "monday:friday"
time_intervals:
  - name: nights
    time_intervals:
      - times: [{start_time: "00:00", end_time: "06:00"}]
        weekdays: ["monday:friday"]
        location: Asia/Kolkata
route:
  group_by: [check]
  group_wait: 30s
  group_interval: 5m
  repeat_interval: 4h
  routes:
    - matchers: ['severity="page"']
      receiver: pager
      continue: true
    - matchers: ['kind="latency"']
      receiver: hook
      mute_time_intervals: [nights]
digests:
  morning: {at: "09:00", days: "monday:friday", to: on_call}
"""
REFERENCES = {"receivers", "page", "receiver", "maintainer", "upstream", "mute_time_intervals"}
TYPES = {"type"}
ZONES = {"timezone", "location"}
DURATIONS = re.compile(r"(\d+)(s|m|h|w)")
NAMED = {"sources", "receivers", "maintainers", "resources", "calendars", "digests"}
"""Sections whose keys are names that people choose."""


def platform_mistakes(seed: int) -> Iterator[Mistake]:
    """Go through mistakes without end, each kind as often as the others."""
    draw = random.Random(seed)  # noqa: S311  # mistakes, no secrets
    makers: tuple[Callable[[random.Random], Mistake | None], ...] = (
        misspelt_key,
        misspelt_name,
        wrong_unit,
        wrong_type,
        undefined_name,
        duplicate_key,
    )
    while True:
        for maker in makers:
            made = None
            while made is None:
                made = maker(draw)
            yield made


def misspelt_key(draw: random.Random) -> Mistake | None:
    path, entry = draw.choice(ENTRIES)
    key = path[-1]
    if len(key) < 3 or (len(path) == 2 and path[0] in NAMED):
        return None
    typo = misspell(key, draw)
    if typo in KEYS:
        return None
    line = entry.place.line
    return Mistake("misspelt key", FILE, put(CONFIG, entry.place, key, typo), line, key)


def misspelt_name(draw: random.Random) -> Mistake | None:
    name = draw.choice(NAMES)
    typo = misspell(name.text, draw)
    if typo in {other.text for other in NAMES}:
        return None
    text = put(CONFIG, name.place, name.text, typo)
    return Mistake("misspelt name", FILE, text, name.place.line, name.text)


def undefined_name(draw: random.Random) -> Mistake | None:
    name = draw.choice(NAMES)
    text = put(CONFIG, name.place, name.text, "zzyzx-9")
    return Mistake("undefined name", FILE, text, name.place.line)


def wrong_unit(draw: random.Random) -> Mistake | None:
    _, entry = draw.choice(ENTRIES)
    value = entry.value
    found = DURATIONS.fullmatch(value.text) if isinstance(value, Text) else None
    if found is None or not isinstance(value, Text):
        return None
    number, unit = found.groups()
    wrong = draw.choice([f"{number}{LONGER[unit]}", f"{number} {LONGER[unit]}"])
    text = put(CONFIG, value.place, value.text, wrong)
    return Mistake("wrong unit", FILE, text, value.place.line, value.text)


def wrong_type(draw: random.Random) -> Mistake | None:
    """Write a map where a text belongs, and a text where a list or map does."""
    path, entry = draw.choice(ENTRIES)
    lines = CONFIG.splitlines(keepends=True)
    line, value = entry.place.line, entry.value
    if isinstance(value, Text):
        if _is_quoted(value):
            return None
        wrong = put(CONFIG, value.place, value.text, "{a: b}")
        return Mistake("wrong type", FILE, wrong, value.place.line)
    if value.place.line != line or not re.match(r" *\w+: [\[{].*[\]}]$", lines[line - 1]):
        return None
    start = value.place.column - 1
    if path[-1] in LISTS:
        return None
    lines[line - 1] = f"{lines[line - 1][:start]}perhaps\n"
    return Mistake("wrong type", FILE, "".join(lines), line)


def duplicate_key(draw: random.Random) -> Mistake | None:
    """Write a key of one line twice."""
    _, entry = draw.choice(ENTRIES)
    lines = CONFIG.splitlines(keepends=True)
    line = entry.place.line
    if not re.match(r" *[\w.]+: \S", lines[line - 1]) or lines[line - 1].strip().startswith("-"):
        return None
    if len(lines[line - 1]) - len(lines[line - 1].lstrip()) != entry.place.column - 1:
        return None
    text = "".join([*lines[:line], lines[line - 1], *lines[line:]])
    return Mistake("duplicate key", FILE, text, line + 1)


def _is_quoted(value: Text) -> bool:
    return CONFIG.splitlines()[value.place.line - 1][value.place.column - 1] in "\"'"


def _entries(node: object, above: Path) -> Iterator[tuple[Path, Entry]]:
    if isinstance(node, Items):
        for item in node.items:
            yield from _entries(item, above)
    elif isinstance(node, Fields):
        for key, entry in node.entries.items():
            path = (*above, key)
            yield path, entry
            yield from _entries(entry.value, path)


def _names(entries: list[tuple[Path, Entry]]) -> Iterator[Text]:
    for path, entry in entries:
        if path[-1] in REFERENCES | TYPES | ZONES and len(path) > 1:
            values = entry.value.items if isinstance(entry.value, Items) else (entry.value,)
            yield from (value for value in values if isinstance(value, Text))


ENTRIES = list(_entries(read_tree(CONFIG, FILE), ()))
NAMES = list(_names(ENTRIES))
KEYS = {path[-1] for path, _ in ENTRIES}
LISTS = {"rotation", "people", "group_by", "receivers", "page", "upstream", "mute_time_intervals"}
"""Lists for which one text alone is right, or for which it is a name of its own."""
