"""The way from the files to the plan."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from hashlib import blake2s
from pathlib import Path

from monitor.config.build_check import Surroundings, build_check
from monitor.config.check_files import CheckFiles, read_check_files, read_text
from monitor.config.environment import substitute
from monitor.config.graph import find_cycles
from monitor.config.plan import Place, Plan, PlannedCheck
from monitor.config.platform_file import Platform, read_platform
from monitor.config.plugins import load_plugins
from monitor.config.report import ConfigError, Report
from monitor.config.yaml_tree import Fields, YamlError, read_tree

__all__ = ["ConfigError", "load"]


def load(config_file: Path, env: Mapping[str, str]) -> Plan:
    """Read config.yaml and all checks; every problem of every file is in ``Plan.problems``.

    A problem in a file of checks drops the checks that it concerns. Raise ConfigError with all
    problems when config.yaml itself cannot be used.
    """
    report = Report()
    failed = load_plugins()
    for line in failed:
        report.add(Place(str(config_file), 1, 1), line)
    try:
        text = read_text(config_file)
        root = substitute(read_tree(text, str(config_file)), env, report)
    except YamlError as error:
        raise ConfigError((*report.problems, error.problem)) from None
    assert isinstance(root, Fields)
    platform = read_platform(root, config_file.parent, report, failed)
    files = read_check_files(platform.checks, report)
    checks = _checks(files, Surroundings(platform, frozenset(files.ids), failed), report)
    if report.is_fatal:
        raise ConfigError(report.problems)
    return _plan(platform, checks, report, _revision([("", text), *files.texts]))


def _checks(files: CheckFiles, around: Surroundings, report: Report) -> dict[str, PlannedCheck]:
    built = {name: build_check(draft, around, report) for name, draft in files.drafts.items()}
    checks = {name: planned for name, planned in built.items() if planned is not None}
    for cycle in find_cycles({name: planned.after for name, planned in checks.items()}):
        way = " -> ".join((*cycle, cycle[0]))
        message = f"'after' goes round in a circle: {way}"
        report.add(checks[cycle[-1]].place, message, check=cycle[-1])
        last = checks[cycle[-1]]
        kept = tuple(name for name in last.after if name != cycle[0])
        checks[cycle[-1]] = replace(last, after=kept)
    return {
        name: replace(planned, after=tuple(other for other in planned.after if other in checks))
        for name, planned in checks.items()
    }


def _plan(
    platform: Platform, checks: Mapping[str, PlannedCheck], report: Report, revision: str
) -> Plan:
    return Plan(
        timezone=platform.timezone,
        store=platform.store,
        web=platform.web,
        sources=platform.sources,
        receivers=platform.receivers,
        maintainers=platform.maintainers,
        resources=platform.resources,
        on_call=platform.on_call,
        checks=checks,
        digests=platform.digests,
        templates=platform.templates,
        revision=revision,
        problems=report.problems,
    )


def _revision(texts: Iterable[tuple[str, str]]) -> str:
    """Hash the names and texts of all files; twelve hexadecimal digits."""
    code = blake2s(digest_size=6)
    for name, text in texts:
        for part in (name, text):
            raw = part.encode()
            code.update(len(raw).to_bytes(8, "big") + raw)
    return code.hexdigest()
