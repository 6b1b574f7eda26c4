from datetime import timedelta

import pytest

from monitor.config.load import Loader
from monitor.config.plan import Schedule
from monitor.core.model import Direction, Hold, Limit, Tier, TierRule, Unit
from tests.config.conftest import CONFIG, Site


def test_a_check_is_planned(site: Site) -> None:
    keys = """\
warn: 1h
resource: table.b
runbook: https://example.com/x
wake: true
after: [other]
labels: {a: b}
description: about it
every: 30s"""
    text = "\n  other: {kind: try_probe, source: db, table: x, warn: 1h}\n"
    site.one(keys)
    path = site.root / "checks/recsys/a.yaml"
    path.write_text(path.read_text() + text)
    plan = site.load()
    assert plan.problems == ()
    it = plan.checks["it"]
    assert it.source == "db"
    assert it.team == "recsys"
    assert it.check.timezone == "Asia/Kolkata"
    assert it.schedule == Schedule(timedelta(seconds=30), None, "Asia/Kolkata")
    limits = (Limit("age", 3600.0, Direction.ABOVE, Unit.SECONDS),)
    assert it.tiers == (TierRule(Tier.WARN, limits),)
    assert (it.resource, it.runbook, it.wake) == ("table.b", "https://example.com/x", True)
    assert (it.after, dict(it.labels), it.description) == (("other",), {"a": "b"}, "about it")
    assert (it.place.line, it.place.column) == (2, 3)


def test_without_a_schedule_the_kind_decides(site: Site) -> None:
    assert site.one("warn: 1h").load().checks["it"].schedule.every == timedelta(minutes=7)


def test_a_kind_takes_over_a_common_key_that_it_declares(site: Site) -> None:
    site.checks('checks:\n  j: {kind: try_beat, cron: "0 3 * * *", warn: 1h, every: 2m}\n')
    planned = site.load().checks["j"]
    assert planned.schedule == Schedule(timedelta(minutes=2), None, "Asia/Kolkata")
    assert planned.check.model_dump()["cron"] == "0 3 * * *"
    assert planned.source == "pings"


