"""Walks over a registry in virtual time: what is found, when one begins, what is held, and what a death leaves."""

import asyncio
import sqlite3
from collections import Counter

import pytest
from walked_house import Walked, deleted, pushed, untagged

from fake_registry import FakeRegistry
from notifications import digest, push
from sidecar.domain.errors import Conflict, NotFound
from sidecar.domain.event import EventType, Kind
from sidecar.domain.instant import DAY, SECOND
from sidecar.domain.listing import QuarantineFilter
from sidecar.domain.notice import Act
from sidecar.domain.observation import Observation, encode
from sidecar.domain.record import OBSERVATION_TYPE
from sidecar.domain.registry import Reconcile
from sidecar.domain.walk import Cause, WalkState
from sidecar.pipeline.operations import Operations
from sidecar.pipeline.walker import SAVE_AFTER, SIDE_BY_SIDE
from virtual_time import VirtualClock, run, simulated


def path_of(tmp_path):
    return tmp_path / "sidecar.db"


async def begun(tmp_path, **more):
    """A running house whose first, silent walk is over."""
    world = Walked(path_of(tmp_path), VirtualClock(), **more)
    await world.start()
    await world.walked(1)
    return world


# --- what is found ----------------------------------------------------------------------------------------------------


@simulated
async def test_the_first_walk_tells_nobody_and_learns_everything(tmp_path):
    fake = FakeRegistry()
    for number in range(30):
        fake.push("prj/app", f"v{number}", number)
    fake.push("solo", "latest", "solo")
    world = await begun(tmp_path, fake=fake)
    walk = world.house.observer.walks[-1]
    assert (walk.cause, walk.silent, walk.state) == (Cause.FIRST, True, WalkState.FINISHED)
    assert (walk.repositories, walk.done, walk.seen) == (2, 2, 31)
    assert world.events() == []
    assert await world.catalogue() == fake.repositories["prj/app"]
    assert await world.catalogue("solo") == {"latest": digest("solo")}
    await world.push("v0", "new")  # nothing of what was there before counts as beginning
    (event,) = world.house.observer.events
    assert (event.type, event.previous_digest, event.changed, event.recovered) == (
        EventType.PUSHED,
        digest(0),
        True,
        False,
    )
    await world.stop()


@simulated
async def test_every_kind_of_loss_is_found_and_told_once(tmp_path):
    fake = FakeRegistry()
    for tag, of in (("same", 1), ("moved", 2), ("untagged", 3), ("one", 4), ("two", 4), ("kept", 3)):
        fake.push("prj/app", tag, of)
    fake.push("prj/gone", "v1", "a")
    fake.push("prj/gone", "v2", "b")
    for number in range(100):  # so that what goes is below a tenth
        fake.push("prj/many", f"v{number:03}", f"many {number}")
    world = await begun(tmp_path, fake=fake)
    looked = len(fake.asked)
    fake.push("prj/app", "new", 9)
    fake.push("prj/app", "moved", 8)
    fake.untag("prj/app", "untagged")
    fake.delete("prj/app", 4)
    fake.remove("prj/gone")
    await asyncio.sleep(3600)
    before = world.clock.now()
    walk = await world.reconcile_now()
    assert (walk.state, walk.changes, walk.deletions) == (WalkState.FINISHED, 9, 5)
    assert (
        Counter(world.events(recovered=True))
        == Counter(
            [
                pushed("new", 9),
                pushed("moved", 8),
                untagged("untagged", 3),
                ("artifact.deleted", "prj/app", ("two", "one"), digest(4)),
                untagged("one", 4),
                untagged("two", 4),
                deleted("a", "v1", repository="prj/gone"),
                deleted("b", "v2", repository="prj/gone"),
                ("repository.deleted", "prj/gone", (), ""),
            ]
        )
        or Counter(world.events(recovered=True))[("artifact.deleted", "prj/app", ("one", "two"), digest(4))]
    )
    events = {one.tag: one for one in world.house.observer.events if one.type is EventType.PUSHED}
    assert (events["moved"].previous_digest, events["moved"].changed) == (digest(2), True)
    assert (events["new"].previous_digest, events["new"].artifact.kind) == ("", Kind.IMAGE)
    assert [one.digest for one in events["new"].artifact.references] == [digest("config 9"), digest("layer 9")]
    assert all(before <= one.time <= world.clock.now() and one.actor == "" for one in world.house.observer.events)
    assert {one[1] for one in world.events()[-3:]} == {"prj/gone"}  # roots first, then the repository
    assert world.events()[-1][0] == "repository.deleted"
    # What is as it was costs one request that raises no notification, and leaves nothing in the journal.
    unchanged = [one for one in fake.asked[looked:] if one[4] == "304" and ":" not in one[3]]
    assert len(unchanged) == 102
    told, records = len(world.events()), world.house.store.last
    walk = await world.reconcile_now()
    assert (walk.changes, len(world.events()), world.house.store.last) == (0, told, records)
    await world.house.quiet()
    await world.stop()


