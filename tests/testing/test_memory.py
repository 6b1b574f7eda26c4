import asyncio

import pytest

from monitor.api import DeliveryError, Notification, NotifyReason
from monitor.render.samples import NOW, view
from monitor.testing.memory import Memory

NOTE = Notification("k", "s", "memory", NotifyReason.FIRST, NOW, view=view())


def test_what_is_sent_is_kept_and_the_place_of_a_receipt_stays() -> None:
    memory = Memory(name="memory")
    first = asyncio.run(memory.send(NOTE, None))
    second = asyncio.run(memory.send(NOTE, first))
    assert memory.sent == [NOTE, NOTE]
    assert memory.receipts == [None, first]
    assert second.place == first.place == {"number": "1"}


def test_a_fault_refuses_one_and_an_ambiguous_one_keeps_it() -> None:
    memory = Memory(name="memory")
    memory.fail(DeliveryError("no"), DeliveryError("lost", is_ambiguous=True))
    with pytest.raises(DeliveryError, match="no"):
        asyncio.run(memory.send(NOTE, None))
    assert memory.sent == []
    with pytest.raises(DeliveryError, match="lost"):
        asyncio.run(memory.send(NOTE, None))
    assert memory.sent == [NOTE]
