"""The native API's verbs over real connections: what they answer, what they refuse, and who is named in the log."""

import asyncio
import json

import aiohttp
import pytest
from test_api import SECRETS, SUBSCRIPTIONS, Site

from doubles import route
from sidecar.domain.message import Response
from sidecar.pipeline.routing import Router


@pytest.fixture
async def site(tmp_path):
    """Three deliveries of subscription `one` are dead: the receiver answered 400."""
    site = Site(tmp_path)
    await site.start()
    yield site
    await site.stop()


async def post(site, path, body=None):
    return await site.ask(path, "POST", data=json.dumps(body) if body is not None else None)


async def done(site, path, body=None):
    status, said = await post(site, path, body)
    assert status == 200, said
    return said


async def ids(site, query=""):
    return [one["id"] for one in (await site.get(f"/v1/deliveries?{query}"))["deliveries"]]


async def quiet(site):
    async with asyncio.timeout(60):
        while await site.house.owed():  # noqa: ASYNC110 - nothing is set then
            await asyncio.sleep(0.002)


def well(site):
    site.house.sender.answer = lambda _request: Response(status=200)


async def hold(site):
    await done(site, "/v1/subscriptions/one/pause")


# --- replay ----------------------------------------------------------------------------------------------------------


async def test_a_dry_run_counts_and_does_nothing(site):
    expected = {
        "count": 3,
        "subscriptions": [{"subscription": "one", "count": 3}],
        "withoutBytes": 0,
        "orphaned": [],
        "waiting": [],
        "next": None,
    }
    assert await done(site, "/v1/deliveries/replay", {"dryRun": True}) == expected
    assert len(site.house.sender.requests) == 3


async def test_a_replay_is_made_in_steps_that_say_where_to_go_on(site):
    well(site)
    first = await done(site, "/v1/deliveries/replay", {"subscriptions": ["one"], "limit": 2})
    assert (first["count"], first["subscriptions"]) == (2, [{"subscription": "one", "count": 2}])
    second = await done(site, "/v1/deliveries/replay", {"subscriptions": ["one"], "limit": 2, "cursor": first["next"]})
    assert (second["count"], second["next"]) == (1, None)
    await quiet(site)
    sent = site.house.sender.ids()
    assert sorted(sent[3:]) == sorted(sent[:3])
    assert [one[:3] for one in site.house.observer.operations] == [("loopback", "replay", 2), ("loopback", "replay", 1)]


@pytest.mark.parametrize(
    ("chosen", "count"),
    [
        ({"reason": "client_error"}, 3),
        ({"reason": "expired"}, 0),
        ({"states": ["delivered", "cancelled"]}, 0),
        ({"states": ["dead"], "type": "artifact.pushed"}, 3),
        ({"type": "artifact.deleted"}, 0),
        ({"repositories": ["prj/*"]}, 3),
        ({"repositories": ["!prj/**"]}, 0),
        ({"since": "2026-11-21T00:00:00Z"}, 3),
        ({"until": "2026-11-21T00:00:00Z"}, 0),
        ({"deliveries": [4711]}, 0),
    ],
)
async def test_a_replay_is_chosen(site, chosen, count):
    assert (await done(site, "/v1/deliveries/replay", {**chosen, "dryRun": True}))["count"] == count


async def test_a_replay_of_named_deliveries_and_of_an_event(site):
    wanted, other, _ = await ids(site)
    assert (await done(site, "/v1/deliveries/replay", {"deliveries": [wanted]}))["count"] == 1
    event = (await site.get(f"/v1/deliveries/{other}"))["event"]
    assert (await done(site, "/v1/deliveries/replay", {"event": event}))["count"] == 1


async def test_what_an_orphan_owes_is_refused_by_name_and_left_otherwise(site):
    await site.house.configure(SUBSCRIPTIONS[1:])
    sentence = (
        "Subscription one is not in the configuration any more: bring its name back, or write `formerly: one` at the "
        "one that takes over."
    )
    for verb in ("replay", "retry"):
        status, said = await post(site, f"/v1/deliveries/{verb}", {"subscriptions": ["one"]})
        assert (status, said["detail"]) == (409, sentence)
    number = (await ids(site))[0]
    status, said = await post(site, f"/v1/deliveries/{number}/retry")
    assert (status, said["detail"]) == (409, sentence)
    step = await done(site, "/v1/deliveries/replay", {})
    assert (step["count"], step["orphaned"]) == (0, [{"subscription": "one", "count": 3}])


# --- retry and cancel ------------------------------------------------------------------------------------------------