@simulated
async def test_what_the_queue_of_a_registry_still_tells_is_not_told_twice(tmp_path):
    """The walk comes first; then the registry, which could not post for a while, posts what it had queued."""
    fake = FakeRegistry()
    fake.push("prj/app", "old", 1)
    for number in range(50):
        fake.push("prj/many", f"v{number}", f"many {number}")
    world = await begun(tmp_path, fake=fake)
    late = [await world.push("new", 2, lost=True), *await world.delete(1, lost=True)]
    await asyncio.sleep(60)
    await world.reconcile_now()
    told = Counter(world.events())
    assert told == Counter([pushed("new", 2), deleted(1, "old"), untagged("old", 1)])
    await world.told(*late)
    assert Counter(world.events()) == told
    assert world.house.observer.outcomes[-3:] == ["known"] * 3
    await world.push("new", 2)  # only the first is known: this is another push
    assert len(world.events()) == 4
    await world.stop()


@simulated
async def test_what_records_tell_during_a_walk_is_not_told_again(tmp_path):
    """The walk sees a push before its record has come; the record comes before the walk has ended."""
    fake = FakeRegistry()
    world = await begun(tmp_path, fake=fake)
    for number in range(100):
        await world.push(f"a{number:03}", f"a {number}")
    told = len(world.events())
    record = await world.push("a000", "other", lost=True)
    await world.walks.start("main", silent=False)
    await asyncio.sleep(6)
    assert "a000" in fake.asked_of("HEAD")
    await world.told(record)
    await world.walked(2)
    await world.translated()
    assert world.events(recovered=True) == []
    assert len(world.events()) == told + 1
    await world.stop()


@simulated
async def test_a_tag_that_is_pushed_after_the_look_stays_as_it_was_pushed(tmp_path):
    fake = FakeRegistry()
    for number in range(60):
        fake.push("prj/app", f"a{number:03}", f"a {number}")
    world = await begun(tmp_path, fake=fake)
    fake.push("prj/app", "a000", "lost")
    await world.walks.start("main", silent=False)
    await asyncio.sleep(2)
    await world.push("a000", "newest")
    await world.walked(2)
    assert world.events() == [pushed("a000", "newest")]
    assert (await world.catalogue())["a000"] == digest("newest")
    await world.stop()


# --- when a walk begins -----------------------------------------------------------------------------------------------


@simulated
async def test_a_registry_process_that_was_never_seen_makes_a_walk_half_a_minute_later(tmp_path):
    world = await begun(tmp_path, reconcile=Reconcile(every=365 * DAY))
    await world.push("v1", 1)  # its instance id is the first that is ever seen
    await world.walked(2)
    await asyncio.sleep(1000)
    world.fake.push("prj/app", "lost", 2)
    record = push("n", "v2", of=3)
    world.fake.push("prj/app", "v2", 3)
    record["source"]["instanceID"] = "another-process"
    now = world.clock.now()
    await world.told(record)
    walk = await world.walked(3)
    assert walk.cause is Cause.INSTANCE
    assert 30 * SECOND <= walk.started - now < 31 * SECOND
    assert world.events(recovered=True) == [pushed("lost", 2)]
    await asyncio.sleep(5000)
    await world.push("v3", 4)  # the first process again, then the other: replicas, both known
    record = push("m", "v4", of=5)
    world.fake.push("prj/app", "v4", 5)
    record["source"]["instanceID"] = "another-process"
    await world.told(record)
    await asyncio.sleep(5000)
    assert len({one.id for one in world.house.observer.walks}) == 3
    await world.stop()


