"""When tags end, and which of them somebody is to be told of. Pure: nothing here deletes anything.

A tag ends at an instant: its push and the label `quay.expires-after`, as Quay 3.15 reads it, or what somebody set for
it by hand, which holds until the tag is pushed again. Rules of the configuration name tags that somebody else removes:
by age, at an instant, or because there are newer ones, which is at once.

What somebody is told of is a tag's end: the tag as it was pushed or set last (its mark), and the instant. Each is told
once; pushing the tag again, moving it or giving it another end makes it another one.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Annotated, Final

import msgspec

from sidecar.domain import instant
from sidecar.domain.event import Artifact, Kind
from sidecar.domain.glob import ANYTHING, Globs

LABEL: Final = "quay.expires-after"
DAYS: Final = 7  # how long before its end a tag is told of, where nobody says otherwise
Days = Annotated[int, msgspec.Meta(ge=1, le=3650)]
INTERVAL: Final = 300 * instant.MINUTE  # NOTIFICATION_TASK_RUN_MINIMUM_INTERVAL_MINUTES
NEVER: Final = 2**63 - 1  # beyond what 64 bits of nanoseconds hold, and the store with them

_UNITS: Final = {
    "s": instant.SECOND,
    "m": instant.MINUTE,
    "h": instant.HOUR,
    "d": instant.DAY,
    "w": 7 * instant.DAY,
    "y": 365 * instant.DAY,
}

Spot = tuple[int, str, str, str]  # expires, registry, repository, tag: the order of the index over ends
START: Final[Spot] = (0, "", "", "")


class Rule(msgspec.Struct, frozen=True, kw_only=True):
    """Tags that somebody removes: those older than `older_than` nanoseconds, or all but the `keep` newest of each
    repository. One of the two is 0. Only tags that `tags` admits count.
    """

    repositories: Globs = ANYTHING
    tags: Globs = ANYTHING
    older_than: int = 0
    keep: int = 0


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """How often each subscription's tags are looked through, nanoseconds, and by which rules."""

    interval: int = INTERVAL
    rules: tuple[Rule, ...] = ()


class Setting(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What somebody set for a tag, as it stands in the journal: its end, 0 = it has none."""

    repository: str
    tag: str
    expires: int = 0
    actor: str = ""


class TagEnd(msgspec.Struct, frozen=True, kw_only=True):
    """A live tag in the eyes of one subscription.

    `expires` 0 = neither label nor hand gave it an end. `mark` tells it from what had the same name before. `told` is
    the end that the subscription was told of, of the tag as it is now: None = of none.
    """

    registry: str
    repository: str
    tag: str
    digest: str
    pushed: int
    number: int
    expires: int
    mark: int
    told: int | None = None

    @property
    def spot(self) -> Spot:
        return (self.expires, self.registry, self.repository, self.tag)


class Ending(msgspec.Struct, frozen=True):
    """A tag to be told of, and its end: 0 = at once, since there are newer ones."""

    tag: TagEnd
    ends: int


class Announced(msgspec.Struct, frozen=True, kw_only=True):
    """That a subscription (by its lane) needs to hear no more of a tag's end."""

    lane: int
    registry: str
    repository: str
    tag: str
    mark: int
    ends: int


class Look(msgspec.Struct, frozen=True, kw_only=True):
    """How far the look through the tags has come that is made for one subscription.

    `began` is the instant of the tick that it began with. It goes on `after` this spot; `walking` says that it goes
    through the repositories, and not through the tags in the order of their ends. None = it is over.
    """

    lane: int
    began: int
    after: Spot | None = None
    walking: bool = False


def lifetime(text: str) -> int:
    """Nanoseconds of a label: a number as Python reads one, and one of s, m, h, d, w, y. 0 = it says nothing."""
    unit = _UNITS.get(text[-1:])
    if unit is None or len(text) > 20:
        return 0
    try:
        number = int(text[:-1])
    except ValueError:
        return 0
    return max(0, number) * unit


def expires(artifact: Artifact, pushed: int, child: Callable[[str], Artifact | None]) -> int:
    """The end of a tag that was pushed onto this artifact, 0 for none.

    An index has the label of its own, else the one that all its manifests have alike; `child` finds them by digest.
    """
    said = _label(artifact)
    if said is None and artifact.kind is Kind.INDEX:
        said = _shared(artifact, child)
    lasts = lifetime(said) if said else 0
    return pushed + lasts if lasts and pushed + lasts < NEVER else 0


def _label(artifact: Artifact) -> str | None:
    if artifact.labels is not None and LABEL in artifact.labels:
        return artifact.labels[LABEL]
    return artifact.annotations.get(LABEL) if artifact.annotations is not None else None


def _shared(index: Artifact, child: Callable[[str], Artifact | None]) -> str | None:
    shared: str | None = None
    for one in index.references:
        found = child(one.digest)
        said = _label(found) if found is not None else None
        if said is None or shared not in {None, said}:
            return None
        shared = said
    return shared


def endings(tags: Sequence[TagEnd], rules: Iterable[Rule], *, now: int, until: int) -> list[Ending]:
    """Of one repository's tags those to be told of, the earliest end first; `rules` are those of the repository.

    What has ended by its label or by hand is not told of any more. What a rule names is, however long it is due: it is
    still there. Of several ends of a tag the earliest counts.
    """
    ends: dict[str, int] = {one.tag: one.expires for one in tags if now < one.expires <= until}
    for rule in rules:
        mine = [one for one in tags if rule.tags.admits(one.tag)]
        if rule.older_than:
            for one in mine:
                end = one.pushed + rule.older_than
                if end <= until:
                    ends[one.tag] = min(end, ends.get(one.tag) or end)
        else:
            mine.sort(key=lambda one: (-one.pushed, -one.number, one.tag))
            for one in mine[rule.keep :]:
                ends.setdefault(one.tag, 0)
    found = [Ending(one, ends[one.tag]) for one in tags if one.tag in ends and one.told != ends[one.tag]]
    return sorted(found, key=lambda one: (one.ends, one.tag.tag))
