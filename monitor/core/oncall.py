"""Who is on call: a rotation that hands over by the local clock, and overrides of it."""

from datetime import datetime, timedelta

from monitor.core.model import OnCall
from monitor.core.moments import first_moment, local_time


def on_call_at(rota: OnCall, now: datetime) -> str | None:
    """Return the person on call; None for an empty rotation without an override.

    Of overrides that overlap the one written last wins. Without a start the first of the rotation
    is always on call; before the start, too.
    """
    for override in reversed(rota.overrides):
        if override.start <= now < override.end:
            return override.person
    if not rota.rotation:
        return None
    turn = _turn(rota, now)
    return rota.rotation[turn % len(rota.rotation)]


def next_hand_over(rota: OnCall, now: datetime) -> datetime | None:
    """Return when the rotation hands over next, overrides aside; None where it never does."""
    if rota.start is None or len(set(rota.rotation)) < 2 or rota.every <= timedelta(0):  # noqa: PLR2004
        return None
    return _hand_over(rota, rota.start, _turn(rota, now) + 1)


def _turn(rota: OnCall, now: datetime) -> int:
    """Count the hand-overs since the start."""
    if rota.start is None or now < rota.start or rota.every <= timedelta(0):
        return 0
    passed = local_time(now, rota.timezone) - local_time(rota.start, rota.timezone)
    turn = max(0, passed // rota.every)
    # By the clock the count is right but for the hours that clocks skip or show twice.
    while turn > 0 and _hand_over(rota, rota.start, turn) > now:
        turn -= 1
    while _hand_over(rota, rota.start, turn + 1) <= now:
        turn += 1
    return turn


def _hand_over(rota: OnCall, start: datetime, turn: int) -> datetime:
    """Return the moment of a hand-over: the same local time as the start's, whatever the season."""
    return first_moment(local_time(start, rota.timezone) + turn * rota.every, rota.timezone)
