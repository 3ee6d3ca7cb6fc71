"""Selections: which deliveries an operator means, and what a walk over them finds step by step."""

import msgspec

from sidecar.domain.delivery import State
from sidecar.domain.glob import ANYTHING, Globs


class Selection(msgspec.Struct, frozen=True, kw_only=True):
    """Which deliveries an operator means. Empty values do not choose; `since` and `until` bound when they were made."""

    states: tuple[State, ...]
    ids: tuple[int, ...] = ()
    event: str = ""
    subscriptions: tuple[str, ...] = ()
    reason: str = ""
    type: str = ""
    repositories: Globs = ANYTHING
    since: int = 0
    until: int = 0


class Cursor(msgspec.Struct, frozen=True):
    """How far a walk over deliveries has come: those with ids up to `after` are done, those beyond `end` are not its.

    `end` is set by the first step, so that a walk does not run after what is made meanwhile; 0 = not set yet.
    """

    after: int = 0
    end: int = 0


class Tally(msgspec.Struct, frozen=True, kw_only=True):
    """How many deliveries of one subscription one step found; `sendable` of them still have their bytes."""

    subscription: str
    orphaned: bool
    count: int
    sendable: int


class Pick(msgspec.Struct, frozen=True, kw_only=True):
    """One delivery that a step found, as it was when it was read."""

    id: int
    subscription: str
    orphaned: bool
    state: State
    sendable: bool  # its bytes are still there
