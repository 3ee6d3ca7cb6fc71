"""Inboxes as people see them: whose they may look into, and what dismissing does.

As with Quay a user's items are theirs, a team's are everybody's who is in it just now, each dismissing for themselves,
and a namespace's are shared by all who administer it: what one of them dismisses is dismissed for all. Administrators
may look into every inbox, and what they dismiss in one that is not theirs is dismissed for everybody. Whoever comes as
the operator, without being a user, has none of their own: they see all.
"""

from collections.abc import Callable, Sequence
from typing import Final

from sidecar.domain.account import Accounts
from sidecar.domain.errors import Forbidden, NotFound
from sidecar.domain.inbox import ItemFilter, ItemRow, Owner, OwnerKind, teams_of
from sidecar.domain.person import Person
from sidecar.ports import Clock, Inboxes, Observer

STEP: Final = 100  # items that are dismissed at once
MANY: Final = 100  # more are not counted


class Inbox:
    """The verbs. `accounts` gives everybody who may sign in now."""

    def __init__(self, store: Inboxes, clock: Clock, observer: Observer, accounts: Callable[[], Accounts]) -> None:
        self._store = store
        self._clock = clock
        self._observer = observer
        self._accounts = accounts

    async def list(
        self,
        person: Person,
        owner: Owner | None = None,
        *,
        dismissed: bool = False,
        before: int = 0,
        skip: int = 0,
        limit: int = 50,
    ) -> Sequence[ItemRow]:
        """Items of one inbox, without `owner` of all that are the person's; the newest first. Raises Forbidden."""
        owners = await self._owners(person, owner)
        where = ItemFilter(
            owners=owners, person=person.name, dismissed=dismissed, before=before, skip=skip, limit=limit
        )
        return await self._store.items(where)

    async def get(self, person: Person, uuid: str) -> ItemRow:
        """Raises NotFound, also for what is not theirs to see."""
        row = await self._store.item(uuid, person.name)
        if row is None or not self._sees(person, row.item.owner):
            raise NotFound(f"there is no notification {uuid[:100]}")
        return row

    async def count(self, person: Person) -> int:
        """How many of the person's own are not dismissed; beyond MANY nobody counts."""
        return await self._store.count_items(await self._owners(person, None), person=person.name, most=MANY)

    async def dismiss(self, person: Person, uuid: str, *, dismissed: bool = True) -> ItemRow:
        """Dismiss one item, or take that back; the item as it is then. Raises NotFound."""
        row = await self.get(person, uuid)
        if await self._put(person, [row], dismissed=dismissed):
            self._told(person, 1, f"notification={uuid} dismissed={str(dismissed).lower()}")
        return await self.get(person, uuid)

    async def dismiss_all(self, person: Person, owner: Owner | None = None) -> int:
        """Dismiss all that `list` would give just now, in steps; how many were. Raises Forbidden.

        What comes meanwhile stays.
        """
        owners = await self._owners(person, owner)
        before = done = 0
        while True:
            where = ItemFilter(owners=owners, person=person.name, before=before, limit=STEP)
            found = await self._store.items(where)
            done += await self._put(person, found, dismissed=True)
            if len(found) < STEP:
                break
            before = found[-1].number
        if done:
            self._told(person, done, f"owner={owner.address if owner is not None else '*'}")
        return done

    # --- whose they are -----------------------------------------------------------------------------------------------

    def _everything(self, person: Person) -> bool:
        """Whether it is the operator, who is no user."""
        return person.admin and not self._accounts().knows(person.name)

    def _sees(self, person: Person, owner: Owner) -> bool:
        return person.admin or owner.belongs_to(person, self._accounts())

    async def _owners(self, person: Person, owner: Owner | None) -> tuple[Owner, ...] | None:
        """The inboxes that are looked into, None = all."""
        if owner is not None:
            if not self._sees(person, owner):
                raise Forbidden(f"{person.name} may not look into the inbox {owner.address}")
            return (owner,)
        if self._everything(person):
            return None
        namespaces = [one for one in await self._store.namespaces_with_items() if person.manages(one)]
        return (
            Owner(kind=OwnerKind.USER, name=person.name),
            *teams_of(person, self._accounts()),
            *(Owner(kind=OwnerKind.ORG, namespace=one) for one in namespaces),
        )

    def _alone(self, person: Person, owner: Owner) -> bool:
        """Whether somebody dismisses for themselves alone."""
        return owner.kind is OwnerKind.TEAM and owner.belongs_to(person, self._accounts())

    async def _put(self, person: Person, found: Sequence[ItemRow], *, dismissed: bool) -> int:
        changed = 0
        for who in ("", person.name):
            numbers = [one.number for one in found if self._alone(person, one.item.owner) is bool(who)]
            if numbers:
                changed += await self._store.dismiss_items(
                    numbers, person=who, dismissed=dismissed, now=self._clock.now()
                )
        return changed

    def _told(self, person: Person, count: int, detail: str) -> None:
        self._observer.operated(person.name, "dismiss", count, detail)
