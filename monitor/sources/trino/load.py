"""The load of a cluster, up a ladder: REST, which never queues; then SQL; then the web UI."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from time import monotonic

from monitor.api import Cost, GroupLoad, LoadSnapshot, SourceError, holders_of
from monitor.api.errors import SourceFault
from monitor.sources.trino.address import Address
from monitor.sources.trino.busy import BUSIEST_SQL, QUERIES_SQL, WAITING, busy_by_sql
from monitor.sources.trino.faults import was_never_asked
from monitor.sources.trino.listing import PATH, checked, joined, leaves_out, listed
from monitor.sources.trino.past import Past
from monitor.sources.trino.rest import (
    INFO,
    MORE,
    MOST_BYTES,
    NUMBERS,
    STATUS,
    Facts,
    Rest,
    group_path,
    groups,
)
from monitor.sources.trino.sockets import Tally
from monitor.sources.trino.statement import Result
from monitor.sources.trino.turn import Turn
from monitor.sources.trino.ui import by_ui

DETAILS_EVERY = timedelta(minutes=5)
"""How often the queries are listed while the numbers say that nothing happens: Trino forgets
ended queries after 15 minutes, and who usually holds the cluster must be known beforehand."""

CANARY_EVERY = timedelta(minutes=1)
CANARY_SECONDS = 5.0
REJECTED_FOR = timedelta(minutes=1)
NODES_EVERY, QUERIES_EVERY = timedelta(minutes=1), timedelta(seconds=30)
"""With the canary that is at most four statements in any minute."""

SQL_SHARE = 0.5
"""Of the time that is left; the web UI is asked after SQL, and needs some, too."""

QUERIES_NEED, NODES_NEED, CANARY_NEEDS, UI_NEEDS = 7_000, 4_500, 4_500, 1_500
"""Bytes that are left for what may come later in a look. Of a statement most is not its answer, but
some 500 to 1,200 bytes each time the coordinator says how far it is: at least once a second."""

BUSY_MEMORY = 0.8
MOST_GROUPS, MOST_OF_A_GROUP, LEAST_OF_A_GROUP = 3, 1_500, 700
DOWN: frozenset[SourceFault] = frozenset({"unreachable", "timeout", "overload"})
SHUT_OUT: frozenset[SourceFault] = frozenset({"timeout", "overload"})

NODES, QUERIES = "system.runtime.nodes", "system.runtime.queries"
NODES_SQL = "select count(*) from system.runtime.nodes where state = 'active'"


@dataclass
class Ladder:
    """One snapshot in the making: what is known so far, who told it, and who did not."""

    address: Address
    turn: Turn
    past: Past
    run: Callable[[str, float], Result]
    has_canary: bool = True
    facts: Facts = field(default_factory=dict)
    heard: list[str] = field(default_factory=list)
    silent: dict[str, str] = field(default_factory=dict)
    faults: dict[str, SourceFault] = field(default_factory=dict)
    groups: tuple[GroupLoad, ...] = ()
    asked: int = 0
    cut: frozenset[str] = frozenset()
    tally: Tally = field(default_factory=partial(Tally, most=MOST_BYTES))
    shut_out: SourceError | None = None

    @property
    def now(self) -> datetime:
        """The moment of the snapshot."""
        return self.turn.now

    def hear(self, name: str, tell: Callable[[], Facts]) -> None:
        """Take in what one way tells, or why it does not."""
        try:
            self.facts |= {key: it for key, it in tell().items() if it is not None}
            self.heard.append(name)
        except SourceError as error:
            self.silent[name] = str(error)
            self.faults[name] = error.fault
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            self.silent[name] = f"cannot be read: {error!r}"
            self.faults[name] = "protocol"

    def climb(self) -> LoadSnapshot:
        """Ask as few as will do. Raise SourceError when what answers is no Trino for us."""
        rest = Rest(self.address, self.turn, self.tally)
        try:
            self._by_rest(rest)
            if self.heard and not self.facts.get("is_starting"):
                self._by_sql()
                self.tally.most = MOST_BYTES
                if not self._is_counted():
                    self.hear("/ui/api/stats", lambda: by_ui(rest, self.address))
            self.facts = self.facts.pop("at_least", {}) | self.facts
            if not self.groups:
                self._groups(rest)
        finally:
            rest.close()
        if not self.heard and not set(self.faults.values()) <= DOWN:
            raise self._blind()
        return self._snapshot()

    def _by_rest(self, rest: Rest) -> None:
        for name, collector in (("/v1/info", INFO), ("/v1/status", STATUS)):
            self.hear(name, partial(collector.facts, rest))
        if not self.heard and set(self.faults.values()) <= DOWN:
            return
        self.hear("/metrics", lambda: NUMBERS.facts(rest))
        if self._wants_details():
            bytes_for = self._spared()
            self.hear(PATH, lambda: listed(rest, self.past, self.facts, self.now, **bytes_for))
            self.cut = self.facts.pop("cut", self.cut)
            if PATH in self.heard:
                self.past.detailed_at = self.now
        self._groups(rest)

    def _wants_details(self) -> bool:
        """Say whether the numbers alone are not enough: something happens, or it is time."""
        before = self.past.detailed_at
        if before is None or self._lacks("queued") or self.now - before >= DETAILS_EVERY:
            return True
        last = self.past.points[-1] if self.past.points else None
        failed = self.facts.get("cluster_failures") or 0
        return (
            bool(self.facts["queued"] or self.facts.get("blocked"))
            or (self.facts.get("memory_share") or 0) >= BUSY_MEMORY
            or (last is not None and failed > (last.cluster_failures or 0))
        )

    def _groups(self, rest: Rest) -> None:
        """Ask how full the queues are in which somebody waits."""
        waiting = [one for one in self.facts.get("queries") or () if one.state in WAITING]
        names = dict.fromkeys(one.group for one in waiting if one.group)
        found: list[GroupLoad] = []
        for name in list(names)[:MOST_GROUPS]:
            most = min(MOST_OF_A_GROUP, rest.left - MORE)
            if most < LEAST_OF_A_GROUP:
                break
            try:
                text, was_cut = rest.part(group_path(name), most)
                found.extend(groups(text, was_cut=was_cut))
            except (SourceError, ValueError, KeyError, TypeError) as error:
                self.silent["/v1/resourceGroupState"] = str(error)
        self.groups = tuple(found)

    def _by_sql(self) -> None:
        """Ask by SQL only for what REST left open, and once a minute how long it takes."""
        self.tally.most = MOST_BYTES - MORE - (0 if self._is_counted() else UI_NEEDS)
        self._queries_by_sql()
        if self._lacks("workers"):
            self._ask(NODES, NODES_SQL, NODES_EVERY, _workers, needs=NODES_NEED)
        if self._is_canary_due() and not self.shut_out and self.tally.left >= CANARY_NEEDS:
            self.past.canary_at = self.now
            self.past.canary = self._canary()
        if self.past.canary is not None:
            self.facts["canary"], self.facts["canary_error"] = self.past.canary
        # Every query of ours is a canary, too.
        rejected = self.past.rejected
        if self.shut_out is not None and not was_never_asked(self.shut_out):
            self.facts["canary_error"] = str(self.shut_out)
        elif rejected is not None and self.now - rejected[0] <= REJECTED_FOR:
            self.facts["canary_error"] = rejected[1]

    def _spared(self) -> Mapping[str, int]:
        """Return how many bytes the list has to leave for the groups and for one statement."""
        asks_nodes = self._lacks("workers") and self._is_due(NODES, NODES_EVERY)
        need = NODES_NEED if asks_nodes else CANARY_NEEDS if self._is_canary_due() else 0
        one = need + MORE if need else 0
        more = max(0, QUERIES_NEED - one) if self._is_due(QUERIES, QUERIES_EVERY) else 0
        groups = MORE + LEAST_OF_A_GROUP if self.facts.get("queued") != 0 else 0
        return {"spared": groups + one, "if_cut": more}

    def _is_due(self, name: str, every: timedelta) -> bool:
        known = self.past.by_sql.get(name)
        return known is None or self.now - known[0] >= every

    def _is_canary_due(self) -> bool:
        """Ask one statement a look, unless that has put off the canary for long."""
        if not self.has_canary:
            return False
        if self.past.canary_at is None:
            return not self.asked or bool(self.past.points)
        every = 2 * CANARY_EVERY if self.asked else CANARY_EVERY
        return self.now - self.past.canary_at >= every

    def _queries_by_sql(self) -> None:
        """Ask by SQL for the queries where REST does not list them, or not all that matter."""
        is_counted = self._is_counted()
        if self._lacks("queries") and (not is_counted or self._wants_details()):
            read = partial(checked, self.facts)
            self._ask(QUERIES, QUERIES_SQL, QUERIES_EVERY, lambda it: busy_by_sql(it.rows), read)
        elif not is_counted or leaves_out(self.cut, self.facts, self.past):
            read = partial(joined, self.facts)
            self._ask(QUERIES, BUSIEST_SQL, QUERIES_EVERY, lambda it: busy_by_sql(it.rows), read)

    def _ask(
        self,
        name: str,
        text: str,
        every: timedelta,
        read: Callable[[Result], Facts],
        use: Callable[[Facts], Facts] | None = None,
        *,
        needs: int = 0,
    ) -> None:
        """Ask by SQL, or tell again what it told a short time ago: a cluster is not asked often.

        Where fewer bytes are left than it ``needs`` it is asked in another look.
        """

        def told() -> Facts:
            if self._is_due(name, every) and self.tally.left >= needs:
                if self.shut_out is not None:
                    raise self.shut_out
                self.asked += 1
                self.past.by_sql[name] = (self.now, self._read(text, read))
            if name not in self.past.by_sql:
                raise SourceError("query", "not asked: too little of the look was left")
            found = self.past.by_sql[name][1]
            if isinstance(found, SourceError):
                raise found
            return use(found) if use else found

        self.hear(name, told)

    def _read(self, text: str, read: Callable[[Result], Facts]) -> Facts | SourceError:
        try:
            return read(self.run(text, self.turn.left * SQL_SHARE))
        except SourceError as error:
            # What waited in the queue does so again: one statement a look finds that out.
            self.shut_out = error if error.fault in SHUT_OUT else None
            return error

    def _canary(self) -> tuple[float, str] | None:
        """Return how many seconds a small query took, and why it failed; empty when it did not.

        None where it was not asked: a query of our own took the time, which says nothing.
        """
        began, error = monotonic(), ""
        try:
            self.asked += 1
            self.run("select 1", min(CANARY_SECONDS, self.turn.left * SQL_SHARE))
        except SourceError as failure:
            if was_never_asked(failure):
                return None
            error = str(failure)
        return monotonic() - began, error

    def _lacks(self, name: str) -> bool:
        return self.facts.get(name) is None

    def _is_counted(self) -> bool:
        return not (self._lacks("queued") or self._lacks("running"))

    def _blind(self) -> SourceError:
        fault: SourceFault = "auth" if set(self.faults.values()) == {"auth"} else "protocol"
        first = next(iter(self.silent.values()))
        told = f"{self.address.base}: no collector answers; /v1/info: {first}"
        return SourceError(fault, told)

    def _snapshot(self) -> LoadSnapshot:
        queries = self.facts.get("queries")
        shares = {
            f"{user}|{source}": it for (user, source), it in holders_of(queries or ()).items()
        }
        if queries is not None:
            self.past.remember_shares(self.now, shares)
        made = LoadSnapshot(
            observed_at=self.now,
            is_up=bool(self.heard),
            collectors=tuple(self.heard),
            silent=self.silent,
            groups=self.groups,
            past=tuple(self.past.points),
            usual_workers=self.past.usual_workers(),
            usual=self.past.usual(self.now, shares),
            scraped_bytes=self.tally.received,
            link=f"{self.address.base}/ui/",
            cost=Cost(queries=self.asked),
            **self.facts,
        )
        self.past.remember(made.now)
        return made


def _workers(found: Result) -> Facts:
    return {"workers": found.rows[0][0]}
