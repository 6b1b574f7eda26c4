"""``monitor backtest --csv``: the detector on data that is in no source."""

import csv
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar, cast
from zoneinfo import ZoneInfo

import click
import numpy as np

from monitor.anomaly.episodes import Episode, episodes
from monitor.anomaly.model import Direction, Replay, Settings
from monitor.anomaly.part import WEEKS, WEEKS_OF_WEEKLY
from monitor.anomaly.replay import replay
from monitor.anomaly.rows import Aggregate
from monitor.api.fields import parse_duration, parse_share
from monitor.cli.backtest_inject import Injection, power
from monitor.cli.csv_series import Columns, CsvSeries, read_holidays, read_series
from monitor.cli.peers import judge, peers
from monitor.core.labels import text_of
from monitor.core.whole import write_json
from monitor.render.units import known_zone

NOTHING = (
    f"nothing was judged: a slice is learned for {WEEKS * 7} days, for {WEEKS_OF_WEEKLY * 7} where "
    "it has a weekly season, and must have values in most buckets"
)

F = TypeVar("F", bound=Callable[..., Any])

_OPTIONS = (
    click.option(
        "--csv",
        type=click.Path(path_type=Path, exists=True, dir_okay=False),
        help="Data that is in no source: a file with a header.",
    ),
    click.option("--time", default="time", show_default=True, help="Column of the moment."),
    click.option("--value", default="value", show_default=True, help="Column of the number."),
    click.option("--slice", "slices", multiple=True, help="Column that makes slices; repeatable."),
    click.option("--bucket", default="1h", show_default=True, help="Width of a bucket: 1h, 1d."),
    click.option(
        "--bad", type=click.Choice(["down", "up", "both"]), default="both", show_default=True
    ),
    click.option(
        "--false-alarms-per-month",
        type=click.FloatRange(min=0, min_open=True),
        default=1.0,
        show_default=True,
        help="Of all slices together.",
    ),
    click.option("--min-value", type=float, default=0.0, help="Expected below this: not judged."),
    click.option("--timezone", default="UTC", show_default=True, help="Zone of days and hours."),
    click.option(
        "--aggregate",
        type=click.Choice(["sum", "mean"]),
        default="sum",
        show_default=True,
        help="How rows finer than a bucket are joined.",
    ),
    click.option(
        "--scores",
        type=click.Path(path_type=Path, dir_okay=False, writable=True),
        help="Write the score of every point to this CSV file.",
    ),
    click.option("--min-effect", default="0%", help="Smaller changes are no alarm: 5%."),
    click.option("--holidays", multiple=True, help="Country (IN, US-CA) or date; repeatable."),
    click.option("--inject", help="Put changes in and say how many are found: 20%x6h."),
    click.option("--peer", type=click.Choice(peers()), help="Run another detector, from an extra."),
    click.option("--json", "as_json", is_flag=True, help="Write one JSON object."),
)


