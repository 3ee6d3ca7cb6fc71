"""Groups of events that are told together: what every store promises of them."""

import msgspec
import pytest
from store_work import NOW, event, names, planned, settle, settled, write_set
from test_every_store import STORES, Place

from doubles import abandon
from sidecar.domain.delivery import Reason, State
from sidecar.domain.instant import DAY, HOUR, SECOND
from sidecar.domain.listing import DeliveryFilter, EventFilter
from sidecar.domain.made import Api, Draft
from sidecar.domain.message import Message
from sidecar.domain.retention import Retention
from sidecar.domain.selection import Cursor, Selection
from sidecar.ports import Closing, PlannedDelivery, PlannedEvent, PlannedJoin, Stored
from sidecar.ports.groups import EVER, FULL

WINDOW = 10 * SECOND
WORD = "artifact.pushed"


@pytest.fixture(params=STORES)
async def place(request, tmp_path):
    place = Place(STORES[request.param], tmp_path / "sidecar.db")
    yield place
    for store in place.opened:
        await store.close()


@pytest.fixture
async def store(place):
    return await place.open()


async def lane(store, *given, **formerly):
    """The ids of lanes by name, after these were registered."""
    return {one.name: one.id for one in await store.register(names(*given, **formerly), NOW)}


def waits(name, *lanes, at=NOW, key="main/prj/app", words=(WORD,)):
    """An event that joins groups of these lanes."""
    joins = tuple(PlannedJoin(one, key, word, WINDOW) for one in lanes for word in words)
    return PlannedEvent(event(name, at=at), (), (), joins)


def together(group, *, body=b"several", refused=None, key=""):
    """What a gathered group comes to in one message."""
    first = group.members[0]
    owed = PlannedDelivery(group.lane, 0, f"msg_{group.id}", "group", refused=refused, order_key=key)
    message = Message(word="group", content_type="application/json", body=body)
    return PlannedEvent(first.event, (message,), (owed,), stored=Stored(group.id, first.number))


def alone(group):
    """What it comes to where each is told by itself."""
    for one in group.members:
        message = Message(word=WORD, content_type="application/json", body=one.event.id.encode())
        owed = PlannedDelivery(group.lane, 0, f"msg_{one.event.id}", WORD)
        yield PlannedEvent(one.event, (message,), (owed,), stored=Stored(group.id, one.number))


class Book:
    """Writes batches one after another."""

    def __init__(self, store, cursor=0):
        self.store, self.cursor = store, cursor

    async def write(self, *events, closed=(), now=NOW):
        before, self.cursor = self.cursor, self.cursor + 1
        work = msgspec.structs.replace(write_set(before, self.cursor, *events, now=now), closed=closed)
        return list(await self.store.commit(work))

    async def tell(self, *groups, joined=True, now=NOW):
        events = [one for each in groups for one in ([together(each)] if joined else alone(each))]
        return await self.write(*events, closed=[Closing(one.id, joined) for one in groups], now=now)


def ids(groups):
    return [[one.event.id for one in each.members] for each in groups]


async def gathered(store, *lanes, until=EVER, groups=100, members=500):
    return list(await store.gathered([(one, until) for one in lanes], groups, members))


# --- joining ----------------------------------------------------------------------------------------------------------


async def test_what_joins_waits_under_the_deadline_of_the_first(place, store):
    one = (await lane(store, "one"))["one"]
    book = Book(store)
    assert await book.write(waits("a", one)) == []
    assert await book.write(waits("b", one, at=NOW + 9 * SECOND)) == []
    assert await store.waiting() == {one: NOW + WINDOW}
    await abandon(store)
    store = await place.open()
    assert await store.waiting() == {one: NOW + WINDOW}
    assert await gathered(store, one, until=NOW + WINDOW - 1) == []
    (group,) = await gathered(store, one, until=NOW + WINDOW)
    assert (group.lane, group.key) == (one, "main/prj/app")
    assert [(member.event, member.word) for member in group.members] == [
        (event("a"), WORD),
        (event("b", at=NOW + 9 * SECOND), WORD),
    ]
    assert store.pending(one) == 0


