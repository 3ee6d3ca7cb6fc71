"""Quay 3 repository notifications by webhook: the bare event data, without envelope, name or signature.

Body and bytes are Quay's own: its keys in its order, written as Python's json module writes by default (a space after
comma and colon, ASCII with escapes). A push tells of one tag; an untagged push is nothing to Quay.
"""

import json
from collections.abc import Mapping, Sequence
from json.encoder import encode_basestring_ascii as _text
from typing import Any, Final, Literal

import msgspec

from sidecar.dialects.contract import Audience, Dialect, Word
from sidecar.domain.event import Event, EventType, RegistryRef, Repository
from sidecar.domain.message import Message


class Options(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`method` is Quay's way of notifying."""

    method: Literal["webhook"] = "webhook"


_WORDS = (Word(name="repo_push", types=frozenset({EventType.PUSHED}), fits=lambda event: bool(event.tags)),)


def _render(event: Event, word: str, _options: Options, _audience: Audience) -> Sequence[Message]:
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


# What Quay adds to where it happened when somebody presses "Test Notification", as get_sample_data of Quay 3.15 has it.
# It is not what happens: `pruned_image_count` is in no real push.
_SAMPLES: Final[Mapping[str, Mapping[str, Any]]] = {
    "repo_push": {"updated_tags": ["latest", "foo"], "pruned_image_count": 3},
}


def sample(word: str, registry: RegistryRef, place: Repository) -> Message:
    """What Quay sends to try a notification of a repository. Every word of the vocabulary has one."""
    body = {
        "repository": place.path,
        "namespace": place.namespace,
        "name": place.name,
        "docker_url": f"{registry.hostname}/{place.path}",
        "homepage": _homepage(registry, place),
        **_SAMPLES[word],
    }
    return Message(word=word, content_type="application/json", body=json.dumps(body).encode("ascii"))


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
)
