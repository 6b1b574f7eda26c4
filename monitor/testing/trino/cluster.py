"""What a scripted cluster is at one moment."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from monitor.api.load import ClusterQuery, GroupLoad
from monitor.testing.trino.faults import Fault

Rows: TypeAlias = tuple[Mapping[str, str], Sequence[Sequence[Any]]]
"""Types of columns by name, and rows; cells as the protocol writes them (dates are texts)."""


@dataclass(frozen=True, slots=True)
class ClusterState:
    """The cluster at one moment.

    ``is_full`` refuses every statement (QUERY_QUEUE_FULL), ``is_stuck`` leaves it in the queue.
    ``tables`` maps a pattern of SQL to column types and rows, or to an error of Trino.
    ``catalogs`` maps catalogs to connectors, as ``system.metadata.catalogs`` tells them.
    ``hidden`` are queries that whoever asks may not view: counted, and listed nowhere.
    ``denied`` names resources (``/metrics``) that answer 403. ``fault`` is that of everything;
    ``faults`` maps patterns of SQL to faults of those statements alone. ``has_new_login`` is the
    login of 483 and later; ``password`` is the one that it and Basic want.
    """

    workers: int = 4
    queries: Sequence[ClusterQuery] = ()
    hidden: Sequence[ClusterQuery] = ()
    memory_share: float = 0.3
    heap_share: float = 0.4
    cpu_share: float = 0.4
    blocked_nodes: int = 0
    oom_kills: int = 0
    groups: Sequence[GroupLoad] = ()
    is_starting: bool = False
    is_full: bool = False
    is_stuck: bool = False
    has_old_names: bool = False
    has_new_login: bool = False
    password: str = ""
    version: str = "476"
    tables: Mapping[str, Rows | Mapping[str, Any]] = field(default_factory=dict)
    catalogs: Mapping[str, str] = field(default_factory=lambda: {"tpch": "tpch"})
    denied: frozenset[str] = frozenset()
    fault: Fault = Fault.NONE
    faults: Mapping[str, Fault] = field(default_factory=dict)
