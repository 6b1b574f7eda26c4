"""Peers that ask a database and end: Soda 3 and 4, Great Expectations; and the bare loop."""

from pathlib import Path

from bench.peers.programs import Figure, LeftOutError, environment, spend

CHECKS = 1_000
ROWS = 1_000
TABLE = f"create table events as select i as id, i % 5 as variant from range({ROWS}) t(i)"  # noqa: S608  # our own
COUNT = "select count(*) from events where id > {}"
QUIET = {"SODA_CORE_TELEMETRY_ENABLED": "false", "GX_ANALYTICS_ENABLED": "false"}
"""They would call home."""

_MAKE = "import duckdb; duckdb.connect('events.duckdb').execute(\"{}\")"
_LOOP = (
    "import duckdb; db = duckdb.connect('events.duckdb')\n"
    "text = 'select count(*) from events where id > {{}}'\n"
    "for n in range({}): db.execute(text.format(n % 900)).fetchall()"
)
_GX = """
import great_expectations as gx
import pandas as pd
frame = pd.DataFrame({{"id": range({rows})}})
context = gx.get_context(mode="ephemeral")
source = context.data_sources.add_pandas("p")
batch = source.add_dataframe_asset("events").add_batch_definition_whole_dataframe("all")
most = gx.expectations.ExpectColumnMaxToBeBetween
suite = gx.ExpectationSuite(
    name="s", expectations=[most(column="id", max_value=10_000 + n) for n in range({checks})]
)
checked = batch.get_batch(batch_parameters={{"dataframe": frame}}).validate(suite)
assert len(checked.results) == {checks} and checked.success
"""


def bare_loop(folder: Path) -> Figure:
    """Measure the same counts in a loop over DuckDB: what no program can go below."""
    programs = environment("soda3", "soda-core-duckdb==3.5.6", "setuptools<81")
    _make(programs, folder)
    empty, _ = spend([str(programs / "python"), "-c", _LOOP.format(0)], folder, {})
    full, _ = spend([str(programs / "python"), "-c", _LOOP.format(CHECKS)], folder, {})
    return _of("DuckDB, a bare loop", full - empty, "no program around it")


def soda_3(folder: Path) -> Figure:
    """Measure 1,000 counts as a scan of Soda 3, without its start."""
    programs = environment("soda3", "soda-core-duckdb==3.5.6", "setuptools<81")
    _make(programs, folder)
    home = folder / "home" / ".soda"
    home.mkdir(parents=True)
    (home / "config.yml").write_text("send_anonymous_usage_stats: false\n")
    (folder / "configuration.yml").write_text(
        "data_source dd:\n  type: duckdb\n  path: events.duckdb\n"
    )

    def scan(checks: int) -> float:
        each = "".join(
            f"  - m{n} > 0:\n      m{n} query: {COUNT.format(n % 900)}\n" for n in range(checks)
        )
        (folder / "checks.yml").write_text(f"checks for events:\n{each}")
        words = ["scan", "-d", "dd", "-c", "configuration.yml", "checks.yml"]
        return spend([str(programs / "soda"), *words], folder, {"HOME": str(home.parent)})[0]

    return _of("Soda 3.5, a count", scan(CHECKS) - scan(1), "no store, no schedule")


def soda_4(folder: Path) -> Figure:
    """Measure 1,000 counts as a contract of Soda 4, without its start."""
    programs = environment("soda4", "soda-duckdb==4.28.0")
    _make(programs, folder)
    (folder / "source.yml").write_text(
        "type: duckdb\nname: dd\nconnection:\n  database: events.duckdb\n"
    )

    def verify(checks: int) -> float:
        each = "".join(
            f"  - metric:\n      qualifier: q{n}\n"
            f"      query: {COUNT.format(n % 900)}\n"
            "      threshold: {must_be_greater_than: 0}\n"
            for n in range(checks)
        )
        text = f"dataset: dd/events/main/events\ncolumns:\n  - name: id\nchecks:\n{each}"
        (folder / "contract.yml").write_text(text)
        words = ["contract", "verify", "-ds", "source.yml", "-c", "contract.yml"]
        return spend([str(programs / "soda"), *words], folder, QUIET)[0]

    return _of("Soda 4.28, a count", verify(CHECKS) - verify(1), "no store, no schedule")


def great_expectations(folder: Path) -> Figure:
    """Measure 1,000 expectations of one column's greatest value, without the start."""
    programs = environment("gx", "great_expectations==1.24.1")

    def run(checks: int) -> float:
        (folder / "run.py").write_text(_GX.format(rows=ROWS, checks=checks))
        return spend([str(programs / "python"), "run.py"], folder, QUIET)[0]

    note = "pandas in memory, one value computed once"
    run(1)  # what is compiled at the first start is no part of a look
    return _of("Great Expectations 1.24, a maximum", run(CHECKS) - run(1), note)


def _make(programs: Path, folder: Path) -> None:
    spend([str(programs / "python"), "-c", _MAKE.format(TABLE)], folder, {})


def _of(name: str, spent: float, note: str) -> Figure:
    if spent <= 0:
        raise LeftOutError("took no time that could be measured")
    return Figure(name, spent / CHECKS * 1e6, CHECKS, note)
