"""From an event to the messages and deliveries it owes. Pure."""

import functools
import operator
from collections.abc import Iterable, Sequence

import msgspec

from sidecar.dialects.allowance import Allowance
from sidecar.dialects.contract import Audience, Voice
from sidecar.domain.enrichment import NOTHING, Fact
from sidecar.domain.event import OF_NAMESPACES, Event, EventType, Kind, stable_uuid
from sidecar.domain.message import Message
from sidecar.domain.subscription import Match, Subscription
from sidecar.ports import PlannedDelivery, PlannedEvent, PlannedJoin

_KINDS = frozenset(Kind)
_VAGUE = frozenset({Kind.UNKNOWN, Kind.ARTIFACT})  # what may turn out to be another kind
MANY = 64  # routes for one type of event, from which on they are looked up and not gone through
_JUDGED = frozenset({Fact.KIND})
_OPEN = Match(kinds=_KINDS, untagged=True)


class Route(msgspec.Struct, frozen=True):
    """A subscription with its voice, its lane, and what bodies call it."""

    subscription: Subscription
    voice: Voice
    lane: int
    audience: Audience

    def sharing(self, allowance: Allowance) -> Audience:
        """The audience, with what it may cost shared by all that hear of the event through a namespace of theirs."""
        if not self.subscription.match.namespace or not self.voice.metered:
            return self.audience
        return msgspec.structs.replace(self.audience, allowance=allowance)


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """Why a subscription hears of an event, or does not.

    `fired` with the words said, or `why` it did not: `disabled`, `events` (not subscribed), a filter's name,
    `untagged`, `another` (it is told to another one alone), or `no word` (the format has none for this event).
    """

    subscription: str
    format: str
    fired: bool
    why: str
    words: tuple[str, ...] = ()


class Listening:
    """The routes that hear of one type of event, in order; of many, those far from an event are not even asked."""

    def __init__(self, routes: Sequence[Route]) -> None:
        self.everywhere = routes
        self._by_namespace: dict[str, list[tuple[int, Route]]] = {}
        self._by_head: dict[str, list[tuple[int, Route]]] = {}
        self._rest: list[tuple[int, Route]] = []
        self._many = len(routes) >= MANY
        if not self._many:
            return
        for at, one in enumerate(routes):
            match = one.subscription.match
            if match.namespace:
                self._by_namespace.setdefault(match.namespace, []).append((at, one))
            elif (heads := match.repositories.heads()) is None:
                self._rest.append((at, one))
            else:
                for head in heads:
                    self._by_head.setdefault(head, []).append((at, one))

    def near(self, event: Event) -> Sequence[Route]:
        """Those that may admit the event; the others certainly do not."""
        repository = event.repository
        # What befell a whole namespace has no path to look up, or one that is only its occasion.
        if not self._many or not repository.path or event.type in OF_NAMESPACES:
            return self.everywhere
        head = repository.path.partition("/")[0]
        found = [*self._rest, *self._by_namespace.get(repository.namespace, ()), *self._by_head.get(head, ())]
        found.sort(key=_place_of)
        return [one for _, one in found]


_place_of = operator.itemgetter(0)


class Router:
    """Matches events with subscriptions and renders each message once."""

    def __init__(self, routes: Iterable[Route]) -> None:
        self.routes = tuple(routes)
        listening: dict[EventType, list[Route]] = {}
        for one in self.routes:
            for kind in one.voice.types if one.subscription.enabled else ():
                listening.setdefault(kind, []).append(one)
        self.strained = False  # whether the last event took so much that the loop should have its turn
        self.groups = any(one.subscription.group is not None for one in self.routes)
        self._by_type = {kind: Listening(those) for kind, those in listening.items()}

    def _near(self, event: Event) -> Sequence[Route]:
        listening = self._by_type.get(event.type)
        return listening.near(event) if listening is not None else ()

    def hears(self, kind: EventType) -> bool:
        """Whether any enabled subscription asks for such events."""
        return kind in self._by_type

    def hearing(self, kind: EventType) -> Sequence[Route]:
        """The enabled subscriptions that ask for such events."""
        return self._by_type[kind].everywhere if kind in self._by_type else ()

    def reads(self, event: Event) -> frozenset[Fact]:
        """The facts of the event's artifact that somebody needs: for the words to be said, or to judge its kind."""
        facts: frozenset[Fact] = NOTHING
        for route in self._near(event):
            match = route.subscription.match
            refusal = match.refusal(event)
            if refusal and not _in_part(event, refusal):
                continue
            read = route.voice.reads(event, untagged=match.untagged)
            facts |= read
            if not match.kinds >= _KINDS and (read or route.voice.words(event, untagged=match.untagged)):
                facts |= _JUDGED
        return facts

    def admits(self, event: Event) -> bool:
        """Whether some subscription's filters admit the event."""
        return any(not route.subscription.match.refusal(event) for route in self._near(event))

    def plan(self, event: Event) -> PlannedEvent:
        """The event with everything it owes. A message that cannot be rendered gives a dead delivery, not an error.

        Where a subscription groups, the event waits in the group instead.
        """
        joins: list[PlannedJoin] = []
        messages: list[Message] = []
        deliveries: list[PlannedDelivery] = []
        rendered: dict[tuple[str, str, str], range] = {}
        allowance: Allowance | None = None
        for route in self._near(event):
            match = route.subscription.match
            if match.refusal(event):
                continue
            group = route.subscription.group
            if group is not None:
                joins.extend(
                    PlannedJoin(route.lane, group.key(event), word, group.window)
                    for word in route.voice.words(event, untagged=match.untagged)
                )
                continue
            order_key = route.subscription.policy.order.key(event)
            for word in route.voice.words(event, untagged=match.untagged):
                scope = route.subscription.name if route.voice.scoped(word) else ""
                key = (route.voice.key, word, scope)
                made = rendered.get(key)
                if made is None:
                    audience = route.audience
                    if match.namespace:
                        allowance = allowance or Allowance()
                        audience = route.sharing(allowance)
                    try:
                        new = route.voice.render(event, word, audience)
                    except Exception as error:  # noqa: BLE001 - one subscriber's words must not stop the others
                        deliveries.append(unrendered(event, route, word, error))
                        continue
                    made = rendered[key] = range(len(messages), len(messages) + len(new))
                    messages.extend(new)
                deliveries.extend(
                    PlannedDelivery(
                        lane=route.lane,
                        message=index,
                        webhook_id=webhook_id(event, route.subscription.name, word, index - made.start),
                        word=word,
                        order_key=order_key,
                    )
                    for index in made
                )
        self.strained = allowance is not None and allowance.strained
        return PlannedEvent(event, tuple(messages), tuple(deliveries), tuple(joins))

    def explain(self, event: Event) -> Sequence[Verdict]:
        """What every subscription makes of an event, in the order of the configuration."""
        return [_verdict(route, event) for route in self.routes]


