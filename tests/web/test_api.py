"""The native API over real connections: its doors, its routes, its sentences, and what it never shows."""

import asyncio
import json
import stat

import aiohttp
import msgspec
import pytest
from web_site import exchange, problem

from doubles import House, RecordingSender, match, route, subscription
from flaky_store import FlakyStore
from notifications import digest, envelope, pull, push
from sidecar.domain.account import Accounts
from sidecar.domain.message import Response
from sidecar.domain.secret import Secret
from sidecar.domain.subscription import Signing, SignScheme
from sidecar.pipeline.inbox import Inbox
from sidecar.pipeline.operations import Operations
from sidecar.pipeline.routing import Router
from sidecar.web.api import Api
from sidecar.web.door import Door
from sidecar.web.health import Health
from sidecar.web.server import Listeners
from virtual_time import VirtualClock

PASSWORD, QUERY_KEY, HEADER_SECRET = "pa55w0rd", "k3y-in-query", "Bearer h34der"
SIGNING_SECRET = "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
SECRETS = (PASSWORD, QUERY_KEY, "h34der", SIGNING_SECRET)

SUBSCRIPTIONS = (
    subscription(
        "one",
        url=f"https://robot:{PASSWORD}@receiver.example/hook?key={QUERY_KEY}",
        headers=(("Authorization", Secret(HEADER_SECRET)),),
        signing=Signing(scheme=SignScheme.STANDARD, secrets=(Secret(SIGNING_SECRET),)),
    ),
    subscription("two", format="dtr", match=match(["other/**"])),
)


class Site:
    """A house at work with the API on a loopback listener, on one that others can reach, and on a socket."""

    def __init__(self, folder):
        clock = VirtualClock()
        path = folder / "sidecar.db"
        sender = RecordingSender(lambda _request: Response(status=400, body=b"no \xff"))
        self.house = House(path, clock, sender, SUBSCRIPTIONS, store=FlakyStore(path, inline=True))
        self.operations = Operations(self.house.store, self.house.intake, clock, self.house.observer)
        health = Health(
            stalled=lambda: 0.0, unready=lambda: ["starting"], render_metrics=lambda: (b"# metrics\n", "text/plain")
        )
        self.api = Api(
            self.operations,
            lambda: {"version": "1.2.3", "ready": True},
            health,
            subscribing=self.house.subscribing,
            inbox=Inbox(self.house.store, clock, self.house.observer, Accounts),
        )
        self.listeners = Listeners()
        self.socket = folder / "control.sock"
        self.session = None

    async def start(self):
        await self.house.start()
        lanes = {one.name: one.lane for one in self.house.dispatcher.views()}
        routes = [route(one, lanes[one.name]) for one in SUBSCRIPTIONS]
        self.operations.connect(Router(routes), self.house.destinations, self.house.dispatcher, self.house.courier)
        (self.port,) = await self.listeners.serve_app(self.api.app(Door.LOOPBACK), [("127.0.0.1", 0)], None)
        (self.open_port,) = await self.listeners.serve_app(self.api.app(Door.CLOSED), [("127.0.0.1", 0)], None)
        await self.listeners.serve_socket(self.api.app(Door.SOCKET), self.socket)
        self.session = aiohttp.ClientSession()
        await self.house.intake.accept("main", envelope(push("a"), push("b", "v2"), push("c", "v3")))
        await self.house.intake.accept("main", b"\xff unreadable", "text/x")
        await self.house.intake.unknown_registry("late", envelope(push("d")), "application/json")
        async with asyncio.timeout(60):
            while self.house.translator.lag or await self.house.owed():  # noqa: ASYNC110 - nothing is set then
                await asyncio.sleep(0.002)

    async def stop(self):
        await self.session.close()
        await self.listeners.stop()
        await self.house.stop()

    async def ask(self, path, method="GET", **given):
        """The status and the body of an answer; a body that is JSON is read."""
        if "data" in given:
            given["headers"] = {"Content-Type": "application/json", **given.get("headers", {})}
        async with self.session.request(method, f"http://127.0.0.1:{self.port}{path}", **given) as answer:
            body = await answer.read()
            if answer.status >= 400:
                assert answer.content_type == "application/problem+json"
            return answer.status, json.loads(body) if body else None

    async def get(self, path):
        status, body = await self.ask(path)
        assert status == 200, body
        return body


@pytest.fixture
async def site(tmp_path):
    site = Site(tmp_path)
    await site.start()
    yield site
    await site.stop()


def request(path, *lines, method="GET", host="localhost"):
    head = [f"{method} {path} HTTP/1.1", f"Host: {host}", *lines]
    return ("\r\n".join(head) + "\r\n\r\n").encode()


