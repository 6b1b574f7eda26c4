"""Errors that plugins raise; the engine turns them into outcomes, never into silence."""

from datetime import timedelta
from typing import Literal, TypeAlias

from monitor.api.answer import Cost
from monitor.core.whole import whole

SourceFault: TypeAlias = Literal[
    "auth", "timeout", "overload", "protocol", "unreachable", "missing", "query", "slow"
]
"""What went wrong. The first five blame the source and open one incident of it; ``missing`` (a
table or metric that does not exist), ``query`` (a question that the system refuses) and ``slow``
(one that it was at work on, and that did not end in time) blame the check that asked."""


class MonitorError(Exception):
    """The root of all errors that this program raises on purpose."""


class SourceError(MonitorError):
    """A system could not be asked. ``text`` says what happened and, where possible, what to do.

    ``code`` is a finer name in the source's own words, for metrics; ``cost`` is what the attempt
    cost the system all the same.
    """

    def __init__(
        self, fault: SourceFault, text: str, *, code: str = "", cost: Cost | None = None
    ) -> None:
        """Keep the fault for the engine and the text for people."""
        super().__init__(whole(text))
        self.fault: SourceFault = fault
        self.code = code or fault
        self.cost = cost

    @property
    def blames_check(self) -> bool:
        """Whether the check that asked is at fault, and not the system that was asked."""
        return self.fault in {"missing", "query", "slow"}


class DeliveryError(MonitorError):
    """A receiver did not take a notification.

    ``retry_after`` is the wait that the receiver asked for. ``is_final`` says that trying again
    cannot help (a channel that does not exist); then the fallback receiver is told instead.
    ``is_ambiguous`` says that the message may have arrived (the answer was lost).
    """

    def __init__(
        self,
        text: str,
        *,
        retry_after: timedelta | None = None,
        is_final: bool = False,
        is_ambiguous: bool = False,
    ) -> None:
        """Keep what the sender needs to decide about the next try."""
        super().__init__(whole(text))
        self.retry_after = retry_after
        self.is_final = is_final
        self.is_ambiguous = is_ambiguous


class MissingExtraError(MonitorError):
    """A kind, source or receiver needs a package that is not installed."""

    def __init__(self, what: str, extra: str) -> None:
        """Name the ``pip install`` line that mends it."""
        super().__init__(
            f"{what} needs the extra '{extra}': run pip install 'platform-monitor[{extra}]'"
        )
        self.extra = extra


class BusyError(MonitorError):
    """Nothing more is taken for a moment; who sends is to come again."""
