"""The verbs over subscriptions made through APIs: rights, validity, uniqueness, and what takes effect when."""

import asyncio

import msgspec
import pytest

from made_house import ADA, MIA, URL, MadeHouse, draft
from sidecar.domain.delivery import Reason, State
from sidecar.domain.errors import (
    Conflict,
    Forbidden,
    NotFound,
    Stale,
    StoreUnavailable,
    Taken,
    Unauthenticated,
    Unusable,
)
from sidecar.domain.listing import DeliveryFilter
from sidecar.domain.made import Api
from sidecar.domain.message import Response
from sidecar.domain.person import ANONYMOUS
from sidecar.pipeline import subscribing as verbs
from sidecar.pipeline.subscribing import Subscribing


@pytest.fixture
async def house(tmp_path):
    house = await MadeHouse(tmp_path).start()
    yield house
    await house.stop()


# --- who may ---------------------------------------------------------------------------------------------------------


async def test_whoever_is_not_recognised_may_do_nothing(house):
    made = await house.subscribing.create(ADA, draft())
    asked = house.subscribing
    for work in (
        asked.list(ANONYMOUS),
        asked.get(ANONYMOUS, key="ci"),
        asked.get(ANONYMOUS, key="none"),
        asked.create(ANONYMOUS, draft("other")),
        asked.replace(ANONYMOUS, made, draft()),
        asked.enable(ANONYMOUS, made, False),
        asked.remove(ANONYMOUS, made),
        asked.test(ANONYMOUS, made),
        asked.lanes(ANONYMOUS, made),
        asked.last_triggers(ANONYMOUS, made),
        asked.forget_failures(ANONYMOUS, made),
    ):
        with pytest.raises(Unauthenticated):
            await work
    assert house.sender.requests == []


async def test_of_other_namespaces_one_may_neither_see_nor_change_anything(house):
    """Nor take one's own there, nor hear of every namespace at once."""
    theirs = await house.subscribing.create(ADA, draft("theirs", namespace="other"))
    every = await house.subscribing.create(ADA, draft("every", namespace=""))
    own = await house.subscribing.create(MIA, draft("own"))
    asked = house.subscribing
    for work in (
        *(asked.get(MIA, key=key) for key in ("theirs", "every")),
        *(asked.remove(MIA, one) for one in (theirs, every)),
        *(asked.create(MIA, draft("new", namespace=name)) for name in ("other", "", "prj2")),
        *(asked.replace(MIA, own, draft("own", namespace=name)) for name in ("other", "")),
        asked.replace(MIA, theirs, draft("theirs")),
        asked.enable(MIA, theirs, False),
        asked.test(MIA, theirs),
        asked.test(MIA, draft(namespace="other")),
        asked.list(MIA, namespace="other"),
        asked.lanes(MIA, theirs),
    ):
        with pytest.raises(Forbidden, match="mia does not manage"):
            await work
    assert [one.key for one in (await asked.list(MIA)).items] == ["own"]
    assert [one.key for one in (await asked.list(ADA)).items] == ["theirs", "every", "own"]


async def test_a_list_is_by_api_namespace_and_repository_and_comes_in_pages(house):
    for key, more in {
        "a": {},
        "b": {"api": Api.QUAY, "repository": "prj/app"},
        "c": {"api": Api.QUAY, "repository": "prj/web"},
        "d": {"api": Api.QUAY, "namespace": "other"},
    }.items():
        await house.subscribing.create(ADA, draft(key, **more))

    async def keys(*given, **more):
        page = await house.subscribing.list(ADA, *given, **more)
        return [one.key for one in page.items], page.total

    assert await keys() == (["a", "b", "c", "d"], 4)
    assert await keys(Api.QUAY) == (["b", "c", "d"], 3)
    assert await keys(Api.QUAY, namespace="prj") == (["b", "c"], 2)
    assert await keys(Api.QUAY, namespace="prj", repository="prj/web") == (["c"], 1)
    assert await keys(repository="") == (["a", "d"], 2)
    assert await keys(limit=2, offset=1) == (["b", "c"], 4)


