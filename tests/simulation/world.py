"""A small world around a sidecar: registries that notify, receivers that answer or do not, a disk that fails, a clock
that steps, operators, and somebody who kills the process. Everything random comes from one seed and happens in virtual
time. What must hold is looked at all the time; whatever does not is a complaint.
"""

import asyncio
import json
import random
from collections import Counter, deque
from collections.abc import Collection
from pathlib import Path
from typing import Any

import msgspec
from config_files import FIRST, LISTENERS, PLACES, QUICK, File
from hands import bring_back_everything, hold, one_of_them
from oracle import Look, journal_after, lanes_of_due, look, moved, whose

from chatting import chatting
from doubles import House, RecordingObserver, abandon
from flaky_store import FlakyStore, disk_error, disk_full
from happenings import Envelope, Happenings, Told
from sidecar.clock import SystemClock
from sidecar.domain import instant
from sidecar.domain.delivery import Outcome, Reason, State
from sidecar.domain.errors import StoreUnavailable
from sidecar.domain.message import Response
from sidecar.domain.retention import Retention
from sidecar.pipeline.upkeep import Keeper
from sidecar.ports import SendRequest
from virtual_time import VirtualClock

SAID = {
    "d": lambda body: ((body["type"], body["contents"]["author"]),),
    "c": lambda body: ((body["type"], body["data"]["actor"]),),
    "g": lambda body: tuple((one["word"], one["actor"]) for one in body["said"]),
}


class Sent(msgspec.Struct, frozen=True):
    """One request as a receiver saw it: `said` are the words in it, with the actor of whom each is said."""

    life: int
    at: float
    place: str
    said: tuple[tuple[str, str], ...]
    id: str
    body: bytes

    @property
    def told(self) -> tuple[Told, ...]:
        return tuple((self.place, word, actor) for word, actor in self.said)


class Span(msgspec.Struct):
    """Which roles listened at all moments, and at any moment, from the first post until all was surely translated."""

    always: frozenset[str]
    ever: frozenset[str]
    records: tuple[str, ...]
    waiting: set[str]  # those not known to be translated


