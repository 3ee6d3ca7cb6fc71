"""In-app notifications: what every store promises of them."""

import asyncio

import pytest
from store_work import NOW
from test_every_store import STORES, Place

from sidecar.domain.errors import StoreUnavailable
from sidecar.domain.inbox import MOST, Item, ItemFilter, Owner
from sidecar.domain.instant import DAY
from sidecar.domain.retention import Retention

MARIA, DEV, PRJ = (Owner.parse(one) for one in ("user/maria", "team/prj/dev", "org/prj"))


@pytest.fixture(params=STORES)
async def place(request, tmp_path):
    place = Place(STORES[request.param], tmp_path / "sidecar.db")
    yield place
    for store in place.opened:
        await store.close()


@pytest.fixture
async def store(place):
    return await place.open()


def item(name, owner=MARIA, *, at=NOW, body=b'{"repository": "prj/app"}'):
    return Item(
        uuid=f"uuid-{name}-{owner.address}",
        owner=owner,
        kind="repo_push",
        content_type="application/json",
        body=body,
        created=at,
        webhook_id=f"msg_{name}",
    )


async def lie(store, *names, owner=MARIA, at=NOW):
    """Have these lie in an inbox."""
    assert all([await store.put_item(item(one, owner, at=at)) for one in names])


async def names(store, *owners, **given):
    """What a list shows of the items' names; without owners of everybody's."""
    found = await store.items(ItemFilter(owners=owners or None, **given))
    return [one.item.webhook_id.removeprefix("msg_") for one in found]


async def numbers(store, *wanted, owner=MARIA):
    found = await store.items(ItemFilter(owners=(owner,), dismissed=True, limit=2 * MOST))
    return [one.number for one in found if one.item.webhook_id.removeprefix("msg_") in wanted]


async def swept(store, now=NOW):
    """Housekeeping, until nothing is left to do."""
    while await store.step(now):
        pass


# --- put and listed --------------------------------------------------------------------------------------------------


async def test_an_item_is_listed_as_it_was_put(store):
    assert await store.put_item(item("a"))
    (row,) = await store.items(ItemFilter(owners=(MARIA,)))
    assert (row.item, row.dismissed) == (item("a"), False)
    assert await store.item("uuid-a-user/maria") == row
    assert await store.item("uuid-b-user/maria") is None


async def test_a_repeat_is_kept_once_and_the_same_for_another_is_another(store):
    assert await store.put_item(item("a"))
    assert not await store.put_item(item("a", at=NOW + 5, body=b"other bytes"))
    assert await store.put_item(item("a", DEV))
    assert len(await names(store)) == 2
    assert (await store.item("uuid-a-user/maria")).item == item("a")


async def test_items_outlive_the_process_and_so_does_what_is_known_of_repeats(place, store):
    await lie(store, "a", "b")
    await store.dismiss_items(await numbers(store, "b"), person="", dismissed=True, now=NOW)
    await store.close()
    again = await place.open()
    assert await names(again, MARIA) == ["a"]
    assert not await again.put_item(item("b"))
    assert await again.undismissed() == 1


async def test_lists_are_newest_first_in_pages_and_by_inbox(store):
    await lie(store, "a", "b", "c")
    await lie(store, "d", owner=DEV)
    await lie(store, "e", owner=PRJ)
    assert await names(store, MARIA) == ["c", "b", "a"]
    assert await names(store, MARIA, PRJ) == ["e", "c", "b", "a"]
    assert await names(store) == ["e", "d", "c", "b", "a"]
    for owners in ((MARIA, DEV, PRJ), ()):
        assert await names(store, *owners, limit=2) == ["e", "d"]
        assert await names(store, *owners, limit=2, skip=2) == ["c", "b"]
        (last,) = await numbers(store, "c")
        assert await names(store, *owners, limit=2, before=last) == ["b", "a"]
    assert await names(store, Owner.parse("user/nobody")) == []


async def test_a_name_that_begins_as_another_is_another(store):
    await lie(store, "a", owner=Owner.parse("user/mar"))
    await lie(store, "b", owner=Owner.parse("user/MARIA"))
    assert await names(store, MARIA) == []


async def test_the_namespaces_that_hold_something_are_told(store):
    for text in ("org/prj", "org/a", "user/org", "team/z/dev"):
        await lie(store, text, owner=Owner.parse(text))
    assert await store.namespaces_with_items() == ["a", "prj"]


# --- dismissed -------------------------------------------------------------------------------------------------------


