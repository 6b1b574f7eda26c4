import asyncio
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

import pytest
from pydantic import SecretStr

from monitor.api import DeliveryError, Notification, NotifyReason, Receipt
from monitor.core.incident import Ack, IncidentView
from monitor.receivers.slack import Slack
from monitor.render.samples import NOW, digest, metric, resolved, view, whole_digest
from monitor.testing.slack import ScriptedSlack


@pytest.fixture
def server() -> Iterator[ScriptedSlack]:
    with ScriptedSlack() as made:
        yield made


@pytest.fixture
def slack(server: ScriptedSlack) -> Iterator[Slack]:
    made = receiver(server)
    yield made
    asyncio.run(made.close())


def receiver(server: ScriptedSlack) -> Slack:
    return Slack(name="team-slack", channel="alerts", token="xoxb-secret", base_url=server.url)


def note(
    reason: NotifyReason, about: IncidentView | None = None, key: str = "i:s:1"
) -> Notification:
    return Notification(key, "i", "team-slack", reason, NOW, view=about or view())


def send(slack: Slack, notification: Notification, receipt: Receipt | None = None) -> Receipt:
    """Send until it is whole, as delivery does."""
    while not (sent := asyncio.run(slack.send(notification, receipt))).is_whole:
        receipt = sent
    return sent


def story() -> Notification:
    bad = replace(digest(), open=(view(),) * 7)
    return Notification("d:1", "d", "team-slack", NotifyReason.DIGEST, NOW, digest=bad)


def refused(slack: Slack, notification: Notification) -> DeliveryError:
    with pytest.raises(DeliveryError) as caught:
        send(slack, notification)
    return caught.value


def test_a_first_notification_is_one_message_with_text_blocks_and_key(
    slack: Slack, server: ScriptedSlack
) -> None:
    receipt = send(slack, note(NotifyReason.FIRST))
    (message,) = server.messages
    assert message["channel"] == "alerts"
    assert message["text"].startswith("PAGE impressions-fresh")
    assert message["blocks"]
    assert message["metadata"]["event_payload"] == {"key": "i:s:1"}
    assert receipt.place == {"channel": "C00000000", "ts": message["ts"]}


def test_the_end_edits_the_message_and_says_so_in_its_thread(
    slack: Slack, server: ScriptedSlack
) -> None:
    receipt = send(slack, note(NotifyReason.FIRST))
    after = send(slack, note(NotifyReason.RESOLVED, resolved(), "i:s:2"), receipt)
    (parent,) = server.parents("alerts")
    assert parent["text"].startswith("RESOLVED")
    assert "large_green_circle" in str(parent["blocks"])
    assert [reply["text"] for reply in server.replies(parent["ts"])] == [
        "Tue 24 Nov 03:30: resolved"
    ]
    assert after.place == receipt.place


def test_what_nobody_must_hear_of_is_only_edited(slack: Slack, server: ScriptedSlack) -> None:
    receipt = send(slack, note(NotifyReason.FIRST))
    send(slack, note(NotifyReason.FEWER_ALERTS, key="i:s:2"), receipt)
    assert len(server.messages) == 1
    assert server.messages[0]["history"]


def test_a_new_process_edits_the_message_of_the_old_one(
    slack: Slack, server: ScriptedSlack
) -> None:
    receipt = send(slack, note(NotifyReason.FIRST))
    other = receiver(server)
    send(other, note(NotifyReason.RESOLVED, resolved(), "i:s:2"), receipt)
    asyncio.run(other.close())
    assert len(server.parents("alerts")) == 1


def test_a_process_that_died_before_storing_its_receipt_does_not_post_twice(
    slack: Slack, server: ScriptedSlack
) -> None:
    first = send(slack, note(NotifyReason.FIRST))
    other = receiver(server)
    again = send(other, note(NotifyReason.FIRST))
    asyncio.run(other.close())
    assert len(server.messages) == 1
    assert again.place == first.place