@pytest.mark.parametrize(
    ("keys", "wanted"),
    [
        ("warn: soon", "6:11: 'warn.age' of check 'it' is wrong: 'soon' is not a duration"),
        ("warn: {share: 5}", "6:19: 'warn.share' of check 'it' is wrong: '5' is not a share"),
        ("warn: {count: nan}", "6:19: 'warn.count' of check 'it' is wrong: 'nan' is not a number"),
        ("warn: {size: 5}", "6:18: 'warn.size' of check 'it' is wrong: '5' is not a size"),
        (
            "warn: {agge: 1h}",
            "6:12: 'warn' of check 'it' has no measure 'agge'; did you mean 'age'",
        ),
        (
            "warn: {weight: 1h}",
            "6:12: 'warn' of check 'it' has no measure 'weight'; known: age, count, for, share,",
        ),
        ("warn: {age: 1h, for: 4 of 3}", "6:26: 'for' of check 'it' is wrong"),
        ("warn: {for: 5m}", "6:5: 'warn' of check 'it' needs a number or measures: age"),
        ("warn: 2h\npage: 2h", "7:11: 'page' of check 'it' must be above 'warn' for age"),
        (
            "warn: {share: 5%}\npage: {share: 10%}",
            "7:19: 'page' of check 'it' must be below 'warn' for share",
        ),
        ("every: 5m", "2:3: check 'it' needs 'warn' or 'page'"),
        ("warn: 1h\nevery: 999ms", "7:12: 'every' must be at least 1s"),
        ("warn: 1h\nevery: 0s", "7:12: 'every' of check 'it' is wrong"),
        ('warn: 1h\ncron: "0 25 * * *"', "7:11: '0 25 * * *' is no cron expression"),
        ('warn: 1h\nevery: 1m\ncron: "0 2 * * *"', "8:5: check 'it' has both"),
        ("warn: 1h\nlimmit: 5", "7:5: unknown key 'limmit' in check 'it' of kind 'try_probe'; did"),
        ("warn: 1h\nmaintaner: recsys", "7:5: unknown key 'maintaner' in check 'it'"),
        ("warn: 1h\nlimit: many", "7:12: 'limit' of check 'it' of kind 'try_probe' must be"),
        ("warn: 1h\nid: x", "7:5: unknown key 'id'"),
        ("warn: 1h\ncut: {colum: x}", "7:11: unknown key 'colum' in 'cut' of check 'it'"),
        (
            "warn: 1h\ncut: {column: a, every: x}",
            "7:22: unknown key 'every' in 'cut' of check 'it' of kind 'try_probe'; known: column,",
        ),
        ("warn: 1h\ncut: {grain: day}", "7:5: 'cut' of check 'it' of kind 'try_probe' needs"),
        ("warn: 1h\nafter: x", "7:12: 'after' of check 'it' must be a list, as [a, b]"),
        ("warn: 1h\nafter: [ti]", "7:13: check 'ti' is not defined"),
        ("warn: 1h\nafter: [it]", "7:13: check 'it' is after itself"),
        ("warn: 1h\nmaintainer: recsy", "7:17: maintainer 'recsy' is not defined; did you mean"),
        ("warn: 1h\nresource: table.c", "7:15: resource 'table.c' is not defined; did you mean"),
        ("warn: 1h\ntimezone: Asia/Kolkatta", "7:15: timezone 'Asia/Kolkatta' is not defined"),
        ("warn: 1h\nwake: perhaps", "7:11: 'wake' of check 'it' must be a valid boolean"),
        ("warn: 1h\nready_by: '07:30'", "7:5: unknown key 'ready_by' in check 'it'"),
        ("warn: 1h\nrunbook: #oncall", "7:5: 'runbook' has no value"),
        ("warn: 1h\nwarn: 2h", "7:5: 'warn' is written twice; the first one is at"),
    ],
)
def test_a_typo_is_refused_at_its_place(site: Site, keys: str, wanted: str) -> None:
    lines = site.one(keys).lines()
    assert lines[0].startswith(f"checks/recsys/a.yaml:{wanted}"), lines
    assert "it" not in site.load().checks


@pytest.mark.parametrize(
    ("old", "new", "wanted"),
    [
        ("try_probe", "try_prob", "3:11: unknown kind 'try_prob'; did you mean 'try_probe'?"),
        ("kind: try_probe", "enabled: true", "2:3: check 'it' needs the key 'kind'"),
        ("source: db", "source: dbx", "4:13: source 'dbx' is not defined; did you mean 'db'?"),
        ("source: db", "enabled: true", "2:3: check 'it' needs the key 'source', one of: db"),
        ("source: db", "source: cluster", "4:13: kind 'try_probe' asks for Rows, and source"),
        ("table: t", "limit: 1", "2:3: check 'it' of kind 'try_probe' needs the key 'table'"),
        ("table: t", "table: explode", "2:3: check 'it' of kind 'try_probe' cannot be used"),
    ],
)
def test_a_check_that_cannot_be_asked_is_refused(
    site: Site, old: str, new: str, wanted: str
) -> None:
    path = site.one("warn: 1h").root / "checks/recsys/a.yaml"
    path.write_text(path.read_text().replace(old, new))
    (line,) = site.lines()
    assert line.startswith(f"checks/recsys/a.yaml:{wanted}"), line


def test_measures_and_holds_are_typed_by_their_unit(site: Site) -> None:
    site.one("warn: {share: 5%, size: 2GiB, count: 50, for: 5m}\npage: {age: 1h30m, for: 2 of 3}")
    warn, page = site.load().checks["it"].tiers
    assert [(limit.measure, limit.bound, limit.bad) for limit in warn.limits] == [
        ("share", 0.05, Direction.BELOW),
        ("size", 2.0 * 1024**3, Direction.ABOVE),
        ("count", 50.0, Direction.ABOVE),
    ]
    assert warn.hold == Hold(duration=timedelta(minutes=5))
    assert page.limits[0].bound == 5400.0
    assert page.hold == Hold(needed=2, window=3)


