"""The demo's pages: the daemon's own, and what Slack would show."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import uvicorn
from starlette.requests import Request
from starlette.responses import HTMLResponse
from starlette.routing import Route

from monitor.app import bind
from monitor.demo.story import Stage
from monitor.web.pages import make_web


@asynccontextmanager
async def serve(on: Stage) -> AsyncIterator[str]:
    """Serve the pages on a free loopback port; yield the address."""

    async def slack(request: Request) -> HTMLResponse:
        return HTMLResponse(on.slack.html(request.query_params.get("channel")))

    web = make_web(on.app.pages)
    web.router.routes.append(Route("/slack", slack))
    listener = bind("127.0.0.1", 0)
    config = uvicorn.Config(web, http="h11", log_config=None, access_log=False, lifespan="off")
    server = uvicorn.Server(config)
    serving = asyncio.create_task(server.serve(sockets=[listener]))
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        server.should_exit = True
        await serving