@pytest.mark.parametrize("fault", ["drop_after_commit", "error_after_commit"])
def test_a_message_whose_answer_was_lost_is_found_again(
    slack: Slack, server: ScriptedSlack, fault: str
) -> None:
    server.faults = [fault]  # type: ignore[list-item]
    assert refused(slack, note(NotifyReason.FIRST)).is_ambiguous
    receipt = send(slack, note(NotifyReason.FIRST))
    assert [message["ts"] for message in server.messages] == [receipt.place["ts"]]


def test_a_message_that_was_lost_on_the_way_is_posted_again(
    slack: Slack, server: ScriptedSlack
) -> None:
    server.faults = ["drop"]
    assert refused(slack, note(NotifyReason.FIRST)).is_ambiguous
    send(slack, note(NotifyReason.FIRST))
    assert len(server.messages) == 1


def test_a_thread_line_whose_answer_was_lost_is_not_repeated(
    slack: Slack, server: ScriptedSlack
) -> None:
    receipt = send(slack, note(NotifyReason.FIRST))
    end = note(NotifyReason.RESOLVED, resolved(), "i:s:2")
    server.faults = ["pass", "drop_after_commit"]  # the edit passes, the line's answer is lost
    with pytest.raises(DeliveryError):
        send(slack, end, receipt)
    send(slack, end, receipt)
    assert len(server.replies(receipt.place["ts"])) == 1


def test_sending_the_same_notification_again_posts_nothing(
    slack: Slack, server: ScriptedSlack
) -> None:
    send(slack, note(NotifyReason.FIRST))
    send(slack, note(NotifyReason.FIRST))
    assert len(server.messages) == 1


def test_a_rate_limit_says_how_long_to_wait(slack: Slack, server: ScriptedSlack) -> None:
    server.faults = ["rate_limited"]
    error = refused(slack, note(NotifyReason.FIRST))
    assert error.retry_after == timedelta(seconds=3)
    assert not error.is_final
    assert not error.is_ambiguous


@pytest.mark.parametrize("fault", ["channel_not_found", "not_in_channel", "invalid_auth"])
def test_what_trying_again_cannot_help_is_final(
    slack: Slack, server: ScriptedSlack, fault: str
) -> None:
    server.faults = [fault]  # type: ignore[list-item]
    error = refused(slack, note(NotifyReason.FIRST))
    assert error.is_final
    assert fault in str(error)


def test_a_slack_that_is_down_is_not_ambiguous() -> None:
    with ScriptedSlack() as server:
        slack = receiver(server)
    error = refused(slack, note(NotifyReason.FIRST))
    asyncio.run(slack.close())
    assert not error.is_ambiguous
    assert not error.is_final


def test_refused_blocks_are_sent_as_text(slack: Slack, server: ScriptedSlack) -> None:
    server.faults = ["invalid_blocks"]
    send(slack, note(NotifyReason.FIRST))
    (message,) = server.messages
    assert not message["blocks"]
    assert "impressions-fresh" in message["text"]


def test_a_message_that_somebody_deleted_is_posted_anew(
    slack: Slack, server: ScriptedSlack
) -> None:
    receipt = send(slack, note(NotifyReason.FIRST))
    server.messages.clear()
    after = send(slack, note(NotifyReason.WORSE, key="i:s:2"), receipt)
    (message,) = server.parents("alerts")
    assert after.place["ts"] == message["ts"]


def test_a_fallback_says_who_could_not_be_told(slack: Slack, server: ScriptedSlack) -> None:
    send(slack, replace(note(NotifyReason.FALLBACK), headline="team-x could not be told: gone"))
    assert "team-x could not be told: gone" in str(server.messages[0]["blocks"])


def test_a_digest_is_one_message_with_the_rest_in_its_thread(
    slack: Slack, server: ScriptedSlack
) -> None:
    send(slack, story())
    (parent,) = server.parents("alerts")
    assert "7 open (7 page)" in parent["text"]
    assert "orphan-check" in str(server.replies(parent["ts"]))


def test_a_digest_that_broke_off_goes_on_where_it_was(slack: Slack, server: ScriptedSlack) -> None:
    server.faults = ["pass", "drop_after_commit"]  # the message passes, its first reply is lost
    assert refused(slack, story()).is_ambiguous
    send(slack, story())
    (parent,) = server.parents("alerts")
    texts = [str(reply["blocks"]) for reply in server.replies(parent["ts"])]
    assert texts
    assert len(texts) == len(set(texts))


