"""Quay 3 repository notifications by webhook: the bare event data, without envelope, name or signature.

Body and bytes are Quay's own: its keys in its order, written as Python's json module writes by default (a space after
comma and colon, ASCII with escapes). A push tells of one tag; an untagged push is nothing to Quay.
"""

import json
from collections.abc import Sequence
from json.encoder import encode_basestring_ascii as _text
from typing import Literal

import msgspec

from sidecar.dialects.contract import Audience, Dialect, Word
from sidecar.domain.details import Expiry
from sidecar.domain.enrichment import FOR_ENDS
from sidecar.domain.event import Event, EventType, RegistryRef, Repository, stable_uuid
from sidecar.domain.expiry import DAYS, Days
from sidecar.domain.message import Message


class Options(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`method` is Quay's way of notifying; `days` is how long before its end a tag is told of."""

    method: Literal["webhook"] = "webhook"
    days: Days = DAYS


_WORDS = (
    Word(name="repo_push", types=frozenset({EventType.PUSHED}), fits=lambda event: bool(event.tags)),
    Word(
        name="repo_image_expiry",
        types=frozenset({EventType.EXPIRING}),
        fits=lambda event: bool(event.tags),
        reads=FOR_ENDS,
    ),
)


def _render(event: Event, word: str, options: Options, audience: Audience) -> Sequence[Message]:
    if word == "repo_image_expiry":
        return _expiry(event, word, options, audience)
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


def _expiry(event: Event, word: str, options: Options, audience: Audience) -> Sequence[Message]:
    """All tags in one message. The days are those that were asked for, not what is left, and always in the plural."""
    days = event.details.days if isinstance(event.details, Expiry) and event.details.days else options.days
    place = event.repository
    body = {
        "repository": place.path,
        "namespace": place.namespace,
        "name": place.name,
        "docker_url": f"{event.registry.hostname}/{place.path}",
        "homepage": _homepage(event.registry, place),
        "notification_uuid": audience.uuid or stable_uuid("notification", audience.subscription),
        "tags": list(event.tags),
        "expiring_in": f"{days} days",
    }
    return (Message(word=word, content_type="application/json", body=json.dumps(body).encode("ascii")),)


def _homepage(registry: RegistryRef, place: Repository) -> str:
    """The repository's page: Quay's own unless the registry has a template of another interface."""
    if not registry.homepage:
        return f"{registry.scheme}://{registry.hostname}/repository/{place.path}"
    return (
        registry.homepage.replace("{repository}", place.path)
        .replace("{namespace}", place.namespace)
        .replace("{name}", place.name)
    )


DIALECT = Dialect(
    name="quay",
    title="Quay 3 repository notifications",
    options=Options,
    example=Options(),
    vocabulary=lambda _options: _WORDS,
    render=_render,
    scoped=lambda _options, word: word == "repo_image_expiry",
    days=lambda options: options.days,
)
