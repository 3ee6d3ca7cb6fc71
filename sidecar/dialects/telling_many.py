"""Several events told to people at once: how many of what, where and by whom, and the newest in a line each.

The word of such a message is the events' own where they are alike, else `group`.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Final

from sidecar.dialects.contract import Said
from sidecar.dialects.story import (
    BY_CLIENTS,
    MOST,
    REPOSITORY,
    Fact,
    Link,
    Span,
    Story,
    Text,
    code,
    count,
    homepage,
    name,
    plain,
    series,
)
from sidecar.dialects.telling import HEADLINES, glance, tell
from sidecar.domain.event import EventType

GROUP: Final = "group"
HEADLINE: Final = "Several events"
_PEOPLE: Final = 3  # named before the rest are counted
_KINDS: Final = 4

# One, several, and the word that leads to where it was.
_NOUNS: Final[Mapping[EventType, tuple[str, str, str]]] = MappingProxyType(
    {
        EventType.PUSHED: ("push", "pushes", "to"),
        EventType.PULLED: ("pull", "pulls", "of"),
        EventType.CHECKED: ("check", "checks", "of"),
        EventType.DELETED: ("deletion", "deletions", "in"),
        EventType.TAG_DELETED: ("deleted tag", "deleted tags", "in"),
        EventType.REPOSITORY_CREATED: ("new repository", "new repositories", "as"),
        EventType.REPOSITORY_UPDATED: ("update", "updates", "of"),
        EventType.REPOSITORY_DELETED: ("deleted repository", "deleted repositories", "as"),
        EventType.SCAN_COMPLETED: ("scan", "scans", "of"),
        EventType.SCAN_FAILED: ("failed scan", "failed scans", "of"),
        EventType.SCAN_STOPPED: ("stopped scan", "stopped scans", "of"),
        EventType.SCANNER_UPDATED: ("update of the scanner", "updates of the scanner", "at"),
        EventType.QUOTA_EXCEEDED: ("exceeded quota", "exceeded quotas", "by"),
        EventType.QUOTA_WARNING: ("quota warning", "quota warnings", "for"),
        EventType.EXPIRING: ("notice of expiring tags", "notices of expiring tags", "in"),
        EventType.BUILD_QUEUED: ("queued build", "queued builds", "of"),
        EventType.BUILD_STARTED: ("started build", "started builds", "of"),
        EventType.BUILD_SUCCEEDED: ("successful build", "successful builds", "of"),
        EventType.BUILD_FAILED: ("failed build", "failed builds", "of"),
        EventType.BUILD_CANCELLED: ("cancelled build", "cancelled builds", "of"),
        EventType.MIRROR_STARTED: ("started mirroring", "started mirrorings", "of"),
        EventType.MIRROR_SUCCEEDED: ("successful mirroring", "successful mirrorings", "of"),
        EventType.MIRROR_FAILED: ("failed mirroring", "failed mirrorings", "of"),
        EventType.PROMOTED: ("promotion", "promotions", "from"),
        EventType.RETENTION_FINISHED: ("retention run", "retention runs", "in"),
    }
)


def word(said: Sequence[Said]) -> str:
    """The word of a message of several events."""
    first = said[0][1]
    return first if all(one == first for _, one in said) else GROUP


def tell_many(said: Sequence[Said]) -> Story:
    """The story of several events, oldest first; of one, its own."""
    if len(said) == 1:
        return tell(said[0][0])
    events = [event for event, _ in said]
    glances = [glance(event) for event in events]
    kinds = Counter(event.type for event in events)
    places = {(event.registry.hostname, event.repository.path or event.repository.namespace) for event in events}
    registries = {host for host, _ in places}
    alone = len(places) == 1
    last = events[-1]
    where = last.repository.path or last.repository.namespace or last.registry.hostname
    page = homepage(last) if alone else ""
    return Story(
        headline=HEADLINES[last.type] if len(kinds) == 1 else HEADLINE,
        sentence=(*_how_many(kinds, where if alone else "", len(places)), *_by_whom(said)),
        facts=(Fact(REPOSITORY, (code(last.repository.path),)),) if alone and last.repository.path else (),
        links=(Link("Repository", page),) if page else (),
        entries=tuple(sentence for sentence, _ in reversed(glances[-MOST:])),
        total=len(events),
        tone=max(tone for _, tone in glances),
        registry=last.registry.hostname if len(registries) == 1 else count(len(registries), "registry", "registries"),
        place=where if alone else "",
        since=min(event.time for event in events),
        time=max(event.time for event in events),
    )


def _how_many(kinds: Counter[EventType], where: str, places: int) -> Text:
    """`12 pushes to prj/app`, `3 pushes and 2 deletions in prj/app`, `12 pushes in 4 repositories`."""
    common = kinds.most_common()
    parts = [plain(count(number, *_NOUNS[kind][:2])) for kind, number in common[:_KINDS]]
    hidden = sum(number for _, number in common[_KINDS:])
    counted = series(parts, count(hidden, "other event") if hidden else "")
    if not where:
        return (*counted, Span(f" in {places:,} repositories"))
    leading = _NOUNS[common[0][0]][2] if len(common) == 1 else "in"
    return (*counted, Span(f" {leading} "), code(where))


def _by_whom(said: Sequence[Said]) -> Text:
    people: dict[str, None] = {}
    nameless = False
    for event, _ in said:
        if event.actor:
            people[event.actor] = None
        elif event.type in BY_CLIENTS and not event.recovered:
            nameless = True
    if not people:
        return plain(", anonymously") if nameless else ()
    parts: list[Text] = [(name(one),) for one in list(people)[:_PEOPLE]]
    hidden = len(people) - _PEOPLE
    if hidden > 0:
        return (Span(" by "), *series(parts, count(hidden, "other")))
    return (Span(" by "), *series(parts, "somebody anonymous" if nameless else ""))
