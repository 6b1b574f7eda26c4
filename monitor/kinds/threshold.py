"""A number from SQL or PromQL stays on the good side of a limit."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import ClassVar, Literal

from pydantic import Field

from monitor.api import (
    Answer,
    Check,
    Direction,
    Measure,
    Measured,
    NoData,
    Query,
    Rows,
    Sample,
    Table,
)


class Threshold(Check, kind="threshold"):
    """Compare each row's number with a limit; columns that hold texts make slices.

    ```yaml
    rows-ctr:
      kind: threshold
      source: kpi
      query: select count(*) as value from kpi where model = 'ctr'
      bad: below
      warn: 1000
      page: 100
    ```
    """

    measures: ClassVar[Mapping[str, Measure]] = {"value": Measure(Direction.ABOVE)}

    query: str = Field(description="SQL or PromQL, in the language of the source.")
    value: str = Field(default="value", description="The column that holds the number.")
    bad: Literal["above", "below"] = Field(default="above", description="The bad side of a limit.")

    def measures_of(self) -> Mapping[str, Measure]:
        """Return the measure with the bad side that the check names."""
        return {"value": Measure(Direction(self.bad))}

    def ask(self, now: datetime) -> Sequence[Query]:
        """Ask the query as it stands."""
        return [Rows(self.query)]

    def measure(self, answers: Sequence[Answer], now: datetime) -> Iterable[Measured]:
        """Measure every row that has a number. Raise ValueError for too many slices."""
        (table,) = answers
        assert isinstance(table, Table)
        if len(table) > self.slices.max:
            raise ValueError(
                f"{len(table)} slices; `slices: {{max: {self.slices.max}}}` allows fewer"
            )
        for row in table.rows:
            labels = row.labels(*self.slices.by)
            number = row.number(self.value)
            if number is None:
                yield NoData(f"'{self.value}' has no number", labels)
            else:
                yield Sample("value", number, labels, evidence={"query": self.query})
