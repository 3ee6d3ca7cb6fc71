"""Subscriptions made through APIs: what every store promises of them and of their lanes."""

import pytest
from store_work import NOW, names, planned, settle, settled, write_set
from test_every_store import STORES, Place

from doubles import abandon
from sidecar.domain.delivery import State
from sidecar.domain.errors import NotFound, Stale, Taken
from sidecar.domain.lane_state import LaneName, Pause
from sidecar.domain.listing import DeliveryFilter
from sidecar.domain.made import Api, Draft, LastTrigger, Made, Target
from sidecar.stores.sqlite import made as verbs

LATER = NOW + 5_000_000_000


@pytest.fixture(params=STORES)
async def place(request, tmp_path):
    place = Place(STORES[request.param], tmp_path / "sidecar.db")
    yield place
    for store in place.opened:
        await store.close()


@pytest.fixture
async def store(place):
    return await place.open()


def tree(url="https://one.example/hook", form="dtr"):
    return {"format": form, "url": url}


def draft(key="hook", *targets, api=Api.NATIVE, **more):
    return Draft(api=api, key=key, uuid=f"uuid of {key}", targets=targets or (tree(),), namespace="prj", **more)


async def put(store, *given, **more):
    return await store.put_made(draft(*given, **more), creator="mia", now=NOW)


async def change(store, made, *given, expected=None, **more):
    return await store.change_made(
        made.id, draft(*given, api=made.api, **more), expected=expected or made.revision, now=LATER
    )


async def owe(store, cursor, *lanes):
    """One event owed to these lanes; returns what is due of it."""
    return await store.commit(write_set(cursor, cursor + 1, planned(f"e{cursor}", lanes)))


# --- what is kept ----------------------------------------------------------------------------------------------------


async def test_what_is_put_is_recalled_alike_by_the_next_process(place, store):
    given = draft(
        "1/ci",
        tree(),
        tree("https://two.example"),
        api=Api.HARBOR,
        repository="prj/app",
        name="ci",
        enabled=False,
        document={"config": {"auth_header": "Bearer \u00e4"}, "deep": [1, None, 2.5]},
    )
    made = await store.put_made(given, creator="mia", now=NOW)
    first, second = (one.state for one in await store.lane_health([one.lane for one in made.targets]))
    assert made == Made(
        id=made.id,
        api=Api.HARBOR,
        uuid="uuid of 1/ci",
        key="1/ci",
        policy=first.id,
        namespace="prj",
        repository="prj/app",
        name="ci",
        creator="mia",
        created=NOW,
        updated=NOW,
        revision=1,
        enabled=False,
        document={"config": {"auth_header": "Bearer \u00e4"}, "deep": [1, None, 2.5]},
        targets=(
            Target(first.id, f"api:harbor/{made.id}", tree()),
            Target(second.id, f"api:harbor/{made.id}/2", tree("https://two.example")),
        ),
    )
    assert (first.name, first.format, first.orphaned) == (f"api:harbor/{made.id}", "dtr", False)
    await store.close()
    assert await (await place.open()).recall_made() == [made]


async def test_a_key_is_taken_within_its_api_alone(store):
    one = await put(store, "hook")
    other = await put(store, "other")
    await put(store, "hook", api=Api.QUAY)
    with pytest.raises(Taken, match="there is a subscription hook already"):
        await put(store, "hook")
    with pytest.raises(Taken):
        await change(store, other, "hook")
    assert (await change(store, one, "hook", name="itself")).name == "itself"
    assert [one.revision for one in await store.recall_made()] == [2, 1, 1]


async def test_a_change_counts_and_goes_by_the_revision_that_was_seen(store):
    made = await put(store)
    changed = await change(store, made, enabled=False)
    assert (changed.revision, changed.created, changed.updated, changed.creator) == (2, NOW, LATER, "mia")
    with pytest.raises(Stale, match="read it again"):
        await change(store, made, name="late")
    with pytest.raises(Stale):
        await store.remove_made(made.id, expected=1, now=NOW)
    assert await store.recall_made() == [changed]
    await store.remove_made(made.id, expected=2, now=NOW)
    for asked in (change(store, changed), store.remove_made(made.id, expected=2, now=NOW)):
        with pytest.raises(NotFound):
            await asked


