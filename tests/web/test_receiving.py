"""What is sent to the daemon is read no further than somebody has a use for."""

import asyncio
from typing import Any

from starlette.requests import Request

from monitor.web.receiving import read_body

PIECE = b"x" * 100


def reading(pieces: int, most: int) -> tuple[bytes | None, int]:
    """Read a body of pieces without a Content-Length; return also how many were taken."""
    taken = 0

    async def receive() -> dict[str, Any]:
        nonlocal taken
        taken += 1
        return {"type": "http.request", "body": PIECE, "more_body": taken < pieces}

    request = Request({"type": "http", "method": "POST", "headers": []}, receive)
    return asyncio.run(read_body(request, most)), taken


def test_what_is_too_large_is_not_read_to_its_end() -> None:
    assert reading(1_000_000, 1_000) == (None, 11)


def test_what_is_large_enough_is_read_whole() -> None:
    assert reading(10, 1_000) == (PIECE * 10, 10)
    assert reading(1, 0) == (None, 1)