async def test_one_is_found_by_each_of_its_names_within_its_api(house):
    made = await house.subscribing.create(
        ADA, draft("1/ci", api=Api.HARBOR, form="harbor", uuid="6e7c9e6e-5f6e-4f83-9e60-2f4b5a1c0d11")
    )
    get = house.subscribing.get
    assert await get(ADA, Api.HARBOR, number=made.id) == made
    assert await get(ADA, Api.HARBOR, policy=made.policy) == made
    assert await get(ADA, Api.HARBOR, uuid="6e7c9e6e-5f6e-4f83-9e60-2f4b5a1c0d11") == made
    assert await get(ADA, key="1/ci") == made
    for wrong in ({"api": Api.DTR, "key": "1/ci"}, {"number": made.id, "key": "other"}, {}, {"policy": 99}):
        with pytest.raises(NotFound):
            await get(ADA, **wrong)


# --- what may be made ------------------------------------------------------------------------------------------------


async def test_everything_that_is_wrong_is_told_at_once_with_its_field_and_target(house):
    targets = ({"format": "dtr", "url": "ftp://x"}, {"format": "nonsense", "url": URL, "colour": "red"})
    with pytest.raises(Unusable) as told:
        await house.subscribing.create(MIA, draft(targets=targets))
    assert [(one.target, one.path) for one in told.value.problems] == [(0, "url"), (1, "format"), (1, "colour")]
    assert (await house.subscribing.list(ADA)).total == 0
    assert await house.store.lanes() == []


@pytest.mark.parametrize(
    ("given", "path"),
    [
        ({"targets": ({"format": "dtr", "url": URL},) * 65}, "targets"),
        ({"repository": "prj/app", "namespace": ""}, "repository"),
        ({"key": "no/name"}, "name"),
        ({"key": ""}, "name"),
        ({"document": {"text": "x" * 300_000}}, ""),
    ],
    ids=["too many targets", "a repository of no namespace", "a slash", "no name", "too large"],
)
async def test_what_no_api_may_ask_for_is_refused(house, given, path):
    with pytest.raises(Unusable) as told:
        await house.subscribing.create(ADA, draft(**given))
    assert [one.path for one in told.value.problems] == [path]


async def test_there_is_an_end_to_how_many_there_may_be(house, monkeypatch):
    monkeypatch.setattr(verbs, "MOST", 2)
    for key in "ab":
        await house.subscribing.create(ADA, draft(key))
    with pytest.raises(Conflict, match="there are 2 subscriptions already"):
        await house.subscribing.create(ADA, draft("c"))


async def test_a_key_that_is_not_given_is_the_uuid(house):
    made = await house.subscribing.create(ADA, draft("", api=Api.QUAY))
    assert made.key == made.uuid == "00000000-0000-4000-8000-000000000001"


async def test_a_name_is_taken_by_another_of_ours_and_by_the_configuration_file(tmp_path):
    house = await MadeHouse(tmp_path, subscriptions=[{"name": "file", "format": "dtr", "url": URL}]).start()
    made = await house.subscribing.create(ADA, draft("ci"))
    other = await house.subscribing.create(ADA, draft("other"))
    await house.subscribing.create(ADA, draft("file", api=Api.QUAY))
    for work in (
        house.subscribing.create(ADA, draft("ci")),
        house.subscribing.create(ADA, draft("file")),
        house.subscribing.replace(ADA, made, draft("file")),
        house.subscribing.replace(ADA, other, draft("ci")),
    ):
        with pytest.raises(Taken):
            await work
    assert (await house.subscribing.replace(ADA, made, draft("renamed"))).key == "renamed"
    await house.stop()


async def test_two_who_ask_for_the_same_name_at_once_do_not_both_get_it(house):
    results = await asyncio.gather(
        *(house.subscribing.create(ADA, draft("ci")) for _ in range(5)), return_exceptions=True
    )
    assert [type(one).__name__ for one in results] == ["Made", "Taken", "Taken", "Taken", "Taken"]
    assert (await house.subscribing.list(ADA)).total == 1


# --- what takes effect -----------------------------------------------------------------------------------------------


