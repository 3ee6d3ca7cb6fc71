"""Subscriptions made through an API instead of the configuration file: what is asked for, and what is kept."""

import enum
import re
from collections.abc import Sequence
from typing import Any, Final

import msgspec

from sidecar.domain.lane_state import LaneState

NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}", re.ASCII)
Tree = dict[str, Any]  # plain JSON: one entry of the configuration's `subscriptions`, without its name


class Api(enum.StrEnum):
    """The management interface through which a subscription was made, and through which alone it is changed."""

    NATIVE = "native"
    HARBOR = "harbor"
    DTR = "dtr"
    QUAY = "quay"


class Draft(msgspec.Struct, frozen=True, kw_only=True):
    """A subscription as somebody asks for it.

    `key` is unique within its API and chosen by it; "" takes the uuid. `uuid` "" has one made. `namespace` "" hears of
    every namespace, which only administrators may; `repository` is a full path within the namespace, "" = all of it.
    What lies outside is never told, whatever `match` of a target says. Each of `targets` has the shape of one entry of
    the configuration's `subscriptions` without `name`, `formerly` and `proxy`, and gets a lane of its own. `document`
    is kept for the API as it is, and never logged.
    """

    api: Api
    targets: tuple[Tree, ...]
    key: str = ""
    uuid: str = ""
    namespace: str = ""
    repository: str = ""
    name: str = ""
    enabled: bool = True
    document: Tree = {}


class Target(msgspec.Struct, frozen=True):
    """One destination of a subscription: the lane that serves it, the lane's name, and what the configuration reads."""

    lane: int
    name: str
    subscription: Tree


class Made(msgspec.Struct, frozen=True, kw_only=True):
    """A subscription as it is kept; the fields of a Draft, and what became of it.

    `id` is never used again. `policy` is Harbor's integer id, 0 for other APIs. `revision` counts its changes from 1.
    `created` and `updated` are instants. `trouble` is not kept: the sentence why it cannot be used under the running
    configuration, so that nothing is sent for it; "" when all is well.
    """

    id: int
    api: Api
    uuid: str
    key: str
    policy: int = 0
    namespace: str = ""
    repository: str = ""
    name: str = ""
    creator: str = ""
    created: int = 0
    updated: int = 0
    revision: int = 1
    enabled: bool = True
    document: Tree = {}
    targets: tuple[Target, ...] = ()
    trouble: str = ""

    def draft(self) -> Draft:
        """What would have to be asked for to have it as it is: a change begins with this."""
        return Draft(
            api=self.api,
            targets=tuple(one.subscription for one in self.targets),
            key=self.key,
            uuid=self.uuid,
            namespace=self.namespace,
            repository=self.repository,
            name=self.name,
            enabled=self.enabled,
            document=self.document,
        )


class MadePage(msgspec.Struct, frozen=True):
    """Part of a list, and how long the whole list is."""

    items: Sequence[Made]
    total: int


class LastTrigger(msgspec.Struct, frozen=True):
    """When an event last made a delivery in this word for a lane: an instant."""

    lane: int
    word: str
    at: int


class Health(msgspec.Struct, frozen=True, kw_only=True):
    """How a lane does: `failures` in a row, and when it last succeeded, 0 = never."""

    state: LaneState
    last_success: int
    failures: int


def name_problem(name: str) -> str:
    """What is wrong with a name that people choose, as the rest of a sentence; "" when nothing."""
    if NAME.fullmatch(name):
        return ""
    return "must be at most 100 letters, digits, dots, dashes and underscores, a letter or digit first"


def lane_name(api: Api, number: int, serial: int) -> str:
    """What a target's lane is called. The configuration's names hold neither colons nor slashes."""
    return f"api:{api.value}/{number}" + (f"/{serial}" if serial > 1 else "")


def through_api(name: str) -> bool:
    """Whether a lane of this name is that of a subscription made through an API."""
    return name.startswith("api:")


def label_of(name: str, form: str) -> str:
    """What metrics call a lane: those made through APIs are not told apart, since their number has no bound."""
    return f"api:{form}" if through_api(name) else name


def kept(old: Sequence[Target], new: Sequence[Tree]) -> list[Target | None]:
    """For each new target the old one whose lane it goes on with, None where a new lane is due.

    What goes to the same place in the same format is the same; the others follow in order.
    """
    left = list(old)
    found: list[Target | None] = [None] * len(new)
    for at, tree in enumerate(new):
        same = next((one for one in left if _place(one.subscription) == _place(tree)), None)
        if same is not None:
            left.remove(same)
            found[at] = same
    for at in range(len(new)):
        if found[at] is None and left:
            found[at] = left.pop(0)
    return found


def _place(tree: Tree) -> tuple[Any, Any]:
    return tree.get("url"), tree.get("format")
