from monitor.render.explained import explained

EVIDENCE = {
    "value": 600.0,
    "last_week": 1000.0,
    "since": "2026-11-24T02:00:00+00:00",
    "lost_since": 800.0,
    "once_in_days": 120.0,
    "share": 0.97,
    "slices": [{"slice": {"model": "ctr", "variant": "B"}, "share": 0.9, "lost": 360.0}],
    "launches": ["ranker v3 at 2026-11-24 01:00"],
    "holiday": True,
    "complete": 0.995,
    "note": "restated: it was 500 when it was judged first",
}


def test_everything_that_is_known_is_told() -> None:
    assert explained(EVIDENCE) == [
        "since 2026-11-24 02:00 UTC, 800 missing since then",
        "by chance once in 4 months",
        "a week before 1,000 (-40%)",
        "carries 97% of what is missing in total",
        "most of it in model=ctr, variant=B 90%",
        "launched shortly before: ranker v3 at 2026-11-24 01:00",
        "a holiday, judged with a wider band",
        "data of this age is 99.5% complete or more, nine times in ten",
        "restated: it was 500 when it was judged first",
    ]


def test_moments_are_in_the_zone_of_whoever_reads_them() -> None:
    (since, *_) = explained(EVIDENCE, "Asia/Kolkata")
    assert since == "since Tue 24 Nov 07:30, 800 missing since then"
    (since, *_) = explained({"since": "2026-11-24T07:30:00+05:30"})
    assert since == "since 2026-11-24 02:00 UTC"


def test_of_a_rise_it_is_told_what_is_too_much() -> None:
    rise = {"value": 900.0, "expected": 500.0, "share": 0.9, "lost_since": -400.0}
    assert explained({**rise, "since": "2026-11-24T02:00:00+00:00"}) == [
        "since 2026-11-24 02:00 UTC, 400 too much since then",
        "carries 90% of what is too much in total",
    ]


def test_a_gap_of_everybody_is_told_as_broad() -> None:
    assert explained({"slices": "broad"}) == ["broad: spread over most of its slices"]


def test_evidence_of_another_shape_is_left_out() -> None:
    strange = {name: object() for name in EVIDENCE}
    assert explained(strange) == []
    assert explained({}) == []