async def test_nothing_waits_in_a_new_store(store):
    assert await store.waiting() == {}
    assert await gathered(store, 1) == []
    assert store.filled() is False


async def test_lanes_and_keys_have_groups_of_their_own(store):
    lanes = await lane(store, "one", "two", "three")
    one, two, three = lanes["one"], lanes["two"], lanes["three"]
    book = Book(store)
    await book.write(waits("a", one, three), waits("b", three, key="main/prj/web", at=NOW + 1), planned("p", [two]))
    await book.write(waits("c", three, at=NOW - 5))
    assert await store.waiting() == {one: NOW + WINDOW, three: NOW + WINDOW}
    assert ids(await gathered(store, three)) == [["a", "c"], ["b"]]
    assert ids(await gathered(store, one, two)) == [["a"]]


async def test_each_word_of_an_event_waits(store):
    one = (await lane(store, "one"))["one"]
    await Book(store).write(waits("a", one, words=("x", "y")))
    ((member, other),) = [group.members for group in await gathered(store, one)]
    assert (member.word, other.word, member.number == other.number) == ("x", "y", True)


async def test_what_was_accepted_behind_the_deadline_begins_another(store):
    one = (await lane(store, "one"))["one"]
    book = Book(store)
    await book.write(waits("a", one), waits("b", one, at=NOW + WINDOW), waits("c", one, at=NOW + WINDOW + 1))
    await book.write(waits("d", one, at=NOW + 2 * WINDOW))
    assert ids(await gathered(store, one)) == [["a", "b"], ["c", "d"]]


@pytest.mark.parametrize("batch", [1, FULL + 1])
async def test_a_full_group_is_due_and_the_next_begins_another(store, batch):
    one = (await lane(store, "one"))["one"]
    book = Book(store)
    every = [waits(f"e{at}", one) for at in range(FULL + 1)]
    for begin in range(0, FULL + 1, 100 if batch == 1 else batch):
        await book.write(*every[begin : begin + (100 if batch == 1 else batch)])
    assert store.filled() is True
    assert store.filled() is False
    (full,) = await gathered(store, one, until=NOW)
    assert len(full.members) == FULL
    assert ids(await gathered(store, one))[1:] == []  # no more members than were asked for
    assert [len(each) for each in ids(await gathered(store, one, members=FULL + 1))] == [FULL, 1]


async def test_what_is_gathered_is_bounded_though_one_group_is_always_given(store):
    one, two = (await lane(store, "one", "two")).values()
    book = Book(store)
    for at in range(5):
        await book.write(*(waits(f"{at}{name}", one, two, key=f"main/r{at}", at=NOW + at) for name in "abc"))
    assert len(await gathered(store, one, two, groups=7)) == 7
    assert [len(each.members) for each in await gathered(store, one, two, members=7)] == [3, 3]
    assert len(await gathered(store, one, two, members=1)) == 1


# --- telling ----------------------------------------------------------------------------------------------------------


async def test_a_told_group_is_one_delivery_of_all_its_events(place, store):
    one = (await lane(store, "one"))["one"]
    book = Book(store)
    await book.write(waits("a", one), waits("b", one))
    (due,) = await book.tell(*await gathered(store, one), now=NOW + WINDOW)
    assert (due.body, due.event_id, due.created, due.due) == (b"several", "a", NOW + WINDOW, NOW + WINDOW)
    assert await store.waiting() == {}
    assert await gathered(store, one) == []
    assert store.pending(one) == 1
    assert list(await store.due(one, 10, (), NOW + WINDOW)) == [due]
    await book.write(waits("c", one), planned("p", [one]))
    (later,) = await book.tell(*await gathered(store, one))
    assert later.id > due.id
    for name in "ab":
        (row,) = await store.deliveries(DeliveryFilter(event=name))
        assert (row.id, row.event) == (due.id, "a")
        (picked,), _ = await store.pick(Selection(states=(State.DUE,), event=name), Cursor(), 10)
        assert picked.id == due.id
    assert [(each.event, each.word) for each in await store.companions(due.id)] == [("a", WORD), ("b", WORD)]
    assert [each.event for each in await store.companions(later.id)] == ["c"]
    by_id = {row.event.id: (row.due, row.waiting) for row in await store.events(EventFilter())}
    assert by_id == {"a": (1, 0), "b": (1, 0), "c": (1, 0), "p": (1, 0)}
    await settle(store, settled(due))
    await abandon(store)
    store = await place.open()
    by_id = {row.event.id: (row.due, row.delivered) for row in await store.events(EventFilter())}
    assert by_id == {"a": (0, 1), "b": (0, 1), "c": (1, 0), "p": (1, 0)}


