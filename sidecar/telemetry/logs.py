"""What the pipeline does, as log lines.

info: events announced, failed attempts, recoveries, lanes. warning: dead deliveries, quarantine, refused envelopes.
error: trouble inside. All else is debug. A failure that repeats is told when it changes and when it is over; what has
no end to tell is told at its first, tenth, hundredth, ... time. No line holds a secret, a body or a whole URL.
"""

import logging
from collections.abc import Sequence

from sidecar.domain import instant
from sidecar.domain.delivery import Delivery, Outcome, Reason, Settlement, State
from sidecar.domain.errors import SidecarError
from sidecar.domain.event import Event
from sidecar.domain.person import Visit
from sidecar.domain.record import Quarantined
from sidecar.domain.trace import trace_id
from sidecar.domain.walk import Walk, WalkState
from sidecar.telemetry.lines import LEVELS, configure, get

__all__ = ["LEVELS", "Logs", "configure", "get"]

_USUAL = frozenset({"accepted", "duplicate", "quarantined"})
_KEYS = 1000  # registries and places that are remembered; names can come from outside
_TROUBLED = frozenset({"full", "held", "opened", "orphaned", "paused"})


class _Streak:
    """The same failure again and again: what it was, and how many were not told."""

    __slots__ = ("same", "suppressed")

    def __init__(self, same: tuple[object, ...]) -> None:
        self.same = same
        self.suppressed = 0


