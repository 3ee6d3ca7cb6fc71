"""Pulls: which of a client's manifest requests are one pull. Pure: time passes by records and ticks alone.

A session is what one client (registry, repository, actor, address without port, user agent) asked of one manifest, its
root, within the registry's `pull_window`:

    HEAD of a root            waits for a GET. Of what was announced already it opens the session anew: that is another
                              node behind the same address, or the same one looking again.
    GET by tag                a pull, always; the window begins.
    GET by digest of a root   spends a HEAD that waits for it (one with a tag first, then the oldest): a pull, announced
                              with the tag of the HEAD. When none waits: swallowed.
    GET by digest of a child  belongs to the session that was opened or announced last: while that waits, a pull of its
                              root, announced with tag and digest of the HEAD; else swallowed. Of an index whose
                              children are not known every manifest may be a child.
    any other GET by digest   a pull without a tag; the window begins.

A pull is announced by its first GET, so the window delays nothing: it only decides what is swallowed afterwards. It is
measured between the records' own times. A session ends with the first request of its client after the window, or with a
tick whose instant (our clock) lies a window after its acceptance. One that ends without any GET was a check.

The number of sessions is bounded, over all clients and for each: beyond it the oldest is dropped. What it would have
swallowed is then announced as a pull by digest, and a HEAD that is dropped lends no tag and ends as nothing.
"""

import heapq
from collections.abc import Mapping

import msgspec

from sidecar.domain import instant
from sidecar.domain.catalogue import ManifestKey
from sidecar.domain.event import Artifact, Kind
from sidecar.domain.notice import Act, Notice
from sidecar.domain.registry import Registry
from sidecar.domain.session import Session, SessionKey, Sessions, Working, client_of, number_of

CHILDREN = 64  # an index with more of them counts as one whose children are not known
AT_ONCE = 128  # sessions that one tick ends: a storm of pulls ends as it came, in batches of a few milliseconds
TEXTS = 2048  # characters of a HEAD's record; one with more is no check, so that nobody can fill the memory with them


class Pull(msgspec.Struct, frozen=True):
    """How a pull is to be announced: by the tag, "" for none, and the root that the client asked for."""

    tag: str
    root: Artifact


