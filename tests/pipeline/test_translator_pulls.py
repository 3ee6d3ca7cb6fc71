"""Sessions of pulls through the whole pipeline: they outlive the process, and their ticks come by themselves."""

import asyncio

import pytest

from doubles import House, RecordingSender, match, registry, subscription
from flaky_store import FlakyStore
from notifications import envelope, pull, push
from sidecar.domain import instant
from sidecar.domain.catalogue import Need
from sidecar.domain.listing import EventFilter, PullFilter
from sidecar.domain.subscription import DEFAULT_KINDS
from virtual_time import VirtualClock, simulated

TIME = instant.parse_rfc3339("2026-11-22T00:01:14Z")
ALL = ("artifact.pulled", "artifact.checked", "artifact.pushed")
HEARS = subscription("hears", format="cloudevents", events=ALL, match=match(kinds=DEFAULT_KINDS))


def request(identity, method, tag="", *, of="a", at=0.0, **more):
    """A HEAD or GET of a manifest, so many seconds into the story."""
    made = pull(identity, tag, of=of, time=instant.rfc3339(TIME + round(at * instant.SECOND)), **more)
    made["request"]["method"] = method
    return made


@pytest.fixture
def house(tmp_path):
    clock, sender = VirtualClock(), RecordingSender()

    def make(*subscriptions, store=None, **given):
        path = tmp_path / "sidecar.db"
        return House(path, clock, sender, subscriptions or [HEARS], store=store and store(path, inline=True), **given)

    return make


async def accept(one, *records):
    assert await one.intake.accept("main", envelope(*records)) == "accepted"


async def translated(one):
    """Wait until everything accepted is translated."""
    for _ in range(1000):
        await asyncio.sleep(0.001)
        if one.translator.lag == 0:
            return
    raise AssertionError("it does not come to rest")


async def told(one):
    """Everything that was ever announced, oldest first: (type, tag, time in the story)."""
    rows = await one.store.events(EventFilter(limit=500))
    return [(row.event.type, row.event.tag, (row.event.time - TIME) / instant.SECOND) for row in reversed(rows)]


STORY = [
    request("1", "HEAD", "v1"),
    request("2", "GET", at=0.1),
    request("3", "GET", at=0.2),
    request("4", "HEAD", "v1", at=5),
    request("5", "GET", at=5.1),
    request("6", "GET", "v1", at=6),
    request("7", "HEAD", "v2", of="b", at=7),
    request("8", "GET", at=8),
]
PULLS = [("artifact.pulled", "v1", 0.1), ("artifact.pulled", "v1", 5.1), ("artifact.pulled", "v1", 6.0)]
CHECK = ("artifact.checked", "v2", 7.0)


@pytest.mark.parametrize("end", ["kill", "stop"])
@simulated
async def test_a_restart_after_any_record_changes_nothing(house, end):
    one = house()
    await one.start()
    for record in STORY:
        await accept(one, record)
        await translated(one)
        await getattr(one, end)()
        one = house()
        await one.start()
    assert await told(one) == PULLS
    await asyncio.sleep(60)
    assert await told(one) == [*PULLS, CHECK]
    (row,) = await one.store.pulls(PullFilter())
    assert (row.count, [(each.tag, each.count) for each in row.tags]) == (3, [("v1", 3)])
    assert (await one.store.look(Need(sessions=True))).sessions == []
    await one.quiet()
    assert len(set(one.sender.ids())) == 4
    await one.stop()


@pytest.mark.parametrize("steps", range(0, 30, 3))
@simulated
async def test_being_killed_between_any_two_steps_changes_nothing(house, steps):
    """The loop is cut off after so many turns, wherever that finds the translator; a registry repeats what it may."""
    one = house()
    await one.start()
    for record in STORY:
        task = asyncio.create_task(one.intake.accept("main", envelope(record)))
        for _ in range(steps):
            await asyncio.sleep(0)
        await one.kill()
        await asyncio.gather(task, return_exceptions=True)
        one = house()
        await one.start()
        assert await one.intake.accept("main", envelope(record)) in {"accepted", "duplicate"}
        await translated(one)
    assert await told(one) == PULLS
    await asyncio.sleep(60)
    assert await told(one) == [*PULLS, CHECK]
    assert [one.count for one in await one.store.pulls(PullFilter())] == [3]
    await one.stop()


@simulated
async def test_a_batch_that_is_tried_again_opens_its_sessions_once(house):
    one = house(store=FlakyStore)
    await one.start()
    one.store.fail("translate")
    await accept(one, *STORY[:6])
    await asyncio.sleep(10)
    one.store.fail()
    await asyncio.sleep(10)
    await accept(one, *STORY[6:])
    await translated(one)
    assert await told(one) == PULLS
    assert [one.count for one in await one.store.pulls(PullFilter())] == [3]
    await one.stop()


@simulated
async def test_a_record_that_the_store_refuses_leaves_no_session_behind(house):
    """Its neighbours are translated again one by one, from the sessions that were committed."""
    one = house(store=FlakyStore)
    one.store.refuses = lambda verb, item: (
        verb == "translate" and any(each.event.origin.record == "bad" for each in item.events)
    )
    await one.start()
    bad = request("bad", "GET", "v9", of="z", at=0.05)
    await accept(one, STORY[0], bad, request("swallowed?", "GET", of="z", at=0.06), *STORY[1:3])
    await translated(one)
    assert await told(one) == [("artifact.pulled", "", 0.06), PULLS[0]]
    await one.stop()


