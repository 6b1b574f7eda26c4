from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.config.route_lint import find_unreachable
from monitor.core.inhibit import Inhibitions, InhibitRule
from monitor.core.intervals import TimeInterval
from monitor.core.labels import labels_of
from monitor.core.matcher import parse_matchers
from monitor.core.route_tree import Route, key_of
from monitor.core.route_walk import walk_of
from monitor.core.routing import Routing, rule_on
from monitor.core.silence import Silence

NOON = datetime(2026, 11, 25, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


def node(
    receiver: str, matchers: str = "", *routes: Route, continues: bool = False, by: str = ""
) -> Route:
    held = parse_matchers(matchers)
    group_by = None if by == "..." else frozenset(by.split())
    return Route(receiver, held, continues, routes, group_by, key=key_of(None, held))


TREE = node(
    "root",
    "",
    node("a", "team=a", node("a-page", "severity=page")),
    node("all", "severity=page", continues=True),
    node("b", "team=b"),
    node("none", 'team=""'),
)


def told(route: Route, **labels: str) -> list[str | None]:
    return [one.receiver for one in route.matches(labels)]


@pytest.mark.parametrize(
    ("labels", "expected"),
    [
        ({"team": "a"}, ["a"]),
        ({"team": "a", "severity": "page"}, ["a-page"]),
        ({"team": "b", "severity": "page"}, ["all", "b"]),
        ({"team": "c", "severity": "page"}, ["all"]),
        ({"team": "c"}, ["root"]),
        ({}, ["none"]),
    ],
)
def test_the_first_child_that_takes_an_alert_wins_unless_it_continues(
    labels: dict[str, str], expected: list[str]
) -> None:
    assert told(TREE, **labels) == expected


def test_a_child_without_matchers_takes_everything() -> None:
    assert told(node("root", "", node("any"), node("b", "team=b")), team="b") == ["any"]


def test_a_child_that_continues_below_does_not_make_its_parent_continue() -> None:
    tree = node("root", "", node("a", "", node("deep", "team=a", continues=True)), node("later"))
    assert told(tree, team="a") == ["deep"]


def test_groups_are_named_by_the_way_and_the_labels_that_an_alert_has() -> None:
    labels = {"team": 'a"\n', "check": "x"}
    grouped = node("r", "team=~'a.*'".replace("'", '"'), by="team region")
    assert grouped.group_key(labels) == '{team=~"a.*"}:{team="a\\"\\n"}'
    assert node("r", by="...").group_key(labels) == '{}:{check="x", team="a\\"\\n"}'
    assert node("r").group_key(labels) == "{}:{}"
    assert node("r", by="team").group_key({"team": "\x7fé\U0001f600\x85"}) == (
        '{}:{team="\\x7fé\U0001f600\\u0085"}'
    )


RULE = InhibitRule(
    parse_matchers("alertname=TrinoDown"), parse_matchers("kind=freshness"), ("cluster",)
)
DOWN = {"alertname": "TrinoDown", "cluster": "x"}


def inhibitors(
    rule: InhibitRule, firing: Sequence[dict[str, str]], **labels: str
) -> list[dict[str, str]]:
    return [dict(found) for found in Inhibitions([rule], firing).of(labels)]


def test_a_target_is_inhibited_by_every_source_with_equal_labels() -> None:
    other = {**DOWN, "node": "2"}
    assert inhibitors(RULE, [DOWN, other], kind="freshness", cluster="x") == [
        dict(labels_of(DOWN)),
        dict(labels_of(other)),
    ]
    assert inhibitors(RULE, [DOWN], kind="freshness", cluster="y") == []
    assert inhibitors(RULE, [DOWN], kind="latency", cluster="x") == []


def test_missing_labels_are_equal_to_each_other_and_to_empty_ones() -> None:
    source = {"alertname": "TrinoDown"}
    assert inhibitors(RULE, [source], kind="freshness") == [source]
    assert inhibitors(RULE, [{**source, "cluster": ""}], kind="freshness")
    assert inhibitors(RULE, [source], kind="freshness", cluster="x") == []


def test_what_matches_both_sides_is_not_inhibited_by_its_kind() -> None:
    rule = InhibitRule(parse_matchers("severity=page"), parse_matchers("team=a"))
    both, source = {"severity": "page", "team": "a"}, {"severity": "page"}
    assert inhibitors(rule, [both], **both) == []
    assert inhibitors(rule, [both, {**both, "n": "2"}], **both) == []
    assert inhibitors(rule, [both, source], **both) == [source]
    assert inhibitors(rule, [both], team="a") == [both]


def silence(matchers: str, start: datetime = NOON - HOUR, end: datetime = NOON + HOUR) -> Silence:
    return Silence("s", parse_matchers(matchers), start, end, "asha", "")


def test_a_silence_works_from_its_start_until_just_before_its_end() -> None:
    silences = [
        silence("team=a"),
        silence("team=b"),
        silence("team=a", end=NOON),
        silence("team=a", start=NOON),
        silence("team=a", start=NOON + HOUR / 2),
    ]
    (ruling,) = rule_on([{"team": "a"}], silences, Routing(TREE), NOON)
    assert ruling.silenced_by == (0, 3)
    assert not ruling.is_told


def test_a_ruling_names_groups_mutes_and_inhibitors() -> None:
    muted = Route("night", mute_time_intervals=("noon",))
    tree = Route("root", routes=(muted,))
    interval = TimeInterval(times=((12 * 60, 13 * 60),))
    routing = Routing(tree, (RULE,), {"noon": (interval,)})
    target = {"kind": "freshness", "cluster": "x", "empty": ""}
    held, source = rule_on([target, DOWN], [], routing, NOON)
    assert held.muted_by == source.muted_by == ("noon",)
    assert held.inhibited_by == (labels_of(DOWN),)
    assert [group.receiver for group in held.groups] == ["night"]
    (later,) = rule_on([DOWN], [], routing, NOON + HOUR)
    assert later.muted_by == ()
    assert later.is_told


_SMALL = st.sampled_from(["", "a=x", "a=y", "b=x", 'a!="x"', 'b=~"x|"', "a=x,b=y"])


def _trees(below: st.SearchStrategy[Route]) -> st.SearchStrategy[Route]:
    def made(matchers: str, routes: list[Route], continues: bool) -> Route:
        return node("r", matchers, *routes, continues=continues)

    return st.builds(made, _SMALL, st.lists(below, max_size=4), st.booleans())


_TREES = st.recursive(_SMALL.map(lambda text: node("leaf", text)), _trees, max_leaves=12)
_LABELS = st.dictionaries(st.sampled_from(["a", "b"]), st.sampled_from(["x", "y", "z"]))


@given(st.lists(_TREES, max_size=4), _LABELS)
def test_the_way_that_is_explained_is_the_way_that_is_taken(
    routes: list[Route], labels: dict[str, str]
) -> None:
    root = node("root", "", *routes)
    walked = [visit.route for visit in walk_of(root, labels) if visit.handles]
    assert list(map(id, walked)) == list(map(id, root.matches(labels)))


@given(st.lists(_TREES, max_size=4), _LABELS)
def test_a_route_that_is_called_unreachable_is_never_reached(
    routes: list[Route], labels: dict[str, str]
) -> None:
    root = node("root", "", *routes)
    lost = {id(found.route) for found in find_unreachable(root)}
    assert not lost & {id(route) for route in root.matches(labels)}
