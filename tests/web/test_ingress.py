"""The ingest listener over real connections: the registry repeats every status from 400 on for ever, so what it gets
is 202 unless its credentials are wrong or nothing could be written.
"""

import asyncio
import base64
import gzip
import json

import aiohttp
import pytest
from web_site import MAX_BODY, IngestSite, exchange, post, problem

from notifications import envelope, push
from sidecar.domain.secret import Secret
from sidecar.web import ingress as module

BODY = envelope(push("a"))
JSON = {"Content-Type": "application/vnd.docker.distribution.events.v1+json"}
ONE = {"Authorization": "Bearer one"}


@pytest.fixture
async def site(tmp_path):
    site = IngestSite(tmp_path / "sidecar.db")
    await site.start()
    yield site
    await site.stop()


@pytest.fixture
async def client():
    async with aiohttp.ClientSession() as session:
        yield session


def basic(user, password):
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


# --- what is accepted ------------------------------------------------------------------------------------------------


async def test_an_envelope_is_answered_202_and_is_on_disk(site, client):
    async with client.post(site.url, data=BODY, headers={**JSON, **ONE}) as answer:
        assert (answer.status, await answer.read()) == (202, b"")
    assert await site.journal() == [("main", "a")]
    assert site.observer.requests == [("main", "accepted", 1)]
    assert len(site.acked) == 1
    async with client.post(site.url, data=BODY, headers=ONE) as answer:
        assert answer.status == 202
    assert site.observer.requests[1:] == [("main", "duplicate", 1)]


@pytest.mark.parametrize(
    "content_type",
    [
        "application/vnd.docker.distribution.events.v1+json",
        "application/vnd.docker.distribution.events.v2+json",
        "application/json; charset=utf-8",
        "text/plain",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "no type at all",
    ],
)
async def test_any_content_type_will_do(site, client, content_type):
    async with client.post(site.url, data=BODY, headers={"Content-Type": content_type, **ONE}) as answer:
        assert answer.status == 202
    assert await site.journal() == [("main", "a")]


@pytest.mark.parametrize("line", [b"Content-Type: text/\xff\xfe", b"Content-Type:", b"X-Y: \xe9"])
async def test_headers_that_are_no_text_do_no_harm(site, line):
    assert (await exchange(site.port, post(BODY, extra=[line])))[0] == 202
    assert (await exchange(site.port, post(b"unreadable", extra=[line])))[0] == 202
    assert await site.journal() == [("main", "a")]
    assert await site.aside() == [("unreadable", "main")]


async def test_a_compressed_body_is_unpacked(site, client):
    headers = {"Content-Encoding": "gzip", **ONE}
    async with client.post(site.url, data=gzip.compress(BODY), headers=headers) as answer:
        assert answer.status == 202
    assert await site.journal() == [("main", "a")]


async def test_a_chunked_body_is_put_together(site, client):
    async def parts():
        for at in range(0, len(BODY), 50):
            yield BODY[at : at + 50]
            await asyncio.sleep(0)

    async with client.post(site.url, data=parts(), headers=ONE) as answer:
        assert answer.status == 202
    assert await site.journal() == [("main", "a")]


async def test_connections_are_kept_for_the_next_event(site):
    reader, writer = await asyncio.open_connection("127.0.0.1", site.port)
    for name in "abc":
        writer.write(post(envelope(push(name))))
        head = await reader.readuntil(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 202")
    writer.close()
    assert await site.journal() == [("main", "a"), ("main", "b"), ("main", "c")]


# --- what is set aside -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"", "unreadable"),
        (b"hello", "unreadable"),
        (b"\x00\xff", "unreadable"),
        (b'{"events": [{"id": "a"', "unreadable"),
        (b'"text"', "not_an_envelope"),
        (b'{"kind": "AdmissionReview"}', "not_an_envelope"),
        (b'{"events": {}}', "not_an_envelope"),
    ],
)
async def test_what_cannot_be_read_is_answered_202_and_kept(site, body, reason):
    status, _, said = await exchange(site.port, post(body))
    assert (status, said) == (202, b"")
    assert await site.aside() == [(reason, "main")]
    assert site.observer.requests == [("main", "quarantined", 1)]


async def test_a_body_that_is_too_large_is_read_to_its_end_and_its_head_is_kept(site, client):
    """The sender can finish and hear that it need not come again."""
    async with client.post(site.url, data=b"x" * (MAX_BODY + 1), headers=ONE) as answer:
        assert answer.status == 202
    async with client.post(site.url, data=b" " * (MAX_BODY - len(BODY)) + BODY, headers=ONE) as answer:
        assert answer.status == 202
    assert await site.aside() == [("too_large", "main")]
    assert await site.journal() == [("main", "a")]


