"""What the configuration and the APIs have subscribed, over starts, kills and reloads."""

import asyncio

import pytest

from made_house import ADA, MIA, URL, MadeHouse, draft
from sidecar.config.binding import SPARE
from sidecar.domain.errors import Conflict, StoreUnavailable, Unusable
from sidecar.domain.listing import DeliveryFilter
from sidecar.domain.made import Api
from sidecar.domain.message import Response
from sidecar.domain.transport import ClientTls, Transport
from sidecar.pipeline.subscribing import Subscribing
from sidecar.stores.sqlite import file
from sidecar.wiring import Wiring

FILE = {"name": "file", "format": "dtr", "url": "https://file.example"}
STRICT = Transport(strict=True)


@pytest.fixture(autouse=True)
def small_log(monkeypatch):
    """A log of its working size takes longer to lay out than most of these tests take."""
    monkeypatch.setattr(file, "LOG_SPACE", 4096)


# --- over starts -----------------------------------------------------------------------------------------------------


async def test_the_next_process_tells_them_as_the_last_one_did(tmp_path):
    house = await MadeHouse(tmp_path).start()
    made = await house.subscribing.create(MIA, draft())
    await house.stop()
    await house.start()
    assert (await house.subscribing.list(MIA)).items == [made]
    await house.push("prj/a")
    await house.settled()
    assert house.told() == 1
    await house.stop()


@pytest.mark.parametrize("verb", ["create", "replace", "remove"])
async def test_killed_between_what_is_written_and_its_taking_effect_the_next_start_does_the_rest(tmp_path, verb):
    """What was answered, and what was only written, is in effect after it; nothing is half so."""
    house = await MadeHouse(tmp_path, answer=lambda _request: Response(status=503)).start()
    made = await house.subscribing.create(MIA, draft()) if verb != "create" else None
    if made is not None:
        await house.push("prj/a")
        await house.until(lambda: house.store.pending(made.targets[0].lane) == 1)

    async def dies(*_given):
        raise SystemExit

    house.subscribing.connect(dies, None)
    try:
        if verb == "create":
            await house.subscribing.create(MIA, draft())
        elif verb == "replace":
            await house.subscribing.replace(MIA, made, draft(url="https://new.example"))
        else:
            await house.subscribing.remove(MIA, made)
    except SystemExit:
        pass
    await house.kill()
    before = len(house.sender.requests)
    house.sender.answer = lambda _request: Response(status=200)
    await house.start()
    await house.push("prj/b")
    if verb == "remove":
        await house.until(lambda: house.store.pending(made.targets[0].lane) == 0)
        await house.settled()
        assert len(house.sender.requests) == before
        assert await house.store.lanes() == []
    else:
        place = URL if verb == "create" else "https://new.example"
        await house.until(lambda: house.told(place) >= 1)
        assert {one.url for one in house.sender.requests[before:]} == {place}
    await house.stop()


# --- over reloads ----------------------------------------------------------------------------------------------------


async def test_a_reload_keeps_them_and_drops_nothing(tmp_path):
    answered = asyncio.Event()

    async def slow(_request):
        await answered.wait()
        return Response(status=200)

    house = await MadeHouse(tmp_path, answer=slow, subscriptions=[FILE]).start()
    made = await house.subscribing.create(MIA, draft(delivery={"concurrency": 1}))
    await house.push(*(f"prj/{at}" for at in range(4)))
    await house.until(lambda: house.told() == 1)
    assert await house.reload(subscriptions=[])
    assert [(row.state.name, row.state.orphaned) for row in await house.store.lanes()] == [
        ("file", True),
        (made.targets[0].name, False),
    ]
    answered.set()
    await house.until(lambda: house.store.pending(made.targets[0].lane) == 0)
    assert (house.told(), len({one.body for one in house.sender.requests if one.url == URL})) == (4, 4)
    await house.push("prj/later")
    await house.until(lambda: house.told() == 5)
    assert (await house.subscribing.get(MIA, key="ci")) == made
    await house.stop()


async def test_what_the_new_configuration_does_not_let_be_used_is_kept_shown_and_told_again_later(tmp_path):
    """Its registry is gone from the file, and comes back."""
    other = {"name": "other", "hostname": "other.example.com"}
    main = {"name": "main", "hostname": "registry.example.com"}
    house = await MadeHouse(tmp_path, registries=[main, other]).start()
    made = await house.subscribing.create(MIA, draft(match={"registries": ["other"]}, headers={"X-Key": "hunter2"}))
    fine = await house.subscribing.create(MIA, draft("fine", url="https://fine.example"))
    assert await house.reload(registries=[main])
    now = await house.subscribing.get(MIA, key="ci")
    assert "match.registries[0]" in now.trouble
    assert "other" not in now.trouble.replace("match.registries", ""), "values may be secret"
    assert now.draft() == made.draft()
    lanes = {row.state.name: row.state.orphaned for row in await house.store.lanes()}
    assert lanes == {made.targets[0].name: True, fine.targets[0].name: False}
    await house.push("prj/a")
    await house.settled()
    assert (house.told(), house.told("https://fine.example")) == (0, 1)
    disabled = await house.subscribing.enable(MIA, now, False)
    assert disabled.trouble
    enabled = await house.subscribing.enable(MIA, disabled, True)
    await house.stop()
    house.settings = house.configured(registries=[main, other])
    await house.start()
    again = await house.subscribing.get(MIA, key="ci")
    assert (again.trouble, again.revision) == ("", enabled.revision)
    assert not any(row.state.orphaned for row in await house.store.lanes())
    await house.stop()


