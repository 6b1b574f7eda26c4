r"""Regular expressions as RE2 means them, matched against whole texts in linear time.

Python's ``re`` takes more than RE2 (look-around, back-references), means other things by some
signs (``$``, ``\Z``, ``a{,3}``, Unicode digits) and can run for ever on a text of forty letters.
A pattern here means what it means to Prometheus and Alertmanager, or it is refused.
"""

from monitor.core.re2.machine import Pattern, compile_pattern
from monitor.core.re2.tree import RegexError

__all__ = ["Pattern", "RegexError", "compile_pattern"]
