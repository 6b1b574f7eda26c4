"""Values of which each look makes some: frozen to mypy, and without a guard when they run.

Python makes a frozen dataclass by calls past its own guard, one for each field: three times as long
as without. ``mypy --strict`` refuses every change of one, in our code and in the tests; so this is
for what is made anew for each look, and not for what is kept between looks, as the plan is.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

__all__ = ["value"]

if TYPE_CHECKING:
    from dataclasses import dataclass as value
else:

    def value(*, frozen: bool, slots: bool) -> Callable[[type], type]:
        """Make a dataclass that is compared and hashed as a frozen one."""
        assert frozen
        return dataclass(slots=slots, unsafe_hash=True)
