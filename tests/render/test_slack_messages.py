import os
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from slack_sdk.models.blocks import Block as SdkBlock

from monitor.api import Notification, NotifyReason
from monitor.core.digest import Coverage, NotRun
from monitor.core.incident import Gap, IncidentView
from monitor.core.labels import labels_of
from monitor.core.model import Outcome
from monitor.render.blocks import Block, plain, size, validate
from monitor.render.digest import as_text
from monitor.render.samples import GAP, HOUR, NOW, digest, own_member, resolved, view, whole_digest
from monitor.render.slack import digest_messages, incident_blocks, open_blocks, thread_line
from tests.often import often


def shown(blocks: list[Block]) -> str:
    return str([block.get("text") or block.get("elements") for block in blocks])


def test_an_incident_shows_state_owner_gaps_command_holders_and_what_follows() -> None:
    text = shown(incident_blocks(view(), "Asia/Kolkata"))
    for part in (
        ":red_circle: *PAGE* impressions-fresh: events.impressions_hourly is 6h behind",
        "*data-platform* (dev@example.com) | since Tue 24 Nov 06:00",
        "missing: dt_hour=2026-11-23-19",
        "through superset: 31 queries, 62 %",
        "*Because of it*\\n• superset.exec (analytics)",
        "--from-date 2026-11-23T19:00:00Z --to-date 2026-11-23T20:00:00Z",
        "https://wiki.example.com/impressions",
    ):
        assert part in text, part


def test_an_incident_that_is_over_is_green_and_has_no_command() -> None:
    text = shown(incident_blocks(resolved(), "UTC"))
    assert ":large_green_circle: *RESOLVED*" in text
    assert "airflow" not in text


def test_an_incident_that_nobody_owns_says_so() -> None:
    made = view()
    made = replace(made, incident=replace(made.incident, unowned=True))
    assert "(nobody owns it)" in shown(incident_blocks(made, "UTC"))


def test_an_incident_of_any_size_is_one_message_and_says_what_it_leaves_out() -> None:
    gaps = tuple(replace(GAP, start=GAP.start - n * HOUR) for n in range(300))
    members = tuple(
        replace(own_member(), slice=labels_of({"n": str(n)}), gaps=gaps) for n in range(500)
    )
    blocks = incident_blocks(view(members=members), "UTC")
    assert validate(blocks) == []
    assert len(blocks) <= 12
    assert "There is more" in shown(blocks)


def test_the_parent_of_a_digest_is_small_and_the_worst_comes_first() -> None:
    whole = replace(digest(), open=(view(),) * 40)
    parent, *replies = digest_messages(whole)
    assert len(parent) <= 12
    assert size(parent) <= 6000
    assert "40 open (40 page)" in shown(parent[:2])
    assert "configuration 4f2a91c; next Wed 25 Nov 09:00" in shown(parent[-1:])
    assert 0 < len(replies) <= 8
    assert "left out here" in shown(replies[-1]) or "orphan-check" in shown(replies[-1])


@pytest.mark.long
def test_a_digest_of_a_night_without_the_source_of_all_checks_still_leaves() -> None:
    missing = tuple(NotRun(f"check-{n}", "t", Outcome.ERROR, "down " * 50) for n in range(5000))
    whole = replace(digest(), coverage=Coverage(5000, 0, missing), open=())
    messages = digest_messages(whole)
    assert [validate(blocks) for blocks in messages] == [[]] * len(messages)
    assert len(messages) <= 9
    assert as_text(whole).endswith("(cut here, there is more)")


def test_the_owners_of_eight_open_incidents_are_called_and_no_more() -> None:
    blocks = open_blocks(replace(digest(), open=(view(),) * 20), str)
    assert validate(blocks) == []
    assert [block["type"] for block in blocks] == ["section", "actions"] * 8


def test_a_digest_that_fits_has_no_thread_and_its_parts_in_order() -> None:
    (parent,) = digest_messages(replace(digest(), unowned=()))
    text = shown(parent)
    places = [
        text.index(part)
        for part in (
            "1 open (1 page)",
            "because of it: superset.exec",
            "airflow backfill",
            "*Could not be judged*",
            "by owner: data-platform 2 (1 open)",
            "*Metrics*",
            "configuration 4f2a91c",
        )
    ]
    assert places == sorted(places)


def test_an_edit_that_matters_gets_a_line_in_the_thread_and_another_none() -> None:
    def line(reason: NotifyReason) -> str | None:
        return thread_line(Notification("k", "s", "r", reason, NOW, view=view()), "UTC")

    assert line(NotifyReason.WORSE) is not None
    assert line(NotifyReason.MORE_ALERTS) is not None
    assert line(NotifyReason.RESOLVED) == "Tue 24 Nov 03:30: resolved"
    assert line(NotifyReason.CAUSE_CHANGED) is None


words = st.text(max_size=400) | st.sampled_from(["<!channel>", "```", "# x", "---", "> ", "\n\n"])


EXAMPLES = int(os.environ.get("MONITOR_EXAMPLES") or often(15, 1000))


@given(st.lists(words, min_size=6, max_size=6))
@settings(max_examples=EXAMPLES)
def test_whatever_the_data_says_slack_takes_the_message(texts: list[str]) -> None:
    made = poisoned(texts)
    story = replace(whole_digest(), open=(made,), revision=texts[1], unowned=(texts[2],))
    messages = [
        incident_blocks(made, "UTC", texts[0], people=texts[3:], has_buttons=True),
        *digest_messages(story),
        open_blocks(story, str),
    ]
    for blocks in messages:
        assert validate(blocks) == []
        sdk_takes(blocks)
        for mark in ("<!", "<@", "<http"):
            assert mark not in plain(blocks)


def sdk_takes(blocks: list[Block]) -> None:
    """Ask the SDK, which nobody here wrote: it knows some of the limits and checks them."""
    known = [block for block in blocks if block["type"] != "data_visualization"]
    for parsed in SdkBlock.parse_all(known):
        parsed.to_dict()


def poisoned(texts: list[str]) -> IncidentView:
    check, resource, owner, name, value, link = texts
    member = replace(
        own_member(),
        check=check,
        resource=resource,
        maintainer=owner,
        slice=labels_of({name: value}),
        gaps=(Gap(GAP.start, GAP.last, GAP.end, (value,)),),
        backfill="fill {{ partitions }}",
        link=link,
        evidence={"holders": [{"user": value}, 3], "expected": value, "value": 1},
    )
    made = view(members=(member, replace(member, is_folded=True, breach=None, summary=value)))
    return replace(made, incident=replace(made.incident, check=check, maintainer=owner))