async def test_a_reload_that_the_store_cannot_take_changes_nothing(tmp_path, monkeypatch):
    house = await MadeHouse(tmp_path, subscriptions=[FILE]).start()
    made = await house.subscribing.create(MIA, draft())
    router = house.wiring.router

    async def away(*_given):
        raise StoreUnavailable("the disk is full")

    monkeypatch.setattr(house.store, "register", away)
    assert not await house.wiring.register(house.configured())
    assert house.wiring.router is router
    assert (await house.subscribing.get(MIA, key="ci")) == made
    monkeypatch.undo()
    await house.stop()


async def test_changes_and_reloads_at_once_come_one_after_the_other(tmp_path):
    house = await MadeHouse(tmp_path, subscriptions=[FILE]).start()
    work = [house.subscribing.create(MIA, draft(f"s{at}", url=f"https://s{at}.example")) for at in range(6)]
    work[2:2] = [house.reload(subscriptions=[FILE]), house.reload()]
    await asyncio.gather(*work)
    assert sorted(one.subscription.url for one in house.wiring.router.routes) == [
        f"https://s{at}.example" for at in range(6)
    ]
    await house.push("prj/a")
    await house.settled()
    assert sorted(one.url for one in house.sender.requests) == [f"https://s{at}.example" for at in range(6)]
    await house.stop()


# --- one change touches its own lanes alone --------------------------------------------------------------------------


async def test_a_change_reads_and_moves_nothing_of_the_others(tmp_path):
    house = await MadeHouse(tmp_path, answer=lambda _request: Response(status=503)).start()
    other = await house.subscribing.create(MIA, draft("other", url="https://other.example"))
    await house.push("prj/a")
    await house.until(lambda: house.told("https://other.example") == 1)
    asked = []
    due = house.store.due

    async def counted(lane, *given):
        asked.append(lane)
        return await due(lane, *given)

    house.store.due = counted
    made = await house.subscribing.create(MIA, draft())
    await house.subscribing.replace(MIA, made, draft(url="https://new.example"))
    await house.subscribing.remove(MIA, made)
    await asyncio.sleep(0.02)
    assert set(asked) <= {made.targets[0].lane}
    assert other.targets[0].lane not in asked
    await house.stop()


async def test_a_change_that_is_written_takes_effect_though_the_store_is_away_then(tmp_path, monkeypatch):
    """It was written: to say no now would be a lie, and would have it asked for again."""
    house = await MadeHouse(tmp_path).start()

    async def away(*_given):
        raise StoreUnavailable("gone for a moment")

    monkeypatch.setattr(house.store, "lane_health", away)
    made = await house.subscribing.create(MIA, draft())
    monkeypatch.undo()
    assert [where for where, _ in house.observer.troubles] == ["store"]
    await house.push("prj/a")
    await house.settled()
    assert house.told() == 1
    assert made.trouble == ""
    await house.stop()


async def test_what_is_paused_stays_so_over_a_change(tmp_path):
    house = await MadeHouse(tmp_path).start()
    made = await house.subscribing.create(MIA, draft())
    (lane,) = [one.name for one in made.targets]
    await house.operations.pause(lane, "mia")
    await house.subscribing.replace(MIA, made, draft(url="https://new.example"))
    await house.push("prj/a")
    await house.until(lambda: house.store.pending(made.targets[0].lane) == 1)
    assert house.sender.requests == []
    await house.operations.resume(lane, "mia")
    await house.settled()
    assert house.told("https://new.example") == 1
    await house.stop()


# --- operators' verbs ------------------------------------------------------------------------------------------------


async def test_operators_explain_try_and_replay_them_as_any_other(tmp_path):
    house = await MadeHouse(tmp_path, answer=lambda _request: Response(status=400)).start()
    made = await house.subscribing.create(MIA, draft("ci"))
    name = made.targets[0].name
    await house.push("prj/a")
    await house.settled()
    (row,) = await house.store.deliveries(DeliveryFilter(subscription=name))
    _, parts, others = await house.operations.explain(row.event)
    assert [(one.verdict.subscription, one.verdict.fired, len(one.deliveries)) for one in parts] == [(name, True, 1)]
    assert others == []
    assert (await house.operations.test(name, "", "ada")).request.word == "TAG_PUSH"
    house.sender.answer = lambda _request: Response(status=200)
    await house.operations.redelivery.retry_one(row.id, "ada")
    await house.settled()
    assert [row.state.name for row in await house.store.lanes()] == [name]
    assert await house.store.undelivered() == []
    await house.subscribing.remove(MIA, made)
    with pytest.raises(Conflict, match="cannot be used"):
        await house.operations.redelivery.retry_one(row.id, "ada")
    await house.stop()


