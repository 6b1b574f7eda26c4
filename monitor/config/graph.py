"""Cycles in what points at what."""

from collections.abc import Mapping, Sequence


def find_cycles(edges: Mapping[str, Sequence[str]]) -> list[tuple[str, ...]]:
    """Return each cycle once, as the names along it, starting with the one that was met first."""
    done: set[str] = set()
    cycles: list[tuple[str, ...]] = []
    for start in edges:
        path: list[str] = []
        waiting = [(start, False)]
        while waiting:
            name, is_left = waiting.pop()
            if is_left:
                path.pop()
                done.add(name)
            elif name in path:
                cycles.append(tuple(path[path.index(name) :]))
            elif name not in done:
                path.append(name)
                waiting.append((name, True))
                waiting.extend((to, False) for to in reversed(edges.get(name, ())))
    return cycles
