"""How the translator gets committed records without reading back what was just written.

Records are offered on the loop, in order, right after their commit. A bounded deque keeps them; when it overflows it is
dropped whole and the translator reads the disk instead, until one read ends exactly at the last committed number. There
is no await between that check and the return to the deque, so no record can fall between the two.
"""

import asyncio
from collections import deque
from collections.abc import Sequence

from sidecar.domain.record import Record
from sidecar.ports import Clock, Journal

BOUND = 2048
STREAM = 1_500_000  # nanoseconds between two commits below which more are taken to be coming
PATIENCE = 0.004  # seconds to wait for them


class Handover:
    """The translator's source of records after a cursor."""

    def __init__(self, journal: Journal, clock: Clock, *, bound: int = BOUND) -> None:
        self._journal = journal
        self._bound = bound
        self._records: deque[Record] = deque()
        self._behind = True
        self._offered = asyncio.Event()
        self._position = 0
        self._clock = clock
        self._last_offer = 0
        self._streaming = False
        journal.listen(self.offer)

    @property
    def behind(self) -> bool:
        """Whether records are read from the disk just now."""
        return self._behind

    def start(self, cursor: int) -> None:
        """Begin after a cursor, from the disk."""
        self._position = cursor
        self._records.clear()
        self._behind = True
        self._offered.set()

    def offer(self, records: Sequence[Record]) -> None:
        """Take records that were just committed."""
        now = self._clock.monotonic()
        self._streaming = now - self._last_offer < STREAM
        self._last_offer = now
        if not self._behind:
            if len(self._records) + len(records) > self._bound:
                self._records.clear()
                self._behind = True
            else:
                self._records.extend(records)
        self._offered.set()

    def wake(self) -> None:
        """Let a waiting `take` return, though there may be nothing."""
        self._offered.set()

    async def take(self, limit: int) -> list[Record]:
        """Up to `limit` records after the last ones taken; waits for some. May return none after `wake`.

        A record that comes alone is taken at once. In a stream the next is due any moment: a registry sends its next
        event when this one is answered, and would find us translating; so a stream is let gather for a moment.
        """
        if self._behind:
            return await self._read(limit)
        if not self._records:
            self._offered.clear()
            await self._offered.wait()
        if self._streaming and len(self._records) < limit:
            await asyncio.sleep(PATIENCE)
        return self._next(limit)

    def _next(self, limit: int) -> list[Record]:
        """What the deque holds; nothing when it was dropped while we waited."""
        taken = [self._records.popleft() for _ in range(min(limit, len(self._records)))]
        if taken:
            self._position = taken[-1].number
        return taken

    async def _read(self, limit: int) -> list[Record]:
        found = list(await self._journal.read(self._position, limit))
        if found:
            self._position = found[-1].number
        if self._position == self._journal.last:
            # Nothing was committed after what this read saw. Beyond `last` it saw a commit that is about to be offered:
            # those records would come twice.
            self._behind = False
        elif not found:
            await asyncio.sleep(0.01)  # the read's snapshot is older than the last commit: look again
        return found
