"""Docker Hub's webhook, one message for each tag that is pushed; the Hub tells of nothing else.

Keys are those of Docker Hub's manual (2026), with the `images` that receivers still decode. Those written in Go refuse
a whole body for one number that is not an integer, and some want `images` to hold texts, so it stays empty.
Nothing in this body says which registry: receivers that are told of a private one look for its host in `repo_name`.
"""

from collections.abc import Sequence

import msgspec

from sidecar.dialects.contract import Audience, Dialect, Word, compact
from sidecar.dialects.repository_page import filled
from sidecar.domain import instant
from sidecar.domain.event import Event, EventType
from sidecar.domain.message import Message

# As the Hub says it. Dokploy takes a body for the Hub's only from such a client, and deploys unasked for any other.
USER_AGENT = "Go-http-client/1.1"


class Options(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """With `host` the registry's host stands before the name in `repo_name`: `registry.example.com/prj/app`.

    `callback_url` is where a receiver may post what came of it; the Jenkins plugin does. "" = nowhere.
    """

    host: bool = True
    callback_url: str = ""


class _PushData(msgspec.Struct, frozen=True, kw_only=True):
    images: tuple[str, ...] = ()
    pushed_at: int  # Unix seconds
    pusher: str
    tag: str


class _Repository(msgspec.Struct, frozen=True, kw_only=True):
    comment_count: int = 0
    date_created: int  # Unix seconds, 0 where nobody knows
    description: str = ""
    dockerfile: str = ""
    full_description: str = ""
    is_official: bool = False
    is_private: bool
    is_trusted: bool = False
    name: str
    namespace: str
    owner: str
    repo_name: str
    repo_url: str
    star_count: int = 0
    status: str = "Active"


class _Payload(msgspec.Struct, frozen=True, kw_only=True):
    callback_url: str
    push_data: _PushData
    repository: _Repository


_WORDS = (Word(name="push", types=frozenset({EventType.PUSHED}), fits=lambda event: bool(event.tags)),)


def check(options: Options) -> str:
    """A receiver posts to the callback as it stands."""
    url = options.callback_url
    if url and not url.startswith(("http://", "https://")):
        return "`callback_url` must begin with http:// or https://, or be left out"
    return ""


def render(event: Event, word: str, options: Options, _audience: Audience) -> Sequence[Message]:
    """One message for each tag."""
    place, registry = event.repository, event.registry
    page = registry.homepage or f"{registry.scheme}://{registry.hostname}/{{repository}}"
    repository = _Repository(
        date_created=0 if place.created is None else place.created // instant.SECOND,
        is_private=not place.public,
        name=place.name,
        namespace=place.namespace,
        owner=place.namespace,
        repo_name=f"{registry.hostname}/{place.path}" if options.host else place.path,
        repo_url=filled(page, place),
    )
    return tuple(
        Message(
            word=word,
            content_type="application/json",
            body=compact(
                _Payload(
                    callback_url=options.callback_url,
                    push_data=_PushData(pushed_at=event.time // instant.SECOND, pusher=event.actor, tag=tag),
                    repository=repository,
                )
            ),
        )
        for tag in event.tags
    )


DIALECT = Dialect(
    name="dockerhub",
    title="Docker Hub webhooks",
    options=Options,
    example=Options(),
    vocabulary=lambda _options: _WORDS,
    render=render,
    check=check,
    headers=lambda _options: (("User-Agent", USER_AGENT),),
)
