import contextlib
from dataclasses import replace

import httpx
import pytest

from monitor.render.samples import course, digest, view
from monitor.render.slack import digest_messages, incident_blocks
from monitor.render.slack_parts import chart_blocks
from monitor.testing.slack import Fault, ScriptedSlack
from monitor.testing.slack_page import body
from tests import local


def call(slack: ScriptedSlack, method: str, **fields: object) -> dict[str, object]:
    made: dict[str, object] = local.post(slack.url + method, json=fields).json()
    return made


def test_messages_threads_and_edits_are_kept() -> None:
    with ScriptedSlack() as slack:
        parent = call(slack, "chat.postMessage", channel="#alerts", text="one")
        call(slack, "chat.postMessage", channel="alerts", text="below", thread_ts=parent["ts"])
        call(slack, "chat.update", channel=parent["channel"], ts=parent["ts"], text="two")
        (message,) = slack.parents("alerts")
        assert (message["text"], message["history"]) == ("two", ["one"])
        assert [reply["text"] for reply in slack.replies(message["ts"])] == ["below"]


def test_reading_wants_the_id_of_the_channel_and_returns_the_newest_first() -> None:
    with ScriptedSlack() as slack:
        channel = call(slack, "chat.postMessage", channel="alerts", text="one")["channel"]
        call(slack, "chat.postMessage", channel="alerts", text="two")
        assert call(slack, "conversations.history", channel="alerts")["ok"] is False
        url = f"{slack.url}conversations.history"
        found = local.get(url, params={"channel": str(channel)}).json()
        assert [message["text"] for message in found["messages"]] == ["two", "one"]


@pytest.mark.parametrize(
    ("fields", "error"),
    [
        ({"channel": "a"}, "no_text"),
        ({"channel": "a", "blocks": [{}] * 51}, "invalid_blocks"),
        ({"text": "x"}, "channel_not_found"),
    ],
)
def test_what_slack_refuses_is_refused(fields: dict[str, object], error: str) -> None:
    with ScriptedSlack() as slack:
        assert call(slack, "chat.postMessage", **fields)["error"] == error
        assert slack.messages == []


@pytest.mark.parametrize(
    ("fault", "kept"), [("drop", 0), ("drop_after_commit", 1), ("error_after_commit", 1)]
)
def test_a_lost_answer_tells_nothing_of_whether_it_was_kept(fault: Fault, kept: int) -> None:
    with ScriptedSlack(faults=[fault]) as slack:
        with contextlib.suppress(httpx.RemoteProtocolError):
            call(slack, "chat.postMessage", channel="a", text="x")
        assert len(slack.messages) == kept
        assert call(slack, "chat.postMessage", channel="a", text="x")["ok"] is True


def test_a_server_that_hangs_ends_with_the_test() -> None:
    with ScriptedSlack(faults=["hang"]) as slack, pytest.raises(httpx.ReadTimeout):
        local.post(f"{slack.url}chat.postMessage", json={"channel": "a"}, timeout=0.05)


def test_a_rate_limit_names_the_wait() -> None:
    with ScriptedSlack(faults=["rate_limited"]) as slack:
        answer = local.post(f"{slack.url}chat.postMessage", json={})
        assert (answer.status_code, answer.headers["Retry-After"]) == (429, "3")


def test_the_page_shows_channels_threads_code_and_links() -> None:
    with ScriptedSlack() as slack:
        slack.call("chat.postMessage", {"channel": "a", "blocks": incident_blocks(view(), "UTC")})
        ts = slack.messages[0]["ts"]
        slack.call("chat.postMessage", {"channel": "a", "text": "below", "thread_ts": ts})
        for blocks in digest_messages(digest()):
            slack.call("chat.postMessage", {"channel": "b", "blocks": blocks})
        page = slack.html()
    assert '<h2 id="channel-a"># a</h2>' in page
    assert '<div class="thread"><p>below</p></div>' in page
    assert "<pre>airflow backfill create" in page
    assert "<strong>PAGE</strong>" in page
    assert '<a href="https://trino.example.com/ui/?a=1&amp;b=2">' in page
    assert "&lt;!channel&gt;" in page
    assert "<mark>" not in page


def test_the_page_shows_a_ping_that_was_not_escaped_and_runs_no_script() -> None:
    with ScriptedSlack() as slack:
        text = "<!channel> <https://x.example|here> <script>alert(1)</script> `<b>` \"'"
        slack.call("chat.postMessage", {"channel": "<i>", "text": text})
        page = slack.html()
    assert "<mark>@channel</mark>" in page
    assert '<a href="https://x.example">here</a>' in page
    assert "<script" not in page
    assert "<b>" not in page
    assert "<i>" not in page


def test_the_page_draws_native_charts_and_foreign_titles_are_no_markup() -> None:
    chart = replace(course(), measure="<b>x")
    shown = body({"blocks": chart_blocks(chart, "UTC")})
    assert shown.count("<polyline") == 2
    assert "&lt;b&gt;x" in shown
    assert "<b>x" not in shown
    assert body({"blocks": [{"type": "data_visualization", "chart": {"series": []}}]}) == ""
