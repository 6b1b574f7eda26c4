from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from monitor.api import (
    ClusterQuery,
    Direction,
    GroupLoad,
    Load,
    LoadPoint,
    LoadSnapshot,
    NoData,
    Sample,
    Unit,
)
from monitor.core.model import Hold, Limit, Tier, TierRule
from monitor.kinds.trino_load import TrinoLoad
from monitor.kinds.trino_load.people import anywhere, victim
from monitor.kinds.trino_load.state import ClusterState

NOW = datetime(2026, 11, 24, 9, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


def query(number: int, state: str = "RUNNING", **more: Any) -> ClusterQuery:
    return ClusterQuery(
        **{"id": f"q{number}", "user": "asha", "source": "cli", **more}, state=state
    )


def ended(number: int, error: str = "", family: str = "", **more: Any) -> ClusterQuery:
    told = {"ended_at": NOW - MINUTE, "error": error, "error_type": family, **more}
    return query(number, "FAILED" if error else "FINISHED", **told)


def measure(expected: int | None = None, **snapshot: Any) -> dict[str, Sample]:
    check = TrinoLoad(id="load", expected_workers=expected)
    found = check.measure([LoadSnapshot(observed_at=NOW, **snapshot)], NOW)
    return {one.measure: one for one in found if isinstance(one, Sample)}


def of(queries: Sequence[ClusterQuery]) -> dict[str, Sample]:
    waits = sum(one.state == "QUEUED" for one in queries)
    runs = sum(one.state == "RUNNING" for one in queries)
    return measure(queries=tuple(queries), queued=waits, running=runs)


def test_it_asks_for_a_snapshot_and_judges_the_queue_first() -> None:
    assert TrinoLoad(id="load").ask(NOW) == [Load()]
    assert next(iter(TrinoLoad.measures)) == "queued"


def test_only_few_workers_are_bad_below() -> None:
    below = [n for n, m in TrinoLoad.measures.items() if m.bad is Direction.BELOW]
    assert below == ["workers"]
    assert TrinoLoad.measures["workers"].unit is Unit.SHARE


def test_numbers_of_the_snapshot_are_measured() -> None:
    found = measure(queued=3, running=2, memory_share=0.9, heap_share=0.5)
    assert {name: one.value for name, one in found.items()} == {
        "queued": 3,
        "running": 2,
        "memory": 0.9,
        "heap": 0.5,
        "state": 0,
    }


def test_what_no_collector_told_is_not_measured() -> None:
    assert set(measure(queued=0)) == {"queued", "state"}


def test_a_snapshot_that_tells_nothing_is_no_data() -> None:
    found = list(TrinoLoad(id="load").measure([LoadSnapshot(observed_at=NOW)], NOW))
    assert [type(one) for one in found] == [NoData]


def test_workers_are_a_share_of_the_expected() -> None:
    assert measure(expected=8, workers=6)["workers"].value == pytest.approx(0.75)


def test_workers_are_not_judged_without_an_expectation() -> None:
    assert "workers" not in measure(workers=6)


def test_queue_time_counts_what_still_waits_until_now() -> None:
    waits = [query(n, "QUEUED", elapsed=timedelta(seconds=n)) for n in range(1, 101)]
    assert of(waits)["queue_time"].value == 95


def test_queue_time_counts_what_has_left_the_queue() -> None:
    assert of([query(1, queued=MINUTE, elapsed=2 * MINUTE)])["queue_time"].value == 60


def test_a_wait_of_long_ago_is_forgotten() -> None:
    long_ago = query(1, queued=MINUTE, elapsed=timedelta(hours=2))
    ended_late = ended(2, queued=MINUTE, elapsed=2 * MINUTE, ended_at=NOW - 20 * MINUTE)
    assert of([long_ago, ended_late])["queue_time"].value == 0


def test_an_idle_cluster_has_no_queue_time_and_nothing_blocked() -> None:
    found = of([])
    assert (found["queue_time"].value, found["blocked"].value) == (0, 0)


def test_blocked_is_a_share_of_the_running() -> None:
    queries = [query(1, is_blocked=True), query(2), query(3, "QUEUED", is_blocked=True)]
    assert of(queries)["blocked"].value == pytest.approx(0.5)


def test_failures_of_the_cluster_are_a_share_of_the_ended() -> None:
    lost = ended(0, "CLUSTER_OUT_OF_MEMORY", "INSUFFICIENT_RESOURCES")
    assert of([lost, *(ended(n) for n in range(1, 20))])["failures"].value == pytest.approx(0.05)


def test_a_mistake_of_a_user_is_no_failure_of_the_cluster() -> None:
    wrong = [ended(n, "SYNTAX_ERROR", "USER_ERROR") for n in range(20)]
    assert of(wrong)["failures"].value == 0


def test_too_few_ended_queries_tell_no_share_of_failures() -> None:
    assert "failures" not in of([ended(n) for n in range(19)])


def test_failures_of_more_than_ten_minutes_ago_are_left_out() -> None:
    assert "failures" not in of([ended(n, ended_at=NOW - 11 * MINUTE) for n in range(30)])


@pytest.mark.parametrize(("users", "share"), [(1, 0.0), (2, 0.0), (3, 1.0)])
def test_a_limit_that_one_user_hits_is_that_users(users: int, share: float) -> None:
    limit = ("EXCEEDED_CPU_LIMIT", "INSUFFICIENT_RESOURCES")
    queries = [ended(n, *limit, user=f"user{n % users}") for n in range(20)]
    assert of(queries)["failures"].value == share


def test_the_holder_of_most_slots_is_named_first() -> None:
    storm = [query(n, user="bi", source="superset", group="global.bi") for n in range(8)]
    evidence = of([*storm, query(8), query(9, user="ben")])["queued"].evidence
    assert evidence["holders"][0] == {
        "user": "bi",
        "source": "superset",
        "group": "global.bi",
        "queries": 8,
        "queued": 0,
        "slots": 0,
        "cpu_s": 0.0,
        "memory_bytes": 0,
        "share": 0.8,
        "usual": None,
    }


@pytest.mark.parametrize(
    "heavy", [{"memory_bytes": 90 * 2**30}, {"cpu": timedelta(hours=9)}], ids=["memory", "cpu"]
)
def test_one_heavy_query_is_named_before_many_light_ones(heavy: dict[str, Any]) -> None:
    light: dict[str, Any] = {"memory_bytes": 2**20, "cpu": timedelta(seconds=1)}
    many = [query(n, user="bi", **light) for n in range(8)]
    others = [query(10 + n, user="ben", **light) for n in range(4)]
    evidence = of([*many, *others, query(9, user="etl", **(light | heavy))])["queued"].evidence
    assert evidence["holders"][0]["user"] == "etl"
    assert evidence["queries"][0] == "q9"


def test_three_holders_are_enough() -> None:
    evidence = of([query(n, user=f"user{n}") for n in range(9)])["queued"].evidence
    assert len(evidence["holders"]) == 3


def test_who_waits_is_told_with_counts() -> None:
    waits = [query(n, "QUEUED", user="bi", source="superset") for n in range(4)]
    evidence = of([*waits, query(9, "QUEUED")])["queued"].evidence
    assert evidence["waiting"] == [
        {"user": "bi", "source": "superset", "count": 4},
        {"user": "asha", "source": "cli", "count": 1},
    ]


def test_dashboards_and_pipelines_that_wait_or_fail_are_victims() -> None:
    lost = ("CLUSTER_OUT_OF_MEMORY", "INSUFFICIENT_RESOURCES")
    queries = [
        query(1, "QUEUED", source="Apache Superset"),
        query(2, "QUEUED", source="Apache Superset"),
        query(3, "QUEUED", source="cli"),
        query(4, source="tableau"),
        ended(5, *lost, source="dbt-trino"),
        ended(6, "SYNTAX_ERROR", "USER_ERROR", source="airflow"),
        ended(7, *lost, source="looker", ended_at=NOW - 11 * MINUTE),
    ]
    assert of(queries)["queued"].evidence["victims"] == [
        {"resource": "Apache Superset", "waiting": 2, "failed": 0},
        {"resource": "dbt-trino", "waiting": 0, "failed": 1},
    ]


def test_the_evidence_says_who_told_and_who_did_not() -> None:
    silent = {"/metrics": "HTTP 403"}
    sample = measure(queued=1, collectors=("/v1/query",), silent=silent)["queued"]
    assert sample.evidence["collectors"] == ["/v1/query"]
    assert sample.evidence["silent"] == silent


@pytest.mark.parametrize(
    ("more", "resource"),
    [
        ({"source": "Apache Superset", "text": "select 1 -- dashboard_id=12"}, "superset.12"),
        ({"source": "Apache Superset", "text": "/* dashboard: exec */ select 1"}, "superset.exec"),
        ({"source": "superset/dashboard/exec/chart/7"}, "superset.exec"),
        ({"source": "Apache Superset"}, "Apache Superset"),
        (
            {"source": "cli", "agent": "Tableau 2026.2", "text": "-- workbook=sales"},
            "tableau.sales",
        ),
        (
            {"source": "airflow", "client_info": '{"dag_id": "rollup", "task_id": "x"}'},
            "airflow.rollup",
        ),
        (
            {
                "source": "dbt-trino-1.9",
                "text": '/* {"app": "dbt", "node_id": "model.shop.orders"} */',
            },
            "dbt.orders",
        ),
        ({"source": "cli", "text": "select 1 -- dashboard_id=12"}, None),
        ({"source": "jdbc", "text": "-- team=growth"}, "kpi.opt_outs"),
    ],
)
def test_a_victim_is_known_by_source_agent_or_comment(
    more: dict[str, Any], resource: str | None
) -> None:
    waits = query(1, "QUEUED", **more)
    assert victim(waits, {"kpi.opt_outs": anywhere("team=growth")}) == resource


def test_the_holder_who_holds_more_than_usual_is_named_before_the_one_who_always_does() -> None:
    nightly = [query(n, user="etl", source="airflow") for n in range(6)]
    stranger = [query(10 + n, user="asha", source="notebook") for n in range(4)]
    usual = {"etl|airflow": 0.9, "asha|notebook": 0.02}
    found = measure(queries=(*nightly, *stranger), queued=0, running=10, usual=usual)
    top = found["state"].evidence["holders"][0]
    assert (top["user"], top["share"], top["usual"]) == ("asha", 0.4, 0.02)


def rules_of(check: TrinoLoad, *given: TierRule) -> dict[Tier, TierRule]:
    return {rule.tier: rule for rule in check.complete(given)}


def test_without_tiers_the_state_warns_and_only_down_pages() -> None:
    rules = rules_of(TrinoLoad(id="load"))
    (warn,), (page,) = rules[Tier.WARN].limits, rules[Tier.PAGE].limits
    assert (warn.measure, warn.bound) == ("state", ClusterState.OVERLOADED)
    assert (page.measure, page.bound) == ("state", ClusterState.DOWN)
    assert rules[Tier.WARN].hold == Hold(needed=3, window=5)
    assert rules[Tier.PAGE].hold == Hold(duration=5 * MINUTE)


def test_with_tiers_of_its_own_a_cluster_that_is_down_still_breaches_the_highest() -> None:
    mine = TierRule(Tier.WARN, (Limit("queued", 50, Direction.ABOVE),))
    rules = rules_of(TrinoLoad(id="load"), mine)
    assert [limit.measure for limit in rules[Tier.WARN].limits] == ["queued", "state"]


def test_a_cluster_that_does_not_answer_is_down() -> None:
    found = measure(is_up=False, silent={"/v1/info": "no connection to the coordinator"})
    assert {name: one.value for name, one in found.items()} == {"state": ClusterState.DOWN}
    assert found["state"].evidence["says"] == "is DOWN: no connection to the coordinator"


def held(minutes: int, **point: Any) -> dict[str, Any]:
    """Say that the numbers have been the same for some minutes, a look every 15 s."""
    past = [
        LoadPoint(at=NOW - timedelta(seconds=15 * n), **point) for n in range(4 * minutes, 0, -1)
    ]
    return {"past": tuple(past), **point}


FULL = GroupLoad("global.bi", running=5, limit=5, queued=9, max_queued=10)
REJECTED = ended(1, "QUERY_QUEUE_FULL", "INSUFFICIENT_RESOURCES")
LOST = [ended(n, "CLUSTER_OUT_OF_MEMORY", "INSUFFICIENT_RESOURCES") for n in range(4)]
ZOMBIES = tuple(query(n, "FINISHING", finishing=2 * MINUTE) for n in range(3))
SLOWLY_PLANNED = tuple(query(n, planning=timedelta(seconds=20)) for n in range(5))
LONG_WAITS = tuple(query(n, "QUEUED", elapsed=3 * MINUTE) for n in range(5))
BUSY, OVERLOADED, OK = ClusterState.BUSY, ClusterState.OVERLOADED, ClusterState.OK


@pytest.mark.parametrize(
    ("snapshot", "state"),
    [
        ({"queued": 0, "running": 3}, OK),
        ({"queued": 0, "is_starting": True}, BUSY),
        ({"queued": 0, "workers": 0}, OVERLOADED),
        ({"queued": 0, "workers": 4, "usual_workers": 10.0}, OVERLOADED),
        (held(4, queued=0, workers=7) | {"usual_workers": 10.0}, BUSY),
        ({"queued": 0, "workers": 7, "usual_workers": 10.0}, OK),
        ({"queued": 9, "groups": (FULL,)}, OVERLOADED),
        ({"queued": 0, "queries": (REJECTED,)}, OVERLOADED),
        ({"queued": 0, "canary": 0.1, "canary_error": "QUERY_QUEUE_FULL: full"}, OVERLOADED),
        (held(6, queued=20, running=5), BUSY),
        ({"queued": 20, "running": 5}, OK),
        (held(6, queued=20, running=40), OK),
        (held(6, queued=5, running=40) | {"queries": LONG_WAITS}, BUSY),
        (held(6, queued=50, running=40) | {"queries": LONG_WAITS}, OVERLOADED),
        ({"queued": 5, "running": 40, "queries": LONG_WAITS}, BUSY),
        ({"queued": 0, "queries": tuple(ended(n) for n in range(20))}, OK),
        ({"queued": 0, "queries": (*LOST, *(ended(10 + n) for n in range(20)))}, OVERLOADED),
        (held(6, queued=0, running=10, blocked=6), BUSY),
        (held(6, queued=0, running=1, blocked=1), OK),
        (held(11, queued=0, memory_share=0.95), BUSY),
        (held(11, queued=0, memory_share=0.95, heap_share=0.95, cpu_share=0.99), BUSY),
        (held(11, queued=20, running=2, memory_share=0.95), OVERLOADED),
        (held(6, queued=0, blocked_nodes=2), BUSY),
        (held(3, queued=0, oom_kills=4) | {"oom_kills": 5}, OVERLOADED),
        (held(3, queued=0, oom_kills=5), OK),
        (held(11, queued=0, slot_share=0.95), BUSY),
        ({"queued": 0, "queries": ZOMBIES}, BUSY),
        ({"queued": 0, "queries": SLOWLY_PLANNED}, BUSY),
        ({"queued": 0, "canary": 7.0}, BUSY),
        ({"queued": 0, "canary": 0.2}, OK),
        (held(6, queued=20, running=5) | {"canary": 7.0}, OVERLOADED),
    ],
)
def test_the_state_follows_from_the_signs(snapshot: dict[str, Any], state: ClusterState) -> None:
    assert ClusterState(int(measure(**snapshot)["state"].value)) is state


def test_the_sentence_tells_the_signs() -> None:
    says = measure(queued=0, workers=0)["state"].evidence["says"]
    assert says == "is OVERLOADED: only 0 workers are there"
