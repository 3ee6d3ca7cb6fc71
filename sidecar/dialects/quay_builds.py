"""Quay's five words for builds: the keys of each in the order of Quay 3.15, optional ones only where they were told.

A body does not say which of the words it is: build_start, build_success and build_cancelled have the same keys.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final
from urllib.parse import quote

from sidecar.dialects import refs
from sidecar.dialects.contract import Word
from sidecar.domain.details import Build, Commit, Person
from sidecar.domain.event import Event, EventType, RegistryRef

QUEUED: Final = "build_queued"
WORDS: Final[Mapping[str, EventType]] = MappingProxyType(
    {
        QUEUED: EventType.BUILD_QUEUED,
        "build_start": EventType.BUILD_STARTED,
        "build_success": EventType.BUILD_SUCCEEDED,
        "build_failure": EventType.BUILD_FAILED,
        "build_cancelled": EventType.BUILD_CANCELLED,
    }
)
_SHORT = 7  # of a commit, in a build's name


def words(ref_regex: str) -> tuple[Word, ...]:
    """The words of a subscription that hears of these references only, of all and of none at all where it is ""."""
    return tuple(
        Word(name=name, types=frozenset({kind}), fits=lambda event: _admits(ref_regex, event))
        for name, kind in WORDS.items()
    )


def _admits(ref_regex: str, event: Event) -> bool:
    if not ref_regex:
        return True
    source = _build(event).source
    return source is not None and bool(source.ref) and refs.matches(ref_regex, source.ref)


def told(event: Event, word: str, homepage: str) -> dict[str, Any]:
    """What a build adds to where it happened, or says otherwise; `homepage` is the repository's.

    Quay knows of every build its id, its name and its tags. Where nobody told these, they are the event's id, what Quay
    makes of the commit, and the event's tags or `latest`, which is Quay's default.
    """
    build = _build(event)
    source = build.source
    identity = build.id or event.id
    page = {"homepage": build.url or page_of(event.registry, homepage, identity), "build_id": identity}
    tags = list(build.tags if build.tags is not None else event.tags or ("latest",))
    trigger = {
        "trigger_id": build.trigger_id,
        "trigger_kind": build.trigger_kind,
        "trigger_metadata": None if source is None else _metadata(source),
    }
    if word == QUEUED:
        manual = build.manual_user is not None if build.manual is None else build.manual
        return {
            **page,
            "docker_tags": tags,
            "repo": event.repository.name,
            "is_manual": manual,
            "manual_user": build.manual_user,
            **_known({**trigger, "trigger_manual": build.trigger_manual}),
        }
    name = build.name or (source.commit[:_SHORT] if source is not None else "") or identity
    ended = {
        "image_id": build.image_id,
        "manifest_digests": list(build.manifest_digests) if build.manifest_digests else None,
        "error_message": build.error,
    }
    return {
        **page,
        "build_name": name,
        "docker_tags": tags,
        **trigger,
        "trigger_metadata": trigger["trigger_metadata"] or {},
        **_known(ended),
    }


def _known(given: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in given.items() if value is not None}


def _build(event: Event) -> Build:
    return event.details if isinstance(event.details, Build) else Build()


def page_of(registry: RegistryRef, homepage: str, identity: str) -> str:
    """The build's page in Quay's own interface; another interface has none that could be guessed."""
    return homepage if registry.homepage else f"{homepage}/build/{quote(identity)}"


def _metadata(source: Commit) -> dict[str, Any]:
    info = {
        "url": source.url,
        "message": source.message,
        "date": source.date,
        "author": source.author and _person(source.author),
        "committer": source.committer and _person(source.committer),
    }
    metadata = {
        "commit": source.commit,
        "ref": source.ref,
        "default_branch": source.default_branch,
        "git_url": source.git_url,
        "commit_info": _told(info),
    }
    return _told(metadata)


def _person(one: Person) -> dict[str, Any]:
    return _told({"username": one.username, "url": one.url, "avatar_url": one.avatar_url})


def _told(given: Mapping[str, Any]) -> dict[str, Any]:
    """What is not empty; a date may be 0."""
    return {key: value for key, value in given.items() if value not in ("", None, {})}
