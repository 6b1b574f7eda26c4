"""What was built is found again by a fresh process, and never trusted further than it may be."""

import logging
import os
import pickle
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from monitor.config import cache as caching
from monitor.config import load as loading
from monitor.config.cache import SIZE, Cache, _hash, cache_beside
from monitor.config.load import Loader
from tests.config.conftest import CONFIG, Site

MANY = 60
BODY = """\
  it-{n}:
    kind: freshness
    source: kpi
    maintainer: recsys
    table: t{n}
    column: at
    warn: 2h
    page: {{age: 6h, for: 2 of 3}}
"""


@pytest.fixture
def home(site: Site, monkeypatch: pytest.MonkeyPatch) -> Site:
    """Give a configuration with many checks, and room for its cache."""
    monkeypatch.setattr(loading, "WORTH_KEEPING", 10)
    sources = '  kpi: {type: sql, url: "sqlite:///kpi.db"}\n'
    config = CONFIG.replace("sources:\n", "sources:\n" + sources)
    site.config(f"store: sqlite:///{site.root}/monitor.db\n{config}")
    for first in range(0, MANY, 20):
        body = "".join(BODY.format(n=n) for n in range(first, first + 20))
        site.write(f"checks/recsys/f{first}.yaml", f"checks:\n{body}")
    return site


def fresh(home: Site, env: dict[str, str] | None = None) -> Loader:
    """Return a loader as a new process has it."""
    return Loader(home.root / "config.yaml", env or {}, keeps=True)


def built(loader: Loader) -> int:
    """Load, and count the checks that were built anew."""
    loader.load()
    return loader._unkept


def cache_of(home: Site) -> Path:
    return home.root / "monitor.db.checks-cache"


@pytest.fixture
def kept(home: Site) -> Site:
    """Give the configuration after a first process has kept what it built."""
    first = fresh(home)
    assert built(first) == MANY
    first.keep()
    assert cache_of(home).stat().st_mode & 0o777 == 0o600
    return home


def test_a_fresh_process_builds_only_what_changed(kept: Site) -> None:
    plan = fresh(kept).load()
    assert built(fresh(kept)) == 0
    assert plan.checks == Loader(kept.root / "config.yaml", {}).load().checks
    path = kept.root / "checks" / "recsys" / "f0.yaml"
    path.write_text(path.read_text().replace("warn: 2h", "warn: 3h"))
    assert built(fresh(kept)) == 20
    assert fresh(kept).load().checks["it-0"].tiers[0].limits[0].bound == 3 * 3600
    kept.write("checks/recsys/_defaults.yaml", "runbook: https://example.com\n")
    assert fresh(kept).load().checks["it-50"].runbook == "https://example.com"


def test_what_is_kept_in_many_blocks_is_found_again(
    kept: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = fresh(kept).load()
    monkeypatch.setattr(caching, "IN_A_BLOCK", 7)
    (changed := kept.root / "checks/recsys/f0.yaml").write_text(
        changed.read_text().replace("2h", "3h")
    )
    monkeypatch.setattr(loading, "WORTH_KEEPING", 1)
    loader = fresh(kept)
    assert built(loader) == 20
    loader.keep()
    again = fresh(kept)
    assert built(again) == 0
    assert len(again.load().checks) == len(before.checks) == MANY


def test_another_config_file_or_environment_makes_another_cache(kept: Site) -> None:
    config = kept.root / "config.yaml"
    config.write_text(config.read_text() + "\ncalendars: {c: {weekdays: '${DAYS:-monday}'}}\n")
    assert built(fresh(kept)) == MANY
    again = fresh(kept)
    again.load()
    again.keep()
    assert built(fresh(kept)) == 0
    assert built(fresh(kept, {"DAYS": "tuesday"})) == MANY


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-7])


def open_to_others(path: Path) -> None:
    path.chmod(0o666)


def linked(path: Path) -> None:
    path.rename(path.with_suffix(".moved"))
    path.symlink_to(path.with_suffix(".moved"))


def of_another_user(path: Path) -> None:
    if os.geteuid() == 0:
        os.chown(path, 12345, 12345)
    else:
        open_to_others(path)


class Evil:
    """Runs a command when it is read, as a pickle can."""

    def __reduce__(self) -> tuple[Callable[[str], int], tuple[str]]:
        return os.system, ("exit 3",)


def evil(path: Path) -> None:
    body = pickle.dumps({path: Evil()})
    path.write_bytes(path.read_bytes()[:SIZE] + _hash(body) + body)


@pytest.mark.parametrize("harm", [cut, open_to_others, linked, of_another_user, evil])
def test_a_cache_that_cannot_be_trusted_is_left_alone_with_one_line(
    kept: Site, harm: Callable[[Path], None], caplog: pytest.LogCaptureFixture
) -> None:
    harm(cache_of(kept))
    with caplog.at_level(logging.WARNING):
        assert built(fresh(kept)) == MANY
    (line,) = caplog.messages
    assert str(cache_of(kept)) in line


def test_what_has_problems_is_told_anew_each_time(kept: Site) -> None:
    path = kept.root / "checks" / "recsys" / "f0.yaml"
    path.write_text(path.read_text().replace("warn: 2h", "warn: 2 hours", 1))
    for _ in range(2):
        loader = fresh(kept)
        assert "2h" in {one.suggestion for one in loader.load().problems}
        loader._unkept = 99
        loader.keep()


def test_without_an_sqlite_store_it_lies_in_the_users_own_folder(tmp_path: Path) -> None:
    config = tmp_path / "config.yaml"
    found = cache_beside("postgresql+psycopg://a/b", {"HOME": str(tmp_path)}, config)
    assert isinstance(found, Cache)
    assert found.path.parent == tmp_path / ".cache" / "platform-monitor"
    assert found.path.parent.stat().st_mode & 0o777 == 0o700
    assert cache_beside("postgresql+psycopg://a/b", {}, config) is None


@pytest.mark.long
def test_a_warm_start_takes_less_than_half_of_a_cold_one(home: Site) -> None:
    for first in range(MANY, 1500, 20):
        body = "".join(BODY.format(n=n) for n in range(first, first + 20))
        home.write(f"checks/recsys/f{first}.yaml", f"checks:\n{body}")

    def spent(loader: Loader) -> float:
        start = time.process_time()
        assert len(loader.load().checks) == 1500
        return time.process_time() - start

    keeper = fresh(home)
    cold = spent(keeper)
    keeper.keep()
    assert min(spent(fresh(home)) for _ in range(3)) < cold / 2


def test_what_checks_have_alike_is_held_once_however_they_were_loaded(kept: Site) -> None:
    for loader in (Loader(kept.root / "config.yaml", {}), fresh(kept)):
        checks = list(loader.load().checks.values())
        for what in ("source", "team", "maintainer", "tiers", "schedule", "labels", "origins"):
            assert len({id(getattr(one, what)) for one in checks}) == 1, what
        assert len({id(one.check.model_fields_set) for one in checks}) == 1
