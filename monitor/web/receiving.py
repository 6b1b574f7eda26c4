"""Bodies of requests, read no further than somebody has a use for."""

from starlette.requests import Request


async def read_body(request: Request, most: int) -> bytes | None:
    """Read a body of at most so many bytes; None for a larger one, whose rest stays unread.

    Whoever reads it again gets the same.
    """
    known: bytes | None = getattr(request.state, "read", None)
    if known is not None:
        return known
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > most:
            return None
    request.state.read = bytes(body)
    return bytes(body)
