import signal
import sqlite3
import subprocess
import sys
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from math import inf
from pathlib import Path
from typing import Any, Literal

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy.dialects import postgresql
from sqlalchemy.schema import CreateTable

from monitor.core.alert import Alert, AlertEvent, AlertState, Change
from monitor.core.audit import unheard
from monitor.core.book import Memory
from monitor.core.digest import Blind, Coverage, Digest, Mood
from monitor.core.incident import Incident
from monitor.core.matcher import parse_matchers
from monitor.core.model import Outcome, Sample, Tier, Verdict
from monitor.core.notification import Notification, NotifyReason, Receipt
from monitor.core.silence import Silence
from monitor.core.state import OutboxRow, Postponed, Received, Settled, Slot, Step, Told
from monitor.core.trail import Deed, TrailEntry
from monitor.core.whole import whole
from monitor.store import RefusedError, Store, StoreError, open_store
from monitor.store.columns import Moment, metadata
from monitor.store.kept_tables import sample_fresh
from monitor.store.migrate import FOLDER, VERSIONS, current, head, migrate
from monitor.store.tables import ping, slot_batch, state_repeat
from tests.calls import calls_of

AT = datetime(2026, 11, 24, 3, 10, tzinfo=UTC)
CTR = (("model", "ctr"),)
INCIDENT = Incident("i1", "fresh", "events", "recsys", AT, Tier.WARN)
SEEN = Verdict(
    "fresh",
    CTR,
    AT,
    Outcome.WARN,
    Tier.WARN,
    "late",
    (Sample("age", 3.5, CTR, evidence={"x": [1]}),),
)
ALERT = Alert(
    "fresh",
    CTR,
    AlertState.FIRING,
    AT,
    Tier.WARN,
    AT,
    recent=(None, Tier.WARN),
    incident="i1",
    last=SEEN,
)


def note(key: str, subject: str = "i1", receiver: str = "slack") -> Notification:
    return Notification(key, subject, receiver, NotifyReason.FIRST, AT)


def step(**parts: object) -> Step:
    return replace(Step(AT), **parts)  # type: ignore[arg-type]  # tests name the fields they fill


def test_what_was_committed_is_remembered_exactly(store: Store) -> None:
    told = Told("i1", "slack", 1, "warn:1:0:abc")
    store.commit(step(alerts=(ALERT,), incidents=(INCIDENT,), told=(told,)))
    assert store.history.memory() == Memory([ALERT], [INCIDENT], [told])


def test_a_resolved_incident_is_history_and_no_memory(store: Store) -> None:
    store.commit(step(alerts=(ALERT,), incidents=(INCIDENT,)))
    later = AT + timedelta(hours=1)
    done = replace(ALERT, state=AlertState.RESOLVED, resolved_at=later)
    store.commit(step(alerts=(done,), incidents=(replace(INCIDENT, resolved_at=later),)))
    assert store.history.memory() == Memory()
    assert store.history.alerts_of(["i1"]) == [done]
    assert [i.resolved_at for i in store.history.incidents(AT, later)] == [later]


def test_a_second_open_alert_of_one_slice_is_refused_by_the_database(store: Store) -> None:
    store.commit(step(alerts=(ALERT,)))
    with pytest.raises(RefusedError, match="refuses what is to be written"):
        store.commit(step(alerts=(replace(ALERT, opened_at=AT + timedelta(minutes=1)),)))


@pytest.mark.parametrize("text", ["half of a pair \ud800", "a NUL \0"])
def test_what_is_no_text_is_refused_or_kept_as_it_is_and_whole_text_is_kept(
    store: Store, text: str
) -> None:
    slot = Slot("a", AT, AT, Outcome.ERROR, text)
    with suppress(RefusedError):  # SQLite keeps a NUL
        store.commit(step(slots=(slot,)))
    store.commit(step(slots=(whole(slot),)))
    assert store.slots.summaries(AT, AT + timedelta(hours=1))["a"].counts[Outcome.ERROR] == 1


