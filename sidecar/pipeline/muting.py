"""Silence for all subscriptions of a format at once, whoever made them: Harbor's global switch of webhooks.

It is kept as a flag. The running routes are made without those who may not hear, so nothing is asked on the path of an
event; what is owed already is delivered. What happens meanwhile is not told later either.
"""

from collections.abc import Callable

import msgspec

from sidecar.domain.errors import Forbidden
from sidecar.domain.person import Person
from sidecar.pipeline.routing import Route
from sidecar.ports import Observer
from sidecar.ports.places import Flags


class Muting:
    """Which formats are silent. `changed` has the routes made anew; it is set by the composition root."""

    def __init__(self, flags: Flags, observer: Observer) -> None:
        self._flags = flags
        self._observer = observer
        self.silent: frozenset[str] = frozenset()
        self.changed: Callable[[], None] = lambda: None

    async def recall(self, formats: tuple[str, ...]) -> None:
        """Read what was set before. Raises StoreUnavailable."""
        self.silent = frozenset([one for one in formats if await self._flags.flag(_key(one)) is False])

    async def mute(self, person: Person, which: str, *, silent: bool) -> None:
        """Silence a format, or have it heard again. Raises Forbidden for all but administrators, StoreUnavailable."""
        if not person.admin:
            raise Forbidden(f"{person.name} is no administrator: only they silence a whole format")
        if silent == (which in self.silent):
            return
        await self._flags.put_flag(_key(which), not silent)
        self.silent = self.silent | {which} if silent else self.silent - {which}
        self._observer.operated(person.name, "silence" if silent else "unsilence", 1, f"format={which}")
        self.changed()

    def heard(self, route: Route) -> Route:
        """The route as events are to find it."""
        if route.subscription.format not in self.silent:
            return route
        return msgspec.structs.replace(route, subscription=msgspec.structs.replace(route.subscription, enabled=False))


def _key(which: str) -> str:
    return f"{which}.notification_enable"
