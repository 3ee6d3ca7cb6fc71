"""What every store promises, whatever it is made of. A new store joins by one line in STORES."""

import asyncio
import itertools
import shutil

import msgspec
import pytest
from store_work import NOW, entry, names, nothing, planned, quarantined, settle, settled, write_set

from doubles import abandon
from notifications import digest
from sidecar.domain.catalogue import (
    Changes,
    DeletionRow,
    ManifestRow,
    NamespaceRow,
    Need,
    PullCount,
    RepositoryRow,
    TagRow,
)
from sidecar.domain.delivery import Reason, State
from sidecar.domain.errors import CursorMoved, NotFound, StoreUnavailable
from sidecar.domain.event import Artifact, EventType, Kind
from sidecar.domain.glob import Globs
from sidecar.domain.instant import DAY, HOUR, SECOND
from sidecar.domain.lane_state import LaneName, Pause
from sidecar.domain.listing import DeliveryFilter, EventFilter, PullFilter, QuarantineFilter
from sidecar.domain.notice import Act, Notice
from sidecar.domain.observation import Observation
from sidecar.domain.record import RecordKind
from sidecar.domain.retention import Retention
from sidecar.domain.selection import Cursor, Selection
from sidecar.domain.session import Session
from sidecar.domain.walk import Cause, Step, Walk, WalkState
from sidecar.domain.walk import Place as Stop
from sidecar.ports import Position
from sidecar.stores.sqlite import SQLiteStore, interventions

STORES = {
    "sqlite-inline": lambda path, **given: SQLiteStore(path, inline=True, **given),
    "sqlite-threaded": SQLiteStore,
}


class Place:
    """Somewhere to open stores over the same data, one after another."""

    def __init__(self, make, path):
        self._make, self._path = make, path
        self.opened = []

    async def open(self, **given):
        store = self._make(self._path, **given)
        await store.open()
        self.opened.append(store)
        return store


@pytest.fixture(params=STORES)
async def place(request, tmp_path):
    place = Place(STORES[request.param], tmp_path / "sidecar.db")
    yield place
    for store in place.opened:
        await store.close()


@pytest.fixture
async def store(place):
    return await place.open()


async def lane(store, *given, at=NOW, **formerly):
    """The ids of lanes by name, after these were registered."""
    return {one.name: one.id for one in await store.register(names(*given, **formerly), at)}


async def owe(store, count, *lanes, expected=0, **more):
    """Have the store owe `count` events to the lanes; returns the deliveries."""
    events = [planned(f"e{expected + one}", lanes) for one in range(count)]
    return list(await store.commit(write_set(expected, expected + count, *events, **more)))


# --- journal ---------------------------------------------------------------------------------------------------------


async def test_records_are_read_back_in_order_with_their_bytes(store):
    assert store.last == 0
    assert await store.append([entry("a", body=b'{"id": "a" }'), entry("b")]) == 2
    assert await store.append([entry("c")]) == 1
    found = await store.read(0, 10)
    assert [(one.id, one.body, one.registry, one.kind, one.accepted) for one in found] == [
        ("a", b'{"id": "a" }', "main", RecordKind.REGISTRY, NOW),
        ("b", b"b", "main", RecordKind.REGISTRY, NOW),
        ("c", b"c", "main", RecordKind.REGISTRY, NOW),
    ]
    assert [one.number for one in found] == sorted({one.number for one in found})
    assert store.last == found[-1].number
    assert [one.id for one in await store.read(found[0].number, 1)] == ["b"]


async def test_a_repeat_is_a_no_op(store):
    """Wherever it comes: in a later call, in part of one, or twice in the same."""
    await store.append([entry("a")])
    assert await store.append([entry("a", body=b"other bytes")]) == 0
    assert await store.append([entry("b"), entry("a"), entry("c")]) == 2
    assert await store.append([entry("d"), entry("d", body=b"again")]) == 1
    assert [(one.id, one.body) for one in await store.read(0, 10)] == [
        ("a", b"a"),
        ("b", b"b"),
        ("c", b"c"),
        ("d", b"d"),
    ]


async def test_an_id_is_one_registry_s_own(store):
    assert await store.append([entry("a"), entry("a", registry="other")]) == 2


async def test_concurrent_appends_count_every_record_once(store):
    calls = [store.append([entry("same"), entry(f"own-{one}")]) for one in range(50)]
    assert sum(await asyncio.gather(*calls)) == 51
    assert len({one.id for one in await store.read(0, 100)}) == 51


async def test_appends_of_many_sizes_lose_nothing(store):
    """Rows are written in statements of a few fixed sizes; no count falls between two of them."""
    for count in (1, 3, 4, 5, 15, 17, 63, 64, 65, 129, 200):
        assert await store.append([entry(f"{count}-{one}") for one in range(count)]) == count
    assert len(await store.read(0, 1000)) == 566


async def test_an_empty_append_is_nothing(store):
    assert await store.append([]) == 0
    assert store.last == 0


async def test_listeners_hear_every_new_record_once_and_in_order(store):
    heard = []
    store.listen(heard.extend)
    await asyncio.gather(*(store.append([entry(f"{one % 30}"), entry(f"x{one}")]) for one in range(60)))
    assert list(heard) == list(await store.read(0, 200))
    assert len(heard) == 90


async def test_appends_are_answered_before_what_was_heard_is_worked_on(store):
    """Whoever wakes up because of a listener runs after those who wait for their answer."""
    log, woken = [], asyncio.Event()
    store.listen(lambda _records: woken.set())

    async def work():
        await woken.wait()
        log.append("worked on")

    async def ask():
        await store.append([entry("a")])
        log.append("answered")

    await asyncio.gather(work(), ask())
    assert log == ["answered", "worked on"]


async def test_numbers_are_never_used_again(place):
    """Not even when retention took every row away and the store was opened anew."""
    first = await place.open(retention=Retention(journal=0, delivered=0))
    await first.append([entry("a"), entry("b")])
    last = first.last
    await first.commit(write_set(0, last, planned("e", ())))
    while await first.step(NOW + DAY):
        pass
    assert await first.read(0, 10) == []
    await first.close()
    second = await place.open()
    assert second.last == last
    await second.append([entry("a")])
    assert [one.number > last for one in await second.read(0, 10)] == [True]


# --- quarantine ------------------------------------------------------------------------------------------------------


async def test_quarantined_items_are_listed_shown_and_released(store):
    for one in range(5):
        await store.quarantine(quarantined("unreadable" if one % 2 else "too_large", registry=f"r{one % 2}"))
    await store.quarantine(quarantined("bad_record", body=b"\x00\xff", at=NOW + 1))
    rows = await store.quarantined(QuarantineFilter())
    assert len(rows) == 6
    newest = rows[0]
    assert (newest.reason, newest.at, newest.size, newest.content_type, newest.record, newest.detail) == (
        "bad_record",
        NOW + 1,
        2,
        "text/plain",
        "r1",
        "a sentence",
    )
    assert await store.quarantined_body(newest.id) == (newest, b"\x00\xff")
    assert len(await store.quarantined(QuarantineFilter(reason="too_large"))) == 3
    assert len(await store.quarantined(QuarantineFilter(registry="r1"))) == 2
    page = await store.quarantined(QuarantineFilter(limit=2))
    assert list(await store.quarantined(QuarantineFilter(limit=2, before=page[-1].id))) == list(rows[2:4])
    await store.release(newest.id)
    assert await store.quarantined_body(newest.id) is None
    await store.quarantine(quarantined())
    assert (await store.quarantined(QuarantineFilter(limit=1)))[0].id > newest.id


# --- translation -----------------------------------------------------------------------------------------------------


async def test_an_orderly_stop_is_remembered_until_the_next_start(store):
    assert await store.begin() == Position(cursor=0, clean=True)
    assert await store.begin() == Position(cursor=0, clean=False)
    await store.end()
    assert await store.begin() == Position(cursor=0, clean=True)


async def test_unfinished_attempts_are_counted_at_the_same_record(store):
    await store.append([entry("a"), entry("b")])
    assert [await store.attempt() for _ in range(3)] == [0, 1, 2]
    await store.commit(write_set(0, 1))
    assert [await store.attempt() for _ in range(2)] == [0, 1]


async def test_starts_alone_are_little_evidence_against_a_record(store):
    """A process that is killed over and over before it translates must not cost the next record its translation."""
    await store.append([entry("a")])
    for _ in range(5):
        await store.begin()
    assert await store.attempt() == 1


async def test_an_end_with_nothing_to_translate_is_nobodys_fault(store):
    for _ in range(5):
        await store.begin()
    await store.append([entry("a")])
    assert await store.attempt() == 0


async def test_an_orderly_stop_forgets_unfinished_attempts(store):
    await store.append([entry("a")])
    assert [await store.attempt() for _ in range(2)] == [0, 1]
    await store.end()
    assert await store.attempt() == 0


def manifest(name, *tags, time=NOW, live=True, repository="prj/app"):
    return ManifestRow(
        registry="main",
        repository=repository,
        artifact=Artifact(digest=digest(name), kind=Kind.IMAGE, size=517, media_type="application/x"),
        tags=tags,
        live=live,
        time=time,
        number=1,
    )


