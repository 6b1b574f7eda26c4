from dataclasses import replace

from monitor.core.incident import Member
from monitor.core.labels import labels_of
from monitor.core.model import Breach, Direction, Limit, Sample, Unit
from monitor.render.samples import own_member, resolved, view
from monitor.render.summary import details, headline, sentence, title


def test_the_headline_is_made_of_the_judged_numbers() -> None:
    assert title(view()) == (
        "PAGE impressions-fresh: events.impressions_hourly is 6h behind (limit 6h), "
        "2 partitions missing"
    )


def test_an_incident_of_many_slices_counts_the_others() -> None:
    assert headline(view(members=(own_member(),) * 3)).endswith("(+2 more)")


def test_a_measure_without_a_phrase_is_written_with_its_slice_and_unit() -> None:
    limit = Limit("p99", 0.8, Direction.ABOVE, Unit.SECONDS)
    sample = Sample("p99", 0.812, unit=Unit.SECONDS)
    member = replace(
        own_member(),
        slice=labels_of({"model": "ranker"}),
        resource=None,
        breach=Breach(sample, limit),
        evidence=None,
        gaps=(),
    )
    assert sentence(member) == "model=ranker: p99 812ms (limit 800ms)"


def test_what_is_over_does_not_repeat_the_breach() -> None:
    assert "behind" not in sentence(resolved().own[0])
    assert title(resolved()).startswith("RESOLVED impressions-fresh: back within its limits")


def test_a_check_that_saw_nothing_gives_its_reason() -> None:
    blind = replace(own_member(), breach=None, summary="the answer is empty", gaps=())
    assert sentence(blind) == "the answer is empty"


def test_what_was_told_because_nothing_was_seen_can_be_judged_again() -> None:
    over = replace(resolved().own[0], breach=None, samples=(), summary="the answer is empty")
    assert sentence(over) == "can be judged again, within its limits"


def test_evidence_that_is_not_as_expected_is_left_out() -> None:
    strange = {"holders": "nobody", "expected": "many", "value": None}
    assert details(replace(own_member(), gaps=(), evidence=strange)) == []


def test_expected_values_and_holders_are_shown() -> None:
    member: Member = replace(
        own_member(),
        gaps=(),
        evidence={
            "value": 904.0,
            "expected": 580.0,
            "low": 500.0,
            "high": 650.0,
            "holders": [{"user": "bi", "source": "superset", "queries": 31, "share": 0.62}],
        },
    )
    assert details(member) == [
        "904 where 580 was expected (500 to 650)",
        "held by bi through superset: 31 queries, 62 %",
    ]


def test_of_an_experiment_the_change_its_bounds_and_the_verdict_are_told() -> None:
    standing = "opt_outs of B +8.0% against A (+5.1% to +11.0%), worse than control"
    member = replace(own_member(), gaps=(), evidence={"control": 0.02, "standing": standing})
    assert details(member) == [standing]
