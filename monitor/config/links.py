"""What a check names and others define: source, maintainer, resource."""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import chain

from monitor.api.check import Check
from monitor.api.query import Query, Rows
from monitor.config.for_each import unfilled
from monitor.config.plan import Place
from monitor.config.platform_file import Platform
from monitor.config.report import Report
from monitor.config.sections import CommonSection
from monitor.config.yaml_tree import Entry
from monitor.sources.pings import PINGS, Pings


@dataclass(frozen=True, slots=True)
class Named:
    """A check as its file has it: all its keys, and its own ones, without the defaults."""

    id: str
    place: Place
    entries: Mapping[str, Entry]
    own: Mapping[str, Entry]

    def place_of(self, *keys: str) -> Place:
        """Return where the value of the first of the keys stands that there is."""
        found = (self.entries[key].value.place for key in keys if key in self.entries)
        return next(found, self.place)


def answers_of(source: str, platform: Platform) -> frozenset[type[Query]] | None:
    """Return what a source answers; None for one that does not exist or cannot be used."""
    if source == PINGS:
        return Pings.answers
    known = platform.sources.get(source)
    return known.answers if known else None


def find_source(
    check: Check, written: str | None, named: Named, platform: Platform, report: Report
) -> str | None:
    """Return the source: the check's own, else a default that fits, else that of the kind."""
    source = written
    if "source" not in named.own and check.default_source is not None:
        answers = answers_of(source, platform) if source is not None else None
        if answers is None or not answers.issuperset(check.queries()):
            source = check.default_source
    if source is None:
        known = ", ".join(platform.sources) or "none is defined"
        message = f"check '{named.id}' needs the key 'source', one of: {known}"
        report.add(named.place, message, check=named.id)
        return None
    return source if _can_answer(source, check, named, platform, report) else None


def _can_answer(
    source: str,
    check: Check,
    named: Named,
    platform: Platform,
    report: Report,
) -> bool:
    answers, asked = answers_of(source, platform), frozenset(check.queries())
    if answers is not None and answers >= asked:
        return True
    place = named.place_of("source")
    broken = platform.broken.get(source)
    if broken is not None:
        message = f"source '{source}' cannot be used, see {broken}"
        report.add(place, message, check=named.id)
        return False
    known = (*platform.sources, PINGS)
    if not report.is_known("source", source, known, place, named.id):
        return False
    missing = sorted(query.__name__ for query in asked - (answers or frozenset()))
    can = ", ".join(sorted(query.__name__ for query in answers or ()))
    message = f"kind '{check.kind}' asks for {', '.join(missing)}, and source '{source}'"
    fits = [name for name in known if (answers_of(name, platform) or frozenset()) >= asked]
    hint = fits[0] if len(fits) == 1 else None
    report.add(place, f"{message} answers only {can}", suggestion=hint, check=named.id)
    return False


def objections(
    source: str, asked: tuple[Query, ...], named: Named, platform: Platform, report: Report
) -> None:
    """Report what the source would refuse to answer, without asking it."""
    known = platform.sources.get(source)
    if known is None:
        return
    for query in (one for one in asked if isinstance(one, Rows)):
        for name in unfilled(query.text):
            message = f"the query of check '{named.id}' has {{{{ {name} }}}}, which nothing fills"
            report.add(named.place_of("query_file", "query"), message, check=named.id)
    for reason in chain.from_iterable(known.objections(query) for query in asked):
        message = f"source '{source}' would refuse the query of check '{named.id}': {reason}"
        report.add(named.place_of("query_file", "query"), message, check=named.id)


def find_maintainer(
    common: CommonSection, named: Named, platform: Platform, report: Report
) -> str | None:
    """Return the check's own maintainer, else the resource's, else that of the defaults."""
    name = common.maintainer
    if name is not None and name not in platform.maintainers:
        place = named.place_of("maintainer")
        report.is_known("maintainer", name, platform.maintainers, place, named.id)
    if common.resource is not None and common.resource not in platform.resources:
        place = named.place_of("resource")
        report.is_known("resource", common.resource, platform.resources, place, named.id)
    if "maintainer" in named.own:
        return name
    resource = platform.resources.get(common.resource or "")
    found = (resource.maintainer if resource else None) or name
    if found is None:
        message = f"nobody owns check '{named.id}': on-call is told, unless the answer names one"
        report.warn(named.place, message, check=named.id)
    return found