def test_infinity_comes_back_as_it_went(store: Store) -> None:
    odd = replace(SEEN, samples=(Sample("age", inf), Sample("rows", -inf)))
    store.commit(step(verdicts=(odd,), alerts=(replace(ALERT, last=odd),)))
    (state,) = store.story.states()
    assert state.verdict == odd
    assert [alert.last for alert in store.history.memory().alerts.values()] == [odd]


def test_a_question_that_is_not_read_to_its_end_keeps_nobody_from_writing(store: Store) -> None:
    store.commit(step(slots=tuple(Slot(f"c{n}", AT, AT, Outcome.OK) for n in range(9))))
    faults = []
    try:
        with store._engine.connect() as connection:
            rows = connection.execute(sa.text("select due_at from slot_batch"))
            next(iter(rows)).missing  # noqa: B018  # that is the fault
    except AttributeError as error:
        faults.append(error)  # with the frames that hold the rows
    with store._engine.connect():  # that connection; so another one writes
        store.commit(step(slots=(Slot("d", AT, AT, Outcome.OK),)))
    for n in range(3):
        store.commit(step(slots=(Slot(f"e{n}", AT, AT, Outcome.OK),)))
    assert faults


def test_a_step_that_fails_leaves_nothing_behind(store: Store) -> None:
    store.commit(step(alerts=(ALERT,)))
    bad = replace(ALERT, opened_at=AT + timedelta(minutes=1))
    with pytest.raises(StoreError):
        store.commit(step(alerts=(bad,), outbox=(OutboxRow(note("k"), AT),)))
    assert store.outbox.waiting() == []


def test_a_key_that_was_used_is_the_same_message(store: Store) -> None:
    for _ in range(2):
        store.commit(step(outbox=(OutboxRow(note("k"), AT),)))
    assert store.outbox.pending_count() == {"slack": 1}
    assert store.outbox.waiting() == [OutboxRow(note("k"), AT)]


def test_what_was_told_later_is_unheard_until_a_proof_covers_it(store: Store) -> None:
    def look(minutes: int, how: str, *revisions: int, is_degraded: bool = False) -> object:
        at = AT + timedelta(minutes=minutes)
        told = Told("i1", "slack", revisions[-1], f'["{how}"]', at)
        rows = tuple(OutboxRow(note(f"i1:slack:{n}"), at) for n in revisions)
        late = Postponed(f"i1:slack:{revisions[-1]}", at, "away", is_degraded=True)
        postponed = (late,) if is_degraded else ()
        store.commit(step(incidents=(INCIDENT,), told=(told,), outbox=rows, postponed=postponed))
        return unheard(store.audits.records(at).threads, {})

    def ends(minutes: int, **how: Literal["sent", "failed", "superseded"]) -> object:
        at = AT + timedelta(minutes=minutes)
        proof = Receipt("slack", "i1", at)
        settled = tuple(
            Settled(f"i1:slack:{n[1:]}", at, end, receipt=proof if end == "sent" else None)
            for n, end in how.items()
        )
        store.commit(step(settled=settled))
        return unheard(store.audits.records(at).threads, {})

    assert look(0, "warn", 1) == {("i1", False): AT}
    assert ends(1, r1="sent") == {}
    worse_at = AT + timedelta(minutes=5)
    worse = {("i1", False): worse_at, ("i1", True): worse_at}
    assert look(5, "page", 2, is_degraded=True) == worse
    assert ends(6, r2="failed") == worse
    edited_at = AT + timedelta(minutes=9)
    assert look(9, "warn", 3, 4) == {("i1", False): edited_at}
    assert ends(-1, r3="superseded", r4="sent") == {}  # by a clock that was set back


def test_what_is_tried_again_keeps_its_place_and_what_went_wrong(store: Store) -> None:
    rows = [OutboxRow(note("a1"), AT), OutboxRow(note("a2"), AT)]
    store.commit(step(outbox=tuple(rows)))
    later = AT + timedelta(minutes=1)
    store.commit(step(postponed=(Postponed("a1", later, "503", is_degraded=True),)))
    first, second = store.outbox.waiting()
    assert (first.notification.key, first.attempts, first.error) == ("a1", 1, "503")
    assert (first.due_at, first.is_degraded) == (later, True)
    assert second == rows[1]


