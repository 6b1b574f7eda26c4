"""Tell by mail: one thread an incident, text and HTML, a chart where there is one."""

import asyncio
import smtplib
import ssl
from concurrent.futures import ThreadPoolExecutor
from email.message import EmailMessage
from typing import ClassVar, Literal, TypeAlias

from pydantic import Field, PrivateAttr, SecretStr

from monitor.api import DeliveryError, Notification, Receipt, Receiver
from monitor.render.mail import compose
from monitor.render.templates import OwnTemplates, Templates
from monitor.render.units import Zone

Security: TypeAlias = Literal["starttls", "tls", "none"]
TIMEOUT_SECONDS, PERMANENT = 15, 500


class Email(Receiver, type="email"):
    """Send through an SMTP server; mails of one incident answer its first one."""

    rate: ClassVar[float] = 2.0
    may_page: ClassVar[bool] = False

    host: str = Field(description="The SMTP server.")
    port: int = Field(default=587, ge=1, le=65_535, description="Its port.")
    security: Security = Field(default="starttls", description="none only within a machine.")
    user: str = Field(default="", description="Who logs in; empty for nobody.")
    password: SecretStr = Field(default=SecretStr(""), description="The password.")
    sender: str = Field(description="The From address.")
    to: tuple[str, ...] = Field(min_length=1, description="The addresses.")
    timezone: Zone = Field(default="UTC", description="IANA zone of the times.")
    templates: OwnTemplates = None

    _thread: ThreadPoolExecutor | None = PrivateAttr(default=None)

    async def send(self, notification: Notification, receipt: Receipt | None) -> Receipt:
        """Hand the mail over: the server's 250 is the proof. smtplib blocks, so it has a thread."""
        if self._thread is None:
            self._thread = ThreadPoolExecutor(1, f"mail-{self.name}")
        who, own = (self.timezone, self.sender, self.to), Templates(own=self.templates)
        mail = compose(notification, *who, is_first=receipt is None, templates=own)
        await asyncio.get_running_loop().run_in_executor(self._thread, self._send, mail)
        return Receipt(self.name, notification.subject, notification.at)

    def _send(self, mail: EmailMessage) -> None:
        """Send. Raise DeliveryError, also when one of several addresses was refused."""
        try:
            refused = self._deliver(mail)
        except smtplib.SMTPRecipientsRefused as error:
            refused = error.recipients
        except smtplib.SMTPResponseException as error:
            raise DeliveryError(f"SMTP {error}", is_final=error.smtp_code >= PERMANENT) from error
        except ConnectionRefusedError as error:
            raise DeliveryError(f"cannot connect: {error}") from error
        except (OSError, smtplib.SMTPException) as error:
            raise DeliveryError(f"no answer: {error!r}", is_ambiguous=True) from error
        if refused:
            least = min(code for code, _ in refused.values())
            raise DeliveryError(f"addresses refused: {refused}", is_final=least >= PERMANENT)

    def _deliver(self, mail: EmailMessage) -> dict[str, tuple[int, bytes]]:
        context = ssl.create_default_context() if self.security != "none" else None
        with (
            smtplib.SMTP_SSL(self.host, self.port, timeout=TIMEOUT_SECONDS, context=context)
            if self.security == "tls"
            else smtplib.SMTP(self.host, self.port, timeout=TIMEOUT_SECONDS)
        ) as server:
            if self.security == "starttls":
                server.starttls(context=context)
            if self.user:
                server.login(self.user, self.password.get_secret_value())
            return server.send_message(mail)

    async def close(self) -> None:
        """Let go of the thread."""
        if self._thread is not None:
            self._thread.shutdown(wait=False, cancel_futures=True)