def test_nearer_defaults_win(site: Site) -> None:
    site.write("checks/_defaults.yaml", "every: 1h\nsource: db\nkind: try_probe\n")
    site.write("checks/recsys/_defaults.yaml", "every: 2h\nrunbook: folder\n")
    site.checks("defaults: {runbook: file}\nchecks:\n  a: {table: t, warn: 1h}\n")
    site.write("checks/b.yaml", "checks:\n  b: {table: t, warn: 1h}\n")
    plan = site.load()
    assert plan.problems == ()
    a, b = plan.checks["a"], plan.checks["b"]
    assert (a.schedule.every, a.runbook, a.team) == (timedelta(hours=2), "file", "recsys")
    assert (b.schedule.every, b.runbook, b.team) == (timedelta(hours=1), None, "")


def test_the_maintainer_is_the_own_one_then_the_resources_then_the_default(site: Site) -> None:
    site.config(CONFIG + "  table.c: {}\n").checks(
        """\
defaults: {maintainer: recsys, kind: try_probe, source: db}
checks:
  own: {table: t, warn: 1h, resource: table.a, maintainer: recsys}
  resource: {table: t, warn: 1h, resource: table.a}
  default: {table: t, warn: 1h, resource: table.c}
"""
    )
    found = {name: check.maintainer for name, check in site.load().checks.items()}
    assert found == {"own": "recsys", "resource": "platform", "default": "recsys"}


def test_an_own_cron_replaces_a_default_every(site: Site) -> None:
    site.write("checks/_defaults.yaml", "every: 1h\n").one('warn: 1h\ncron: "0 2 * * *"')
    schedule = site.load().checks["it"].schedule
    assert schedule == Schedule(None, "0 2 * * *", "Asia/Kolkata")


def test_a_default_source_that_does_not_fit_gives_way_to_that_of_the_kind(site: Site) -> None:
    site.checks(
        'defaults: {source: db}\nchecks:\n  j: {kind: try_beat, cron: "0 3 * * *", warn: 1h}'
    )
    plan = site.load()
    assert plan.problems == ()
    assert plan.checks["j"].source == "pings"


def test_like_copies_a_sibling_and_own_keys_win(site: Site) -> None:
    site.one("warn: 1h\nlimit: 9")
    path = site.root / "checks/recsys/a.yaml"
    path.write_text(
        path.read_text() + "  two: {like: it, table: u}\n  three: {like: two, warn: 2h}\n"
    )
    plan = site.load()
    assert plan.problems == ()
    three = plan.checks["three"]
    assert three.check.model_dump()["table"] == "u"
    assert three.check.model_dump()["limit"] == 9
    assert three.tiers[0].limits[0].bound == 7200.0


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("a: {like: b}, b: {like: a}", "'like' goes round in a circle: a -> b -> a"),
        ("a: {like: a}", "'like' goes round in a circle: a -> a"),
        ("abc: {like: abx}, abd: {kind: try_beat, cron: '0 1 * * *', warn: 1h}", "'abx' is none"),
    ],
)
def test_a_wrong_like_is_refused(site: Site, text: str, wanted: str) -> None:
    lines = site.checks(f"checks: {{{text}}}").lines()
    assert any(wanted in line for line in lines)


EACH = """\
defaults: {kind: try_probe, source: db}
checks:
  rows-{{ model }}-{{ side }}:
    for_each: {model: [ctr, cvr], side: [a, b]}
    table: "x {{ model }} {{ since }}"
    warn: 1h
"""


