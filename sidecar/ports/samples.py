"""Samples that are owed like an event's deliveries: sent by the lane, counted in its failures, tried again."""

from typing import Protocol

import msgspec

from sidecar.domain.event import Event
from sidecar.domain.message import Message


class Sample(msgspec.Struct, frozen=True, kw_only=True):
    """An event that no registry told, of type `test`, and the one delivery that it owes, due when it was `accepted`."""

    event: Event
    message: Message
    lane: int
    webhook_id: str


class Samples(Protocol):
    """Where a sample is put into a lane's queue."""

    async def owe_sample(self, sample: Sample) -> None:
        """Make it durable. Raises NotFound when there is no such lane any more."""
