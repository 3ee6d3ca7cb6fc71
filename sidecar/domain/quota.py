"""Quotas: how much the namespaces of a registry may hold, and from which parts of that on somebody is warned."""

from collections.abc import Mapping, Sequence

import msgspec

from sidecar.domain.glob import Globs
from sidecar.domain.names import split_repository
from sidecar.domain.registry import Registry

Place = tuple[str, str]  # registry, namespace
DEFAULT_WARN_AT = (85,)
_REMEMBERED = 10_000  # places whose quota is kept in memory


class Quota(msgspec.Struct, frozen=True, kw_only=True):
    """What each namespace of these names may hold in each of the registries (none = all).

    `limit` in bytes; `warn_at` in percent of it. Nothing is ever refused: the registry knows nothing of it.
    """

    namespaces: Globs
    limit: int
    registries: frozenset[str] = frozenset()
    warn_at: tuple[int, ...] = DEFAULT_WARN_AT


class Quotas:
    """The quotas of a configuration, in its order: of those that name a namespace the first counts."""

    def __init__(self, listed: Sequence[Quota], registries: Mapping[str, Registry]) -> None:
        self._listed = tuple(listed)
        self._registries = registries
        self._of: dict[Place, Quota | None] = {}

    def __bool__(self) -> bool:
        return bool(self._listed)

    def of(self, place: Place) -> Quota | None:
        """The quota of a namespace in a registry."""
        try:
            return self._of[place]
        except KeyError:
            if len(self._of) >= _REMEMBERED:
                self._of.clear()
            found = self._of[place] = self._find(place)
            return found

    def _find(self, place: Place) -> Quota | None:
        registry, namespace = place
        if registry not in self._registries:
            return None
        for one in self._listed:
            if (not one.registries or registry in one.registries) and one.namespaces.names(namespace):
                return one
        return None

    def place(self, registry: str, repository: str) -> Place | None:
        """The namespace of a repository if it is under a quota."""
        known = self._registries.get(registry)
        if known is None:
            return None
        place = (registry, split_repository(repository, known.default_namespace)[0])
        return place if self.of(place) is not None else None

    def weighs(self, registry: str, repository: str) -> bool:
        """Whether it matters what a repository holds."""
        return self.place(registry, repository) is not None

    def holds_single(self, place: Place) -> bool:
        """Whether repositories named by one segment are in the namespace."""
        return self._registries[place[0]].default_namespace == place[1]

    def named(self) -> set[Place]:
        """The namespaces that are named one by one, in each registry that they are under a quota in."""
        names = {
            pattern
            for one in self._listed
            for pattern in one.namespaces.patterns
            if not set(pattern) & {"*", "?"} and not pattern.startswith("!")
        }
        return {
            (registry, name) for registry in self._registries for name in names if self.of((registry, name)) is not None
        }

    def among(self, heads: Sequence[tuple[str, str]]) -> set[Place]:
        """The namespaces under a quota among first segments as the store has them, "" for a name of one segment."""
        found = set()
        for registry, head in heads:
            known = self._registries.get(registry)
            if known is not None and self.of((registry, head or known.default_namespace)) is not None:
                found.add((registry, head or known.default_namespace))
        return found


NO_QUOTAS = Quotas((), {})
