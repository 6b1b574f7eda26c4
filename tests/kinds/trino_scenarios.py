"""Labelled stories of a cluster: which of them are an overload, and by whose doing."""

import random
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from monitor.api import ClusterQuery, GroupLoad, LoadSnapshot, holders_of
from monitor.sources.trino.past import Past

NOW = datetime(2026, 11, 24, 9, 0, tzinfo=UTC)
LOOK = timedelta(seconds=15)
CALM, EVENT = 24, 52
"""Looks before something happens (6 minutes), and while it does (13 minutes)."""

SECOND, MINUTE, GB = timedelta(seconds=1), timedelta(minutes=1), 2**30
BI, ETL, DBT, ASHA = ("bi", "Apache Superset"), ("etl", "airflow"), ("dbt", "dbt"), ("asha", "cli")
STRANGER = ("ravi", "notebook")
Facts = dict[str, Any]


@dataclass
class Scene:
    """One look in the making. ``at`` counts looks since the event began; negative before it."""

    rng: random.Random
    at: int
    queries: list[ClusterQuery] = field(default_factory=list)
    facts: Facts = field(default_factory=dict)

    def runs(self, who: tuple[str, str], count: int, **more: Any) -> None:
        told = {"elapsed": MINUTE, "cpu": 20 * SECOND, "memory_bytes": GB, "slots": 4, **more}
        self._add(who, count, "RUNNING", told)

    def waits(self, who: tuple[str, str], count: int, seconds: float) -> None:
        told = {"elapsed": timedelta(seconds=seconds), "queued": timedelta(seconds=seconds)}
        self._add(who, count, "QUEUED", told)

    def ended(self, who: tuple[str, str], count: int, error: str = "", family: str = "") -> None:
        state = "FAILED" if error else "FINISHED"
        at = self.facts["now"] - 30 * SECOND
        told = {"elapsed": 20 * SECOND, "error": error, "error_type": family, "ended_at": at}
        self._add(who, count, state, told)

    def _add(self, who: tuple[str, str], count: int, state: str, told: Mapping[str, Any]) -> None:
        for _ in range(count):
            key = f"{len(self.queries)}-{who[0]}"
            group = f"global.{who[0]}"
            self.queries.append(ClusterQuery(key, *who, state=state, group=group, **told))


def calm(scene: Scene) -> None:
    """Write an everyday cluster: some dashboards, a pipeline, somebody who looks around."""
    rng = scene.rng
    scene.runs(BI, rng.randint(2, 6))
    scene.runs(ETL, 2, elapsed=20 * MINUTE, cpu=30 * MINUTE, memory_bytes=6 * GB)
    scene.runs(ASHA, rng.randint(0, 2))
    scene.waits(BI, rng.randint(0, 2), rng.uniform(0, 3))
    scene.ended(BI, 25)
    scene.facts |= {
        "workers": 10,
        "memory_share": rng.uniform(0.3, 0.6),
        "heap_share": rng.uniform(0.4, 0.8),
        "cpu_share": rng.uniform(0.2, 0.6),
        "slot_share": rng.uniform(0.2, 0.7),
        "blocked_nodes": 0,
        "oom_kills": 3,
        "canary": rng.uniform(0.05, 0.6),
    }


@dataclass(frozen=True)
class Story:
    """A kind of event: what it does to a look, whether it is an overload, who did it."""

    name: str
    play: Callable[[Scene], None]
    culprit: tuple[str, str] | None = None
    is_overload: bool = False


def storm(scene: Scene) -> None:
    grown = min(180, 8 * scene.at)
    scene.runs(BI, 14 + scene.rng.randint(0, 6))
    scene.waits(BI, grown, min(600, 12 * scene.at))