def test_a_digest_calls_the_owners_of_what_nobody_has_taken_and_has_its_buttons(
    slack: Slack, server: ScriptedSlack
) -> None:
    server.users["dev@example.com"] = "U00000042"
    taken = view()
    taken = replace(taken, incident=replace(taken.incident, id="t", ack=Ack("a@b.c", NOW)))
    told = Notification(
        "d:1", "d", "s", NotifyReason.DIGEST, NOW, digest=replace(digest(), open=(view(), taken))
    )
    clicked = slack.model_copy(update={"signing_secret": SecretStr("s")})
    send(clicked, told)
    (parent,) = server.parents("alerts")
    (first, *_) = server.replies(parent["ts"])
    line, row = first["blocks"]
    assert "<@U00000042>" in line["text"]["text"]
    assert {one["value"] for one in row["elements"]} == {view().incident.id}
    assert "monitor:ack" in {one["action_id"] for one in row["elements"]}
    asyncio.run(clicked.close())


def test_a_digest_where_nobody_hears_clicks_calls_nobody(
    slack: Slack, server: ScriptedSlack
) -> None:
    server.users["dev@example.com"] = "U00000042"
    send(slack, story())
    assert "monitor:ack" not in str(server.messages)
    assert "<@" not in str(server.messages)


def test_no_value_of_the_data_can_ping_or_link(slack: Slack, server: ScriptedSlack) -> None:
    send(slack, note(NotifyReason.FIRST))
    send(slack, story())
    sent = str([(message["text"], message.get("blocks")) for message in server.messages])
    assert "&lt;!channel&gt;" in sent
    assert "<!" not in sent
    assert "<http" not in sent


def test_the_token_is_in_no_text(slack: Slack) -> None:
    assert "xoxb-secret" not in repr(slack) + str(slack.model_dump())


def test_people_of_a_page_are_called_in_new_messages_and_not_in_edits(
    slack: Slack, server: ScriptedSlack
) -> None:
    server.users["dev@example.com"] = "U00000042"
    receipt = send(slack, note(NotifyReason.FIRST))
    (parent,) = server.messages
    assert "<@U00000042>" in str(parent["blocks"])
    send(slack, note(NotifyReason.WORSE, key="i:s:2"), receipt)
    assert "<@U00000042>" not in str(parent["blocks"])
    (line,) = server.replies(receipt.place["ts"])
    assert "<@U00000042>" in line["text"]


def test_somebody_whom_slack_does_not_know_is_named_visibly_and_asked_for_once(
    slack: Slack, server: ScriptedSlack
) -> None:
    receipt = send(slack, note(NotifyReason.FIRST))
    assert "dev@example.com, who is not in this Slack" in str(server.messages[0]["blocks"])
    send(slack, note(NotifyReason.WORSE, key="i:s:2"), receipt)
    assert server.calls.count("users.lookupByEmail") == 1


def test_an_incident_has_buttons_while_it_is_open_where_somebody_listens(
    server: ScriptedSlack,
) -> None:
    slack = Slack.model_validate(
        {
            "name": "s",
            "channel": "alerts",
            "token": "xoxb",
            "base_url": server.url,
            "signing_secret": "s",
        }
    )
    receipt = send(slack, note(NotifyReason.FIRST))
    (parent,) = server.messages
    assert parent["blocks"][-1]["elements"][0]["action_id"] == "monitor:ack"
    assert {one["value"] for one in parent["blocks"][-1]["elements"]} == {view().incident.id}
    send(slack, note(NotifyReason.RESOLVED, resolved(), "i:s:2"), receipt)
    assert all(block["type"] != "actions" for block in parent["blocks"])
    asyncio.run(slack.close())


def test_a_slack_without_native_charts_gets_the_same_without_them(
    slack: Slack, server: ScriptedSlack
) -> None:
    server.faults = ["pass", "pass", "invalid_blocks"]
    story = Notification("d:1", "d", "s", NotifyReason.DIGEST, NOW, digest=whole_digest())
    send(slack, story)
    chart = server.messages[-1]
    assert [block["type"] for block in chart["blocks"]] == ["context"]
    assert "opt_outs of model=ctr, variant=B: ▁" in str(chart["blocks"])
    (picture,) = server.files.values()
    assert picture["thread_ts"] == server.messages[0]["ts"]
    assert picture["content"].startswith(b"\x89PNG")


