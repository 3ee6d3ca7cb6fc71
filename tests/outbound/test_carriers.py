"""Each scheme has its carrier; everything else is for the HTTP client, which says what is wrong with it."""

import pytest

from doubles import RecordingSender
from sidecar.domain.message import Response
from sidecar.outbound.carriers import Carriers
from sidecar.ports import SendRequest


@pytest.mark.parametrize(
    ("url", "status"),
    [
        ("https://hooks.example.com/a", 200),
        ("http://hooks.example.com/a", 200),
        ("mailto:ops@example.com", 250),
        ("gopher://hooks.example.com", 200),
    ],
)
async def test_the_scheme_chooses(url, status):
    http, mail = (RecordingSender(lambda _request, code=code: Response(status=code)) for code in (200, 250))
    request = SendRequest(url=url, headers=(), body=b"", timeout=1)
    assert await Carriers(http, {"mailto": mail}).send(request) == Response(status=status)
    assert [*http.requests, *mail.requests] == [request]