def _in_part(event: Event, refusal: str) -> bool:
    """Whether what was refused may be, or be part of, something that is not."""
    if refusal == "kinds":
        return event.artifact.kind in _VAGUE
    # An index may end by the labels of its manifests, which have no tag that a filter could admit.
    return refusal == "tags" and event.type is EventType.EXPIRING and not event.tags


def plan_for(event: Event, route: Route) -> PlannedEvent:
    """An event that is told to one subscription alone, which has been asked for all that is in it."""
    subscription = msgspec.structs.replace(route.subscription, match=_OPEN)
    alone = Router([Route(subscription, route.voice, route.lane, route.audience)])
    return alone.plan(msgspec.structs.replace(event, only=subscription.name))


def webhook_id(event: Event, subscription: str, word: str, index: int) -> str:
    """The id that a receiver sees on every attempt and replay of one message, even after a restore from a backup.

    Made of the event's id and a short name for the place that the message has among the event's messages.
    """
    return f"msg_{event.id.replace('-', '')}{_place(subscription, word, index)}"


@functools.lru_cache(maxsize=4096)
def _place(subscription: str, word: str, index: int) -> str:
    return stable_uuid(subscription, word, str(index))[:8]


def render(
    event: Event, word: str, route: Route, *, order_key: str
) -> tuple[tuple[Message, ...], tuple[PlannedDelivery, ...]]:
    """One word of an event for one subscription, as `plan` would have it."""
    try:
        messages = tuple(route.voice.render(event, word, route.audience))
    except Exception as error:  # noqa: BLE001 - as in `plan`
        return (), (unrendered(event, route, word, error),)
    name = route.subscription.name
    return messages, tuple(
        PlannedDelivery(
            lane=route.lane,
            message=index,
            webhook_id=webhook_id(event, name, word, index),
            word=word,
            order_key=order_key,
        )
        for index in range(len(messages))
    )


def unrendered(event: Event, route: Route, word: str, error: Exception, *, place: str = "") -> PlannedDelivery:
    """What is owed and cannot be said. `place` is the message's among those of the event, usually its word."""
    return PlannedDelivery(
        lane=route.lane,
        message=None,
        webhook_id=webhook_id(event, route.subscription.name, place or word, 0),
        word=word,
        detail=f"{route.voice.format} could not say {word}: {told(error)}"[:500],
    )


def told(error: Exception) -> str:
    """What a dialect raised: errors of ours are sentences already, of others the name says most."""
    ours = type(error).__module__.startswith("sidecar.")
    return str(error) if ours else f"{type(error).__name__}: {error}"


def _verdict(route: Route, event: Event) -> Verdict:
    subscription = route.subscription
    words: tuple[str, ...] = ()
    why = subscription.match.refusal(event)
    if not subscription.enabled:
        why = "disabled"
    elif event.type not in route.voice.types:
        why = "events"
    elif event.only not in {"", subscription.name}:
        why = "another"
    elif not why:
        words = tuple(route.voice.words(event, untagged=subscription.match.untagged))
        if not words:
            why = "untagged" if route.voice.words(event, untagged=True) else "no word"
    return Verdict(subscription=subscription.name, format=subscription.format, fired=bool(words), why=why, words=words)
