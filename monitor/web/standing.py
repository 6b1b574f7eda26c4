"""How many checks are how: what "nothing open" is worth."""

from collections import Counter
from itertools import groupby
from operator import itemgetter

from monitor.config.plan import Plan
from monitor.store.story import Story
from monitor.web.reading import MOST_ROWS
from monitor.web.rows import NOT_YET, outcome_of_each, row_of


def standing(plan: Plan, story: Story) -> Counter[str]:
    """Count the checks by the outcome of their newest look, or that there was none yet; blocking.

    Of very many by the worst of all slices, those that are gone among them: what is newest is told
    by reading every verdict.
    """
    if len(plan.checks) > MOST_ROWS:
        return Counter(outcome_of_each(plan.checks, story.outcomes()).values())
    rows = {
        name: row_of(name, [one for _, one in found], plan.timezone)
        for name, found in groupby(story.newest(), key=itemgetter(0))
    }
    return Counter(rows[name][2] if name in rows else NOT_YET for name in plan.checks)
