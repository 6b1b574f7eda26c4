"""Files beside a file of checks: long queries, and the rows of tests."""

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from monitor.api.check import Check
from monitor.config.check_files import read_text
from monitor.config.for_each import fill
from monitor.config.plan import CheckTest
from monitor.config.report import Report, nearest
from monitor.config.sections import CommonSection, TestSection
from monitor.config.typed import Subject
from monitor.config.yaml_tree import Entry, Fields, Items, Node, Text, YamlError
from monitor.core.labels import labels_of


def put_query_file(
    cls: type[Check],
    entries: dict[str, Entry],
    values: Mapping[str, str],
    folder: Path,
    *,
    report: Report,
    subject: Subject,
) -> None:
    """Put the text of ``query_file`` into the place of ``query``."""
    entry = entries.get("query_file")
    if entry is None:
        return
    if "query" not in cls.model_fields:
        message = f"kind '{cls.kind}' has no query, and so no 'query_file'"
        report.add(entry.place, message, check=subject.check)
        return
    if "query" in entries:
        message = f"{subject.name} has both 'query' and 'query_file'; keep one"
        report.add(entry.place, message, check=subject.check)
        return
    text = ""
    path = _path_of(entry.value, "query_file", folder, report, subject)
    if path is not None:
        try:
            text = fill(read_text(path), values)
        except YamlError as error:
            message = f"'query_file' of {subject.name}: {error.problem.message}"
            report.add(entry.value.place, message, check=subject.check)
    entries["query"] = Entry(entry.place, Text(text, entry.value.place))


def read_tests(
    entries: Mapping[str, Entry],
    common: CommonSection,
    timezone: str,
    folder: Path,
    *,
    report: Report,
    subject: Subject,
) -> tuple[CheckTest, ...]:
    """Read ``tests:`` of a check; moments without a zone are in the check's."""
    if not common.tests:
        return ()
    node = entries["tests"].value
    assert isinstance(node, Items)  # the section is a list, or it would have no tests
    tests: list[CheckTest] = []
    for section, item in zip(common.tests, node.items, strict=True):
        assert isinstance(item, Fields)  # as above
        at = _moment(section, item, timezone, report, subject)
        path = _path_of(item.entries["rows"].value, "rows", folder, report, subject)
        if at is not None and path is not None:
            labels = labels_of(section.slice)
            tests.append(CheckTest(at, path, section.expect, labels, item.place))
    return tuple(tests)


def _moment(
    section: TestSection, item: Fields, timezone: str, report: Report, subject: Subject
) -> datetime | None:
    try:
        written = datetime.fromisoformat(section.at)
    except ValueError:
        message = f"'at' of a test of {subject.name}: '{section.at}' is no moment; write it as "
        place = item.entries["at"].value.place
        report.add(place, f"{message}2026-10-02T14:00", check=subject.check)
        return None
    return written if written.tzinfo else written.replace(tzinfo=ZoneInfo(timezone))


def _path_of(node: Node, key: str, folder: Path, report: Report, subject: Subject) -> Path | None:
    """Return the file that a text names, beside the file that names it and below the checks."""
    if not isinstance(node, Text):
        report.add(node.place, f"'{key}' of {subject.name} must be a text", check=subject.check)
        return None
    here = Path(node.place.file).parent
    path = here / node.text
    if not path.resolve().is_relative_to(folder.resolve()):
        message = f"'{key}' of {subject.name} must name a file below {folder}"
    elif not path.is_file():
        message = f"'{key}' of {subject.name} names {path}, which is not there"
    else:
        return path
    report.add(node.place, message, suggestion=_similar(node.text, here), check=subject.check)
    return None


def _similar(written: str, here: Path) -> str | None:
    """Return the file of the same folder whose name looks most like the one that is written."""
    parent = (here / written).parent
    if not parent.is_dir():
        return None
    prefix = written[: len(written) - len(Path(written).name)]
    found = nearest(Path(written).name, (path.name for path in parent.iterdir()))
    return f"{prefix}{found}" if found else None
