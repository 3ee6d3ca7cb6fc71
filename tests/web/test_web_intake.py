"""What others than registries tell, over real connections: they read answers, so a mistake is told with its place."""

import asyncio
import base64
import json

import aiohttp
import pytest
from cloudevents.core.bindings.http import to_binary_event, to_structured_event
from cloudevents.core.v1.event import CloudEvent
from web_site import MAX_BODY, IngestSite, exchange

from sidecar.domain.details import Build
from sidecar.domain.instant import parse_rfc3339
from sidecar.domain.secret import Secret
from sidecar.telemetry.labels import INTAKE_ROUTES
from sidecar.web.access import IntakeAccess
from sidecar.web.intake import READERS

TELLER = {"Authorization": "Bearer teller"}
ONE, BATCH = "application/cloudevents+json", "application/cloudevents-batch+json"
DIGEST = "sha256:" + "a" * 64
DATA = {"repository": "prj/app", "tag": "v1", "actor": "maria", "details": {"id": "41", "tags": ["v1"]}}
EVENT = {
    "specversion": "1.0",
    "id": "41/done",
    "source": "https://ci.example.com/jobs",
    "type": "io.registry-sidecar.build.succeeded",
    "time": "2026-11-21T00:00:00.123456789Z",
    "data": DATA,
}


@pytest.fixture
async def site(tmp_path):
    site = IngestSite(tmp_path / "sidecar.db", registries=("main",))
    await site.start()
    yield site
    await site.stop()


@pytest.fixture
async def client():
    async with aiohttp.ClientSession() as session:
        yield session


async def tell(client, url, body, content_type=ONE, **headers):
    """Post a body; returns the status and the answer as JSON."""
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    async with client.post(url, data=raw, headers={"Content-Type": content_type, **TELLER, **headers}) as answer:
        return answer.status, json.loads(await answer.read())


# --- what is taken ---------------------------------------------------------------------------------------------------


async def test_an_event_is_answered_202_with_its_id_and_is_on_disk(site, client):
    status, answer = await tell(client, site.intake, EVENT)
    assert (status, answer["new"], len(answer["ids"])) == (202, 1, 1)
    ((registry, identity, statement),) = await site.records()
    assert (registry, [identity]) == ("main", answer["ids"])
    assert (statement.type, statement.repository, statement.tags) == ("build.succeeded", "prj/app", ("v1",))
    assert (statement.source, statement.id, statement.actor) == ("https://ci.example.com/jobs", "41/done", "maria")
    assert statement.time == parse_rfc3339("2026-11-21T00:00:00.123456789Z")
    assert statement.details == Build(id="41", tags=("v1",))
    assert site.heard == [("events", "accepted", "")]
    assert site.observer.requests == []  # no registry said it


async def test_what_the_sdk_sends_is_taken_in_either_mode(site, client):
    """The CloudEvents SDK's own binding writes the requests; both modes are the same event, told once."""
    attributes = {name: EVENT[name] for name in ("id", "source", "type")}
    event = CloudEvent({**attributes, "specversion": "1.0", "datacontenttype": "application/json"}, DATA)
    ids = []
    for made, status in ((to_structured_event(event), 202), (to_binary_event(event), 200)):
        body = made.body if isinstance(made.body, bytes) else made.body.encode()
        async with client.post(site.intake, data=body, headers={**made.headers, **TELLER}) as answer:
            assert answer.status == status
            ids.append((await answer.json())["ids"])
    assert ids[0] == ids[1]
    ((_, _, statement),) = await site.records()
    assert (statement.type, statement.details) == ("build.succeeded", Build(id="41", tags=("v1",)))


async def test_binary_headers_are_percent_decoded(site, client):
    headers = {
        "ce-specversion": "1.0",
        "ce-id": "Euro %E2%82%AC",
        "ce-source": "/ci",
        "ce-type": "io.registry-sidecar.build.queued",
        "ce-time": "2026-11-21T00:00:00Z",
    }
    status, _ = await tell(client, site.intake, {"repository": "prj/app"}, "application/json", **headers)
    assert status == 202
    ((_, _, statement),) = await site.records()
    assert (statement.id, statement.time) == ("Euro €", parse_rfc3339("2026-11-21T00:00:00Z"))


