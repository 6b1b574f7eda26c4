"""Prometheus, by its HTTP API."""

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any, ClassVar
from urllib.parse import quote, quote_plus

import httpx
from pydantic import Field, PrivateAttr, SecretStr

from monitor.api import (
    Answer,
    Answers,
    Asking,
    Labels,
    Latencies,
    Quantiles,
    Query,
    Rows,
    SliceLatency,
    Source,
    SourceError,
    Table,
    Together,
    labels_of,
)
from monitor.api.connections import Connections, TooLargeError
from monitor.api.errors import SourceFault
from monitor.core.re2 import RegexError, compile_pattern
from monitor.core.whole import read_json
from monitor.sources.prometheus.expressions import Expression, merged, shapes
from monitor.sources.prometheus.reading import read_expression

FORM = (("Content-Type", "application/x-www-form-urlencoded"),)
_quoted, _form_quoted = (lru_cache(maxsize=1000)(one) for one in (quote, quote_plus))
"""The same texts come at each look."""

NAME = "__name__"

FAULTS: dict[int, SourceFault] = {
    400: "query",
    401: "auth",
    403: "auth",
    404: "protocol",
    422: "query",
    429: "overload",
    503: "overload",
}


MATCHER = re.compile(r"""[=!]~\s*("(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|`[^`]*`)""")


class Prometheus(Source, type="prometheus"):
    """A Prometheus server, or anything that speaks its query API."""

    answers: ClassVar = frozenset({Rows, Quantiles})
    remembers: ClassVar[bool] = True

    url: str = Field(description="The address, as http://prometheus:9090.")
    token: SecretStr | None = Field(default=None, description="A bearer token.")

    _http: Connections = PrivateAttr(default_factory=Connections)

    def objections(self, query: Query) -> Iterator[str]:
        """Refuse matchers whose regular expression is none to RE2."""
        texts: tuple[str | None, ...] = ()
        if isinstance(query, Rows):
            texts = (query.text,)
        elif isinstance(query, Quantiles):
            texts = (query.histogram, query.errors, query.requests)
        for text in filter(None, texts):
            for match in MATCHER.finditer(text):
                try:
                    compile_pattern(_unquoted(match.group(1)))
                except RegexError as error:
                    yield f"{match.group(1)} is no regular expression to RE2: {error}"

    def merge(self, questions: Sequence[Query]) -> Sequence[Sequence[int]]:
        """Merge what differs in one value of one label."""
        return [places for _, places in shapes(_read(questions))]

    async def _together(self, query: Together, asking: Asking) -> Answers:
        """Ask for the series of all, and tell them apart by the label in which they differ."""
        read = _read(query.questions)
        ((label, places),) = shapes(read)
        assert len(places) == len(query.questions)
        found: dict[str, list[Mapping[str, Any]]] = {}
        drops = read[0].drops(label)
        for one in await self._query(merged(list(read.values()), label), asking):
            labels = dict(one["metric"])
            mine = found.setdefault(labels[label], [])
            if drops:
                del labels[label]
            mine.append({**one, "metric": labels})
        parts = (
            self._table(found.get(read[n].value(label), ()), one, asking)
            for n, one in enumerate(query.questions)
            if isinstance(one, Rows)
        )
        return Answers(observed_at=asking.now, parts=tuple(parts))

    async def ask(self, query: Query, asking: Asking) -> Answer:
        """Answer at the moment of the asking, not at the server's now."""
        match query:
            case Rows():
                return await self._rows(query, asking)
            case Quantiles():
                return await self._latencies(query, asking)
            case Together():
                return await self._together(query, asking)
        raise SourceError("query", f"Prometheus cannot answer {type(query).__name__}")

    async def _rows(self, query: Rows, asking: Asking) -> Table:
        return self._table(await self._query(query.text, asking), query, asking)

    def _table(self, found: Sequence[Mapping[str, Any]], query: Rows, asking: Asking) -> Table:
        names = sorted({name for series in found for name in series["metric"]})
        is_shared = len({series["metric"].get(NAME) for series in found}) == 1
        if is_shared and names != [NAME]:
            # As in alerts of Prometheus: a name that all have tells none from another.
            names = [name for name in names if name != NAME]
        columns: dict[str, tuple[object, ...]] = {
            name: tuple(series["metric"].get(name, "") for series in found) for name in names
        }
        columns["value"] = tuple(_number(series) for series in found)
        return Table(observed_at=asking.now, columns=columns, link=self._link(query.text))

    async def _latencies(self, query: Quantiles, asking: Asking) -> Latencies:
        window = f"{int(query.window.total_seconds())}s"
        by = ", ".join(("le", *query.by))
        buckets = f"sum by ({by}) (rate({query.histogram}_bucket[{window}]))"
        counts: dict[Labels, dict[float, float]] = {}
        for series in await self._query(buckets, asking):
            metric = dict(series["metric"])
            edge = float(metric.pop("le"))
            rate = _number(series)
            if rate is not None:
                counts.setdefault(labels_of(metric), {})[edge] = rate
        errors = await self._errors(query, window, asking)
        slices = [
            _slice(labels, edges, query, errors.get(labels))
            for labels, edges in sorted(counts.items())
            if edges.get(math.inf, 0.0) > 0
        ]
        return Latencies(observed_at=asking.now, slices=tuple(slices), link=self._link(buckets))

    async def _errors(self, query: Quantiles, window: str, asking: Asking) -> dict[Labels, float]:
        if query.errors is None or query.requests is None:
            return {}
        by = ", ".join(query.by)
        failed = await self._rates(query.errors, by, window, asking)
        asked = await self._rates(query.requests, by, window, asking)
        return {labels: failed.get(labels, 0.0) / rate for labels, rate in asked.items() if rate}

    async def _rates(
        self, selector: str, by: str, window: str, asking: Asking
    ) -> dict[Labels, float]:
        found = await self._query(f"sum by ({by}) (rate({selector}[{window}]))", asking)
        return {labels_of(series["metric"]): _number(series) or 0.0 for series in found}

    async def _query(self, text: str, asking: Asking) -> Sequence[Mapping[str, Any]]:
        """Run an instant query. Raise SourceError; an empty list means that no series matched."""
        token = self.token.get_secret_value() if self.token else None
        form = f"query={_form_quoted(text)}&time={asking.now.timestamp():.3f}"
        try:
            status, body = await self._http.post(
                f"{self.url.rstrip('/')}/api/v1/query",
                form.encode("ascii"),
                (*FORM, ("Authorization", f"Bearer {token}")) if token else FORM,
                timeout_seconds=asking.timeout.total_seconds(),
            )
        except TooLargeError as error:
            raise SourceError("query", f"{error}: let the query give fewer series") from error
        except httpx.TimeoutException as error:
            raise SourceError("timeout", f"{self.url} did not answer in time") from error
        except httpx.HTTPError as error:
            raise SourceError("unreachable", f"{self.url}: {error}") from error
        return self._read(status, body)

    def _read(self, status: int, body: bytes) -> Sequence[Mapping[str, Any]]:
        try:
            told = read_json(body)
        except ValueError:
            told = {}
        if not httpx.codes.is_success(status) or told.get("status") != "success":
            fault = FAULTS.get(status, "protocol")
            text = told.get("error") or f"HTTP {status} from {self.url}"
            raise SourceError(fault, str(text))
        data = told["data"]
        if data["resultType"] == "scalar":
            return [{"metric": {}, "value": data["result"]}]
        if data["resultType"] != "vector":
            raise SourceError("query", f"the query gives a {data['resultType']}, not a vector")
        found: Sequence[Mapping[str, Any]] = data["result"]
        return found

    def _link(self, text: str) -> str:
        return f"{self.url.rstrip('/')}/graph?g0.expr={_quoted(text)}"

    async def close(self) -> None:
        """Close the connections."""
        await self._http.close()