class Pulls:
    """The working copy of one batch. `checks` says that somebody wants to hear of HEADs that no GET followed."""

    def __init__(self, sessions: Sessions, registries: Mapping[str, Registry], *, checks: bool = False) -> None:
        self._kept = sessions
        self._working = Working(sessions)
        self._registries = registries
        self.checks = checks
        self._asked: Notice | None = None
        self._asker = ""

    def window(self, notice: Notice) -> int:
        """The pull window of the notice's registry in nanoseconds, 0 when it has none."""
        return self._registries[notice.registry].pull_window

    def need(self, notice: Notice) -> list[ManifestKey]:
        """Manifests whose rows a GET or HEAD may need beside its own: roots that it may announce or end as a check."""
        if not self.window(notice):
            return []
        place = (notice.registry, notice.repository)
        rows = (self._kept.rows[key] for key in self._kept.clients.get(self._client(notice), ()))
        return [(*place, notice.artifact.digest), *((*place, row.root.digest) for row in rows if not row.announced)]

    def ending(self, now: int) -> list[Notice]:
        """The HEADs that a tick at this instant would end as checks."""
        heads = (row.head for row in self._kept.rows.values() if row.deadline <= now)
        return [one for one in heads if one is not None and one.registry in self._registries]

    # --- what happens -----------------------------------------------------------------------------------------------

    def expire(self, notice: Notice) -> list[Session]:
        """End the client's sessions whose window was over at this time; returns those that were checks."""
        window = self.window(notice)
        over = [row for row in self._working.of(self._client(notice)).values() if notice.time - row.at > window]
        return self._working.end(over, lambda row: notice.time - row.last <= window)

    def close(self, now: int) -> list[Session]:
        """End what a tick finds over, the oldest first and AT_ONCE at most; the next tick ends more.

        Returns the checks of registries that are still configured.
        """
        over = heapq.nsmallest(AT_ONCE, (row for row in self._working.all() if row.deadline <= now), key=number_of)
        ended = self._working.end(over, lambda _row: True)
        return [row for row in ended if row.head is not None and row.head.registry in self._registries]

    def head(self, notice: Notice, artifact: Artifact) -> None:
        """A HEAD of a manifest."""
        client, window = self._client(notice), self.window(notice)
        mine = self._working.of(client)
        for row in mine.values():
            # Of two replicas of a registry one may be slower to tell: this HEAD came before a GET that is announced.
            overtaken = row.announced and notice.time < row.at <= notice.time + window
            if overtaken and row.root.digest == artifact.digest and row.tag in {notice.tag, ""}:
                return
        note = mine.get((client, "", ""))
        pushing = note is not None and abs(notice.time - note.at) <= window
        telling = self.checks and not pushing and _texts(notice) <= TEXTS
        head = msgspec.structs.replace(notice, artifact=_bare(artifact)) if telling else None
        before = mine.get((client, notice.tag, artifact.digest))
        if before is not None and abs(notice.time - before.last) > window:
            before = None
        told = head is not None and before is not None and before.head is None  # what it would join was a check already
        if before is None or before.announced or told:
            heads = 1 if before is None else before.heads + 1
            self._working.put(self._session(notice, artifact, notice.tag, heads=heads, head=head))
            return
        self._working.put(
            msgspec.structs.replace(
                before,
                last=max(before.last, notice.time),
                number=notice.origin.number,
                heads=before.heads + 1,
                head=head if before.head is None else before.head,
            )
        )

    def get(self, notice: Notice, artifact: Artifact) -> Pull | None:
        """A GET of a manifest: the pull that it begins, or None when it is part of one already announced."""
        client, window, digest = self._client(notice), self.window(notice), artifact.digest
        near = [row for row in self._working.of(client).values() if row.at - notice.time <= window]
        if notice.tag:
            before = [row for row in near if row.key == (client, notice.tag, digest)]
            heads = max(0, before[0].heads - 1) if before else 0
            self._working.put(self._session(notice, artifact, notice.tag, announced=True, heads=heads))
            return Pull(notice.tag, artifact)
        asked = [row for row in near if row.root.digest == digest and row.heads]
        if asked:
            row = min(asked, key=lambda one: (not one.tag, one.number))
            self._working.put(self._session(notice, artifact, row.tag, announced=True, heads=row.heads - 1))
            return Pull(row.tag, artifact)
        root = max((row for row in near if row.admits(digest)), key=number_of, default=None)
        if root is None:
            self._working.put(self._session(notice, artifact, "", announced=True))
            return Pull("", artifact)
        if not root.announced:
            opened = self._session(notice, root.root, root.tag, announced=True, heads=root.heads - 1)
            self._working.put(msgspec.structs.replace(opened, children=root.children))
            return Pull(root.tag, root.root)
        if artifact.kind is Kind.INDEX and digest != root.root.digest:  # an index in an index brings its own
            self._working.put(msgspec.structs.replace(root, children=_joined(root.children, _children(artifact))))
        return None

    def push(self, notice: Notice) -> None:
        """Of a push, where checks are told: the client's HEADs of about this time belong to it."""
        window = self.window(notice)
        if not window or not _pushing(notice):
            return
        client = self._client(notice)
        for row in list(self._working.of(client).values()):
            if row.head is not None and abs(row.head.time - notice.time) <= window:
                self._working.put(msgspec.structs.replace(row, head=None))
        self._working.put(self._session(notice, Artifact(), "", announced=True))

    # --- what came of it --------------------------------------------------------------------------------------------

    def deadline(self, *, whole: bool) -> int | None:
        """The next instant whose tick ends a session: of all of them, or of those that this batch changed."""
        return self._working.deadline(whole=whole)

    def changes(self) -> tuple[list[Session], list[SessionKey]]:
        """Sessions to write, in the order of their numbers, and the keys of those that are over."""
        return self._working.changes()

    def _client(self, notice: Notice) -> str:
        if notice is not self._asked:
            self._asked, self._asker = notice, client_of(notice)
        return self._asker

    def _session(
        self,
        notice: Notice,
        artifact: Artifact,
        tag: str,
        *,
        announced: bool = False,
        heads: int = 0,
        head: Notice | None = None,
    ) -> Session:
        window = self.window(notice)
        grain = max(instant.SECOND, window // 4)  # sessions of about the same time share a tick
        return Session(
            client=self._client(notice),
            root=_bare(artifact),
            tag=tag,
            children=_children(artifact),
            at=notice.time,
            last=notice.time,
            number=notice.origin.number,
            deadline=-(-(notice.accepted + window) // grain) * grain,
            announced=announced,
            heads=heads,
            head=head,
        )


def _bare(artifact: Artifact) -> Artifact:
    """Without references: whoever needs them finds them in the catalogue."""
    return msgspec.structs.replace(artifact, references=()) if artifact.references else artifact


def _children(artifact: Artifact) -> tuple[str, ...] | None:
    """Digests of the manifests of an index, () for what has none, None where they are not known or too many."""
    if artifact.kind is not Kind.INDEX:
        return ()
    digests = tuple(one.digest for one in artifact.references)
    return digests if 0 < len(digests) <= CHILDREN else None


def _joined(mine: tuple[str, ...] | None, more: tuple[str, ...] | None) -> tuple[str, ...] | None:
    if mine is None or more is None or len(mine) + len(more) > CHILDREN:
        return None
    return (*mine, *more)


def _pushing(notice: Notice) -> bool:
    """A manifest's or blob's push, a mount, or the question whether a blob is there; not a blob's download."""
    return notice.act is Act.PUSH or notice.origin.action != "pull" or notice.request.method == "HEAD"


def _texts(notice: Notice) -> int:
    """How many characters of a record come from outside."""
    request, origin = notice.request, notice.origin
    texts = (notice.actor, request.id, request.addr, request.host, request.user_agent)
    return sum(map(len, (*texts, origin.record, origin.url, origin.addr, origin.instance)))
