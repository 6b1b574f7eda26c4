"""Jinja for text that foreigners write: sandboxed, strict, bounded.

The bounds are counted and not clocked: a template that is too large on one machine is so on all.
"""

from collections.abc import Callable
from functools import lru_cache
from typing import Any

from jinja2 import BaseLoader, StrictUndefined, Template, TemplateError
from jinja2.exceptions import SecurityError
from jinja2.sandbox import ImmutableSandboxedEnvironment

from monitor.render.budget import (
    BUDGET,
    MOST_STEPS,
    Budget,
    budget_of,
    counted,
    joined,
    measure_tree,
    replaced,
    rounded,
    summed,
    weighed,
)

LONGEST = 100_000
"""Characters that a template may make; a Slack message has room for 40,000."""

CUT = "\n(cut here, there is more)\n"

_PADDING = frozenset(
    {
        "center",
        "expandtabs",
        "format",
        "format_map",
        "join",
        "ljust",
        "replace",
        "rjust",
        "translate",
        "zfill",
    }
)
"""Methods of texts that make a long text from short ones; filters do what is of use in them."""

_PADDING_FILTERS = ("batch", "center", "format", "indent", "pprint", "slice", "tojson", "wordwrap")


class Sandbox(ImmutableSandboxedEnvironment):
    """Refuses private attributes, changes of values, and texts that grow beyond bounds.

    ``finalize`` escapes what a template writes; ``is_html`` turns Jinja's own escaping on.
    """

    intercepted_binops = frozenset({"*", "**", "%", "+"})

    def __init__(
        self,
        *,
        loader: BaseLoader | None = None,
        finalize: Callable[[Any], Any] | None = None,
        is_html: bool = False,
    ) -> None:
        super().__init__(
            loader=loader,
            finalize=finalize,
            autoescape=is_html,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        # What is left out here only serves to build long texts, or to remember across loops.
        for name in ("lipsum", "namespace", "cycler", "joiner"):
            self.globals.pop(name, None)
        for name in _PADDING_FILTERS:
            self.filters.pop(name, None)
        self.filters.update(counted=counted, weighed=weighed)
        self.filters.update(join=joined, replace=replaced, sum=summed, round=rounded)

    def _parse(self, source: str, name: str | None, filename: str | None) -> Any:
        """Have every loop, text and filter count; constants are still folded."""
        return measure_tree(super()._parse(source, name, filename))

    def call(self, context: Any, called: Any, /, *args: Any, **more: Any) -> Any:
        """Call, and count it: macros that call themselves must end, too."""
        budget = budget_of(context)
        budget.step()
        budget.charge(getattr(called, "__self__", None))
        return super().call(context, called, *args, **more)

    def call_binop(self, context: Any, operator: str, left: Any, right: Any) -> Any:
        """Calculate, unless the result could be large."""
        if operator == "**" or (operator == "%" and isinstance(left, str)):
            raise SecurityError(f"a template may not calculate with '{operator}'")
        if operator == "*" and _product(left, right) > LONGEST:
            raise SecurityError("a template may not repeat a text so often")
        if operator == "+" and _size(left) + _size(right) > LONGEST:
            raise SecurityError("a template may not make so long a text")
        return super().call_binop(context, operator, left, right)

    def is_safe_attribute(self, obj: Any, attr: str, value: Any) -> bool:
        """Refuse private attributes, and the methods of texts that pad them."""
        if isinstance(obj, str) and attr in _PADDING:
            return False
        return bool(super().is_safe_attribute(obj, attr, value))

    def wrap_str_format(self, value: Any) -> Callable[..., str] | None:
        """Refuse ``format`` of texts: a width in it makes a text of any length."""
        if super().wrap_str_format(value) is not None:
            raise SecurityError("a template may not use the method 'format'; filters write numbers")
        return None


def _size(value: Any) -> int:
    return len(value) if isinstance(value, str | list | tuple) else 0


def _product(left: Any, right: Any) -> int:
    """Return the length of a repetition; of two numbers, the digits that they make."""
    if isinstance(left, int) and isinstance(right, int):
        return left.bit_length() + right.bit_length()
    if isinstance(left, int):
        left, right = right, left
    return _size(left) * max(right, 0) if isinstance(right, int) else 0


def bounded(template: Template, values: dict[str, Any], *, may_cut: bool = False) -> str:
    """Render, but make no more than ``LONGEST`` characters.

    Raise TemplateError for any fault; a text that is too long is one, unless it ``may_cut``: then
    it is of ours, and nothing else of it is counted.
    """
    parts: list[str] = []
    length = 0
    budget = Budget(is_unlimited=may_cut)
    try:
        for part in template.generate({"range": _ranges(MOST_STEPS), **values, BUDGET: budget}):
            parts.append(part)
            length += len(part)
            if length > LONGEST and may_cut:
                return "".join(parts)[:LONGEST] + CUT
            if length > LONGEST:
                raise TemplateError(f"the template makes more than {LONGEST} characters")
    except (ArithmeticError, AttributeError, LookupError, RecursionError) as error:
        raise TemplateError(f"{type(error).__name__}: {error}") from error
    except (TypeError, ValueError) as error:
        raise TemplateError(str(error)) from error
    return "".join(parts)


def _ranges(left: int) -> Callable[..., range]:
    """Make a ``range`` that gives so many numbers in all: loops in loops must end, too."""

    def counted(*bounds: int) -> range:
        nonlocal left
        made = range(*bounds)
        left -= len(made)
        if left < 0:
            raise SecurityError(f"a template may not count beyond {MOST_STEPS} in all")
        return made

    return counted


def render_text(text: str, values: dict[str, Any]) -> str:
    """Render a short template. Raise TemplateError, which says what is wrong with it."""
    return bounded(_compiled(text), values)


@lru_cache(maxsize=1000)
def _compiled(text: str) -> Template:
    return Sandbox().from_string(text)
