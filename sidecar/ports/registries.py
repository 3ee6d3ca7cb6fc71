"""What is asked of a registry."""

from typing import Protocol

from sidecar.domain.registry_answers import ManifestDocument, ManifestHead, NamePage


class RegistryApi(Protocol):
    """One registry's own HTTP API (OCI distribution specification 1.1). None means that it has no such thing.

    Raises RegistryUnavailable with one sentence when it cannot be asked now: down, slow, refusing, or its breaker open.
    """

    async def head(self, repository: str, reference: str, *, unless: str = "") -> ManifestHead | None:
        """HEAD of a manifest by tag or digest; with the known digest in `unless` as `If-None-Match`."""

    async def manifest(self, repository: str, reference: str) -> ManifestDocument | None: ...

    async def blob(self, repository: str, digest: str, *, limit: int) -> bytes | None:
        """A small blob (a config), None also when it is larger than `limit` bytes."""

    async def repositories(self, after: str, limit: int) -> NamePage: ...

    async def tags(self, repository: str, after: str, limit: int) -> NamePage | None: ...