# --- routes ----------------------------------------------------------------------------------------------------------


async def test_status(site):
    assert await site.get("/v1/status") == {"version": "1.2.3", "ready": True}


async def test_subscriptions(site):
    one, two = (await site.get("/v1/subscriptions"))["subscriptions"]
    assert {
        key: one[key] for key in ("name", "format", "destination", "enabled", "hold", "orphaned", "dead", "pending")
    } == {
        "name": "one",
        "format": "harbor",
        "destination": "https://receiver.example",
        "enabled": True,
        "hold": "",
        "orphaned": False,
        "dead": 3,
        "pending": 0,
    }
    assert one["events"] == ["artifact.pushed", "artifact.deleted", "tag.deleted"]
    assert (one["failures"], one["lastSuccess"], one["pausedUntil"], one["inFlight"], one["limit"]) == (
        3,
        None,
        None,
        0,
        4,
    )
    assert (one["breaker"], one["nextProbe"]) == ("closed", None)
    assert (two["name"], two["format"], two["dead"]) == ("two", "dtr", 0)


async def test_a_subscription_whose_destination_is_down_shows_its_next_probe(site):
    track = site.house.dispatcher._tracks[1]
    at = 1_795_219_200 * 10**9
    track.lane = msgspec.structs.replace(track.lane, failures=10, probe_at=at)
    one, two = (await site.get("/v1/subscriptions"))["subscriptions"]
    assert (one["breaker"], one["nextProbe"]) == ("open", "2026-11-21T00:00:00Z")
    assert two["breaker"] == "closed"


async def test_a_subscription_that_is_gone_is_shown_as_an_orphan(site):
    await site.house.configure(SUBSCRIPTIONS[:1])
    site.operations.connect(Router([route(SUBSCRIPTIONS[0], 1)]), site.house.destinations, site.house.dispatcher)
    two = (await site.get("/v1/subscriptions"))["subscriptions"][1]
    assert (two["name"], two["orphaned"], two["enabled"], two["destination"]) == ("two", True, False, "")


async def test_events_and_their_pages(site):
    whole = await site.get("/v1/events?type=artifact.pushed")
    assert [one["tags"] for one in whole["events"]] == [["v3"], ["v2"], ["v1"]]
    assert whole["next"] is None
    newest = whole["events"][0]
    assert (newest["repository"], newest["registry"], newest["actor"], newest["dead"]) == (
        "prj/app",
        "main",
        "maria",
        1,
    )
    assert newest["time"] == "2026-11-22T00:01:14.212777163Z"
    first = await site.get("/v1/events?type=artifact.pushed&limit=2")
    second = await site.get(f"/v1/events?type=artifact.pushed&limit=2&before={first['next']}")
    assert first["events"] + second["events"] == whole["events"]
    assert second["next"] is None
    assert (await site.get("/v1/events?repository=prj/other"))["events"] == []
    assert len((await site.get("/v1/events?since=2026-11-22T00:01:14Z&registry=main"))["events"]) == 4
    assert (await site.get("/v1/events?since=2026-11-22T00:01:15%2B00:00"))["events"] == []


async def test_pulls_and_their_pages(site):
    """By artifact, the last pulled first; of each by tag and, with tag "", by digest."""
    records = [
        pull("p1", "v1", of="a", time="2026-11-22T01:00:00Z"),
        pull("p2", "v1", of="a", time="2026-11-22T01:02:00.5Z"),
        pull("p3", "", of="a", time="2026-11-22T01:01:00Z", agent="another"),
        pull("p4", "v2", of="b", time="2026-11-22T01:03:00Z"),
    ]
    await site.house.intake.accept("main", envelope(*records))
    async with asyncio.timeout(60):
        while site.house.translator.lag:  # noqa: ASYNC110 - nothing is set when there is none
            await asyncio.sleep(0.002)
    whole = await site.get("/v1/pulls")
    assert whole["next"] is None
    newest, other = whole["pulls"]
    assert (newest["digest"], newest["pulls"]) == (digest("b"), 1)
    assert other == {
        "registry": "main",
        "repository": "prj/app",
        "digest": digest("a"),
        "kind": "image",
        "live": True,
        "pulls": 3,
        "lastPulled": "2026-11-22T01:02:00.5Z",
        "byTag": [
            {"tag": "v1", "pulls": 2, "lastPulled": "2026-11-22T01:02:00.5Z"},
            {"tag": "", "pulls": 1, "lastPulled": "2026-11-22T01:01:00Z"},
        ],
    }
    first = await site.get("/v1/pulls?limit=1")
    second = await site.get(f"/v1/pulls?limit=1&before={first['next']}")
    assert first["pulls"] + second["pulls"] == whole["pulls"]
    assert (await site.get(f"/v1/pulls?registry=main&repository=prj/app&digest={digest('a')}"))["pulls"] == [other]
    assert [one["pulls"] for one in (await site.get("/v1/pulls?tag=v1"))["pulls"]] == [2]
    assert (await site.get("/v1/pulls?since=2026-11-22T01:02:30Z"))["pulls"] == [newest]
    assert (await site.get("/v1/pulls?repository=prj/other"))["pulls"] == []