async def test_a_batch_is_taken_whole(site, client):
    events = [{**EVENT, "id": str(at)} for at in range(3)]
    status, answer = await tell(client, site.intake, events, BATCH)
    assert (status, answer["new"]) == (202, 3)
    assert [identity for _, identity, _ in await site.records()] == answer["ids"]
    assert await tell(client, site.intake, [], BATCH) == (200, {"ids": [], "new": 0})


@pytest.mark.parametrize("many", [False, True])
async def test_plain_json_needs_no_attributes(site, client, many):
    event = {"type": "build.queued", "data": {"repository": "prj/app"}}
    status, answer = await tell(client, site.intake, [event] if many else event, "application/json")
    assert (status, answer["new"]) == (202, 1)
    ((_, _, statement),) = await site.records()
    assert (statement.type, statement.source, statement.id, statement.time) == ("build.queued", "", "", 0)


async def test_data_may_be_base64(site, client):
    event = {name: value for name, value in EVENT.items() if name != "data"}
    event["data_base64"] = base64.b64encode(json.dumps(DATA).encode()).decode()
    assert (await tell(client, site.intake, event))[0] == 202
    status, answer = await tell(client, site.intake, {**event, "data_base64": "%"})
    assert (status, answer["errors"][0]["pointer"]) == (400, "#/data_base64")


async def test_attributes_of_others_are_left_alone(site, client):
    assert (await tell(client, site.intake, {**EVENT, "subject": "x", "traceparent": "00-1-2-01"}))[0] == 202


# --- repeats ---------------------------------------------------------------------------------------------------------


async def test_a_repeat_is_answered_with_the_same_ids(site, client):
    first = await tell(client, site.intake, EVENT)
    again = await tell(client, site.intake, {**EVENT, "data": {"repository": "other/app"}})
    assert (first[0], again[0]) == (202, 200)
    assert again[1] == {"ids": first[1]["ids"], "new": 0}
    assert len(await site.records()) == 1
    assert [outcome for _, outcome, _ in site.heard] == ["accepted", "duplicate"]


async def test_a_batch_with_something_new_is_202(site, client):
    await tell(client, site.intake, EVENT)
    status, answer = await tell(client, site.intake, [EVENT, {**EVENT, "id": "other"}], BATCH)
    assert (status, answer["new"], len(answer["ids"])) == (202, 1, 2)


async def test_an_id_is_the_senders_own(site, client):
    """The same id from another source is another event."""
    for source in ("/a", "/b"):
        assert (await tell(client, site.intake, {**EVENT, "source": source}))[0] == 202
    assert len(await site.records()) == 2


async def test_without_an_id_the_key_or_the_content_tells_a_repeat(site, client):
    plain = {"type": "build.queued", "data": {"repository": "prj/app"}}

    async def new(event, **headers):
        return (await tell(client, site.intake, event, "application/json", **headers))[1]["new"]

    key = {"Idempotency-Key": "k-1"}
    assert [await new(plain), await new(plain), await new({**plain, "time": "2026-11-21T00:00:00Z"})] == [1, 0, 1]
    assert [await new(plain, **key), await new(plain, **key), await new([plain, plain], **key)] == [1, 0, 1]
    assert await new({"data": {"repository": "prj/app"}, "type": "io.registry-sidecar.build.queued"}) == 0


async def test_registries_do_not_share_repeats(tmp_path, client):
    site = IngestSite(tmp_path / "sidecar.db")
    await site.start()
    try:
        for registry in ("main", "other"):
            event = {**EVENT, "data": {**DATA, "registry": registry}}
            assert (await tell(client, site.intake, event))[0] == 202
        assert [registry for registry, _, _ in await site.records()] == ["main", "other"]
        status, answer = await tell(client, site.intake, EVENT)
        assert (status, answer["errors"][0]["pointer"]) == (400, "#/data/registry")
        assert answer["detail"] == "At /data/registry: say which registry is meant: main, other."
    finally:
        await site.stop()


# --- what is refused -------------------------------------------------------------------------------------------------

SCAN = {"repository": "prj/app", "digest": DIGEST}


