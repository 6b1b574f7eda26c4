"""What is said of a storm: how many incidents, and whose they are."""

from monitor.core.incident import IncidentView, Storm

MOST_OWNERS = 10


def storm_headline(view: IncidentView, storm: Storm) -> str:
    """Say how many there are: ``247 incidents at once, 103 of them still open``."""
    count = view.incident.members
    if not view.is_open:
        return f"{_incidents(count)} at once: all are over"
    paging = f", {storm.pages} of tier page" if storm.pages else ""
    acked = f", {storm.acked} acknowledged" if storm.acked else ""
    left = "" if storm.open == count else f", {storm.open} of them still open"
    return f"{_incidents(count)} at once{left}{paging}{acked}"


def owners(storm: Storm) -> list[str]:
    """Say whose incidents are open, those first who have most: ``recsys 25``."""
    shown = [f"{name} {count}" for name, count in storm.owners[:MOST_OWNERS]]
    rest = storm.owners[MOST_OWNERS:]
    return [*shown, f"{len(rest)} others {sum(n for _, n in rest)}"] if rest else shown


def _incidents(count: int) -> str:
    return f"{count} incident" if count == 1 else f"{count} incidents"
