"""The walks' half of the store: the port Walkbook."""

import abc
from collections.abc import Mapping, Sequence
from typing import Any

from sidecar.domain.observation import Observation
from sidecar.domain.walk import Memory, Place, Step, Walk
from sidecar.stores.sqlite import walks
from sidecar.stores.sqlite.reading import Reader


class SQLiteWalkbook(abc.ABC):
    """Progress and findings. Whoever is a store gives it a reader apart from the pipeline's, and the commit loop."""

    @abc.abstractmethod
    def _operator_reader(self) -> Reader:
        """Where long lists are read. Raises StoreUnavailable while there is no such place."""

    @abc.abstractmethod
    async def _submit(self, verb: str, item: Any) -> Any:
        """Have the commit loop do one item of a verb."""

    async def recall_walks(self) -> Memory:
        return await walks.recall(self._operator_reader())

    async def walks(self, registry: str, limit: int) -> Sequence[Walk]:
        return await walks.walks(self._operator_reader(), registry, limit)

    async def keep_walk(self, walk: Walk, step: Step) -> Walk:
        kept: Walk = await self._submit("do", lambda connection: walks.keep(connection, walk, step))
        return kept

    async def forget_walks(self, registry: str) -> None:
        while await self._submit("do", lambda connection: walks.forget(connection, registry)):
            pass

    async def meet(self, registry: str, instance: str) -> None:
        await self._submit("do", lambda connection: walks.meet(connection, registry, instance))

    async def note_alive(self, now: int, *, orderly: bool) -> None:
        await self._submit("do", lambda connection: walks.alive(connection, now, orderly=orderly))

    async def next_place(self, walk: int, after: str) -> Place | None:
        return await walks.next_place(self._operator_reader(), walk, after)

    async def unlisted(self, registry: str, walk: int, limit: int) -> Sequence[str]:
        return await walks.unlisted(self._operator_reader(), registry, walk, limit)

    async def known_tags(self, registry: str, repository: str) -> Mapping[str, str]:
        return await walks.known_tags(self._operator_reader(), registry, repository)

    async def findings(self, walk: int, after: str, limit: int) -> Sequence[Observation]:
        return await walks.findings(self._operator_reader(), walk, after, limit)
