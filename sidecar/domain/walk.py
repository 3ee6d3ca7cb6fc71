"""Walks: looking at what a registry holds, to find what it never told. Values and decisions; `pipeline` walks.

A walk that would announce too much announces nothing: it is held until an operator has looked. A volume that was not
mounted looks like a registry in which everything was deleted.
"""

import enum

import msgspec

from sidecar.domain import instant
from sidecar.domain.notice import Act
from sidecar.domain.observation import Observation

MOST_CHANGES = 500  # a walk that would announce more than this is held
MOST_DELETED = 10  # percent of the tags that are known: so is one that would announce more deletions, ...
FEW = 5  # ... but so few deletions are not, unless nothing would be left
DEBOUNCE = 30 * instant.SECOND  # a walk begins so long after what makes it necessary was last heard of
APART = 10 * instant.MINUTE  # at least this lies between two starts, commands excepted
AWAY = instant.MINUTE  # a stop in good order is a gap when it lasted longer than this
SETTLE = 10 * instant.SECOND  # before a walk tells: what the registry is just telling comes first


class WalkState(enum.StrEnum):
    """Where a walk stands."""

    WAITING = "waiting"  # until `due`
    WALKING = "walking"  # under way, over restarts too
    TELLING = "telling"  # what it found goes into the journal
    HELD = "held"  # it found too much: an operator decides
    FINISHED = "finished"
    REJECTED = "rejected"  # an operator threw away what it found
    SUPERSEDED = "superseded"  # a later walk ended while it was held, or began in its place


OPEN = (WalkState.WAITING, WalkState.WALKING, WalkState.TELLING, WalkState.HELD)


class Cause(enum.StrEnum):
    """Why a walk is made."""

    FIRST = "first"  # nothing is known of the registry yet
    START = "start"  # we were away
    INSTANCE = "instance"  # a registry process that was never seen before: what another had queued is lost
    SCHEDULE = "schedule"
    COMMAND = "command"


class Walk(msgspec.Struct, frozen=True, kw_only=True):
    """One walk with its progress. Instants in nanoseconds, 0 = not yet.

    `page` is where the registry's list of repositories goes on until it is `listed`; after that `repository` is the
    last one that was finished, and `tag` the last tag that was looked at in the next one. Tags were `seen` at the
    registry, `known` before; `changes` and `deletions` are what it would announce.
    """

    id: int = 0
    registry: str
    cause: Cause
    silent: bool = False  # a backfill: it makes the catalogue true and announces nothing
    state: WalkState = WalkState.WAITING
    due: int = 0
    started: int = 0
    ended: int = 0  # held counts as ended
    page: str = ""
    listed: bool = False
    repository: str = ""
    tag: str = ""
    repositories: int = 0
    done: int = 0
    seen: int = 0
    known: int = 0
    changes: int = 0
    deletions: int = 0
    why: str = ""  # why it is held

    @property
    def open(self) -> bool:
        return self.state in OPEN


class Place(msgspec.Struct, frozen=True):
    """A repository to walk; `listed` says that the registry's own list has it, else only we know of it."""

    name: str
    listed: bool


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """What is written together with a walk's progress."""

    places: tuple[Place, ...] = ()
    findings: tuple[Observation, ...] = ()
    supersede: bool = False  # end this registry's older walks that are held


class Memory(msgspec.Struct, frozen=True, kw_only=True):
    """What the store remembers at a start.

    `walks` are those that are not over, and of each registry the last that is; `instances` pairs of registry and
    process. `alive` is when we last ran, 0 = never; `orderly` that we then stopped in good order.
    """

    walks: tuple[Walk, ...]
    instances: frozenset[tuple[str, str]]
    alive: int
    orderly: bool


def weigh(seen: Observation, tags: dict[str, str]) -> tuple[int, int]:
    """How many changes an observation announces, and how many of them are tags that went.

    `tags` are those that are known of its repository, with their digests; they become what they are after it.
    """
    if seen.saw is Act.FOUND:
        before, tags[seen.tag] = tags.get(seen.tag), seen.artifact.digest
        return (0, 0) if before == seen.artifact.digest else (1, 0)
    if seen.saw is Act.TAG_GONE:
        return (1, 1) if tags.pop(seen.tag, None) is not None else (0, 0)
    if seen.saw is Act.MANIFEST_GONE:
        gone = [tag for tag, digest in tags.items() if digest == seen.artifact.digest]
        for tag in gone:
            del tags[tag]
        return (1 + len(gone), len(gone)) if gone else (0, 0)
    gone, manifests = list(tags), len(set(tags.values()))
    tags.clear()
    return manifests + 1, len(gone)


def verdict(*, changes: int, deletions: int, known: int) -> str:
    """Why a walk is held, "" when it may tell what it found."""
    if changes > MOST_CHANGES:
        return f"it would announce {changes} changes, more than {MOST_CHANGES}"
    many = deletions > FEW or deletions == known > 1
    if many and deletions * 100 > known * MOST_DELETED:
        return f"{deletions} of {known} known tags are gone, more than {MOST_DELETED} %"
    return ""


def missed(*, alive: int, orderly: bool, now: int) -> bool:
    """Whether something may have been lost while we did not run: not in a short stop in good order."""
    return alive > 0 and (not orderly or now - alive > AWAY)


def start_of(walk: Walk, last_start: int) -> int:
    """When a waiting walk may begin."""
    if walk.cause is Cause.COMMAND or not last_start:
        return walk.due
    return max(walk.due, last_start + APART)
