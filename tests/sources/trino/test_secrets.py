"""TLS and every way in which the monitor shows who it is, against a coordinator that speaks TLS."""

import base64
import ssl
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from monitor.api import Answer, Asking, Load, LoadSnapshot, Query, Rows, SourceError
from monitor.sources.trino import Trino
from monitor.testing.trino import ClusterState, ScriptedTrino
from tests.certificate import make_certificate
from tests.sources.trino.rig import ENOUGH, NOW, TABLES


@dataclass
class Secure:
    """A coordinator with a certificate of its own, and the files that belong to it."""

    server: ScriptedTrino
    ca: Path
    key: Path

    def source(self, **more: Any) -> Trino:
        address = self.server.url.partition("//")[2]
        given = {"ca_file": self.ca, "canary": False, **more}
        return Trino(name="adhoc", url=f"trino://monitor@{address}/hive?scheme=https", **given)

    def header(self, name: str) -> str:
        return self.server.headers[-1].get(name, "")


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    return make_certificate(tmp_path_factory.mktemp("tls"))


@pytest.fixture
def secure(pair: tuple[Path, Path]) -> Iterator[Secure]:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=str(pair[0]))
    context.load_cert_chain(*pair)
    context.verify_mode = ssl.CERT_OPTIONAL
    with ScriptedTrino(lambda: ClusterState(tables=TABLES), tls=context) as server:
        yield Secure(server, *pair)


def ask(source: Trino, query: Query | None = None) -> Answer:
    return source.ask_blocking(query or Rows("select 1"), Asking(NOW, ENOUGH, "fresh", "recsys"))


@pytest.mark.long
def test_a_certificate_that_ca_file_signs_is_trusted(secure: Secure) -> None:
    assert ask(secure.source()).cost.queries == 1
    load = ask(secure.source(), Load())
    assert isinstance(load, LoadSnapshot)
    assert load.workers == 4


def test_a_certificate_that_nobody_signs_is_auth_and_nothing_is_submitted(secure: Secure) -> None:
    with pytest.raises(SourceError, match="not trusted") as caught:
        ask(secure.source(ca_file=None))
    assert caught.value.fault == "auth"
    assert secure.server.statements == []


def test_a_password_is_sent_as_basic(secure: Secure) -> None:
    ask(secure.source(password="hush"))
    kind, _, told = secure.header("Authorization").partition(" ")
    assert (kind, base64.b64decode(told)) == ("Basic", b"monitor:hush")


def test_a_token_file_is_read_at_every_question(secure: Secure, tmp_path: Path) -> None:
    file = tmp_path / "token"
    source = secure.source(token_file=file)
    for token in ("first", "second"):
        file.write_text(f"{token}\n")
        ask(source)
        assert secure.header("Authorization") == f"Bearer {token}"


def test_a_token_file_that_is_gone_is_auth(secure: Secure, tmp_path: Path) -> None:
    for query in (Rows("select 1"), Load()):
        with pytest.raises(SourceError, match="cannot be read") as caught:
            ask(secure.source(token_file=tmp_path / "nowhere"), query)
        assert caught.value.fault == "auth"


def test_a_fixed_token_is_sent_as_bearer(secure: Secure) -> None:
    ask(secure.source(token="abc"))
    assert secure.header("Authorization") == "Bearer abc"


def test_the_monitors_own_certificate_is_shown(secure: Secure) -> None:
    assert ask(secure.source(cert_file=secure.ca, key_file=secure.key)).cost.queries == 1


def test_the_rights_are_those_of_run_as_and_the_secret_is_ours(secure: Secure) -> None:
    ask(secure.source(password="hush", run_as="health"))
    assert secure.header("X-Trino-User") == "health"
    told = secure.header("Authorization").partition(" ")[2]
    assert base64.b64decode(told) == b"monitor:hush"


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"password": "a", "token": "b"}, "one of"),
        ({"cert_file": Path("c.pem")}, "belong together"),
    ],
)
def test_secrets_that_contradict_each_other_are_an_error(given: dict[str, Any], told: str) -> None:
    with pytest.raises(ValidationError, match=told):
        Trino(name="adhoc", url="trino://u@trino/hive", **given)