def tag(name, of, *, live=True, repository="prj/app"):
    return TagRow(
        registry="main",
        repository=repository,
        tag=name,
        digest=digest(of),
        pushed=NOW,
        live=live,
        time=NOW,
        number=1,
    )


def deletion(request, of, *, parked=False, deadline=NOW):
    notice = Notice(
        act=Act.DELETE,
        registry="main",
        repository="prj/app",
        time=NOW,
        accepted=NOW,
        artifact=Artifact(digest=digest(of)),
    )
    return DeletionRow(
        registry="main",
        repository="prj/app",
        request=request,
        digest=digest(of),
        deadline=deadline,
        parked=notice if parked else None,
    )


@pytest.fixture
async def catalogue(store):
    """A store with a catalogue of every kind of row."""
    repository = RepositoryRow(registry="main", name="prj/app", first_push=NOW, live=True, time=NOW, number=1)
    changes = Changes(
        repositories=[repository],
        manifests=[
            manifest("a", "v1", "old", "v2", "moved"),
            manifest("b", "w", "moved"),
            manifest("c", live=False),
            manifest("d", "v1", repository="prj/other"),
        ],
        tags=[tag("v1", "a"), tag("v2", "a"), tag("old", "a", live=False), tag("w", "b"), tag("moved", "b")],
        deletions=[deletion("r1", "c"), deletion("r2", "x", parked=True, deadline=NOW + 5)],
        namespaces=[NamespaceRow(id=2, name="prj", created=NOW)],
    )
    await store.commit(write_set(0, 1, changes=changes))
    return store


APP = ("main", "prj/app")


async def test_rows_come_back_as_they_were_written(catalogue):
    facts = await catalogue.look(
        Need(repositories={APP}, manifests={(*APP, digest("a"))}, namespaces={"prj"}, parked=True)
    )
    assert facts.repositories[0].first_push == NOW
    assert facts.manifests == [manifest("a", "v1", "old", "v2", "moved")]
    assert facts.namespaces == [NamespaceRow(id=2, name="prj", created=NOW)]
    assert facts.deletions == [deletion("r2", "x", parked=True, deadline=NOW + 5)]


async def test_a_followed_tag_brings_the_manifest_it_points_to(catalogue):
    wanted = {(*APP, "w"), (*APP, "absent")}
    facts = await catalogue.look(Need(tags=wanted, followed=wanted))
    assert facts.tags == [tag("w", "b")]
    assert facts.manifests == [manifest("b", "w", "moved")]


async def test_a_digest_brings_its_live_tags_alone(catalogue):
    digests = {(*APP, digest("a"))}
    facts = await catalogue.look(Need(manifests=digests, tags_of=digests))
    live = [row.tag for row in facts.tags if row.live and row.digest == digest("a")]
    assert sorted(live) == ["v1", "v2"]


async def test_a_deletion_brings_the_manifest_that_it_took(catalogue):
    facts = await catalogue.look(Need(deletions={(*APP, "r1")}))
    assert facts.deletions == [deletion("r1", "c")]
    assert facts.manifests == [manifest("c", live=False)]


async def test_a_whole_repository_is_what_lives_in_it(catalogue):
    facts = await catalogue.look(Need(whole={APP}))
    assert sorted(row.artifact.digest for row in facts.manifests) == sorted([digest("a"), digest("b")])
    assert sorted(row.tag for row in facts.tags) == ["moved", "v1", "v2", "w"]


async def test_a_whole_repository_has_the_manifests_that_its_live_tags_point_to(catalogue):
    changes = nothing()
    changes.manifests.append(manifest("a", "v1", "old", "v2", "moved", live=False))
    await catalogue.commit(write_set(1, 2, changes=changes))
    facts = await catalogue.look(Need(whole={APP, ("main", "prj/none")}))
    assert sorted((row.artifact.digest, row.live) for row in facts.manifests) == sorted(
        [(digest("a"), False), (digest("b"), True)]
    )


async def test_a_new_namespace_gets_the_next_number(catalogue):
    facts = await catalogue.look(Need(namespaces={"prj", "library", "new"}))
    assert sorted((row.id, row.name) for row in facts.namespaces) == [(1, "library"), (2, "prj")]
    assert facts.next_namespace == 3


async def test_rows_are_written_over(catalogue):
    changes = nothing()
    changes.manifests.append(manifest("a", "v1", time=NOW + 9, live=False))
    await catalogue.commit(write_set(1, 2, changes=changes))
    facts = await catalogue.look(Need(manifests={(*APP, digest("a"))}))
    assert facts.manifests == [manifest("a", "v1", time=NOW + 9, live=False)]


async def test_a_batch_gives_its_due_deliveries_as_a_later_read_does(store):
    lanes = await lane(store, "one", "two")
    made = await store.commit(
        write_set(0, 2, planned("x", [lanes["two"], lanes["one"]]), planned("y", [lanes["one"]], broken=[lanes["two"]]))
    )
    assert [(one.webhook_id, one.body, one.content_type) for one in made] == [
        (f"msg_x_{lanes['two']}", b"body of x", "application/json"),
        (f"msg_x_{lanes['one']}", b"body of x", "application/json"),
        (f"msg_y_{lanes['one']}", b"body of y", "application/json"),
    ]
    read = [*await store.due(lanes["two"], 10, (), NOW), *await store.due(lanes["one"], 10, (), NOW)]
    assert read == list(made)


async def test_what_could_not_be_rendered_is_dead_with_its_reason(store):
    lanes = await lane(store, "one")
    assert await store.commit(write_set(0, 1, planned("x", [], broken=[lanes["one"]]))) == []
    (row,) = await store.deliveries(DeliveryFilter())
    assert (row.state, row.reason, row.detail, row.done) == (State.DEAD, Reason.RENDER_FAILED, "no such word", NOW)
    assert await store.attempts(row.id) == (None, [])


async def test_a_cursor_that_moved_writes_nothing(store):
    lanes = await lane(store, "one")
    await store.commit(write_set(0, 5))
    changes = nothing()
    changes.namespaces.append(NamespaceRow(id=7, name="late", created=NOW))
    late = write_set(0, 9, planned("x", lanes.values()), changes=changes, quarantined=[quarantined()])
    with pytest.raises(CursorMoved):
        await store.commit(late)
    assert (await store.begin()).cursor == 5
    assert await store.events(EventFilter()) == []
    assert await store.due(lanes["one"], 10, (), NOW) == []
    assert await store.quarantined(QuarantineFilter()) == []
    assert (await store.look(Need(namespaces={"late"}))).namespaces == []


async def test_a_moved_cursor_does_no_harm_to_what_is_committed_with_it(store):
    work = [store.append([entry(f"{one}")]) for one in range(3)]
    results = await asyncio.gather(store.commit(write_set(4, 5)), *work, return_exceptions=True)
    assert isinstance(results[0], CursorMoved)
    assert results[1:] == [1, 1, 1]


async def test_finished_bytes_go_but_their_ids_still_tell_repeats(store):
    await store.append([entry("blob"), entry("push")])
    await store.commit(write_set(0, 2, finished=[1], quarantined=[quarantined("untranslatable")]))
    assert [one.id for one in await store.read(0, 10)] == ["push"]
    assert await store.append([entry("blob")]) == 0
    assert [one.reason for one in await store.quarantined(QuarantineFilter())] == ["untranslatable"]


# --- queue -----------------------------------------------------------------------------------------------------------


async def test_a_message_keeps_its_own_headers_and_url(store):
    """Beside one that has none, on each way that it is read."""
    await store.register(names("one"), NOW)
    await store.append([entry("a")])
    first = planned("e", (1,))
    own = msgspec.structs.replace(
        first.messages[0], headers=(("Ce-Id", "1"), ("X-Note", 'a "b"')), url="https://one.example.com/a?b=c"
    )
    batch = write_set(0, 1, msgspec.structs.replace(first, messages=(own,)), planned("f", (1,)))
    given = await store.commit(batch)
    assert await store.due(1, 10, (), NOW) == given
    assert [(one.headers, one.url) for one in given] == [(own.headers, own.url), ((), "")]
    assert [(await store.attempts(one.id))[0] for one in given] == [own, planned("f", (1,)).messages[0]]


async def test_due_is_earliest_first_bounded_and_of_one_lane(store):
    lanes = await lane(store, "one", "two")
    one, two = lanes["one"], lanes["two"]
    first = await owe(store, 3, one, two)
    early = await owe(store, 1, one, expected=3, now=NOW - HOUR)
    of_one = [*early, *(each for each in first if each.lane == one)]
    assert list(await store.due(one, 10, (), NOW)) == of_one
    assert list(await store.due(one, 2, (), NOW)) == of_one[:2]
    assert list(await store.due(one, 2, {of_one[0].id, of_one[1].id}, NOW)) == of_one[2:4]
    assert list(await store.due(one, 10, (), NOW - 1)) == early
    assert await store.due(99, 10, (), NOW) == []