async def test_one_event_with_its_deliveries(site):
    listed = (await site.get("/v1/events?type=artifact.pushed&limit=1"))["events"][0]
    shown = await site.get(f"/v1/events/{listed['id']}")
    assert shown["event"]["id"] == listed["id"]
    assert shown["event"]["repository"]["namespace"] == "prj"
    assert shown["event"]["record"] == "c"
    (delivery,) = shown["deliveries"]
    assert (delivery["subscription"], delivery["state"], delivery["reason"], delivery["status"]) == (
        "one",
        "dead",
        "client_error",
        400,
    )


async def test_explanations_show_everything_but_secrets(site):
    listed = (await site.get("/v1/events?type=artifact.pushed&limit=1"))["events"][0]
    one, two = (await site.get(f"/v1/events/{listed['id']}/explain"))["subscriptions"]
    (asked,) = one["requests"]
    assert (asked["method"], asked["url"]) == ("POST", "https://receiver.example/...")
    headers = {one["name"]: one["value"] for one in asked["headers"]}
    assert headers["Authorization"] == "<secret>"
    assert headers["Content-Type"] == "application/json"
    assert headers["webhook-signature"] == "<signature>"
    assert headers["webhook-id"] == one["deliveries"][0]["webhookId"] == asked["webhookId"]
    assert [(each["number"], each["status"]) for each in asked["log"]] == [(1, 400)]
    assert json.loads(asked["body"])["type"] == "PUSH_ARTIFACT"
    assert (one["fired"], one["words"], len(one["deliveries"])) == (True, ["PUSH_ARTIFACT"], 1)
    assert (two["fired"], two["why"], two["requests"]) == (False, "repositories", [])


async def test_deliveries_and_one_of_them(site):
    found = (await site.get("/v1/deliveries?state=dead,due&subscription=one&reason=client_error"))["deliveries"]
    assert len(found) == 3
    assert (await site.get("/v1/deliveries?state=delivered"))["deliveries"] == []
    assert (await site.get(f"/v1/deliveries?event={found[0]['event']}"))["deliveries"] == [found[0]]
    page = await site.get("/v1/deliveries?limit=2")
    assert (await site.get(f"/v1/deliveries?before={page['next']}"))["deliveries"] == found[2:]
    shown = await site.get(f"/v1/deliveries/{found[0]['id']}")
    assert shown["contentType"] == "application/json"
    assert json.loads(shown["body"])["type"] == "PUSH_ARTIFACT"
    (attempt,) = shown["log"]
    assert (attempt["number"], attempt["status"], attempt["answer"], attempt["detail"]) == (
        1,
        400,
        "no \ufffd",
        "answered 400",
    )


async def test_what_is_undelivered(site):
    found = await site.get("/v1/undelivered")
    assert [one["state"] for one in found["deliveries"]] == ["dead"] * 3
    assert found["counts"] == [
        {
            "subscription": "one",
            "due": 0,
            "dead": 3,
            "oldest": None,
            "waiting": 0,
            "enabled": True,
            "hold": "",
            "orphaned": False,
            "trouble": "",
            "pausedUntil": None,
            "breaker": "closed",
            "nextProbe": None,
            "inFlight": 0,
            "lastSuccess": None,
            "failures": 3,
        }
    ]
    assert (await site.get("/v1/undelivered?subscription=two"))["deliveries"] == []


