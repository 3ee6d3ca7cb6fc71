"""Samples that are owed like an event's deliveries: sent by the lane, counted in its failures, tried again."""

from typing import Protocol

from sidecar.domain.event import Event
from sidecar.domain.message import Message


class Samples(Protocol):
    """Where a sample is put into a lane's queue."""

    async def owe_sample(self, event: Event, message: Message, *, lane: int, webhook_id: str) -> None:
        """Keep an event that no registry told, of type `test`, with the one delivery that it owes, due at `accepted`.

        Raises NotFound when there is no such lane any more.
        """