async def test_it_is_told_of_its_namespace_alone_whatever_it_matches(house):
    """The bound is the one who made it, not what they wrote."""
    await house.subscribing.create(MIA, draft(match={"repositories": ["**"]}))
    await house.push("prj/app", "other/app", "prj2/app", "solo")
    await house.settled()
    assert house.told() == 1


async def test_it_is_told_of_its_repository_alone(house):
    await house.subscribing.create(MIA, draft(repository="prj/app"))
    await house.push("prj/app", "prj/app2", "prj/app/deep")
    await house.settled()
    assert house.told() == 1


async def test_a_change_is_in_effect_when_it_is_answered(house):
    made = await house.subscribing.create(MIA, draft())
    await house.push("prj/a")
    await house.settled()
    assert house.told() == 1
    moved = await house.subscribing.replace(MIA, made, draft(url="https://new.example"))
    await house.push("prj/b")
    await house.settled()
    assert (house.told(), house.told("https://new.example")) == (1, 1)
    off = await house.subscribing.enable(MIA, moved, False)
    await house.push("prj/c")
    await house.settled()
    assert len(house.sender.requests) == 2
    await house.subscribing.enable(MIA, off, True)
    await house.push("prj/d")
    await house.settled()
    assert house.told("https://new.example") == 2
    await house.subscribing.remove(MIA, moved)
    await house.push("prj/e")
    await house.settled()
    assert len(house.sender.requests) == 3
    with pytest.raises(NotFound):
        await house.subscribing.get(MIA, key="ci")


async def test_a_target_that_is_disabled_stays_so_when_the_whole_is_enabled(house):
    targets = ({"format": "dtr", "url": URL, "enabled": False}, {"format": "dtr", "url": "https://b.example"})
    made = await house.subscribing.create(MIA, draft(targets=targets, enabled=False))
    await house.subscribing.enable(MIA, made, True)
    await house.push("prj/a")
    await house.settled()
    assert (house.told(), house.told("https://b.example")) == (0, 1)


async def test_who_saw_an_older_state_changes_nothing(house):
    made = await house.subscribing.create(MIA, draft())
    await house.subscribing.replace(MIA, made, draft(name="second"))
    for work in (
        house.subscribing.replace(MIA, made, draft(), revision=made.revision),
        house.subscribing.enable(MIA, made, False, revision=made.revision),
        house.subscribing.remove(MIA, made, revision=made.revision),
    ):
        with pytest.raises(Stale):
            await work
    (now,) = (await house.subscribing.list(MIA)).items
    assert (now.name, now.revision, now.enabled) == ("second", 2, True)
    assert (await house.subscribing.replace(MIA, made, draft(name="third"))).revision == 3, (
        "nobody asked for a revision"
    )


async def test_enabling_what_is_enabled_changes_nothing(house):
    made = await house.subscribing.create(MIA, draft())
    assert await house.subscribing.enable(MIA, made, True) == made


async def test_what_a_replacement_does_not_say_of_itself_stays(house):
    made = await house.subscribing.create(MIA, draft("1/ci", api=Api.HARBOR, form="harbor"))
    changed = await house.subscribing.replace(
        MIA, made, msgspec.structs.replace(made.draft(), key="", uuid="", name="n")
    )
    assert (changed.id, changed.uuid, changed.key, changed.policy) == (made.id, made.uuid, made.key, made.policy)


async def test_removal_while_attempts_are_under_way_cancels_the_rest_and_loses_nobody_elses(tmp_path):
    answered = asyncio.Event()

    async def slow(request):
        if request.url == URL:
            await answered.wait()
        return Response(status=200)

    house = await MadeHouse(tmp_path, answer=slow).start()
    made = await house.subscribing.create(MIA, draft(delivery={"concurrency": 1}))
    await house.subscribing.create(MIA, draft("other", url="https://other.example"))
    await house.push(*(f"prj/{at}" for at in range(5)))
    await _under_way(house, made.targets[0].name)
    await house.subscribing.remove(MIA, made)
    await house.until(lambda: house.store.pending(made.targets[0].lane) == 0)
    answered.set()
    await house.settled()
    assert (house.told(), house.told("https://other.example")) == (1, 5)
    rows = await house.store.deliveries(DeliveryFilter(subscription=made.targets[0].name))
    assert [one.state for one in rows] == [State.CANCELLED] * 5
    await house.until(lambda: not house.dispatcher._leaving)
    assert house.observer.troubles == []
    await house.stop()