async def test_next_due_is_the_first_after_an_instant(store):
    lanes = await lane(store, "one")
    (delivery,) = await owe(store, 1, lanes["one"])
    assert await store.next_due(lanes["one"], NOW) is None
    await settle(store, settled(delivery, State.DUE, due=NOW + 7 * SECOND))
    assert await store.next_due(lanes["one"], NOW) == NOW + 7 * SECOND
    assert await store.next_due(lanes["one"], NOW + 7 * SECOND) is None


async def test_settling_moves_a_delivery_and_keeps_its_attempts(store):
    lanes = await lane(store, "one")
    (delivery,) = await owe(store, 1, lanes["one"])
    await settle(store, settled(delivery, State.DUE, attempt=1, due=NOW + SECOND, status=500))
    assert await store.due(lanes["one"], 10, (), NOW) == []
    (again,) = await store.due(lanes["one"], 10, (), NOW + SECOND)
    assert (again.attempts, again.webhook_id, again.body, again.created) == (1, delivery.webhook_id, delivery.body, NOW)
    await settle(store, settled(again, State.DELIVERED, attempt=2, at=NOW + SECOND))
    assert await store.due(lanes["one"], 10, (), NOW + DAY) == []
    (row,) = await store.deliveries(DeliveryFilter())
    assert (row.state, row.attempts, row.reason, row.status) == (State.DELIVERED, 2, "ok", 200)
    assert row.done == NOW + 2 * SECOND
    message, attempts = await store.attempts(delivery.id)
    assert message.body == delivery.body
    assert [(one.number, one.status, one.reason, one.detail, one.answer) for one in attempts] == [
        (1, 500, "server_error", "answered 500", b"well"),
        (2, 200, "ok", "", b"well"),
    ]


async def test_many_settlements_at_once_are_all_written(store):
    lanes = await lane(store, "one")
    made = await owe(store, 150, lanes["one"])
    await asyncio.gather(*(settle(store, settled(one)) for one in made))
    assert await store.due(lanes["one"], 200, (), NOW) == []
    assert await store.undelivered() == []


async def test_failures_are_counted_until_a_success(store):
    """However the attempts fall into commits."""
    lanes = await lane(store, "one")
    made = await owe(store, 9, lanes["one"])
    await asyncio.gather(*(settle(store, settled(one, State.DUE, status=500)) for one in made[:3]))
    assert (await store.lanes())[0].failures == 3
    await asyncio.gather(*(settle(store, settled(one, State.DUE, status=500)) for one in made[3:5]))
    (row,) = await store.lanes()
    assert (row.failures, row.last_success) == (5, 0)
    states = (State.DUE, State.DELIVERED, State.DUE, State.DUE)
    await asyncio.gather(*(settle(store, settled(one, state)) for one, state in zip(made[5:], states, strict=True)))
    (row,) = await store.lanes()
    assert (row.failures, row.last_success) == (2, NOW + SECOND)


# --- order -----------------------------------------------------------------------------------------------------------


async def owe_ordered(store, lane, *keys, expected=0, now=NOW):
    """One delivery of the lane for each key, in this order."""
    events = [planned(f"k{expected + at}", [lane], key=key) for at, key in enumerate(keys)]
    return list(await store.commit(write_set(expected, expected + len(keys), *events, now=now)))


async def test_only_the_head_of_a_key_is_due(store):
    one = (await lane(store, "one"))["one"]
    first_a, second_a, first_b, second_b = await owe_ordered(store, one, "a", "a", "b", "b")
    assert list(await store.due(one, 10, (), NOW)) == [first_a, first_b]
    assert list(await store.due(one, 10, {first_a.id}, NOW)) == [first_b]
    await settle(store, settled(first_a), settled(first_b, State.DUE, due=NOW + HOUR, status=500))
    assert list(await store.due(one, 10, (), NOW)) == [second_a]
    await settle(store, settled(second_a, State.DEAD, status=400))
    assert list(await store.due(one, 10, (), NOW)) == []
    (retried,) = await store.due(one, 10, (), NOW + HOUR)
    assert (retried.id, retried.attempts) == (first_b.id, 1)
    await settle(store, settled(retried, attempt=2))
    assert list(await store.due(one, 10, (), NOW)) == [second_b]


async def test_a_key_is_one_lane_s_own(store):
    lanes = await lane(store, "one", "two")
    (first,) = await owe_ordered(store, lanes["one"], "a")
    (second,) = await owe_ordered(store, lanes["two"], "a", expected=1)
    assert list(await store.due(lanes["one"], 10, (), NOW)) == [first]
    assert list(await store.due(lanes["two"], 10, (), NOW)) == [second]


async def test_order_survives_a_restart(place):
    first = await place.open()
    one = (await lane(first, "one"))["one"]
    made = await owe_ordered(first, one, "a", "a", "b")
    await settle(first, settled(made[0], State.DUE, due=NOW + HOUR, status=500))
    await first.close()
    second = await place.open()
    assert list(await second.due(one, 10, (), NOW)) == [made[2]]


async def test_keys_take_turns_so_that_none_starves(store):
    """More keys than are asked for, each with work for ever: in a few reads every one of them has come."""
    one = (await lane(store, "one"))["one"]
    keys = [f"k{at:03}" for at in range(40)]
    made = {each.id: each for each in await owe_ordered(store, one, *(keys * 3))}
    seen = []
    for _ in range(12):
        found = await store.due(one, 10, (), NOW)
        assert len(found) == 10
        seen += [each.order_key for each in found]
        await settle(store, *(settled(made[each.id]) for each in found))
    assert sorted(seen) == sorted(keys * 3)
    assert set(seen[:40]) == set(keys)
    assert list(await store.due(one, 10, (), NOW)) == []


async def test_fewer_than_asked_for_means_that_there_are_no_more(store):
    """Over more keys than one look at the index takes."""
    one = (await lane(store, "one"))["one"]
    made = await owe_ordered(store, one, *(f"k{at:04}" for at in range(600)))
    waiting = made[:590]
    await settle(store, *(settled(each, State.DUE, due=NOW + HOUR, status=500) for each in waiting))
    assert [each.id for each in await store.due(one, 64, (), NOW)] == [each.id for each in made[590:]]
    assert len(await store.due(one, 1000, (), NOW + HOUR)) == 600


async def test_a_lane_whose_order_was_changed_gives_both_kinds(store):
    one = (await lane(store, "one"))["one"]
    ordered = await owe_ordered(store, one, *(f"k{at}" for at in range(20)), "k0", "k1")
    plain = await owe(store, 20, one, expected=22)
    found = await store.due(one, 10, (), NOW)
    assert len([each for each in found if each.order_key]) == 5
    everything = await store.due(one, 100, (), NOW)
    assert {each.id for each in everything} == {each.id for each in (*ordered[:20], *plain)}
    assert len(everything) == 40
    few = await store.due(one, 30, {each.id for each in ordered}, NOW)
    assert {each.id for each in few} == {each.id for each in plain}


async def test_what_was_refused_is_dead_with_its_reason_and_frees_the_next(store):
    one = (await lane(store, "one"))["one"]
    work = write_set(0, 2, planned("x", [one], key="a", refused=Reason.BACKLOG_FULL), planned("y", [one], key="a"))
    (due,) = await store.commit(work)
    assert list(await store.due(one, 10, (), NOW)) == [due]
    (row,) = await store.deliveries(DeliveryFilter(states=(State.DEAD,)))
    assert (row.reason, row.detail, row.attempts, row.done) == ("backlog_full", "no room", 0, NOW)
    message, _ = await store.attempts(row.id)
    assert message.body == b"body of x"


# --- what lanes owe --------------------------------------------------------------------------------------------------


async def pending(store):
    """What the store says that each lane owes; it must agree with what is in the file."""
    states = {row.state.id: row.state.pending for row in await store.lanes()}
    assert {one: store.pending(one) for one in states} == states
    return states


async def test_pending_follows_whatever_happens(place):
    store = await place.open()
    lanes = await lane(store, "one", "two")
    one, two = lanes["one"], lanes["two"]
    made = await owe(store, 10, one, two)
    of_one = [each for each in made if each.lane == one]
    assert await pending(store) == {one: 10, two: 10}
    await settle(store, settled(of_one[0]), settled(of_one[1], State.DEAD, status=400))
    await settle(store, settled(of_one[2], State.DUE, due=NOW + HOUR, status=500))
    assert await pending(store) == {one: 8, two: 10}
    await owe_ordered(store, one, "a", "a", expected=10)
    assert await pending(store) == {one: 10, two: 10}
    await store.pause(Pause(lane=one, hold="operator"), NOW)
    assert await pending(store) == {one: 10, two: 10}
    await store.replay([of_one[0].id, of_one[1].id], (State.DEAD, State.DELIVERED), NOW)
    assert await pending(store) == {one: 12, two: 10}
    await store.cancel([of_one[0].id, of_one[1].id], NOW)
    await settle(store, settled(of_one[0]))  # it was under way
    await store.hasten([of_one[2].id], NOW)
    assert await pending(store) == {one: 10, two: 10}
    await store.close()
    again = await place.open()
    assert await pending(again) == {one: 10, two: 10}
    await lane(again, "one", one="two")  # what two owes is one's now
    assert await pending(again) == {one: 20, two: 0}
    late = next(each for each in made if each.lane == two)
    await settle(again, settled(late))  # it was under way for the lane that is gone
    assert await pending(again) == {one: 19, two: 0}


