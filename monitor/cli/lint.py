"""``monitor lint``: everything that is wrong in the configuration, in one run."""

import json
import os
import sys
from collections.abc import Iterable
from pathlib import Path

import click

from monitor.config.load import ConfigError, load
from monitor.config.plan import Problem


@click.command()
@click.option(
    "--config",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    default=Path("config.yaml"),
    show_default=True,
    help="The configuration file.",
)
@click.option("--json", "as_json", is_flag=True, help="Write one JSON object.")
def lint(config: Path, *, as_json: bool) -> None:
    """Check config.yaml and all checks; exit 1 when something is wrong."""
    try:
        plan = load(config, os.environ)
        problems, count = plan.problems, len(plan.checks)
    except ConfigError as error:
        problems, count = error.problems, 0
    click.echo(_json(problems, count) if as_json else _text(problems, count))
    sys.exit(1 if problems else 0)


def _json(problems: Iterable[Problem], count: int) -> str:
    errors = [
        {
            "file": problem.place.file,
            "line": problem.place.line,
            "column": problem.place.column,
            "message": problem.message,
            "suggestion": problem.suggestion,
            "check": problem.check,
        }
        for problem in problems
    ]
    return json.dumps({"errors": errors, "warnings": [], "checks": count}, indent=2)


def _text(problems: tuple[Problem, ...], count: int) -> str:
    found = f"{len(problems)} problem{'' if len(problems) == 1 else 's'}"
    checks = f"{count} check{'' if count == 1 else 's'}"
    return "\n".join([*map(str, problems), f"{checks}, {found}"])
