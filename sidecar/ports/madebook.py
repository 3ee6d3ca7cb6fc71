"""What is kept of subscriptions made through APIs, with their lanes."""

from collections.abc import Collection, Mapping, Sequence
from typing import Protocol

from sidecar.domain.made import Draft, Health, LastTrigger, Made


class Madebook(Protocol):
    """Subscriptions and their lanes: each verb changes both in one transaction."""

    async def recall_made(self) -> Sequence[Made]:
        """Every one there is, by id."""

    async def put_made(self, draft: Draft, *, creator: str, now: int) -> Made:
        """Keep a new one and make its lanes. Raises Taken when its API has that key already."""

    async def change_made(self, number: int, draft: Draft, *, expected: int, now: int) -> Made:
        """Keep another state of one: lanes of targets that are gone are retired, those of new ones made.

        Raises NotFound, Stale when its revision is not `expected`, Taken when another has the draft's key.
        """

    async def remove_made(self, number: int, *, expected: int, now: int) -> None:
        """Remove one and retire its lanes. Raises NotFound, Stale when its revision is not `expected`."""

    async def clear_retired(self, now: int) -> Mapping[int, Sequence[int]]:
        """Cancel a bounded number of what retired lanes still owe: the ids by lane, none when nothing is left."""

    async def lane_health(self, lanes: Collection[int]) -> Sequence[Health]:
        """How these lanes do, by id; those that are retired are left out."""

    async def last_triggers(self, lanes: Collection[int]) -> Sequence[LastTrigger]:
        """When these lanes were last told something, by lane and word; kept of those made in Harbor's API."""

    async def forget_failures(self, lane: int) -> None:
        """Count a lane's failures in a row from 0 again."""
