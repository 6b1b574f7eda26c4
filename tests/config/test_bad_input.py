"""Files that nobody should write: a clear error and a bound, and nothing hangs."""

import os
from pathlib import Path

import pytest

from tests.config.conftest import Site

GOOD = "checks:\n  good: {kind: try_probe, source: db, table: t, warn: 1h}\n"


@pytest.fixture
def good(site: Site) -> Site:
    return site.write("checks/zoo/good.yaml", GOOD)


def test_fifty_megabytes_are_not_read(good: Site) -> None:
    path = good.root / "checks" / "big.yaml"
    with path.open("wb") as file:
        file.truncate(50_000_000)
    assert good.lines() == ["checks/big.yaml:1:1: the file is larger than 5 MB"]
    assert list(good.load().checks) == ["good"]


@pytest.mark.parametrize("raw", [b"\x00\x01\x02", b"\xff\xfe\x00", b"\x7fELF\x02\x01\x00" * 50])
def test_binary_files_are_named_and_stop_nothing(good: Site, raw: bytes) -> None:
    (good.root / "checks" / "recsys").mkdir()
    (good.root / "checks" / "recsys" / "a.yaml").write_bytes(raw)
    (line,) = good.lines()
    assert line.startswith("checks/recsys/a.yaml:1:")
    assert list(good.load().checks) == ["good"]


def test_a_billion_laughs_are_one_error_each(good: Site) -> None:
    text = "a: &a [x, x]\nb: &b [*a, *a]\nc: &c [*b, *b]\nchecks: {d: *c}\n"
    lines = good.checks(text).lines()
    assert any("uses the YAML alias *c" in line for line in lines), lines
    assert list(good.load().checks) == ["good"]


@pytest.mark.parametrize("text", ["[" * 10_000, "- " * 5_000 + "x", "{a: " * 10_000])
def test_deep_nesting_ends_at_a_bound(good: Site, text: str) -> None:
    (line,) = good.checks(f"checks: {text}" if text[0] != "-" else f"checks:\n  {text}").lines()
    assert "nest deeper than 40 levels" in line


def test_a_for_each_that_explodes_is_refused(good: Site) -> None:
    names = "abcdefghij"
    each = ", ".join(f"{name}: [{', '.join(names)}]" for name in names)
    holes = "-".join(f"{{{{ {name} }}}}" for name in names)
    good.checks(f'checks:\n  "{holes}": {{for_each: {{{each}}}, kind: try_probe}}\n')
    (line,) = good.lines()
    assert "'for_each' makes 10000000000 checks; the most is 1000" in line


def test_a_link_in_a_circle_is_named_and_ends(good: Site) -> None:
    (good.root / "checks" / "zoo" / "loop").symlink_to(good.root / "checks")
    (line,) = good.lines()
    assert line.startswith("checks/zoo/loop:1:1: the folder is ")
    assert line.endswith("again, by a link")
    assert list(good.load().checks) == ["good"]


def test_a_link_to_itself_is_a_file_that_cannot_be_read(good: Site) -> None:
    path = good.root / "checks" / "a.yaml"
    path.symlink_to(path)
    (line,) = good.lines()
    assert line.startswith("checks/a.yaml:1:1: the file cannot be read: ")


def test_a_folder_that_may_not_be_read_is_an_error(
    good: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = good.root / "checks" / "closed"
    folder.mkdir()
    folder.chmod(0)
    if os.access(folder, os.R_OK):  # root may read everything: then the system call says no
        scan = os.scandir

        def refuse(path: Path) -> object:
            if Path(path) == folder:
                raise PermissionError(13, "Permission denied")
            return scan(path)

        monkeypatch.setattr(os, "scandir", refuse)
    lines = good.lines()
    folder.chmod(0o755)
    assert lines == ["checks/closed:1:1: the folder cannot be read: Permission denied"]


def test_a_file_that_cannot_be_read_stops_only_itself(good: Site) -> None:
    (good.root / "checks" / "fifo.yaml").mkdir()
    assert good.lines() == []
    assert list(good.load().checks) == ["good"]


@pytest.mark.long
def test_a_long_chain_of_likes_ends(good: Site) -> None:
    chain = "".join(f"  c{n}: {{like: c{n + 1}}}\n" for n in range(300))
    good.checks(f"checks:\n{chain}  c300: {{like: c0}}\n")
    lines = good.lines()
    assert len(lines) == 301
    assert all("'like' goes round in a circle" in line for line in lines)


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("warn: > 2h", "a text that starts with '>' or '|' needs quotes"),
        ("warn: 1h\n    runbook: #channel", "'runbook' has no value"),
        ("warn: 1h\n    maintainer: @recsys", "a text that starts with '@' needs quotes"),
        ("warn: 1h\n    cron: */5 * * * *", "a text that starts with '*' needs quotes"),
        ("warn: 1h\n\tpage: 2h", "tabs cannot indent YAML"),
        ("warn: 1h\n    warn: 2h", "'warn' is written twice"),
        ("warn: 1h\n    enabled: !!bool yes", "tags are not supported"),
        ("warn: 1h\n    labels: {on: weekdays, a: no, b: 10:30}", ""),
    ],
)
def test_every_trap_of_yaml_is_refused_or_means_what_is_written(
    site: Site, text: str, wanted: str
) -> None:
    site.checks(f"checks:\n  it:\n    kind: try_probe\n    source: db\n    table: t\n    {text}\n")
    lines = site.lines()
    if wanted:
        assert any(wanted in line for line in lines), lines
        return
    assert dict(site.load().checks["it"].labels) == {"on": "weekdays", "a": "no", "b": "10:30"}
