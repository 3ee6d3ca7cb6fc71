"""One world of a campaign: a victim, the registries that press it, the receivers with their moods, and its deaths."""

import asyncio
import json
import random
import signal
import time
from collections import Counter
from pathlib import Path
from typing import Any

from moody_receivers import Receiver
from plan import Life, WorldPlan
from pressing_senders import Senders
from running_victim import CONCURRENCY, TOKEN, Snapshot, Victim, subscription
from verdict import Death, Seen, Verdict, judge

from happenings import CLOUDEVENTS, CLOUDEVENTS_ASKED_FOR, DTR, HARBOR, QUAY, Envelope, Happenings, Listener

LISTENERS = {
    "h": Listener(HARBOR),
    "p": Listener(HARBOR, "prj/"),
    "d": Listener(DTR),
    "q": Listener(QUAY),
    "c": Listener(CLOUDEVENTS),
}
READ = {
    "h": lambda body: (body["type"], body["operator"]),
    "p": lambda body: (body["type"], body["operator"]),
    "d": lambda body: (body["type"], body["contents"]["author"]),
    "q": lambda body: ("repo_push", body["updated_tags"][0].replace("tag-", "user-", 1)),
    "c": lambda body: (body["type"], body["data"]["actor"]),
}
POINT_WITHIN = 1.6  # seconds after which a point that was not reached is given up, and the victim killed as it is
IN_ORDER = "stopped in order"
DRAINED_WITHIN = 60.0
BRIEF = {"delivered": "1s", "journal": "10m"}  # a record may be repeated minutes later, after many deaths


