import asyncio
import io
from dataclasses import replace

import pytest
from pydantic import ValidationError

from monitor.api import Notification, NotifyReason
from monitor.receivers.console import Console
from monitor.render.samples import NOW, digest, own_member, view


def printed(notification: Notification) -> str:
    stream = io.StringIO()
    asyncio.run(Console(name="console").write_to(stream).send(notification, None))
    return stream.getvalue()


def test_an_incident_is_printed_with_owner_command_and_what_follows() -> None:
    text = printed(Notification("k", "s", "console", NotifyReason.FIRST, NOW, view=view()))
    assert text.startswith("Tue 24 Nov 03:30 PAGE impressions-fresh: ")
    assert "  data-platform | since Tue 24 Nov 00:30 | first notification\n" in text
    assert "  because of it: superset.exec (analytics): " in text
    assert "  $ airflow backfill create --from-date 2026-11-23T19:00:00Z" in text


def test_a_digest_is_printed_whole() -> None:
    text = printed(Notification("k", "s", "console", NotifyReason.DIGEST, NOW, digest=digest()))
    assert text.startswith("MORNING DIGEST  1 open")


def test_no_value_of_the_data_moves_the_cursor_or_fakes_a_line() -> None:
    evil = replace(own_member(), breach=None, gaps=(), summary="x\x1b[2J\r\nTue ok fine\u202e")
    text = printed(Notification("k", "s", "c", NotifyReason.FIRST, NOW, view=view(members=(evil,))))
    assert "\x1b" not in text
    assert "\u202e" not in text
    assert "\nTue ok" not in text


def test_an_unknown_time_zone_is_an_error_at_load() -> None:
    with pytest.raises(ValidationError, match="no IANA time zone"):
        Console(name="console", timezone="Mars/Olympus")
