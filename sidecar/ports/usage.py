"""What the weighing of namespaces asks of the store."""

from collections.abc import Collection, Sequence
from typing import Protocol

from sidecar.domain.catalogue import ManifestKey, ManifestRow
from sidecar.domain.quota import Place
from sidecar.domain.usage import BlobKey, Gap, UsageChanges, UsageFacts, UsageRow


class Scales(Protocol):
    """What is noted of namespaces under a quota.

    Between a look and what is kept of it nobody else may keep anything: `pipeline.weighing` says who has the turn.
    """

    async def usage(self) -> Sequence[UsageRow]:
        """Every namespace of which anything is noted, by registry and name."""

    async def heads(self) -> Sequence[tuple[str, str]]:
        """Each registry with the first segments of its repositories' names, "" for names of one segment."""

    async def look_usage(
        self, places: Collection[Place], blobs: Collection[BlobKey], manifests: Collection[ManifestKey]
    ) -> UsageFacts:
        """What is known of these; of the manifests those that are live."""

    async def manifests_after(self, row: UsageRow, limit: int) -> tuple[Sequence[ManifestRow], tuple[str, str] | None]:
        """The next manifests that count in a namespace that is being counted.

        And how far that reaches, as repository and digest; None = to the end.
        """

    async def keep_usage(self, changes: UsageChanges) -> None: ...

    async def clear_usage(self, place: Place, limit: int) -> bool:
        """Remove a part of what is noted of a namespace, its row last; True when nothing is left."""

    async def gaps(self, after: Gap, limit: int) -> Sequence[Gap]:
        """Manifests of which nobody told what they hold, in order."""

    async def close_gap(self, gap: Gap) -> None:
        """Its registry has no such manifest."""