async def test_one_delivery_is_retried(site):
    well(site)
    number = (await ids(site))[0]
    shown = await done(site, f"/v1/deliveries/{number}/retry")
    assert (shown["id"], shown["state"]) == (number, "due")
    await quiet(site)
    assert await ids(site, "state=delivered") == [number]
    status, said = await post(site, f"/v1/deliveries/{number}/retry")
    assert (status, said["detail"]) == (
        409,
        f"Delivery {number} is delivered; a replay sends it again all the same.",
    )


async def test_one_delivery_is_cancelled(site):
    await hold(site)
    number = (await ids(site))[0]
    await done(site, f"/v1/deliveries/{number}/retry")
    shown = await done(site, f"/v1/deliveries/{number}/cancel")
    assert (shown["state"], shown["reason"]) == ("cancelled", "cancelled")
    status, said = await post(site, f"/v1/deliveries/{number}/cancel")
    assert (status, said["detail"]) == (
        409,
        f"Delivery {number} is cancelled; only what is due can be cancelled.",
    )
    assert (await done(site, "/v1/deliveries/replay", {"states": ["cancelled"]}))["count"] == 1


async def test_many_are_retried_and_cancelled(site):
    await hold(site)
    assert (await done(site, "/v1/deliveries/retry", {"states": ["dead"], "dryRun": True}))["count"] == 3
    assert (await done(site, "/v1/deliveries/retry", {"states": ["dead"]}))["count"] == 3
    assert (await done(site, "/v1/deliveries/retry", {"states": ["due"]}))["count"] == 3
    assert (await done(site, "/v1/deliveries/cancel", {"subscriptions": ["two"]}))["count"] == 0
    assert (await done(site, "/v1/deliveries/cancel", {"dryRun": True}))["count"] == 3
    assert (await done(site, "/v1/deliveries/cancel", {"subscriptions": ["one"]}))["count"] == 3
    assert len(await ids(site, "state=cancelled")) == 3
    assert len(site.house.sender.requests) == 3


# --- subscriptions ---------------------------------------------------------------------------------------------------


async def test_a_subscription_is_paused_and_resumed(site):
    assert await done(site, "/v1/subscriptions/one/pause") == {
        "name": "one",
        "hold": "operator",
        "orphaned": False,
        "pausedUntil": None,
        "pending": 0,
    }
    assert (await site.get("/v1/subscriptions"))["subscriptions"][0]["hold"] == "operator"
    assert (await site.get("/v1/undelivered"))["counts"][0]["hold"] == "operator"
    assert (await done(site, "/v1/subscriptions/one/resume"))["hold"] == ""
    assert [one[:3] for one in site.house.observer.operations] == [("loopback", "pause", 1), ("loopback", "resume", 1)]


async def test_a_test_tells_what_was_sent_and_answered(site):
    said = await done(site, "/v1/subscriptions/one/test", {"event": "artifact.deleted"})
    assert {
        key: said[key] for key in ("subscription", "event", "delivered", "reason", "status", "detail", "answer")
    } == {
        "subscription": "one",
        "event": "artifact.deleted",
        "delivered": False,
        "reason": "client_error",
        "status": 400,
        "detail": "answered 400",
        "answer": "no \ufffd",
    }
    assert said["request"]["url"] == "https://receiver.example/..."
    assert json.loads(said["request"]["body"])["type"] == "DELETE_ARTIFACT"
    sent = site.house.sender.requests[-1]
    assert dict(sent.headers)["webhook-id"] == said["request"]["webhookId"]
    assert not any(secret in json.dumps(said) for secret in SECRETS)
    well(site)
    assert (await done(site, "/v1/subscriptions/two/test"))["delivered"] is True


