"""Letting go of sources and receivers that no plan has any more."""

from itertools import chain

from monitor.config.plan import Plan


async def close_gone(old: Plan, plan: Plan | None) -> None:
    """Close what a new plan has not taken over; without one, everything."""
    kept = set[int]()
    if plan is not None:
        kept = {id(one) for one in chain(plan.sources.values(), plan.receivers.values())}
    for source in old.sources.values():
        if id(source) not in kept:
            await source.close()
    for receiver in old.receivers.values():
        if id(receiver) not in kept:
            await receiver.close()
