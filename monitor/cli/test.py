"""``monitor test``: the unit tests that checks carry."""

import asyncio
import sys
from pathlib import Path

import click

from monitor.cli.options import CONFIG, JSON
from monitor.cli.site import find_check, read_plan
from monitor.cli.verdicts import verdict_lines
from monitor.core.labels import text_of
from monitor.core.whole import write_json
from monitor.engine.trial import Tried, try_out


@click.command()
@click.argument("names", metavar="[ID]...", nargs=-1)
@CONFIG
@JSON
def test(names: tuple[str, ...], config: Path, *, as_json: bool) -> None:
    """Run the `tests:` of all checks, or of some; exit 1 when one leads to something else."""
    plan = read_plan(config)
    chosen = [find_check(plan, name) for name in names] or list(plan.checks.values())

    async def run() -> list[Tried]:
        return [await try_out(check, one) for check in chosen for one in check.tests]

    results = asyncio.run(run())
    wrong = [one for one in results if not one.is_right]
    if as_json:
        found = [_plain(one) for one in results]
        click.echo(write_json({"tests": found, "failed": len(wrong)}, indent=2))
    else:
        for one in results:
            click.echo("\n".join(_lines(one)))
        for problem in plan.problems:
            click.echo(str(problem), err=True)
        click.echo(f"{len(results)} tests, {len(wrong)} failed")
    sys.exit(1 if wrong or plan.problems else 0)


def _lines(one: Tried) -> list[str]:
    where = f" {text_of(one.test.slice)}" if one.test.slice else ""
    title = f"{one.check}{where} at {one.test.at:%Y-%m-%dT%H:%M%z}"
    if one.is_right:
        return [f"{click.style('right', fg='green')}  {title}: {one.got}"]
    head = f"{click.style('wrong', fg='red')}  {title}: expected {one.test.expect}, got {one.got}"
    return [head, f"       {one.test.place}", *(verdict_lines(one.verdict) if one.verdict else [])]


def _plain(one: Tried) -> dict[str, object]:
    return {
        "check": one.check,
        "at": one.test.at.isoformat(),
        "slice": dict(one.test.slice),
        "rows": str(one.test.rows),
        "expected": one.test.expect,
        "got": one.got,
        "right": one.is_right,
        "file": one.test.place.file,
        "line": one.test.place.line,
    }
