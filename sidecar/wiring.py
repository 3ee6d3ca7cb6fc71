"""Who is told what, joined to what tells it: routes, lanes and destinations of the configuration and of the APIs.

Everything is built before anything of it takes effect, so that a refusal leaves all as it was. A change of one
subscription touches its own lanes alone.
"""

import asyncio
import uuid
from collections.abc import Callable, Iterable, Sequence

import msgspec

from sidecar import __version__
from sidecar.config.binding import ConfigBinder
from sidecar.config.settings import Settings
from sidecar.dialects import load
from sidecar.dialects.contract import Audience
from sidecar.domain.delivery import Outcome
from sidecar.domain.errors import Conflict, StoreUnavailable
from sidecar.domain.lane_state import LaneName, LaneState
from sidecar.domain.made import Made, Target
from sidecar.domain.message import Message
from sidecar.domain.subscription import Subscription
from sidecar.domain.trace import Tracing
from sidecar.domain.transport import ClientTls
from sidecar.outbound.sender import HttpSender
from sidecar.outbound.signing import Signer
from sidecar.pipeline import inspection
from sidecar.pipeline.courier import Courier, Destination
from sidecar.pipeline.dispatcher import Dispatcher
from sidecar.pipeline.inspection import ShownRequest
from sidecar.pipeline.muting import Muting
from sidecar.pipeline.operations import Operations
from sidecar.pipeline.routing import Route, Router
from sidecar.pipeline.standing import Bound, Standing, stand
from sidecar.pipeline.subscribing import Subscribing
from sidecar.ports import Clock, Observer
from sidecar.stores.sqlite import SQLiteStore

Pair = tuple[Route, Destination]
Attempted = tuple[ShownRequest, Outcome, int]

USER_AGENT = f"registry-sidecar/{__version__}"


class Running(msgspec.Struct, frozen=True):
    """The parts that only run once the store is open."""

    sender: HttpSender
    courier: Courier
    dispatcher: Dispatcher


class Wiring:
    """`router` and `names` (of lanes, by id) are for the translator."""

    def __init__(
        self,
        store: SQLiteStore,
        clock: Clock,
        observer: Observer,
        operations: Operations,
        made: Subscribing,
        *,
        muting: Muting | None = None,
    ) -> None:
        self._store = store
        self._clock = clock
        self._observer = observer
        self._operations = operations
        self._subscribing = made
        self._muting = muting or Muting(store, observer)
        self._muting.changed = self._muted
        self._settings: Settings | None = None
        self._binder: ConfigBinder | None = None
        self._running: Running | None = None
        self._changed: Callable[[], None] = lambda: None
        self._states: dict[int, LaneState] = {}
        self._file: list[Pair] = []
        self._made: dict[int, list[Pair]] = {}  # by the subscription's id
        self.router = Router(())

    def connect(self, running: Running, changed: Callable[[], None]) -> None:
        """What runs from now on, and who is told when a change made other routes."""
        self._running, self._changed = running, changed
        self._subscribing.connect(self.apply, self.try_once)

    @property
    def names(self) -> dict[int, str]:
        """The names of all lanes by their ids."""
        return {one.id: one.name for one in self._states.values()}

    def described(self, settings: Settings) -> tuple[list[tuple[str, str]], frozenset[str]]:
        """All that is subscribed under these settings, as name and format; and who believes whoever answers."""
        made = [to.subscription for pairs in self._made.values() for _, to in pairs]
        every = [*(one.subscription for one in settings.subscriptions), *made]
        believing = (one.name for one in made if one.transport and one.transport.tls and not one.transport.tls.verify)
        return [(one.name, one.format) for one in every], settings.unverified.union(believing)

    # --- all of them --------------------------------------------------------------------------------------------------

    async def begin(self, settings: Callable[[], Settings]) -> bool:
        """As `register`, for the first time."""
        async with self._subscribing.lock:
            return await self.register(settings())

    async def register(self, settings: Settings) -> bool:
        """Give every subscription its lane; False when the store cannot. Under the lock of `Subscribing`."""
        if self._running is None:
            return True
        first = self._settings is None
        names = [_lane_name(bound.subscription) for bound in settings.subscriptions]
        try:
            if first:
                await self._muting.recall(tuple(load()))
            made = await self._store.recall_made() if first else [one.made for one in self._subscribing.standing]
            binder, standing = await _bound(settings, made)
            names += [_lane_name(bound.subscription) for one in standing for bound in one.bound]
            await self._store.ensure_namespaces(settings.management.accounts.namespaces, self._clock.now())
            states = await self._store.register(names, self._clock.now())
        except StoreUnavailable as error:
            self._observer.trouble("store", error)
            return False
        self._settings, self._binder = settings, binder
        self._subscribing.take(binder, standing)
        self._states = {one.id: one for one in states}
        by_name = {one.name: one for one in states}
        self._file = [
            _joined(bound, by_name[bound.subscription.name], settings.tracing) for bound in settings.subscriptions
        ]
        self._made = {one.made.id: self._pairs(one) for one in standing}
        self._route(self._running)
        self._running.dispatcher.configure({route.lane: to for route, to in self._all()}, states)
        for state in states:
            if state.orphaned and state.pending:
                self._observer.lane_changed(state.name, "orphaned", f"{state.pending} deliveries wait for its return")
        if first:
            self._subscribing.clear_soon()
        return True

    # --- one of them --------------------------------------------------------------------------------------------------

    async def apply(self, before: Made | None, after: Standing | None) -> None:
        """Implements `pipeline.standing.Apply`."""
        if self._running is None:
            return
        targets = after.made.targets if after is not None else ()
        if after is not None and self._binder is not None and self._binder.use is not None:
            self._binder.use |= _settings_of(bound.subscription for bound in after.bound)  # before anything is awaited
        retired = {one.lane for one in before.targets} if before is not None else set()
        retired -= {one.lane for one in targets}
        try:
            states = [one.state for one in await self._store.lane_health([one.lane for one in targets])]
        except StoreUnavailable as error:
            self._observer.trouble("store", error)
            states = [self._states.get(one.lane) or _fresh(one) for one in targets]
        self._states.update((one.id, one) for one in states)
        for lane in retired:
            self._states.pop(lane, None)
        if after is not None:
            self._made[after.made.id] = self._pairs(after)
        elif before is not None:
            self._made.pop(before.id, None)
        self._route(self._running)
        self._changed()
        mine = self._made.get(after.made.id, ()) if after is not None else ()
        self._running.dispatcher.configure({route.lane: to for route, to in mine}, states)
        self._running.dispatcher.retire(retired)

    async def try_once(self, bound: Bound, message: Message, serial: str) -> Attempted:
        """Implements `pipeline.standing.Trial`."""
        if self._running is None or self._binder is None:
            raise Conflict("nothing is sent while the sidecar is starting; try again in a moment")
        to, number = _destination(bound, self._tracing), f"msg_test{serial.replace('-', '')}"
        request = inspection.would_be(message, to, number, self._clock.now())
        transport = bound.subscription.transport
        if transport is None:
            return request, *await self._running.courier.test(message, to, number)
        tls = self._binder.contexts.get(transport.tls) if transport.tls is not None else None
        with self._running.sender.lent(transport, tls):
            return request, *await self._running.courier.test(message, to, number)

    def _muted(self) -> None:
        """Implements `pipeline.muting.Muting.changed`."""
        if self._running is not None:
            self._route(self._running)
            self._changed()

    # --- within -------------------------------------------------------------------------------------------------------

    def _pairs(self, standing: Standing) -> list[Pair]:
        """The routes of one that can be used, none for one that cannot."""
        return [
            _joined(bound, self._states[target.lane], self._tracing, standing.made.uuid)
            for target, bound in zip(standing.made.targets, standing.bound, strict=False)
            if target.lane in self._states
        ]

    @property
    def _tracing(self) -> Tracing | None:
        return self._settings.tracing if self._settings is not None else None

    def _all(self) -> list[Pair]:
        return [*self._file, *(pair for pairs in self._made.values() for pair in pairs)]

    def _route(self, running: Running) -> None:
        """Have events go by what is here now."""
        pairs = self._all()
        self.router = Router([self._muting.heard(route) for route, _ in pairs])
        transports = {one for _, to in pairs if (one := to.subscription.transport) is not None}
        contexts = self._binder.contexts if self._binder is not None else {}  # the settings' own among them
        if self._binder is not None:
            self._binder.use = _settings_of(to.subscription for _, to in pairs)
        running.sender.configure({one: None if one.tls is None else contexts[one.tls] for one in transports})
        named = {to.subscription.name: to for _, to in pairs}
        self._operations.connect(self.router, named, running.dispatcher, running.courier)


