"""What is asked of a store about groups: events that wait to be told together."""

from collections.abc import Mapping, Sequence
from typing import Protocol

import msgspec

from sidecar.domain.event import Event

FULL = 500  # words that one group takes; the next begins another
EVER = 2**63 - 1  # an instant that every deadline lies before


class PlannedJoin(msgspec.Struct, frozen=True):
    """A word of an event that waits in a group of a lane instead of being said at once. `window` in nanoseconds.

    It joins the newest group of that key that waits, has room, and whose deadline its acceptance does not lie behind;
    else it begins one, whose deadline is its acceptance and the window.
    """

    lane: int
    key: str
    word: str
    window: int


class Stored(msgspec.Struct, frozen=True):
    """For which group something is planned, and under which number the store has the event of it."""

    group: int
    event: int


class Closing(msgspec.Struct, frozen=True):
    """A group that is told; `joined` = in one message, so that each of its deliveries tells of all that is in it."""

    group: int
    joined: bool


class Member(msgspec.Struct, frozen=True):
    """What waits in a group: an event, its number in the store, and the word to be said of it."""

    number: int
    event: Event
    word: str


class Gathered(msgspec.Struct, frozen=True):
    """A group with all that waits in it, in the order in which it came. `key` "" = of the whole subscription."""

    id: int
    lane: int
    key: str
    members: Sequence[Member]


class Groups(Protocol):
    """The translator's questions."""

    async def waiting(self) -> Mapping[int, int]:
        """The lanes in which groups wait, with the earliest deadline of each."""

    async def gathered(self, lanes: Sequence[tuple[int, int]], groups: int, members: int) -> Sequence[Gathered]:
        """Groups of these lanes whose deadline is not behind the instant given with the lane, earliest first.

        With EVER all of the lane, in the order in which they began. At most so many groups, and so many members in
        all, but one group at least if there is any.
        """

    def filled(self) -> bool:
        """Whether a group became full since this was asked last, as of the last commit. From memory."""
