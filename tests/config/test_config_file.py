from datetime import UTC, date, datetime, timedelta

import pytest

from monitor.config.load import ConfigError
from monitor.core.digest import Edition
from monitor.core.model import Hours
from tests.config.conftest import CONFIG, Site


def fatal(site: Site) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        site.load()
    return site.lines(caught.value.problems)


def test_a_good_file_becomes_a_plan_without_problems(site: Site) -> None:
    plan = site.load()
    assert plan.problems == ()
    assert plan.timezone == "Asia/Kolkata"
    assert plan.store == "sqlite:///monitor.db"
    assert sorted(plan.sources) == ["cluster", "db"]
    assert plan.maintainers["recsys"].page == ("pager",)
    assert plan.resources["table.b"].upstream == ("table.a",)
    assert plan.on_call.receivers == ("chat",)


def test_hours_of_a_maintainer_are_read(site: Site) -> None:
    line = 'recsys: {receivers: [chat], hours: {weekdays: "friday:monday", times: "22:00-06:30"}}'
    site.config(CONFIG.replace("recsys: {receivers: [chat], page: [pager]}", line))
    found = site.load().maintainers["recsys"].hours
    assert found == Hours(frozenset({4, 5, 6, 0}), 22 * 60, 6 * 60 + 30)


def test_hours_may_have_a_zone_and_a_calendar_of_their_own(site: Site) -> None:
    hours = "hours: {timezone: Europe/Berlin, calendar: office}"
    line = f"recsys: {{receivers: [chat], {hours}}}"
    text = CONFIG.replace("recsys: {receivers: [chat], page: [pager]}", line)
    site.config(text + "calendars: {office: {except: [2026-11-09]}}\n")
    found = site.load().maintainers["recsys"].hours
    assert found is not None
    assert found.timezone == "Europe/Berlin"
    assert not found.calendar.has(date(2026, 11, 9))
    site.config(text.replace("Berlin", "Berlni"))
    assert site.lines() == [
        "config.yaml:9:49: timezone 'Europe/Berlni' is not defined; did you mean 'Europe/Berlin'?",
        "config.yaml:9:74: calendar 'office' is not defined",
    ]


def test_the_rotation_starts_at_a_local_moment(site: Site) -> None:
    line = 'on_call: {receivers: [chat], rotation: [a, b], every: 2w, from: "2026-01-05 09:00"}'
    site.config(CONFIG.replace("on_call: {receivers: [chat]}", line))
    rota = site.load().on_call
    assert rota.start == datetime(2026, 1, 5, 3, 30, tzinfo=UTC)
    assert rota.every == timedelta(weeks=2)


def test_a_digest_is_read(site: Site) -> None:
    site.config(CONFIG + 'digests: {am: {at: "09:05", days: "monday:friday", to: on_call}}\n')
    (digest,) = site.load().digests
    assert (digest.hour, digest.minute, digest.weekdays) == (9, 5, frozenset(range(5)))


def test_editions_and_readers_of_digests_are_read(site: Site) -> None:
    site.config(
        CONFIG
        + """digests:
  evening: {at: "18:30", only: changes}
  owners: {at: "09:15", to: maintainers, heartbeat: true, timezone: Europe/Berlin}
  week: {at: "09:30", days: monday, only: review}
"""
    )
    evening, owners, week = site.load().digests
    assert (evening.edition, week.edition) == (Edition.CHANGES, Edition.REVIEW)
    assert (owners.audience, owners.heartbeat) == ("maintainers", True)
    assert owners.timezone == "Europe/Berlin"


def test_a_digest_to_somebody_else_is_an_error_with_its_place(site: Site) -> None:
    site.config(CONFIG + 'digests: {am: {at: "09:05", to: maintainer}}\n')
    (line,) = site.lines()
    assert line.startswith("config.yaml:15:33: 'to' of digest 'am' must be 'on_call' or")
    assert "did you mean 'maintainers'" in line


def test_all_problems_come_in_one_run_each_with_its_place(site: Site) -> None:
    text = CONFIG.replace("address: here", "adress: here").replace("page: [pager]", "page: [pgr]")
    site.config(text + "resorces: {}\n")
    assert site.lines() == [
        "config.yaml:3:24: unknown key 'adress' in source 'db'; did you mean 'address'?",
        "config.yaml:9:38: receiver 'pgr' is not defined; did you mean 'pager'?",
        "config.yaml:15:1: unknown key 'resorces' in the configuration; did you mean 'resources'?",
    ]


