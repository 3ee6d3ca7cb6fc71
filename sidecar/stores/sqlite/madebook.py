"""The half of the store that keeps what is made through APIs: the port Madebook."""

import abc
from collections.abc import Collection, Mapping, Sequence

from sidecar.domain.made import Draft, Health, LastTrigger, Made
from sidecar.stores.sqlite import made
from sidecar.stores.sqlite.parts import Part


class SQLiteMadebook(Part):
    """Subscriptions and their lanes. Whoever is a store gives it a reader apart from the pipeline's, and the writer."""

    @abc.abstractmethod
    def pending(self, lane: int) -> int:
        """How much a lane owes."""

    async def recall_made(self) -> Sequence[Made]:
        return await made.recall(self._operator_reader())

    async def put_made(self, draft: Draft, *, creator: str, now: int) -> Made:
        new: Made = await self._do(made.put, draft, creator, now)
        return new

    async def change_made(self, number: int, draft: Draft, *, expected: int, now: int) -> Made:
        changed: Made = await self._do(made.change, (number, expected), draft, now)
        return changed

    async def remove_made(self, number: int, *, expected: int, now: int) -> None:
        await self._do(made.remove, number, expected, now)

    async def clear_retired(self, now: int) -> Mapping[int, Sequence[int]]:
        moved: Mapping[int, Sequence[int]] = await self._do(made.clear, now)
        return moved

    async def lane_health(self, lanes: Collection[int]) -> Sequence[Health]:
        return await made.health(self._operator_reader(), self.pending, lanes)

    async def last_triggers(self, lanes: Collection[int]) -> Sequence[LastTrigger]:
        return await made.triggers(self._operator_reader(), lanes)

    async def forget_failures(self, lane: int) -> None:
        await self._do(made.forget_failures, lane)