@simulated
async def test_a_walk_waits_for_the_last_new_process_and_for_ten_minutes_after_the_last_start(tmp_path):
    world = await begun(tmp_path, reconcile=Reconcile(every=365 * DAY))
    first = world.house.observer.walks[-1]
    for number in range(3):
        record = push(f"i{number}", "v1", of=1)
        record["source"]["instanceID"] = f"replica {number}"
        world.fake.push("prj/app", "v1", 1)
        await world.told(record)
        await asyncio.sleep(20)
    walk = await world.walked(2)
    assert walk.started - first.started == pytest.approx(600 * SECOND, abs=SECOND)
    await asyncio.sleep(3600)
    assert len({one.id for one in world.house.observer.walks}) == 2
    await world.stop()


@simulated
async def test_a_process_that_shows_itself_while_a_walk_is_being_written_down_as_begun_makes_another(tmp_path):
    """The one that begins has its number; what is wanted meanwhile is a walk of its own."""
    world = await begun(tmp_path)
    store, keep, shown = world.house.store, world.house.store.keep_walk, []

    async def slowly(walk, step):
        kept = await keep(walk, step)
        if kept.state is WalkState.WALKING and not shown:
            shown.append(kept.id)
            world.walks.met("main", "second")
            await asyncio.sleep(1)
        return kept

    store.keep_walk = slowly
    world.walks.met("main", "first")
    await world.walked(3, seconds=3600)
    stored = [(one.id, one.cause, one.state) for one in await store.walks("main", 10)]
    assert stored == [
        (3, Cause.INSTANCE, WalkState.FINISHED),
        (2, Cause.INSTANCE, WalkState.FINISHED),
        (1, Cause.FIRST, WalkState.FINISHED),
    ]
    await world.stop()


@simulated
async def test_time_makes_walks_and_a_command_does_not_wait(tmp_path):
    world = await begun(tmp_path)
    first = world.house.observer.walks[-1]
    second = await world.walked(2)
    assert (second.cause, second.started - first.started) == (Cause.SCHEDULE, DAY)
    now = world.clock.now()
    third = await world.reconcile_now()
    assert (third.cause, third.started - now) == (Cause.COMMAND, 0)
    await world.stop()


@pytest.mark.parametrize(("how", "seconds", "walks"), [("stop", 20, 0), ("stop", 120, 1), ("kill", 20, 1)])
def test_a_start_after_a_gap_walks(tmp_path, how, seconds, walks):
    """A short stop in good order is none: what the registry could not post meanwhile it still has."""

    async def story():
        world = await begun(tmp_path, reconcile=Reconcile(every=365 * DAY))
        await asyncio.sleep(1000)
        await getattr(world, how)()
        await asyncio.sleep(seconds)
        world.fake.push("prj/app", "lost", 1)
        other = world.again()
        await other.start()
        await asyncio.sleep(1000)
        assert len({one.id for one in other.house.observer.walks if one.cause is Cause.START}) == walks
        assert other.events() == [pushed("lost", 1)] * walks
        await other.stop()

    run(story())


@simulated
async def test_without_reconcile_only_commands_make_walks(tmp_path):
    world = Walked(path_of(tmp_path), VirtualClock(), reconcile=None)
    await world.start()
    await world.push("v1", 1)
    await asyncio.sleep(3 * DAY / SECOND)
    assert world.fake.asked == []
    assert (await world.reconcile_now()).silent  # the first, whoever asked for it
    await world.stop()


@simulated
async def test_a_second_walk_of_a_registry_is_refused_while_one_is_under_way(tmp_path):
    fake = FakeRegistry()
    for number in range(100):
        fake.push("prj/app", f"v{number}", number)
    world = await begun(tmp_path, fake=fake)
    await world.walks.start("main", silent=False)
    await asyncio.sleep(1)
    with pytest.raises(Conflict, match="under way"):
        await world.walks.start("main", silent=True)
    with pytest.raises(NotFound, match="no registry other"):
        await world.walks.start("other", silent=True)
    with pytest.raises(Conflict, match="no walk of registry main is held"):
        await world.walks.accept("main")
    world.walks.configure({"main": None})
    with pytest.raises(Conflict, match="it has no `api`"):
        await world.walks.start("main", silent=True)
    await world.stop()