@pytest.mark.parametrize(
    ("old", "new", "wanted"),
    [
        ("type: try_load", "type: try_laod", "unknown type 'try_laod' of source 'cluster'"),
        ("cluster: {type: try_load}", "cluster: {}", "source 'cluster' needs the key 'type'"),
        ("cluster:", "pings:", "the source 'pings' is built in"),
        ("maintainer: recsys}", "maintainer: recsy}", "maintainer 'recsy' is not defined"),
        ("upstream: [table.a]", "upstream: [table.x]", "resource 'table.x' is not defined"),
        ("{maintainer: platform}", "{maintainer: platfrom}", "maintainer 'platfrom' is not"),
        ("{receivers: [chat], page: [pager]}", "{page: [pager]}", "'recsys' needs receivers"),
        ("address: here", "address: here, port: 0", "greater than or equal to 1"),
        ("address: here", "address: here, name: x", "unknown key 'name' in source 'db'"),
        ("channel: a", "channel: #a", "YAML syntax"),
    ],
)
def test_a_wrong_value_is_named(site: Site, old: str, new: str, wanted: str) -> None:
    site.config(CONFIG.replace(old, new, 1))
    try:
        lines = site.lines()
    except ConfigError as error:
        lines = site.lines(error.problems)
    assert any(wanted in line for line in lines), lines


def test_upstream_in_a_circle_is_a_problem_and_is_cut(site: Site) -> None:
    site.config(CONFIG.replace("{maintainer: platform}", "{upstream: [table.b]}"))
    plan = site.load()
    (line,) = site.lines(plan.problems)
    assert "goes round in a circle: table.a -> table.b -> table.a" in line
    assert plan.resources["table.b"].upstream == ()


@pytest.mark.parametrize(
    ("old", "new", "wanted"),
    [
        ("Asia/Kolkata", "Asia/Kolkatta", "did you mean 'Asia/Kolkata'?"),
        ("on_call: {receivers: [chat]}\n", "", "on_call needs receivers"),
        ("on_call: {receivers: [chat]}", "on_call: {receivers: []}", "on_call needs receivers"),
        ("timezone:", "web: {listen: nowhere}\ntimezone:", "127.0.0.1:8080"),
        ("timezone:", "checks: elsewhere\ntimezone:", "does not exist"),
        ("timezone:", "timezone: UTC\nstore: @x\nx:", "YAML syntax"),
    ],
)
def test_what_nothing_can_run_without_ends_the_load(
    site: Site, old: str, new: str, wanted: str
) -> None:
    assert any(wanted in line for line in fatal(site.config(CONFIG.replace(old, new))))


def test_a_file_that_is_not_there_ends_the_load(site: Site) -> None:
    (site.root / "config.yaml").unlink()
    assert fatal(site) == ["config.yaml:1:1: the file cannot be read: No such file or directory"]


def test_the_end_of_the_load_still_lists_the_problems_of_checks(site: Site) -> None:
    site.config(CONFIG.replace("Asia/Kolkata", "Nowhere")).one("warn: soon")
    lines = fatal(site)
    assert any(line.startswith("checks/recsys/a.yaml:6:11") for line in lines)


def test_a_variable_is_substituted_in_values(site: Site) -> None:
    site.env = {"HOST": "10.0.0.1"}
    site.config(CONFIG.replace("address: here", 'address: "http://${HOST}:${PORT:-80}"'))
    assert site.load().sources["db"].model_dump()["address"] == "http://10.0.0.1:80"


def test_a_missing_variable_is_a_problem_of_its_source_only(site: Site) -> None:
    site.config(CONFIG.replace("address: here", "address: '${DB_HOST}'"))
    plan = site.load()
    assert list(plan.sources) == ["cluster"]
    (line,) = site.lines(plan.problems)
    assert line.startswith("config.yaml:3:24: 'address' needs the environment variable DB_HOST")


def test_the_value_of_a_secret_is_never_in_a_message(site: Site) -> None:
    site.env = {"PW": "bad-hunter2", "N": "x9"}
    text = CONFIG.replace("address: here", "address: here, password: '${PW}', port: '${N}'")
    lines = site.config(text).lines()
    assert len(lines) == 2
    assert not any("hunter2" in line or "x9" in line for line in lines)