def test_a_receipt_settles_its_message_and_keeps_the_place(store: Store) -> None:
    store.commit(step(outbox=(OutboxRow(note("k"), AT),)))
    proof = Receipt("slack", "i1", AT, {"channel": "C1", "ts": "1.2"})
    store.commit(step(settled=(Settled("k", AT, "sent", receipt=proof),)))
    assert store.outbox.waiting() == []
    assert store.outbox.receipt("i1", "slack") == proof
    (intent,) = store.outbox.intents_of("i1")
    assert (intent.key, intent.state, intent.attempts) == ("k", "sent", 1)


def test_a_message_is_settled_once(store: Store) -> None:
    store.commit(step(outbox=(OutboxRow(note("k"), AT),)))
    store.commit(step(settled=(Settled("k", AT, "sent"),)))
    store.commit(step(settled=(Settled("k", AT, "superseded"),)))
    assert [intent.state for intent in store.outbox.intents_of("i1")] == ["sent"]


def test_whoever_is_told_instead_is_stored_with_the_failure(store: Store) -> None:
    store.commit(step(outbox=(OutboxRow(note("k"), AT),)))
    instead = OutboxRow(note("k:instead:oncall", receiver="oncall"), AT)
    failed = Settled("k", AT, "failed", "channel_not_found")
    store.commit(step(settled=(failed,), outbox=(instead,)))
    assert store.outbox.waiting() == [instead]
    assert store.outbox.failures(AT) == {"k": "channel_not_found"}


def test_several_steps_commit_together_in_their_order_or_not_at_all(store: Store) -> None:
    done = replace(ALERT, state=AlertState.RESOLVED, resolved_at=AT + timedelta(minutes=1))
    again = replace(ALERT, opened_at=AT + timedelta(minutes=2))
    store.commit(step(alerts=(ALERT,)), step(alerts=(done,)), step(alerts=(again,)))
    assert store.history.memory().alerts == {ALERT.key: again}
    second = replace(ALERT, opened_at=AT + timedelta(minutes=3))
    with pytest.raises(StoreError):
        store.commit(step(outbox=(OutboxRow(note("k"), AT),)), step(alerts=(second,)))
    assert store.outbox.waiting() == []


def test_silences_and_the_trail_are_kept(store: Store) -> None:
    matchers = parse_matchers('{check="fresh",model=~"c.*"}')
    silence = Silence("s1", matchers, AT, AT + timedelta(hours=1), "asha", "migration")
    entry = TrailEntry(AT, Deed.ACKNOWLEDGED, "asha", "mine", incident="i1")
    store.commit(step(silences=(silence,), trail=(entry,)))
    assert store.history.silences() == [silence]
    assert store.history.memory(AT).silences == {"s1": silence}
    assert store.history.memory(AT + timedelta(hours=1)).silences == {}
    assert store.history.trail_of("i1") == [entry]


def test_a_received_batch_waits_until_a_step_takes_it_in(store: Store) -> None:
    batches = (Received("k1", AT, "one"), Received("k2", AT, "two"))
    store.commit(step(received=batches))
    assert store.journal.not_taken() == list(batches)
    store.commit(step(taken=("k1",)))
    assert store.journal.not_taken() == [batches[1]]


def test_a_slice_that_fired_lately_is_remembered_and_later_forgotten(store: Store) -> None:
    done = replace(ALERT, state=AlertState.RESOLVED, resolved_at=AT, fires=(AT,))
    store.commit(step(alerts=(done,)))
    assert store.history.memory(AT + timedelta(minutes=59)).alerts == {ALERT.key: done}
    assert store.history.memory(AT + timedelta(minutes=60)).alerts == {}


def test_what_is_open_is_remembered_though_one_of_later_is_over(store: Store) -> None:
    later = AT + timedelta(days=1)  # before the clock went back by a day
    over = replace(ALERT, state=AlertState.RESOLVED, opened_at=later, resolved_at=later)
    store.commit(step(alerts=(over,)), step(alerts=(ALERT,)))
    assert list(store.history.memory(AT).alerts.values()) == [ALERT]