class Logs:
    """Implements `ports.Observer`. Made after `configure`."""

    def __init__(self) -> None:
        self._log = get()
        self.traced = False  # whether lines of events and attempts name their trace
        self._debug: bool = self._log.bind().is_enabled_for(logging.DEBUG)  # else most calls have nothing to do
        self._failing: dict[str, _Streak] = {}
        self._unavailable: dict[str, _Streak] = {}
        self._walking: dict[str, tuple[int, WalkState]] = {}
        self._times: dict[tuple[str, ...], int] = {}

    def ingested(self, registry: str, outcome: str, events: int) -> None:
        if not self._unavailable and not self._debug and outcome in _USUAL:
            return
        if outcome == "unavailable":
            streak = self._unavailable.get(registry)
            if streak is None:
                if len(self._unavailable) >= _KEYS:
                    self._unavailable.clear()
                self._unavailable[registry] = _Streak((outcome,))
                self._log.error("envelopes are refused until the store can commit", registry=registry)
            else:
                streak.suppressed += 1
            return
        if outcome == "unauthorized":
            times = self._seldom("unauthorized", registry)
            if times:
                self._log.warning("envelope refused: bad credentials", registry=registry, times=times)
            return
        if self._unavailable:
            streak = self._unavailable.pop(registry, None)
            if streak is not None:
                self._log.info("envelopes are accepted again", registry=registry, suppressed=streak.suppressed)
        self._log.debug("envelope answered", registry=registry, outcome=outcome, events=events)

    def quarantined(self, item: Quarantined) -> None:
        times = self._seldom("quarantined", item.registry, item.reason)
        say = self._log.warning if times else self._log.debug
        say(
            "quarantined",
            registry=item.registry,
            reason=item.reason,
            detail=item.detail,
            record=item.record,
            bytes=len(item.body),
            times=times,
        )

    def translated(self, registry: str, outcome: str, events: Sequence[Event], lag: int) -> None:
        for event in events:
            self._log.info(
                "announced",
                event_id=event.id,
                type=event.type,
                registry=registry,
                repository=event.repository.path,
                tags=event.tags,
                digest=event.artifact.digest,
                actor=event.actor,
                record=event.origin.record,
                **({"trace_id": trace_id(event.id)} if self.traced else {}),
            )
        if not events:
            self._log.debug("translated", registry=registry, outcome=outcome, lag_ms=_ms(lag))

    def planned(self, subscription: str, count: int) -> None:
        self._log.debug("planned", subscription=subscription, count=count)

    def refused(self, subscription: str, reason: Reason, count: int) -> None:
        """At debug only: a full backlog is told as a change of its lane, a failed rendering as trouble."""
        self._log.debug("refused", subscription=subscription, reason=reason, count=count)

    def attempted(self, subscription: str, settlement: Settlement, outcome: Outcome, delivery: Delivery) -> None:
        before = self._failing.get(subscription)
        if before is None and not self._debug and settlement.state is State.DELIVERED:
            return
        suppressed = before.suppressed if before is not None else 0
        if settlement.state is State.DELIVERED:
            if before is None:
                say, message = self._log.debug, "delivered"
            else:
                del self._failing[subscription]
                say, message = self._log.info, "delivered again"
        else:
            same = (settlement.state, settlement.reason, settlement.status)
            dead = settlement.state is State.DEAD
            message = "delivery is dead" if dead else "attempt failed"
            if before is not None and before.same == same:
                before.suppressed += 1
                say = self._log.debug
            else:
                self._failing[subscription] = _Streak(same)
                say = self._log.warning if dead else self._log.info
        say(
            message,
            subscription=subscription,
            delivery=delivery.id,
            event_id=delivery.event_id,
            webhook_id=delivery.webhook_id,
            word=delivery.word,
            attempt=settlement.attempt,
            reason=settlement.reason,
            status=settlement.status,
            detail=settlement.detail or outcome.detail,
            took_ms=_ms(settlement.took),
            suppressed=suppressed,
            **({"trace_id": trace_id(delivery.event_id)} if self.traced else {}),
        )

    def lane_changed(self, subscription: str, what: str, detail: str) -> None:
        say = self._log.warning if what in _TROUBLED else self._log.info
        say("lane " + what, subscription=subscription, detail=detail)

    def operated(self, who: str, what: str, count: int, detail: str) -> None:
        self._log.info("operated", who=who, what=what, count=count, detail=detail)

    def visited(self, visit: Visit) -> None:
        say, message = self._log.info, "api changed"
        if visit.refused:
            say, message = self._log.warning, "api refused"
        say(
            message,
            who=visit.who,
            door=visit.door,
            remote=visit.remote,
            method=visit.method,
            path=visit.path,
            status=visit.status,
            suppressed=visit.untold,
        )

    def walked(self, walk: Walk) -> None:
        before, self._walking[walk.registry] = self._walking.get(walk.registry), (walk.id, walk.state)
        if before == (walk.id, walk.state):
            self._log.debug("walk goes on", registry=walk.registry, walk=walk.id, seen=walk.seen, changes=walk.changes)
            return
        if before is None and not walk.open:
            return  # it ended before this process began
        say = self._log.warning if walk.state is WalkState.HELD else self._log.info
        say(
            "walk " + walk.state,
            registry=walk.registry,
            walk=walk.id,
            cause=walk.cause,
            silent=walk.silent,
            seen=walk.seen,
            changes=walk.changes,
            deletions=walk.deletions,
            detail=walk.why,
        )

    def trouble(self, where: str, error: BaseException) -> None:
        kind, said = type(error).__name__, ", ".join([str(error), *dict.fromkeys(getattr(error, "__notes__", ()))])
        times = self._seldom(where, kind, said)
        if times:
            # What has a name of ours, or the system's, says enough; anything else is a fault whose place we need.
            expected = isinstance(error, (SidecarError, OSError))
            self._log.error(
                "trouble",
                where=where,
                error=kind,
                detail=said,
                times=times,
                **({} if expected else {"exc_info": error}),
            )

    def failed(self, error: Exception) -> None:
        """An observer failed: this one or another."""
        self._log.error("an observer failed", exc_info=error)

    def _seldom(self, *key: str) -> int:
        """How often this has happened, if it is time to tell: the 1st, 10th, 100th, ... time; else 0."""
        if len(self._times) >= _KEYS:
            self._times.clear()
        times = self._times[key] = self._times.get(key, 0) + 1
        return times if times == 10 ** (len(str(times)) - 1) else 0


def _ms(nanoseconds: int) -> float:
    return round(nanoseconds / instant.MILLISECOND, 3)
