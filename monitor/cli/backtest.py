"""``monitor backtest``: how often a check would have alarmed, before it is merged."""

from pathlib import Path

import click

from monitor.cli.backtest_check import CheckBacktest, run_check
from monitor.cli.backtest_csv import CsvBacktest, csv_options, run_csv


@click.command()
@click.argument("name", metavar="[ID]", required=False)
@click.option(
    "--config",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    default=None,
    help="The configuration file, for a check of it; default config.yaml.",
)
@click.option(
    "--days",
    type=click.FloatRange(min=0, min_open=True, max=800),
    default=90,
    show_default=True,
    help="How far back a check is replayed.",
)
@csv_options
def backtest(name: str | None, config: Path | None, days: float, **options: object) -> None:
    """Replay history point in time: nothing at or after a bucket takes part in its verdict.

    With the ID of a check its source is asked about the past, and every look is taken again
    through the code of the daemon. With --csv the detector runs on a file.
    """
    is_csv = isinstance(options.get("csv"), Path)
    if (name is None) != is_csv:
        raise click.UsageError("give either the ID of a check, or --csv FILE --value COLUMN")
    if name is None:
        run_csv(CsvBacktest.of(options))
        return
    path = config or Path("config.yaml")
    if not path.is_file():
        raise click.UsageError(f"{path} is not there; name the configuration with --config")
    run_check(CheckBacktest(name, path, days, as_json=bool(options.get("as_json"))))
