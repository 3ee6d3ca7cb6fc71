"""Quay 3 repository notifications, by each of its methods; by webhook the bare event data, without envelope or name.

Body and bytes are Quay's own: its keys in its order, written as Python's json module writes by default (a space after
comma and colon, ASCII with escapes). A push tells of one tag; an untagged push is nothing to Quay. What other methods
make of the same data is in `quay_methods` and `quay_texts`, and what a template makes of it in `quay_template`.
"""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from json.encoder import encode_basestring_ascii as _text
from typing import Annotated, Any, Final

import msgspec

from sidecar.dialects import (
    quay_builds,
    quay_expiry,
    quay_methods,
    quay_quotas,
    quay_samples,
    quay_scans,
    quay_template,
    refs,
)
from sidecar.dialects.contract import Audience, Dialect, Voice, Word
from sidecar.dialects.contract import sample as plausible_event
from sidecar.dialects.quay_methods import Method
from sidecar.dialects.quay_texts import Said
from sidecar.dialects.repository_page import filled
from sidecar.domain.details import Build, Commit, Mirror
from sidecar.domain.event import Event, EventType, RegistryRef, Repository
from sidecar.domain.expiry import DAYS, Days
from sidecar.domain.message import Message

PUSH: Final = "repo_push"
_BASE: Final = re.compile(r"https?://[A-Za-z0-9.:\[\]_-]+(?:/[\x21-\x7e]*)?", re.ASCII)


