"""Samples that somebody wants sent without waiting for them: put into the subscription's own queue like an event's.

So they are signed, tried again and counted like everything else that goes there, and outlive a restart.
"""

from collections.abc import Callable, Collection

from sidecar.domain.event import Event, EventType, RegistryRef, Repository, ordered_uuid
from sidecar.domain.made import Made
from sidecar.domain.message import Message
from sidecar.domain.person import Person
from sidecar.pipeline.routing import webhook_id
from sidecar.pipeline.subscribing import Subscribing
from sidecar.ports import Clock, Observer
from sidecar.ports.samples import Sample, Samples


class Sampling:
    """The verb. `changed` has the dispatcher look at lanes anew."""

    def __init__(
        self,
        store: Samples,
        subscribing: Subscribing,
        clock: Clock,
        observer: Observer,
        *,
        new_uuid: Callable[[], str],
        changed: Callable[[Collection[int]], None],
    ) -> None:
        self._store = store
        self._subscribing = subscribing
        self._clock = clock
        self._observer = observer
        self._new_uuid = new_uuid
        self._changed = changed

    async def queue(
        self, person: Person, made: Made, message: Message, *, registry: RegistryRef, repository: Repository
    ) -> bool:
        """Queue a sample for a subscription's first target; False when nothing may be sent to it.

        That is while it is disabled, held, or cannot be used under the running configuration. Raises Unauthenticated,
        Forbidden, NotFound, StoreUnavailable.
        """
        lanes = await self._subscribing.lanes(person, made)
        if made.trouble or not made.enabled or not lanes or lanes[0].state.held:
            return False
        lane, now = lanes[0].state, self._clock.now()
        event = Event(
            id=ordered_uuid(now, "test", self._new_uuid()),
            type=EventType.TEST,
            time=now,
            accepted=now,
            registry=registry,
            repository=repository,
            actor=person.name,
        )
        number = webhook_id(event, lane.name, message.word, 0)
        await self._store.owe_sample(Sample(event=event, message=message, lane=lane.id, webhook_id=number))
        self._changed((lane.id,))
        self._observer.operated(person.name, "test", 1, f"subscription={made.api.value}/{made.id} queued")
        return True