async def test_quarantine(site):
    late, unreadable = (await site.get("/v1/quarantine"))["items"]
    assert (late["reason"], late["registry"], unreadable["reason"], unreadable["size"]) == (
        "unknown_registry",
        "late",
        "unreadable",
        12,
    )
    assert (await site.get("/v1/quarantine?reason=unreadable&registry=main"))["items"] == [unreadable]
    shown = await site.get(f"/v1/quarantine/{unreadable['id']}")
    assert (shown["base64"], shown["body"]) == (True, "/yB1bnJlYWRhYmxl")
    assert (await site.get(f"/v1/quarantine/{late['id']}"))["base64"] is False
    assert await site.ask(f"/v1/quarantine/{unreadable['id']}/retry", "POST") == (
        200,
        {"outcome": "quarantined", "detail": "it still cannot be read; it stays in quarantine"},
    )
    assert await site.ask("/v1/quarantine/retry", "POST", data=b'{"reason": "unknown_registry"}') == (
        200,
        {"tried": 1, "accepted": 1, "duplicate": 0, "quarantined": 0},
    )
    assert await site.ask("/v1/quarantine/retry", "POST", data=b'{"registry": "main"}') == (
        200,
        {"tried": 1, "accepted": 0, "duplicate": 0, "quarantined": 1},
    )
    assert await site.ask(f"/v1/quarantine/{unreadable['id']}", "DELETE") == (204, None)
    status, said = await site.ask(f"/v1/quarantine/{unreadable['id']}", "DELETE")
    assert (status, said["detail"]) == (
        404,
        f"There is no quarantined item {unreadable['id']}; it may have been retried or deleted.",
    )


# --- bad arguments ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "detail"),
    [
        (
            "/v1/events?repo=x",
            "Unknown query parameter 'repo'; known: before, limit, registry, repository, since, type.",
        ),
        ("/v1/events?limit=0", "Limit must be a number from 1 to 500."),
        ("/v1/events?limit=501", "Limit must be a number from 1 to 500."),
        ("/v1/events?limit=many", "Limit must be a number from 1 to 500."),
        ("/v1/events?limit=-1", "Limit must be a number from 1 to 500."),
        ("/v1/events?limit=" + "9" * 5000, "Limit must be a number from 1 to 500."),
        ("/v1/events?limit=%C2%B2", "Limit must be a number from 1 to 500."),
        ("/v1/deliveries?before=x", "Before must be the `next` of an earlier page."),
        ("/v1/deliveries?before=" + "9" * 19, "Before must be the `next` of an earlier page."),
        ("/v1/events?since=yesterday", "Since must be an RFC 3339 time such as 2026-11-22T08:00:00Z."),
        ("/v1/events?since=2026-13-01T00:00:00Z", "Since must be an RFC 3339 time such as 2026-11-22T08:00:00Z."),
        ("/v1/deliveries?state=gone", "Unknown state 'gone'; known: due, delivered, dead, cancelled."),
        ("/v1/deliveries/abc", "'abc' is not a number."),
        ("/v1/quarantine/9999999999999999999", "'9999999999999999999' is not a number."),
    ],
)
async def test_a_bad_argument_gets_a_sentence(site, path, detail):
    status, said = await site.ask(path)
    assert (status, said["status"], said["title"], said["detail"]) == (400, 400, "Bad Request", detail)


@pytest.mark.parametrize(
    ("body", "detail"),
    [
        (b'{"reason": 1}', "The body does not fit: Expected `str`, got `int` - at `$.reason`."),
        (b'{"cause": "x"}', "The body does not fit: Object contains unknown field `cause`."),
        (b"{", "The body is not JSON: Input data was truncated."),
    ],
)
async def test_a_bad_body_gets_a_sentence(site, body, detail):
    status, said = await site.ask("/v1/quarantine/retry", "POST", data=body)
    assert (status, said["detail"]) == (400, detail)


async def test_a_large_body_gets_a_sentence(site):
    status, said = await site.ask("/v1/quarantine/retry", "POST", data=b" " * 70_000)
    assert (status, said["detail"]) == (413, "The body is larger than 64 KiB.")


@pytest.mark.parametrize(
    "query",
    [
        "since=0001-01-01T00:00:00Z",
        "since=9999-12-31T23:59:59Z",
        "repository=%ED%B3%BF",
        "repository=%00",
        "type=%27%3B--",
        "registry=%FF",
    ],
)
async def test_odd_values_find_nothing_or_everything_and_break_nothing(site, query):
    assert (await site.ask(f"/v1/events?{query}"))[0] == 200


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/v1/nothing", 404),
        ("GET", "/v1", 404),
        ("POST", "/v1/status", 405),
        ("DELETE", "/v1/events", 405),
        ("GET", "/v1/quarantine/1/retry", 405),
    ],
)
async def test_what_is_not_part_of_the_api_is_said_so(site, method, path, status):
    async with site.session.request(method, f"http://127.0.0.1:{site.port}{path}") as answer:
        assert answer.status == status
        assert (await answer.json(content_type=None))["detail"] == f"{method} {path} is not part of this API."
        assert ("Allow" in answer.headers) is (status == 405)


