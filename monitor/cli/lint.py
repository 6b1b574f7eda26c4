"""``monitor lint``: everything that is wrong in the configuration, in one run."""

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import click

from monitor.cli.findings import FORMATS, Findings
from monitor.cli.options import ASK, CONFIG, JSON
from monitor.config.load import ConfigError, load
from monitor.config.plan import Place, Problem
from monitor.engine.finding import ask_once
from monitor.render.try_out import template_faults


@click.command()
@CONFIG
@JSON
@ASK
@click.option(
    "--format",
    "form",
    type=click.Choice(list(FORMATS)),
    default="text",
    show_default=True,
    help="How to write what was found.",
)
@click.option("--strict", is_flag=True, help="Exit 1 on warnings, too.")
@click.argument("files", nargs=-1, type=click.Path(path_type=Path))
def lint(
    config: Path,
    form: str,
    files: tuple[Path, ...],
    *,
    as_json: bool,
    asks: bool,
    strict: bool,
) -> None:
    """Check config.yaml and all checks; exit 1 when something is wrong.

    With FILES only what is wrong in them is written, as pre-commit asks; all are read in any case.
    """
    try:
        plan = load(config, os.environ, ask_once if asks else None)
        problems = (*plan.problems, *_templates(plan.templates, [one.name for one in plan.digests]))
        found = Findings(problems, plan.warnings, len(plan.checks))
    except ConfigError as error:
        found = Findings(error.problems, (), 0)
    if files:
        found = _only(found, files)
    wants_colour = False if os.environ.get("NO_COLOR") else None  # None: on terminals only
    click.echo(FORMATS["json" if as_json else form](found), color=wants_colour)
    sys.exit(1 if found.errors or (strict and found.warnings) else 0)


def _templates(folder: Path | None, digests: list[str]) -> Iterator[Problem]:
    """Try the templates of the configuration on samples; a message depends on them some night."""
    for fault in template_faults(folder, digests) if folder is not None else ():
        place = Place(str(folder / fault.path) if folder else fault.path, fault.line, 1)
        yield Problem(place, f"template '{fault.path}': {fault.message}", fault.suggestion)


def _only(found: Findings, files: tuple[Path, ...]) -> Findings:
    wanted = {path.resolve() for path in files}
    errors = [one for one in found.errors if Path(one.place.file).resolve() in wanted]
    warnings = [one for one in found.warnings if Path(one.place.file).resolve() in wanted]
    return Findings(errors, warnings, found.checks)
