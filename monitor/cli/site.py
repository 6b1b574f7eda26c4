"""What the commands about checks begin with: the plan, one check of it, and a source to ask."""

import os
from pathlib import Path

import click

from monitor.config.load import ConfigError, Loader
from monitor.config.plan import Plan, PlannedCheck
from monitor.config.report import nearest
from monitor.engine.finding import ask_once


def read_plan(config: Path) -> Plan:
    """Read the configuration; queries of ``for_each`` are asked. Exit 2 when it cannot be used."""
    try:
        return Loader(config, os.environ, ask_once, notes_origins=True).load()
    except ConfigError as error:
        raise click.ClickException(f"the configuration cannot be used:\n{error}") from error


def find_check(plan: Plan, name: str) -> PlannedCheck:
    """Return a check by its id; one with problems or of no file is wrong use."""
    planned = plan.checks.get(name)
    if planned is not None:
        return planned
    wrong = [str(problem) for problem in plan.problems if problem.check in {name, None}]
    if wrong:
        raise click.UsageError("\n".join([f"check '{name}' cannot run:", *wrong]))
    hint = nearest(name, plan.checks)
    more = f"; did you mean '{hint}'?" if hint else ""
    raise click.UsageError(f"there is no check '{name}'{more}")
