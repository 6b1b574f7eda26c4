"""The contract of receivers on strict fakes (mail: on a real server)."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import ClassVar

import pytest
from pydantic import SecretStr

import monitor.receivers
from monitor.api import Receiver
from monitor.receivers.slack import Slack
from monitor.testing.slack import ScriptedSlack
from tests.contract.receiver_contract import SECRET, Fault, Peer, ReceiverContract, Seen
from tests.receivers.peers.http import HttpPeer
from tests.receivers.peers.mail import MailPeer
from tests.receivers.peers.others import AlertmanagerPeer, JiraPeer, TeamsPeer, WebhookPeer
from tests.receivers.peers.pagers import JsmPeer, OpsgeniePeer, PagerDutyPeer

FOLDER = Path(monitor.receivers.__path__[0])


class OnPeer(ReceiverContract):
    """Starts the peer, and fails when it refused something that no test made it refuse."""

    made_by: ClassVar[type[HttpPeer]]

    @pytest.fixture
    def peer(self) -> Iterator[Peer]:
        with self.made_by() as peer:
            yield peer
        assert peer.refusals == []


class TestPagerDuty(OnPeer):
    made_by = PagerDutyPeer


class TestOpsgenie(OnPeer):
    made_by = OpsgeniePeer


class TestJiraServiceManagement(OnPeer):
    made_by = JsmPeer


class TestAlertmanager(OnPeer):
    made_by = AlertmanagerPeer


class TestJira(OnPeer):
    made_by = JiraPeer


class TestTeams(OnPeer):
    made_by = TeamsPeer
    keeps_one = False
    knows_doubles = False


class TestWebhook(OnPeer):
    made_by = WebhookPeer


class TestMail(ReceiverContract):
    asks_to_wait = None

    @pytest.fixture
    def peer(self) -> Iterator[Peer]:
        with MailPeer() as peer:
            yield peer


class SlackPeer:
    """The scripted Slack; a message that was edited is the same one."""

    words: ClassVar[dict[Fault, str]] = {"unavailable": "server_error", "refused": "invalid_auth"}

    def __init__(self, server: ScriptedSlack) -> None:
        self.server = server
        self.faults: list[Fault] = []

    def receiver(self) -> Receiver:
        self.server.faults.extend(self.words.get(one, one) for one in self.faults)  # type: ignore[misc]
        self.faults = []
        return _slack(self.server.url)

    @contextmanager
    def down(self) -> Iterator[Receiver]:
        with ScriptedSlack() as gone:
            url = gone.url
        yield _slack(url)

    def seen(self) -> list[Seen]:
        return [
            Seen(
                message["ts"],
                f"{message['text']} {message['blocks']}",
                not message["text"].startswith("RESOLVED"),
                message["text"].startswith("PAGE"),
            )
            for message in self.server.parents("alerts")
        ]


def _slack(url: str) -> Slack:
    return Slack(name="s", channel="alerts", token=SecretStr(SECRET), base_url=url)


class TestSlack(ReceiverContract):
    asks_to_wait = timedelta(seconds=3)

    @pytest.fixture
    def peer(self) -> Iterator[Peer]:
        with ScriptedSlack() as server:
            yield SlackPeer(server)


CALLS = [path for path in sorted(FOLDER.glob("*.py")) if path.stem != "slack"]
"""Slack is a conversation, and not a call."""


@pytest.mark.parametrize("found", CALLS, ids=lambda path: path.stem)
def test_a_receiver_is_at_most_80_lines(found: Path) -> None:
    assert len(found.read_text().splitlines()) <= 80