def test_a_slot_has_one_outcome(store: Store) -> None:
    slot = Slot("fresh", AT, AT, Outcome.OK)
    store.commit(step(slots=(slot,)))
    store.commit(step(slots=(replace(slot, outcome=Outcome.WARN),)))
    summary = store.slots.summaries(AT, AT + timedelta(minutes=1))["fresh"]
    assert summary.counts == {Outcome.WARN: 1}


def test_the_newest_verdict_keeps_the_moment_of_its_first_outcome(store: Store) -> None:
    store.commit(step(verdicts=(SEEN,)))
    later = replace(SEEN, at=AT + timedelta(hours=1))
    store.commit(step(verdicts=(later,)))
    (state,) = store.story.states()
    assert (state.since, state.verdict) == (AT, later)


def test_events_tell_the_history_of_an_incident(store: Store) -> None:
    event = AlertEvent(AT, "fresh", CTR, Change.FIRED, Tier.WARN, "late", "i1")
    store.commit(step(events=(event,)))
    assert store.history.events_of("i1") == [event]


def test_pings_are_paired_into_runs(store: Store) -> None:
    journal = store.journal
    journal.ping("train", AT, "start", rid="r1")
    journal.ping("train", AT + timedelta(minutes=1), "start", rid="r2")
    journal.ping("train", AT + timedelta(minutes=2), "end", 137, "r1")
    journal.ping("train", AT + timedelta(minutes=3), "end", 0)
    first, second = journal.runs("train", AT)
    assert (first.state, first.exit_status) == ("failed", 137)
    assert (second.state, second.ended_at) == ("succeeded", AT + timedelta(minutes=3))
    assert journal.known_since("train") == AT


def test_the_time_between_two_runs_of_the_daemon_is_blind(store: Store) -> None:
    hour = timedelta(hours=1)
    run = store.journal.started(AT)
    store.journal.seen(run, AT + hour)
    second = store.journal.started(AT + 2 * hour)
    store.journal.seen(second, AT + 3 * hour)
    gaps = store.journal.blind(AT, AT + 3 * hour)
    assert gaps == (Blind(AT + hour, AT + 2 * hour),)


def test_what_each_look_writes_is_plain_to_the_driver(store: Store) -> None:
    written: list[Any] = []

    def execute(_connection: object, _cursor: object, text: str, rows: Any, *_: object) -> None:
        if "check_state" in text or "slot_batch" in text:
            written.extend(rows if isinstance(rows, list) else [rows])

    sa.event.listen(store._engine, "before_cursor_execute", execute)
    verdict = Verdict("fresh", (), AT, Outcome.OK, samples=(Sample("age", 1.0),))
    store.commit(Step(AT, slots=(Slot("fresh", AT, AT, Outcome.OK),), verdicts=(verdict,)))
    cells = [cell for row in written for cell in (row.values() if isinstance(row, dict) else row)]
    assert len(cells) == 12
    assert Outcome not in {type(cell) for cell in cells}


def test_to_note_that_the_daemon_looks_costs_few_calls(store: Store) -> None:
    run = store.journal.started(AT)
    store.journal.seen(run, AT)
    # 310 on SQLite; 458 when the statement was built each time.
    assert calls_of(lambda: store.journal.seen(run, AT)) < 400


def test_a_digest_is_claimed_once_a_day(store: Store) -> None:
    digest = Digest("morning", "on_call", AT, AT, "UTC", Mood.ALL_CLEAR, Coverage(1, 1))
    row = OutboxRow(note("digest:morning"), AT)
    assert store.story.claim("morning", AT.date(), digest, None, [row])
    assert not store.story.claim("morning", AT.date(), digest, None, [row])
    assert store.journal.digest("morning") == digest
    assert store.story.was_made("morning", AT.date())