async def test_neither_ids_nor_lanes_names_are_used_again(store):
    made = await put(store, "hook", tree(), tree("https://two.example"))
    one_left = await change(store, made, "hook", tree())
    again = await change(store, one_left, "hook", tree(), tree("https://three.example"))
    assert [one.name for one in again.targets] == [f"api:native/{made.id}", f"api:native/{made.id}/3"]
    await store.remove_made(made.id, expected=3, now=NOW)
    new = await put(store)
    assert new.id > made.id
    assert new.targets[0].lane not in {one.lane for one in (*made.targets, *again.targets)}


async def test_a_target_goes_on_with_its_lane_while_it_goes_to_the_same_place(store):
    """Whatever order the targets are given in: what is owed to one receiver never goes to another that stays."""
    made = await put(store, "hook", tree("https://a.example"), tree("https://b.example"))
    a, b = made.targets
    swapped = await change(store, made, "hook", tree("https://b.example"), tree("https://a.example"))
    assert [(one.lane, one.subscription["url"]) for one in swapped.targets] == [
        (b.lane, "https://b.example"),
        (a.lane, "https://a.example"),
    ]
    moved = await change(store, swapped, "hook", tree("https://c.example"), tree("https://a.example", form="quay"))
    assert [one.lane for one in moved.targets] == [b.lane, a.lane], "what is new follows in order"
    assert {one.state.format for one in await store.lane_health([a.lane])} == {"quay"}


async def test_every_lane_of_a_harbor_policy_is_the_one_policy(store):
    """Its id is on the wire: in event sources, and in the paths of Harbor's API."""
    made = await put(store, "1/ci", tree(form="harbor"), tree("https://two.example", form="harbor"), api=Api.HARBOR)
    assert made.policy == made.targets[0].lane
    assert {one.state.policy for one in await store.lane_health([one.lane for one in made.targets])} == {made.policy}
    fewer = await change(store, made, "1/ci", tree("https://two.example", form="harbor"))
    assert fewer.policy == made.policy, "though the lane that it was named after is gone"
    assert (await put(store)).policy == 0


# --- lanes -----------------------------------------------------------------------------------------------------------


async def test_a_lane_that_nobody_names_is_orphaned_and_not_lost(store):
    made = await put(store)
    (target,) = made.targets
    await owe(store, 0, target.lane)
    states = await store.register(names("one"), NOW)
    assert {one.name: one.orphaned for one in states} == {"one": False, target.name: True}
    named = [LaneName(name=target.name, format="dtr")]
    states = await store.register([*names("one"), *named], NOW)
    assert {one.name: (one.orphaned, one.pending) for one in states} == {"one": (False, 0), target.name: (False, 1)}


async def test_other_targets_bring_an_orphaned_lane_back(store):
    """What was wrong with the old ones is over."""
    made = await put(store)
    await store.register(names(), NOW)
    await change(store, made, "hook", tree(), name="the same targets")
    assert (await store.lanes())[0].state.orphaned
    await change(store, made, "hook", tree("https://two.example"), expected=2)
    assert not (await store.lanes())[0].state.orphaned


