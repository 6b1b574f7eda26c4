"""Asking a server on this machine, by plain HTTP and each time anew."""

from typing import Any

import httpx


def get(url: str, **more: Any) -> httpx.Response:
    """Like `httpx.get`, which reads the certificates of the world each time, for 20 ms."""
    return httpx.get(url, verify=False, **more)  # noqa: S501  # there is nothing to verify


def post(url: str, **more: Any) -> httpx.Response:
    """Like `httpx.post`."""
    return httpx.post(url, verify=False, **more)  # noqa: S501


def delete(url: str, **more: Any) -> httpx.Response:
    """Like `httpx.delete`."""
    return httpx.delete(url, verify=False, **more)  # noqa: S501