async def test_a_settlement_of_what_is_finished_already_changes_no_count(store):
    lanes = await lane(store, "one")
    made = await owe(store, 3, lanes["one"])
    await settle(store, settled(made[0]))
    await settle(store, settled(made[0]), settled(made[1]))
    assert await pending(store) == {lanes["one"]: 1}


async def test_what_was_not_committed_was_never_owed(store):
    lanes = await lane(store, "one")
    await owe(store, 2, lanes["one"])
    with pytest.raises(CursorMoved):
        await owe(store, 3, lanes["one"])
    assert await pending(store) == {lanes["one"]: 2}


# --- lanes -----------------------------------------------------------------------------------------------------------


async def test_registering_twice_changes_nothing(store):
    first = await store.register(names("one", "two"), NOW)
    assert [(one.name, one.format, one.held, one.pending) for one in first] == [
        ("one", "harbor", False, 0),
        ("two", "harbor", False, 0),
    ]
    assert await store.register(names("one", "two"), NOW + 1) == first


async def test_a_harbor_lane_has_a_policy_number_of_its_own(store):
    states = await store.register(names("one", "two"), NOW)
    assert len({one.policy for one in states}) == 2
    assert all(one.policy > 0 for one in states)


async def test_a_lane_takes_the_format_of_its_subscription(store):
    (before,) = await store.register([LaneName(name="one", format="dtr")], NOW)
    (after,) = await store.register([LaneName(name="one", format="harbor")], NOW)
    assert (before.format, before.policy) == ("dtr", 0)
    assert after.id == before.id
    assert after.format == "harbor"
    assert after.policy > 0


async def test_a_name_that_is_gone_orphans_its_lane_until_it_returns(store):
    lanes = await lane(store, "one", "two")
    await owe(store, 2, lanes["one"])
    states = {one.name: one for one in await store.register(names("two"), NOW + 10)}
    assert states["one"].orphaned
    assert states["one"].held
    assert (states["one"].held_since, states["one"].pending) == (NOW + 10, 2)
    assert not states["two"].held
    back = {one.name: one for one in await store.register(names("one", "two"), NOW + 25)}
    assert not back["one"].held
    assert (back["one"].held_since, back["one"].held_total, back["one"].pending) == (0, 15, 2)
    assert back["one"].id == lanes["one"]


async def test_formerly_renames_a_lane_with_all_it_owes(store):
    lanes = await lane(store, "old")
    await owe(store, 3, lanes["old"])
    await store.register([], NOW + 10)
    (state,) = await store.register(names("new", new="old"), NOW + 30)
    assert (state.name, state.id, state.pending, state.held) == ("new", lanes["old"], 3, False)
    assert state.held_total == 20
    assert await store.register(names("new", new="old"), NOW + 31) == [state]


async def test_formerly_moves_what_is_owed_to_a_lane_that_is_there_already(store):
    """What was held in the old lane stays held: none of it may count towards the horizon."""
    lanes = await lane(store, "old", "new")
    (done, *due) = await owe(store, 3, lanes["old"])
    await settle(store, settled(done))
    await store.pause(Pause(lane=lanes["new"], hold="operator"), NOW)
    await store.pause(Pause(lane=lanes["new"], hold=""), NOW + 7 * HOUR)
    await store.register(names("new"), NOW + 10 * HOUR)
    states = {one.name: one for one in await store.register(names("new", new="old"), NOW + 30 * HOUR)}
    assert (states["new"].pending, states["old"].pending) == (2, 0)
    moved = await store.due(lanes["new"], 10, (), NOW)
    assert [one.webhook_id for one in moved] == [one.webhook_id for one in due]
    assert {states["new"].held_total - one.held_base for one in moved} == {20 * HOUR}
    (kept,) = await store.deliveries(DeliveryFilter(states=(State.DELIVERED,)))
    assert kept.subscription == "old"


async def test_held_time_adds_up_whatever_holds(store):
    """An operator's hold and an orphan's overlap: the time counts once, and ends with the last of the two."""
    lanes = await lane(store, "one")
    one = lanes["one"]
    state = await store.pause(Pause(lane=one, hold="operator"), NOW + 10)
    assert (state.hold, state.held_since, state.held_total) == ("operator", NOW + 10, 0)
    await store.register([], NOW + 20)
    released = await store.pause(Pause(lane=one, hold=""), NOW + 30)
    assert released.held
    assert released.held_since == NOW + 10
    (back,) = await store.register(names("one"), NOW + 50)
    assert (back.held, back.held_since, back.held_total) == (False, 0, 40)
    await store.pause(Pause(lane=one, hold="gone"), NOW + 60)
    await store.pause(Pause(lane=one, hold="operator"), NOW + 65)
    await store.register([], NOW + 70)
    await store.register(names("one"), NOW + 80)
    end = await store.pause(Pause(lane=one, hold=""), NOW + 90)
    assert (end.held, end.held_total) == (False, 70)


async def test_a_delivery_knows_how_long_its_lane_had_been_held(store):
    lanes = await lane(store, "one")
    await store.pause(Pause(lane=lanes["one"], hold="operator"), NOW)
    (during,) = await owe(store, 1, lanes["one"], now=NOW + 5)
    await store.pause(Pause(lane=lanes["one"], hold=""), NOW + 20)
    (after,) = await owe(store, 1, lanes["one"], expected=1, now=NOW + 30)
    assert (during.held_base, after.held_base) == (5, 20)


async def test_a_pause_only_ever_ends_later_and_a_release_ends_it(store):
    lanes = await lane(store, "one")
    pause = Pause(lane=lanes["one"], until=NOW + HOUR)
    assert (await store.pause(pause, NOW)).paused_until == NOW + HOUR
    assert (await store.pause(Pause(lane=lanes["one"], until=NOW + 1), NOW)).paused_until == NOW + HOUR
    held = await store.pause(Pause(lane=lanes["one"], hold="operator"), NOW)
    assert held.paused_until == NOW + HOUR
    assert (await store.pause(Pause(lane=lanes["one"], hold=""), NOW)).paused_until == 0


async def test_a_pause_survives_a_restart(place):
    first = await place.open()
    lanes = await lane(first, "one")
    await first.pause(Pause(lane=lanes["one"], until=NOW + HOUR, hold="gone"), NOW)
    await abandon(first)
    second = await place.open()
    (state,) = await second.register(names("one"), NOW)
    assert (state.paused_until, state.hold, state.held_since) == (NOW + HOUR, "gone", NOW)


async def test_a_lane_that_is_not_there_cannot_be_paused(store):
    with pytest.raises(NotFound, match="no subscription with the number 9"):
        await store.pause(Pause(lane=9, hold="operator"), NOW)


# --- ledger ----------------------------------------------------------------------------------------------------------


@pytest.fixture
async def history(store):
    """Ten events of two repositories; deliveries in every state that attempts lead to."""
    lanes = await lane(store, "one", "two")
    events = [
        planned(
            f"e{one}",
            lanes.values(),
            path="prj/app" if one % 2 else "team/web",
            what=EventType.PUSHED if one < 8 else EventType.DELETED,
            at=NOW + one,
        )
        for one in range(10)
    ]
    made = await store.commit(write_set(0, 10, *events))
    await asyncio.gather(
        *(settle(store, settled(one)) for one in made[:4]),
        *(settle(store, settled(one, State.DEAD, status=400)) for one in made[4:7]),
    )
    return store


async def test_events_are_listed_newest_first_with_their_deliveries_counted(history):
    rows = await history.events(EventFilter())
    assert [one.event.id for one in rows] == [f"e{one}" for one in reversed(range(10))]
    by_id = {one.event.id: (one.due, one.delivered, one.dead, one.cancelled) for one in rows}
    assert by_id["e0"] == (0, 2, 0, 0)
    assert by_id["e2"] == (0, 0, 2, 0)
    assert by_id["e3"] == (1, 0, 1, 0)
    assert by_id["e9"] == (2, 0, 0, 0)


@pytest.mark.parametrize(
    ("where", "expected"),
    [
        (EventFilter(repository="team/web"), [8, 6, 4, 2, 0]),
        (EventFilter(type="artifact.deleted"), [9, 8]),
        (EventFilter(type="artifact.deleted", repository="prj/app"), [9]),
        (EventFilter(since=NOW + 7), [9, 8, 7]),
        (EventFilter(registry="elsewhere"), []),
        (EventFilter(registry="main", limit=2), [9, 8]),
    ],
)
async def test_events_are_filtered(history, where, expected):
    assert [one.event.id for one in await history.events(where)] == [f"e{one}" for one in expected]