async def test_a_small_body_that_unpacks_to_a_large_one_is_too_large(site, client):
    headers = {"Content-Encoding": "gzip", **ONE}
    async with client.post(site.url, data=gzip.compress(b" " * (MAX_BODY * 20)), headers=headers) as answer:
        assert answer.status == 202
    assert await site.aside() == [("too_large", "main")]


@pytest.mark.parametrize(
    "body", [BODY, gzip.compress(BODY)[:-20], gzip.compress(BODY)[:5]], ids=["plain", "cut", "head"]
)
async def test_a_body_that_only_says_it_is_compressed_is_unreadable(site, body, caplog):
    status, _, _ = await exchange(site.port, post(body, extra=[b"Content-Encoding: gzip"]))
    assert status == 202
    assert await site.aside() == [("unreadable", "main")]
    assert await site.journal() == []
    await asyncio.sleep(0.02)
    assert caplog.records == []


async def test_a_registry_that_is_not_known_is_kept_for_later(site, client):
    async with client.post(f"{site.url}/elsewhere", data=BODY, headers=ONE) as answer:
        assert answer.status == 202
    assert await site.aside() == [("unknown_registry", "elsewhere")]
    assert site.observer.requests == [("", "quarantined", 1)], "a name from outside must not become a label"


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("/events/caf%C3%A9", "café"),
        ("/events/a%2541", "a%41"),
        ("/events/a%2Fb", "a/b"),
        ("/events/x/y", "x/y"),
        ("/events/%FF", None),
        ("/events/" + "n" * 300, "n" * 200),
    ],
)
async def test_names_in_paths_are_read_once_and_as_they_are(site, path, name):
    assert (await exchange(site.port, post(BODY, path=path)))[0] == 202
    ((reason, registry),) = await site.aside()
    assert reason == "unknown_registry"
    assert name is None or registry == name


# --- who may post ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "headers", "expected"),
    [
        ("", ["Bearer one"], "main"),
        ("", ["bearer  two "], "main"),
        ("", ["Bearer three"], "other"),
        ("/", ["Bearer three"], "other"),
        ("/main", ["Bearer one"], "main"),
        ("/main/", ["Bearer one"], "main"),
        ("/other", ["Bearer three"], "other"),
        ("", [basic("anybody", "two")], "main"),
        ("/other", [basic("", "three")], "other"),
        ("/main", ["Bearer wrong", "Bearer one"], "main"),
        ("/main", [basic("u", "one"), "Bearer three"], "main"),
        ("/main", ["Bearer three", "Bearer one"], "main"),
        ("/other", ["Bearer three", "Bearer one"], "other"),
        ("/elsewhere", ["Bearer one"], "elsewhere"),
        ("", [], None),
        ("", ["Bearer wrong"], None),
        ("", ["Bearer"], None),
        ("", ["Bearer "], None),
        ("", ["one"], None),
        ("", ["Digest one"], None),
        ("", ["Basic not base64!"], None),
        ("", [basic("one", "")], None),
        ("", ["Bearer one three"], None),
        ("/main", ["Bearer three"], None),
        ("/other", ["Bearer one"], None),
        ("/elsewhere", ["Bearer wrong"], None),
        ("/elsewhere", [], None),
    ],
)
async def test_credentials_decide_for_whom_a_request_speaks(site, path, headers, expected):
    lines = [f"Authorization: {one}".encode() for one in headers]
    status, answer, body = await exchange(site.port, post(BODY, path=f"/events{path}", token="", extra=lines))
    if expected is None:
        assert status == 401
        assert answer["www-authenticate"] == 'Bearer realm="registry-sidecar"'
        assert problem(body) == (
            "Unauthorized",
            "The credentials are missing or wrong: send one of this registry's tokens.",
        )
        assert (await site.journal(), await site.aside()) == ([], [])
        assert [outcome for _, outcome, _ in site.observer.requests] == ["unauthorized"]
    else:
        assert status == 202
        assert [registry for registry, _ in await site.journal()] + [name for _, name in await site.aside()] == [
            expected
        ]


async def test_bytes_that_are_no_text_are_wrong_credentials(site):
    for line in (b"Authorization: Bearer \xff\xfe", b"Authorization: Basic \xff\xfe", b"Authorization: \xff"):
        assert (await exchange(site.port, post(BODY, token="", extra=[line])))[0] == 401


async def test_no_secret_is_ever_answered(site):
    for token in ("one", "three", "wrong-token"):
        for path in ("/events", "/events/main", "/events/x", "/other"):
            _, headers, body = await exchange(site.port, post(b"?", path=path, token=token))
            assert token not in str(headers) + body.decode().replace("send one of", "")


