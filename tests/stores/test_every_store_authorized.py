"""Addresses of mail that repositories may be told at: what every store promises of them."""

import pytest
from store_work import NOW
from test_every_store import STORES, Place

from sidecar.domain.authorized import EVERY, VALID, Asking
from sidecar.domain.errors import StoreUnavailable, TooSoon
from sidecar.domain.instant import MINUTE


@pytest.fixture(params=STORES)
async def place(request, tmp_path):
    place = Place(STORES[request.param], tmp_path / "sidecar.db")
    yield place
    for store in place.opened:
        await store.close()


@pytest.fixture
async def store(place):
    return await place.open()


def asking(email="ops@example.com", repository="prj/app", *, code="c1", person="maria", at=NOW):
    namespace = repository.partition("/")[0]
    return Asking(email=email, namespace=namespace, repository=repository, person=person, code=code, at=at)


async def test_an_address_is_unconfirmed_until_its_code_is_shown(store):
    asked = await store.ask_email(asking())
    assert (asked.email, asked.namespace, asked.repository, asked.confirmed) == (
        "ops@example.com",
        "prj",
        "prj/app",
        False,
    )
    assert await store.email("ops@example.com", "prj/app", NOW) == asked
    assert not await store.confirmed_emails(["ops@example.com"], "prj", "prj/app")
    assert await store.confirm_email("c2", NOW) is None
    confirmed = await store.confirm_email("c1", NOW + MINUTE)
    assert (confirmed.email, confirmed.confirmed) == ("ops@example.com", True)
    assert await store.email("ops@example.com", "prj/app", NOW) == confirmed
    assert await store.confirm_email("c1", NOW + MINUTE) == confirmed  # whoever follows the link again


async def test_it_is_confirmed_for_its_repository_and_so_for_one_of_the_namespace(store):
    await store.ask_email(asking())
    await store.ask_email(asking("dev@example.com", code="c2"))
    await store.confirm_email("c1", NOW)
    both = ["ops@example.com", "dev@example.com"]
    assert set(await store.confirmed_emails(both, "prj", "prj/app")) == {"ops@example.com"}
    assert set(await store.confirmed_emails(both, "prj", "")) == {"ops@example.com"}
    assert not await store.confirmed_emails(both, "prj", "prj/other")
    assert not await store.confirmed_emails(both, "other", "")
    assert await store.email("ops@example.com", "prj/other", NOW) is None


async def test_a_newer_code_takes_the_place_of_the_one_before(store):
    await store.ask_email(asking())
    later = NOW + EVERY
    await store.ask_email(asking(code="c2", at=later))
    assert await store.confirm_email("c1", later) is None
    assert (await store.confirm_email("c2", later)).confirmed


async def test_a_code_that_nobody_showed_in_time_is_forgotten(store):
    await store.ask_email(asking())
    late = NOW + VALID
    assert await store.email("ops@example.com", "prj/app", late) is None
    assert await store.confirm_email("c1", late) is None
    await store.ask_email(asking("else@example.com", code="c2", at=late))
    assert await store.email("ops@example.com", "prj/app", NOW) is None  # also the row


async def test_what_is_confirmed_stays_so_without_another_mail(store):
    await store.ask_email(asking())
    confirmed = await store.confirm_email("c1", NOW)
    assert await store.ask_email(asking(code="c2", at=NOW + 1)) == confirmed
    assert await store.email("ops@example.com", "prj/app", NOW + 100 * VALID) == confirmed
    await store.ask_email(asking("dev@example.com", code="c3", at=NOW + 100 * VALID))
    assert await store.email("ops@example.com", "prj/app", NOW) == confirmed


async def test_one_address_is_not_asked_twice_in_ten_minutes_for_any_repository(store):
    await store.ask_email(asking())
    with pytest.raises(TooSoon, match="too many mails were asked for: try again in 10 min") as caught:
        await store.ask_email(asking(repository="other/app", code="c2", person="sam"))
    assert caught.value.wait == EVERY
    assert await store.email("ops@example.com", "other/app", NOW) is None
    await store.ask_email(asking("dev@example.com", code="c3"))
    await store.ask_email(asking(repository="other/app", code="c4", at=NOW + EVERY))


@pytest.mark.parametrize("spelling", ["OPS@example.com", "ops+1@example.com", "o.ps@example.com"])
async def test_who_was_asked_is_not_asked_again_by_another_spelling_of_the_address(store, spelling):
    await store.ask_email(asking())
    with pytest.raises(TooSoon) as caught:
        await store.ask_email(asking(spelling, code="c2"))
    assert caught.value.wait == EVERY
    await store.ask_email(asking(spelling, code="c2", at=NOW + EVERY))
    await store.confirm_email("c2", NOW + EVERY)
    both = ["ops@example.com", spelling]
    assert set(await store.confirmed_emails(both, "prj", "prj/app")) == {spelling}  # whoever reads there said so of it


async def test_one_person_has_fifty_mails_sent_a_day(store):
    for number in range(50):
        await store.ask_email(asking(f"a{number}@example.com", code=f"c{number}", at=NOW + number))
    with pytest.raises(TooSoon):
        await store.ask_email(asking("b@example.com", code="x", at=NOW + 60))
    await store.ask_email(asking("b@example.com", code="x", person="sam", at=NOW + 60))


async def test_it_outlives_a_restart(place):
    first = await place.open()
    await first.ask_email(asking())
    await first.confirm_email("c1", NOW)
    await first.close()
    second = await place.open()
    assert await second.confirmed_emails(["ops@example.com"], "prj", "prj/app")
    with pytest.raises(TooSoon):
        await second.ask_email(asking(repository="prj/other", code="c2"))


async def test_a_store_that_is_not_open_says_so(tmp_path):
    store = STORES["sqlite-inline"](tmp_path / "sidecar.db")
    with pytest.raises(StoreUnavailable):
        await store.email("ops@example.com", "prj/app", NOW)
    with pytest.raises(StoreUnavailable):
        await store.ask_email(asking())
