"""Ends of tags over the native API: which there are, who was told, and giving a tag another one."""

import asyncio
import json
from urllib.parse import quote

import aiohttp
import pytest

from doubles import House, RecordingSender, registry, subscription
from notifications import envelope, push
from sidecar.domain import instant
from sidecar.domain.account import Account, Accounts
from sidecar.domain.glob import Globs
from sidecar.domain.person import Person
from sidecar.domain.record import Entry, RecordKind
from sidecar.domain.secret import Secret
from sidecar.pipeline.expiries import Expiries
from sidecar.pipeline.operations import Operations
from sidecar.stores.sqlite import SQLiteStore
from sidecar.web.api import Api
from sidecar.web.door import Door, Porter
from sidecar.web.health import Health
from sidecar.web.server import Listeners
from virtual_time import VirtualClock

DAY = instant.DAY
NAMESPACES = {"main": "library", "other": "apps"}
TOKEN = "the-token-of-mia-" + "x" * 16


class Site:
    """A house that hears of ends, with the API on a loopback listener, and on one where mia manages `prj` alone."""

    def __init__(self, folder):
        self.clock = VirtualClock()
        path = folder / "sidecar.db"
        self.house = House(
            path,
            self.clock,
            RecordingSender(),
            [subscription("ends", format="quay", events=("repo_image_expiry",))],
            registries=[registry(), registry("other", default_namespace="apps")],
            store=SQLiteStore(path, inline=True),
        )
        store, observer = self.house.store, self.house.observer
        operations = Operations(store, self.house.intake, self.clock, observer)
        health = Health(stalled=lambda: 0.0, unready=list, render_metrics=lambda: (b"", "text/plain"))
        expiries = Expiries(store, self.clock, observer, lambda: NAMESPACES)
        mia = Account(person=Person(name="mia", namespaces=Globs.of(["prj"])), tokens=(Secret(TOKEN),))
        porter = Porter(observer.visited)
        porter.configure(Accounts(needed=True, accounts=(mia,)), "")

        def api(**more):
            return Api(operations, dict, health, subscribing=self.house.subscribing, expiries=expiries, **more)

        self.apps = api().app(Door.LOOPBACK), api(porter=porter).app(Door.CLOSED)
        self.listeners = Listeners()

    async def start(self):
        await self.house.start()
        self.ports = [(await self.listeners.serve_app(app, [("127.0.0.1", 0)], None))[0] for app in self.apps]
        self.session = aiohttp.ClientSession()

    async def stop(self):
        await self.session.close()
        await self.listeners.stop()
        await self.house.stop()

    async def ask(self, path, method="GET", body=None, *, mia=False):
        headers = {"Authorization": f"Bearer {TOKEN}"} if mia else {}
        url = f"http://127.0.0.1:{self.ports[mia]}{path}"
        async with self.session.request(method, url, json=body, headers=headers) as response:
            return response.status, await response.json(content_type=None)

    async def push(self, identity, tag, repository="prj/app", *, name="main"):
        now = instant.rfc3339(self.clock.now())
        assert await self.house.intake.accept(name, envelope(push(identity, tag, repository=repository, time=now)))
        await self.quiet()

    async def quiet(self):
        for _ in range(500):
            await asyncio.sleep(0.01)
            if self.house.translator.lag == 0 and not await self.house.owed():
                return
        raise AssertionError("it does not come to rest")

    def after(self, days):
        return instant.rfc3339_seconds(self.clock.now() + round(days * DAY))


def path(tag, repository="prj/app", name="main"):
    return f"/v1/registries/{name}/repositories/{quote(repository)}/tags/{quote(tag, safe='')}/expiry"


@pytest.fixture
async def site(tmp_path):
    one = Site(tmp_path)
    await one.start()
    yield one
    await one.stop()


async def test_an_end_is_set_listed_told_and_taken_away(site):
    await site.push("1", "v1")
    end = site.after(3)
    status, said = await site.ask(path("v1"), "PUT", {"expires": end})
    assert (status, said) == (202, {"registry": "main", "repository": "prj/app", "tag": "v1", "expires": end})
    await site.quiet()
    (listed,) = (await site.ask("/v1/expiring"))[1]["tags"]
    assert listed.pop("digest").startswith("sha256:")
    assert instant.parse_rfc3339(listed.pop("pushed")) <= site.clock.now()
    assert listed == {
        "registry": "main",
        "repository": "prj/app",
        "tag": "v1",
        "expires": end,
        "set": True,
        "told": [],
    }
    tick = site.clock.now() + 6 * instant.SECOND
    await site.house.store.append([Entry(RecordKind.TICK, "", f"tick:{tick}", tick, b"")])
    await site.quiet()
    assert (await site.ask("/v1/expiring"))[1]["tags"][0]["told"] == ["ends"]
    assert [json.loads(one.body)["tags"] for one in site.house.sender.requests] == [["v1"]]
    status, said = await site.ask(path("v1"), "DELETE")
    assert (status, said["expires"]) == (202, None)
    await site.quiet()
    assert (await site.ask("/v1/expiring"))[1] == {"tags": [], "next": None}
    assert site.house.observer.operations[0][:3] == ("loopback", "expiry", 1)
    assert site.house.observer.set_aside == []


