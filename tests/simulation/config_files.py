"""Configuration files of the simulation: which subscriptions there are just now, and under which names.

Told apart by role, which never changes; the name may. Two roles, `p` and `t`, deliver to one place. `g` is told of what
happens together in one message.
"""

import random
from collections.abc import Mapping
from typing import Any

import msgspec

from doubles import match, policy, subscription
from happenings import CHATTY, CLOUDEVENTS, CLOUDEVENTS_ASKED_FOR, DTR, HARBOR, Listener
from sidecar.domain import instant
from sidecar.domain.subscription import Grouping, Order, Rate, Retry, Subscription

QUICK = policy(
    concurrency=3,
    retry=Retry(initial=instant.SECOND // 2, factor=2.0, max_delay=4 * instant.SECOND, horizon=900 * instant.DAY),
)
IN_ORDER = msgspec.structs.replace(QUICK, order=Order.REPOSITORY, rate=Rate(40))
GROUPS = (None, Grouping(instant.SECOND), Grouping(3 * instant.SECOND), Grouping(2 * instant.SECOND, whole=True))
PLACES = {"h": "h", "p": "p", "t": "p", "d": "d", "c": "c", "x": "x", "g": "g"}  # role -> where it delivers
LISTENERS = {
    "h": Listener(HARBOR),
    "p": Listener(HARBOR, "prj/"),
    "t": Listener(HARBOR, "team/"),
    "d": Listener(DTR),
    "c": Listener(CLOUDEVENTS),
    "x": Listener(HARBOR, "solo"),
    "g": Listener(CHATTY),
}


class File(msgspec.Struct, frozen=True):
    """One configuration file: for each role its name now, whose queue it takes over, and who does not hear.

    `gone` keeps the last names of roles that are not in the file: their queues wait under these.
    """

    names: Mapping[str, str]
    formerly: Mapping[str, str] = {}
    disabled: frozenset[str] = frozenset()
    gone: Mapping[str, str] = {}
    group: Grouping | None = GROUPS[2]  # of `g`

    @property
    def listening(self) -> frozenset[str]:
        """Roles that hear of new events."""
        return frozenset(self.names) - self.disabled

    def subscriptions(self) -> list[Subscription]:
        return [self._subscription(role, name) for role, name in self.names.items()]

    def _subscription(self, role: str, name: str) -> Subscription:
        more: dict[str, Any] = {
            "d": {"format": "dtr"},
            "p": {"match": match(["prj/**"])},
            "t": {"match": match(["team/**"])},
            "x": {"match": match(["solo"])},
            "g": {"format": "chatty", "events": tuple(CHATTY.values()), "group": self.group},
            "c": {"format": "cloudevents", "events": CLOUDEVENTS_ASKED_FOR, "match": match(untagged=True)},
        }.get(role, {})
        return subscription(
            name,
            url=f"http://receiver.example/{PLACES[role]}",
            policy=IN_ORDER if role in {"p", "g"} else QUICK,
            formerly=self.formerly.get(role, ""),
            enabled=role not in self.disabled,
            **more,
        )

    def changed(self, chance: random.Random, number: int) -> "File":
        """Another file: something added, removed, renamed, joined, disabled, enabled or grouped otherwise.

        `number` makes names new.
        """
        return msgspec.structs.replace(self._changed(chance, number), group=chance.choice(GROUPS))

    def _changed(self, chance: random.Random, number: int) -> "File":
        dice = chance.random()
        if self.gone and dice < 0.3:
            return self.with_back(chance.choice(sorted(self.gone)), number if chance.random() < 0.5 else 0)
        names, gone = dict(self.names), dict(self.gone)
        role = chance.choice(sorted(names))
        if len(names) > 3 and dice < 0.5:
            gone[role] = names.pop(role)
            return File(names, {}, self.disabled - {role}, gone)
        if dice < 0.7:
            before, names[role] = names[role], f"{role}-{number}"
            return File(names, {role: before}, self.disabled, gone)
        if {"p", "t"} <= names.keys() and dice < 0.85:
            gone["t"] = names.pop("t")  # what is owed to `t` goes to the same place by the queue of `p`
            return File(names, {"p": gone["t"]}, self.disabled - {"t"}, gone)
        return File(names, {}, self.disabled ^ {role}, gone)

    def with_back(self, role: str, number: int = 0) -> "File":
        """The role returns, by its old name or by a new one that takes over the old one's queue."""
        old = self.gone[role]
        name = f"{role}-{number}" if number else old
        formerly = {role: old} if number else {}
        gone = {one: last for one, last in self.gone.items() if one != role}
        return File({**self.names, role: name}, formerly, self.disabled, gone)


FIRST = File({role: role for role in ("h", "p", "d", "c", "g")}, {}, frozenset(), {"t": "t", "x": "x"})
