"""What must hold after every history, however it went. Each returns what it found wrong."""

from collections import Counter
from collections.abc import Iterator
from itertools import pairwise

import sqlalchemy as sa

from monitor.core.audit import AUDITOR, audit
from monitor.core.notification import NotifyReason
from monitor.core.orders import Accept, Acknowledge, Explain, MakeSilence, Reassign
from monitor.core.state import Told
from monitor.core.trail import Deed
from monitor.store import codec
from monitor.store.tables import incident as incidents
from monitor.store.tables import outbox, quiet, silence, trail
from tests.simulation.life import Sim
from tests.simulation.site import CHECKS, Arrival

NEWS = {NotifyReason.FIRST, NotifyReason.MORE_ALERTS, NotifyReason.WORSE, NotifyReason.REPEAT}


def violations(sim: Sim) -> list[str]:
    """Check all invariants."""
    checks = (
        each_delivered_firing_has_one_end,
        nothing_is_told_out_of_order,
        nothing_is_lost,
        duplicates_have_a_cause_and_a_used_key,
        what_was_acknowledged_is_stored,
        everything_is_settled,
        the_memory_is_what_a_restart_would_read,
        nobody_hears_what_is_silenced,
        what_follows_from_a_cause_opens_no_incident,
        the_auditor_finds_nothing,
    )
    return [f"{check.__name__}: {text}" for check in checks for text in check(sim)]


def _threads(sim: Sim) -> Iterator[tuple[str, str, list[Arrival]]]:
    for name, phone in sim.phones.items():
        found: dict[str, list[Arrival]] = {}
        for arrival in phone._arrived:
            found.setdefault(arrival.note.subject, []).append(arrival)
        for subject, arrivals in found.items():
            if not subject.startswith("store:"):  # told past the outbox
                yield name, subject, arrivals


def each_delivered_firing_has_one_end(sim: Sim) -> Iterator[str]:
    with sim.store._engine.connect() as connection:
        query = sa.select(outbox.c.subject, outbox.c.receiver).where(outbox.c.state == "failed")
        refused = {tuple(row) for row in connection.execute(query)}
    for name, subject, arrivals in _threads(sim):
        ends = {a.note.key for a in arrivals if a.note.view and not a.note.view.is_open}
        if not ends and (subject, name) in refused:
            continue  # the receiver said that it will never take it
        if len(ends) != 1:
            yield f"{name} heard {len(ends)} ends of {subject}"
        elif arrivals[-1].note.key not in ends:
            yield f"{name} heard of {subject} after its end"


def nothing_is_told_out_of_order(sim: Sim) -> Iterator[str]:
    for name, subject, arrivals in _threads(sim):
        revisions = [a.note.key for a in arrivals if ":instead:" not in a.note.key]
        numbers = [int(key.rpartition(":")[2]) for key in revisions]
        if any(after < before for before, after in pairwise(numbers)):
            yield f"{name} heard {numbers} of {subject}"


def nothing_is_lost(sim: Sim) -> Iterator[str]:
    """Every incident was told to somebody, or there is a stored reason why not."""
    arrived = {subject for _, subject, _ in _threads(sim)}
    with sim.store._engine.connect() as connection:
        explained = set(connection.scalars(sa.select(quiet.c.incident)))
        last = trail.c.why.like("nobody is left%")
        explained |= set(connection.scalars(sa.select(trail.c.incident).where(last)))
        for key in connection.scalars(sa.select(incidents.c.id)):
            if key not in arrived and key not in explained:
                yield f"nobody heard of {key}, and nothing says why"


def duplicates_have_a_cause_and_a_used_key(sim: Sim) -> Iterator[str]:
    for name, _, arrivals in _threads(sim):
        for before, after in pairwise(arrivals):
            is_same = before.note.key == after.note.key
            if is_same and before.is_sure and before.life == after.life:
                yield f"{name} was sent {after.note.key} again without a cause"
        count = Counter(a.note.key for a in arrivals)
        lives = {key: {a.life for a in arrivals if a.note.key == key} for key in count}
        for key, times in count.items():
            unsure = sum(not a.is_sure for a in arrivals if a.note.key == key)
            if times > len(lives[key]) + unsure:
                yield f"{name} was sent {key} {times} times"


