"""A pipeline that writes one partition an hour into Trino, and can be told to fail some hours.

By hand: `python -m tests.platform.stack.hourly_job --url http://127.0.0.1:PORT --first
2026-10-02T00:00 --hours 48 --skip 2026-10-02T02:00`.
"""

import argparse
from collections.abc import Collection, Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

import trino.dbapi

SCHEMA = "memory.events"
TABLE = f"{SCHEMA}.impressions_hourly"
COLUMN = "dt_hour"
"""Start of the hour as a timestamp without zone; the job means UTC."""
HOUR = timedelta(hours=1)
# One statement holds a day; longer ones would pass the limits of the tests' small Trino.
BATCH = 24


class HourlyJob:
    """Writes impressions by (hour, model, variant), `rows_per_hour` rows of one user each.

    Column `n` is the number of impressions of the row (1), so `sum(n)` counts them.

    `user` and `source` are how Trino sees the job, so it can be made to wait in a crowded group.
    """

    def __init__(
        self,
        url: str,
        *,
        rows_per_hour: int = 100,
        user: str = "impressions_rollup",
        source: str = "spark.impressions_rollup",
    ) -> None:
        self._address = urlsplit(url)
        self._user = user
        self._source = source
        self._rows_per_hour = rows_per_hour

    def create(self) -> None:
        """Make the schema and an empty table; drops a table that is there."""
        columns = (
            f"{COLUMN} timestamp, n bigint, model varchar, variant varchar, user_id bigint, "
            "duration_ms bigint, opted_out boolean, revenue double"
        )
        self._execute(
            [
                f"CREATE SCHEMA IF NOT EXISTS {SCHEMA}",
                f"DROP TABLE IF EXISTS {TABLE}",
                f"CREATE TABLE {TABLE} ({columns})",
            ]
        )

    def run(self, first: datetime, hours: int, skip: Collection[datetime] = ()) -> list[datetime]:
        """Write `hours` hours from `first` on but those in `skip`; gives the hours written."""
        grid = [first + number * HOUR for number in range(hours)]
        written = [hour for hour in grid if hour not in skip]
        self.backfill(written)
        return written

    def backfill(self, hours: Sequence[datetime]) -> None:
        """Write these hours; an hour that has rows already gets them twice."""
        batches = [hours[start : start + BATCH] for start in range(0, len(hours), BATCH)]
        self._execute(self._insert(batch) for batch in batches)

    def present(self) -> dict[datetime, int]:
        """Count the rows of each hour that has any, by the start of the hour (naive, UTC)."""
        counts = f"SELECT {COLUMN}, count(*) FROM {TABLE} GROUP BY 1"  # noqa: S608  constants only
        rows = self._execute([counts])
        return {row[0]: row[1] for row in rows}

    def _insert(self, hours: Sequence[datetime]) -> str:
        values = ", ".join(f"TIMESTAMP '{hour:%Y-%m-%d %H:%M:%S}'" for hour in hours)
        return (
            f"INSERT INTO {TABLE} "  # noqa: S608  moments and numbers only
            "SELECT h, 1, element_at(ARRAY['ctr', 'cvr'], 1 + n % 2), "
            "element_at(ARRAY['A', 'B'], 1 + n / 2 % 2), n, 1000 + n * 37 % 5000, n % 50 = 0, "
            "n % 7 * 0.01 "
            f"FROM UNNEST(ARRAY[{values}]) AS hours (h) "
            f"CROSS JOIN UNNEST(sequence(1, {self._rows_per_hour})) AS numbers (n)"
        )

    def _execute(self, statements: Iterable[str]) -> list[list[Any]]:
        rows: list[list[Any]] = []
        connection = trino.dbapi.connect(  # type: ignore[no-untyped-call]  # ships half its types
            host=self._address.hostname,
            port=self._address.port,
            user=self._user,
            source=self._source,
        )
        cursor = connection.cursor()
        try:
            for statement in statements:
                cursor.execute(statement)
                rows = cursor.fetchall()
        finally:
            cursor.close()
            connection.close()
        return rows


def main() -> None:
    """Write the hours that the command line names; moments are UTC."""
    parser = argparse.ArgumentParser(prog="python -m tests.platform.stack.hourly_job")
    parser.add_argument("--url", required=True, help="address of Trino")
    parser.add_argument("--first", type=datetime.fromisoformat, required=True)
    parser.add_argument("--hours", type=int, default=24)
    parser.add_argument("--skip", type=datetime.fromisoformat, nargs="*", default=[])
    options = parser.parse_args()
    job = HourlyJob(options.url)
    job.create()
    job.run(options.first, options.hours, options.skip)


if __name__ == "__main__":
    main()
