"""What walks of the registries ask of the store: what is remembered of them, and where they have to go."""

from collections.abc import Mapping, Sequence
from typing import Protocol

from sidecar.domain.observation import Observation
from sidecar.domain.walk import Memory, Place, Step, Walk


class Walkbook(Protocol):
    """What is remembered of walks over restarts: their progress, what they found, and when we last ran."""

    async def recall_walks(self) -> Memory: ...

    async def walks(self, registry: str, limit: int) -> Sequence[Walk]: ...  # newest first

    async def keep_walk(self, walk: Walk, step: Step) -> Walk:
        """Write progress together with what belongs to it; a walk without an id gets one."""

    async def forget_walks(self, registry: str) -> None:
        """Remove what walks that are over have left behind."""

    async def meet(self, registry: str, instance: str) -> None: ...  # a registry's process, to be known from now on

    async def note_alive(self, now: int, *, orderly: bool) -> None: ...

    async def findings(self, walk: int, after: str, limit: int) -> Sequence[Observation]: ...  # by their keys


class Itinerary(Protocol):
    """Where a walk has to go, and what is known there: live tags, and repositories that live or have some."""

    async def next_place(self, walk: int, after: str) -> Place | None: ...  # by name

    async def unlisted(self, registry: str, walk: int, limit: int) -> Sequence[str]: ...  # known, and not in the walk

    async def known_tags(self, registry: str, repository: str) -> Mapping[str, str]: ...  # their digests
