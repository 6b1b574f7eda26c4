from datetime import UTC, datetime, timedelta

import pytest

from monitor.config.load import ConfigError
from monitor.core.model import EscalationStep, Override
from monitor.core.route_tree import Route
from tests.config.conftest import CONFIG, Site

TREE = """\
route:
  receiver: chat
  group_by: [alertname]
  group_wait: 10s
  routes:
    - matchers: ['team="a"']
      receiver: pager
      continue: true
      group_by: ['...']
      mute_time_intervals: [nights]
    - matchers: [team=~"b|c", 'severity="page"']
      group_by: []
      repeat_interval: 1h
      routes:
        - matchers: ['{kind="freshness",slice!~"x.*"}']
inhibit_rules:
  - name: cause first
    source_matchers: ['alertname="TrinoDown"']
    target_matchers: ['kind="freshness"']
    equal: [cluster]
time_intervals:
  - name: nights
    time_intervals:
      - times: [{start_time: 22:00, end_time: 06:00}]
        weekdays: ['monday:friday', 'saturday:sunday']
        days_of_month: ['1:15', '-3:-1', '20']
        months: ['march:april', 12]
        years: ['2026:2030']
        location: Asia/Kolkata
"""


def tree_of(site: Site, text: str) -> Route:
    route = site.config(CONFIG + text).load().routing.route
    assert route is not None
    return route


