"""The routing alone: of config.yaml, or of a file that holds nothing else (Alertmanager's)."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from monitor.config.calendars import read_calendars
from monitor.config.check_files import read_text
from monitor.config.environment import substitute
from monitor.config.people import read_maintainers, read_on_call
from monitor.config.plan import Problem
from monitor.config.platform_file import KEYS, read_timezone
from monitor.config.report import ConfigError, Report, nearest
from monitor.config.routing import Around, read_routing
from monitor.config.yaml_tree import Fields, Items, Text, YamlError, read_tree
from monitor.core.business_days import BusinessDays
from monitor.core.model import OnCall
from monitor.core.routing import People, Routing

_ALERTMANAGERS_OWN = frozenset({"global", "templates", "tracing"})


@dataclass(frozen=True, slots=True)
class RouteFile:
    """What a file says about routing; ``problems`` are those that do no harm to it."""

    routing: Routing
    people: People
    problems: tuple[Problem, ...] = ()


def read_route_file(file: Path, env: Mapping[str, str]) -> RouteFile:
    """Read the routing of a file; of receivers only the names count, so no secret is needed.

    ``receivers`` is our map of names or Alertmanager's list. Raise ConfigError with all problems.
    """
    report = Report()
    try:
        root = substitute(read_tree(read_text(file), str(file)), env, report)
    except YamlError as error:
        raise ConfigError((*report.problems, error.problem)) from None
    assert isinstance(root, Fields)
    for key, entry in root.entries.items():
        if key not in KEYS and key not in _ALERTMANAGERS_OWN:
            message = f"unknown key '{key}' in the configuration"
            report.add(entry.place, message, suggestion=nearest(key, KEYS), is_fatal=True)
    names = _receivers(root, report)
    calendars = read_calendars(root, report)
    people = _people(root, names, calendars, report)
    around = Around(names, names, calendars, bool(people.maintainers))
    has_tree = "route" in root.entries
    if not has_tree and not people.maintainers and not people.on_call.receivers:
        report.add(root.place, "there is no 'route', and nobody else to tell", is_fatal=True)
    routing = read_routing(root, report, around)
    if report.is_fatal:
        raise ConfigError(report.problems)
    return RouteFile(routing, people, report.problems)


def _people(
    root: Fields, names: Mapping[str, None], calendars: Mapping[str, BusinessDays], report: Report
) -> People:
    timezone = read_timezone(root, report)
    maintainers = read_maintainers(root, report, names, names, calendars)
    on_call = OnCall((), ())
    if "on_call" in root.entries or maintainers:
        on_call = read_on_call(root, report, names, names, timezone)
    return People(maintainers, on_call, timezone)


def _receivers(root: Fields, report: Report) -> dict[str, None]:
    node = root.get("receivers")
    if isinstance(node, Fields):
        return dict.fromkeys(node.entries)
    found: dict[str, None] = {}
    for item in node.items if isinstance(node, Items) else ():
        name = item.get("name") if isinstance(item, Fields) else None
        if not isinstance(name, Text) or not name.text:
            report.add(item.place, "a receiver needs the key 'name'", is_fatal=True)
        elif name.text in found:
            report.add(name.place, f"the receiver '{name.text}' is defined twice", is_fatal=True)
        else:
            found[name.text] = None
    if not found:
        report.add(root.place_of("receivers"), "there are no receivers", is_fatal=True)
    return found