def new_uuid() -> str:
    """A random one."""
    return str(uuid.uuid4())


async def shown(settings: Settings, store: SQLiteStore, operations: Operations, made: Subscribing) -> None:
    """Join what is subscribed to the lanes that a store has for it, for looking: nothing is registered or sent."""
    binder, standing = await _bound(settings, await store.recall_made())
    made.take(binder, standing)
    lanes = {row.state.name: row.state for row in await store.lanes()}
    every: list[tuple[Bound, str]] = [(bound, "") for bound in settings.subscriptions]
    every += [(bound, one.made.uuid) for one in standing for bound in one.bound]
    pairs = [
        _joined(one, lanes.get(one.subscription.name) or _unknown(one.subscription), settings.tracing, uuid)
        for one, uuid in every
    ]
    operations.connect(Router([route for route, _ in pairs]), {to.subscription.name: to for _, to in pairs})


async def _bound(settings: Settings, made: Sequence[Made]) -> tuple[ConfigBinder, list[Standing]]:
    """What a configuration makes of all of them: on a thread, since many take their time."""
    binder = ConfigBinder.of(settings)
    if not made:
        return binder, []
    return binder, await asyncio.to_thread(lambda: [stand(one, binder) for one in made])


def _lane_name(one: Subscription) -> LaneName:
    return LaneName(name=one.name, format=one.format, formerly=one.formerly)


def _settings_of(subscriptions: Iterable[Subscription]) -> frozenset[ClientTls]:
    """The TLS settings that they use."""
    transports = (one.transport for one in subscriptions)
    return frozenset([one.tls for one in transports if one is not None and one.tls is not None])


def _joined(bound: Bound, state: LaneState, tracing: Tracing | None, uuid: str = "") -> Pair:
    one = bound.subscription
    audience = Audience(one.name, state.policy, uuid, one.url)
    return Route(one, bound.voice, state.id, audience), _destination(bound, tracing)


def _destination(bound: Bound, tracing: Tracing | None) -> Destination:
    return Destination.of(bound.subscription, bound.voice, Signer.of(bound.subscription.signing), USER_AGENT, tracing)


def _unknown(one: Subscription) -> LaneState:
    """What has no lane yet: a configuration that no sidecar has run with."""
    return LaneState(id=0, name=one.name, format=one.format, policy=0)


def _fresh(target: Target) -> LaneState:
    """A lane that was made a moment ago."""
    form = str(target.subscription.get("format", ""))
    return LaneState(id=target.lane, name=target.name, format=form, policy=target.lane if form == "harbor" else 0)
