"""What is asked of a store about ends of tags."""

from collections.abc import Sequence
from typing import Protocol

from sidecar.domain.catalogue import RepositoryKey, TagKey, TagRow
from sidecar.domain.expiry import Look, Spot, TagEnd
from sidecar.domain.listing import ExpiringFilter, ExpiringRow


class Ends(Protocol):
    """The translator's questions. Each is bounded, and answered apart from the pipeline's other look-ups."""

    async def reached(self) -> Sequence[Look]:
        """How far the look of every lane has come that ever had one."""

    async def ending(self, lane: int, *, after: Spot, now: int, until: int, limit: int) -> Sequence[Spot]:
        """Tags that end after `now` and by `until`, in the order of the spots, from the one behind `after` on.

        Without those whose end the lane was told of.
        """

    async def places(self, after: RepositoryKey, limit: int) -> Sequence[RepositoryKey]:
        """Repositories of all registries, in order, from the one behind `after` on."""

    async def ends_in(self, lane: int, place: RepositoryKey, *, now: int, until: int, every: bool) -> Sequence[TagEnd]:
        """A repository's live tags that end after `now` and by `until`, or with `every` all that it has."""


class Expiries(Protocol):
    """The operator's questions."""

    async def expiring(self, where: ExpiringFilter, now: int) -> Sequence[ExpiringRow]:
        """Live tags that have an end, the earliest first."""

    async def tag(self, key: TagKey) -> TagRow | None: ...
