"""The table of business metrics in a digest: a row for each slice, a column for each metric."""

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from typing import TypeVar

from monitor.core.digest import Digest, MetricCell
from monitor.core.judge import WORST_FIRST
from monitor.core.labels import Labels, text_of
from monitor.core.model import Outcome
from monitor.render.units import number

RED, YELLOW, GREEN, GREY = "\U0001f534", "\U0001f7e1", "\U0001f7e2", "⚪"

CARRIED = f"{YELLOW} outside its band as well: a red slice of the metric carries it"

MOST_COLUMNS, MOST_ROWS = 12, 200
"""What a table holds; of thousands of slices nobody reads more, and the pages have them."""

K = TypeVar("K")


@dataclass(frozen=True, slots=True)
class MetricTable:
    """The metrics as texts: a row for each slice, a column for each metric.

    ``reasons`` says why the cells that were not judged were not, and what yellow ones mean.
    """

    columns: tuple[str, ...]
    rows: tuple[tuple[str, tuple[str, ...]], ...]
    reasons: tuple[str, ...]

    @property
    def lines(self) -> list[str]:
        """The table in columns of equal width, its head first; empty without rows."""
        if not self.rows:
            return []
        table = [("", self.columns), *self.rows]
        first = max(len(name) for name, _ in table)
        widths = [max(len(cells[i]) for _, cells in table) for i in range(len(self.columns))]
        return [
            "  ".join(
                (name.ljust(first), *(c.rjust(w) for c, w in zip(cells, widths, strict=True)))
            ).rstrip()
            for name, cells in table
        ]


def metric_table(digest: Digest) -> MetricTable:
    """Arrange the metrics by slice, in the order of names."""
    rows: dict[Labels, dict[str, MetricCell]] = {}
    for cell in digest.metrics:
        mine = rows.setdefault(cell.slice, {})
        # Several checks may watch a metric, as for drops and for rises.
        mine[cell.metric] = min(mine.get(cell.metric, cell), cell, key=_badness)
    red = [cell for cell in digest.metrics if cell.outcome in {Outcome.WARN, Outcome.PAGE}]
    ill = {cell.metric for cell in red}
    carried = any(_is_carried(cell, is_ill=cell.metric in ill) for cell in digest.metrics)
    names = dict.fromkeys(cell.metric for cell in digest.metrics)
    metrics = _most(names, ill, MOST_COLUMNS)
    shown = _most(rows, {cell.slice for cell in red}, MOST_ROWS)
    left_out = _left_out(len(rows) - len(shown), len(names) - len(metrics))
    return MetricTable(
        columns=tuple(metrics),
        rows=tuple(
            (
                text_of(key) or "all",
                tuple(cell_text(rows[key].get(name), is_ill=name in ill) for name in metrics),
            )
            for key in sorted(shown)
        ),
        reasons=(*left_out, *[CARRIED] * carried, *dict.fromkeys(_reasons(digest))),
    )


def _badness(cell: MetricCell) -> tuple[int, bool]:
    return WORST_FIRST.index(cell.outcome), not cell.is_outside


def _most(names: Iterable[K], red: Collection[K], most: int) -> list[K]:
    """Choose what is shown, in its order: what is red before anything else."""
    known = list(names)
    chosen = set(sorted(known, key=lambda name: name not in red)[:most])
    return [name for name in known if name in chosen]


def _left_out(slices: int, metrics: int) -> list[str]:
    counts = [f"{slices} slices"] * bool(slices) + [f"{metrics} metrics"] * bool(metrics)
    return [f"left out here: {' and '.join(counts)}; see the pages"] if counts else []


def _reasons(digest: Digest) -> Iterator[str]:
    for cell in digest.metrics:
        if not is_judged(cell):
            where = text_of(cell.slice) or "all"
            why = cell.note.removeprefix("not judged: ") or str(cell.outcome)
            yield f"{cell.metric} of {where}: not judged: {why}"


def is_judged(cell: MetricCell) -> bool:
    """Say whether a cell may be called good or bad: late data never looks like a falling metric."""
    return cell.outcome in {Outcome.OK, Outcome.WARN, Outcome.PAGE} and cell.value is not None


def _is_carried(cell: MetricCell, *, is_ill: bool) -> bool:
    """Say whether a number is odd, and a red slice of its metric (it ``is_ill``) is why."""
    return is_ill and cell.is_outside and cell.outcome is Outcome.OK


def cell_text(cell: MetricCell | None, *, is_ill: bool = False) -> str:
    """Write a cell: value, change against what was expected, and its mark; ``-`` for none."""
    if cell is None:
        return "-"
    if not is_judged(cell) or cell.value is None:
        return f"not judged {GREY}"
    mark = GREEN if cell.outcome is Outcome.OK else RED
    mark = YELLOW if _is_carried(cell, is_ill=is_ill) else mark
    change = "" if cell.change is None else f" {cell.change:+.0%}"
    return f"{number(cell.value, cell.unit)}{change} {mark}"