async def test_told_one_by_one_each_delivery_is_of_its_own_event(store):
    one = (await lane(store, "one"))["one"]
    book = Book(store)
    await book.write(waits("a", one), waits("b", one))
    first, second = await book.tell(*await gathered(store, one), joined=False)
    assert (first.event_id, second.event_id, first.id < second.id) == ("a", "b", True)
    for due, name in ((first, "a"), (second, "b")):
        assert [row.id for row in await store.deliveries(DeliveryFilter(event=name))] == [due.id]
        assert await store.companions(due.id) == []
    assert [(row.due, row.waiting) for row in await store.events(EventFilter())] == [(1, 0), (1, 0)]


async def test_a_group_that_comes_to_nothing_is_over(store):
    one = (await lane(store, "one"))["one"]
    book = Book(store)
    await book.write(waits("a", one))
    (group,) = await gathered(store, one)
    assert await book.write(closed=[Closing(group.id, joined=False)]) == []
    assert await store.waiting() == {}
    assert await store.waits("a") == []


async def test_numbers_of_groups_are_given_to_no_event_after_a_restart(place, store):
    one = (await lane(store, "one"))["one"]
    book = Book(store)
    await book.write(waits("a", one))
    (due,) = await book.tell(*await gathered(store, one))
    await abandon(store)
    store = await place.open()
    (later,) = await Book(store, book.cursor).write(planned("b", [one]))
    assert later.id > due.id


async def test_a_failed_transaction_leaves_a_group_as_it_was(store):
    one = (await lane(store, "one"))["one"]
    book = Book(store)
    await book.write(waits("a", one))
    (group,) = await gathered(store, one)
    stale = msgspec.structs.replace(write_set(7, 8, together(group)), closed=[Closing(group.id, joined=True)])
    with pytest.raises(Exception, match="no longer translated"):
        await store.commit(stale)
    assert ids(await gathered(store, one)) == [["a"]]
    assert await store.deliveries(DeliveryFilter()) == []


async def test_what_a_full_backlog_refuses_can_be_replayed(store):
    one = (await lane(store, "one"))["one"]
    book = Book(store)
    await book.write(waits("a", one))
    (group,) = await gathered(store, one)
    await book.write(together(group, refused=Reason.BACKLOG_FULL), closed=[Closing(group.id, joined=True)])
    (row,) = await store.deliveries(DeliveryFilter(event="a"))
    assert (row.state, row.reason) == (State.DEAD, "backlog_full")
    await store.replay([row.id], (State.DEAD,), NOW)
    (due,) = await store.due(one, 10, (), NOW)
    assert due.body == b"several"


# --- lanes ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("both", [False, True])
async def test_what_waits_goes_to_the_heir(store, both):
    before = await lane(store, "old", *(["new"] if both else []))
    book = Book(store)
    await book.write(waits("a", before["old"]))
    new = (await lane(store, "new", new="old"))["new"]
    assert await store.waiting() == {new: NOW + WINDOW}
    await book.write(waits("b", before["old"]))  # planned before
    assert sorted(name for each in ids(await gathered(store, new)) for name in each) == ["a", "b"]


async def test_what_was_gathered_for_a_lane_that_has_an_heir_by_now_is_the_heirs(store):
    old = (await lane(store, "old", "new"))["old"]
    book = Book(store)
    await book.write(waits("a", old))
    groups = await gathered(store, old)
    new = (await lane(store, "new", new="old"))["new"]
    (due,) = await book.tell(*groups)
    assert due.lane == new
    assert await store.waiting() == {}


