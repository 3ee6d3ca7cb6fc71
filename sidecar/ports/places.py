"""Namespaces and repositories by name, and flags: what the vendors' calls for projects and repositories stand on."""

from collections.abc import Collection, Sequence
from typing import Any, Protocol

from sidecar.domain.catalogue import NamespaceRow, RepositoryRow


class Places(Protocol):
    """Namespaces over all registries, and the repositories in them. Lists are bounded; none waits for the writer.

    A repository of a single segment belongs to its registry's default namespace. There is no repository that nothing
    was heard of, nor one that was deleted.
    """

    async def namespaces(self, after: int = 0, limit: int = 1000) -> Sequence[NamespaceRow]:
        """By id, those above `after`."""

    async def namespace(self, which: int | str) -> NamespaceRow | None:
        """By id or by name."""

    async def ensure_namespaces(self, names: Collection[str], now: int) -> None:
        """Make those that are not there: a namespace that the configuration names exists before its first push."""

    async def make_namespace(self, name: str, now: int, *, public: bool = False) -> NamespaceRow:
        """A new one with an id of its own. Raises Taken, a Conflict, when there is one of that name."""

    async def change_namespace(self, number: int, *, public: bool) -> NamespaceRow:
        """Make it public or private; subscribers are told so from the next event on. Raises NotFound."""

    async def remove_namespace(self, number: int) -> None:
        """Remove an empty one; its id is never used again. Raises NotFound, Conflict for `library` and those in use."""

    async def repositories(self, namespace: str, after: str = "", limit: int = 1000) -> Sequence[RepositoryRow]:
        """Up to `limit` names above `after`, in order; a name may have a row for each registry that holds it."""

    async def repository(self, path: str) -> Sequence[RepositoryRow]:
        """The rows of a repository, one for each registry that holds it; none when there is no such repository.

        `library/solo` also finds `solo`, where `library` is the default namespace.
        """


class Flags(Protocol):
    """What people have set for good through an API, by a key such as `harbor.notification_enable`."""

    async def flag(self, key: str) -> Any:
        """A JSON value, None when nobody set it."""

    async def put_flag(self, key: str, value: Any) -> None:
        """Set it; None takes it away."""