def test_a_digest_counts_once_somebody_has_it_or_when_it_had_nothing_to_say(store: Store) -> None:
    digest = Digest("morning", "on_call", AT, AT, "UTC", Mood.ALL_CLEAR, Coverage(1, 1))
    subject = f"digest:morning:{AT.date()}"
    row = OutboxRow(replace(note("d"), subject=subject), AT)
    store.story.claim("morning", AT.date(), digest, None, [row])
    store.story.claim("owners/recsys", AT.date(), digest, None, [])
    assert store.story.delivered_until("morning") is None
    assert store.story.delivered_until("owners/recsys") == AT
    proof = Receipt("box", subject, AT)
    store.commit(step(settled=(Settled("d", AT, "sent", receipt=proof),)))
    assert store.story.delivered_until("morning") == AT


def test_days_of_outcomes_come_back_and_old_numbers_are_forgotten(store: Store) -> None:
    day = AT.date()
    days = {("a", day): "o" * 24, ("a", day - timedelta(3)): "w" * 24}
    store.samples.save([], days, AT)
    assert store.samples.days(day - timedelta(1)) == {"a": {day: "o" * 24}}
    assert store.samples.prune(AT) == 1


def test_the_newest_that_a_source_keeps_is_known_until_nobody_keeps_it(store: Store) -> None:
    store.keepsakes.save("adhoc", "first", AT)
    store.keepsakes.save("adhoc", "then", AT + timedelta(hours=1))
    store.keepsakes.save("etl", "its own", AT)
    assert store.keepsakes.load() == {"adhoc": "then", "etl": "its own"}
    assert store.keepsakes.prune(AT + timedelta(minutes=1)) == 1
    assert store.keepsakes.load() == {"adhoc": "then"}


def test_looks_are_summed_up_by_check(store: Store) -> None:
    def slot(check: str, minute: int, outcome: Outcome) -> Slot:
        at = AT + timedelta(minutes=minute)
        return Slot(check, at, at, outcome, f"{outcome} {minute}")

    blind = [slot("b", n, Outcome.ERROR if n in {1, 2} else Outcome.OK) for n in range(5)]
    fine = [slot("a", n, Outcome.OK) for n in range(3)]
    store.commit(Step(AT, slots=(*blind, *fine)))
    looks = store.slots.looks(AT, AT + timedelta(minutes=4))
    assert (looks["a"].judged, looks["a"].blind_from) == (3, None)
    assert looks["b"].judged == 2
    assert looks["b"].last.reason == "ok 3"
    assert looks["b"].blind_from == AT + timedelta(minutes=1)
    assert looks["b"].blind_to == AT + timedelta(minutes=3)
    assert looks["b"].blind_reason == "error 1"


def test_a_second_daemon_is_refused_and_told_who_holds_the_store(url: str, store: Store) -> None:
    store.lock.acquire("pid 4711")
    other = open_store(url)
    with pytest.raises(StoreError, match="another monitor"):
        other.lock.acquire("pid 1")
    store.lock.release()
    other.lock.acquire("pid 1")
    other.close()


def test_a_new_store_has_exactly_the_tables_that_the_code_uses(store: Store) -> None:
    with store._engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, metadata) == []
        assert current(connection) == head()


def test_migrations_lead_to_exactly_the_tables_that_the_code_uses(store: Store) -> None:
    with store._engine.begin() as connection:
        metadata.drop_all(connection)
        VERSIONS.drop(connection)
        migrate(connection, None)
    with store._engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, metadata) == []
        assert current(connection) == head()


def test_a_store_of_an_older_program_is_brought_up_to_date(store: Store, url: str) -> None:
    with store._engine.begin() as connection:
        metadata.drop_all(connection)
        VERSIONS.drop(connection)
        migrate(connection, None, "0001")
        assert current(connection) == "0001"
    open_store(url).close()
    with store._engine.connect() as connection:
        assert current(connection) == head()


