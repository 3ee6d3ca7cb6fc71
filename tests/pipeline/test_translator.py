"""From the journal to deliveries: every record once, whatever happens in between."""

import asyncio
import json

import pytest

from doubles import House, RecordingSender, match, registry, subscription
from flaky_store import FlakyStore
from notifications import blob, delete, envelope, pull, push, untag
from sidecar.domain.catalogue import Need
from sidecar.domain.errors import StoreUnavailable
from sidecar.domain.listing import EventFilter, QuarantineFilter
from sidecar.domain.registry import Registry
from virtual_time import VirtualClock, simulated

EVERYTHING = ("artifact.pushed", "artifact.pulled", "artifact.deleted")


class FrozenClock(VirtualClock):
    """Stands still, so that two runs accept everything at the same instant."""

    def now(self):
        return self._start


class Rigged(Registry, frozen=True, kw_only=True):
    """A registry that fails at records of the actor `boom`, and ends the process at those of `death`."""

    def ignores(self, actor, user_agent):
        if actor == "boom":
            raise ZeroDivisionError("rigged")
        if actor == "death":
            raise Death
        return super().ignores(actor, user_agent)


class Death(BaseException):
    """The end of the process, as far as one test can have it."""


def rigged():
    plain = registry()
    return Rigged(ref=plain.ref)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "sidecar.db"


def house(path, *subscriptions, clock=None, **given):
    return House(path, clock or VirtualClock(), RecordingSender(), subscriptions or [subscription("one")], **given)


async def accept(one, *records, to="main"):
    return await one.intake.accept(to, envelope(*records))


async def insist(one, *records):
    """Send again until it is accepted, as a registry does."""
    while True:
        try:
            return await accept(one, *records)
        except StoreUnavailable:
            await asyncio.sleep(0.02)


async def settle_down(one):
    """Let everything happen that needs hardly any time."""
    for _ in range(1000):
        await asyncio.sleep(0.001)
        if one.translator.lag == 0 and not await one.owed():
            return
    raise AssertionError("it does not come to rest")


async def aside(one):
    """Quarantine: (reason, record) oldest first."""
    rows = await one.store.quarantined(QuarantineFilter(limit=500))
    return [(row.reason, row.record) for row in reversed(rows)]


STORY = [
    push("1", "v1", of="a"),
    push("2", "v2", of="a"),
    blob("3"),
    push("4", "v1", of="b", repository="prj/other"),
    pull("5", "v2", of="a"),
    push("6", "v1", of="c"),
    delete("7", "a", request="r7"),
    untag("8", "v2", request="r7"),
    push("9", "", of="d"),
    {"id": "10"},
    delete("11", "unknown", request="r11"),
    untag("12", "w", request="r11"),
    push("13", "v1", of="a"),
    {"id": "14", "action": "explode", "target": {"repository": "prj/app"}},
    delete("15", "nothing", request="r15"),
    push("16", "latest", of="e", repository="solo", actor=""),
]


@pytest.mark.parametrize("size", [1, 2, 5])
@simulated
async def test_batches_make_no_difference(tmp_path, size):
    """The same records give the same bytes, ids and catalogue, taken all at once or few at a time."""
    told = []
    for name, step in (("whole", len(STORY)), ("parts", size)):
        one = house(
            tmp_path / name,
            subscription("one", events=EVERYTHING, match=match(untagged=True)),
            subscription("two", format="cloudevents", events=(*EVERYTHING, "tag.deleted", "repository.created")),
            clock=FrozenClock(),
        )
        await one.start()
        for at in range(0, len(STORY), step):
            await accept(one, *STORY[at : at + step])
            await settle_down(one)
        facts = await one.store.look(Need(whole={("main", "prj/app"), ("main", "prj/other"), ("main", "solo")}))
        told.append(
            (
                sorted(
                    (request.url, request.body, dict(request.headers)["webhook-id"]) for request in one.sender.requests
                ),
                one.observer.outcomes,
                await aside(one),
                sorted((row.key, row.digest, row.live) for row in facts.tags),
                sorted((row.key, row.live, row.ever_tagged) for row in facts.manifests),
                [(row.event.id, row.event.type, row.event.tags) for row in await one.store.events(EventFilter())],
            )
        )
        await one.stop()
    assert told[0] == told[1]
    assert len(told[0][0]) > 15