async def test_pages_of_events_meet_without_overlap(history):
    seen, before = [], 0
    while page := await history.events(EventFilter(limit=3, before=before)):
        seen += [one.event.id for one in page]
        before = page[-1].number
    assert seen == [f"e{one}" for one in reversed(range(10))]


async def test_an_event_is_found_by_its_id(history):
    found = await history.event("e3")
    assert (found.id, found.repository.path, found.tags) == ("e3", "prj/app", ("1.4.2",))
    assert await history.event("no such") is None


async def test_deliveries_are_filtered_and_paged(history):
    count = lambda **where: history.deliveries(DeliveryFilter(limit=100, **where))  # noqa: E731 - one per line
    assert len(await count()) == 20
    assert len(await count(subscription="one")) == 10
    assert len(await count(subscription="nobody")) == 0
    assert [one.event for one in await count(event="e3")] == ["e3", "e3"]
    assert len(await count(states=(State.DEAD,))) == 3
    assert len(await count(states=(State.DEAD, State.DUE))) == 16
    assert len(await count(reason="server_error")) == 3
    assert len(await count(reason="ok", subscription="one")) == 2
    rows = await count()
    assert [one.id for one in rows] == sorted((one.id for one in rows), reverse=True)
    assert list(await count(before=rows[4].id)) == list(rows[5:])
    assert list(await count(id=rows[7].id)) == [rows[7]]
    assert (rows[0].type, rows[0].repository, rows[0].word) == ("artifact.deleted", "prj/app", "PUSH_ARTIFACT")


async def test_what_is_undelivered_is_counted_per_subscription(history):
    assert [(one.subscription, one.due, one.dead, one.oldest) for one in await history.undelivered()] == [
        ("one", 6, 2, NOW),
        ("two", 7, 1, NOW),
    ]
    assert [(one.state.name, one.state.pending, one.dead) for one in await history.lanes()] == [
        ("one", 6, 2),
        ("two", 7, 1),
    ]


# --- interventions ---------------------------------------------------------------------------------------------------

WHOLE = Cursor()


async def walked(store, where, *, limit=200):
    """The ids that a whole walk picks, in its order, and how many steps it took."""
    ids, cursor, steps = [], Cursor(), 0
    while cursor is not None:
        picked, cursor = await store.pick(where, cursor, limit)
        ids += [one.id for one in picked]
        steps += 1
    return ids, steps


async def tallied(store, where):
    """What a whole walk counts, by subscription: (all, those with their bytes)."""
    counts, cursor = {}, Cursor()
    while cursor is not None:
        found, cursor = await store.tally(where, cursor)
        for one in found:
            before = counts.get(one.subscription, (0, 0))
            counts[one.subscription] = (before[0] + one.count, before[1] + one.sendable)
    return counts


async def shown(store, number):
    (row,) = await store.deliveries(DeliveryFilter(id=number))
    return row


@pytest.mark.parametrize(
    ("chosen", "expected"),
    [
        ({"states": tuple(State)}, {"one": 10, "two": 10}),
        ({"states": (State.DEAD,)}, {"one": 2, "two": 1}),
        ({"states": (State.DEAD, State.DELIVERED)}, {"one": 4, "two": 3}),
        ({"states": tuple(State), "subscriptions": ("two", "nobody")}, {"two": 10}),
        ({"states": tuple(State), "reason": "server_error"}, {"one": 2, "two": 1}),
        ({"states": tuple(State), "type": "artifact.deleted"}, {"one": 2, "two": 2}),
        ({"states": tuple(State), "event": "e3"}, {"one": 1, "two": 1}),
        ({"states": tuple(State), "event": "no such"}, {}),
        ({"states": tuple(State), "repositories": Globs.of(["team/*"], segments=True)}, {"one": 5, "two": 5}),
        ({"states": tuple(State), "repositories": Globs.of(["**", "!team/**"], segments=True)}, {"one": 5, "two": 5}),
        ({"states": tuple(State), "repositories": Globs.of(["app"], segments=True)}, {}),
        ({"states": tuple(State), "since": NOW, "until": NOW}, {"one": 10, "two": 10}),
        ({"states": tuple(State), "since": NOW + 1}, {}),
        ({"states": tuple(State), "until": NOW - 1}, {}),
        ({"states": (State.DEAD,), "event": "e3", "type": "artifact.pushed", "since": NOW}, {"one": 1}),
    ],
)
async def test_a_selection_is_counted_and_picked_alike(history, chosen, expected):
    where = Selection(**chosen)
    assert {name: count for name, (count, _) in (await tallied(history, where)).items()} == expected
    ids, _ = await walked(history, where)
    assert ids == sorted(set(ids))
    assert len(ids) == sum(expected.values())
    assert (await walked(history, where, limit=1))[0] == ids


async def test_a_selection_by_ids_finds_those_alone(history):
    rows = await history.deliveries(DeliveryFilter(limit=100))
    wanted = tuple(sorted(one.id for one in rows[3:6]))
    assert (await walked(history, Selection(states=tuple(State), ids=(*wanted, 4711))))[0] == list(wanted)


async def test_a_walk_looks_at_a_bounded_number_of_rows_and_not_beyond_where_it_began(history, monkeypatch):
    monkeypatch.setattr(interventions, "WINDOW", 3)
    dead = Selection(states=(State.DEAD,))
    picked, cursor = await history.pick(dead, WHOLE, 200)
    assert (picked, cursor is None) == ([], False)  # the first three were delivered
    _, steps = await walked(history, dead)
    assert steps == 7  # twenty rows
    last = (await history.deliveries(DeliveryFilter()))[0].id
    assert cursor.end == last
    await owe(history, 5, 1, expected=10)
    ids, rest = [], cursor
    while rest is not None:
        picked, rest = await history.pick(Selection(states=(State.DUE,)), rest, 200)
        ids += [one.id for one in picked]
    assert len(ids) == 13
    assert max(ids) == last


@pytest.mark.parametrize("state", [State.DEAD, State.DELIVERED])
async def test_a_replay_makes_a_delivery_due_again_with_the_same_bytes_and_id(store, state):
    lanes = await lane(store, "one")
    (before,) = await owe(store, 1, lanes["one"])
    await settle(store, settled(before, state, status=400, attempt=3))
    assert await store.due(lanes["one"], 10, (), NOW + DAY) == []
    assert await store.replay([before.id], (state,), NOW + DAY) == {lanes["one"]: [before.id]}
    (again,) = await store.due(lanes["one"], 10, (), NOW + DAY)
    assert (again.webhook_id, again.body, again.content_type) == (before.webhook_id, before.body, before.content_type)
    assert (again.id, again.attempts, again.due, again.created) == (before.id, 3, NOW + DAY, NOW)
    row = await shown(store, before.id)
    assert (row.state, row.reason, row.status, row.detail, row.done) == (State.DUE, "", 0, "", None)
    _, attempts = await store.attempts(before.id)
    assert [one.number for one in attempts] == [3]
    (owed,) = await store.undelivered()
    assert (owed.due, owed.dead) == (1, 0)


async def test_a_replayed_horizon_begins_at_the_replay_and_still_leaves_out_held_time(store):
    """Worked out as the courier does: created + (held so far - held_base)."""
    lanes = await lane(store, "one")
    await store.pause(Pause(lane=lanes["one"], hold="operator"), NOW - 5 * HOUR)
    await store.pause(Pause(lane=lanes["one"], hold=""), NOW - 3 * HOUR)
    (one,) = await owe(store, 1, lanes["one"])
    await settle(store, settled(one, State.DEAD))
    await store.replay([one.id], (State.DEAD,), NOW + 3 * DAY)
    (again,) = await store.due(lanes["one"], 10, (), NOW + 3 * DAY)

    def born(state):
        return again.created + max(0, state.held_total - again.held_base)

    await store.pause(Pause(lane=lanes["one"], hold="operator"), NOW + 4 * DAY)
    assert born((await store.lanes())[0].state) == NOW + 3 * DAY
    assert born(await store.pause(Pause(lane=lanes["one"], hold=""), NOW + 5 * DAY)) == NOW + 4 * DAY


async def test_a_replay_leaves_what_is_due_or_in_another_state_or_of_an_orphan_or_without_bytes(store):
    lanes = await lane(store, "one", "two")
    due, dead, delivered = await owe(store, 3, lanes["one"])
    (broken,) = await store.commit(write_set(3, 4, planned("b", [lanes["two"]], broken=[lanes["one"]])))
    await settle(store, settled(dead, State.DEAD))
    await settle(store, settled(delivered))
    await settle(store, settled(broken, State.DEAD))
    silent = broken.id + 1
    assert (await shown(store, silent)).reason == "render_failed"
    await lane(store, "one")
    where = Selection(states=(State.DEAD,))
    assert [(one.id, one.sendable, one.orphaned) for one in (await store.pick(where, WHOLE, 9))[0]] == [
        (dead.id, True, False),
        (broken.id, True, True),
        (silent, False, False),
    ]
    assert await tallied(store, where) == {"one": (2, 1), "two": (1, 1)}
    everything = [due.id, dead.id, delivered.id, broken.id, silent, 4711]
    assert await store.replay(everything, (State.DEAD,), NOW) == {lanes["one"]: [dead.id]}
    assert await store.replay([], (State.DEAD,), NOW) == {}
    assert (await shown(store, delivered.id)).state is State.DELIVERED


