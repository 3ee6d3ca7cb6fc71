"""What a subscription made through an API comes to under a configuration, and who makes that of it."""

from collections.abc import Collection, Iterable, Sequence
from typing import Protocol

import msgspec

from sidecar.dialects.contract import Voice
from sidecar.domain.delivery import Outcome
from sidecar.domain.errors import Unusable
from sidecar.domain.made import Made, Tree
from sidecar.domain.message import Message
from sidecar.domain.subscription import Subscription
from sidecar.pipeline.inspection import ShownRequest


class Bound(Protocol):
    """A target as the configuration reads it."""

    @property
    def subscription(self) -> Subscription: ...

    @property
    def voice(self) -> Voice: ...


class Binder(Protocol):
    """Reads targets by the tables that the configuration file is read by."""

    @property
    def names(self) -> Collection[str]:
        """The names that the configuration file has taken."""

    def laborious(self, trees: Iterable[Tree]) -> int:
        """How many of these take so long to be read that it is not done on the loop."""

    def bind(
        self, trees: Sequence[tuple[str, Tree]], *, namespace: str = "", repository: str = "", hidden: bool = False
    ) -> Sequence[Bound]:
        """Each tree as the subscription of that name, bounded to a namespace and repository.

        Defaults are put under it; `${...}` stays as it is written. Raises Unusable with everything that is wrong with
        any of them; with `hidden`, for what is kept already, its sentences show no value, and mail needs no server yet.
        """


class Trial(Protocol):
    """Has one message sent to where a target says, once, without keeping anything."""

    async def __call__(self, bound: Bound, message: Message, serial: str) -> tuple[ShownRequest, Outcome, int]:
        """The request as it was sent, what came of it, and how many nanoseconds it took.

        `serial` tells this trial from every other. Raises Conflict when nothing is running.
        """


class Standing(msgspec.Struct, frozen=True):
    """One as it stands: what is kept, and what its targets come to; no `bound` when they cannot be used."""

    made: Made
    bound: tuple[Bound, ...] = ()


class Apply(Protocol):
    """Has a change take effect; neither raises nor waits for the store."""

    async def __call__(self, before: Made | None, after: Standing | None) -> None:
        """`before` None = it is new, `after` None = it is gone."""


def stand(made: Made, binder: Binder) -> Standing:
    """What one comes to under a configuration; with its trouble where that does not let it be used."""
    try:
        bound = bind(made, binder, hidden=True)
    except Unusable as error:
        return Standing(msgspec.structs.replace(made, trouble=str(error)))
    return Standing(msgspec.structs.replace(made, trouble=""), tuple(bound))


def bind(made: Made, binder: Binder, *, hidden: bool) -> Sequence[Bound]:
    """Raises Unusable."""
    trees = [(one.name, with_enabled(one.subscription, made.enabled)) for one in made.targets]
    return binder.bind(trees, namespace=made.namespace, repository=made.repository, hidden=hidden)


def with_enabled(tree: Tree, enabled: bool) -> Tree:
    """A target of what is disabled as a whole is disabled."""
    return tree if enabled else {**tree, "enabled": False}
