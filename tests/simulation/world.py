"""A small world around a sidecar: registries that notify, receivers that answer or do not, a disk that fails, a clock
that steps, and somebody who kills the process. Everything random comes from one seed and happens in virtual time.
"""

import asyncio
import json
import random
import sqlite3
from pathlib import Path
from typing import Any

import msgspec

from doubles import House, abandon, match, policy, subscription
from flaky_store import FlakyStore, disk_error, disk_full
from notifications import blob, delete, envelope, pull, push, untag
from sidecar.clock import SystemClock
from sidecar.domain import instant
from sidecar.domain.delivery import Outcome, Reason
from sidecar.domain.errors import StoreUnavailable
from sidecar.domain.message import Response
from sidecar.domain.subscription import Retry
from sidecar.pipeline.upkeep import Keeper
from sidecar.ports import Pause, SendRequest
from virtual_time import VirtualClock

MINUTE = 60.0
REPOSITORIES = ("prj/app", "prj/web", "team/x", "solo")
TAGS = ("v1", "v2", "latest")
QUICK = policy(
    concurrency=3,
    retry=Retry(initial=instant.SECOND // 2, factor=2.0, max_delay=4 * instant.SECOND, horizon=9 * instant.DAY),
)
SUBSCRIPTIONS = (
    subscription("h", policy=QUICK),
    subscription("p", policy=QUICK, match=match(["prj/**"])),
    subscription("d", format="dtr", policy=QUICK),
    subscription(
        "c",
        format="cloudevents",
        policy=QUICK,
        events=("artifact.pushed", "artifact.pulled", "artifact.deleted", "tag.deleted"),
        match=match(untagged=True),
    ),
)
# What each of them is told, by what happened: the words of its vendor.
SAID = {
    "h": {"push": "PUSH_ARTIFACT", "delete": "DELETE_ARTIFACT"},
    "p": {"push": "PUSH_ARTIFACT", "delete": "DELETE_ARTIFACT"},
    "d": {"push": "TAG_PUSH", "delete": "MANIFEST_DELETE", "untag": "TAG_DELETE"},
    "c": {
        "push": "io.registry-sidecar.artifact.pushed",
        "untagged": "io.registry-sidecar.artifact.pushed",
        "pull": "io.registry-sidecar.artifact.pulled",
        "delete": "io.registry-sidecar.artifact.deleted",
        "untag": "io.registry-sidecar.tag.deleted",
    },
}
Told = tuple[str, str, str]  # subscription, word, actor


class Sent(msgspec.Struct, frozen=True):
    """One request as a receiver saw it."""

    life: int
    at: float
    subscription: str
    word: str
    actor: str
    id: str
    body: bytes


class Envelope(msgspec.Struct):
    """What a registry has to tell, and what everybody must hear of it: worked out here, from the envelope alone."""

    body: bytes
    records: tuple[str, ...]
    owed: frozenset[Told]
    pushes: list[tuple[str, str]]  # (content, repository) of its tagged pushes, until they are acknowledged
    acknowledged: bool = False


class World:
    """One simulation."""

    def __init__(self, seed: int, path: Path) -> None:
        self.chance = random.Random(seed)
        self.path = path
        self.clock = VirtualClock()
        self.envelopes: list[Envelope] = []
        self.sent: list[Sent] = []
        self.well: list[tuple[int, str]] = []  # (life, webhook-id) of what was answered 2xx
        self.done_on_disk: dict[int, set[str]] = {}  # by life: what the file knew as delivered when it began
        self.open: dict[str, int] = {}
        self.complaints: list[str] = []
        self.life = 0
        self.kills = 0
        self.house: House | None = None
        self.failing: str = ""
        self.calm = False
        self._pushed: list[tuple[str, str]] = []  # (content, repository) of tagged pushes that were acknowledged
        self._records = 0
        self._keeper: asyncio.Task[None] | None = None

    # --- the receivers -----------------------------------------------------------------------------------------------

    async def send(self, request: SendRequest) -> Response | Outcome:
        """ports.Sender: what becomes of one request."""
        body = json.loads(request.body)
        name = request.url.rpartition("/")[2]
        actor = {"d": lambda: body["contents"]["author"], "c": lambda: body["data"]["actor"]}.get(
            name, lambda: body["operator"]
        )()
        headers = dict(request.headers)
        sent = Sent(self.life, self.now(), name, body["type"], actor, headers["webhook-id"], request.body)
        self.sent.append(sent)
        self.open[name] = self.open.get(name, 0) + 1
        if self.open[name] > QUICK.concurrency:
            self.complaints.append(f"{name} had {self.open[name]} requests open at once")
        life = self.life
        try:
            answer = await self._answer()
        finally:
            self.open[name] -= 1
        if isinstance(answer, Response) and answer.status < 300:
            self.well.append((life, sent.id))
        return answer

    async def _answer(self) -> Response | Outcome:
        await asyncio.sleep(self.chance.random() * 0.05)
        dice = 1.0 if self.calm else self.chance.random()
        if dice > 0.30:
            return Response(status=self.chance.choice([200, 200, 202, 204]))
        if dice > 0.20:
            return Response(status=self.chance.choice([500, 502, 404, 401]))
        if dice > 0.15:
            return Response(status=self.chance.choice([429, 503]), retry_after=self.chance.choice(["1", "3", ""]))
        if dice > 0.07:
            return Outcome(reason=Reason.DISCONNECTED, retryable=True, detail="the connection broke")
        await asyncio.sleep(self.chance.random() * 5)
        return Outcome(reason=Reason.TIMED_OUT, retryable=True, detail="no answer in time")

    # --- the registries ----------------------------------------------------------------------------------------------

    def now(self) -> float:
        return asyncio.get_running_loop().time()

    async def registry(self) -> None:
        """Notify for a minute: one envelope after another, each until it is answered, as a registry does."""
        while self.now() < MINUTE:
            await asyncio.sleep(self.chance.random() * 0.6)
            told = self._happen()
            self.envelopes.append(told)
            while not await self._post(told):
                if self.chance.random() < 0.02:
                    break  # the registry was restarted: what it had not told is gone
                await asyncio.sleep(0.1)
            if self.chance.random() < 0.2:
                await self._post(self.chance.choice(self.envelopes))  # a repeat, or what was thought to be gone

    async def _post(self, told: Envelope) -> bool:
        house = self.house
        if house is None:
            return False
        try:
            outcome = await house.intake.accept("main", told.body)
        except StoreUnavailable:
            return False
        if outcome not in {"accepted", "duplicate"}:
            self.complaints.append(f"an envelope was {outcome}")
        told.acknowledged = True
        self._pushed += told.pushes
        told.pushes = []
        return True

    def _happen(self) -> Envelope:
        """Something happens at the registry."""
        records: list[dict[str, Any]] = []
        owed: set[Told] = set()
        pushes: list[tuple[str, str]] = []
        for _ in range(self.chance.choice([1, 1, 1, 2, 3])):
            made, told = self._one(pushes)
            records += made
            owed |= told
        return Envelope(envelope(*records), tuple(one["id"] for one in records), frozenset(owed), pushes)

    def _one(self, pushes: list[tuple[str, str]]) -> tuple[list[dict[str, Any]], set[Told]]:
        """Records of one thing that happened, and who must hear what of it."""
        self._records += 1
        identity, repository = f"r{self._records}", self.chance.choice(REPOSITORIES)
        about: dict[str, Any] = {
            "repository": repository,
            "actor": f"user-{identity}",
            "time": instant.rfc3339(1_795_219_200 * instant.SECOND + int(self.now() * 1e9)),
        }
        dice = self.chance.random()
        if dice < 0.50:
            pushes.append((identity, repository))
            return [push(identity, self.chance.choice(TAGS), **about)], owed_of("push", identity, repository)
        if dice < 0.58:
            return [push(identity, "", **about)], owed_of("untagged", identity, repository)
        if dice < 0.70:
            return [blob(identity, **about)], set()
        if dice < 0.80:
            return [pull(identity, self.chance.choice((*TAGS, "")), **about)], owed_of("pull", identity, repository)
        if dice < 0.84:
            return [untag(identity, "gone", **about)], owed_of("untag", identity, repository)
        if dice < 0.88:
            return [delete(identity, f"nothing-{identity}", **about)], set()  # a blob, as far as anybody can tell
        if dice < 0.92 or not self._pushed:
            # What we never saw pushed, shown to be a manifest by the record of its tag in the same envelope.
            other = f"{identity}-tag"
            records = [
                delete(identity, f"unseen-{identity}", request=f"both-{identity}", **about),
                untag(other, "v0", request=f"both-{identity}", **{**about, "actor": f"user-{other}"}),
            ]
            return records, owed_of("delete", identity, repository) | owed_of("untag", other, repository)
        content, repository = self._pushed.pop(self.chance.randrange(len(self._pushed)))
        about["repository"] = repository
        return [delete(identity, content, **about)], owed_of("delete", identity, repository)

    # --- faults ------------------------------------------------------------------------------------------------------

    async def disk(self) -> None:
        """Commits fail for a while, now and then, and sometimes reads too."""
        while self.now() < MINUTE:
            await asyncio.sleep(2 + self.chance.random() * 6)
            self.failing = self.chance.choice(["some", "all", "all"])
            store = self.house.store if self.house is not None and self.chance.random() < 0.4 else None
            if store is not None:
                store.blind = True
            await asyncio.sleep(self.chance.random() * 2.5)
            self.failing = ""
            if store is not None:
                store.blind = False

    def trouble(self, _verb: str) -> Exception | None:
        if not self.failing or (self.failing == "some" and self.chance.random() < 0.5):
            return None
        return self.chance.choice([disk_error, disk_full])()

    async def hands(self) -> None:
        """The clock is set, and an operator holds a lane for a moment."""
        while self.now() < MINUTE:
            await asyncio.sleep(self.chance.random() * 10)
            dice = self.chance.random()
            if dice < 0.4:
                self.clock.step(int(self.chance.choice([-20_000, -900, -5, 3, 30, 5000, 11_000]) * instant.SECOND))
            elif self.house is not None:
                lane = self.chance.choice([one.lane for one in self.house.dispatcher.views()])
                await self._hold(lane, "operator")
                await asyncio.sleep(self.chance.random() * 3)
                while not await self._hold(lane, ""):  # noqa: ASYNC110 - there is nobody to set an event
                    await asyncio.sleep(0.3)

    async def _hold(self, lane: int, word: str) -> bool:
        house = self.house
        if house is None:
            return False
        try:
            house.dispatcher.apply(await house.store.pause(Pause(lane=lane, hold=word), house.clock.now()))
        except StoreUnavailable:
            return False
        return True

    # --- the process -------------------------------------------------------------------------------------------------

    async def process(self) -> None:
        """Runs, is killed, runs again; seldom it is stopped in order."""
        while True:
            await self._start()
            if self.now() >= MINUTE:
                return
            await asyncio.sleep(min(3 + self.chance.random() * 9, max(0.0, MINUTE - self.now()) + 0.001))
            house, self.house = self.house, None
            assert house is not None
            assert self._keeper is not None
            self._keeper.cancel()
            if self.chance.random() < 0.2:
                await house.stop()
            else:
                await house.kill()
                self.kills += 1
            self.life += 1
            self.done_on_disk[self.life] = self._delivered()
            await asyncio.sleep(self.chance.random())

    def _delivered(self) -> set[str]:
        with sqlite3.connect(self.path) as connection:
            found = connection.execute("SELECT webhook_id FROM delivery WHERE state = 1").fetchall()
        connection.close()
        return {row[0] for row in found}

    async def _start(self) -> None:
        while True:
            store = FlakyStore(self.path, inline=True)
            store.trouble = self.trouble
            clock = SystemClock(wall=self.clock.now, monotonic=self.clock.monotonic)
            house = House(self.path, clock, self, SUBSCRIPTIONS, store=store, seed=self.chance.randrange(10**6))
            try:
                await house.start()
            except StoreUnavailable:
                await abandon(store)
                await asyncio.sleep(0.5)
                continue
            self.house = house
            self._keeper = asyncio.create_task(Keeper(store, clock, house.observer).run())
            return

    async def run(self) -> None:
        """A minute of trouble, and then peace until nothing is owed any more."""
        async with asyncio.TaskGroup() as group:
            for part in (self.registry, self.registry, self.disk, self.hands, self.process):
                group.create_task(part())
        self.calm = True
        assert self.house is not None
        for lane in self.house.dispatcher.views():
            assert await self._hold(lane.lane, "")
        await self.house.quiet(7200)

    async def end(self) -> None:
        assert self.house is not None
        assert self._keeper is not None
        self._keeper.cancel()
        await self.house.stop()


def owed_of(what: str, identity: str, repository: str) -> set[Told]:
    """Who must hear what of one thing that happened."""
    return {
        (name, words[what], f"user-{identity}")
        for name, words in SAID.items()
        if what in words and (name != "p" or repository.startswith("prj/"))
    }
