"""What one rendering may use up: steps of loops and calls, and characters of all texts on the way.

Without it a short template makes a text of gigabytes on the way to a short output.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from jinja2 import TemplateError, nodes, pass_context
from jinja2.exceptions import SecurityError
from jinja2.filters import do_join, do_replace, do_round, make_attrgetter
from jinja2.runtime import Context

MOST_STEPS = 10_000
"""Numbers that one rendering may count through."""

MOST_ROUNDS = 20_000
"""Rounds of loops and calls of one rendering."""

MOST_CHARACTERS = 1_000_000
"""Characters that one rendering may move: written, joined, put through filters."""

BUDGET = " budget"
"""The name of the budget among the values: one that no template can write."""

MOST_DIGITS = 15

_OURS = frozenset({"counted", "weighed", "join", "replace"})


@dataclass
class Budget:
    """Counts down; a rendering that has used it up is refused."""

    rounds: int = MOST_ROUNDS
    characters: int = MOST_CHARACTERS
    is_unlimited: bool = False

    def step(self) -> None:
        """Count one round. Raise SecurityError beyond the last."""
        self.rounds -= 1
        if self.rounds < 0 and not self.is_unlimited:
            raise SecurityError(f"a template may not loop and call beyond {MOST_ROUNDS} in all")

    def charge(self, value: object, times: int = 1) -> None:
        """Count the characters of a text, or of all texts in a list. Raise SecurityError."""
        if self.is_unlimited:
            return
        self.characters -= times * _weight(value, self.characters)
        if self.characters < 0:
            raise SecurityError(f"a template may not move more than {MOST_CHARACTERS} characters")


def _weight(value: object, most: int) -> int:
    """Return how long a value is as text, about; no more is looked at than ``most`` needs."""
    if isinstance(value, str):
        return len(value)
    if isinstance(value, dict):
        value = [*value.keys(), *value.values()]
    if not isinstance(value, list | tuple | set | frozenset):
        return 0
    found = 0
    for one in value:
        found += 1 + _weight(one, most - found)
        if found > most:
            break
    return found


def budget_of(context: Context) -> Budget:
    """Return the budget of a rendering. Raise TemplateError for a module without one."""
    found = context.parent.get(BUDGET)
    if not isinstance(found, Budget):
        raise TemplateError(
            "import templates `with context`, as {% from 'x.j2' import y with context %}"
        )
    return found


@pass_context
def counted(context: Context, values: Iterable[Any]) -> Iterator[Any]:
    """Go through values, and count each."""
    budget = budget_of(context)
    for one in values:
        budget.step()
        yield one


@pass_context
def weighed(context: Context, value: Any) -> Any:
    """Count what a value is as text."""
    budget_of(context).charge(value)
    return value


@pass_context
def joined(
    context: Context, values: Iterable[Any], between: str = "", attribute: str | int | None = None
) -> str:
    """Join texts, as Jinja's filter."""
    budget = budget_of(context)
    if attribute is not None:
        values = map(make_attrgetter(context.environment, attribute), values)
    texts = []
    for one in values:
        budget.charge(one)
        budget.charge(between)
        texts.append(one)
    return str(do_join(context.eval_ctx, texts, between))


@pass_context
def replaced(context: Context, text: str, old: str, new: str, count: int | None = None) -> str:
    """Replace in a text, as Jinja's filter."""
    budget = budget_of(context)
    budget.charge(text)
    budget.charge(new, times=str(text).count(old))
    return do_replace(context.eval_ctx, text, old, new, count)


@pass_context
def summed(context: Context, values: Iterable[Any], attribute: str | int | None = None) -> Any:
    """Add numbers up. Raise TemplateError for anything else."""
    if attribute is not None:
        values = map(make_attrgetter(context.environment, attribute), values)
    found = list(values)
    if not all(isinstance(one, int | float) for one in found):
        raise TemplateError("only numbers can be added up")
    return sum(found)


def rounded(value: float, precision: object = 0, method: str = "common") -> float:
    """Round, as Jinja's filter, which calculates 10 to the power of any precision."""
    if not isinstance(precision, int) or abs(precision) > MOST_DIGITS:
        raise TemplateError(f"numbers are rounded to at most {MOST_DIGITS} digits")
    return do_round(value, precision, method)  # type: ignore[arg-type]  # it names wrong ones


def measure_tree(tree: nodes.Template) -> nodes.Template:
    """Put the counting into a template: around what it loops over, writes, joins and filters."""
    for node in list(tree.find_all((nodes.For, nodes.Concat, nodes.Output, nodes.Filter))):
        if isinstance(node, nodes.For):
            node.iter = _through("counted", node.iter)
        elif isinstance(node, nodes.Filter):
            if node.node is not None and node.name not in _OURS:
                node.node = _through("weighed", node.node)
        elif isinstance(node, nodes.Concat | nodes.Output):
            node.nodes = [_measured(one) for one in node.nodes]
    return tree


def _measured(node: nodes.Expr) -> nodes.Expr:
    is_constant = isinstance(node, nodes.TemplateData | nodes.Const)
    return node if is_constant else _through("weighed", node)


def _through(name: str, node: nodes.Node) -> nodes.Filter:
    made = nodes.Filter(node, name, [], [], None, None, lineno=node.lineno)
    if node.environment is not None:
        made.set_environment(node.environment)
    return made