async def test_what_is_removed_is_owed_nothing_and_in_no_list_but_its_history_stays(store):
    (file_lane,) = await store.register(names("one"), NOW)
    made = await put(store)
    (target,) = made.targets
    delivered, dead, due = [(await owe(store, at, target.lane, file_lane.id))[0] for at in range(3)]
    await settle(store, settled(delivered))
    await settle(store, settled(dead, State.DEAD, status=400))
    await store.remove_made(made.id, expected=1, now=NOW)
    assert [one.state.name for one in await store.lanes()] == ["one"]
    assert [one.subscription for one in await store.undelivered()] == ["one"]
    assert await store.clear_retired(LATER) == {target.lane: [due.id]}
    assert await store.clear_retired(LATER) == {}
    found = await store.deliveries(DeliveryFilter(subscription=target.name))
    assert {one.id: one.state for one in found} == {
        delivered.id: State.DELIVERED,
        dead.id: State.DEAD,
        due.id: State.CANCELLED,
    }
    assert (store.pending(target.lane), store.pending(file_lane.id)) == (0, 3)
    assert await store.replay([dead.id], (State.DEAD,), LATER) == {}, "there is nobody to send it to"
    assert [one.name for one in await store.register(names("one"), LATER)] == ["one"]
    assert await store.lane_health([target.lane]) == []
    with pytest.raises(NotFound):
        await store.pause(Pause(lane=target.lane, hold="gone"), LATER)


async def test_clearing_goes_in_bounded_steps(store, monkeypatch):
    monkeypatch.setattr(verbs, "CLEARED", 2)
    one, other = await put(store, "one"), await put(store, "other")
    lanes = [one.targets[0].lane, other.targets[0].lane]
    for at in range(3):
        await owe(store, at, *lanes)
    for made in (one, other):
        await store.remove_made(made.id, expected=1, now=NOW)
    steps = []
    while moved := await store.clear_retired(NOW):
        steps.append({lane: len(ids) for lane, ids in moved.items()})
    assert steps == [{lanes[0]: 2}, {lanes[0]: 1}, {lanes[1]: 2}, {lanes[1]: 1}]


async def test_what_was_planned_before_a_removal_and_committed_after_it_is_cancelled(store):
    """The translator was at it already. Clearing may be over by then, and nobody would look at it again."""
    made = await put(store)
    lanes = await store.register([*names("one"), LaneName(name=made.targets[0].name, format="dtr")], NOW)
    (file_lane,) = [one for one in lanes if one.name == "one"]
    await store.remove_made(made.id, expected=1, now=NOW)
    assert await store.clear_retired(NOW) == {}
    due = await owe(store, 0, made.targets[0].lane, file_lane.id)
    assert [one.lane for one in due] == [file_lane.id]
    states = {one.subscription: one.state for one in await store.deliveries(DeliveryFilter())}
    assert states == {"one": State.DUE, made.targets[0].name: State.CANCELLED}
    assert store.pending(made.targets[0].lane) == 0


async def test_an_attempt_that_ends_after_the_removal_changes_nothing(store):
    made = await put(store)
    (due,) = await owe(store, 0, made.targets[0].lane)
    await store.remove_made(made.id, expected=1, now=NOW)
    await store.clear_retired(NOW)
    await settle(store, settled(due))
    (row,) = await store.deliveries(DeliveryFilter())
    assert row.state is State.CANCELLED
    assert store.pending(due.lane) == 0


# --- killed between any two steps ------------------------------------------------------------------------------------


@pytest.mark.parametrize("cleared", [0, 1, 2], ids=["before clearing", "within", "before its end is noted"])
async def test_a_removal_that_was_broken_off_is_finished_by_the_next_process(tmp_path, monkeypatch, cleared):
    monkeypatch.setattr(verbs, "CLEARED", 2)
    place = Place(STORES["sqlite-inline"], tmp_path / "sidecar.db")
    store = await place.open()
    made = await put(store)
    (target,) = made.targets
    for at in range(4):
        await owe(store, at, target.lane)
    await store.remove_made(made.id, expected=1, now=NOW)
    for _ in range(cleared):
        assert await store.clear_retired(NOW)
    await abandon(store)
    store = await place.open()
    assert await store.recall_made() == []
    assert store.pending(target.lane) == 4 - 2 * cleared
    while await store.clear_retired(LATER):
        pass
    assert store.pending(target.lane) == 0
    assert {one.state for one in await store.deliveries(DeliveryFilter())} == {State.CANCELLED}
    assert store._connection.execute("SELECT count(*) FROM lane_clearing").fetchone() == (0,)
    await store.close()


