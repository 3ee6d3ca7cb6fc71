"""What is kept of in-app notifications: items by the inbox that they lie in, and who dismissed them."""

from collections.abc import Collection, Sequence
from typing import Protocol

from sidecar.domain.inbox import Item, ItemFilter, ItemRow, Owner


class Inboxes(Protocol):
    """Reads never wait for the writer, and every list is bounded."""

    async def put_item(self, item: Item) -> bool:
        """Keep an item; False when it is there already. It outlives the process that was told so.

        After a power cut it may be gone, but then so is every later change, that its delivery was made among them.
        """

    async def items(self, where: ItemFilter) -> Sequence[ItemRow]: ...

    async def item(self, uuid: str, person: str = "") -> ItemRow | None:
        """One item, `person` as in the filter."""

    async def namespaces_with_items(self) -> Sequence[str]:
        """The namespaces whose own inbox holds something, by name."""

    async def dismiss_items(self, numbers: Collection[int], *, person: str, dismissed: bool, now: int) -> int:
        """Dismiss items for one person, with "" for everybody, or take that back; returns how many changed.

        Takes at most a few hundred numbers.
        """

    async def count_items(self, owners: Sequence[Owner] | None, *, person: str, most: int) -> int:
        """How many are not dismissed, and no more than `most`."""

    async def undismissed(self) -> int:
        """How many items, of everybody, are dismissed for nobody or for single persons alone. From a few rows."""