# --- how it walks -----------------------------------------------------------------------------------------------------


@simulated
async def test_ten_thousand_tags_are_walked_at_the_rate_that_was_asked_for(tmp_path):
    """20 requests a second: 10,000 tags take 500 s, one request for each and the lists besides."""
    fake = FakeRegistry(latency=0.05)
    for repository in range(20):
        for tag in range(500):
            fake.push(f"prj/app-{repository:02}", f"v{tag:03}", (repository, tag))
    world = await begun(tmp_path, fake=fake)
    first = len(fake.asked)
    assert first == 10_000 + 1 + 20 * 5  # the list, and five pages of tags in each repository
    fake.push("prj/app-07", "v123", "moved")
    fake.push("prj/app-19", "zz", "new")
    walk = await world.reconcile_now()
    assert (walk.seen, walk.known, walk.changes) == (10_001, 10_000, 2)
    assert world.events() == [pushed("v123", "moved", "prj/app-07"), pushed("zz", "new", "prj/app-19")]
    asked = [one[0] for one in fake.asked[first:]]
    assert len(asked) == first + 3  # one more page of tags, and the two manifests
    for begin in range(0, len(asked) - 200, 50):
        assert asked[begin + 200] - asked[begin] >= (200 - 20 - SIDE_BY_SIDE) / 20
    assert len(asked) / 20 - 2 <= asked[-1] - asked[0] <= len(asked) / 20 + 5
    await world.stop()


@simulated
async def test_an_unreachable_registry_is_waited_for_and_the_walk_goes_on_where_it_was(tmp_path):
    fake = FakeRegistry()
    for number in range(300):
        fake.push("prj/app", f"v{number:03}", number)
    world = await begun(tmp_path, fake=fake)
    fake.push("prj/app", "zz", "new")
    asked = len(fake.asked)
    fake.answers = asked + 100
    await world.walks.start("main", silent=False)
    await asyncio.sleep(600)
    assert (await world.walks.view("main")).current.state is WalkState.WALKING
    assert {where for where, _ in world.house.observer.troubles} == {"walk"}
    fake.down, fake.answers = False, 0
    await world.walked(2)
    looked = [one[3] for one in fake.asked[asked:] if one[1] == "HEAD"]
    assert len(looked) == len(set(looked)) == 300
    assert world.events() == [pushed("zz", "new")]
    await world.stop()


@pytest.mark.parametrize("silent", [True, False])
def test_a_walk_survives_death_at_any_moment_and_does_not_begin_anew(tmp_path, silent):
    """Killed every few seconds, it ends, has looked at most tags once, and tells each thing once."""

    async def story():
        fake = FakeRegistry(page=40)
        for number in range(400):
            fake.push(f"prj/app-{number % 3}", f"v{number:03}", number)
        world = Walked(path_of(tmp_path), VirtualClock(), fake=fake)
        await world.start()
        if not silent:
            await world.walked(1)
            fake.push("prj/app-0", "v000", "moved")
            fake.push("prj/app-1", "new", "new")
            fake.untag("prj/app-2", "v002")
            await world.walks.start("main", silent=False)
        heard, over, asked = [], None, len(fake.asked)
        for death in range(200):
            await asyncio.sleep((5.5, 6.3, 17)[death % 3])
            heard += world.events()
            over = (await world.walks.view("main")).last
            await world.kill()
            world = world.again()
            if over is not None and over.silent is silent and not over.open:
                break
            await world.start()
        assert over.state is WalkState.FINISHED
        again = Walked(path_of(tmp_path), VirtualClock(world.clock.now()), fake=fake)
        await again.house.start()
        await again.translated()
        heard += again.events()
        await again.house.stop()
        assert death > 2
        assert over.seen == (400 if silent else 401)  # those that are there or were
        looks = [one for one in fake.asked[asked:] if one[1] in {"HEAD", "GET"}]
        assert len(looks) < 402 + (death + 1) * (SAVE_AFTER + SIDE_BY_SIDE)  # what was not noted is looked at again
        if silent:
            assert heard == []
        else:
            assert Counter(heard) == Counter(
                [
                    pushed("v000", "moved", "prj/app-0"),
                    pushed("new", "new", "prj/app-1"),
                    untagged("v002", 2, "prj/app-2"),
                ]
            )
        for name in fake.repositories:
            assert catalogued(tmp_path, name) == fake.repositories[name]

    run(story())