async def test_many_replays_at_once_are_all_made(store):
    lanes = await lane(store, "one", "two")
    made = await owe(store, 100, *lanes.values())
    await settle(store, *(settled(one, State.DEAD) for one in made))
    moved = await store.replay([one.id for one in made], (State.DEAD,), NOW + 1)
    assert {name: len(ids) for name, ids in moved.items()} == {lanes["one"]: 100, lanes["two"]: 100}
    assert [one.id for one in await store.due(lanes["one"], 500, (), NOW + 1)] == sorted(moved[lanes["one"]])


async def test_what_waits_for_a_later_attempt_is_hastened_and_what_is_due_keeps_its_place(store):
    lanes = await lane(store, "one")
    early, late, dead = await owe(store, 3, lanes["one"])
    await settle(store, settled(late, State.DUE, due=NOW + DAY))
    await settle(store, settled(dead, State.DEAD))
    assert await store.hasten([early.id, late.id, dead.id], NOW + 5) == {lanes["one"]: [early.id, late.id]}
    assert [(one.id, one.due) for one in await store.due(lanes["one"], 10, (), NOW + 5)] == [
        (early.id, NOW),
        (late.id, NOW + 5),
    ]
    row = await shown(store, late.id)
    assert (row.reason, row.attempts) == ("server_error", 1)
    await lane(store)
    assert await store.hasten([late.id], NOW) == {}


async def test_a_cancelled_delivery_is_owed_no_longer_whatever_its_attempt_comes_to(store):
    """And can be brought back, with the attempt that ended meanwhile in its log."""
    lanes = await lane(store, "one")
    flying, waiting, dead = await owe(store, 3, lanes["one"])
    await settle(store, settled(waiting, State.DUE, due=NOW + DAY, status=503))
    await settle(store, settled(dead, State.DEAD))
    given = [flying.id, waiting.id, dead.id]
    assert await store.cancel(given, NOW + 1) == {lanes["one"]: [flying.id, waiting.id]}
    assert await store.cancel(given, NOW + 1) == {}
    await settle(store, settled(flying))
    row = await shown(store, flying.id)
    assert (row.state, row.reason, row.done, row.attempts) == (State.CANCELLED, "cancelled", NOW + 1, 0)
    row = await shown(store, waiting.id)
    assert (row.state, row.reason, row.status) == (State.CANCELLED, "cancelled", 503)
    assert await store.next_due(lanes["one"], 0) is None
    assert await store.replay([flying.id], (State.CANCELLED,), NOW + 2) == {lanes["one"]: [flying.id]}
    (again,) = await store.due(lanes["one"], 10, (), NOW + 2)
    assert (again.id, again.attempts) == (flying.id, 1)


async def test_what_an_orphan_owes_can_be_cancelled(store):
    lanes = await lane(store, "one")
    (one,) = await owe(store, 1, lanes["one"])
    await lane(store)
    assert await store.cancel([one.id], NOW) == {lanes["one"]: [one.id]}


async def test_a_release_ends_the_pause_of_a_lane_that_was_not_held(store):
    lanes = await lane(store, "one")
    await store.pause(Pause(lane=lanes["one"], until=NOW + DAY), NOW)
    assert (await store.pause(Pause(lane=lanes["one"], hold=""), NOW)).paused_until == 0


async def test_interventions_survive_a_restart(place):
    store = await place.open()
    lanes = await lane(store, "one")
    dead, gone = await owe(store, 2, lanes["one"])
    await settle(store, settled(dead, State.DEAD))
    await store.replay([dead.id], (State.DEAD,), NOW)
    await store.cancel([gone.id], NOW)
    await store.close()
    store = await place.open()
    assert [one.id for one in await store.due(lanes["one"], 10, (), NOW)] == [dead.id]
    assert (await shown(store, gone.id)).state is State.CANCELLED


# --- upkeep ----------------------------------------------------------------------------------------------------------


async def finish(store, now):
    """Keep house until nothing more is due."""
    slices = 0
    while await store.step(now):
        slices += 1
        assert slices < 200
    return slices


async def states(store):
    """How many deliveries there are in each state."""
    counts = {}
    for row in await store.deliveries(DeliveryFilter(limit=10_000)):
        counts[row.state] = counts.get(row.state, 0) + 1
    return counts


async def test_retention_removes_what_is_finished_by_its_age(place):
    store = await place.open(retention=Retention(delivered=HOUR, dead=3 * HOUR))
    lanes = await lane(store, "one")
    made = await owe(store, 3, lanes["one"])
    await settle(store, settled(made[0]))
    await settle(store, settled(made[1], State.DEAD, status=400))
    await finish(store, NOW + HOUR)
    assert await states(store) == {State.DELIVERED: 1, State.DEAD: 1, State.DUE: 1}
    await finish(store, NOW + HOUR + SECOND)
    assert await states(store) == {State.DEAD: 1, State.DUE: 1}
    await finish(store, NOW + 3 * HOUR + SECOND)
    assert await states(store) == {State.DUE: 1}
    assert [one.event.id for one in await store.events(EventFilter())] == ["e2"]
    assert await store.attempts(made[0].id) == (None, [])
    (due,) = await store.due(lanes["one"], 10, (), NOW)
    assert due.body == made[2].body


async def test_an_event_stays_as_long_as_it_owes_anything(place):
    """However many slices of older events there are that owe something too."""
    store = await place.open(retention=Retention(delivered=0))
    lanes = await lane(store, "one", "two")
    made = await owe(store, 450, lanes["one"], lanes["two"])
    await asyncio.gather(*(settle(store, settled(one)) for one in made if one.lane == lanes["one"]))
    await asyncio.gather(*(settle(store, settled(one)) for one in made[-20:] if one.lane == lanes["two"]))
    await finish(store, NOW + DAY)
    assert await states(store) == {State.DUE: 440}
    assert len(await store.events(EventFilter(limit=1000))) == 440


async def test_events_that_nobody_heard_of_go_by_their_age(place):
    store = await place.open(retention=Retention(delivered=HOUR))
    await store.commit(write_set(0, 1, planned("old", ()), planned("young", (), at=NOW + HOUR)))
    await finish(store, NOW + HOUR)
    assert [one.event.id for one in await store.events(EventFilter())] == ["young"]


async def test_a_young_event_between_old_ones_goes_when_it_is_old_itself(place):
    """A pull is dated by its first request, so events are not always made in the order of their ages."""
    store = await place.open(retention=Retention(delivered=HOUR))
    young = planned("young", (), at=NOW + HOUR)
    await store.commit(write_set(0, 1, planned("a", ()), young, planned("b", ())))
    await finish(store, NOW + HOUR)
    assert "young" in [one.event.id for one in await store.events(EventFilter())]
    await finish(store, NOW + 2 * HOUR)
    assert await store.events(EventFilter()) == []


async def test_the_journal_keeps_what_is_young_or_not_translated(place):
    store = await place.open(retention=Retention(journal=HOUR))
    await store.append([entry(f"old{one}") for one in range(450)])
    await store.append([entry("young", at=NOW + HOUR)])
    await store.commit(write_set(0, 400))
    assert await finish(store, NOW + HOUR) >= 1
    assert [one.id for one in await store.read(0, 1000)] == [*(f"old{one}" for one in range(400, 450)), "young"]
    await store.commit(write_set(400, store.last))
    await finish(store, NOW + HOUR)
    assert [one.id for one in await store.read(0, 1000)] == ["young"]


async def test_quarantine_goes_by_age_in_slices(place):
    store = await place.open(retention=Retention(quarantine=HOUR))
    for one in range(250):
        await store.quarantine(quarantined(at=NOW if one < 230 else NOW + HOUR))
    await finish(store, NOW + HOUR)
    assert len(await store.quarantined(QuarantineFilter(limit=500))) == 20


async def test_over_its_size_the_store_drops_history_then_dead_then_quarantine_and_never_what_is_due(place):
    store = await place.open(retention=Retention(max_size=1))
    lanes = await lane(store, "one")
    await store.append([entry(f"r{one}") for one in range(700)])
    made = await owe(store, 700, lanes["one"])
    await store.quarantine(quarantined())
    await asyncio.gather(*(settle(store, settled(one)) for one in made[:250]))
    await asyncio.gather(*(settle(store, settled(one, State.DEAD, status=400)) for one in made[250:300]))
    later = NOW + 2 * HOUR  # so that an event or record of an hour ago is old enough
    slices = 0
    while await store.step(later):
        left = await states(store)
        assert left[State.DUE] == 400
        assert left.get(State.DEAD, 0) == 50 or State.DELIVERED not in left
        assert await store.quarantined(QuarantineFilter()) or State.DEAD not in left
        slices += 1
        assert slices < 100
    assert await states(store) == {State.DUE: 400}
    assert await store.quarantined(QuarantineFilter()) == []
    assert len(await store.due(lanes["one"], 500, (), NOW)) == 400