class Options(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`method` is Quay's way of notifying; `template` the JSON that a webhook is sent, as text, "" = the event's data.

    `level` is the mildest severity that `vulnerability_found` tells of, by name or by Quay's index: 0 is Critical.
    With `ref_regex` only those builds are told of whose reference it matches, as `refs/heads/main`.
    `days` is how long before its end a tag is told of. `from_address` is shown by Flowdock. What is made through Quay's
    API with `hipchat` or `flowdock` is sent below `hipchat_url` and `flowdock_url`.
    """

    method: Method = "webhook"
    template: str = ""
    level: int | str = quay_scans.DEFAULT
    ref_regex: Annotated[str, msgspec.Meta(max_length=refs.LONGEST)] = ""
    days: Days = DAYS
    from_address: Annotated[str, msgspec.Meta(max_length=320)] = "admin@example.com"
    hipchat_url: str = "https://api.hipchat.com"
    flowdock_url: str = "https://api.flowdock.com"


_MIRRORING = {
    "repo_mirror_sync_started": EventType.MIRROR_STARTED,
    "repo_mirror_sync_success": EventType.MIRROR_SUCCEEDED,
    "repo_mirror_sync_failed": EventType.MIRROR_FAILED,
}
_WORDS = (
    Word(name=PUSH, types=frozenset({EventType.PUSHED}), fits=lambda event: bool(event.tags)),
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
    if options.template and options.method != "webhook":
        return f"`template` is what method webhook sends: remove it, for method {options.method} has texts of its own"
    for key in ("hipchat_url", "flowdock_url"):
        if _BASE.fullmatch(getattr(options, key)) is None:
            return f"`{key}` must be an address such as https://chat.example.com"
    problem = quay_template.refusal(options.template) if options.template else ""
    return f"`template`: {problem}" if problem else refs.refusal(options.ref_regex)


def _render(event: Event, word: str, options: Options, audience: Audience) -> Sequence[Message]:
    if word == PUSH and options.method == "webhook" and not options.template:
        return _pushed(event)
    return tuple(
        _message(word, data, event.registry, event.repository, options=options, performer=event.actor)
        for data in _data(event, word, options, audience)
    )


def _data(event: Event, word: str, options: Options, audience: Audience) -> Iterable[Mapping[str, Any]]:
    """Quay's event data of each message."""
    if word in quay_quotas.WORDS:
        return (quay_quotas.told(event),)
    return (_placed(event.registry, event.repository, one) for one in _extra(event, word, options, audience))


def _extra(event: Event, word: str, options: Options, audience: Audience) -> Iterable[Mapping[str, Any]]:
    """What each message says beyond where it happened, or otherwise."""
    if word == PUSH:
        return ({"updated_tags": [tag]} for tag in event.tags)
    if word in _MIRRORING:
        return ({"message": _mirrored(event)},) if event.repository.path else ()
    if word == quay_scans.WORD:
        return quay_scans.found(event, options.level)
    if word in quay_builds.WORDS:
        return (quay_builds.told(event, word, _homepage(event.registry, event.repository)),)
    return (quay_expiry.told(event, options.days, audience),)


def _pushed(event: Event) -> Sequence[Message]:
    """A push as a webhook is sent it: put together as json.dumps would, three times as quick."""
    place = event.repository
    # A single segment stays what its users pull: only `namespace` is filled in.
    head = (
        f'{{"repository": {_text(place.path)}, "namespace": {_text(place.namespace)}, "name": {_text(place.name)}, '
        f'"docker_url": {_text(f"{event.registry.hostname}/{place.path}")}, '
        f'"homepage": {_text(_homepage(event.registry, place))}, "updated_tags": ['
    )
    # One message per tag: Argo CD Image Updater reads only the first of a list.
    return tuple(
        Message(
            word=PUSH,
            content_type=quay_methods.JSON,
            body=f"{head}{_text(tag)}]}}".encode("ascii"),
        )
        for tag in event.tags
    )


def _message(
    word: str, data: Mapping[str, Any], registry: RegistryRef, place: Repository, *, options: Options, performer: str
) -> Message:
    """What the method makes of event data. Raises ValueError when a template cannot be filled in with it."""
    if options.method == "webhook":
        text = quay_template.apply(options.template, data) if options.template else json.dumps(data)
        return Message(word=word, content_type=quay_methods.JSON, body=text.encode("ascii"))
    page = _homepage(registry, place)
    said = Said(word=word, data=data, page=page, tagged=not registry.homepage, performer=performer)
    content_type, body = quay_methods.body(options.method, said, options.from_address)
    return Message(word=word, content_type=content_type, body=body)


def sample(
    word: str,
    registry: RegistryRef,
    place: Repository,
    *,
    settings: Mapping[str, Any],
    now: int,
    options: Options = Options(),  # noqa: B008 - frozen
    performer: str = "",
) -> Message:
    """What Quay sends to try a notification: of a repository, or of the namespace alone for the words of namespaces.

    `settings` are the notification's eventConfig, `performer` is whoever tries it. Every word of the vocabulary has a
    sample. Raises ValueError when a template cannot be filled in with it.
    """
    extra = quay_samples.added(word, settings, now)
    if word in quay_quotas.WORDS:
        data = {**quay_quotas.place(registry, place.namespace), **extra}
        return _message(word, data, registry, place, options=options, performer=performer)
    if word in quay_builds.WORDS:
        page = quay_builds.page_of(registry, _homepage(registry, place), quay_samples.BUILD)
        extra = {"homepage": page, **extra}
    return _message(word, _placed(registry, place, extra), registry, place, options=options, performer=performer)


def filters_sample(word: str, voice: Voice) -> bool:
    """Whether a notification's own settings hold its sample back: that of a build is of a certain branch."""
    if word not in quay_builds.WORDS:
        return False
    build = Build(source=Commit(ref=quay_samples.REF))
    event = msgspec.structs.replace(plausible_event(quay_builds.WORDS[word]), details=build)
    return word not in voice.words(event, untagged=True)


def _placed(registry: RegistryRef, place: Repository, extra: Mapping[str, Any]) -> dict[str, Any]:
    """Where it happened, in the keys of every event about a repository, and what the word adds to it or changes."""
    return {
        "repository": place.path,
        "namespace": place.namespace,
        "name": place.name,
        "docker_url": f"{registry.hostname}/{place.path}",
        "homepage": _homepage(registry, place),
        **extra,
    }


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
    schemes=lambda options: quay_methods.schemes(options.method),
    certified=lambda options: options.method == "webhook",  # Quay shows its certificate to webhooks alone
    scoped=lambda _options, word: word == quay_expiry.WORD,
    days=lambda options: options.days,
)