async def test_a_registry_without_tokens_may_be_spoken_for_by_anybody(tmp_path):
    site = IngestSite(tmp_path / "sidecar.db", {"other": (Secret("three"),)})
    await site.start()
    for path, token, expected in (("", "", 202), ("/main", "", 202), ("/main", "wrong", 202), ("/other", "", 401)):
        assert (await exchange(site.port, post(BODY, path=f"/events{path}", token=token)))[0] == expected
    assert await site.journal() == [("main", "a")]
    assert (await exchange(site.port, post(BODY, token="three")))[0] == 202
    assert (await exchange(site.port, post(BODY, path="/events/nobody", token="")))[0] == 202
    assert await site.journal() == [("main", "a"), ("other", "a")]
    await site.stop()


# --- what is refused -------------------------------------------------------------------------------------------------


async def test_a_store_that_cannot_commit_is_answered_503_with_a_time_to_come_back(site):
    site.store.fail("append", "quarantine")
    for body in (BODY, b"unreadable"):
        status, headers, said = await exchange(site.port, post(body))
        assert (status, headers["retry-after"]) == (503, "5")
        assert problem(said) == (
            "Service Unavailable",
            "Nothing was accepted: the store cannot commit: disk I/O error.",
        )
    assert [outcome for _, outcome, _ in site.observer.requests] == ["unavailable"] * 2
    site.store.fail()
    assert (await site.journal(), await site.aside()) == ([], [])
    assert (await exchange(site.port, post(BODY)))[0] == 202


async def test_a_store_that_is_not_open_is_answered_503(site):
    await site.store.close()
    status, headers, said = await exchange(site.port, post(BODY))
    assert (status, headers["retry-after"]) == (503, "5")
    assert problem(said)[1] == "Nothing was accepted: the store is closed."


@pytest.mark.parametrize("path", ["/", "/event", "/eventsx", "/metrics", "/livez", "/v1/status", "/v2/", "//events"])
async def test_nothing_else_answers_here(site, path):
    status, _, said = await exchange(site.port, post(BODY, path=path))
    assert status == 404
    assert problem(said) == (
        "Not Found",
        "Only POST /events, POST /events/<registry> and POST /intake/... answer here.",
    )


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "DELETE", "PATCH", "OPTIONS"])
async def test_only_post_will_do(site, method):
    raw = f"{method} /events HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer one\r\n\r\n".encode()
    status, headers, said = await exchange(site.port, raw)
    assert (status, headers["allow"]) == (405, "POST")
    if method != "HEAD":
        assert problem(said) == ("Method Not Allowed", "Notifications are posted: use POST.")


async def test_a_body_that_never_comes_is_answered_408_and_the_connection_is_closed(site, monkeypatch):
    monkeypatch.setattr(module, "BODY_TIMEOUT", 0.05)
    head = b"POST /events HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer one\r\nContent-Length: 100\r\n\r\n{"
    status, headers, said = await exchange(site.port, head)
    assert (status, headers.get("connection")) == (408, "close")
    assert problem(said)[0] == "Request Timeout"
    assert (await site.journal(), await site.aside()) == ([], [])


@pytest.mark.parametrize(
    "raw",
    [
        b"POST /events HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer one\r\nContent-Length: 100\r\n\r\n{",
        b"POST /events HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer one\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{",
    ],
)
async def test_a_body_that_breaks_off_leaves_nothing_behind(site, raw):
    """Whoever sent it has no answer and sends it again; half of it is of no use to anybody."""
    await exchange(site.port, raw, close=True)
    await asyncio.sleep(0.05)
    assert (await site.journal(), await site.aside()) == ([], [])
    assert (await exchange(site.port, post(BODY)))[0] == 202


async def test_a_body_that_is_badly_chunked_is_not_taken_for_whole(site):
    raw = (
        b"POST /events HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer one\r\nTransfer-Encoding: chunked\r\n\r\n"
        b"2\r\n{}\r\nnot a size\r\n"
    )
    status, _, _ = await exchange(site.port, raw)
    assert status == 400
    assert (await site.journal(), await site.aside()) == ([], [])


async def test_a_sender_that_goes_away_does_not_stop_its_commit(site):
    """It had sent everything; whether it heard the answer is another matter."""
    await exchange(site.port, post(BODY), close=True)
    async with asyncio.timeout(60):
        while not await site.journal():  # noqa: ASYNC110 - nothing is set then
            await asyncio.sleep(0.01)
    assert await site.journal() == [("main", "a")]


async def test_tokens_and_limits_may_change_while_it_listens(site):
    from sidecar.web.access import Access

    site.ingress.access = Access(["main"], {"main": (Secret("new"),)})
    site.ingress.max_body = 10
    assert (await exchange(site.port, post(BODY)))[0] == 401
    assert (await exchange(site.port, post(BODY, token="new")))[0] == 202
    assert await site.aside() == [("too_large", "main")]


def test_an_answer_is_problem_json():
    from sidecar.web.problems import problem as make

    answer = make(503, "Nothing was accepted.")
    assert answer.content_type == "application/problem+json"
    assert json.loads(answer.body) == {
        "type": "about:blank",
        "title": "Service Unavailable",
        "status": 503,
        "detail": "Nothing was accepted.",
    }
