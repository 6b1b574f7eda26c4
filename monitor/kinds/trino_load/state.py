"""The state of a cluster, from its signs."""

from collections.abc import Sequence
from enum import IntEnum

from monitor.api import LoadSnapshot
from monitor.kinds.trino_load.signals import Family, Level, Sign


class ClusterState(IntEnum):
    """How a cluster is, worst last; the number is what a limit on ``state`` is held against."""

    OK = 0
    BUSY = 1
    OVERLOADED = 2
    DOWN = 3


def state_of(load: LoadSnapshot, found: Sequence[Sign]) -> ClusterState:
    """Judge the signs: one is busy, one that is hard or two of different families are overload."""
    if not load.is_up:
        return ClusterState.DOWN
    families = {sign.family for sign in found}
    if any(sign.level is Level.HARD for sign in found):
        return ClusterState.OVERLOADED
    if len(families) > 1 and families != {Family.FULL}:
        return ClusterState.OVERLOADED
    return ClusterState.BUSY if found else ClusterState.OK


def says(load: LoadSnapshot, state: ClusterState, found: Sequence[Sign]) -> str:
    """Say it in one sentence."""
    if state is ClusterState.DOWN:
        why = next(iter(load.silent.values()), "nothing answers")
        return f"is DOWN: {why}"
    return f"is {state.name}: " + "; ".join(sign.says for sign in found[:3]) if found else "is OK"