@pytest.mark.parametrize(
    ("event", "pointer", "detail"),
    [
        ({}, "/type", "At /type: this is needed."),
        ({"type": "artifact.pushed"}, "/type", "artifact.pushed is what a registry's own notifications tell"),
        ({"type": "no.such"}, "/type", "unknown type 'no.such'; known: repository.updated, scan.completed"),
        ({"type": "build.queued", "time": "now", "data": {"repository": "a"}}, "/time", "must be an RFC 3339 time"),
        ({"type": "build.queued", "time": "1969-01-01T00:00:00Z", "data": {"repository": "a"}}, "/time", "RFC 3339"),
        ({"type": "build.queued", "specversion": "0.3"}, "/specversion", "it must be '1.0', not '0.3'"),
        ({"type": "build.queued", "specversion": "1.0"}, "/id", "every CloudEvent has one"),
        ({"type": "build.queued", "datacontenttype": "text/xml"}, "/datacontenttype", "the data must be JSON"),
        ({"type": "build.queued", "data": "x"}, "/data", "Expected `object`, got `str`"),
        ({"type": "build.queued"}, "/data/repository", "this is needed"),
        (
            {"type": "build.queued", "data": {"repository": "Prj/App"}},
            "/data/repository",
            "has no host and no capitals",
        ),
        ({"type": "build.queued", "data": {"repository": "a\n"}}, "/data/repository", "has no host and no capitals"),
        ({"type": "build.queued", "data": {"repositry": "a"}}, "/data/repositry", "nothing of this name is known"),
        ({"type": "build.queued", "data": {"repository": "a", "tag": "-"}}, "/data/tag", "a tag is up to 128 letters"),
        ({"type": "build.queued", "data": {"repository": "a", "tags": ["v", "/"]}}, "/data/tags/1", "a tag is up to"),
        ({"type": "scan.failed", "data": {**SCAN, "digest": "abc"}}, "/data/digest", "a digest is an algorithm"),
        ({"type": "scan.failed", "data": {"repository": "a"}}, "/data/digest", "give `digest` or `tag`"),
        (
            {"type": "scan.failed", "data": {**SCAN, "details": {"status": "success"}}},
            "/data/details/status",
            "is no scan",
        ),
        (
            {
                "type": "scan.completed",
                "data": {**SCAN, "details": {"vulnerabilities": [{"id": "A", "severity": "bad"}]}},
            },
            "/data/details/vulnerabilities/0/severity",
            "'bad' is not one of None, Unknown, Negligible, Low, Medium, High, Critical",
        ),
        (
            {"type": "scan.completed", "data": {**SCAN, "details": {"severities": {"bad": 1}}}},
            "/data/details/severities",
            "",
        ),
        ({"type": "quota.warning", "data": {"details": {"used": 1, "limit": 2}}}, "/data", "give `repository`, or"),
        (
            {"type": "quota.warning", "data": {"namespace": "a", "details": {"used": 1}}},
            "/data/details/limit",
            "needed",
        ),
        ({"type": "mirror.failed", "data": {"namespace": "a", "repository": "a/b"}}, "/data", "and not both"),
        ({"type": "retention.finished", "data": {"namespace": "a/b"}}, "/data/namespace", "is one segment"),
        ({"type": "scanner.updated", "data": {"repository": "a"}}, "/data/repository", "nothing of this name"),
        ({"type": "artifact.expiring", "data": SCAN}, "/data/tag", "needs the tag that it is about"),
        (
            {"type": "build.queued", "data": {"repository": "a", "registry": "no"}},
            "/data/registry",
            "is named 'no'; known: main",
        ),
    ],
)
async def test_a_mistake_is_told_with_its_place_and_nothing_is_taken(site, client, event, pointer, detail):
    good = {"type": "build.queued", "data": {"repository": "prj/app"}}
    status, answer = await tell(client, site.intake, [good, event], "application/json")
    assert (status, answer["status"], answer["title"]) == (400, 400, "Bad Request")
    assert answer["errors"] == [{"detail": answer["detail"], "pointer": f"#/1{pointer}"}]
    assert detail.replace("At /type", "At /1/type") in answer["detail"]
    assert await site.journal() == []
    assert [(route, outcome) for route, outcome, _ in site.heard] == [("events", "refused")]


@pytest.mark.parametrize("body", [b"", b"{", b"\xff", b'{"type": "build.queued"} x', b'"text"', b"null", b"[1]"])
async def test_what_is_no_event_is_refused(site, client, body):
    status, answer = await tell(client, site.intake, body, "application/json")
    assert status == 400
    assert answer["detail"].endswith(".")