def test_for_each_makes_a_check_of_each_choice(site: Site) -> None:
    plan = site.checks(EACH).load()
    assert plan.problems == ()
    assert list(plan.checks) == ["rows-ctr-a", "rows-ctr-b", "rows-cvr-a", "rows-cvr-b"]
    assert plan.checks["rows-cvr-a"].check.model_dump()["table"] == "x cvr {{ since }}"


@pytest.mark.parametrize(
    ("old", "new", "wanted"),
    [
        ("[a, b]", "{query: x}", "must be a list of texts, or {source: ..., query: ...}"),
        ("[a, b]", "{source: d, query: x}", "asks the source 'd', which is not defined"),
        ("-{{ side }}", "", "must contain {{ side }}"),
        ("[a, b]", "[a, a]", "holds a value twice"),
        ("[a, b]", "[a b]", "'rows-ctr-a b' is no id of a check"),
        ("side", "since", "is a name that queries use"),
        ("[a, b]", f"[{', '.join(map(str, range(501)))}]", "makes 1002 checks; the most is 1000"),
    ],
)
def test_a_wrong_for_each_is_refused(site: Site, old: str, new: str, wanted: str) -> None:
    lines = site.checks(EACH.replace(old, new)).lines()
    assert any(wanted in line for line in lines), lines


def test_a_second_definition_is_the_error_and_names_the_first(site: Site) -> None:
    site.one("warn: 1h")
    site.write("checks/zoo/b.yaml", "checks:\n  it: {kind: try_beat, warn: 1h, cron: 0 1 * * *}\n")
    plan = site.load()
    (line,) = site.lines(plan.problems)
    assert line == (
        "checks/zoo/b.yaml:2:3: check 'it' is already defined at checks/recsys/a.yaml:2:3"
    )
    assert plan.checks["it"].team == "recsys"


def test_a_bad_check_drops_itself_only(site: Site) -> None:
    site.checks(
        """\
defaults: {kind: try_probe, source: db, table: t}
checks:
  good: {table: t, warn: 1h}
  bad: {table: t, warn: never}
  also-good: {table: t, warn: 1h, after: [bad]}
"""
    )
    site.write("checks/recsys/broken.yaml", "checks: [\n")
    site.write(
        "checks/other/c.yaml", "checks:\n  c: {kind: try_probe, source: db, table: t, warn: 1h}"
    )
    path = site.root / "checks/recsys/a.yaml"
    path.write_text(path.read_text().replace(", table: t}\nchecks", "}\nchecks"))
    plan = site.load()
    assert sorted(plan.checks) == ["also-good", "c", "good"]
    assert plan.checks["also-good"].after == ()
    assert [problem.check for problem in plan.problems] == ["bad", None]


def test_broken_defaults_drop_what_they_reach_and_nothing_else(site: Site) -> None:
    site.one("warn: 1h").write("checks/recsys/_defaults.yaml", "evry: 1h\n")
    site.write(
        "checks/other/c.yaml", "checks:\n  c: {kind: try_probe, source: db, table: t, warn: 1h}"
    )
    plan = site.load()
    assert list(plan.checks) == ["c"]
    (line,) = site.lines(plan.problems)
    assert line.startswith("checks/recsys/_defaults.yaml:1:1: unknown key 'evry'")


def test_a_wrong_default_is_reported_once(site: Site) -> None:
    site.checks(
        """\
defaults: {kind: try_probe, source: dbx}
checks:
  a: {table: t, warn: 1h}
  b: {table: t, warn: 1h}
"""
    )
    plan = site.load()
    assert plan.checks == {}
    assert [line.split(": ")[0] for line in site.lines(plan.problems)] == [
        "checks/recsys/a.yaml:1:37"
    ]


def test_a_check_of_a_broken_source_is_dropped_and_points_there(site: Site) -> None:
    site.config(CONFIG.replace("address: here", "adress: here")).one("warn: 1h")
    plan = site.load()
    assert plan.checks == {}
    assert "checks/recsys/a.yaml:4:13: source 'db' cannot be used, see config.yaml:3:3" in (
        line.replace(f"{site.root}/", "") for line in site.lines(plan.problems)
    )


