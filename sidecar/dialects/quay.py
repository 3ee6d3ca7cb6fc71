"""Quay 3 repository notifications by webhook: the bare event data, without envelope, name or signature.

Body and bytes are Quay's own: its keys in its order, written as Python's json module writes by default (a space after
comma and colon, ASCII with escapes). A push tells of one tag; an untagged push is nothing to Quay.
"""

import json
from collections.abc import Mapping, Sequence
from json.encoder import encode_basestring_ascii as _text
from typing import Annotated, Any, Literal

import msgspec

from sidecar.dialects import quay_builds, quay_expiry, quay_quotas, quay_samples, quay_scans, refs
from sidecar.dialects.contract import Audience, Dialect, Voice, Word
from sidecar.dialects.contract import sample as plausible_event
from sidecar.dialects.repository_page import filled
from sidecar.domain.details import Build, Commit, Mirror
from sidecar.domain.event import Event, EventType, RegistryRef, Repository
from sidecar.domain.expiry import DAYS, Days
from sidecar.domain.message import Message


class Options(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`method` is Quay's way of notifying.

    `level` is the mildest severity that `vulnerability_found` tells of, by name or by Quay's index: 0 is Critical.
    With `ref_regex` only those builds are told of whose reference it matches, as `refs/heads/main`.
    `days` is how long before its end a tag is told of.
    """

    method: Literal["webhook"] = "webhook"
    level: int | str = quay_scans.DEFAULT
    ref_regex: Annotated[str, msgspec.Meta(max_length=refs.LONGEST)] = ""
    days: Days = DAYS


_MIRRORING = {
    "repo_mirror_sync_started": EventType.MIRROR_STARTED,
    "repo_mirror_sync_success": EventType.MIRROR_SUCCEEDED,
    "repo_mirror_sync_failed": EventType.MIRROR_FAILED,
}
_WORDS = (
    Word(name="repo_push", types=frozenset({EventType.PUSHED}), fits=lambda event: bool(event.tags)),
    # Quay mirrors single repositories.
    *(
        Word(name=word, types=frozenset({kind}), fits=lambda event: bool(event.repository.path))
        for word, kind in _MIRRORING.items()
    ),
    Word(name=quay_scans.WORD, types=frozenset({EventType.SCAN_COMPLETED}), fits=quay_scans.fits),
    *quay_expiry.WORDS,
    Word(name="quota_warning", types=frozenset({EventType.QUOTA_WARNING}), fits=quay_quotas.fits),
    Word(name="quota_error", types=frozenset({EventType.QUOTA_EXCEEDED}), fits=quay_quotas.fits),
)


def vocabulary(options: Options) -> Sequence[Word]:
    """Quay's words, those for builds as far as the options let them through."""
    return (*_WORDS, *quay_builds.words(options.ref_regex))


def _check(options: Options) -> str:
    if quay_scans.level_of(options.level) is None:
        names = ", ".join(one.value for one in quay_scans.LEVELS)
        return f"`level` must be one of {names}, or its number from 0 to {len(quay_scans.LEVELS) - 1}"
    return refs.refusal(options.ref_regex)


def _render(event: Event, word: str, options: Options, audience: Audience) -> Sequence[Message]:
    if word in _MIRRORING:
        return (_message(event, word, {"message": _mirrored(event)}),) if event.repository.path else ()
    if word == quay_scans.WORD:
        return tuple(_message(event, word, extra) for extra in quay_scans.found(event, options.level))
    if word in quay_builds.WORDS:
        return (_message(event, word, quay_builds.told(event, word, _homepage(event.registry, event.repository))),)
    if word == quay_expiry.WORD:
        return (_message(event, word, quay_expiry.told(event, options.days, audience)),)
    if word in quay_quotas.WORDS:
        return (Message(word=word, content_type="application/json", body=quay_quotas.body(event)),)
    place = event.repository
    # A single segment stays what its users pull: only `namespace` is filled in.
    # Put together as json.dumps would, which is what Quay sends; three times as quick.
    head = (
        f'{{"repository": {_text(place.path)}, "namespace": {_text(place.namespace)}, "name": {_text(place.name)}, '
        f'"docker_url": {_text(f"{event.registry.hostname}/{place.path}")}, '
        f'"homepage": {_text(_homepage(event.registry, place))}, "updated_tags": ['
    )
    # One message per tag: Argo CD Image Updater reads only the first of a list.
    return tuple(
        Message(
            word=word,
            content_type="application/json",
            body=f"{head}{_text(tag)}]}}".encode("ascii"),
        )
        for tag in event.tags
    )


def _message(event: Event, word: str, extra: dict[str, Any]) -> Message:
    """Where it happened, in the keys of every event about a repository, and what the word adds to it or changes."""
    return _said(word, event.registry, event.repository, extra)


def sample(word: str, registry: RegistryRef, place: Repository, *, settings: Mapping[str, Any], now: int) -> Message:
    """What Quay sends to try a notification: of a repository, or of the namespace alone for the words of namespaces.

    `settings` are the notification's eventConfig. Every word of the vocabulary has a sample.
    """
    extra = quay_samples.added(word, settings, now)
    if word in quay_quotas.WORDS:
        body = json.dumps({**quay_quotas.place(registry, place.namespace), **extra})
        return Message(word=word, content_type="application/json", body=body.encode("ascii"))
    if word in quay_builds.WORDS:
        page = quay_builds.page_of(registry, _homepage(registry, place), quay_samples.BUILD)
        extra = {"homepage": page, **extra}
    return _said(word, registry, place, extra)


def filters_sample(word: str, voice: Voice) -> bool:
    """Whether a notification's own settings hold its sample back: that of a build is of a certain branch."""
    if word not in quay_builds.WORDS:
        return False
    build = Build(source=Commit(ref=quay_samples.REF))
    event = msgspec.structs.replace(plausible_event(quay_builds.WORDS[word]), details=build)
    return word not in voice.words(event, untagged=True)


def _said(word: str, registry: RegistryRef, place: Repository, extra: Mapping[str, Any]) -> Message:
    body = {
        "repository": place.path,
        "namespace": place.namespace,
        "name": place.name,
        "docker_url": f"{registry.hostname}/{place.path}",
        "homepage": _homepage(registry, place),
        **extra,
    }
    return Message(word=word, content_type="application/json", body=json.dumps(body).encode("ascii"))


def _mirrored(event: Event) -> str:
    """Quay's sentence: what is mirrored, which tags of it, and why it failed."""
    mirror = event.details if isinstance(event.details, Mirror) else Mirror()
    patterns = ",".join(mirror.tag_patterns) or mirror.remote_tag or event.tag or "*"
    sentence = f"'{mirror.remote_repository}' with tag pattern '{patterns}'"
    if event.type is not EventType.MIRROR_FAILED:
        return sentence
    return f"{sentence}: {mirror.error or ('PARTIAL SYNC' if mirror.copied else 'INTERNAL ERROR')}"


def _homepage(registry: RegistryRef, place: Repository) -> str:
    """The repository's page: Quay's own unless the registry has a template of another interface."""
    if not registry.homepage:
        return f"{registry.scheme}://{registry.hostname}/repository/{place.path}"
    return filled(registry.homepage, place)


DIALECT = Dialect(
    name="quay",
    title="Quay 3 repository notifications",
    options=Options,
    example=Options(),
    vocabulary=vocabulary,
    render=_render,
    check=_check,
    scoped=lambda _options, word: word == quay_expiry.WORD,
    days=lambda options: options.days,
)