# --- refusals --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "body", "status", "detail"),
    [
        ("/v1/subscriptions/no/pause", None, 404, "There is no subscription no."),
        ("/v1/subscriptions/no/test", None, 404, "There is no subscription no in the configuration."),
        ("/v1/deliveries/replay", {"subscriptions": ["no"]}, 404, "There is no subscription no."),
        (
            "/v1/deliveries/4711/retry",
            None,
            404,
            "There is no delivery 4711; it may be older than retention keeps deliveries.",
        ),
        ("/v1/deliveries/x/cancel", None, 400, "'x' is not a number."),
        (
            "/v1/deliveries/replay",
            {"state": "dead"},
            400,
            "The body does not fit: Object contains unknown field `state`.",
        ),
        (
            "/v1/deliveries/replay",
            {"states": ["lost"]},
            400,
            "Unknown state 'lost'; known: due, delivered, dead, cancelled.",
        ),
        (
            "/v1/deliveries/replay",
            {"states": ["due"]},
            400,
            "This can be done only to deliveries that are dead or delivered or cancelled.",
        ),
        ("/v1/deliveries/cancel", {"states": ["dead"]}, 400, "This can be done only to deliveries that are due."),
        ("/v1/deliveries/retry", {"limit": 201}, 400, "Limit must be a number from 1 to 200."),
        ("/v1/deliveries/retry", {"limit": 0}, 400, "Limit must be a number from 1 to 200."),
        ("/v1/deliveries/retry", {"cursor": "7"}, 400, "Cursor must be the `next` of an earlier step."),
        ("/v1/deliveries/retry", {"cursor": "7-²"}, 400, "Cursor must be the `next` of an earlier step."),
        ("/v1/deliveries/retry", {"deliveries": [0]}, 400, "Deliveries must be at most 1000 ids."),
        (
            "/v1/deliveries/replay",
            {"repositories": ["!"]},
            400,
            "Repositories: '!' excludes nothing: write the pattern after it.",
        ),
        (
            "/v1/deliveries/replay",
            {"until": "later"},
            400,
            "Until must be an RFC 3339 time such as 2026-11-22T08:00:00Z.",
        ),
        (
            "/v1/subscriptions/one/test",
            {"word": "x"},
            400,
            "The body does not fit: Object contains unknown field `word`.",
        ),
    ],
)
async def test_what_cannot_be_done_gets_a_sentence(site, path, body, status, detail):
    answered, said = await post(site, path, body)
    errors = said.pop("errors", None)
    assert (answered, said) == (
        status,
        {"type": "about:blank", "title": HTTP[status], "status": status, "detail": detail},
    )
    # What is wrong with a request is told with its place; what cannot be found or done has none.
    assert (errors is not None) is (status == 400)
    assert [one["detail"] for one in errors or ()] == [detail] * (status == 400)
    assert site.house.observer.operations == []


HTTP = {400: "Bad Request", 404: "Not Found", 409: "Conflict"}


async def test_a_test_of_what_the_format_cannot_say_is_a_conflict(site):
    status, said = await post(site, "/v1/subscriptions/one/test", {"event": "nothing"})
    assert (status, said["detail"].startswith("Unknown event 'nothing' for format harbor; it can say: ")) == (409, True)


async def test_a_store_that_is_away_is_answered_503_and_nothing_was_done(site):
    site.house.store.fail("do")
    for path in ("/v1/deliveries/replay", "/v1/subscriptions/one/pause"):
        status, said = await post(site, path)
        assert (status, said["detail"]) == (503, "The store cannot commit: disk I/O error.")
    site.house.store.fail()
    assert site.house.observer.operations == []
    assert len(await ids(site, "state=dead")) == 3


async def test_the_door_is_named_and_closed_ones_change_nothing(site):
    async with (
        aiohttp.ClientSession(connector=aiohttp.UnixConnector(str(site.socket))) as session,
        session.post("http://sidecar/v1/subscriptions/one/pause") as answer,
    ):
        assert answer.status == 200
    assert site.house.observer.operations == [("socket", "pause", 1, "subscription=one")]
    async with site.session.post(f"http://127.0.0.1:{site.open_port}/v1/subscriptions/one/resume") as answer:
        assert answer.status == 403
    headers = {"Origin": "https://evil.example"}
    status, _ = await site.ask("/v1/subscriptions/one/resume", "POST", headers=headers)
    assert status == 403
    assert (await site.get("/v1/subscriptions"))["subscriptions"][0]["hold"] == "operator"


async def test_quarantine_s_verbs_are_named_as_well(site):
    late, unreadable = (one["id"] for one in (await site.get("/v1/quarantine"))["items"])
    await done(site, f"/v1/quarantine/{late}/retry")
    await done(site, "/v1/quarantine/retry", {"reason": "unreadable"})
    assert (await site.ask(f"/v1/quarantine/{unreadable}", "DELETE"))[0] == 204
    assert site.house.observer.operations == [
        ("loopback", "quarantine retry", 1, f"item={late} outcome=accepted"),
        ("loopback", "quarantine retry", 1, "accepted=0 duplicate=0 quarantined=1"),
        ("loopback", "quarantine delete", 1, f"item={unreadable}"),
    ]


async def test_what_went_to_a_subscription_that_is_gone_is_shown_beside_the_others(site):
    await site.house.configure(SUBSCRIPTIONS[1:])
    site.operations.connect(Router([route(SUBSCRIPTIONS[1], 2)]), site.house.destinations, site.house.dispatcher)
    event = (await site.get("/v1/events?type=artifact.pushed&limit=1"))["events"][0]["id"]
    explained = await site.get(f"/v1/events/{event}/explain")
    assert [one["subscription"] for one in explained["subscriptions"]] == ["two"]
    assert [(one["subscription"], one["state"]) for one in explained["others"]] == [("one", "dead")]