async def test_over_its_size_no_more_goes_than_has_to(place):
    """The oldest go first, each with its event and message, and the rest stays."""
    store = await place.open()
    lanes = await lane(store, "one")
    made = await owe(store, 300, lanes["one"])
    await settle(store, *(settled(one, at=NOW + at * SECOND) for at, one in enumerate(made)))
    await finish(store, NOW)
    whole = store.sizes.used
    store.set_retention(Retention(max_size=whole - 40 * 1024))
    await finish(store, NOW)
    left = await store.events(EventFilter(limit=500))
    assert 100 < len(left) < 300
    assert {one.event.id for one in left} == {f"e{one}" for one in range(300 - len(left), 300)}
    assert whole - 80 * 1024 < store.sizes.used <= whole - 40 * 1024
    assert not store.care.full


async def test_a_store_with_nothing_left_that_may_go_is_full_and_still_accepts(place):
    store = await place.open(retention=Retention(max_size=1))
    lanes = await lane(store, "one")
    made = await owe(store, 3, lanes["one"])
    await finish(store, NOW)
    assert store.care.full
    assert await store.append([entry("a")]) == 1
    assert await states(store) == {State.DUE: 3}
    store.set_retention(Retention())
    await finish(store, NOW)
    assert not store.care.full
    await settle(store, settled(made[0]))


async def test_an_event_goes_with_its_last_delivery(place):
    """However long after the others: it is not looked for again, it is known by the delivery."""
    store = await place.open(retention=Retention(delivered=HOUR, dead=3 * HOUR))
    lanes = await lane(store, "one", "two")
    first, second = await owe(store, 1, lanes["one"], lanes["two"])
    await settle(store, settled(first))
    await settle(store, settled(second, State.DEAD, status=400))
    await finish(store, NOW + 2 * HOUR)
    assert [one.event.id for one in await store.events(EventFilter())] == ["e0"]
    assert (await store.attempts(second.id))[0] is not None
    await finish(store, NOW + 4 * HOUR)
    assert await store.events(EventFilter()) == []


async def test_what_is_due_too_far_ahead_comes_nearer_in_its_order(store):
    """A clock that ran ahead put it there. What is due earlier is left as it is."""
    lanes = await lane(store, "one", "two")
    made = await owe(store, 450, lanes["one"], lanes["two"])
    mine = [one for one in made if one.lane == lanes["one"]]
    late = (settled(one, State.DUE, due=NOW + 30 * DAY + at * SECOND, status=500) for at, one in enumerate(mine[1:]))
    await settle(store, settled(mine[0], State.DUE, due=NOW + HOUR, status=500), *late)
    assert await store.cap_due(lanes["one"], NOW + 2 * HOUR, NOW) == 449
    assert await store.cap_due(lanes["one"], NOW + 2 * HOUR, NOW) == 0
    assert await store.cap_due(lanes["two"], NOW + 2 * HOUR, NOW) == 0
    found = await store.due(lanes["one"], 1000, (), NOW + 2 * HOUR)
    assert [one.id for one in found] == [one.id for one in mine]
    assert (found[0].due, found[-1].due) == (NOW + HOUR, NOW + 2 * HOUR)
    assert {later.due - one.due for one, later in itertools.pairwise(found[1:])} == {SECOND}


async def test_below_its_size_the_store_keeps_everything(place):
    store = await place.open(retention=Retention(max_size=64 * 1024 * 1024))
    lanes = await lane(store, "one")
    (delivery,) = await owe(store, 1, lanes["one"])
    await settle(store, settled(delivery))
    assert await finish(store, NOW + HOUR) == 0
    assert await states(store) == {State.DELIVERED: 1}


async def test_old_deletions_are_forgotten_but_not_while_parked(catalogue):
    changes = nothing()
    changes.deletions.append(deletion("r3", "a", deadline=NOW + 2 * DAY))
    await catalogue.commit(write_set(1, 2, changes=changes))
    await finish(catalogue, NOW + 2 * DAY)
    facts = await catalogue.look(Need(deletions={(*APP, "r1"), (*APP, "r2"), (*APP, "r3")}))
    assert sorted(row.request for row in facts.deletions) == ["r2", "r3"]


# --- coming back -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("orderly", [True, False])
async def test_everything_committed_is_there_after_a_restart(place, orderly):
    first = await place.open()
    lanes = await lane(first, "one")
    await first.append([entry("a"), entry("b")])
    (delivery,) = await owe(first, 1, lanes["one"])
    await settle(first, settled(delivery, State.DUE, due=NOW + 3, status=500))
    await first.quarantine(quarantined())
    await (first.close() if orderly else abandon(first))
    second = await place.open()
    assert second.down == ""
    assert [one.id for one in await second.read(0, 10)] == ["a", "b"]
    assert second.last == 2
    (again,) = await second.due(lanes["one"], 10, (), NOW + 3)
    assert (again.id, again.attempts, again.body) == (delivery.id, 1, delivery.body)
    assert (await second.begin()).cursor == 1
    assert len(await second.quarantined(QuarantineFilter())) == 1
    assert second.newest >= NOW


async def test_ids_of_deliveries_are_never_used_again(place):
    """A settlement that arrives late must not hit another delivery."""
    first = await place.open(retention=Retention(delivered=0))
    lanes = await lane(first, "one")
    (delivery,) = await owe(first, 1, lanes["one"])
    await settle(first, settled(delivery))
    await finish(first, NOW + DAY)
    await first.close()
    second = await place.open()
    (other,) = await owe(second, 1, lanes["one"], expected=1)
    assert other.id > delivery.id
    assert other.event > delivery.event


async def test_a_closed_store_says_so(place):
    store = await place.open()
    await store.close()
    assert store.down == "the store is closed"
    for verb in (store.append([entry("a")]), store.read(0, 1), store.undelivered(), store.begin(), store.step(NOW)):
        with pytest.raises(StoreUnavailable, match="the store is closed"):
            await verb
    await store.close()


async def test_too_little_disk_refuses_entries_and_says_so(store, monkeypatch):
    """Before the disk is full, while everything else still works: what is owed can still be delivered."""
    usage = shutil.disk_usage(store.path.parent)
    monkeypatch.setattr(shutil, "disk_usage", lambda _path: usage._replace(free=5 * 1024 * 1024))
    store.measure()
    with pytest.raises(StoreUnavailable, match="only 5 MiB are free on the disk"):
        await store.append([entry("a")])
    assert store.down.startswith("only 5 MiB are free")
    monkeypatch.undo()
    store.measure()
    assert await store.append([entry("a")]) == 1
    assert store.down == ""


# --- pulls -----------------------------------------------------------------------------------------------------------


def session(client, number, **more):
    return Session(
        client=client,
        tag="v1",
        root=Artifact(digest=digest(client), kind=Kind.INDEX),
        children=None,
        at=NOW,
        last=NOW,
        number=number,
        deadline=NOW + 30 * SECOND,
        **more,
    )


def pulled(of, tag="v1", *, count=1, last=NOW, repository="prj/app"):
    return PullCount(registry="main", repository=repository, digest=digest(of), tag=tag, count=count, last=last)


async def with_changes(store, expected, **changes):
    """Commit a batch of one record that changes these rows alone."""
    whole = nothing()
    for name, rows in changes.items():
        setattr(whole, name, rows)
    await store.commit(write_set(expected, expected + 1, changes=whole))


async def test_open_sessions_come_back_whole_and_in_order_until_they_are_closed(place):
    store = await place.open()
    head = Notice(act=Act.CHECK, registry="main", repository="prj/app", time=NOW, accepted=NOW, tag="v1")
    first, second = session("b", 1, heads=2, head=head), session("a", 2, announced=True)
    await with_changes(store, 0, sessions=[first, second])
    await with_changes(store, 1, sessions=[session("b", 3)])
    assert (await store.look(Need(sessions=True))).sessions == [second, session("b", 3)]
    assert (await store.look(Need(parked=True))).sessions == []
    await store.close()
    again = await place.open()
    await with_changes(again, 2, sessions=[first], closed=[second.key, ("never", "", "")])
    assert (await again.look(Need(sessions=True))).sessions == [first]


async def test_sessions_move_with_the_cursor_or_not_at_all(store):
    await with_changes(store, 0, sessions=[session("a", 1)], pulls=[pulled("a")])
    with pytest.raises(CursorMoved):
        await with_changes(store, 0, sessions=[session("b", 2)], pulls=[pulled("a")], closed=[session("a", 1).key])
    assert (await store.look(Need(sessions=True))).sessions == [session("a", 1)]
    assert [one.count for one in await store.pulls(PullFilter())] == [1]