def test_slots_that_an_older_program_left_in_rows_are_told_as_they_were(
    store: Store, url: str
) -> None:
    ends = [(minute, name) for minute in range(60) for name in ("a", "b", "c")]
    rows = [
        {
            "check": name,
            "due_at": AT + timedelta(minutes=minute),
            "ended_at": AT + timedelta(minutes=minute, seconds=1),
            "outcome": "error" if name == "b" and minute > 50 else "ok",
            "reason": "no answer" if name == "b" and minute > 50 else "",
        }
        for minute, name in ends
    ]
    with store._engine.begin() as connection:
        metadata.drop_all(connection)
        VERSIONS.drop(connection)
        migrate(connection, None, "0011")
        names = [sa.column(name, Moment() if name.endswith("_at") else None) for name in rows[0]]
        connection.execute(sa.table("verdict_recent", *names).insert(), rows)
    open_store(url).close()
    found = store.slots.summaries(AT, AT + timedelta(hours=1))
    assert found["a"].counts == {Outcome.OK: 60}
    assert found["b"].counts == {Outcome.OK: 51, Outcome.ERROR: 9}
    last = AT + timedelta(minutes=59)
    assert found["b"].last == Slot(
        "b", last, last + timedelta(seconds=1), Outcome.ERROR, "no answer"
    )
    assert len(store.slots.last("c", 100)) == 60


def test_the_newest_migration_is_the_head_of_one_line() -> None:
    config = Config()
    config.set_main_option("script_location", str(FOLDER))
    config.set_main_option("path_separator", "os")
    assert ScriptDirectory.from_config(config).get_heads() == [head()]


def test_a_store_of_a_newer_program_is_refused(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/monitor.db"
    open_store(url).close()
    with sqlite3.connect(tmp_path / "monitor.db") as connection:
        connection.execute("update alembic_version set version_num = '9999'")
    connection.close()
    with pytest.raises(StoreError, match="run a newer monitor"):
        open_store(url)


def test_a_missing_folder_and_a_strange_file_are_refused_with_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="make it first"):
        open_store(f"sqlite:///{tmp_path}/none/monitor.db")
    (tmp_path / "text.db").write_text("this is no database, however long it may be" * 100)
    with pytest.raises(StoreError, match="cannot be opened"):
        open_store(f"sqlite:///{tmp_path}/text.db")
    with pytest.raises(StoreError, match="no database URL"):
        open_store("monitor.db")


WRITER = """
import sys
from datetime import UTC, datetime
from monitor.core.notification import Notification, NotifyReason
from monitor.core.state import OutboxRow, Step
from monitor.store import open_store

store = open_store(sys.argv[1])
at = datetime(2026, 11, 24, tzinfo=UTC)
for number in range(100_000):
    key = f"{sys.argv[2]}:{number}"
    note = Notification(key, key, "slack", NotifyReason.FIRST, at)
    store.commit(Step(at, outbox=(OutboxRow(note, at),)))
    print(key, flush=True)
"""


@pytest.mark.alone
def test_kill_minus_nine_loses_nothing_that_was_acknowledged(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/monitor.db"
    acknowledged: set[str] = set()
    for attempt in range(4):
        command = [sys.executable, "-c", WRITER, url, str(attempt)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as writer:
            assert writer.stdout is not None
            for _ in range(20 + 7 * attempt):
                acknowledged.add(writer.stdout.readline().strip())
            writer.send_signal(signal.SIGKILL)
            acknowledged.update(line.strip() for line in writer.stdout if line.endswith("\n"))
    store = open_store(url)
    stored = {row.notification.key for row in store.outbox.waiting()}
    store.close()
    assert acknowledged <= stored
    with sqlite3.connect(tmp_path / "monitor.db") as connection:
        assert connection.execute("pragma quick_check").fetchone() == ("ok",)
    connection.close()


def test_a_store_that_became_read_only_says_so(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/monitor.db"
    store = open_store(url)
    sa.event.listen(
        store._engine,
        "begin",
        lambda connection: connection.exec_driver_sql("PRAGMA query_only=1"),
    )
    with pytest.raises(StoreError, match="cannot be written"):
        store.commit(step(alerts=(ALERT,)))
    store.close()


@pytest.mark.parametrize("table", [slot_batch, sample_fresh, ping, state_repeat])
def test_what_comes_many_times_a_second_is_counted_for_longer_than_a_year(table: sa.Table) -> None:
    """A hundred a second are 2^31 after eight months, and then PostgreSQL takes no more."""
    made = str(CreateTable(table).compile(dialect=postgresql.dialect()))  # type: ignore[no-untyped-call]  # as it is
    assert "id BIG" in made