def what_was_acknowledged_is_stored(sim: Sim) -> Iterator[str]:
    with sim.store._engine.connect() as connection:
        silences = set(connection.scalars(sa.select(silence.c.id)))
        deeds = Counter((row.deed, row.incident) for row in connection.execute(sa.select(trail)))
    acks = Counter(o.incident for o in sim.orders if isinstance(o, Acknowledge))
    for order in sim.orders:
        if isinstance(order, MakeSilence) and order.silence.id not in silences:
            yield f"silence {order.silence.id} is gone"
        if isinstance(order, Accept) and not deeds[Deed.ACCEPTED, order.incident]:
            yield f"the acceptance of {order.incident} is gone"
        if isinstance(order, Reassign) and not deeds[Deed.REASSIGNED, order.incident]:
            yield f"the reassignment of {order.incident} is gone"
        if isinstance(order, Explain) and not deeds[Deed.EXPLAINED, order.incident]:
            yield f"that {order.incident} was explained is gone"
    if any(isinstance(o, Accept) for o in sim.orders) and not sim.store.metrics.rebases("metric"):
        yield "nothing is known of a level that was accepted"
    for key, count in acks.items():
        if deeds[Deed.ACKNOWLEDGED, key] < count:
            yield f"an acknowledgement of {key} is gone"


def everything_is_settled(sim: Sim) -> Iterator[str]:
    with sim.store._engine.connect() as connection:
        for key in connection.scalars(sa.select(outbox.c.key).where(outbox.c.done_at.is_(None))):
            yield f"{key} still waits"
        for key in connection.scalars(
            sa.select(incidents.c.id).where(incidents.c.resolved_at.is_(None))
        ):
            yield f"{key} is still open"


def the_memory_is_what_a_restart_would_read(sim: Sim) -> Iterator[str]:
    kept, read = sim.engine.memory, sim.store.history.memory(sim.clock.now())
    if kept.incidents != read.incidents:
        yield "incidents differ"
    if {k: v for k, v in kept.alerts.items() if v.is_open} != {
        k: v for k, v in read.alerts.items() if v.is_open
    }:
        yield "open alerts differ"
    told: dict[tuple[str, str], Told] = dict(kept.told)
    if told != dict(read.told):
        yield "what was told differs"


def nobody_hears_what_is_silenced(sim: Sim) -> Iterator[str]:
    made = [order.silence for order in sim.orders if isinstance(order, MakeSilence)]
    with sim.store._engine.connect() as connection:
        texts = connection.scalars(sa.select(silence.c.value))
        ends = {one.id: one.ends_at for one in map(codec.SILENCE.validate_json, texts)}
    if sim.jumps:
        return  # when a silence was made is not comparable across steps of the clock
    for _, _, arrivals in _threads(sim):
        for note in (arrival.note for arrival in arrivals):
            if note.view is None or note.reason not in NEWS:
                continue
            if any(m.tier == "page" and not m.silenced_by for m in note.view.folded):
                continue  # a page because of it is told whatever covers its cause
            for one in made:
                labels = {"check": note.view.incident.check}
                if one.covers(labels) and one.starts_at < note.at < ends[one.id]:
                    yield f"{note.key} ({note.reason}) was told under silence {one.id}"


def what_follows_from_a_cause_opens_no_incident(sim: Sim) -> Iterator[str]:
    above = {"table": ("trino",), "dash": ("table", "trino"), "metric": ("table", "trino")}
    if sim.jumps:
        return
    with sim.store._engine.connect() as connection:
        texts = connection.scalars(sa.select(incidents.c.value))
        found = [codec.INCIDENT.validate_json(text) for text in texts]
    for child in found:
        for root in found:
            is_above = root.check in above.get(child.check, ())
            is_before = root.opened_at < child.opened_at
            is_over = root.resolved_at is not None and root.resolved_at <= child.opened_at
            if is_above and is_before and not is_over:
                yield f"{child.id} was opened under {root.id}"
    assert set(above) <= set(CHECKS)


def the_auditor_finds_nothing(sim: Sim) -> Iterator[str]:
    with sim.store._engine.connect() as connection:
        texts = list(connection.scalars(sa.select(incidents.c.value)))
    for found in map(codec.INCIDENT.validate_json, texts):
        if found.check == AUDITOR:
            for event in sim.store.history.events_of(found.id):
                yield event.reason
    for breach in audit(sim.store.audits.records(sim.clock.now()), sim.clock.now()):
        yield str(breach)