async def test_what_is_dismissed_for_everybody_is_for_everybody(store):
    await lie(store, "a", "b", owner=DEV)
    given = await numbers(store, "a", owner=DEV)
    assert await store.dismiss_items(given, person="", dismissed=True, now=NOW) == 1
    assert await store.dismiss_items(given, person="", dismissed=True, now=NOW) == 0
    for person in ("", "maria", "sam"):
        assert await names(store, DEV, person=person) == ["b"]
        assert await names(store, person=person) == ["b"]
        assert await store.count_items((DEV,), person=person, most=10) == 1
    found = await store.items(ItemFilter(owners=(DEV,), dismissed=True))
    assert [one.dismissed for one in found] == [False, True]
    assert await store.dismiss_items(given, person="", dismissed=False, now=NOW) == 1
    assert await names(store, DEV) == ["b", "a"]


async def test_what_one_dismisses_for_oneself_is_there_for_the_others(store):
    await lie(store, "a", "b", owner=DEV)
    given = await numbers(store, "a", owner=DEV)
    assert await store.dismiss_items(given, person="maria", dismissed=True, now=NOW) == 1
    assert await store.dismiss_items(given, person="maria", dismissed=True, now=NOW) == 0
    assert await names(store, DEV, person="maria") == await names(store, person="maria") == ["b"]
    assert await names(store, DEV, person="sam") == ["b", "a"]
    uuid = "uuid-a-team/prj/dev"
    assert [(await store.item(uuid, one)).dismissed for one in ("maria", "sam", "")] == [True, False, False]
    assert await store.count_items(None, person="maria", most=10) == 1
    assert await store.count_items(None, person="sam", most=10) == 2
    assert await store.undismissed() == 2
    assert await store.dismiss_items(given, person="maria", dismissed=False, now=NOW) == 1
    assert await names(store, DEV, person="maria") == ["b", "a"]


async def test_counting_ends_where_nobody_needs_more(store):
    await lie(store, *"abc")
    await lie(store, *"de", owner=PRJ)
    assert await store.count_items((MARIA,), person="maria", most=2) == 2
    assert await store.count_items((MARIA, PRJ), person="maria", most=100) == 5
    assert await store.count_items(None, person="", most=4) == 4
    assert await store.count_items((), person="maria", most=4) == 0


async def test_numbers_that_are_not_there_change_nothing(store):
    assert await store.dismiss_items([7, 8], person="", dismissed=True, now=NOW) == 0
    assert await store.dismiss_items([7, 8], person="maria", dismissed=True, now=NOW) == 0
    await lie(store, "a")
    assert await names(store, MARIA, person="maria") == ["a"]


# --- housekeeping ----------------------------------------------------------------------------------------------------


async def test_what_is_old_goes_dismissed_or_not(place):
    store = await place.open(retention=Retention(inbox=90 * DAY))
    await lie(store, "a", "b", at=NOW)
    await lie(store, "c", at=NOW + DAY)
    await store.dismiss_items(await numbers(store, "b"), person="", dismissed=True, now=NOW)
    await swept(store, NOW + 90 * DAY - 1)
    assert await names(store, MARIA, dismissed=True) == ["c", "b", "a"]
    await swept(store, NOW + 90 * DAY)
    assert await names(store, MARIA, dismissed=True) == ["c"]
    assert await store.undismissed() == 1


async def test_with_an_item_goes_who_dismissed_it(place):
    """Else its number, should it come again, would be dismissed already."""
    store = await place.open(retention=Retention(inbox=DAY))
    await lie(store, "a", owner=DEV)
    await store.dismiss_items(await numbers(store, "a", owner=DEV), person="maria", dismissed=True, now=NOW)
    await swept(store, NOW + DAY)
    assert store._connection.execute("SELECT count(*) FROM inbox_dismissal").fetchone() == (0,)
    assert store._connection.execute("SELECT count(*) FROM inbox_owner").fetchone() == (0,)
    assert await store.undismissed() == 0


async def test_a_full_inbox_loses_the_oldest_that_were_dismissed_and_then_the_oldest(store):
    await asyncio.gather(*(store.put_item(item(f"{one}")) for one in range(MOST + 5)))
    await lie(store, "other", owner=DEV)
    await store.dismiss_items(await numbers(store, "700", "800"), person="", dismissed=True, now=NOW)
    await swept(store)
    left = await names(store, MARIA, dismissed=True, limit=2 * MOST)
    assert len(left) == MOST
    assert {f"{one}" for one in range(MOST + 5)} - set(left) == {"700", "800", "0", "1", "2"}
    assert await names(store, DEV) == ["other"]
    assert await store.undismissed() == MOST + 1


async def test_what_lies_in_inboxes_goes_last_when_the_store_is_too_large(place):
    store = await place.open(retention=Retention(max_size=1))
    await lie(store, "a", "b")
    await swept(store)
    assert await names(store) == []


async def test_a_store_that_is_not_open_takes_and_shows_nothing(store):
    await store.close()
    for asked in (
        store.put_item(item("a")),
        store.items(ItemFilter(owners=(MARIA,))),
        store.undismissed(),
        store.dismiss_items([1], person="", dismissed=True, now=NOW),
    ):
        with pytest.raises(StoreUnavailable):
            await asked