async def _under_way(house, name):
    await house.until(lambda: any(one.in_flight for one in house.dispatcher.views() if one.name == name))


async def test_a_destination_that_says_gone_after_the_removal_is_no_trouble(tmp_path):
    answered = asyncio.Event()

    async def slow(_request):
        await answered.wait()
        return Response(status=410)

    house = await MadeHouse(tmp_path, answer=slow).start()
    made = await house.subscribing.create(MIA, draft())
    await house.push("prj/a")
    await _under_way(house, made.targets[0].name)
    await house.subscribing.remove(MIA, made)
    answered.set()
    await house.until(lambda: not house.dispatcher._leaving)
    assert house.observer.troubles == []
    await house.stop()


async def test_everything_that_was_done_is_told_with_who_did_it_and_nothing_secret(house):
    made = await house.subscribing.create(MIA, draft(headers={"X-Token": "hunter2"}, document={"auth": "hunter2"}))
    made = await house.subscribing.enable(MIA, made, False)
    await house.subscribing.replace(ADA, made, draft(url="https://hunter2.example"))
    await house.subscribing.test(MIA, made)
    await house.subscribing.forget_failures(MIA, made)
    await house.subscribing.remove(MIA, made)
    assert [(who, what) for who, what, _, _ in house.observer.operations] == [
        ("mia", "subscription create"),
        ("mia", "subscription disable"),
        ("ada", "subscription replace"),
        ("mia", "test"),
        ("mia", "subscription reset"),
        ("mia", "subscription delete"),
    ]
    assert "hunter2" not in str(house.observer.operations)


# --- trying it -------------------------------------------------------------------------------------------------------


async def test_a_sample_goes_out_once_and_nothing_of_it_is_kept(house):
    made = await house.subscribing.create(MIA, draft(enabled=False))
    tried = await house.subscribing.test(MIA, made)
    assert (tried.outcome.reason, tried.request.word) == (Reason.OK, "TAG_PUSH")
    assert house.told() == 1
    assert await house.store.deliveries(DeliveryFilter()) == []
    other = await house.subscribing.test(MIA, draft("new", url="https://draft.example"), "TAG_DELETE")
    assert (other.request.word, house.told("https://draft.example")) == ("TAG_DELETE", 1)
    assert (await house.subscribing.list(ADA)).total == 1


async def test_each_target_can_be_tried_and_what_cannot_be_said_is_refused(house):
    targets = ({"format": "dtr", "url": URL}, {"format": "quay", "url": "https://q.example"})
    made = await house.subscribing.create(MIA, draft(targets=targets))
    await house.subscribing.test(MIA, made, target=1)
    assert (house.told(), house.told("https://q.example")) == (0, 1)
    with pytest.raises(NotFound):
        await house.subscribing.test(MIA, made, target=2)
    with pytest.raises(Conflict):
        await house.subscribing.test(MIA, made, "no_such_word")
    with pytest.raises(Unusable):
        await house.subscribing.test(MIA, draft(url="nowhere"))


async def test_failures_in_a_row_are_shown_and_can_be_forgotten(tmp_path):
    house = await MadeHouse(tmp_path, answer=lambda _request: Response(status=400)).start()
    made = await house.subscribing.create(MIA, draft())
    await house.push("prj/a")
    await house.settled()
    (health,) = await house.subscribing.lanes(MIA, made)
    assert (health.failures, health.last_success, health.state.name) == (1, 0, made.targets[0].name)
    await house.subscribing.forget_failures(MIA, made)
    (health,) = await house.subscribing.lanes(MIA, made)
    assert health.failures == 0
    await house.stop()


# --- before there is a store -----------------------------------------------------------------------------------------


async def test_until_the_store_is_open_the_answer_is_to_come_again(house):
    early = Subscribing(house.store, house.clock, house.observer, new_uuid=str)
    for work in (early.list(ADA), early.get(ADA, key="ci"), early.create(ADA, draft())):
        with pytest.raises(StoreUnavailable, match="is starting"):
            await work