async def test_the_list_is_filtered_and_paged_the_earliest_end_first(site):
    for at, (repository, days) in enumerate([("prj/a", 9), ("prj/a", 1), ("prj/b", 5)]):
        await site.push(str(at), f"t{at}", repository)
        await site.ask(path(f"t{at}", repository), "PUT", {"expires": site.after(days)})
    await site.quiet()

    async def listed(query=""):
        status, said = await site.ask(f"/v1/expiring{query}")
        assert status == 200
        return [one["tag"] for one in said["tags"]], said["next"]

    assert await listed() == (["t1", "t2", "t0"], None)
    assert await listed("?repository=prj/a") == (["t1", "t0"], None)
    assert await listed("?registry=main&repository=prj/a") == (["t1", "t0"], None)
    assert await listed("?registry=other") == ([], None)
    assert await listed(f"?until={site.after(6)}") == (["t1", "t2"], None)
    assert await listed("?over=true") == ([], None)
    first, then = await listed("?limit=2")
    assert (first, await listed(f"?limit=2&before={then}")) == (["t1", "t2"], (["t0"], None))


@pytest.mark.parametrize(
    ("ask", "status", "detail"),
    [
        ((path("v9"), "PUT", {"expires": "2030-01-01T00:00:00Z"}), 404, "no tag prj/app:v9 of registry main is known"),
        ((path("v1", name="none"), "DELETE"), 404, "there is no registry none"),
        ((path("v1"), "PUT", {"expires": "2001-01-01T00:00:00Z"}), 409, "2001-01-01T00:00:00Z is over"),
        ((path("v1"), "PUT", {"expires": "1969-01-01T00:00:00Z"}), 409, "is over: name a time to come"),
        ((path("v1"), "PUT", {"expires": "9999-01-01T00:00:00Z"}), 409, "name a time before the year 2262"),
        ((path("v1"), "PUT", {"expires": "tomorrow"}), 400, "expires must be an RFC 3339 time"),
        ((path("v1"), "PUT", {"expires": ""}), 400, "DELETE takes an end away"),
        ((path("v1"), "PUT", {}), 400, "the body does not fit"),
        (("/v1/expiring?over=maybe",), 400, "over must be true or false"),
        (("/v1/expiring?tag=v1",), 400, "unknown query parameter 'tag'"),
    ],
)
async def test_what_cannot_be_done_is_refused_with_a_sentence(site, ask, status, detail):
    await site.push("1", "v1")
    got, said = await site.ask(*ask)
    assert (got, detail.lower() in said["detail"].lower()) == (status, True), said
    assert [one.kind for one in await site.house.store.read(0, 10)].count(RecordKind.EXPIRY) == 0


async def test_whoever_manages_the_namespace_may_set_ends_in_it_and_nowhere_else(site):
    await site.push("1", "v1")
    await site.push("2", "v1", "team/app")
    await site.push("3", "v1", "solo", name="other")
    end = {"expires": site.after(3)}
    assert (await site.ask(path("v1"), "PUT", end, mia=True))[0] == 202
    assert (await site.ask(path("v1", "team/app"), "PUT", end, mia=True))[0] == 403
    status, said = await site.ask(path("v1", "solo", "other"), "DELETE", mia=True)
    assert (status, said["detail"]) == (403, "User mia does not manage the namespace apps.")
    assert (await site.ask("/v1/expiring", mia=True))[0] == 403


async def test_a_repository_of_several_segments_and_a_tag_of_any_letters_have_their_path(site):
    await site.push("1", "v1.0_b-2", "prj/tags/deep/expiry")
    status, said = await site.ask(path("v1.0_b-2", "prj/tags/deep/expiry"), "PUT", {"expires": site.after(3)})
    assert (status, said["repository"], said["tag"]) == (202, "prj/tags/deep/expiry", "v1.0_b-2")
