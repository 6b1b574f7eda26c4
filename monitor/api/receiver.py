"""A receiver: a way to tell people."""

from abc import ABC, abstractmethod
from typing import Any, ClassVar

from pydantic import BaseModel, ConfigDict, Field

from monitor.core.notification import Notification, Receipt

RECEIVERS: dict[str, type["Receiver"]] = {}
"""Every receiver type that was imported, by name."""


class Receiver(BaseModel, ABC):
    """A way to tell people: subclass it as ``class Webhook(Receiver, type="webhook")``.

    Fields are its settings in config.yaml. ``rate`` is how many messages per second it may take,
    ``width`` how many at the same time (never two of one incident).
    ``told_apart`` is how many incidents of a minute it is told of one by one: those beyond are one
    message, a storm. None is for programs.
    ``may_page`` says whether it is fit to wake people (it takes the end of an incident, too, and
    tells whether a message arrived); ``takes_digests`` whether a digest makes sense there.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, arbitrary_types_allowed=True)

    type: ClassVar[str]
    extra: ClassVar[str | None] = None
    rate: ClassVar[float] = 10.0
    told_apart: ClassVar[int | None] = 4
    width: ClassVar[int] = 1
    may_page: ClassVar[bool] = True
    takes_digests: ClassVar[bool] = True

    name: str = Field(description="The name of the receiver, from its key.")

    def __init_subclass__(cls, type: str | None = None, **options: Any) -> None:  # noqa: A002  # the word of the configuration
        """Register the receiver under its type."""
        super().__init_subclass__(**options)
        if type is not None:
            cls.type = type
            RECEIVERS[type] = cls

    @property
    def place(self) -> str:
        """Where it sends to: those with the same place share its ``rate``."""
        return self.name

    @abstractmethod
    async def send(self, notification: Notification, receipt: Receipt | None) -> Receipt:
        """Deliver one notification and return the proof.

        ``receipt`` is the last one of the same subject: where it is given, edit or thread instead
        of starting anew. Raise DeliveryError when it was not taken. What takes several messages
        sends one, and returns a receipt that is not whole: it is called again.
        """

    async def close(self) -> None:
        """Let go of connections."""
