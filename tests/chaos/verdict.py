"""What a world's deaths came to: was anything lost, invented, or said twice without a reason.

Rule for what may be said twice. The sidecar promises at least once: what is sent and not written down is sent again.
So a delivery may be repeated after a death only if the file, as the death left it, had it still due although a receiver
had answered it with success: it was in flight (at most `concurrency` for each subscription), or its result was on its
way into the file, where it is within SETTLED_WITHIN of the answer. The bound of a death is therefore: the concurrency
of all subscriptions, plus the successes that were answered within SETTLED_WITHIN before it. All else is a fault: a
repeat within one life, a repeat of what the file knew as delivered, another id or other bytes for the same thing.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

import msgspec
from moody_receivers import Good, Heard
from running_victim import Snapshot

from happenings import Envelope, Told

SETTLED_WITHIN = 0.25  # seconds


class Death(msgspec.Struct):
    """One end of a life. `how` is a kill point, or a word of the driver; `left` is what the file said, if any."""

    life: int
    how: str
    at: float
    left: Snapshot | None


class Verdict(msgspec.Struct):
    """The figures of one world, or of several, and every fault in a sentence."""

    acknowledged: int = 0  # records
    owed: int = 0  # deliveries that they owe
    heard: int = 0  # requests that reached a receiver
    lost: int = 0
    repeated: int = 0
    bound: int = 0
    deaths: Counter[str] = msgspec.field(default_factory=Counter)
    repeated_by: Counter[str] = msgspec.field(default_factory=Counter)
    bound_by: Counter[str] = msgspec.field(default_factory=Counter)
    faults: list[str] = msgspec.field(default_factory=list)

    def add(self, other: "Verdict") -> None:
        for name in ("acknowledged", "owed", "heard", "lost", "repeated", "bound"):
            setattr(self, name, getattr(self, name) + getattr(other, name))
        for name in ("deaths", "repeated_by", "bound_by"):
            getattr(self, name).update(getattr(other, name))
        self.faults += other.faults


class Seen(msgspec.Struct, frozen=True, kw_only=True):
    """What a world has seen.

    `failed` counts, by webhook id, the attempts that the sidecar's own log calls failures: an answer that came too late
    for it is one, though the receiver thinks that it answered. `concurrency` is that of all subscriptions.
    """

    envelopes: Sequence[Envelope]
    unreadable: Sequence[bytes]  # bodies that were acknowledged
    heard: Sequence[Heard]
    good: Sequence[Good]
    deaths: Sequence[Death]
    end: Snapshot
    failed: Mapping[str, int]
    concurrency: int


def judge(seen: Seen) -> Verdict:
    """All figures and all faults of a world."""
    verdict = Verdict(
        acknowledged=sum(len(one.records) for one in seen.envelopes if one.acknowledged) + len(seen.unreadable),
        owed=sum(len(one.owed) for one in seen.envelopes if one.acknowledged),
        heard=len(seen.heard),
        deaths=Counter(one.how for one in seen.deaths),
    )
    _complete(verdict, seen)
    _stable(verdict, seen.heard)
    _repeats(verdict, seen)
    return verdict


def _complete(verdict: Verdict, seen: Seen) -> None:
    """Everybody heard of all that was acknowledged, and of nothing that never happened."""
    well = {one.id for one in seen.good}
    told = {one.told for one in seen.heard if one.id in well}
    for one in seen.envelopes:
        if one.acknowledged and not one.owed <= told:
            missing = sorted(one.owed - told)
            verdict.lost += len(missing)
            verdict.faults.append(f"lost: {missing} of the acknowledged records {one.records}")
    allowed: set[Told] = set().union(*(one.owed for one in seen.envelopes)) if seen.envelopes else set()
    invented = sorted({one.told for one in seen.heard} - allowed)
    if invented:
        verdict.faults.append(f"invented: {invented[:10]}")
    for envelope in seen.envelopes:
        reached = envelope.owed & told
        if not envelope.acknowledged and reached and reached != envelope.owed:
            verdict.faults.append(f"half told: only {sorted(reached)} of an envelope that was not acknowledged")
    missing = [body for body, times in Counter(seen.unreadable).items() if seen.end.unreadable.count(body) < 1]
    verdict.lost += len(missing)
    verdict.faults += [f"lost: the unreadable body {body!r} is not in quarantine" for body in missing]
    stray = [body for body in seen.end.unreadable if body not in seen.unreadable]
    verdict.faults += [f"in quarantine without a reason: {body[:200]!r}" for body in stray]
    if seen.end.due or seen.end.other:
        verdict.faults.append(
            f"at the end {len(seen.end.due)} deliveries are due and {len(seen.end.other)} are dead or cancelled"
        )
    if seen.end.damage:
        verdict.faults.append(f"the file is damaged: {seen.end.damage}")


def _stable(verdict: Verdict, heard: Iterable[Heard]) -> None:
    """One message has one id and one body, on every attempt and in every life."""
    said: dict[str, tuple[Told, bytes]] = {}
    for one in heard:
        if said.setdefault(one.id, (one.told, one.body)) != (one.told, one.body):
            verdict.faults.append(f"{one.id} was sent with two bodies: {one.told}")
    ids = Counter(told for told, _ in said.values())
    verdict.faults += [f"{told} was sent under {times} ids" for told, times in ids.items() if times > 1]


def _repeats(verdict: Verdict, seen: Seen) -> None:
    """Whatever was said twice has a death between, and the file of that death explains it."""
    by_life: dict[int, Counter[str]] = {}
    for one in seen.good:
        by_life.setdefault(one.life, Counter())[one.id] += 1
    for life, ids in by_life.items():
        for id_, times in ids.items():
            if times > 1 + seen.failed.get(id_, 0):
                verdict.faults.append(f"{id_} was answered {times} times within life {life}")
    lives: dict[str, list[int]] = {}
    for one in seen.good:
        lives.setdefault(one.id, []).append(one.life)
    written: set[str] = set()
    attempts: dict[int, set[str]] = {}
    for one in seen.heard:
        attempts.setdefault(one.life, set()).add(one.id)
    good_of: dict[int, list[Good]] = {}
    for one in seen.good:
        good_of.setdefault(one.life, []).append(one)
    for death in seen.deaths:
        again = attempts.get(death.life, set()) & written
        verdict.faults += [f"{id_} was sent in life {death.life} though it was written as delivered" for id_ in again]
        if death.left is None:
            continue
        written |= death.left.delivered
        if death.left.damage:
            verdict.faults.append(f"after life {death.life} ({death.how}) the file is damaged: {death.left.damage}")
        mine = good_of.get(death.life, [])
        recent = sum(death.at - one.at <= SETTLED_WITHIN for one in mine)
        bound = seen.concurrency + recent
        unsettled = {one.id for one in mine if one.id in death.left.due}
        late = [one.id for one in mine if one.id in unsettled and death.at - one.at > SETTLED_WITHIN]
        late = [id_ for id_ in late if not seen.failed.get(id_)]
        if late:
            verdict.faults.append(f"{late} were answered long before death {death.life} and not written")
        repeats = sum(any(life > death.life for life in lives[id_]) for id_ in unsettled)
        verdict.repeated += repeats
        verdict.bound += bound
        verdict.repeated_by[death.how] += repeats
        verdict.bound_by[death.how] += bound
        if repeats > bound:
            verdict.faults.append(
                f"{repeats} repeats after life {death.life} ({death.how}), at most {bound} are allowed"
            )