@pytest.mark.parametrize("verb", ["put", "change", "remove"])
@pytest.mark.parametrize("statement", range(1, 12, 2))
async def test_subscription_and_lanes_change_together_or_not_at_all(tmp_path, monkeypatch, verb, statement):
    """Whichever statement of the transaction is the last that the process lives to see."""
    place = Place(STORES["sqlite-inline"], tmp_path / "sidecar.db")
    store = await place.open()
    made = await put(store, "hook", tree(), tree("https://two.example"), api=Api.HARBOR)
    before = [one.state for one in await store.lanes()]
    connection = store._connection
    count = 0

    class Dying:
        """The connection of a process that dies at a statement."""

        def execute(self, *given):
            nonlocal count
            count += 1
            if count == statement:
                raise SystemExit
            return connection.execute(*given)

        def __getattr__(self, name):
            return getattr(connection, name)

    new = draft("new", tree("https://three.example"), api=Api.HARBOR)
    work = {
        "put": lambda on: verbs.put(on, store._pending, new, "mia", NOW),
        "change": lambda on: verbs.change(on, store._pending, (made.id, 1), new, NOW),
        "remove": lambda on: verbs.remove(on, store._pending, made.id, 1, NOW),
    }[verb]
    connection.execute("BEGIN IMMEDIATE")
    try:
        work(Dying())
    except SystemExit:
        died = True
    else:
        died = False  # it takes fewer statements than this
        connection.execute("ROLLBACK")
    await abandon(store)
    store = await place.open()
    assert await store.recall_made() == [made], died
    assert [one.state for one in await store.lanes()] == before
    await store.close()


# --- when it was last told something ---------------------------------------------------------------------------------


async def test_of_harbors_policies_it_is_kept_when_each_word_was_last_said(place, store):
    (file_lane,) = await store.register(names("one"), NOW)
    harbor = await put(store, "1/ci", tree(form="harbor"), api=Api.HARBOR)
    native = await put(store)
    lanes = [harbor.targets[0].lane, native.targets[0].lane, file_lane.id]
    assert await store.last_triggers(lanes) == []
    await store.commit(write_set(0, 1, planned("a", lanes), now=NOW))
    await store.commit(write_set(1, 2, planned("b", lanes), planned("c", lanes), now=LATER))
    expected = [LastTrigger(lanes[0], "PUSH_ARTIFACT", LATER)]
    assert await store.last_triggers(lanes) == expected
    await store.close()
    store = await place.open()
    assert await store.last_triggers(lanes) == expected
    await store.commit(write_set(2, 3, planned("d", lanes), now=LATER + 1))
    assert await store.last_triggers(lanes) == [LastTrigger(lanes[0], "PUSH_ARTIFACT", LATER + 1)]
    await store.remove_made(harbor.id, expected=1, now=LATER)
    assert await store.last_triggers(lanes) == []


async def test_nothing_is_written_for_it_where_there_is_no_policy_of_harbors(tmp_path):
    """The path of an event pays for it only then."""
    store = await Place(STORES["sqlite-inline"], tmp_path / "sidecar.db").open()
    made = await put(store)
    said = []
    store._connection.set_trace_callback(said.append)
    await owe(store, 0, made.targets[0].lane)
    store._connection.set_trace_callback(None)
    assert said
    assert not any("last_trigger" in one or "lane_clearing" in one for one in said)
    await store.close()


async def test_failures_in_a_row_can_be_forgotten(store):
    made = await put(store)
    (target,) = made.targets
    (due,) = await owe(store, 0, target.lane)
    await settle(store, settled(due, State.DEAD, status=400))
    (health,) = await store.lane_health([target.lane])
    assert (health.failures, health.state.name) == (1, target.name)
    await store.forget_failures(target.lane)
    (health,) = await store.lane_health([target.lane])
    assert health.failures == 0
