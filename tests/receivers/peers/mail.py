"""A real SMTP server on loopback (aiosmtpd), with faults."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any, Self, cast

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session

from monitor.api import Receiver
from monitor.receivers.email import Email
from tests.contract.receiver_contract import SECRET, Fault, Seen

CODES = {"rate_limited": "451 too many", "unavailable": "452 disk full", "refused": "554 no"}


class _Box:
    """Keeps mails; aiosmtpd calls it."""

    def __init__(self, peer: "MailPeer") -> None:
        self.peer = peer

    async def handle_RCPT(  # noqa: N802  # aiosmtpd's name
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        del server, session, options
        if address in self.peer.unknown:
            return "550 no such user"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802  # as above
        del session
        fault = self.peer.faults.pop(0) if self.peer.faults else None
        if fault in {None, "drop_after_commit"}:
            content = cast("bytes", envelope.content)
            mail = message_from_bytes(content, policy=policy.default)
            self.peer.mails.append(mail)
        if fault in {"drop", "drop_after_commit"}:
            cast("Any", server).transport.abort()
        return CODES.get(str(fault), "250 taken")


class MailPeer:
    """The server; mails with the same Message-ID count once, as mail stores count them."""

    def __init__(self) -> None:
        self.faults: list[Fault] = []
        self.mails: list[EmailMessage] = []
        self.unknown: set[str] = set()

    def __enter__(self) -> Self:
        """Listen on a free port."""
        self._controller = Controller(_Box(self), hostname="127.0.0.1", port=_free_port())
        self._controller.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Stop."""
        self._controller.stop()

    def receiver(self) -> Receiver:
        return _receiver(self._controller.port)

    @contextmanager
    def down(self) -> Iterator[Receiver]:
        yield _receiver(_free_port())

    def seen(self) -> list[Seen]:
        return [
            _seen(mail) for mail in {str(one["Message-ID"]): one for one in self.mails}.values()
        ]


def _seen(mail: EmailMessage) -> Seen:
    """Read a mail as a person does: how the incident stands is in the first line."""
    text = part(mail, "plain")
    first, thread = text.partition("\n")[0], str(mail["References"] or mail["Message-ID"])
    return Seen(thread, f"{mail['Subject']}\n{text}", "RESOLVED " not in first, "PAGE " in first)


def part(mail: EmailMessage, kind: str) -> str:
    found = mail.get_body((kind,))
    assert found is not None
    return str(found.get_content())


def _receiver(port: int) -> Receiver:
    where = {"host": "127.0.0.1", "port": port, "security": "none", "password": SECRET}
    who = {"sender": "monitor@example.com", "to": ["asha@example.com", "ben@example.com"]}
    return Email.model_validate({"name": "mail", **where, **who})


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