def test_a_check_that_is_not_enabled_is_validated_and_not_planned(site: Site) -> None:
    assert site.one("warn: 1h\nenabled: no").load().checks == {}
    assert site.load().problems == ()
    assert len(site.one("warn: never\nenabled: no").load().problems) == 1


def test_checks_after_each_other_are_a_problem(site: Site) -> None:
    site.checks(
        """\
defaults: {kind: try_probe, source: db}
checks:
  a: {table: t, warn: 1h, after: [b]}
  b: {table: t, warn: 1h, after: [a]}
"""
    )
    (line,) = site.lines()
    assert "'after' goes round in a circle: a -> b -> a" in line


def test_a_file_that_would_not_be_read_is_named(site: Site) -> None:
    (line,) = site.write("checks/recsys/x.yml", "checks: {}\n").lines()
    assert line == "checks/recsys/x.yml:1:1: only files named *.yaml are read; rename it"


def test_hidden_folders_are_not_read(site: Site) -> None:
    site.write("checks/..2026_data/x.yaml", "nonsense: 1\n")
    assert site.load().problems == ()


def test_a_file_that_is_too_large_or_no_utf8_is_refused(site: Site) -> None:
    (site.root / "checks/big.yaml").write_bytes(b"#" * 5_000_001)
    (site.root / "checks/latin.yaml").write_bytes(b"a: \xe9\n")
    assert site.lines() == [
        "checks/big.yaml:1:1: the file is larger than 5 MB",
        "checks/latin.yaml:1:1: the file is no UTF-8 (byte 3)",
    ]


def test_a_limit_that_no_number_reaches_is_refused(site: Site) -> None:
    kpi = CONFIG.replace("sources:\n", 'sources:\n  kpi: {type: sql, url: "sqlite:///x.db"}\n', 1)
    text = (
        'checks: {a: {kind: anomaly, source: kpi, query: "select {{ since }}", warn: {drop: 150%}}}'
    )
    (line,) = site.config(kpi).checks(text).lines()
    assert "'warn.drop' of check 'a' can never be: drop is never that high" in line


def test_a_check_that_nobody_owns_is_a_warning(site: Site) -> None:
    plan = site.one("warn: 1h").load()
    assert plan.problems == ()
    (warning,) = site.lines(plan.warnings)
    assert warning.startswith("checks/recsys/a.yaml:2:3: nobody owns check 'it'")
    assert site.one("warn: 1h\nresource: table.a").load().warnings == ()


def test_a_maintainer_whose_receivers_are_all_broken_cannot_be_reached(site: Site) -> None:
    text = CONFIG.replace("channel: b}", "chanel: b}").replace("[chat]}\non", "[pager]}\non")
    lines = site.config(text).lines()
    assert any("maintainer 'platform' cannot be reached" in line for line in lines), lines


def test_a_file_that_did_not_change_is_not_built_again(site: Site) -> None:
    site.one("warn: 1h").write("checks/zoo/b.yaml", "checks: {}\n")
    loader = Loader(site.root / "config.yaml", {})
    before = loader.load().checks["it"]
    site.write("checks/zoo/b.yaml", "checks: {c: {like: d}}\n")
    assert loader.load().checks["it"] is before
    site.write("checks/recsys/_defaults.yaml", "runbook: x\n")
    assert loader.load().checks["it"].runbook == "x"
    site.one("warn: 2h")
    assert loader.load().checks["it"].tiers[0].limits[0].bound == 7200.0


def test_a_misspelt_kind_does_not_hide_what_else_is_wrong(site: Site) -> None:
    site.checks(
        "checks:\n  a: {kind: try_prope, source: db, table: t, maintainer: nobody, warn: 1h}\n"
    )
    first, second = site.lines()
    assert "unknown kind 'try_prope'" in first
    assert "maintainer 'nobody' is not defined" in second