async def test_an_orphaned_lane_keeps_what_waits(store):
    one = (await lane(store, "one"))["one"]
    await Book(store).write(waits("a", one))
    await lane(store, "other")
    assert await store.waiting() == {one: NOW + WINDOW}
    (counted,) = await store.undelivered()
    assert (counted.subscription, counted.due, counted.dead, counted.waiting) == ("one", 0, 0, 1)


async def test_what_waits_for_a_retired_lane_is_given_up(store):
    tree = {"format": "dtr", "url": "https://one.example/hook"}
    draft = Draft(api=Api.NATIVE, key="hook", uuid="u", targets=(tree,), namespace="prj")
    made = await store.put_made(draft, creator="mia", now=NOW)
    (target,) = made.targets
    book = Book(store)
    await book.write(waits("a", target.lane))
    await store.remove_made(made.id, expected=1, now=NOW)
    await book.write(waits("b", target.lane))  # planned before
    assert await store.clear_retired(NOW) == {target.lane: ()}
    assert await store.clear_retired(NOW) == {}
    assert await store.waiting() == {}


async def test_groups_are_given_up_in_bounded_steps(store):
    one, two = (await lane(store, "one", "two")).values()
    book = Book(store)
    await book.write(*(waits(f"e{at}", one, two, key=f"main/r{at}") for at in range(5)))
    assert await store.held(["one", "nobody"]) == {"one": 5}
    assert await store.disband(["one"], 3, NOW) == {"one": 3}
    assert await store.disband(["one", "two"], 4, NOW) == {"one": 2, "two": 2}
    assert await store.disband(["one"], 4, NOW) == {}
    assert len(await gathered(store, one, two)) == 3


async def test_a_group_given_up_meanwhile_is_not_told(store):
    one = (await lane(store, "one"))["one"]
    book = Book(store)
    await book.write(waits("a", one), waits("b", one, key="main/prj/web"))
    groups = await gathered(store, one)
    assert await store.disband(["one"], 1, NOW) == {"one": 1}
    (due,) = await book.tell(*groups)
    assert due.event_id == "b"
    assert await store.deliveries(DeliveryFilter(event="a")) == []
    assert store.pending(one) == 1


# --- retention --------------------------------------------------------------------------------------------------------


async def clean(store, now):
    while await store.step(now):
        pass


async def test_what_waits_stays_and_what_was_told_goes_with_its_delivery(place):
    store = await place.open(retention=Retention(delivered=HOUR, dead=HOUR))
    one = (await lane(store, "one"))["one"]
    book = Book(store)
    await book.write(*(waits(f"e{at}", one) for at in range(100)), planned("p", [one]))
    await clean(store, NOW + 10 * DAY)
    assert len(await store.events(EventFilter(limit=200))) == 101
    (due,) = await book.tell(*await gathered(store, one), now=NOW + 10 * DAY)
    await settle(store, settled(due, at=NOW + 10 * DAY))
    await clean(store, NOW + 10 * DAY + HOUR // 2)
    assert len(await store.companions(due.id)) == 100
    await clean(store, NOW + 11 * DAY)
    assert [row.event.id for row in await store.events(EventFilter(limit=200))] == ["p"]
    assert (await store.attempts(due.id))[0] is None
    (next_due,) = await book.write(planned("later", [one]))
    assert next_due.id > due.id


async def test_what_was_given_up_stays_for_as_long_as_finished_deliveries(place):
    store = await place.open(retention=Retention(delivered=HOUR, dead=HOUR))
    one = (await lane(store, "one"))["one"]
    await Book(store).write(waits("a", one))
    await store.disband(["one"], 10, NOW + DAY)
    await clean(store, NOW + DAY + HOUR // 2)
    assert len(await store.events(EventFilter())) == 1
    await clean(store, NOW + DAY + HOUR)
    assert await store.events(EventFilter()) == []


async def test_a_store_over_its_size_keeps_what_waits(place):
    store = await place.open(retention=Retention(max_size=1))
    one = (await lane(store, "one"))["one"]
    book = Book(store)
    await book.write(waits("a", one), waits("b", one))
    await clean(store, NOW + DAY)
    assert ids(await gathered(store, one)) == [["a", "b"]]