@simulated
async def test_what_cannot_be_translated_is_set_aside_and_its_neighbours_are_not(path):
    one = house(path, registries=[rigged()])
    await one.start()
    await accept(one, push("a"), {"id": "bad", "action": "push"}, push("boom", actor="boom"), push("b"))
    await accept(one, push("lost"), to="elsewhere")
    await accept(one, push("c"))
    await one.quiet()
    assert await aside(one) == [
        ("bad_record", "bad"),
        ("untranslatable", "boom"),
        ("unknown_registry", "lost"),
    ]
    rows = await one.store.quarantined(QuarantineFilter(reason="untranslatable"))
    assert rows[0].detail == "translating failed: ZeroDivisionError: rigged"
    _, body = await one.store.quarantined_body(rows[0].id)
    assert json.loads(body) == push("boom", actor="boom")
    assert [event.origin.record for event in one.observer.events if event.type == "artifact.pushed"] == ["a", "b", "c"]
    assert len(one.sender.requests) == 3
    assert one.observer.outcomes.count("quarantined") == 3
    assert sorted(item.record for item in one.observer.set_aside) == ["bad", "boom", "lost"]
    assert await one.intake.accept("main", envelope(push("boom"))) == "duplicate"
    await one.stop()


@simulated
async def test_what_the_store_refuses_is_set_aside_alone(path):
    """An event that breaks a constraint must not take its neighbours along, nor come again and again."""

    def refuses(verb, item):
        return verb == "translate" and any(one.event.actor == "bad" for one in item.events)

    store = FlakyStore(path, inline=True)
    store.refuses = refuses
    one = house(path, store=store)
    await one.start()
    await accept(one, push("a"), push("b", actor="bad"), push("c"))
    await one.quiet()
    assert await aside(one) == [("untranslatable", "b")]
    (row,) = await store.quarantined(QuarantineFilter())
    assert row.detail == "the store refuses this item: CHECK constraint failed"
    assert [event.origin.record for event in one.observer.events if event.type == "artifact.pushed"] == ["a", "c"]
    assert len(one.sender.requests) == 2
    await one.stop()


@simulated
async def test_a_record_that_the_process_keeps_dying_of_is_set_aside_unseen(path):
    """And alone: what came before and after it is translated."""
    one = house(path, registries=[rigged()])
    await one.start()
    await accept(one, push("before"))
    await one.quiet()
    await accept(one, push("deadly", actor="death"))
    await accept(one, push("after"))
    for _ in range(3):
        await asyncio.wait([one._task], timeout=60)
        assert isinstance(one._task.exception(), Death)
        await one.kill()
        one = house(path, registries=[rigged()])
        await one.start()
    await one.quiet()
    assert await aside(one) == [("poison", "deadly")]
    assert [event.origin.record for event in one.observer.events if event.type == "artifact.pushed"] == ["after"]
    assert one.observer.outcomes[0] == "quarantined"
    (row,) = await one.store.quarantined(QuarantineFilter())
    assert row.detail == "the process died 3 times while translating this record; it was set aside unread"
    await one.stop()


@simulated
async def test_being_killed_before_it_is_translated_is_no_evidence_against_a_record(path):
    one = house(path)
    await one.start()
    await accept(one, push("a"))
    for _ in range(10):
        await one.kill()
        one = house(path)
        await one.start()
    await one.quiet()
    assert await aside(one) == []
    assert len(set(one.sender.ids())) == 1
    await one.stop()