def _read(questions: Sequence[Query]) -> dict[int, Expression]:
    return {
        n: one
        for n, query in enumerate(questions)
        if isinstance(query, Rows) and query.since is None and (one := read_expression(query.text))
    }


def _unquoted(text: str) -> str:
    """Return what a text of PromQL says; only back-quoted ones take backslashes as they are."""
    inside = text[1:-1]
    return inside if text.startswith("`") else re.sub(r"\\(.)", r"\1", inside)


def _number(series: Mapping[str, Any]) -> float | None:
    value = float(series["value"][1])
    return None if math.isnan(value) else value


def _slice(
    labels: Labels, edges: Mapping[float, float], query: Quantiles, errors: float | None
) -> SliceLatency:
    total = edges[math.inf]
    found = {q: quantile(q, edges) for q in query.quantiles}
    below = edges.get(query.below) if query.below is not None else None
    return SliceLatency(
        slice=labels,
        quantiles={q: value for q, (value, _) in found.items()},
        rate=total,
        at_least=frozenset(q for q, (_, is_capped) in found.items() if is_capped),
        errors=errors,
        below=None if below is None else below / total,
    )


def quantile(share: float, edges: Mapping[float, float]) -> tuple[float, bool]:
    """Return a quantile in seconds from cumulative bucket rates by upper edge, as Prometheus does.

    Within a bucket the values are taken as evenly spread. The second part says that the quantile
    lies in the last bucket, whose lower edge then is all that is known.
    """
    ordered = sorted(edges.items())
    rank = share * ordered[-1][1]
    low, below = 0.0, 0.0
    for edge, count in ordered:
        if count >= rank:
            if math.isinf(edge):
                return low, True
            inside = (rank - below) / (count - below) if count > below else 1.0
            return low + (edge - low) * inside, False
        low, below = edge, count
    return low, True