def test_an_alert_of_a_metric_is_drawn_once_in_its_thread(
    slack: Slack, server: ScriptedSlack
) -> None:
    first = note(NotifyReason.FIRST, metric())
    receipt = send(slack, first)
    assert send(slack, first).place == receipt.place
    send(slack, note(NotifyReason.RESOLVED, metric(), "i:s:2"), receipt)
    drawn = [m for m in server.messages if "data_visualization" in str(m.get("blocks"))]
    (chart,) = drawn
    assert chart["thread_ts"] == receipt.place["ts"]
    (native,) = [one for one in chart["blocks"] if one["type"] == "data_visualization"]
    assert len(native["chart"]["axis_config"]["categories"]) == 20
    assert server.files == {}


def test_a_slack_that_draws_nothing_gets_the_picture_of_an_alert_beside_its_line(
    slack: Slack, server: ScriptedSlack
) -> None:
    server.faults = ["pass", "invalid_blocks"]
    receipt = send(slack, note(NotifyReason.FIRST, metric()))
    (line,) = server.replies(receipt.place["ts"])
    assert "impressions of model=ctr, variant=B: " in line["text"]
    (picture,) = server.files.values()
    assert (picture["channel"], picture["thread_ts"]) == ("alerts", receipt.place["ts"])
    assert "last" in picture["title"]


def test_a_chart_that_slack_does_not_take_costs_no_message(
    slack: Slack, server: ScriptedSlack
) -> None:
    server.faults = ["pass", "server_error"]
    receipt = send(slack, note(NotifyReason.FIRST, metric()))
    (message,) = server.messages
    assert receipt.place["ts"] == message["ts"]


def test_refused_blocks_lose_no_word(slack: Slack, server: ScriptedSlack) -> None:
    server.faults = ["invalid_blocks"]
    send(slack, note(NotifyReason.FIRST))
    (message,) = server.messages
    for part in ("6h behind", "airflow backfill create", "because of it", "superset.exec"):
        assert part.lower() in message["text"].lower()
    assert "<!" not in message["text"]


def test_a_call_posts_one_message_and_says_that_there_is_more(
    slack: Slack, server: ScriptedSlack
) -> None:
    server.faults = ["pass", "invalid_blocks"]  # so that the chart is a line and a picture
    first, receipt, counts = note(NotifyReason.FIRST, metric()), None, []
    while receipt is None or not receipt.is_whole:
        receipt = asyncio.run(slack.send(first, receipt))
        counts.append((len(server.messages), len(server.files)))
    assert counts == [(1, 0), (2, 0), (2, 1)]
    counts, whole = [], False
    while not whole:
        whole = asyncio.run(slack.send(story(), None)).is_whole
        counts.append((len(server.messages), len(server.files)))
    assert counts == [(n, 1) for n in range(3, 3 + len(counts))]


def test_a_click_is_shown_at_once_and_its_line_follows(slack: Slack, server: ScriptedSlack) -> None:
    receipt = send(slack, note(NotifyReason.FIRST))
    taken = note(NotifyReason.ACKNOWLEDGED, key="i:s:2")
    begun = asyncio.run(slack.send(taken, receipt))
    (parent,) = server.messages
    assert (len(parent["history"]), begun.is_whole) == (1, False)
    assert asyncio.run(slack.send(taken, begun)).is_whole
    assert (len(parent["history"]), len(server.replies(parent["ts"]))) == (1, 1)


def test_receivers_of_one_channel_are_one_place(server: ScriptedSlack) -> None:
    known = {"token": "xoxb-secret", "base_url": server.url}
    made = [
        Slack.model_validate({"name": name, "channel": channel, **known})
        for name, channel in (("a", "#alerts"), ("b", "alerts"), ("c", "other"))
    ]
    assert made[0].place == made[1].place != made[2].place
    assert "secret" not in made[0].place
