from datetime import timedelta

import httpx
import pytest

from monitor.api.http import retry_after


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({"Retry-After": "7"}, timedelta(seconds=7)),
        ({"Retry-After": "999999999999"}, timedelta(hours=1)),
        (
            {
                "Retry-After": "Tue, 24 Nov 2026 03:30:30 GMT",
                "Date": "Tue, 24 Nov 2026 03:30:00 GMT",
            },
            timedelta(seconds=30),
        ),
        (
            {
                "Retry-After": "Tue, 24 Nov 2026 03:29:00 GMT",
                "Date": "Tue, 24 Nov 2026 03:30:00 GMT",
            },
            timedelta(0),
        ),
        ({"Retry-After": "Tue, 24 Nov 2026 03:30:30 GMT"}, None),
        ({"Retry-After": "soon", "Date": "Tue, 24 Nov 2026 03:30:00 GMT"}, None),
        ({"Retry-After": "-3"}, None),
        ({}, None),
    ],
)
def test_a_wait_is_read_in_seconds_or_as_a_moment_by_the_clock_of_the_server(
    headers: dict[str, str], expected: timedelta | None
) -> None:
    assert retry_after(httpx.Response(429, headers=headers)) == expected
