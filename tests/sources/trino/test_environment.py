"""What the environment says of the way to a coordinator counts, and is read once a look."""

import base64
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests.sessions

from monitor.api import Asking, Load, LoadSnapshot, Rows
from monitor.sources.trino import Trino
from monitor.sources.trino.address import Credentials, read_address
from monitor.sources.trino.turn import turn_of
from monitor.sources.trino.wire import Wire
from tests.sources.trino.relay import Relay, relay
from tests.sources.trino.rig import ENOUGH, NOW, Rig

ASKING = Asking(NOW, ENOUGH, "load")


@pytest.fixture
def proxy(on: Rig, monkeypatch: pytest.MonkeyPatch) -> Iterator[Relay]:
    """Give a proxy that leads to the scripted coordinator, whatever the name."""
    for name in ("no_proxy", "NO_PROXY", "http_proxy", "HTTP_PROXY"):
        monkeypatch.delenv(name, raising=False)
    port = urlsplit(on.server.url).port
    assert port
    with relay(port) as between:
        monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{between.port}")
        yield between


def test_load_and_statements_go_through_the_proxy_and_are_counted(on: Rig, proxy: Relay) -> None:
    source = Trino(name="far", url="trino://monitor@trino.invalid:8080/hive", canary=False)
    load = source.ask_blocking(Load(), ASKING)
    assert isinstance(load, LoadSnapshot)
    assert load.workers == 4
    assert load.scraped_bytes == proxy.passed > 0
    source.ask_blocking(Rows("select 1"), ASKING)
    assert on.server.statements == ["select 1"]


def test_no_proxy_leads_past_the_proxy(
    on: Rig, proxy: Relay, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    assert on.load(Load()).workers == 4
    assert proxy.passed == 0


def test_the_environment_is_read_once_a_look(on: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[str] = []
    true = requests.sessions.get_environ_proxies

    def counted(url: str, no_proxy: Any = None) -> Any:
        read.append(url)
        return true(url, no_proxy)

    monkeypatch.setattr(requests.sessions, "get_environ_proxies", counted)
    on.load(Load())
    assert len(on.server.rest_requests) > 1
    assert len(read) == 1


def test_a_password_of_netrc_is_shown(
    on: Rig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "netrc"
    file.write_text("machine 127.0.0.1 login asha password geheim\n")
    monkeypatch.setenv("NETRC", str(file))
    on.rows()
    shown = base64.b64encode(b"asha:geheim").decode()
    assert on.server.headers[-1]["Authorization"] == f"Basic {shown}"


@pytest.mark.parametrize(("ca_file", "wanted"), [(None, "/env.pem"), ("/own.pem", "/own.pem")])
def test_a_ca_file_wins_over_the_environments_bundle(
    ca_file: str | None, wanted: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", "/env.pem")
    address = read_address("trino://monitor@trino.invalid:8443", Credentials(ca_file=ca_file))
    with Wire(address, turn_of(ASKING)) as wire:
        request = wire.prepare_request(requests.Request("GET", address.base))
        settings = wire.merge_environment_settings(request.url, {}, None, None, None)
        assert settings["verify"] == wanted