def test_a_tree_is_read_and_each_node_inherits_what_it_does_not_say(site: Site) -> None:
    root = tree_of(site, TREE)
    first, second = root.routes
    (third,) = second.routes
    assert [one.receiver for one in root.walk()] == ["chat", "pager", "chat", "chat"]
    assert [one.continues for one in root.walk()] == [False, True, False, False]
    assert [one.group_by for one in root.walk()] == [{"alertname"}, None, frozenset(), frozenset()]
    assert {one.group_wait for one in root.walk()} == {timedelta(seconds=10)}
    assert [one.repeat_interval.seconds // 3600 for one in root.walk()] == [4, 4, 1, 1]
    assert first.mute_time_intervals == ("nights",)
    assert second.mute_time_intervals == ()
    assert list(map(str, third.matchers)) == ['kind="freshness"', 'slice!~"x.*"']


def test_a_key_names_the_way_to_a_node_as_alertmanager_does(site: Site) -> None:
    assert [one.key for one in tree_of(site, TREE).walk()] == [
        "{}",
        '{}/{team="a"}',
        '{}/{severity="page",team=~"b|c"}',
        '{}/{severity="page",team=~"b|c"}/{kind="freshness",slice!~"x.*"}',
    ]


def test_rules_and_intervals_are_read(site: Site) -> None:
    routing = site.config(CONFIG + TREE).load().routing
    (rule,) = routing.inhibit_rules
    assert (rule.name, rule.equal) == ("cause first", ("cluster",))
    (night,) = routing.time_intervals["nights"]
    assert night.times == ((22 * 60, 6 * 60),)
    assert night.weekdays == ((1, 5), (6, 6), (0, 0))
    assert night.days_of_month == ((1, 15), (-3, -1), (20, 20))
    assert night.months == ((3, 4), (12, 12))
    assert night.years == ((2026, 2030),)
    assert night.location == "Asia/Kolkata"


def test_without_a_route_there_is_none_and_alerts_go_to_their_maintainers(site: Site) -> None:
    assert site.load().routing.route is None


def test_a_route_without_receiver_leaves_alerts_to_their_maintainers(site: Site) -> None:
    root = tree_of(site, "route: {group_by: [check], group_wait: 0, group_interval: 5m}\n")
    assert root.receiver is None
    assert root.group_wait == timedelta(0)


def test_a_receiver_that_does_not_work_loses_no_alert(site: Site) -> None:
    text = CONFIG.replace("receivers:\n", "receivers:\n  broken: {type: try_note}\n", 1)
    plan = site.config(text + "route: {receiver: broken}\n").load()
    assert len(plan.problems) == 1
    assert plan.routing.route is not None
    assert plan.routing.route.receiver is None


NIGHTS = "time_intervals: [{name: nights, time_intervals: [{}]}]"
WRONG = [
    ("route: [a]", "15:1: 'route' must be a map of keys"),
    ("route: {receiver: chta}", "receiver 'chta' is not defined; did you mean 'chat'?"),
    ("route: {reciever: chat}", "unknown key 'reciever' in the route; did you mean 'receiver'?"),
    ("route: {matchers: ['a=b']}", "15:9: the root route takes every alert"),
    ("route: {mute_time_intervals: [x]}", "15:9: the root route takes every alert"),
    ("route: {match: {a: b}}", "'match' is the old way; write 'matchers'"),
    ("route: {group_wait: 9999999d}", "'9999999d' is longer than 100 years"),
    ("route: {group_wait: soon}", "'group_wait' of the route is wrong: 'soon' is not a duration"),
    ("route: {group_interval: 0s}", "'group_interval' must be longer than nothing"),
    ("route: {repeat_interval: 0}", "'repeat_interval' must be longer than nothing"),
    ("route: {group_by: ['...', a]}", "name no other beside it"),
    ("route: {group_by: [a, a]}", "must name each label once"),
    ("route: {routes: {a: b}}", "15:9: 'routes' must be a list of routes"),
    ("route: {routes: [a]}", "15:18: a route must be a map of keys"),
    ("route: {routes: [{continue: maybe}]}", "'continue' of the route"),
    ("route: {routes: [{matchers: ['a=']}]}", "15:30: the matcher a= is wrong: a value is missing"),
    (
        "route: {routes: [{matchers: ['a=~\"(?=b)\"']}]}",
        "15:30: the matcher a=~\"(?=b)\" is wrong: the pattern '(?=b)' is wrong: looking ahead",
    ),
    ("route: {routes: [{matchers: 'a=b'}]}", "'matchers' of the route must be a list"),
    (
        f"route: {{routes: [{{mute_time_intervals: [nihgts]}}]}}\n{NIGHTS}",
        "15:41: time interval 'nihgts' is not defined; did you mean 'nights'?",
    ),
    ("inhibit_rules: {}", "'inhibit_rules' must be a list"),
    ("inhibit_rules: [{source_matchers: ['a=b']}]", "needs the key 'target_matchers'"),
    (
        "inhibit_rules: [{source_matchers: [], target_matchers: ['a=b']}]",
        "'source_matchers' lists nothing",
    ),
    ("inhibit_rules: [{source_match: {a: b}, target_matchers: ['a=b']}]", "is the old way"),
    ("time_intervals: {}", "'time_intervals' must be a list"),
    ("time_intervals: [{time_intervals: [{}]}]", "needs the key 'name'"),
    ("time_intervals: [{name: n}]", "needs a list of 'time_intervals'"),
    ("time_intervals: [{name: n, time_interval: []}]", "unknown key 'time_interval'"),
    (
        "time_intervals: [{name: n, time_intervals: [{}]}, {name: n, time_intervals: [{}]}]",
        "the time interval 'n' is defined twice",
    ),
]
WRONG_INTERVALS = [
    ("{times: [{start_time: '9:00', end_time: '10:00'}]}", "'9:00' is no time of day"),
    ("{times: [{start_time: '09:00'}]}", "needs the key 'end_time'"),
    ("{times: [{start_time: '09:00', end_time: '24:01'}]}", "'24:01' is no time of day"),
    ("{times: [{start_time: '09:00', end_time: '09:00'}]}", "is empty"),
    ("{times: []}", "'times' of time interval 'n'"),
    ("{weekdays: [mon]}", "'mon' is no weekday"),
    ("{weekdays: 'monday'}", "must be a list"),
    ("{weekdays: []}", "lists nothing"),
    ("{days_of_month: [0]}", "0 is no day of the month"),
    ("{days_of_month: ['32']}", "32 is no day of the month"),
    ("{days_of_month: ['5:1']}", "day 1 is always before day 5"),
    ("{days_of_month: ['-1:-5']}", "day -5 is always before day -1"),
    ("{days_of_month: ['-5:5']}", "must end with a negative day"),
    ("{days_of_month: ['a']}", "'a' is no number"),
    ("{months: [13]}", "is no range of months"),
    ("{months: ['april:march']}", "is no range of months"),
    ("{months: [apirl]}", "'apirl' is no month"),
    ("{years: ['2030:2026']}", "are not in order"),
    ("{location: Asia/Kolkatta}", "did you mean 'Asia/Kolkata'?"),
    ("{locaton: UTC}", "unknown key 'locaton' in time interval 'n'; did you mean 'location'?"),
    ("{calendar: bank}", "calendar 'bank' is not defined"),
]


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        *WRONG,
        *(
            (f"time_intervals: [{{name: n, time_intervals: [{one}]}}]", wanted)
            for one, wanted in WRONG_INTERVALS
        ),
    ],
)
def test_what_is_wrong_stops_the_load_and_is_named_with_its_place(
    site: Site, text: str, wanted: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        site.config(CONFIG + text + "\n").load()
    lines = site.lines(caught.value.problems)
    assert any(wanted in line for line in lines), lines
    assert all(line.startswith("config.yaml:1") for line in lines)


UNREACHABLE = [
    ("[{matchers: ['a=b']}, {matchers: ['a=b', 'c=d']}]", "the route at config.yaml:15:18 takes"),
    ("[{matchers: [a=~\"b|c\"]}, {matchers: ['a=b']}]", "takes all"),
    ("[{matchers: [a!=x]}, {matchers: ['a=b']}]", "takes all"),
    ("[{}, {matchers: ['a=b']}]", "takes all"),
    ("[{matchers: [a=~\".*\"]}, {matchers: ['c=d']}]", "takes all"),
    ("[{matchers: ['a=b'], routes: [{matchers: ['a=c']}]}]", 'a="b" and a="c" exclude each other'),
    ("[{matchers: ['a=b', 'a!=b']}]", "exclude each other"),
    ('[{matchers: [a=~"b.", a!~"b."]}]', "exclude each other"),
    (
        "[{matchers: ['a=b', 'c=d']}, {matchers: ['a=b'], routes: [{matchers: ['c=d']}]}]",
        "takes all",
    ),
]
REACHABLE = [
    "[{matchers: ['a=b'], continue: true}, {matchers: ['a=b']}]",
    "[{matchers: ['a=b', 'c=d']}, {matchers: ['a=b']}]",
    '[{matchers: [a=~"b."]}, {matchers: [a=~"b.*"]}]',
    "[{matchers: ['a=b']}, {matchers: ['a=\"\"']}]",
]


@pytest.mark.parametrize(("routes", "wanted"), UNREACHABLE)
def test_a_route_that_nothing_reaches_is_reported_and_stops_nothing(
    site: Site, routes: str, wanted: str
) -> None:
    (line,) = site.config(f"{CONFIG}route: {{routes: {routes}}}\n").lines()
    assert "no alert ever reaches this route" in line
    assert wanted in line


@pytest.mark.parametrize("routes", REACHABLE)
def test_a_route_that_something_may_reach_is_not_reported(site: Site, routes: str) -> None:
    assert site.config(f"{CONFIG}route: {{routes: {routes}}}\n").lines() == []


NAMES = """
time_intervals:
  - {name: never, time_intervals: [{months: [february], days_of_month: ['30', '31']}]}
  - {name: always, time_intervals: [{weekdays: [monday]}, {location: UTC}]}
  - {name: all day, time_intervals: [{times: [{start_time: "00:00", end_time: "24:00"}]}]}
  - {name: leap, time_intervals: [{months: [february], days_of_month: ['29'], weekdays: [monday]}]}
"""
SPEECHLESS = [
    ("active_time_intervals: [never]", "no moment lies in 'never'"),
    ("mute_time_intervals: [leap, always]", "'always' mutes it at any time"),
    ("mute_time_intervals: [all day]", "'all day' mutes it at any time"),
    ("mute_time_intervals: [leap, never], active_time_intervals: [leap]", "mute it, too"),
]
SPEAKING = [
    "active_time_intervals: [never, leap]",
    "active_time_intervals: [always]",
    "mute_time_intervals: [never, leap]",
    "mute_time_intervals: [leap], active_time_intervals: [leap, always]",
]


@pytest.mark.parametrize(("keys", "wanted"), SPEECHLESS)
def test_a_route_that_never_speaks_is_reported(site: Site, keys: str, wanted: str) -> None:
    text = f"{CONFIG}route: {{routes: [{{matchers: ['a=b'], {keys}}}]}}{NAMES}"
    (line,) = site.config(text).lines()
    assert line.startswith("config.yaml:15:18: nobody is ever told by this route")
    assert wanted in line


@pytest.mark.parametrize("keys", SPEAKING)
def test_a_route_that_speaks_at_some_time_is_not_reported(site: Site, keys: str) -> None:
    text = f"{CONFIG}route: {{routes: [{{matchers: ['a=b'], {keys}}}]}}{NAMES}"
    assert site.config(text).lines() == []


ON_CALL = (
    'on_call: {receivers: [chat], rotation: [asha, ben], from: "2026-01-05 09:00", '
    'overrides: [{person: ben, from: "2026-02-01 09:00", to: "2026-02-03 09:00"}], '
    "escalation: [{after: 15m, receivers: [pager]}]}"
)


def test_overrides_and_escalation_are_read(site: Site) -> None:
    rota = site.config(CONFIG.replace("on_call: {receivers: [chat]}", ON_CALL)).load().on_call
    start = datetime(2026, 2, 1, 3, 30, tzinfo=UTC)
    assert rota.timezone == "Asia/Kolkata"
    assert rota.overrides == (Override("ben", start, start + timedelta(days=2)),)
    assert rota.escalation == (EscalationStep(timedelta(minutes=15), ("pager",)),)


@pytest.mark.parametrize(
    ("old", "new", "wanted"),
    [
        ('to: "2026-02-03 09:00"', 'to: "2026-01-03 09:00"', "ends before it starts"),
        ('to: "2026-02-03 09:00"', "to: later", "'to' of on_call is wrong: 'later' is no moment"),
        ("receivers: [pager]", "receivers: [pagr]", "receiver 'pagr' is not defined"),
        ("receivers: [pager]", "receivers: []", "a step of 'escalation' needs receivers"),
    ],
)
def test_a_wrong_override_or_step_is_reported(site: Site, old: str, new: str, wanted: str) -> None:
    text = CONFIG.replace("on_call: {receivers: [chat]}", ON_CALL.replace(old, new))
    (line,) = site.config(text).lines()
    assert wanted in line
