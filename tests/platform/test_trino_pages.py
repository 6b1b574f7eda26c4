"""The scripted coordinator speaks as the real one does, page for page."""

import re
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import groupby
from typing import Any

import httpx

from monitor.testing.trino import ClusterState, ScriptedTrino, trino_error
from tests.platform.stack.trino import TrinoServer
from tests.platform.statements import statements

HEADERS = {
    "X-Trino-User": "tests",
    "X-Trino-Source": "pages",
    "X-Trino-Time-Zone": "UTC",
    "X-Trino-Client-Capabilities": "PARAMETRIC_DATETIME,SESSION_AUTHORIZATION",
}
Page = Mapping[str, Any]


def pages(url: str, text: str) -> list[Page]:
    body = text.encode()
    found = [httpx.post(f"{url}/v1/statement", content=body, headers=HEADERS, timeout=60).json()]
    while "nextUri" in found[-1]:
        found.append(httpx.get(found[-1]["nextUri"], headers=HEADERS, timeout=60).json())
    return found


def kinds(found: Sequence[Page]) -> list[str]:
    """Name what the pages are; a slow server may say in between that it still works."""
    first, *others = [kind for kind, _ in groupby(map(_kind, found))]
    return [first, *(kind for kind, _ in groupby(it for it in others if it != "waits"))]


def _kind(page: Page) -> str:
    if "nextUri" in page:
        return "rows" if page.get("data") else "waits"
    return "error" if "error" in page else "end"


def rows(found: Sequence[Page]) -> list[Any]:
    return [row for page in found for row in page.get("data") or ()]


def columns(found: Sequence[Page]) -> Any:
    return next((page["columns"] for page in found if "columns" in page), None)


def error(found: Sequence[Page]) -> Any:
    told = found[-1].get("error")
    return told and {key: told[key] for key in ("message", "errorCode", "errorName", "errorType")}


def keys(found: Sequence[Page]) -> list[set[str]]:
    """Return the keys of the first page of each kind, columns' own and those of the stats."""
    firsts = {_kind(page): page for page in reversed(found)}
    # The real one offers to cancel a stage in part, when one happens to run at that moment.
    return [set(firsts[kind]) - {"partialCancelUri"} for kind in sorted(firsts)]


def stats(found: Sequence[Page]) -> list[set[str]]:
    """Return the keys of the stats of the first and the last page."""
    optional = {"progressPercentage", "runningPercentage", "rootStage"}
    return [set(page["stats"]) - optional for page in (found[0], found[-1])]


def scripted(text: str, real: Sequence[Page]) -> ClusterState:
    """Script a cluster that knows only the answer of the real one."""
    failed = error(real)
    table: Any
    if failed is not None:
        values = [failed[key] for key in ("message", "errorCode", "errorName", "errorType")]
        table = trino_error(*values)
    else:
        table = ({it["name"]: it["type"] for it in columns(real)}, rows(real))
    return ClusterState(tables={re.escape(text): table})


def test_the_scripted_coordinator_agrees_page_for_page(trino_server: TrinoServer) -> None:
    texts = list(statements())
    assert len(texts) >= 200
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda text: pages(trino_server.url, text), texts))
    differing: list[tuple[str, str]] = []
    for text, real in zip(texts, answers, strict=True):
        names = [it["name"] for it in columns(real) or ()]
        if len(set(names)) < len(names):
            continue  # the script is by name; two columns of one name cannot be written in it
        with ScriptedTrino(partial(scripted, text, real)) as fake:
            ours = pages(fake.url, text)
        # A query that fails at work may have told its columns before; the script knows no such.
        looks = (error, stats) if error(real) else (kinds, columns, rows, keys, stats)
        differing += [(text, it.__name__) for it in looks if it(real) != it(ours)]
    assert differing == []