@simulated
async def test_a_store_that_cannot_be_read_at_the_start_is_no_death(path):
    """However often it is tried: the record that waits is as well as any other."""
    first = house(path)
    await first.start()
    first.translator.stop()
    await first._task
    await accept(first, push("a"))
    await first.kill()
    store = FlakyStore(path, inline=True)
    one = house(path, store=store)
    store.blind = True
    await one.start()
    await asyncio.sleep(60)
    assert len(one.observer.troubles) > 5
    store.blind = False
    await one.quiet()
    assert await aside(one) == []
    assert len(one.sender.requests) == 1
    await one.stop()


@simulated
async def test_blobs_leave_the_journal_and_still_tell_repeats(path):
    one = house(path)
    await one.start()
    await accept(one, blob("layer"), push("a"), push("own", agent="registry-sidecar/1"))
    await one.quiet()
    assert sorted(one.observer.outcomes) == ["announced", "blob", "silent"]
    assert [record.id for record in await one.store.read(0, 10)] == ["a"]
    for record in (blob("layer"), push("a"), push("own")):
        assert await accept(one, record) == "duplicate"
    await one.stop()


@simulated
async def test_a_deletion_of_something_unknown_is_given_up_after_ten_seconds(path):
    """The wait ends by a tick in the journal, so that a replay of the journal comes to the same."""
    one = house(path)
    await one.start()
    await accept(one, delete("d", "unknown"))
    await asyncio.sleep(9.5)
    assert one.observer.outcomes == ["parked"]
    await asyncio.sleep(1)
    assert one.observer.outcomes == ["parked", "unclassified"]
    await accept(one, untag("t", "v1", request="request-d"))
    await one.quiet()
    assert [event.type for event in one.observer.events] == ["tag.deleted"]
    await one.stop()


@simulated
async def test_a_tag_record_in_time_shows_what_the_deletion_was(path):
    one = house(path)
    await one.start()
    await accept(one, delete("d", "unknown"))
    await asyncio.sleep(9)
    await accept(one, untag("t", "v1", request="request-d"))
    await asyncio.sleep(20)
    assert [(event.type, event.tags) for event in one.observer.events] == [
        ("artifact.deleted", ("v1",)),
        ("tag.deleted", ("v1",)),
    ]
    assert one.observer.outcomes == ["parked", "announced"]
    await one.stop()


@simulated
async def test_a_parked_deletion_outlives_the_process(path):
    clock = VirtualClock()
    one = house(path, clock=clock)
    await one.start()
    await accept(one, delete("d", "unknown"), delete("e", "other"))
    await asyncio.sleep(4)
    await one.kill()
    one = house(path, clock=clock)
    await one.start()
    await asyncio.sleep(5.9)
    assert one.observer.outcomes == []
    await asyncio.sleep(0.2)
    assert one.observer.outcomes == ["unclassified"] * 2
    await one.stop()


@simulated
async def test_a_tick_that_cannot_be_journalled_comes_later(path):
    store = FlakyStore(path, inline=True)
    one = house(path, store=store)
    await one.start()
    await accept(one, delete("d", "unknown"))
    await asyncio.sleep(5)
    store.fail("append")
    await asyncio.sleep(30)
    assert one.observer.outcomes == ["parked"]
    store.fail()
    await asyncio.sleep(5.1)
    assert one.observer.outcomes == ["parked", "unclassified"]
    await one.stop()


@simulated
async def test_a_reload_counts_from_the_next_batch_on(path):
    one = house(path, subscription("old"))
    await one.start()
    await accept(one, push("1"))
    await one.quiet()
    await one.configure([subscription("old", enabled=False), subscription("new")])
    await accept(one, push("2"))
    await one.quiet()
    assert [request.url.rpartition("/")[2] for request in one.sender.requests] == ["old", "new"]
    assert one.observer.plans == [("old", 1), ("new", 1)]
    await one.stop()