@simulated
async def test_another_translator_s_sessions_are_read_anew(house):
    one = house()
    await one.start()
    await accept(one, STORY[0])
    await translated(one)
    await one.store._submit(
        "do", lambda connection: connection.execute("UPDATE meta SET value = 2 WHERE key = 'cursor'").rowcount
    )
    await one.store._submit("do", lambda connection: connection.execute("DELETE FROM pull_session").rowcount)
    await accept(one, request("lost", "GET", of="c"), request("2", "GET", at=0.1))
    await asyncio.sleep(10)
    assert [type(error).__name__ for _, error in one.observer.troubles] == ["CursorMoved"]
    assert await told(one) == [("artifact.pulled", "", 0.1)]
    await one.stop()


@simulated
async def test_a_check_is_told_soon_after_its_window(house):
    one = house()
    await one.start()
    await accept(one, request("1", "HEAD", "v1"))
    await asyncio.sleep(29.9)
    assert await told(one) == []
    await asyncio.sleep(8.1)
    assert await told(one) == [("artifact.checked", "v1", 0.0)]
    assert one.observer.outcomes == ["checked", "announced"]
    await one.quiet()
    (request_,) = one.sender.requests
    assert b'"type":"io.registry-sidecar.artifact.checked"' in request_.body
    await one.stop()


@simulated
async def test_sessions_of_about_the_same_time_share_their_ticks(house):
    one = house()
    await one.start()
    for number in range(100):
        await accept(one, request(f"{number}", "GET", of=number, at=number / 10))
        await asyncio.sleep(0.1)
    last = one.store.last
    await asyncio.sleep(120)
    assert (await one.store.look(Need(sessions=True))).sessions == []
    assert one.store.last - last <= 3
    await one.stop()


@simulated
async def test_pushes_open_no_session_and_need_no_tick(house):
    one = house(subscription("plain"))
    await one.start()
    await accept(one, push("1"), push("2", ""))
    await translated(one)
    assert (await one.store.look(Need(sessions=True))).sessions == []
    last = one.store.last
    await asyncio.sleep(120)
    assert one.store.last == last
    await one.stop()


@simulated
async def test_without_a_subscription_to_it_nothing_is_a_check(house):
    one = house(subscription("plain", events=("artifact.pulled",)))
    await one.start()
    await accept(one, request("1", "HEAD", "v1"))
    await asyncio.sleep(120)
    assert await told(one) == []
    assert (await one.store.look(Need(sessions=True))).sessions == []
    await one.stop()


@simulated
async def test_what_the_registry_kept_for_us_comes_before_the_tick_that_was_missed(house):
    """The sidecar was away between HEAD and GET for longer than the window; the registry repeats within a second."""
    one = house()
    await one.start()
    await accept(one, STORY[0])
    await translated(one)
    await one.kill()
    await asyncio.sleep(600)
    one = house()
    await one.start()
    await asyncio.sleep(1)
    await accept(one, STORY[1])
    await translated(one)
    assert await told(one) == PULLS[:1]
    await asyncio.sleep(60)
    assert await told(one) == PULLS[:1]
    await one.stop()


@simulated
async def test_a_window_of_zero_makes_each_get_a_pull(house):
    one = house(registries=[registry(pull_window=0)])
    await one.start()
    await accept(one, *STORY[:3])
    await translated(one)
    assert await told(one) == [("artifact.pulled", "", 0.1), ("artifact.pulled", "", 0.2)]
    assert one.observer.outcomes == ["checked", "announced", "announced"]
    await one.stop()


@simulated
async def test_a_registry_that_left_the_configuration_has_no_checks(house):
    one = house()
    await one.start()
    await accept(one, STORY[0])
    await translated(one)
    one.registries = {"other": registry("other")}
    await one.configure([HEARS])
    await asyncio.sleep(60)
    assert await told(one) == []
    assert (await one.store.look(Need(sessions=True))).sessions == []
    assert one.observer.troubles == []
    await one.stop()


@simulated
async def test_a_storm_of_pulls_ends_in_batches_one_right_after_the_other(house):
    one = house()
    await one.start()
    for at in range(0, 1000, 100):
        heads = [request(f"{number}", "HEAD", "v1", actor=f"{number}") for number in range(at, at + 100)]
        await accept(one, *heads)
    await translated(one)
    assert len((await one.store.look(Need(sessions=True))).sessions) == 1000
    await asyncio.sleep(39)
    assert (await one.store.look(Need(sessions=True))).sessions == []
    assert len(await told(one)) == 500  # as many as the list shows
    assert one.observer.outcomes.count("announced") == 1000
    await one.stop()


@simulated
async def test_a_window_that_a_reload_closes_leaves_namespaces_and_facts_as_they_were(house):
    """The HEADs that wait end as the checks they are, of the repository that the catalogue knows."""
    one = house()
    await one.start()
    await accept(one, push("0", "v1", repository="other/app"))
    await accept(one, push("1", "v1", of="a"), request("2", "HEAD", "v1", of="a", at=100))
    await translated(one)
    before = {row.event.repository.path: row.event.repository for row in await one.store.events(EventFilter(limit=9))}
    one.registries = {"main": registry(pull_window=0)}
    await one.configure([HEARS])
    await asyncio.sleep(60)
    rows = await one.store.events(EventFilter(limit=9))
    assert rows[0].event.type == "artifact.checked"
    assert rows[0].event.repository == before["prj/app"]
    facts = await one.store.look(Need(namespaces={"other", "prj"}))
    assert {row.name: row.id for row in facts.namespaces} == {
        one.namespace: one.namespace_id for one in before.values()
    }
    await one.stop()