async def test_pulls_are_added_up_for_each_artifact_and_tag(catalogue):
    await with_changes(catalogue, 1, pulls=[pulled("a", count=3, last=NOW + 5), pulled("a", ""), pulled("c", "w")])
    await with_changes(catalogue, 2, pulls=[pulled("a", count=2, last=NOW + 3), pulled("unknown", last=NOW + 9)])
    rows = await catalogue.pulls(PullFilter())
    assert [(one.artifact.digest, one.live, one.count, one.last) for one in rows] == [
        (digest("unknown"), True, 1, NOW + 9),
        (digest("a"), True, 6, NOW + 5),
        (digest("c"), False, 1, NOW),
    ]
    assert rows[1].artifact == manifest("a").artifact
    assert [(one.tag, one.count, one.last) for one in rows[1].tags] == [("v1", 5, NOW + 5), ("", 1, NOW)]


async def test_pulls_are_filtered_and_paged(store):
    counts = [pulled(f"{one}", tag, last=NOW + one // 2) for one in range(9) for tag in ("v1", "")]
    await with_changes(store, 0, pulls=[*counts, pulled("0", "v2", repository="other"), pulled("7", "v2", count=4)])
    pages, before = [], 0
    while page := await store.pulls(PullFilter(repository="prj/app", limit=4, before=before)):
        pages.append([one.artifact.digest for one in page])
        before = page[-1].id
    assert [len(one) for one in pages] == [4, 4, 1]
    assert sorted(one for page in pages for one in page) == sorted(digest(f"{one}") for one in range(9))
    assert [one.last for one in await store.pulls(PullFilter())] == sorted(
        (one.last for one in await store.pulls(PullFilter())), reverse=True
    )
    (by_tag,) = await store.pulls(PullFilter(tag="v2", repository="prj/app"))
    assert (by_tag.count, [one.tag for one in by_tag.tags]) == (4, ["v2"])
    assert await store.pulls(PullFilter(tag="v2", repository="prj/app", before=by_tag.id)) == []
    assert [one.repository for one in await store.pulls(PullFilter(repository="other"))] == ["other"]
    assert [one.count for one in await store.pulls(PullFilter(digest=digest("7")))] == [6]
    assert len(await store.pulls(PullFilter(since=NOW + 4))) == 1
    assert await store.pulls(PullFilter(registry="elsewhere")) == []


async def test_a_storm_of_pulls_writes_one_row_for_each_artifact_and_tag(store):
    """However many pulls a batch holds: what is written is bounded by what was pulled."""
    for expected in range(3):
        await with_changes(store, expected, pulls=[pulled("a", count=90), pulled("a", "", count=10)])
    (row,) = await store.pulls(PullFilter())
    assert (row.count, len(row.tags)) == (300, 2)


# --- walks -----------------------------------------------------------------------------------------------------------


def a_walk(**changes):
    return Walk(**{"registry": "main", "cause": Cause.COMMAND, "state": WalkState.WALKING, "started": NOW, **changes})


def looked_at(repository, tag, digest="sha256:1"):
    return Observation(
        saw=Act.FOUND, looked=NOW, after=3, repository=repository, tag=tag, artifact=Artifact(digest=digest)
    )


async def test_a_walk_gets_an_id_that_is_never_used_again_and_keeps_its_progress(place):
    store = await place.open()
    first = await store.keep_walk(a_walk(), Step())
    again = await store.keep_walk(msgspec.structs.replace(first, tag="v1", seen=7, why="a reason"), Step())
    assert (again.id, again.seen) == (first.id, 7)
    for _ in range(30):
        await store.keep_walk(a_walk(state=WalkState.FINISHED), Step())
    await store.forget_walks("main")
    await store.close()
    store = await place.open()
    (other,) = [await store.keep_walk(a_walk(registry="other"), Step())]
    assert other.id == first.id + 31
    kept = await store.walks("main", 100)
    assert kept[-1] == again  # not over, so it stays
    assert [one.id for one in kept] == sorted((one.id for one in kept), reverse=True)
    assert len(kept) == 11


async def test_a_start_recalls_walks_that_are_not_over_processes_and_when_we_ran(place):
    store = await place.open()
    memory = await store.recall_walks()
    assert (memory.walks, memory.instances, memory.alive) == ((), frozenset(), 0)
    held = await store.keep_walk(a_walk(state=WalkState.HELD), Step())
    await store.keep_walk(a_walk(state=WalkState.REJECTED), Step())
    last = await store.keep_walk(a_walk(state=WalkState.FINISHED), Step())
    waiting = await store.keep_walk(a_walk(registry="other", state=WalkState.WAITING, due=NOW), Step())
    await store.meet("main", "one")
    await store.meet("main", "one")
    await store.meet("other", "one")
    await store.note_alive(NOW, orderly=True)
    await store.note_alive(NOW + 1, orderly=False)
    await store.close()
    memory = await (await place.open()).recall_walks()
    assert {one.id for one in memory.walks} == {held.id, last.id, waiting.id}
    assert memory.instances == {("main", "one"), ("other", "one")}
    assert (memory.alive, memory.orderly) == (NOW + 1, False)


async def test_places_and_findings_are_written_with_the_progress_and_come_back_in_order(store):
    walk = await store.keep_walk(a_walk(), Step(places=(Stop("b", listed=True), Stop("a/x", listed=True))))
    await store.keep_walk(walk, Step(places=(Stop("b", listed=False), Stop("c", listed=False))))
    assert await store.next_place(walk.id, "") == Stop("a/x", listed=True)
    assert await store.next_place(walk.id, "a/x") == Stop("b", listed=True)
    assert await store.next_place(walk.id, "b") == Stop("c", listed=False)
    assert await store.next_place(walk.id, "c") is None
    found = [looked_at("b", f"v{number}") for number in range(5)]
    await store.keep_walk(walk, Step(findings=tuple(reversed(found))))
    await store.keep_walk(walk, Step(findings=(looked_at("b", "v3", "sha256:2"),)))  # looked at again
    page = await store.findings(walk.id, "", 4)
    assert [one.tag for one in page] == ["v0", "v1", "v2", "v3"]
    assert page[3].artifact.digest == "sha256:2"
    assert await store.findings(walk.id, page[-1].key, 4) == [found[4]]
    assert await store.findings(walk.id + 1, "", 4) == []


async def test_what_a_walk_leaves_goes_when_it_is_over_and_what_is_held_stays(store):
    findings = tuple(looked_at("app", f"v{number}") for number in range(500))
    places = tuple(Stop(f"app-{number}", listed=True) for number in range(500))
    over = await store.keep_walk(a_walk(), Step(places=places, findings=findings))
    held = await store.keep_walk(a_walk(state=WalkState.HELD), Step(findings=findings[:3]))
    await store.forget_walks("main")
    assert len(await store.findings(over.id, "", 1000)) == 500  # it is not over
    await store.keep_walk(msgspec.structs.replace(over, state=WalkState.FINISHED), Step())
    await store.forget_walks("main")
    assert await store.findings(over.id, "", 1000) == []
    assert await store.next_place(over.id, "") is None
    assert len(await store.findings(held.id, "", 1000)) == 3


async def test_a_walk_that_ends_takes_the_place_of_one_of_its_registry_that_is_held(store):
    held = await store.keep_walk(a_walk(state=WalkState.HELD, why="too much"), Step())
    other = await store.keep_walk(a_walk(registry="other", state=WalkState.HELD), Step())
    now = await store.keep_walk(a_walk(state=WalkState.HELD), Step(supersede=True))
    states = {one.id: one.state for one in (*await store.walks("main", 9), *await store.walks("other", 9))}
    assert states == {held.id: WalkState.SUPERSEDED, other.id: WalkState.HELD, now.id: WalkState.HELD}


async def test_a_walk_is_told_what_is_live_in_the_catalogue(store):
    tags = [
        TagRow(
            registry="main",
            repository="app",
            tag=tag,
            digest="sha256:1",
            pushed=1,
            live=live,
            time=1,
            number=1,
            found=5,
        )
        for tag, live in (("v1", True), ("v2", False))
    ]
    repositories = [
        RepositoryRow(registry=registry, name=name, first_push=None, live=live, time=1, number=1, found=7)
        for registry, name, live in (("main", "a", True), ("main", "b", True), ("main", "c", False), ("o", "d", True))
    ]
    changes = Changes(repositories=repositories, manifests=[], tags=tags, deletions=[], namespaces=[])
    await store.append([entry("a")])
    await store.commit(write_set(0, 1, changes=changes))
    assert await store.known_tags("main", "app") == {"v1": "sha256:1"}
    assert await store.known_tags("main", "other") == {}
    walk = await store.keep_walk(a_walk(), Step(places=(Stop("a", listed=True),)))
    assert await store.unlisted("main", walk.id, 10) == ["b"]
    assert await store.unlisted("main", walk.id + 1, 1) == ["a"]
    left = msgspec.structs.replace(tags[0], repository="c")  # by a late push in a repository that is gone
    ended = msgspec.structs.replace(repositories[2], name="e")
    changes = Changes(repositories=[ended], manifests=[], tags=[left], deletions=[], namespaces=[])
    await store.append([entry("b")])
    await store.commit(write_set(1, 2, changes=changes))
    assert await store.unlisted("main", walk.id, 10) == ["b", "c"]
    facts = await store.look(Need(tags={("main", "app", "v1")}, repositories={("main", "a")}))
    assert (facts.tags[0].found, facts.repositories[0].found) == (5, 7)
