"""A receiver that keeps what it is sent, for tests of plugins and of routing."""

from typing import ClassVar

from pydantic import PrivateAttr

from monitor.api import DeliveryError, Notification, Receipt, Receiver


class Memory(Receiver, type="memory"):
    """Keep every notification in ``sent``; fail as often as it is told, oldest fault first."""

    rate: ClassVar[float] = 1000.0
    told_apart: ClassVar[int | None] = None

    _sent: list[Notification] = PrivateAttr(default_factory=list)
    _receipts: list[Receipt | None] = PrivateAttr(default_factory=list)
    _faults: list[DeliveryError] = PrivateAttr(default_factory=list)

    @property
    def sent(self) -> list[Notification]:
        """What was delivered, oldest first."""
        return self._sent

    @property
    def receipts(self) -> list[Receipt | None]:
        """The receipt that came with each delivered notification; None for a first one."""
        return self._receipts

    def fail(self, *faults: DeliveryError) -> None:
        """Raise these, one a send; an ambiguous one keeps the notification all the same."""
        self._faults.extend(faults)

    async def send(self, notification: Notification, receipt: Receipt | None) -> Receipt:
        """Keep the notification; its place counts up, or stays that of the receipt."""
        fault = self._faults.pop(0) if self._faults else None
        if fault is None or fault.is_ambiguous:
            self._sent.append(notification)
            self._receipts.append(receipt)
        if fault is not None:
            raise fault
        place = receipt.place if receipt is not None else {"number": str(len(self._sent))}
        return Receipt(self.name, notification.subject, notification.at, place)