@simulated
async def test_nothing_is_lost_or_said_twice_while_the_store_is_away(path):
    store = FlakyStore(path, inline=True)
    one = house(path, store=store)
    await one.start()
    store.fail("translate")
    for at in range(200):
        await insist(one, push(f"{at}"))
    await asyncio.sleep(30)
    assert one.sender.requests == []
    assert (await store.events(EventFilter()), one.translator.cursor) == ([], 0)
    assert {type(error).__name__ for _, error in one.observer.troubles} == {"StoreUnavailable"}
    store.fail()
    await one.quiet(10)
    assert len(one.sender.requests) == len(set(one.sender.ids())) == 200
    assert one.observer.outcomes == ["announced"] * 200
    await one.stop()


@simulated
async def test_a_stop_does_not_wait_for_a_store_that_is_away(path):
    store = FlakyStore(path, inline=True)
    one = house(path, store=store)
    await one.start()
    store.fail("translate")
    await accept(one, push("a"))
    await asyncio.sleep(1)
    before = asyncio.get_running_loop().time()
    one.translator.stop()
    await one._task
    assert asyncio.get_running_loop().time() - before < 1
    store.fail()
    await one.dispatcher.stop(1)
    await store.close()
    again = house(path)
    await again.start()
    await again.quiet()
    assert len(again.sender.requests) == 1
    await again.stop()


@simulated
async def test_a_fault_of_ours_stops_the_translator_for_a_moment_and_not_for_good(path):
    """Whatever it is, the records behind it wait on disk and are translated."""
    one = house(path)
    await one.start()
    observed = one.observer.translated
    faults = []

    def faulty(*given):
        if not faults:
            faults.append(1)
            raise RuntimeError("an observer must not raise")
        observed(*given)

    one.observer.translated = faulty
    await accept(one, push("a"))
    await asyncio.sleep(0)
    await accept(one, push("b"))
    await asyncio.sleep(30)
    assert [where for where, _ in one.observer.troubles] == ["translator"]
    assert [event.origin.record for event in one.observer.events if event.type == "artifact.pushed"] == ["b"]
    await one.stop()


@simulated
async def test_another_translator_is_noticed_and_nothing_is_said_twice(path):
    one = house(path)
    await one.start()
    await settle_down(one)
    await one.store._submit(
        "do", lambda connection: connection.execute("UPDATE meta SET value = 1 WHERE key = 'cursor'").rowcount
    )
    await accept(one, push("a"), push("b"))
    await one.quiet()
    assert [type(error).__name__ for _, error in one.observer.troubles] == ["CursorMoved"]
    assert [event.origin.record for event in one.observer.events if event.type == "artifact.pushed"] == ["b"]
    await one.stop()


class Meddled(FlakyStore):
    """Somebody makes the namespace just after the translator has looked for it."""

    looks = 0

    async def look(self, need):
        facts = await super().look(need)
        if need.namespaces:
            self.looks += 1
            if self.looks == 1:
                await self.make_namespace("prj", 1, public=True)
        return facts


@simulated
async def test_a_namespace_made_while_its_first_push_is_translated_is_the_one_that_is_told(path):
    store = Meddled(path, inline=True)
    one = house(path, store=store)
    await one.start()
    await accept(one, push("a", repository="prj/app"))
    await settle_down(one)
    namespace = await store.namespace("prj")
    said = {(event.repository.namespace_id, event.repository.public) for event in one.observer.events}
    assert said == {(namespace.id, True)}
    assert store.looks == 2
    assert one.observer.troubles == []
    await one.stop()


@simulated
async def test_lag_is_what_waits_and_for_how_long(path):
    store = FlakyStore(path, inline=True)
    one = house(path, store=store)
    await one.start()
    await one.quiet()
    assert (one.translator.lag, one.translator.lag_seconds()) == (0, 0.0)
    store.fail("translate")
    await accept(one, push("a"), push("b"))
    await asyncio.sleep(7)
    assert one.translator.lag == 2
    assert 7.0 <= one.translator.lag_seconds() < 7.1
    store.fail()
    await one.quiet()
    assert (one.translator.lag, one.translator.lag_seconds()) == (0, 0.0)
    await one.stop()
