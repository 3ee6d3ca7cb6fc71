"""How much each lane owes, counted in memory: right after a restart, and without asking the file for every delivery."""

import sqlite3
from collections.abc import Collection, Iterable, Mapping

import msgspec

from sidecar.domain.delivery import Delivery
from sidecar.domain.made import Api

# Two counts, each over its own partial index: one over both would read every row for its key.
PENDING = "SELECT lane, count(*) FROM delivery WHERE state = 0 GROUP BY lane"
ORDERED = """
SELECT lane, count(*) FROM delivery INDEXED BY delivery_order WHERE state = 0 AND order_key <> '' GROUP BY lane
"""
# Harbor's API shows when each word of a policy was last said.
TRACED = f"SELECT l.id FROM made m JOIN lane l ON l.made = m.id WHERE m.api = '{Api.HARBOR.value}' AND l.retired = 0"


class Owed(msgspec.Struct, frozen=True):
    """Due deliveries of a lane, and how many of them have a key."""

    due: int = 0
    ordered: int = 0


NOTHING = Owed()


class Pending:
    """The writer's count. Verbs note their changes while they are applied; `ended` says whether they came to be.

    Every verb that makes a delivery due, or makes it no longer so, notes it here: with `made` and `finished`, or with
    `recount` where it cannot tell by itself. There is one transaction at a time.

    `heirs` names the lane that took over from another, and `gone` the lanes that were retired: a batch may be planned
    before that and committed after it. Of the lanes `traced` it is kept when they were last told something.
    """

    def __init__(self) -> None:
        self._owed: dict[int, Owed] = {}
        self._changes: dict[int, tuple[int, int]] = {}
        self._counted: dict[int, Owed] | None = None
        self._joined: dict[int, int] | None = None
        self._retired: set[int] = set()
        self._traced: frozenset[int] | None = None
        self._filled = False
        self.filled = False  # a group became full, and nobody has asked yet
        self.heirs: dict[int, int] = {}  # lane that is gone -> the one that has its queue
        self.gone: frozenset[int] = frozenset()
        self.traced: frozenset[int] = frozenset()

    def of(self, lane: int) -> Owed:
        """What a lane owes, as of the last commit."""
        return self._owed.get(lane, NOTHING)

    def load(self, connection: sqlite3.Connection) -> None:
        """Count anew, outside a transaction (when the file is opened)."""
        self._owed = _count(connection)
        self._changes = {}
        self._counted = None
        self.traced = _traced(connection)

    def recount(self, connection: sqlite3.Connection) -> None:
        """Count every lane as the transaction has it now. Reads all that is due: not for what happens often."""
        self._counted = _count(connection)
        self._changes = {}

    def counted(self, lane: int) -> Owed:
        """What a lane owes as the transaction has it now, if it was counted in it; else as of the last commit."""
        return self.of(lane) if self._counted is None else self._counted.get(lane, NOTHING)

    def made(self, deliveries: Iterable[Delivery]) -> None:
        """Note deliveries that became due."""
        changes = self._changes
        for one in deliveries:
            due, ordered = changes.get(one.lane, (0, 0))
            changes[one.lane] = (due + 1, ordered + 1 if one.order_key else ordered)

    def finished(self, lane: int, due: int, ordered: int) -> None:
        """Note that so many of a lane are due no longer, `ordered` of them with a key."""
        if due:
            self.moved(lane, -due, -ordered)

    def moved(self, lane: int, due: int, ordered: int) -> None:
        """Note that so many more (or, below zero, fewer) of a lane are due, `ordered` of them with a key."""
        before = self._changes.get(lane, (0, 0))
        self._changes[lane] = (before[0] + due, before[1] + ordered)

    def joined(self, lanes: Mapping[int, int], wanted: Collection[int]) -> None:
        """Note which lane took over from which, and which lanes are in use by themselves."""
        known = {old: lanes.get(heir, heir) for old, heir in self.heirs.items()} | dict(lanes)
        self._joined = {old: heir for old, heir in known.items() if old not in wanted}

    def retire(self, lanes: Iterable[int]) -> None:
        """Note lanes that are in use no longer."""
        self._retired.update(lanes)

    def fill(self) -> None:
        """Note that a group of events became full."""
        self._filled = True

    def trace(self, connection: sqlite3.Connection) -> None:
        """Note which lanes are traced as the transaction has it now."""
        self._traced = _traced(connection)

    def ended(self, committed: bool) -> None:
        """The transaction ended: take its changes, or forget them."""
        changes, self._changes = self._changes, {}
        counted, self._counted = self._counted, None
        joined, self._joined = self._joined, None
        retired, self._retired = self._retired, set()
        traced, self._traced = self._traced, None
        filled, self._filled = self._filled, False
        if not committed:
            return
        self.filled |= filled
        if traced is not None:
            self.traced = traced
        if retired:
            self.gone |= retired
        if joined is not None:
            self.heirs = joined
        if counted is not None:
            self._owed = counted
        for lane, (due, ordered) in changes.items():
            before = self._owed.get(lane, NOTHING)
            self._owed[lane] = Owed(before.due + due, before.ordered + ordered)


def _traced(connection: sqlite3.Connection) -> frozenset[int]:
    return frozenset(row[0] for row in connection.execute(TRACED).fetchall())


def _count(connection: sqlite3.Connection) -> dict[int, Owed]:
    ordered = dict(connection.execute(ORDERED).fetchall())
    return {lane: Owed(due, ordered.get(lane, 0)) for lane, due in connection.execute(PENDING).fetchall()}
