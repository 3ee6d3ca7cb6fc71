"""The native API's verbs: replay, retry and cancel deliveries; pause, resume and test subscriptions."""

from collections.abc import Awaitable, Callable
from typing import Annotated, Any, Final

import msgspec
from aiohttp import web

from sidecar.domain.delivery import State
from sidecar.domain.glob import ANYTHING, Globs
from sidecar.domain.selection import Cursor, Selection
from sidecar.pipeline.operations import Operations
from sidecar.pipeline.redelivery import CANCELLED, REPLAYED, RETRIED, STEP, Step
from sidecar.pipeline.subscribing import Subscribing
from sidecar.web import shapes
from sidecar.web.calls import join
from sidecar.web.exchange import (
    BadArgument,
    answer,
    body_of,
    instant_of,
    named,
    number_of,
    person_of,
    states_named,
    who,
)

MOST_NAMED = 1000  # deliveries that one request may name
Walk = Callable[[Selection, Cursor, int, str], Awaitable[Step]]


def _note(text: str, **more: Any) -> msgspec.Meta:
    return msgspec.Meta(description=text, extra_json_schema=more or None)


Id = Annotated[int, msgspec.Meta(extra_json_schema={"minimum": 1, "maximum": 2**63 - 1})]
_TIME: Final[dict[str, Any]] = {"anyOf": [{"format": "date-time"}, {"maxLength": 0}]}


class SelectionBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename="camel"):
    """Which deliveries are meant. What is left out does not choose."""

    # What the notes say of values is checked here, in sentences; they are for the document alone.
    states: tuple[str, ...] = ()
    subscriptions: tuple[str, ...] = ()
    deliveries: Annotated[tuple[Id, ...], _note("ids", maxItems=MOST_NAMED)] = ()
    event: Annotated[str, _note("the event's id")] = ""
    type: Annotated[str, _note("an event's type, such as artifact.pushed")] = ""
    reason: Annotated[str, _note("why they ended as they did, such as expired")] = ""
    repositories: Annotated[tuple[str, ...], _note("globs; * within a segment, ** across, ! excludes")] = ()
    since: Annotated[str, _note("made then or later", **_TIME)] = ""
    until: Annotated[str, _note("made before then", **_TIME)] = ""
    dry_run: Annotated[bool, _note("count, and change nothing")] = False
    limit: Annotated[int, _note("how many one step may change", minimum=1, maximum=STEP)] = STEP
    cursor: Annotated[str, _note("the `next` of an earlier step", pattern="^([0-9]{1,18}-[0-9]{1,18})?$")] = ""


class TestBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is tried."""

    __test__ = False  # no test of ours, whatever its name begins with

    event: Annotated[str, _note('an event or a word of the format; "" = the first that is subscribed')] = ""


class Verbs:
    """Handlers over the operator's verbs that change something."""

    def __init__(self, operations: Operations, subscribing: Subscribing) -> None:
        self._operations = operations
        self._subscribing = subscribing

    def add_to(self, app: web.Application) -> None:
        join(
            app,
            {
                "replayDeliveries": self._replay,
                "retryDeliveries": self._retry,
                "cancelDeliveries": self._cancel,
                "retryDelivery": self._retry_one,
                "cancelDelivery": self._cancel_one,
                "pauseSubscription": self._pause,
                "resumeSubscription": self._resume,
                "testSubscription": self._test,
            },
        )

    async def _replay(self, request: web.Request) -> web.Response:
        # Without states the dead: what was delivered is sent twice only where somebody wrote that it should be.
        walk = self._operations.redelivery.replay
        return await self._step(request, walk, REPLAYED, (State.DEAD,), orphans=False)

    async def _retry(self, request: web.Request) -> web.Response:
        return await self._step(request, self._operations.redelivery.retry, RETRIED, RETRIED, orphans=False)

    async def _cancel(self, request: web.Request) -> web.Response:
        return await self._step(request, self._operations.redelivery.cancel, CANCELLED, CANCELLED, orphans=True)

    async def _step(
        self,
        request: web.Request,
        walk: Walk,
        allowed: tuple[State, ...],
        usual: tuple[State, ...],
        *,
        orphans: bool,
    ) -> web.Response:
        """One step of a walk over many deliveries, or of counting them."""
        given = await body_of(request, SelectionBody)
        lanes = tuple(self._subscribing.lane_of(name) for name in given.subscriptions)
        given = msgspec.structs.replace(given, subscriptions=lanes)
        where, cursor = _selection(given, allowed, usual), _cursor(given.cursor)
        if cursor == Cursor():
            await self._operations.check(where, orphans=orphans)
        if given.dry_run:
            step = await self._operations.redelivery.count(where, cursor, orphans=orphans)
        else:
            step = await walk(where, cursor, given.limit, who(request))
        then = step.cursor
        return answer(shapes.step(step, f"{then.after}-{then.end}" if then is not None else None))

    async def _retry_one(self, request: web.Request) -> web.Response:
        number = number_of(request)
        await self._operations.redelivery.retry_one(number, who(request))
        return await self._shown(number)

    async def _cancel_one(self, request: web.Request) -> web.Response:
        number = number_of(request)
        await self._operations.redelivery.cancel_one(number, who(request))
        return await self._shown(number)

    async def _shown(self, number: int) -> web.Response:
        row, _, _ = await self._operations.delivery(number)
        return answer(shapes.delivery(row))

    async def _pause(self, request: web.Request) -> web.Response:
        return answer(shapes.hold(await self._operations.pause(self._name(request), who(request))))

    async def _resume(self, request: web.Request) -> web.Response:
        return answer(shapes.hold(await self._operations.resume(self._name(request), who(request))))

    async def _test(self, request: web.Request) -> web.Response:
        given = await body_of(request, TestBody)
        name = self._name(request)
        tried = await self._operations.test(name, given.event, who(request))
        return answer(shapes.tried(named(request, "name"), tried))

    def _name(self, request: web.Request) -> str:
        """The lane's name of the subscription in the path. Raises Forbidden when it is not theirs."""
        return self._subscribing.managed(person_of(request), named(request, "name"))


def _selection(given: SelectionBody, allowed: tuple[State, ...], usual: tuple[State, ...]) -> Selection:
    states = states_named(given.states, "states") or usual
    if not set(states) <= set(allowed):
        raise BadArgument(
            f"this can be done only to deliveries that are {' or '.join(one.name.lower() for one in allowed)}",
            "states",
        )
    if not 1 <= given.limit <= STEP:
        raise BadArgument(f"limit must be a number from 1 to {STEP}", "limit")
    if len(given.deliveries) > MOST_NAMED or not all(0 < one < 2**63 for one in given.deliveries):
        raise BadArgument(f"deliveries must be at most {MOST_NAMED} ids", "deliveries")
    try:
        repositories = Globs.of(given.repositories, segments=True) if given.repositories else ANYTHING
    except ValueError as error:
        raise BadArgument(f"repositories: {error}", "repositories") from error
    return Selection(
        states=states,
        ids=given.deliveries,
        event=given.event,
        subscriptions=given.subscriptions,
        reason=given.reason,
        type=given.type,
        repositories=repositories,
        since=instant_of(given.since),
        until=instant_of(given.until, "until"),
    )


def _cursor(text: str) -> Cursor:
    after, dash, end = text.partition("-")
    if not text:
        return Cursor()
    if not (dash and all(one.isascii() and one.isdigit() and len(one) < 19 for one in (after, end))):
        raise BadArgument("cursor must be the `next` of an earlier step", "cursor")
    return Cursor(int(after), int(end))
