"""Two versions of the checks side by side."""

import json

from monitor.config.compare import VERSIONS, compare, versions_of
from tests.config.conftest import Site

ONE = "checks:\n  it: {kind: try_probe, source: db, table: t, warn: {count: 5}, page: {age: 2h}}\n"


def test_what_a_daemon_tells_as_json_compares_as_what_was_read_from_files(site: Site) -> None:
    old = site.checks(ONE).load()
    new = site.checks(ONE.replace("count: 5", "count: 9").replace("2h", "3h")).load()
    told = VERSIONS.validate_python(
        json.loads(json.dumps(VERSIONS.dump_python(versions_of(old), mode="json")))
    )
    assert compare(told, old).is_empty
    assert compare(told, new) == compare(versions_of(old), new)
    assert compare(told, new).silences == (
        "it: warn: count above 9, before 5",
        "it: page: age above 3h, before 2h",
    )


def test_a_change_behind_the_beginning_of_a_long_text_is_seen(site: Site) -> None:
    long = "a" * 400
    old = site.checks(ONE.replace("table: t", f"table: {long}")).load()
    new = site.checks(ONE.replace("table: t", f"table: {long}b")).load()
    (altered,) = compare(versions_of(old), new).altered
    assert list(altered.changes) == ["table"]
