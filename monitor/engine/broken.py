"""Checks that are gone, and files that are wrong: each is an incident of its maintainer."""

from collections.abc import Collection, Container, Iterable, Iterator
from datetime import datetime

from monitor.config.plan import BrokenFile, Plan
from monitor.core.advance import Finding
from monitor.core.external import facts_of
from monitor.core.model import Hold, Outcome, Tier, TierRule, Verdict
from monitor.core.world import CheckFacts, World

_PREFIX = "file/"
_RULES = (TierRule(Tier.WARN, (), Hold()),)


def file_check(name: str) -> str:
    """Return the id under which the state of a file is kept."""
    return f"{_PREFIX}{name}"


def is_file(check: str) -> bool:
    """Say whether an id is that of a file."""
    return check.startswith(_PREFIX)


def file_facts(plan: Plan) -> Iterator[CheckFacts]:
    """Describe the broken files of a plan as deciding sees checks."""
    for name, broken in plan.broken.items():
        yield CheckFacts(file_check(name), "file", _RULES, "", maintainer=broken.maintainer)


def file_findings(plan: Plan, open_checks: Collection[str], now: datetime) -> Iterable[Finding]:
    """Say which files are broken now, and which of those with an open alert are well again."""
    for name, broken in plan.broken.items():
        verdict = Verdict(
            file_check(name), (), now, Outcome.WARN, Tier.WARN, reason=_reason(broken, plan)
        )
        yield Finding(verdict.check, None, (verdict,))
    broken_now = {file_check(name) for name in plan.broken}
    for check in sorted({one for one in open_checks if is_file(one)} - broken_now):
        well = Verdict(check, (), now, Outcome.OK, reason="the file is right again")
        yield Finding(check, None, (well,))


def is_known(check: str, world: World) -> bool:
    """Say whether a check is in a file, is a file, or comes from another system."""
    return check in world.checks or is_file(check) or facts_of(check) is not None


def farewells(strangers: Iterable[str], known: Container[str], plan: Plan) -> Iterator[str]:
    """Return those checks with open alerts that are in no file any more.

    A check that was not ``known`` before may be one of a file that cannot be read: as long as
    there is such a file, its alert stays.
    """
    wrong = {problem.check for problem in plan.problems}
    for check in sorted(strangers):
        is_ours = not is_file(check) and facts_of(check) is None
        is_gone = check not in wrong and (check in known or not plan.broken)
        if is_ours and is_gone:
            yield check


def _reason(broken: BrokenFile, plan: Plan) -> str:
    count = len(broken.problems)
    first = str(broken.problems[0]) if broken.problems else "it cannot be used"
    more = f" (and {count - 1} more)" if count > 1 else ""
    lost = {one.check for one in broken.problems if one.check is not None} - plan.checks.keys()
    effect = f"; not running: {', '.join(sorted(lost)[:5])}" if lost else ""
    return f"{first}{more}{effect}"
