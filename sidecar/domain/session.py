"""Sessions: what each client asked of a manifest lately, as kept between batches and as one batch works on it.

Their number is bounded, over all clients and for each: beyond it the oldest is dropped.
"""

import hashlib
from collections.abc import Callable, Iterable, Iterator

import msgspec

from sidecar.domain.event import Artifact
from sidecar.domain.notice import Notice

SESSIONS = 8192  # all that are open
ROOTS = 32  # of one client

SessionKey = tuple[str, str, str]  # client, tag, digest of the root


class Session(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One session. `root` is without its references, whose digests are `children` (None = not known).

    `at` is the time of the HEAD or of the announcement, `last` that of the youngest HEAD; `number` the record that
    opened or announced it last; `deadline` the instant (our clock) whose tick ends it. `heads` counts the HEADs that no
    GET has spent. `head` is the record that a check would be told of, None where there is none to tell.

    With an empty digest it is no session but the note that the client pushes at this time.
    """

    client: str
    root: Artifact
    tag: str = ""
    children: tuple[str, ...] | None = ()
    at: int
    last: int
    number: int
    deadline: int
    announced: bool = False
    heads: int = 0
    head: Notice | None = None

    @property
    def key(self) -> SessionKey:
        return (self.client, self.tag, self.root.digest)

    def admits(self, digest: str) -> bool:
        """Whether a manifest is the root or belongs to it."""
        return digest == self.root.digest or self.children is None or digest in self.children


def client_of(notice: Notice) -> str:
    """Who asks, and where: a short name of fixed size, however long the texts are that it is made of."""
    who = (notice.registry, notice.repository, notice.actor, notice.request.client, notice.request.user_agent)
    return hashlib.blake2b(msgspec.json.encode(who), digest_size=16).hexdigest()


class Sessions:
    """Every open session as last committed, in the order of their numbers."""

    def __init__(self, rows: Iterable[Session] = ()) -> None:
        self.rows: dict[SessionKey, Session] = {}
        self.clients: dict[str, set[SessionKey]] = {}
        self.take(sorted(rows, key=number_of), ())

    def take(self, opened: Iterable[Session], closed: Iterable[SessionKey]) -> None:
        """Take over what a batch changed, once that is committed."""
        for key in closed:
            self.rows.pop(key, None)
            left = self.clients.get(key[0], set())
            left.discard(key)
            if not left:
                self.clients.pop(key[0], None)
        for row in opened:
            before = self.rows.get(row.key)
            if before is not None and before.number != row.number:
                del self.rows[row.key]
            self.rows[row.key] = row
            self.clients.setdefault(row.client, set()).add(row.key)


class Working:
    """The working copy of one batch: the committed sessions, and what the batch made of them."""

    def __init__(self, kept: Sessions) -> None:
        self._kept = kept
        self._clients: dict[str, dict[SessionKey, Session]] = {}  # all sessions of the clients that this batch touched
        self._changed: set[SessionKey] = set()
        self._count = len(kept.rows)

    def of(self, client: str) -> dict[SessionKey, Session]:
        """A client's sessions. Only `put` and `drop` change them."""
        mine = self._clients.get(client)
        if mine is None:
            mine = {key: self._kept.rows[key] for key in self._kept.clients.get(client, ())}
            self._clients[client] = mine
        return mine

    def all(self) -> Iterator[Session]:
        yield from (row for key, row in self._kept.rows.items() if key[0] not in self._clients)
        for mine in self._clients.values():
            yield from mine.values()

    def put(self, row: Session) -> None:
        """Write a session, and drop the oldest where it is one too many."""
        mine = self.of(row.client)
        if row.key not in mine:
            if len(mine) >= ROOTS:
                self.drop(min(mine.values(), key=number_of))
            elif self._count >= SESSIONS:
                self.drop(self._oldest())
            self._count += 1
        mine[row.key] = row
        self._changed.add(row.key)

    def drop(self, row: Session) -> None:
        del self.of(row.client)[row.key]
        self._changed.add(row.key)
        self._count -= 1

    def end(self, over: list[Session], lends: Callable[[Session], bool]) -> list[Session]:
        """End sessions; returns the checks, oldest first.

        One that a younger HEAD joined goes on for that HEAD, where it may still lend its tag.
        """
        over.sort(key=number_of)
        for row in over:
            self.drop(row)
            if not row.announced and row.last > row.at and lends(row):
                later = row.deadline + (row.last - row.at)
                self.put(msgspec.structs.replace(row, at=row.last, deadline=later, heads=1, head=None))
        return [row for row in over if row.head is not None]

    def deadline(self, *, whole: bool) -> int | None:
        """The next instant whose tick ends a session: of all of them, or of those that this batch changed."""
        return min((row.deadline for row in (self.all() if whole else self._written())), default=None)

    def changes(self) -> tuple[list[Session], list[SessionKey]]:
        """Sessions to write, in the order of their numbers, and the keys of those that are over."""
        written = self._written()
        gone = self._changed - {row.key for row in written}
        return sorted(written, key=number_of), sorted(key for key in gone if key in self._kept.rows)

    def _written(self) -> list[Session]:
        return [self._clients[key[0]][key] for key in self._changed if key in self._clients[key[0]]]

    def _oldest(self) -> Session:
        rows = [row for mine in self._clients.values() for row in mine.values()]
        kept = next((row for key, row in self._kept.rows.items() if key[0] not in self._clients), None)
        return min(rows if kept is None else [*rows, kept], key=number_of)


def number_of(row: Session) -> int:
    return row.number