async def test_a_cloudevent_must_be_one(site, client):
    """What says that it is a CloudEvent has its attributes; in binary mode they are told as headers."""
    status, answer = await tell(client, site.intake, {"type": "build.queued", "data": {"repository": "a"}})
    assert (status, answer["errors"][0]["pointer"]) == (400, "#/specversion")
    status, answer = await tell(
        client, site.intake, {"repository": "a"}, "application/json", **{"ce-type": "build.queued"}
    )
    assert (status, answer["detail"]) == (400, "In the header ce-specversion: it must be '1.0', not none.")


async def test_a_batch_is_bounded(site, client):
    events = [{"type": "scanner.updated"}] * 1001
    status, answer = await tell(client, site.intake, events, "application/json")
    assert (status, answer["detail"]) == (400, "A batch has at most 1000 events: post 1001 in several.")


async def test_too_large_a_body_is_refused(site, client):
    status, answer = await tell(client, site.intake, b" " * (MAX_BODY + 1), "application/json")
    assert (status, answer["detail"]) == (413, "The body is larger than ingest.max_body: post less at a time.")
    assert await site.aside() == []


@pytest.mark.parametrize(
    "content_type", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x"]
)
async def test_what_a_browser_may_post_anywhere_is_refused(site, client, content_type):
    status, _ = await tell(client, site.intake, EVENT, content_type)
    assert status == 415
    assert await site.journal() == []


async def test_other_paths_and_methods_are_told_what_to_do(site, client):
    status, answer = await tell(client, site.intake + "x", EVENT)
    assert status == 404
    assert answer["detail"].startswith("Nothing is taken at /intake/eventsx: post to /intake/events, /intake/")
    async with client.get(site.intake, headers=TELLER) as answer:
        assert (answer.status, answer.headers["Allow"]) == (405, "POST")


async def test_a_body_that_does_not_come_whole_is_nothing(site):
    raw = b"POST /intake/events HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 100\r\n"
    await exchange(site.port, raw + b"Authorization: Bearer teller\r\n\r\n{", close=True)
    await asyncio.sleep(0.02)
    assert await site.journal() == []


# --- who may tell ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("intake", "header", "expected"),
    [
        (IntakeAccess((Secret("teller"), Secret("new"))), "Bearer new", 202),
        (IntakeAccess((Secret("teller"),)), "Basic " + base64.b64encode(b"anybody:teller").decode(), 202),
        (IntakeAccess((Secret("teller"),)), "Bearer one", 401),  # a registry's
        (IntakeAccess((Secret("teller"),)), "", 401),
        (IntakeAccess((Secret("teller"),), open=True), "", 401),  # a token is there to be shown
        (IntakeAccess(open=True), "", 202),
        (IntakeAccess(), "Bearer teller", 403),
    ],
)
async def test_only_who_shows_a_token_may_tell(tmp_path, client, intake, header, expected):
    site = IngestSite(tmp_path / "sidecar.db", intake=intake, registries=("main",))
    await site.start()
    try:
        status, answer = await tell(client, site.intake, EVENT, Authorization=header)
        assert status == expected
        if expected != 202:
            assert "token" in answer["detail"]
            assert site.heard == [("events", "unauthorized", "")]
    finally:
        await site.stop()


async def test_the_intakes_token_is_no_registrys(site, client):
    async with client.post(site.url, data=b'{"events": []}', headers=TELLER) as answer:
        assert answer.status == 401


# --- when nothing can be written -------------------------------------------------------------------------------------


async def test_a_store_that_cannot_commit_is_503_and_asks_to_come_again(site, client):
    site.store.fail("append")
    async with client.post(site.intake, data=json.dumps(EVENT), headers={"Content-Type": ONE, **TELLER}) as answer:
        assert (answer.status, answer.headers["Retry-After"]) == (503, "5")
    assert site.heard == [("events", "unavailable", "")]
    site.store.fail()
    status, answer = await tell(client, site.intake, EVENT)
    assert (status, answer["new"]) == (202, 1)


def test_every_route_has_its_metrics():
    assert tuple(READERS) == INTAKE_ROUTES
