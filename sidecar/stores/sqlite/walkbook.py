"""The walks' half of the store: the port Walkbook."""

from collections.abc import Mapping, Sequence

from sidecar.domain.observation import Observation
from sidecar.domain.walk import Memory, Place, Step, Walk
from sidecar.stores.sqlite import walks
from sidecar.stores.sqlite.parts import Part


class SQLiteWalkbook(Part):
    """Progress and findings. Whoever is a store gives it a reader apart from the pipeline's, and the commit loop."""

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
