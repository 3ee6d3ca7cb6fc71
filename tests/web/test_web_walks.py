"""Walks over the native API: how they stand, one that begins, and one that is held."""

import asyncio
import json

import aiohttp
import pytest

from doubles import House, RecordingSender, registry, subscription
from fake_registry import FakeApi, FakeRegistry
from sidecar.domain.registry import Reconcile
from sidecar.domain.subscription import Rate
from sidecar.pipeline import walker
from sidecar.pipeline.operations import Operations
from sidecar.pipeline.walks import Plan, Walks
from sidecar.web.api import Api
from sidecar.web.door import Door
from sidecar.web.health import Health
from sidecar.web.server import Listeners
from virtual_time import VirtualClock

BOUND = 60  # seconds after which a test gives up waiting for what does not come


class Site:
    """A house whose registry can be walked, with the API on a loopback listener; registry `mute` has no API."""

    def __init__(self, folder):
        self.fake = FakeRegistry(latency=0)
        clock = VirtualClock()
        self.house = House(
            folder / "sidecar.db",
            clock,
            RecordingSender(),
            [subscription("one", format="cloudevents")],
            registries=[registry(), registry("mute")],
        )
        store = self.house.store
        self.walks = Walks(store, clock, self.house.observer)
        operations = Operations(store, self.house.intake, clock, self.house.observer)
        health = Health(stalled=lambda: 0.0, unready=list, render_metrics=lambda: (b"", "text/plain"))
        self.api = Api(operations, dict, health, subscribing=self.house.subscribing, walks=self.walks)
        self.listeners = Listeners()

    async def start(self):
        await self.house.start()
        plan = Plan(FakeApi(self.fake), Reconcile(rate=Rate(10_000)))
        self.walks.configure({"main": plan, "mute": None})
        self.task = asyncio.create_task(self.walks.run())
        (self.port,) = await self.listeners.serve_app(self.api.app(Door.LOOPBACK), [("127.0.0.1", 0)], None)
        self.session = aiohttp.ClientSession()

    async def stop(self):
        await self.session.close()
        await self.listeners.stop()
        self.task.cancel()
        await asyncio.gather(self.task, return_exceptions=True)
        await self.walks.stop()
        await self.house.stop()

    async def ask(self, path, method="GET", body=None):
        async with self.session.request(method, f"http://127.0.0.1:{self.port}{path}", json=body) as answer:
            return answer.status, json.loads(await answer.read())

    async def walk(self, **body):
        """Have a walk made and wait for its end, and until the catalogue knows what it found: the next looks there."""
        status, said = await self.ask("/v1/registries/main/walk", "POST", body or None)
        assert status == 200, said
        number = (said["current"] or said["last"])["id"]
        async with asyncio.timeout(BOUND):
            while True:
                _, said = await self.ask("/v1/registries/main/walk")
                over = [one for one in (said["held"], said["last"]) if one is not None and one["id"] == number]
                if over:
                    await self.translated()
                    return over[0]
                await asyncio.sleep(0.005)

    async def translated(self):
        """Until everything that is in the journal now is translated, and heard by the observer."""
        async with asyncio.timeout(BOUND):
            while self.house.translator.lag:  # noqa: ASYNC110 - nothing is set when there is none
                await asyncio.sleep(0.005)


@pytest.fixture
async def site(tmp_path, monkeypatch):
    monkeypatch.setattr(walker, "SETTLE", 0)
    site = Site(tmp_path)
    await site.start()
    yield site
    await site.stop()


async def test_before_the_first_walk_it_waits(site):
    status, said = await site.ask("/v1/registries/main/walk")
    assert status == 200
    assert (said["registry"], said["held"], said["last"]) == ("main", None, None)
    assert (said["current"]["state"], said["current"]["cause"]) == ("waiting", "first")
    _, listed = await site.ask("/v1/walks")
    assert [one["registry"] for one in listed["walks"]] == ["main"]


async def test_a_walk_is_made_and_shown(site):
    for number in range(20):
        site.fake.push("prj/app", f"v{number}", number)
    last = await site.walk()
    assert last == {
        "id": 1,
        "state": "finished",
        "cause": "command",
        "silent": True,
        "due": last["due"],
        "started": last["started"],
        "ended": last["ended"],
        "repositories": 1,
        "repositoriesDone": 1,
        "listed": True,
        "seen": 20,
        "known": 0,
        "changes": 20,
        "deletions": 0,
        "why": "",
    }
    site.fake.push("prj/app", "new", "new")
    assert ((await site.walk())["changes"], (await site.walk(silent=True))["silent"]) == (1, True)
    assert [(who, what) for who, what, *_ in site.house.observer.operations] == [
        ("loopback", "reconcile"),
        ("loopback", "reconcile"),
        ("loopback", "backfill"),
    ]


@pytest.mark.parametrize(("verb", "state", "events"), [("accept", "finished", 21), ("reject", "rejected", 0)])
async def test_what_is_held_is_shown_and_decided_over(site, verb, state, events):
    for number in range(20):
        site.fake.push("prj/app", f"v{number}", number)
    await site.walk()
    site.fake.remove("prj/app")
    held = await site.walk()
    assert (held["state"], held["deletions"]) == ("held", 20)
    assert held["why"] == "20 of 20 known tags are gone, more than 10 %"
    status, said = await site.ask(f"/v1/registries/main/walk/{verb}", "POST")
    assert (status, said["held"], said["last"]["state"]) == (200, None, state)
    await site.translated()  # the walk was answered as over once all of it stood in the journal
    assert len(site.house.observer.events) == events


@pytest.mark.parametrize(
    ("path", "body", "status", "sentence"),
    [
        ("/v1/registries/other/walk", None, 404, "There is no registry other."),
        ("/v1/registries/mute/walk", None, 409, "Registry mute cannot be walked: it has no `api`."),
        ("/v1/registries/main/walk/accept", None, 409, "No walk of registry main is held."),
        ("/v1/registries/main/walk/reject", None, 409, "No walk of registry main is held."),
        ("/v1/registries/main/walk", {"quiet": True}, 400, "The body does not fit: Object contains unknown field"),
    ],
)
async def test_what_cannot_be_done_is_refused_in_a_sentence(site, path, body, status, sentence):
    got, said = await site.ask(path, "POST", body)
    assert got == status
    assert said["detail"].startswith(sentence)
