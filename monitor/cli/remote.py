"""Talking to the running daemon over its own API."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click
import httpx

from monitor.api.errors import MonitorError
from monitor.config.load import load

F = TypeVar("F", bound=Callable[..., Any])
TIMEOUT_SECONDS = 30


class RemoteError(MonitorError):
    """The daemon cannot be asked, or refuses."""


def remote(command: F) -> F:
    """Give a command the options that name the daemon."""
    url = click.option(
        "--url", help="Address of the daemon; without it, that of the configuration."
    )
    config = click.option(
        "--config",
        type=click.Path(path_type=Path),
        default=Path("config.yaml"),
        show_default=True,
        help="The configuration file.",
    )
    return url(config(command))


class Daemon:
    """A daemon that runs somewhere."""

    def __init__(self, url: str | None, config: Path) -> None:
        """Find out where it listens and which token it wants."""
        token = os.environ.get("MONITOR_TOKEN")
        if url is None:
            web = load(config, os.environ).web
            host = f"[{web.host}]" if ":" in web.host else web.host
            url, token = f"http://{host}:{web.port}", token or web.token
        self._url = url.rstrip("/")
        self._headers = {"Authorization": f"Bearer {token}"} if token else {}

    def ask(self, method: str, path: str, **more: Any) -> Any:
        """Call the API and return what it says. Raise RemoteError."""
        return self._ask(method, path, **more)[0]

    def all(self, path: str, *given: tuple[str, str]) -> list[Any]:
        """Read a list to its end, page by page. Raise RemoteError."""
        found: list[Any] = []
        while True:
            params = [*given, ("offset", str(len(found)))]
            more, headers = self._ask("GET", path, params=params)
            found += more
            if not more or len(found) >= int(headers.get("X-Total-Count", 0)):
                return found

    def _ask(self, method: str, path: str, **more: Any) -> tuple[Any, httpx.Headers]:
        try:
            answer = httpx.request(
                method,
                f"{self._url}/api/v1/{path}",
                headers=self._headers,
                timeout=TIMEOUT_SECONDS,
                verify=self._url.startswith("https:"),  # reading all certificates takes long
                **more,
            )
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise RemoteError(f"no monitor answers at {self._url}: {error}") from error
        try:
            said = answer.json()
        except ValueError:
            said = {"error": answer.text[:200]}
        if answer.is_success:
            return said, answer.headers
        error_text = said.get("error") if isinstance(said, dict) else said
        raise RemoteError(f"{answer.status_code}: {error_text}")