def catalogued(tmp_path, repository):
    """The live tags in the file, read without any of ours."""
    connection = sqlite3.connect(path_of(tmp_path))
    try:
        return dict(connection.execute("SELECT tag, digest FROM tag WHERE repository = ? AND live = 1", (repository,)))
    finally:
        connection.close()


# --- what is held -----------------------------------------------------------------------------------------------------


async def emptied(tmp_path):
    """A registry that seems to have lost everything, and the walk that is held for it."""
    fake = FakeRegistry()
    for number in range(40):
        fake.push("prj/app", f"v{number:02}", number)
    world = await begun(tmp_path, fake=fake)
    kept = dict(fake.repositories["prj/app"]), dict(fake.manifests)
    fake.remove("prj/app")
    walk = await world.reconcile_now()
    return world, walk, kept


@simulated
async def test_a_registry_that_seems_empty_is_not_believed(tmp_path):
    world, walk, _ = await emptied(tmp_path)
    assert (walk.state, walk.deletions) == (WalkState.HELD, 40)
    assert walk.why == "40 of 40 known tags are gone, more than 10 %"
    assert world.events() == []
    assert (await world.walks.view("main")).held == walk
    await world.stop()


@simulated
async def test_accepted_what_was_held_is_told(tmp_path):
    world, _, _ = await emptied(tmp_path)
    await world.kill()
    world = world.again()  # over a restart
    await world.start()
    walk = await world.walks.accept("main")
    await world.translated()
    assert walk.state is WalkState.FINISHED
    assert Counter(one[0] for one in world.events()) == {"artifact.deleted": 40, "repository.deleted": 1}
    assert (await world.walks.view("main")).held is None
    with pytest.raises(Conflict):
        await world.walks.accept("main")
    await world.stop()


@simulated
async def test_what_is_held_can_be_accepted_while_the_sidecar_is_stopped(tmp_path):
    world, _, _ = await emptied(tmp_path)
    await world.stop()
    world = world.again()
    await world.house.store.open()
    world.walks.configure({"main": None})
    with pytest.raises(Conflict, match="cannot be walked"):
        await world.walks.start("main", silent=False)
    assert (await world.walks.accept("main")).state is WalkState.FINISHED
    await world.house.store.close()
    world = world.again()
    await world.start()
    await world.translated()
    assert len(world.events(recovered=True)) == 41
    await world.stop()


@simulated
async def test_what_was_found_in_a_registry_that_left_the_configuration_can_be_told_from_quarantine(tmp_path):
    """It is taken again as what a walk saw, not as a notification."""
    world, _, _ = await emptied(tmp_path)
    configured = dict(world.house.registries)
    world.house.registries.clear()
    await world.walks.accept("main")
    await world.translated()
    rows = await world.house.store.quarantined(QuarantineFilter())
    assert {(row.reason, row.content_type) for row in rows} == {("unknown_registry", OBSERVATION_TYPE)}
    world.house.registries.update(configured)
    operations = Operations(world.house.store, world.house.intake, world.clock, world.house.observer)
    await operations.retry_all_quarantined(QuarantineFilter(), "tester")
    await world.translated()
    assert await world.house.store.quarantined(QuarantineFilter()) == []
    assert Counter(one[0] for one in world.events(recovered=True)) == {"artifact.deleted": 40, "repository.deleted": 1}
    await world.stop()


@pytest.mark.parametrize("content_type", ["", OBSERVATION_TYPE])
@simulated
async def test_nobody_who_posts_can_make_an_observation_of_it(tmp_path, content_type):
    """Neither by the type of the body, nor by what an element looks like."""
    world = await begun(tmp_path)
    seen = encode(Observation(saw=Act.REPOSITORY_GONE, looked=1, after=0, repository="prj/app"))
    await world.push("v1", "a")
    for body in (seen, b'{"events": [' + seen + b"]}"):
        await world.house.intake.accept("main", body, content_type)
    await world.translated()
    operations = Operations(world.house.store, world.house.intake, world.clock, world.house.observer)
    await operations.retry_all_quarantined(QuarantineFilter(), "tester")
    await world.translated()
    assert len(await world.house.store.quarantined(QuarantineFilter())) == 2
    assert world.events(recovered=True) == []
    await world.stop()


