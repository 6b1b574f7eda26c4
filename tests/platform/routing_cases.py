"""Random routing: trees, rules, silences and alerts that a real Alertmanager takes, too.

Labels are few and values fewer, so that matchers meet alerts. What Alertmanager 0.25 and the strict
grammar read differently is not drawn (see docs/reference/routing.md).
"""

from dataclasses import dataclass, field
from random import Random
from typing import Any

from monitor.core.matcher import Matcher, Operator

NAMES = ("team", "kind", "severity", "cluster", "region")
VALUES = (
    "a",
    "b",
    "ab",
    "ba",
    "A",
    "a1",
    "b-2",
    "é",
    "a\nb",
    "K",
    "\u212a",
    'q"',
    "x\\y",
    "a.b",
    "ß",
)
EQUALS = (Operator.EQUAL, Operator.NOT_EQUAL)
_ATOMS = (
    *("a", "b", "[ab]", "[^a]", ".", "\\d", "\\w", "\\W", "\\b", "\\pL", "[[:upper:]]", "[a-c1-3]"),
    *("(?i:k)", "(?i:ß)", "(?s:.)", "^", "$", "(?m:$)", "(?:)", "\\.", "\\x61", "é", "[^\\x{0}-z]"),
)


def value(random: Random) -> str:
    """Draw a value; a few come up often, so that matchers meet alerts."""
    return random.choice(VALUES[:4] if random.random() < 0.7 else VALUES)


def pattern(random: Random, depth: int = 2) -> str:
    """Draw a regular expression that RE2 takes."""
    draw = random.random()
    if depth == 0 or draw < 0.35:
        return random.choice(_ATOMS)
    inner = pattern(random, depth - 1)
    if draw < 0.6:
        return inner + pattern(random, depth - 1)
    if draw < 0.8:
        return f"(?:{inner}|{pattern(random, depth - 1)})"
    return f"(?:{inner}){random.choice(('*', '+', '?', '{2}', '{1,2}', '*?', '{0,}'))}"


def matcher(random: Random) -> Matcher:
    """Draw a matcher; one in eight asks for the empty value."""
    name = random.choice(NAMES)
    if random.random() < 0.6:
        wanted = "" if random.random() < 0.12 else value(random)
        return Matcher(name, random.choice(EQUALS) if random.random() < 0.5 else EQUALS[0], wanted)
    operator = Operator.REGEX if random.random() < 0.7 else Operator.NOT_REGEX
    plain = "|".join(random.sample(("a", "b", "ab", "A", "a1", ""), 3))
    return Matcher(name, operator, plain if random.random() < 0.4 else pattern(random))


def matchers(random: Random, most: int) -> list[Matcher]:
    """Draw one matcher or more."""
    return [matcher(random) for _ in range(random.randint(1, most))]


@dataclass
class Case:
    """One configuration, as both read it; with names of receivers for the webhooks."""

    random: Random
    receivers: list[str] = field(default_factory=list)

    def settings(self) -> dict[str, Any]:
        """Draw the file."""
        root = self._route(depth=3)
        for key in ("matchers", "continue"):
            root.pop(key, None)
        root |= {"receiver": self._receiver(), "group_wait": "1h"}
        rules = [self._rule() for _ in range(self.random.randint(1, 4))]
        return {
            "route": root,
            "receivers": [{"name": name} for name in self.receivers],
            "inhibit_rules": rules,
        }

    def _receiver(self) -> str:
        self.receivers.append(f"r{len(self.receivers)}")
        return self.receivers[-1]

    def _route(self, depth: int) -> dict[str, Any]:
        random = self.random
        route: dict[str, Any] = {
            "matchers": [str(one) for one in matchers(random, random.choice((1, 1, 2)))]
        }
        if random.random() < 0.06:
            route["matchers"] = []
        if random.random() < 0.7:
            route["receiver"] = self._receiver()
        if random.random() < 0.5:
            route["continue"] = True
        if random.random() < 0.5:
            some = random.sample(NAMES, random.randint(1, 3))
            route["group_by"] = ["..."] if random.random() < 0.1 else some
        if depth:
            below = [self._route(depth - 1) for _ in range(random.randint(1, 5))]
            if below:
                route["routes"] = below
        return route

    def _rule(self) -> dict[str, Any]:
        random = self.random
        # Sources stay few: for every target Alertmanager 0.25 reads all of them.
        source = Matcher("source", Operator.EQUAL, random.choice(("s1", "s2", "s3")))
        return {
            "source_matchers": [str(source), *map(str, matchers(random, 1))],
            "target_matchers": [str(one) for one in matchers(random, 2)],
            "equal": random.sample(NAMES, random.choice((0, 1, 1, 2))),
        }

    def alerts(self, count: int) -> list[dict[str, str]]:
        """Draw alerts, no two alike; some labels are missing, some are empty."""
        return [self._alert(number) for number in range(count)]

    def _alert(self, number: int) -> dict[str, str]:
        random = self.random
        labels = {name: value(random) for name in NAMES if random.random() < 0.7}
        if random.random() < 0.1:
            labels[random.choice(NAMES)] = ""
        if random.random() < 0.08:
            labels["source"] = random.choice(("s1", "s2", "s3"))
        return {**labels, "number": str(number)}

    def silences(self, count: int) -> list[list[Matcher]]:
        """Draw what silences are about; Alertmanager wants one matcher that refuses nothing."""
        drawn = (matchers(self.random, 3) for _ in range(100 * count))
        fit = (some for some in drawn if not all(one.holds("") for one in some))
        return [next(fit) for _ in range(count)]
