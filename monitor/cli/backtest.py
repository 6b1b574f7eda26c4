"""``monitor backtest``: how often a check would have alarmed, before it is merged."""

from pathlib import Path

import click

from monitor.cli.backtest_csv import CsvBacktest, csv_options, run_csv


@click.command()
@csv_options
def backtest(**options: object) -> None:
    """Replay history point in time: nothing at or after a bucket takes part in its verdict."""
    if not isinstance(options.get("csv"), Path):
        raise click.UsageError("give the data: --csv FILE --value COLUMN")
    run_csv(CsvBacktest.of(options))
