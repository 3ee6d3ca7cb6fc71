"""Inboxes: whose they are, what lies in them, and who may look."""

import enum
import re
from collections.abc import Iterable
from typing import Final
from urllib.parse import quote, unquote

import msgspec

from sidecar.domain.account import Accounts
from sidecar.domain.person import Person

SCHEME: Final = "inbox"
MOST: Final = 1000  # items that an inbox keeps; beyond them those go that were dismissed, then the oldest
WRONG: Final = "must be user/NAME, team/NAMESPACE/TEAM or org/NAMESPACE"

_PART: Final = re.compile(r"[^/\s]+")


class OwnerKind(enum.StrEnum):
    """Whose an inbox can be."""

    USER = "user"
    TEAM = "team"
    ORG = "org"


class Owner(msgspec.Struct, frozen=True, kw_only=True):
    """Whose an inbox is: a user's by `name`, a team's by `namespace` and `name`, or a namespace's.

    `key` is what the store calls it. In addresses (`inbox:user/maria`) each part is percent-encoded where it has to be.
    """

    kind: OwnerKind
    namespace: str = ""
    name: str = ""

    @classmethod
    def parse(cls, text: str) -> "Owner":
        """The owner that an address names, its scheme before it or not. Raises ValueError: the rest of a sentence."""
        kind, *parts = text.removeprefix(f"{SCHEME}:").split("/")
        if not all(_PART.fullmatch(one) for one in parts):
            raise ValueError(WRONG)
        match kind, [unquote(one) for one in parts]:
            case "user", [name]:
                return cls(kind=OwnerKind.USER, name=name)
            case "team", [namespace, name]:
                return cls(kind=OwnerKind.TEAM, namespace=namespace, name=name)
            case "org", [namespace]:
                return cls(kind=OwnerKind.ORG, namespace=namespace)
        raise ValueError(WRONG)

    @property
    def address(self) -> str:
        """`user/maria`, `team/prj/dev`, `org/prj`: as a URL has it behind its scheme, and as people see it."""
        parts = [one for one in (self.namespace, self.name) if one]
        return "/".join((self.kind.value, *(quote(one, safe="+@") for one in parts)))

    @property
    def url(self) -> str:
        return f"{SCHEME}:{self.address}"

    def refusal(self, accounts: Accounts) -> str:
        """The sentence why nobody has this inbox under these accounts, "" when somebody has.

        Every namespace is somebody's: those who administer it may look, however many they are just now.
        """
        if self.kind is OwnerKind.USER and not accounts.knows(self.name):
            return f"names {self.name!r}, who is no user: add them to management.users, or correct the name"
        if self.kind is OwnerKind.TEAM and self.name not in accounts.teams.get(self.namespace, {}):
            return (
                f"names {self.name!r}, which is no team of namespace {self.namespace}: add it to management.teams, or "
                "correct the name"
            )
        return ""

    def belongs_to(self, person: Person, accounts: Accounts) -> bool:
        """Whether it is one of the person's own: theirs, of a team they are in, or of a namespace they manage."""
        match self.kind:
            case OwnerKind.USER:
                return self.name == person.name
            case OwnerKind.TEAM:
                return person.name in accounts.teams.get(self.namespace, {}).get(self.name, ())
            case OwnerKind.ORG:
                return person.manages(self.namespace)


def teams_of(person: Person, accounts: Accounts) -> Iterable[Owner]:
    """The inboxes of the teams that somebody is in."""
    for namespace, teams in accounts.teams.items():
        for team, members in teams.items():
            if person.name in members:
                yield Owner(kind=OwnerKind.TEAM, namespace=namespace, name=team)


class Item(msgspec.Struct, frozen=True, kw_only=True):
    """What is put into an inbox. The same `uuid` comes twice when a delivery is repeated, and is kept once.

    `kind` is the word of what happened, `body` what is told of it in `content_type`. `created` in nanoseconds.
    """

    uuid: str
    owner: Owner
    kind: str
    content_type: str
    body: bytes
    created: int
    webhook_id: str


class ItemRow(msgspec.Struct, frozen=True, kw_only=True):
    """An item as it lies there, and whether it is dismissed for whoever looks. `number` grows with time."""

    number: int
    item: Item
    dismissed: bool


class ItemFilter(msgspec.Struct, frozen=True, kw_only=True):
    """Which items to list, the newest first. `owners` None = of everybody; `person` = whose own dismissals count too.

    Without `dismissed` only those that are not; `before` is an ItemRow's number, 0 = from the newest; `skip` items are
    left out at the beginning.
    """

    owners: tuple[Owner, ...] | None
    person: str = ""
    dismissed: bool = False
    before: int = 0
    skip: int = 0
    limit: int = 50