@simulated
async def test_of_a_registry_that_left_and_came_back_it_is_said_again_how_its_walks_stand(tmp_path):
    """Its metrics went with it, and what is held must not look like nothing."""
    world, held, _ = await emptied(tmp_path)
    plans = dict(world.walks._plans)
    world.walks.configure({})
    with pytest.raises(NotFound):
        await world.walks.accept("main")
    said = len(world.house.observer.walks)
    world.walks.configure(plans)
    assert [(one.id, one.state) for one in world.house.observer.walks[said:]] == [
        (held.id - 1, WalkState.FINISHED),
        (held.id, WalkState.HELD),
    ]
    assert (await world.walks.view("main")).held == held
    await world.stop()


@simulated
async def test_rejected_nobody_is_told_and_a_backfill_makes_the_catalogue_true(tmp_path):
    world, _, _ = await emptied(tmp_path)
    assert (await world.walks.reject("main")).state is WalkState.REJECTED
    assert (await world.reconcile_now()).state is WalkState.HELD  # it finds the same again
    await world.walks.start("main", silent=True)
    await world.walked(2, states=(WalkState.FINISHED,))
    assert await world.catalogue() == {}
    assert (await world.walks.view("main")).held is None
    assert (await world.reconcile_now()).changes == 0
    assert world.events() == []
    await world.stop()


@simulated
async def test_a_backfill_takes_no_tag_that_moved_for_one_that_went_with_its_manifest(tmp_path):
    """`a` went with the manifest; `b` had pointed there as well, and points elsewhere now."""
    world = await begun(tmp_path)
    await world.push("a", "one")
    await world.push("b", "one")
    await world.push("b", "two", lost=True)
    await world.delete("one", lost=True)
    await world.walks.start("main", silent=True)
    await world.walked(2)
    assert await world.catalogue() == {"b": digest("two")} == world.fake.repositories["prj/app"]
    await world.stop()


@simulated
async def test_a_later_walk_that_finds_all_well_takes_the_held_one_s_place(tmp_path):
    world, held, kept = await emptied(tmp_path)
    world.fake.repositories["prj/app"], world.fake.manifests = kept
    walk = await world.reconcile_now()
    assert (walk.state, walk.changes) == (WalkState.FINISHED, 0)
    assert (await world.walks.view("main")).held is None
    stored = {one.id: one.state for one in await world.house.store.walks("main", 10)}
    assert stored[held.id] is WalkState.SUPERSEDED
    assert world.events() == []
    await world.stop()


@simulated
async def test_more_than_five_hundred_changes_are_held_and_what_came_since_beats_them(tmp_path):
    fake = FakeRegistry()
    world = await begun(tmp_path, fake=fake)
    for number in range(501):
        fake.push("prj/app", f"v{number:03}", number)
    walk = await world.reconcile_now()
    assert (walk.state, walk.why) == (WalkState.HELD, "it would announce 501 changes, more than 500")
    await asyncio.sleep(3600)
    await world.push("v000", "newer")
    await world.delete(1)
    await world.walks.accept("main")
    await world.translated()
    recovered = world.events(recovered=True)
    assert len(recovered) == 499
    assert {one[2][0] for one in recovered} == {f"v{number:03}" for number in range(2, 501)}
    assert await world.catalogue() == fake.repositories["prj/app"]
    await world.stop()


@simulated
async def test_what_is_held_is_counted_again_when_records_told_of_it_meanwhile(tmp_path):
    """A registry that was unreachable for us only: its queue tells 600 pushes while the walk goes on."""
    fake = FakeRegistry()
    world = await begun(tmp_path, fake=fake)
    for number in range(600):
        fake.push("prj/app", f"v{number:03}", number)
    await world.walks.start("main", silent=False)
    await asyncio.sleep(36)
    records = [push(f"late {number}", f"v{number:03}", of=number) for number in range(600)]
    for begin in range(0, 600, 100):
        await world.told(*records[begin : begin + 100])
    walk = await world.walked(2)
    assert (walk.state, walk.changes) == (WalkState.FINISHED, 0)
    assert world.events(recovered=True) == []
    await world.stop()
