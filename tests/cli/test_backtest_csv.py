import csv
import importlib.util
import json
import math
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner, Result

from monitor.cli.main import cli

START = datetime(2026, 1, 5, tzinfo=UTC)
HOUR = timedelta(hours=1)
DAYS = 35
DROP = slice(33 * 24 + 10, 33 * 24 + 16)


def usual(seed: int = 3, days: int = DAYS) -> list[float]:
    hours = np.arange(days * 24)
    rate = 8000 * np.exp(0.5 * np.cos(2 * np.pi * hours / 24) - 0.2 * ((hours // 24) % 7 >= 5))
    return [float(n) for n in np.random.default_rng(seed).poisson(rate)]


def dropped(values: list[float], share: float) -> list[float]:
    fallen = list(values)
    fallen[DROP] = [round(value * (1 - share)) for value in values[DROP]]
    return fallen


def rows_of(values: Iterable[float | str], *labels: str) -> list[list[str]]:
    return [[(START + HOUR * i).isoformat(), *labels, str(v)] for i, v in enumerate(values)]


def write(path: Path, header: str, rows: list[list[str]]) -> Path:
    with path.open("w", newline="") as lines:
        csv.writer(lines).writerows([header.split(","), *rows])
    return path


def backtest(path: Path, *words: str) -> Result:
    common = ["backtest", "--csv", str(path), "--time", "t", "--value", "n", "--bucket", "1h"]
    usual = ["--bad", "down", "--false-alarms-per-month", "0.1"]
    return CliRunner().invoke(cli, [*common, *usual, *words])


def found(path: Path, *words: str) -> dict[str, Any]:
    result = backtest(path, *words, "--json")
    assert result.exit_code == 0, result.output
    told: dict[str, Any] = json.loads(result.stdout)
    return told


def test_a_drop_in_a_file_is_one_alarm_with_the_promised_keys(tmp_path: Path) -> None:
    told = found(write(tmp_path / "a.csv", "t,n", rows_of(dropped(usual(), 0.3))))
    assert set(told) == {"alarms", "buckets", "slices"}
    (alarm,) = told["alarms"]
    assert set(alarm) == {"slice", "at", "value", "expected", "low", "high", "score"}
    at = datetime.fromisoformat(str(alarm["at"]))
    assert START + HOUR * DROP.start <= at < START + HOUR * DROP.stop
    assert float(alarm["value"]) < float(alarm["low"]) < float(alarm["expected"])
    assert told["buckets"] == DAYS * 24
    assert told["slices"] == 1


def test_each_slice_is_judged_and_named(tmp_path: Path) -> None:
    rows = rows_of(usual(5), "cvr") + rows_of(dropped(usual(), 0.3), "ctr")
    told = found(write(tmp_path / "a.csv", "t,model,n", rows), "--slice", "model")
    assert [alarm["slice"] for alarm in told["alarms"]] == [{"model": "ctr"}]
    assert told["slices"] == 2


@pytest.mark.long
def test_the_order_of_rows_does_not_matter(tmp_path: Path) -> None:
    rows = rows_of(dropped(usual(), 0.3))
    shuffled = [rows[i] for i in np.random.default_rng(1).permutation(len(rows))]
    assert found(write(tmp_path / "b.csv", "t,n", shuffled)) == found(
        write(tmp_path / "a.csv", "t,n", rows)
    )


@pytest.mark.long
def test_what_comes_later_changes_no_verdict(tmp_path: Path) -> None:
    rows = rows_of(dropped(usual(), 0.2))
    cut = 34 * 24 + 5
    scores = []
    for name, kept in (
        ("whole", rows),
        ("cut", rows[:cut]),
        ("other", rows[:cut] + [[t, "7"] for t, _ in rows[cut:]]),
    ):
        path = tmp_path / f"{name}-scores.csv"
        found(write(tmp_path / f"{name}.csv", "t,n", kept), "--scores", str(path))
        scores.append(path.read_text().splitlines()[: cut + 1])
    assert scores[0] == scores[1] == scores[2]


def test_the_scores_of_every_point_are_written(tmp_path: Path) -> None:
    scores = tmp_path / "scores.csv"
    rows = rows_of(dropped(usual(), 0.3), "ctr")
    found(write(tmp_path / "a.csv", "t,model,n", rows), "--slice", "model", "--scores", str(scores))
    with scores.open() as lines:
        written = list(csv.DictReader(lines))
    assert len(written) == DAYS * 24
    assert set(written[0]) == {"model", "at", "value", "expected", "low", "high", "score", "alarm"}
    assert math.isnan(float(written[0]["score"]))
    assert any(row["alarm"] == "1" for row in written[DROP])


@pytest.mark.long
@pytest.mark.parametrize(
    "values",
    [
        ["nan", "inf", "-inf", "", "x"] * 200,
        [-5.0] * 1000,
        [0.0] * 1000,
        [7.0] * 1000,
        [7.0],
        [],
    ],
    ids=["unreadable", "negative", "zeros", "constant", "one point", "nothing"],
)
def test_strange_values_neither_fail_nor_alarm(tmp_path: Path, values: list[float | str]) -> None:
    assert found(write(tmp_path / "a.csv", "t,n", rows_of(values)))["alarms"] == []


@pytest.mark.long
def test_doubled_rows_are_no_rise_and_halved_ones_no_drop(tmp_path: Path) -> None:
    whole = rows_of(usual())
    doubled = whole + whole[30 * 24 : 30 * 24 + 5]
    halves = [
        [(START + HOUR * i / 2).isoformat(), str(value // 2)]
        for i, value in enumerate(np.repeat(usual(), 2))
    ]
    del halves[33 * 48 + 21]
    for rows in (doubled, halves):
        result = backtest(write(tmp_path / "a.csv", "t,n", rows), "--bad", "both", "--json")
        assert json.loads(result.stdout)["alarms"] == []
        assert "note:" in result.stderr


def test_a_missing_column_is_named(tmp_path: Path) -> None:
    result = backtest(write(tmp_path / "a.csv", "when,n", []))
    assert result.exit_code == 1
    assert "no column 't'; it has: when, n" in result.output


def test_without_data_the_command_says_what_to_give() -> None:
    result = CliRunner().invoke(cli, ["backtest"])
    assert result.exit_code == 2
    assert "--csv" in result.output


@pytest.mark.long
def test_injected_drops_are_put_in_and_counted(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", "t,n", rows_of(usual()))
    told = found(path, "--inject", "40%x6h")
    assert told["inject"]["buckets"] == 6
    assert told["inject"]["injected"] >= 10
    assert told["inject"]["power"] >= 0.9


@pytest.mark.parametrize("text", ["20%", "20x6h", "6h", "-5%x6h", "20%x"])
def test_an_injection_that_cannot_be_read_says_how_to_write_it(tmp_path: Path, text: str) -> None:
    result = backtest(write(tmp_path / "a.csv", "t,n", rows_of([1.0])), "--inject", text)
    assert result.exit_code == 2
    assert "20%x6h" in result.output


@pytest.mark.parametrize("bad", ["down", "both"])
def test_nothing_falls_by_more_than_all_of_it(tmp_path: Path, bad: str) -> None:
    path = write(tmp_path / "a.csv", "t,n", rows_of([1.0]))
    result = backtest(path, "--inject", "200%x6h", "--bad", bad)
    assert result.exit_code == 2
    assert "nothing falls by more than 100%" in result.output
    assert backtest(path, "--inject", "200%x6h", "--bad", "up").exit_code == 0


def test_scores_that_cannot_be_written_are_told_before_anything_is_read(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", "when,n", [])
    result = backtest(path, "--scores", str(tmp_path / "no" / "scores.csv"))
    assert result.exit_code == 2
    assert "No such file or directory" in result.output


@pytest.mark.parametrize("at", ["0001-01-01", "9999-12-31T23:00:00+00:00", "1e300", "-1e17"])
def test_a_moment_of_no_such_year_is_left_out_and_said(tmp_path: Path, at: str) -> None:
    path = write(tmp_path / "a.csv", "t,n", [*rows_of([5.0] * 3), [at, "5"]])
    result = backtest(path, "--json")
    assert json.loads(result.stdout)["buckets"] == 3
    assert "note: 1 rows have no readable time: left out" in result.stderr


def test_times_too_far_apart_are_refused_before_they_fill_the_memory(tmp_path: Path) -> None:
    rows = [[f"1970-01-01 00:{i:02d}", str(i), "5"] for i in range(50)]
    path = write(tmp_path / "a.csv", "t,s,n", [*rows, ["2190-01-01", "0", "5"]])
    result = backtest(path, "--slice", "s")
    assert result.exit_code == 1
    assert "from 1970-01-01 to 2190-01-01" in result.output


@pytest.mark.parametrize(
    ("option", "text"),
    [
        *(("--false-alarms-per-month", text) for text in ("inf", "nan", "0")),
        *(("--min-value", text) for text in ("nan", "inf")),
        *(("--min-effect", text) for text in ("-5%", "inf%", "nan%")),
    ],
)
def test_a_number_that_is_none_is_refused(tmp_path: Path, option: str, text: str) -> None:
    result = backtest(write(tmp_path / "a.csv", "t,n", rows_of([1.0])), option, text)
    assert result.exit_code == 2
    assert option.strip("-").replace("-", "_") in result.output.replace("-", "_")


@pytest.mark.long
def test_what_is_too_short_to_judge_says_so(tmp_path: Path) -> None:
    for values, says in ((usual(days=6), True), (usual(), False)):
        result = backtest(write(tmp_path / "a.csv", "t,n", rows_of(values)))
        assert ("nothing was judged: a slice is learned for 14 days" in result.stderr) == says


@pytest.mark.long
def test_a_holiday_that_is_known_is_no_alarm(tmp_path: Path) -> None:
    values = usual()
    day = 33 * 24
    values[day : day + 24] = [round(0.6 * value) for value in values[day : day + 24]]
    path = write(tmp_path / "a.csv", "t,n", rows_of(values))
    unknown, known = found(path), found(path, "--holidays", "2026-02-07")
    assert unknown["alarms"]
    assert known["alarms"] == []


@pytest.mark.long
def test_the_holidays_of_a_part_of_a_country_are_taken_without_a_word(tmp_path: Path) -> None:
    path = write(tmp_path / "calm.csv", "t,n", rows_of(usual()))
    result = backtest(path, "--holidays", "US-CA")
    assert result.exit_code == 0
    assert result.stderr == ""
    assert result.stdout.startswith("0 alarms in 840 buckets of 1 slice; ")


@pytest.mark.parametrize(
    ("option", "text", "said"),
    [
        ("--timezone", "../../etc/passwd", "'../../etc/passwd' is no IANA time zone"),
        ("--timezone", "Europe", "'Europe' is no IANA time zone"),
        ("--holidays", "DE-XX", "no date, and no country as IN or US-CA"),
        ("--holidays", "2026-13-01", "month must be in 1..12"),
    ],
)
def test_a_zone_or_holiday_that_is_none_is_refused_in_one_sentence(
    tmp_path: Path, option: str, text: str, said: str
) -> None:
    result = backtest(write(tmp_path / "calm.csv", "t,n", rows_of(usual())), option, text)
    assert result.exit_code == 2
    assert said in result.output


def test_a_peer_that_is_not_installed_names_the_extra(tmp_path: Path) -> None:
    if importlib.util.find_spec("prophet") is not None:
        pytest.skip("prophet is installed")
    result = backtest(write(tmp_path / "a.csv", "t,n", rows_of([1.0])), "--peer", "prophet")
    assert "platform-monitor[prophet]" in str(result.exception)