def hog(scene: Scene) -> None:
    scene.runs(STRANGER, 1, memory_bytes=90 * GB, cpu=20 * MINUTE, elapsed=5 * MINUTE)
    scene.waits(BI, 12 + scene.at // 2, min(400, 10 * scene.at))
    scene.facts["memory_share"] = 0.96


def killer(scene: Scene) -> None:
    scene.runs(STRANGER, 3, memory_bytes=40 * GB)
    scene.facts |= {"oom_kills": 3 + 1 + scene.at // 8, "memory_share": 0.97}


def burner(scene: Scene) -> None:
    scene.runs(STRANGER, 6, cpu=60 * MINUTE, elapsed=6 * MINUTE)
    scene.waits(BI, 25, min(300, 8 * scene.at))
    scene.facts |= {"slot_share": 0.99, "cpu_share": 0.97}


def full(scene: Scene) -> None:
    scene.runs(STRANGER, 20)
    scene.waits(STRANGER, 95, 60)
    scene.ended(BI, 4, "QUERY_QUEUE_FULL", "INSUFFICIENT_RESOURCES")
    scene.facts["groups"] = (GroupLoad("global", 20, 20, 97, 100),)


def lost_workers(scene: Scene) -> None:
    scene.facts["workers"] = scene.rng.randint(0, 5)
    scene.ended(BI, 3, "REMOTE_HOST_GONE", "INTERNAL_ERROR")


def failing(scene: Scene) -> None:
    scene.ended(BI, 4, "REMOTE_TASK_ERROR", "INTERNAL_ERROR")
    scene.ended(DBT, 3, "CLUSTER_OUT_OF_MEMORY", "INSUFFICIENT_RESOURCES")


def slow_metastore(scene: Scene) -> None:
    scene.runs(BI, 8, planning=40 * SECOND)
    scene.waits(BI, 20, min(200, 6 * scene.at))
    scene.facts["canary"] = 5.0


def gone(scene: Scene) -> None:
    scene.facts["is_up"] = False


def nothing(scene: Scene) -> None:
    """Go on as before."""


def heavy_night(scene: Scene) -> None:
    scene.runs(ETL, 8, cpu=90 * MINUTE, elapsed=40 * MINUTE, memory_bytes=9 * GB)
    scene.facts |= {"memory_share": 0.95, "cpu_share": 0.97, "heap_share": 0.93, "slot_share": 0.99}


def short_burst(scene: Scene) -> None:
    if scene.at < 8:
        scene.waits(BI, 40, 10)


def own_limit(scene: Scene) -> None:
    scene.ended(ASHA, 12, "EXCEEDED_CPU_LIMIT", "INSUFFICIENT_RESOURCES")


def broken_dashboard(scene: Scene) -> None:
    scene.ended(BI, 40, "COLUMN_NOT_FOUND", "USER_ERROR")


def one_worker_less(scene: Scene) -> None:
    scene.facts["workers"] = 9


def rolling_restart(scene: Scene) -> None:
    scene.facts["workers"] = 9 if scene.at % 8 < 6 else 10


def blip(scene: Scene) -> None:
    scene.facts["is_up"] = scene.at not in {3, 4}


def small_queue(scene: Scene) -> None:
    scene.runs(BI, 12)
    scene.waits(BI, scene.rng.randint(4, 9), 8)


def patient_pipeline(scene: Scene) -> None:
    scene.waits(ETL, 3, 60 + 15 * scene.at)


def sawtooth_heap(scene: Scene) -> None:
    scene.facts["heap_share"] = 0.97 if scene.at % 4 else 0.5


def slow_canary(scene: Scene) -> None:
    scene.facts["canary"] = 5.5 if scene.at < 6 else 0.3


def batch(scene: Scene) -> None:
    """Let a pipeline ask for sixty at once, which are done after less than four minutes."""
    scene.runs(ETL, 6 if scene.at < 15 else 0)
    scene.waits(ETL, max(0, 60 - 4 * scene.at), 15 * scene.at)


def burst_on_a_full_night(scene: Scene) -> None:
    heavy_night(scene)
    short_burst(scene)


def batch_on_a_full_night(scene: Scene) -> None:
    """Let a batch come upon a full cluster and wait up to two minutes for it."""
    heavy_night(scene)
    scene.waits(DBT, max(0, 40 - 4 * scene.at), min(120, 15 * scene.at))


def slow_storm(scene: Scene) -> None:
    scene.runs(BI, 10)
    scene.waits(BI, 3 * scene.at, 6 * scene.at)


def absorbed_rush(scene: Scene) -> None:
    """Let people come for a minute and a half; then they are served, the last ones late."""
    at = scene.at
    scene.runs(BI, 10)
    scene.waits(BI, 10 * at if at < 6 else max(0, 60 - 6 * (at - 6)), min(140, 15 * at))


def pieces_of_a_batch(scene: Scene) -> None:
    """Let three times twenty come, a minute apart, faster than they are done."""
    at = scene.at
    came = 20 * min(3, 1 + at // 4)
    scene.runs(ETL, 6 if at < 20 else 0)
    scene.waits(ETL, max(0, came - 4 * at), min(105, 15 * at))


def batch_that_stands(scene: Scene) -> None:
    """Let a batch wait behind its first long queries for three minutes, and then be done."""
    at = scene.at
    scene.runs(ETL, 6 if at < 18 else 0)
    scene.waits(ETL, 40 if at < 13 else max(0, 40 - 10 * (at - 12)), min(200, 15 * at))


OVERLOADS = (
    Story("five times the dashboards", storm, BI),
    Story("a queue that builds up slowly", slow_storm, BI),
    Story("one query takes the memory", hog, STRANGER),
    Story("queries are killed for memory", killer, STRANGER),
    Story("one user burns the CPU", burner, STRANGER),
    Story("the queue is full", full, STRANGER),
    Story("half of the workers are lost", lost_workers),
    Story("queries fail by the cluster's fault", failing),
    Story("the metastore is slow", slow_metastore),
    Story("nothing answers", gone),
)
STORIES = (
    *(replace(story, is_overload=True) for story in OVERLOADS),
    Story("an everyday day", nothing),
    Story("a heavy night that harms nobody", heavy_night),
    Story("a short burst", short_burst),
    Story("one user hits a limit", own_limit),
    Story("a broken dashboard", broken_dashboard),
    Story("one worker less", one_worker_less),
    Story("a rolling restart", rolling_restart),
    Story("two lost looks", blip),
    Story("a small queue that moves", small_queue),
    Story("a pipeline that waits for its turn", patient_pipeline),
    Story("a heap that is collected", sawtooth_heap),
    Story("a slow minute", slow_canary),
    Story("a batch that drains", batch),
    Story("a rush that is absorbed", absorbed_rush),
    Story("a batch in pieces", pieces_of_a_batch),
    Story("a batch that stands for a while", batch_that_stands),
    Story("a burst on a full night", burst_on_a_full_night),
    Story("a batch that drains on a full night", batch_on_a_full_night),
)


def snapshots(story: Story, seed: int) -> Iterator[tuple[int, LoadSnapshot]]:
    """Yield the looks of a story, numbered from its event, with what the monitor remembers."""
    rng = random.Random(f"{story.name} {seed}")  # noqa: S311  # a story, told the same again
    past = Past()
    for day in range(4, 0, -1):
        _look(past, rng, NOW - timedelta(days=day), -1, nothing)
    for at in range(-CALM, EVENT):
        yield at, _look(past, rng, NOW + at * LOOK, at, story.play if at >= 0 else nothing)


def _look(
    past: Past, rng: random.Random, now: datetime, at: int, play: Callable[[Scene], None]
) -> LoadSnapshot:
    scene = Scene(rng, at, facts={"now": now})
    calm(scene)
    play(scene)
    facts = {key: value for key, value in scene.facts.items() if key != "now"}
    if not facts.get("is_up", True):
        made = LoadSnapshot(observed_at=now, is_up=False, silent={"/v1/info": "no connection"})
        past.remember(made.now)
        return replace(made, past=tuple(past.points)[:-1])
    states = [one.state for one in scene.queries]
    shares = {f"{user}|{source}": it for (user, source), it in holders_of(scene.queries).items()}
    past.remember_shares(now, shares)
    made = LoadSnapshot(
        observed_at=now,
        queries=tuple(scene.queries),
        queued=states.count("QUEUED"),
        running=states.count("RUNNING"),
        blocked=0,
        past=tuple(past.points),
        usual_workers=10.0,
        usual=past.usual(now, shares),
        **facts,
    )
    past.remember(made.now)
    return made