class World:
    """One simulation of so many seconds. `tempo` stretches the time between things that happen."""

    def __init__(self, seed: int, path: Path, *, seconds: float = 60.0, tempo: float = 1.0) -> None:
        self.chance = random.Random(seed)
        self.path = path
        self.seconds = seconds
        self.tempo = tempo
        self.machine = VirtualClock()
        self.happenings = Happenings(self.chance, self.now)
        self.envelopes: list[Envelope] = []
        self.sent: list[Sent] = []
        self.well: list[tuple[int, str]] = []  # (life, webhook-id) of what was answered 2xx
        self.lanes = dict(PLACES)
        self.written: set[str] = set()  # records that were seen in the journal
        self.aside: set[bytes] = set()  # bodies that are surely in quarantine
        self.aside_ever: set[bytes] = set()
        self.complaints: list[str] = []
        self.replayed: Counter[str] = Counter()  # webhook ids that an operator had sent once more
        self.given_up: set[tuple[str, str]] = set()  # (place, actor) of what an operator cancelled
        self.compared = 0  # how often pending counts were compared with the store's
        self.life = 0
        self.kills = 0
        self.house: House | None = None
        self.file: File = FIRST
        self.failing = ""
        self.faults = 0
        self.calm = False
        self._open: Counter[str] = Counter()
        self._spans: dict[tuple[str, ...], Span] = {}
        self._unfinished: dict[str, Span] = {}  # by record
        self._active = [FIRST.listening]
        self._done: set[str] = set()  # webhook ids that the file knew as delivered
        self._answered: set[str] = set()  # webhook ids answered 2xx in this life
        self._last = Look()
        self._touched: set[int] = set()  # deliveries, by operators, since the last look
        self._recent: deque[Envelope] = deque(maxlen=20)
        self._numbers = 0
        self._read_to = 0  # the last number of the journal that was looked at
        self._numbers_of: dict[str, int] = {}  # of records that are not known to be translated
        self._keeper: asyncio.Task[None] | None = None

    def now(self) -> float:
        return asyncio.get_running_loop().time()

    def number(self) -> int:
        """A number that was never used."""
        self._numbers += 1
        return self._numbers

    async def _some(self, seconds: float) -> None:
        await asyncio.sleep(self.chance.random() * seconds * self.tempo)

    # --- the receivers -----------------------------------------------------------------------------------------------

    async def send(self, request: SendRequest) -> Response | Outcome:
        """ports.Sender: what becomes of one request."""
        body = json.loads(request.body)
        place = request.url.rpartition("/")[2]
        said = SAID.get(place, lambda body: ((body["type"], body["operator"]),))(body)
        id_ = dict(request.headers)["webhook-id"]
        self.sent.append(Sent(self.life, self.now(), place, said, id_, request.body))
        if id_ in self._done:
            self.complaints.append(f"{id_} was sent again though it was written as delivered")
        if id_ in self._answered:
            self.complaints.append(f"{id_} was sent again by the process that had its answer")
        self._open[place] += 1
        bound = QUICK.concurrency * sum(PLACES[role] == place for role in LISTENERS)
        if self._open[place] > bound:
            self.complaints.append(f"{place} had {self._open[place]} requests open at once")
        life = self.life
        try:
            answer = await self._answer()
        finally:
            self._open[place] -= 1
        if isinstance(answer, Response) and answer.status < 300:
            self.well.append((life, id_))
            if life == self.life:
                self._answered.add(id_)
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
        if dice > 0.14:
            return Response(status=self.chance.choice([400, 410, 422]))  # dead, until an operator has it sent again
        if dice > 0.07:
            return Outcome(reason=Reason.DISCONNECTED, retryable=True, detail="the connection broke")
        await asyncio.sleep(self.chance.random() * 5)
        return Outcome(reason=Reason.TIMED_OUT, retryable=True, detail="no answer in time")

    # --- the registries ----------------------------------------------------------------------------------------------

    async def registry(self) -> None:
        """Notify until the end: one envelope after another, each until it is answered, as a registry does."""
        while self.now() < self.seconds:
            await self._some(0.6)
            if self.chance.random() < 0.02:
                await self._post_rubbish()
            told = self.happenings.envelope(LISTENERS)
            span = Span(
                frozenset.intersection(*self._active), frozenset().union(*self._active), told.records, set(told.records)
            )
            self._spans[told.records] = span
            self._unfinished.update(dict.fromkeys(told.records, span))
            self.envelopes.append(told)
            self._recent.append(told)
            while not await self._post(told):
                if self.chance.random() < 0.02:
                    break  # the registry was restarted: what it had not told is gone
                await asyncio.sleep(0.1)
            if self.chance.random() < 0.2:
                await self._post(self.chance.choice(self._recent))  # a repeat, or what was thought to be gone

    async def _post(self, told: Envelope) -> bool:
        outcome = await self._accept(told.body)
        if outcome is None:
            return False
        if outcome not in {"accepted", "duplicate"}:
            self.complaints.append(f"an envelope was {outcome}")
        self.happenings.acknowledged(told)
        return True

    async def _post_rubbish(self) -> None:
        body = f"this is no JSON: {self.number()}".encode()
        self.aside_ever.add(body)
        outcome = await self._accept(body)
        if outcome == "quarantined":
            self.aside.add(body)
        elif outcome is not None:
            self.complaints.append(f"rubbish was {outcome}")

    async def _accept(self, body: bytes) -> str | None:
        house = self.house
        if house is None:
            return None
        try:
            return await house.intake.accept("main", body)
        except StoreUnavailable:
            return None

    def some_of(self, states: Collection[State]) -> list[int]:
        """A few deliveries that stand like this in the file."""
        self._look()
        found = sorted(number for number, (state, _) in self._last.items() if state in states)
        return self.chance.sample(found, min(len(found), 3))

    def bring_back(self, deliveries: Collection[int]) -> None:
        """An operator is about to have these sent once more."""
        self._touched.update(deliveries)
        ids = {self._last[one][1] for one in deliveries}
        self.replayed.update(ids)
        self._done -= ids
        self._answered -= ids

    def give_up(self, deliveries: Collection[int]) -> None:
        """An operator is about to cancel these."""
        self._touched.update(deliveries)
        for lane, actor in whose(self.path, deliveries):
            self.given_up.add((PLACES[lane.partition("-")[0]], actor))

    def throw_away(self, body: bytes) -> None:
        """Somebody is about to delete this from quarantine."""
        self.aside.discard(body)

    def thrown_away(self, body: bytes) -> None:
        self.aside_ever.discard(body)

    # --- who must hear what ------------------------------------------------------------------------------------------

    def must(self, told: Envelope) -> set[Told]:
        span = self._spans[told.records]
        owed = {(PLACES[role], word, actor) for role, word, actor in told.owed if role in span.always}
        return {one for one in owed if (one[0], one[2]) not in self.given_up}

    def may(self, told: Envelope) -> set[Told]:
        span = self._spans[told.records]
        return {(PLACES[role], word, actor) for role, word, actor in told.owed if role in span.ever}

    def write_file(self, file: File) -> None:
        """Another configuration lies there. Until it is in use, what is translated may be told by either."""
        self.file = file
        self._active.append(file.listening)
        for span in self._unfinished.values():
            span.always &= file.listening
            span.ever |= file.listening

    def in_use(self) -> None:
        self._active = [self.file.listening]

    def _translated(self, records: set[str]) -> None:
        """These are behind the translator; an envelope is when all of its records are."""
        for record in records:
            span = self._unfinished.get(record)
            if span is None:
                continue
            span.waiting.discard(record)
            if not span.waiting:
                for one in span.records:
                    self._unfinished.pop(one, None)

    # --- faults ------------------------------------------------------------------------------------------------------

    async def disk(self) -> None:
        """Commits fail for a while, now and then, and sometimes reads too."""
        while self.now() < self.seconds:
            await asyncio.sleep((2 + self.chance.random() * 6) * self.tempo)
            self.failing = self.chance.choice(["some", "all", "all"])
            self.faults += 1
            store = self.house.store if self.house is not None and self.chance.random() < 0.4 else None
            if store is not None:
                store.blind = True
            await asyncio.sleep(self.chance.random() * 2.5 * (self.tempo if self.chance.random() < 0.2 else 1.0))
            self.failing = ""
            if store is not None:
                store.blind = False

    def trouble(self, _verb: str) -> Exception | None:
        if not self.failing or (self.failing == "some" and self.chance.random() < 0.5):
            return None
        return self.chance.choice([disk_error, disk_full])()

    async def hands(self) -> None:
        """Operators, and whoever sets the clock."""
        while self.now() < self.seconds:
            await self._some(5)
            await one_of_them(self)

    # --- the process -------------------------------------------------------------------------------------------------

    async def process(self) -> None:
        """Runs, is killed, runs again; seldom it is stopped in order."""
        while True:
            await self._start()
            if self.now() >= self.seconds:
                return
            lasts = (3 + self.chance.random() * 9) * self.tempo
            await asyncio.sleep(min(lasts, max(0.0, self.seconds - self.now()) + 0.001))
            house, self.house = self.house, None
            assert house is not None
            assert self._keeper is not None
            self._keeper.cancel()
            faults, failing = self.faults, self.failing
            orderly = self.chance.random() < 0.2
            if orderly:
                await house.stop()
            else:
                await house.kill()
                self.kills += 1
            self._look()
            if orderly and not failing and faults == self.faults:
                due = {id_ for state, id_ in self._last.values() if state is State.DUE}
                self.complaints += [
                    f"{id_} was answered, and an orderly stop forgot it" for id_ in self._answered & due
                ]
            self.life += 1
            self._answered = set()
            self._touched = set()
            self._done |= {id_ for state, id_ in self._last.values() if state is State.DELIVERED}
            self._read_journal()
            await asyncio.sleep(self.chance.random())

    def _look(self) -> None:
        now = look(self.path)
        self.complaints += moved(self._last, now, self._touched)
        self._last = now

    def _read_journal(self) -> None:
        """Which records were written, and which of those are surely translated."""
        rows, cursor = journal_after(self.path, self._read_to)
        for number, record in rows:
            self._read_to = number
            self.written.add(record)
            if record in self._unfinished:
                self._numbers_of[record] = number
        behind = {record for record, number in self._numbers_of.items() if number <= cursor}
        for record in behind:
            del self._numbers_of[record]
        self._translated(behind)

    async def _start(self) -> None:
        while True:
            clock = SystemClock(self.machine.now, self.machine.monotonic)
            store = _Store(self, clock)
            house = House(
                self.path, clock, self, self.file.subscriptions(), store=store, seed=self.chance.randrange(10**6)
            )
            house.observer = house.dispatcher._observer = _Observer(self)
            try:
                await house.start()
            except StoreUnavailable:
                await abandon(store)
                await asyncio.sleep(0.5)
                continue
            self.in_use()
            self.house = house
            self._keeper = asyncio.create_task(Keeper(store, clock, house.observer).run())
            return

    async def watch(self) -> None:
        """Look at the file, and compare what the process believes to be pending with it."""
        while self.now() < self.seconds:
            await self._some(2)
            house = self.house
            if house is None:
                continue
            self._look()
            self._read_journal()
            if await self._idle(house):
                self.compare(house)

    async def _idle(self, house: House) -> bool:
        """Whether nothing is on its way into the file, and everybody has heard of what was written."""
        for _ in range(4):
            await asyncio.sleep(0)
            loop = house.store._loop
            if house is not self.house or loop is None or loop.busy or loop.down or house.translator.lag:
                return False
            if any(one.settling for one in house.dispatcher._tracks.values()):
                return False
        return True

    def compare(self, house: House) -> None:
        self.compared += 1
        due = Counter(lanes_of_due(self.path))
        for view in house.dispatcher.views():
            if view.pending != due[view.lane]:
                self.complaints.append(f"{view.name} believes {view.pending} to be pending, there are {due[view.lane]}")

    # --- from beginning to end ---------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Trouble for so long, and then peace until nothing is owed any more."""
        with chatting():
            await self._run()

    async def _run(self) -> None:
        async with asyncio.TaskGroup() as group:
            for part in (self.registry, self.registry, self.disk, self.hands, self.process, self.watch):
                group.create_task(part())
        self.calm = True
        house = self.house
        assert house is not None
        file = File(self.file.names, {}, frozenset(), self.file.gone, self.file.group)
        for role in sorted(file.gone):
            file = file.with_back(role)
        self.write_file(file)
        await house.configure(file.subscriptions())
        self.in_use()
        await asyncio.sleep(10)  # the last bad answers have come by then, and were written
        for lane in house.dispatcher.views():
            assert await hold(self, lane.lane, "")
        self._touched |= self._last.keys() | look(self.path).keys()
        await bring_back_everything(self)
        await house.quiet(7200)
        assert await self._idle(house)
        self.compare(house)

    async def end(self) -> None:
        assert self.house is not None
        assert self._keeper is not None
        self._keeper.cancel()
        await self.house.stop()
        self._look()


class _Store(FlakyStore):
    """The world's disk below a store, and the clock told what the file holds, as the composition root does it."""

    def __init__(self, world: World, clock: SystemClock) -> None:
        age = int(20 * world.tempo * instant.SECOND)
        super().__init__(world.path, inline=True, retention=Retention(delivered=age, dead=900 * instant.DAY))
        self.trouble = world.trouble
        self._clock = clock

    async def open(self) -> None:
        await super().open()
        self._clock.not_before(self.newest)


class _Observer(RecordingObserver):
    """Keeps nothing but what the world wants to know: which records were translated."""

    def __init__(self, world: World) -> None:
        super().__init__()
        self._world = world

    def translated(self, registry: str, outcome: str, events: Any, lag: int) -> None:
        self._world._translated({event.origin.record for event in events})

    def attempted(self, *_: Any) -> None:
        return

    def trouble(self, where: str, error: BaseException) -> None:
        if not isinstance(error, StoreUnavailable) and "leapt" not in str(error):
            self._world.complaints.append(f"trouble in {where}: {error!r}")