async def test_what_is_not_there_is_said_so(site):
    for path, detail in (
        ("/v1/events/x", "There is no event x; it may be older than retention keeps events."),
        ("/v1/events/x/explain", "There is no event x; it may be older than retention keeps events."),
        ("/v1/deliveries/1", "There is no delivery 1; it may be older than retention keeps deliveries."),
        ("/v1/quarantine/999", "There is no quarantined item 999; it may have been retried or deleted."),
    ):
        status, said = await site.ask(path)
        assert (status, said["detail"]) == (404, detail)


async def test_a_store_that_is_away_is_answered_503(site):
    site.house.store.fail("append")
    status, said = await site.ask("/v1/quarantine/retry", "POST")
    assert (status, said["detail"]) == (503, "The store cannot commit: disk I/O error.")
    site.house.store.fail()


# --- doors -----------------------------------------------------------------------------------------------------------


async def test_a_listener_that_others_can_reach_has_no_api(site):
    status, _, body = await exchange(site.open_port, request("/v1/status"))
    assert status == 403
    assert problem(body)[1] == (
        "This listener can be reached by others and there are no users, so the API does not answer here: list users "
        "under management.users, use the Unix socket (management.socket), or a listener bound to 127.0.0.1."
    )
    for path, expected in (("/livez", 200), ("/readyz", 503), ("/metrics", 200)):
        assert (await exchange(site.open_port, request(path, "Forwarded: for=x", host="any")))[0] == expected


@pytest.mark.parametrize("host", ["localhost", "localhost:8081", "LOCALHOST", "127.0.0.1:8081", "[::1]:8081", "[::1]"])
async def test_a_loopback_listener_answers_to_its_own_names(site, host):
    assert (await exchange(site.port, request("/v1/status", host=host)))[0] == 200


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:8081", "127.0.0.1.evil.example", "localhost.evil.example"]
)
async def test_a_loopback_listener_answers_to_no_other_name(site, host):
    """A page whose name was made to point here must not read anything."""
    status, _, body = await exchange(site.port, request("/v1/status", host=host))
    assert status == 403
    name = host.partition(":")[0]
    assert problem(body)[1] == (f"The API on a loopback listener answers to localhost and 127.0.0.1, not to {name!r}.")


@pytest.mark.parametrize(
    ("line", "status"),
    [
        ("Origin: http://localhost:3000", 200),
        ("Origin: http://127.0.0.1", 200),
        ("Origin: http://[::1]:8081", 200),
        ("Origin: https://evil.example", 403),
        ("Origin: null", 403),
        ("Origin: http://localhost.evil.example", 403),
    ],
)
async def test_other_sites_pages_are_refused(site, line, status):
    answer = await exchange(site.port, request("/v1/quarantine/retry", line, "Content-Length: 0", method="POST"))
    assert answer[0] == status
    if status == 403:
        assert problem(answer[2])[1] == "The API does not answer to pages of other sites."


@pytest.mark.parametrize(
    "line",
    ["Forwarded: for=192.0.2.1", "X-Forwarded-For: 192.0.2.1", "x-forwarded-proto: https", "X-FORWARDED-HOST: y"],
)
async def test_a_proxy_in_front_is_noticed(site, line):
    status, _, body = await exchange(site.port, request("/v1/status", line))
    assert status == 403
    assert problem(body)[1] == (
        "The API on a loopback listener without users does not answer through a proxy: list management.users."
    )


async def test_the_socket_is_its_owner_s_and_needs_no_more(site):
    assert stat.S_IMODE(site.socket.stat().st_mode) == 0o600
    async with aiohttp.ClientSession(connector=aiohttp.UnixConnector(str(site.socket))) as session:
        headers = {"Host": "anything", "Forwarded": "for=x", "Origin": "https://evil.example"}
        async with session.get("http://sidecar/v1/status", headers=headers) as answer:
            assert answer.status == 200


async def test_no_answer_holds_a_secret(site):
    listed = (await site.get("/v1/events?limit=10"))["events"]
    deliveries = (await site.get("/v1/deliveries"))["deliveries"]
    paths = [
        "/v1/status",
        "/v1/subscriptions",
        "/v1/events",
        "/v1/deliveries",
        "/v1/undelivered",
        "/v1/quarantine",
        "/metrics",
        "/readyz",
        *(f"/v1/events/{one['id']}" for one in listed),
        *(f"/v1/events/{one['id']}/explain" for one in listed),
        *(f"/v1/deliveries/{one['id']}" for one in deliveries),
    ]
    for path in paths:
        async with site.session.get(f"http://127.0.0.1:{site.port}{path}") as answer:
            text = await answer.text()
        assert not [secret for secret in SECRETS if secret in text], path
