"""Who is on call."""

from datetime import datetime, timedelta

from monitor.core.model import OnCall


def on_call_at(rota: OnCall, now: datetime) -> str | None:
    """Return the person on call; None for an empty rotation.

    Without a start the first of the rotation is always on call; before the start, too.
    """
    if not rota.rotation:
        return None
    if rota.start is None or now < rota.start or rota.every <= timedelta(0):
        return rota.rotation[0]
    return rota.rotation[(now - rota.start) // rota.every % len(rota.rotation)]
