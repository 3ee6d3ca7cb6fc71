"""What waits in groups and what was told together, as operators see it: API, console, and giving it up."""

import asyncio
import json

import pytest
from console_site import Site

from chatting import chatting
from doubles import subscription
from notifications import envelope, push
from sidecar.domain import instant
from sidecar.domain.subscription import Grouping

PUSHED = ("artifact.pushed",)
SUBSCRIPTIONS = (
    subscription("slow", format="chatty", events=PUSHED, group=Grouping(instant.HOUR, whole=True)),
    subscription("quick", format="chatty", events=PUSHED, group=Grouping(20 * instant.MILLISECOND)),
)


@pytest.fixture
async def site(tmp_path):
    """Two pushes wait for `slow`, and were told to `quick` in one message."""
    with chatting():
        site = Site(tmp_path, SUBSCRIPTIONS)
        await site.start()
        await site.house.intake.accept("main", envelope(push("a", "v1", of="a"), push("b", "v2", of="b")))
        async with asyncio.timeout(30):
            while not (await site.get("/v1/deliveries?state=delivered"))["deliveries"]:  # noqa: ASYNC110 - nothing is set then
                await asyncio.sleep(0.002)
        yield site
        await site.stop()


async def pushed(site):
    return (await site.get("/v1/events?type=artifact.pushed"))["events"]


async def test_an_event_says_where_it_waits_and_how_it_was_told(site):
    second, first = await pushed(site)
    assert [(one["waiting"], one["delivered"], one["due"]) for one in (first, second)] == [(1, 1, 0)] * 2
    for path in ("", "/explain"):
        (waits,) = (await site.get(f"/v1/events/{first['id']}{path}"))["waits"]
        until = instant.parse_rfc3339(waits.pop("until"))
        assert waits == {"subscription": "slow", "word": "artifact.pushed", "whole": True, "events": 2}
        assert until == instant.parse_rfc3339(first["accepted"]) + instant.HOUR
    explained = await site.get(f"/v1/events/{second['id']}/explain")
    (quick,) = [one["deliveries"] for one in explained["subscriptions"] if one["subscription"] == "quick"]
    assert [one["id"] for one in quick] == [one["id"] for one in (await site.get("/v1/deliveries"))["deliveries"]]


async def test_a_delivery_lists_what_it_tells_of(site):
    second, first = await pushed(site)
    (row,) = (await site.get(f"/v1/deliveries?event={second['id']}"))["deliveries"]
    found = await site.get(f"/v1/deliveries/{row['id']}")
    assert found["together"] == [
        {
            "event": one["id"],
            "type": "artifact.pushed",
            "time": one["time"],
            "registry": "main",
            "repository": "prj/app",
            "word": "artifact.pushed",
        }
        for one in (first, second)
    ]
    assert (found["event"], found["word"]) == (first["id"], "artifact.pushed")


async def test_subscriptions_say_how_much_waits(site):
    lanes = {one["name"]: one for one in (await site.get("/v1/subscriptions"))["subscriptions"]}
    assert (lanes["slow"]["waiting"], lanes["slow"]["pending"], lanes["quick"]["waiting"]) == (2, 0, 0)
    (count,) = (await site.get("/v1/undelivered"))["counts"]
    assert (count["subscription"], count["due"], count["dead"], count["waiting"]) == ("slow", 0, 0, 2)


async def test_the_console_shows_both(site):
    second, first = await pushed(site)
    page = await site.page(f"/console/events/{first['id']}")
    assert "It waits in a group of 2 until" in page.text
    assert "It has no delivery of this event" not in page.text
    (row,) = (await site.get("/v1/deliveries"))["deliveries"]
    page = await site.page(f"/console/deliveries/{row['id']}")
    assert {f"/console/events/{one['id']}" for one in (first, second)} <= set(page.links())
    assert (await site.page("/console/undelivered")).rows()[0][:5] == ["slow", "active", "0", "0", "2"]
    assert (await site.page("/console/subscriptions/slow")).facts()["Waiting"] == (
        "2 events in groups, to be told together"
    )
    assert "waits in 1 group" in (await site.page("/console/events")).text


async def cancel(site, **body):
    answer, said = await site.ask("/v1/deliveries/cancel", "POST", json=body)
    assert answer.status == 200, said
    return json.loads(said)


async def test_cancelling_all_of_a_subscription_ends_what_waits(site):
    given_up = [{"subscription": "slow", "count": 2}]
    assert (await cancel(site, subscriptions=["slow"], dryRun=True))["waiting"] == given_up
    assert (await cancel(site, subscriptions=["slow"], reason="timed_out", dryRun=True))["waiting"] == []
    first = await cancel(site, subscriptions=["slow"])
    assert (first["waiting"], first["next"]) == (given_up, "0-0")
    last = await cancel(site, subscriptions=["slow"], cursor=first["next"])
    assert (last["count"], last["waiting"], last["next"]) == (0, [], None)
    assert (await site.get("/v1/undelivered"))["counts"] == []
    assert [one["waiting"] for one in await pushed(site)] == [0, 0]
    assert site.observer.operations[0][1:] == ("cancel", 2, "events in groups subscription=slow")


async def test_other_choices_leave_what_waits(site):
    assert (await cancel(site, subscriptions=["slow"], type="artifact.pushed"))["waiting"] == []
    assert (await cancel(site))["waiting"] == []
    (count,) = (await site.get("/v1/undelivered"))["counts"]
    assert count["waiting"] == 2