class WorldRun:
    """Plays one world's plan."""

    def __init__(self, plan: WorldPlan, folder: Path) -> None:
        self.plan = plan
        self.chance = random.Random(plan.seed)
        self.victim = Victim(folder)
        self.begun = time.monotonic()
        self.life = 0
        self.envelopes: list[Envelope] = []
        self.unreadable: list[Envelope] = []
        self.deaths: list[Death] = []
        self.receivers = {
            name: Receiver(name, READ[name], random.Random(self.chance.random()), lambda: self.life)
            for name in LISTENERS
        }
        self.happenings = Happenings(self.chance, lambda: time.monotonic() - self.begun, own_tags=True)
        self.senders = Senders(self.victim.ingest, TOKEN, random.Random(self.chance.random()))
        self.senders.on_acknowledged = self._acknowledged
        self.urls: dict[str, str] = {}
        self.names = {name: name for name in LISTENERS}

    def _acknowledged(self, told: Envelope) -> None:
        self.happenings.acknowledged(told)
        if self.chance.random() < 0.05:
            self.senders.give(told)  # the registry did not hear the answer

    async def run(self) -> Verdict:
        """All lives, and then peace until nothing is owed; what it came to."""
        for name, one in self.receivers.items():
            self.urls[name] = await one.start()
        self._configure()
        await self.victim.open()
        self.senders.start()
        moods = asyncio.create_task(self._moods())
        try:
            for life in self.plan.lives:
                await self._live(life)
                if self.deaths[-1].how == IN_ORDER:  # it was quicker than its death: another one in its place
                    await self._live(Life(after=self.chance.random() * 0.7, envelopes=10, upgraded=life.upgraded))
            moods.cancel()
            for one in self.receivers.values():
                one.mood = "fine"
            end = await self._drain()
        finally:
            moods.cancel()
            await self.senders.close()
            await self.victim.close()
            for one in self.receivers.values():
                await one.close()
        return self._judge(end)

    def _configure(self, **changed: Any) -> None:
        more = {"c": {"events": list(CLOUDEVENTS_ASKED_FOR), "match": {"untagged": True}}}
        more["p"] = {"match": {"repositories": ["prj/**"]}}
        formats = {"h": "harbor", "p": "harbor", "d": "dtr", "q": "quay", "c": "cloudevents"}
        said = [
            subscription(self.names[name], formats[name], url, **more.get(name, {}), **changed.get(name, {}))
            for name, url in self.urls.items()
        ]
        self.victim.configure(said, BRIEF if self.plan.brief else {})

    async def _moods(self) -> None:
        while True:
            await asyncio.sleep(0.1 + self.chance.random() * 0.5)
            self.chance.choice(list(self.receivers.values())).change()

    # --- lives -------------------------------------------------------------------------------------------------------

    async def _live(self, life: Life) -> None:
        self.senders.accepting.clear()
        for _ in range(life.envelopes):
            told = self.happenings.envelope(LISTENERS)
            self.envelopes.append(told)
            self.senders.give(told)
        for number in range(life.unreadable):
            body = f"this is no JSON: {self.plan.number}.{self.life}.{number}".encode()
            self.unreadable.append(Envelope(body, (), frozenset(), []))
            self.senders.give(self.unreadable[-1])
        if life.does == "throttle":
            for one in self.receivers.values():
                one.mood = "throttling"
        ended = await self.victim.begin(life)
        clock = asyncio.create_task(self._set_clock(life))
        how = await self._end_of(life, ended)
        clock.cancel()
        at = time.monotonic()
        code = await ended
        if code not in {-signal.SIGKILL, 0}:
            raise RuntimeError(f"the victim ended by itself with {code}:\n{self.victim.tail()}")
        await self._hush()
        left = await asyncio.to_thread(self.victim.look)
        self.deaths.append(Death(self.life, IN_ORDER if code == 0 else how, at, left))
        self.life += 1

    async def _end_of(self, life: Life, ended: "asyncio.Task[int]") -> str:
        """Have the life end as planned; returns how it did."""
        limit = POINT_WITHIN if life.point else life.after
        if life.does in {"reload", "stop"}:
            accepting = asyncio.create_task(self.senders.accepting.wait())
            self._nudge()
            await asyncio.wait({accepting, ended}, timeout=POINT_WITHIN, return_when=asyncio.FIRST_COMPLETED)
            accepting.cancel()
            await asyncio.wait({ended}, timeout=life.pause)
            if self.senders.accepting.is_set():  # before, it may not know the signal yet
                self._do(life.does)
        done, _ = await asyncio.wait({ended}, timeout=limit)
        if done:
            return life.point or "at random"
        self.victim.kill()
        return f"at random during {life.does}" if life.does in {"reload", "stop"} else "at random"

    def _nudge(self) -> None:
        """There must be something to accept for the first acceptance to be noticed."""
        told = self.happenings.envelope(LISTENERS)
        self.envelopes.append(told)
        self.senders.give(told)

    def _do(self, what: str) -> None:
        if what == "stop":
            self.victim.signal(signal.SIGTERM)
            return
        # A subscription gets another name, and another one room for one attempt more or less.
        name = self.chance.choice(["p", "c"])
        before = self.names[name]
        self.names[name] = name if before != name else f"{name}-renamed"
        delivery = subscription("", "", "")["delivery"]
        self._configure(
            **{name: {"formerly": before}, "h": {"delivery": {**delivery, "concurrency": self.chance.randint(2, 3)}}}
        )
        self.victim.signal(signal.SIGHUP)

    async def _set_clock(self, life: Life) -> None:
        if life.clock is not None:
            await asyncio.sleep(life.clock_at)
            self.victim.clock.write_text(str(life.clock))

    async def _hush(self) -> None:
        """Let the receivers read what the dead one had sent, so that nothing of it is taken for the next one's."""
        for _ in range(200):
            await asyncio.sleep(0.002)
            if not any(one.open for one in self.receivers.values()):
                return

    async def _drain(self) -> Snapshot:
        """Peace: everything not acknowledged is sent again, everything owed is delivered, and the stop is orderly."""
        ended = await self.victim.begin(Life(upgraded=self.plan.lives[-1].upgraded))
        limit = time.monotonic() + DRAINED_WITHIN
        while self.senders.owing and time.monotonic() < limit and not ended.done():  # noqa: ASYNC110 - many set it
            await asyncio.sleep(0.02)
        quiet = await self.victim.quiet(max(1.0, limit - time.monotonic()))
        if self.senders.owing or not quiet:
            owed = await self.victim.ask("/v1/undelivered?limit=3")
            raise RuntimeError(
                f"world {self.plan.number} is not drained: {self.senders.owing} envelopes are not acknowledged, "
                f"owed: {json.dumps(owed)}\n{self.victim.tail()}"
            )
        self.victim.signal(signal.SIGTERM)
        code = await asyncio.wait_for(ended, 20)
        if code:
            raise RuntimeError(f"the last life ended with {code}:\n{self.victim.tail()}")
        await self._hush()
        left = await asyncio.to_thread(self.victim.look, thorough=True)
        assert left is not None
        return left

    # --- what it came to ---------------------------------------------------------------------------------------------

    def _judge(self, end: Snapshot) -> Verdict:
        verdict = judge(
            Seen(
                envelopes=self.envelopes,
                unreadable=[one.body for one in self.unreadable if one.acknowledged],
                heard=[heard for one in self.receivers.values() for heard in one.heard],
                good=[good for one in self.receivers.values() for good in one.good],
                deaths=self.deaths,
                end=end,
                failed=self._failures(),
                concurrency=CONCURRENCY * len(LISTENERS),
            )
        )
        verdict.faults += [said for one in self.receivers.values() for said in one.complaints]
        if self.senders.without_retry_after:
            verdict.faults.append(f"{self.senders.without_retry_after} answers of 503 came without Retry-After")
        odd = {status: times for status, times in self.senders.statuses.items() if status not in {0, 202, 503}}
        if odd:
            verdict.faults.append(f"registries were answered {odd}")
        if "Traceback" in self.victim.said.read_text(errors="replace"):
            verdict.faults.append(f"a traceback is in {self.victim.said}")
        return verdict

    def _failures(self) -> Counter[str]:
        """Attempts that the sidecar says it saw fail, by webhook id."""
        failed: Counter[str] = Counter()
        for line in self.victim.said.read_text(errors="replace").splitlines():
            if '"attempt failed"' in line and line.startswith("{") and line.endswith("}"):
                failed[json.loads(line)["webhook_id"]] += 1
        return failed