# --- how they are connected to ---------------------------------------------------------------------------------------


async def test_they_are_connected_to_strictly_and_nothing_else_is(tmp_path):
    house = await MadeHouse(tmp_path, subscriptions=[FILE]).start()
    assert house.sender.transports == {}
    made = await house.subscribing.create(MIA, draft())
    believing = await house.subscribing.create(MIA, draft("b", url="https://b.example", tls={"verify": False}))
    loose = Transport(tls=ClientTls(verify=False), strict=True)
    assert house.sender.transports.keys() == {STRICT, loose}
    await house.push("prj/a")
    await house.settled()
    assert {one.url: one.transport for one in house.sender.requests} == {
        "https://file.example": None,
        URL: STRICT,
        "https://b.example": loose,
    }
    assert house.wiring.described(house.settings) == (
        [("file", "dtr"), (made.targets[0].name, "dtr"), (believing.targets[0].name, "dtr")],
        {believing.targets[0].name},
    )
    await house.subscribing.test(MIA, draft("c", tls={"verify": False}))
    (lent,) = house.sender.lendings
    assert lent[0] == loose
    assert lent[1] is house.sender.transports[loose]
    for one in (made, believing):
        await house.subscribing.remove(MIA, one)
    assert house.sender.transports == {}
    await house.stop()


# --- many of them ----------------------------------------------------------------------------------------------------


async def test_a_thousand_that_do_not_match_are_not_even_asked(tmp_path, monkeypatch):
    """So their number does not count on the path of an event: nobody's filters are looked at but those nearby."""
    house = await MadeHouse(tmp_path, subscriptions=[FILE]).start()
    store = house.store
    for at in range(1000):
        given = draft(f"s{at}", namespace=f"team{at}", uuid=str(at))
        await store.put_made(given, creator="ada", now=house.clock.now())
    await house.stop()
    await house.start()
    assert (await house.subscribing.list(ADA)).total == 1000
    asked = []
    plain = type(house.wiring.router.routes[0].subscription.match).refusal
    monkeypatch.setattr(
        type(house.wiring.router.routes[0].subscription.match),
        "refusal",
        lambda self, event: asked.append(self.namespace) or plain(self, event),
    )
    await house.push("prj/a", "team7/b")
    await house.settled()
    assert set(asked) == {"", "team7"}
    assert (house.told("https://file.example"), house.told()) == (2, 1)
    await house.stop()


async def test_harbors_number_of_a_policy_is_said_in_what_it_sends(tmp_path):
    """CloudEvents name their policy: the id by which Harbor's API knows it, of every target alike."""
    house = await MadeHouse(tmp_path).start()
    options = {"flavour": "cloudevents"}
    targets = [
        {"format": "harbor", "url": f"https://{one}.example", "options": options, "events": ["PUSH_ARTIFACT"]}
        for one in "ab"
    ]
    made = await house.subscribing.create(ADA, draft("1/ci", api=Api.HARBOR, targets=targets))
    await house.push("prj/a")
    await house.settled()
    assert len(house.sender.requests) == 2
    for one in house.sender.requests:
        assert f'/webhook/policies/{made.policy}"'.encode() in one.body
    await house.stop()


async def test_nothing_is_registered_before_what_the_apis_made_has_been_read(tmp_path, monkeypatch):
    """Else their lanes would be orphaned for as long as the store cannot be read."""
    house = await MadeHouse(tmp_path).start()
    made = await house.subscribing.create(MIA, draft())
    late = Subscribing(house.store, house.clock, house.observer, new_uuid=str)
    wiring = Wiring(house.store, house.clock, house.observer, house.operations, late)
    wiring.connect(house.wiring._running, lambda: None)

    async def away():
        raise StoreUnavailable("not yet")

    with monkeypatch.context() as meanwhile:
        meanwhile.setattr(house.store, "recall_made", away)
        assert not await wiring.begin(lambda: house.settings)
        with pytest.raises(StoreUnavailable):
            await late.list(ADA)
        assert not (await house.store.lanes())[0].state.orphaned
    assert await wiring.begin(lambda: house.settings)
    assert (await late.list(ADA)).items == [made]
    assert wiring.names == {made.targets[0].lane: made.targets[0].name}
    late.stop()
    await house.stop()


async def test_what_is_in_use_is_believed_as_before_however_much_was_tried(tmp_path):
    """Trials and refusals are forgotten in turn, TLS settings of what stands are not."""
    house = await MadeHouse(tmp_path).start()
    await house.subscribing.create(MIA, draft("ours", tls={"verify": False}))
    before = house.sender.transports
    for number in range(2 * SPARE):
        tried = {"format": "dtr", "url": URL, "tls": {"server_name": f"n{number}.example"}}
        with pytest.raises(Unusable):
            await house.subscribing.create(MIA, draft("tried", targets=(tried, {"format": "none"})))
    await house.subscribing.create(MIA, draft("new", url="http://plain.example"))
    loose = Transport(tls=ClientTls(verify=False), strict=True)
    assert house.sender.transports == {**before, STRICT: None}
    assert house.sender.transports[loose] is before[loose]
    await house.stop()
