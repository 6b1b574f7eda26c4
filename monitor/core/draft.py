"""A working copy of what is remembered, that a step reads through and writes into."""

from collections.abc import Mapping, MutableMapping

from monitor.core.alert import AlertKey
from monitor.core.book import Book, Memory
from monitor.core.incident import Incident
from monitor.core.layer import Layer


class Draft(Book):
    """A working copy that leaves the memory as it is."""

    def __init__(self, memory: Memory) -> None:
        """Start from a memory, which must not change while the draft is in use."""
        self.memory = memory
        self.alerts = Layer(memory.alerts)
        self.incidents = Layer(memory.incidents)
        self.told = Layer(memory.told)
        self.silences = Layer(memory.silences)
        self._of_check = Layer(memory._of_check)  # noqa: SLF001  # a draft is the memory's own
        self._of_incident = Layer(memory._of_incident)  # noqa: SLF001
        self._receivers = Layer(memory._receivers)  # noqa: SLF001
        self._children = Layer(memory._children)  # noqa: SLF001
        self._members = Layer(memory._members)  # noqa: SLF001
        self._own = Layer(memory._own)  # noqa: SLF001
        self._red = Layer(memory._red)  # noqa: SLF001
        self._firing = Layer(memory._firing)  # noqa: SLF001

    def _group(
        self, groups: MutableMapping[str, MutableMapping[AlertKey, None]], name: str
    ) -> MutableMapping[AlertKey, None]:
        found: MutableMapping[AlertKey, None] = groups.get(name, {})
        if not isinstance(found, Layer):
            found = groups[name] = Layer(found)
        return found

    def _names(
        self, groups: MutableMapping[str, MutableMapping[str, None]], name: str
    ) -> MutableMapping[str, None]:
        found: MutableMapping[str, None] = groups.get(name, {})
        if not isinstance(found, Layer):
            found = groups[name] = Layer(found)
        return found


def changed(draft: MutableMapping[str, Incident], before: Mapping[str, Incident]) -> list[Incident]:
    """Return the incidents of a draft that are no longer as they were."""
    assert isinstance(draft, Layer)
    return [one for one in draft.changes() if before.get(one.id) != one]