def csv_options(command: F) -> F:
    """Add the options of a backtest on a file to a command."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


@dataclass(frozen=True)
class CsvBacktest:
    """What was asked for on the command line."""

    csv: Path
    columns: Columns
    settings: Settings
    aggregate: Aggregate
    scores: Path | None
    as_json: bool
    inject: Injection | None = None
    peer: str | None = None

    @classmethod
    def of(cls, options: Mapping[str, Any]) -> "CsvBacktest":
        """Read the options of the command; raise click.BadParameter for what does not fit."""
        try:
            settings = Settings(
                parse_duration(options["bucket"]),
                known_zone(options["timezone"]),
                cast("Direction", options["bad"]),
                options["false_alarms_per_month"],
                options["min_value"],
                holidays=read_holidays(options["holidays"]),
                min_effect=parse_share(options["min_effect"]),
            )
            if options["scores"] is not None:
                options["scores"].touch()  # before minutes of work, not after them
        except (ValueError, OSError) as error:
            raise click.BadParameter(str(error)) from error
        return cls(
            options["csv"],
            Columns(options["time"], options["value"], tuple(options["slices"])),
            settings,
            options["aggregate"],
            options["scores"],
            options["as_json"],
            Injection.of(options["inject"], settings) if options["inject"] else None,
            options["peer"],
        )


def run_csv(asked: CsvBacktest) -> None:
    """Read, replay, print."""
    read = read_series(asked.csv, asked.columns, asked.settings, asked.aggregate)
    for note in read.notes:
        click.echo(f"note: {note}", err=True)
    judged = replay(read.series, asked.settings)
    if not np.isfinite(judged.score).any():
        click.echo(f"note: {NOTHING}", err=True)
    if asked.peer is not None:
        judged = of_peer(asked.peer, read, judged, asked.settings)
    found = episodes(judged.is_anomaly, judged.score, asked.settings.bucket)
    if asked.scores is not None:
        write_scores(asked.scores, read, judged, asked)
    alarms = [alarm(one, read, judged, asked.settings) for one in found]
    more: dict[str, Any] = {} if asked.peer is None else {"peer": asked.peer}
    if asked.inject is not None:
        known = np.isfinite(judged.score)
        more["inject"] = power(read.series, asked.settings, asked.inject, known)
    if asked.as_json:
        counts = {"buckets": len(judged.starts), "slices": len(read.series)}
        click.echo(write_json({"alarms": alarms, **counts, **more}, indent=2))
    else:
        click.echo(_text(alarms, read, judged, asked.settings))
        if "inject" in more:
            click.echo(_power(more["inject"]))


def of_peer(name: str, read: CsvSeries, ours: Replay, settings: Settings) -> Replay:
    """Return what a peer says in the shape of our own judgements."""
    found = judge(name, read.series, settings)
    return replace(
        ours,
        score=found.score,
        expected=found.expected,
        low=found.low,
        high=found.high,
        is_anomaly=found.is_anomaly,
    )


def _power(told: Mapping[str, Any]) -> str:
    if not told["injected"]:
        return "nothing was injected: no slice has a stretch that could be judged"
    return (
        f"{told['found']} of {told['injected']} injected changes of {told['change']:.0%} over "
        f"{told['buckets']} buckets were found ({told['power']:.0%})"
    )


def alarm(one: Episode, read: CsvSeries, judged: Replay, settings: Settings) -> dict[str, Any]:
    """Tell one alarm: its first bad bucket."""
    row, at = one.row, one.first
    numbers = {
        "value": judged.value[row, at],
        "expected": judged.expected[row, at],
        "low": judged.low[row, at],
        "high": judged.high[row, at],
        "score": judged.score[row, at],
    }
    return {
        "slice": dict(read.series[row].slice),
        "at": _local(judged.starts[at], settings),
        **{name: float(number) for name, number in numbers.items()},
    }


def _local(at: datetime, settings: Settings) -> str:
    return at.astimezone(ZoneInfo(settings.timezone)).isoformat()


def write_scores(path: Path, read: CsvSeries, judged: Replay, asked: CsvBacktest) -> None:
    """Write one line per slice and bucket; `nan` is what could not be judged."""
    names = ["value", "expected", "low", "high", "score"]
    with path.open("w", newline="") as lines:
        writer = csv.writer(lines)
        writer.writerow([*asked.columns.slices, "at", *names, "alarm"])
        starts = [_local(at, asked.settings) for at in judged.starts]
        for row, one in enumerate(read.series):
            labels = dict(one.slice)
            member = [labels[name] for name in asked.columns.slices]
            columns = [getattr(judged, name)[row] for name in names]
            for i, at in enumerate(starts):
                cells = [f"{column[i]:.6g}" for column in columns]
                writer.writerow([*member, at, *cells, int(judged.is_anomaly[row, i])])


def _text(alarms: list[dict[str, Any]], read: CsvSeries, judged: Replay, settings: Settings) -> str:
    known = [i for i in range(len(judged.starts)) if math.isfinite(judged.threshold[i])]
    months = len(known) * settings.bucket / timedelta(days=30)
    lines = [
        f"{one['at']}  {_where(one)}{one['value']:.6g} where {one['expected']:.6g} was expected "
        f"({one['low']:.6g} to {one['high']:.6g}), score {one['score']:.1f}"
        for one in alarms
    ]
    lines.append(
        f"{_many(len(alarms), 'alarm')} in {_many(len(judged.starts), 'bucket')} of "
        f"{_many(len(read.series), 'slice')}; "
        f"{months:.1f} months were judged, so chance explains "
        f"{months * settings.false_alarms_per_month:.1f}"
    )
    return "\n".join(lines)


def _many(count: int, what: str) -> str:
    return f"{count} {what}" if count == 1 else f"{count} {what}s"


def _where(one: Mapping[str, Any]) -> str:
    text = text_of(tuple(one["slice"].items()))
    return f"{text}: " if text else ""