def test_a_secret_that_is_written_out_is_not_shown_either(site: Site) -> None:
    site.config(CONFIG.replace("address: here", "address: here, password: bad-hunter2"))
    (line,) = site.lines()
    assert "hunter2" not in line


def test_slack_keys_are_the_defaults_of_slack_receivers(site: Site) -> None:
    pytest.importorskip("monitor.receivers.slack")
    site.config(
        CONFIG.replace("pager: {type: try_note, channel: b}", "pager: {type: slack, channel: b}")
        + "slack: {token: t1, base_url: 'http://127.0.0.1:9/api/'}\n"
    )
    plan = site.load()
    assert plan.problems == ()
    assert getattr(plan.receivers["pager"], "base_url", None) == "http://127.0.0.1:9/api/"


def test_the_revision_changes_with_any_text(site: Site) -> None:
    first = site.one("warn: 1h").load().revision
    assert site.load().revision == first
    assert site.one("warn: 2h").load().revision != first


def test_a_receiver_that_is_not_fit_to_wake_people_is_no_pager(site: Site) -> None:
    text = CONFIG.replace(
        "pager: {type: try_note, channel: b}", "pager: {type: teams, url: 'https://x'}"
    )
    site.config(text)
    (line,) = site.lines()
    assert line.startswith("config.yaml:9:")
    assert "'pager' cannot page maintainer 'recsys': type teams is not fit" in line


SLEEPY = CONFIG.replace(
    "chat: {type: try_note, channel: a}", "chat: {type: teams, url: 'https://x'}"
)
FIT_ON_CALL = SLEEPY.replace("on_call: {receivers: [chat]}", "on_call: {receivers: [chat, pager]}")


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        (SLEEPY, "11:11: on_call cannot page anybody"),
        (
            FIT_ON_CALL.replace(
                "pager]}\nres", "pager], escalation: [{after: 9m, receivers: [chat]}]}\nres"
            ),
            "11:62: a step of 'escalation' cannot page anybody",
        ),
        (
            FIT_ON_CALL + "auditor: {fallback: [chat]}\n",
            "15:11: 'fallback' of auditor cannot page anybody",
        ),
    ],
)
def test_who_is_asked_last_can_be_woken(site: Site, text: str, wanted: str) -> None:
    (line,) = site.config(text).lines()
    assert line.startswith(f"config.yaml:{wanted}: type teams is not fit to wake people; name one")
    assert line.endswith("as 'pager'")


def test_one_that_is_fit_to_wake_people_is_enough(site: Site) -> None:
    plan = site.config(FIT_ON_CALL + "auditor: {fallback: [pager, chat]}\n").load()
    assert (plan.problems, plan.warnings) == ((), ())


def test_where_no_receiver_of_the_file_can_wake_people_lint_only_warns(site: Site) -> None:
    text = SLEEPY.replace("  pager: {type: try_note, channel: b}\n", "").replace(
        ", page: [pager]", ""
    )
    plan = site.config(text).load()
    assert plan.problems == ()
    (line,) = site.lines(plan.warnings)
    assert line.startswith("config.yaml:10:11: on_call cannot page anybody: type teams is not fit")
    assert line.endswith("use opsgenie, pagerduty, alertmanager, webhook or slack")


def test_a_receiver_that_cannot_be_read_is_not_called_unfit(site: Site) -> None:
    text = SLEEPY.replace("{type: teams, url: 'https://x'}", "{type: teems}")
    text = text.replace("on_call: {receivers: [chat]}", "on_call: {receivers: [chat, pager]}")
    lines = site.config(text + "auditor: {fallback: [chat]}\n").lines()
    assert "unknown type 'teems'" in lines[0]
    assert not any("cannot page" in line for line in lines)


def test_a_digest_may_have_a_calendar(site: Site) -> None:
    text = CONFIG + 'calendars: {office: {weekdays: "monday:friday", except: [2026-11-09]}}\n'
    site.config(text + 'digests: {am: {at: "09:05", calendar: office}}\n')
    (digest,) = site.load().digests
    assert not digest.calendar.has(date(2026, 11, 9))
    site.config(text + 'digests: {am: {at: "09:05", calendar: offic}}\n')
    (line,) = site.lines()
    assert "calendar 'offic' is not defined; did you mean 'office'?" in line
