"""Azure Container Registry's webhook: one flat event, in the keys of the manual's schema reference (2025).

`push` is said of each tag, `delete` of a manifest and never of a tag alone. `ping` tries the webhook and is about no
image. Charts are pushed as artifacts today; with `chart_events` they are said as the registry said Helm 2 charts.
`quarantine` has no counterpart: nothing here keeps an image back.
"""

from collections.abc import Sequence

import msgspec

from sidecar.dialects.contract import Audience, Dialect, Word, compact
from sidecar.domain import instant
from sidecar.domain.enrichment import Fact
from sidecar.domain.event import Event, EventType, Kind, stable_uuid
from sidecar.domain.message import Message

USER_AGENT = "AzureContainerRegistry/1.0"  # Kargo reads the body only from a client whose name begins so
_CHART = "application/vnd.acr.helm.chart"
_MOST = 2**31 - 1  # sizes are Int32


class Options(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`chart_events` says Helm charts with `chart_push` and `chart_delete` only."""

    chart_events: bool = False


class _Target(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    media_type: str = ""
    size: int = 0
    digest: str = ""
    length: int = 0
    repository: str = ""
    tag: str = ""
    name: str = ""
    version: str = ""


class _Request(msgspec.Struct, frozen=True, kw_only=True):
    id: str
    host: str
    method: str
    useragent: str


class _Notification(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    id: str
    timestamp: str
    action: str
    target: _Target | None = None
    request: _Request | None = None


_PUSH, _DELETE, _CHART_PUSH, _CHART_DELETE, _PING = "push", "delete", "chart_push", "chart_delete", "ping"


def vocabulary(options: Options) -> Sequence[Word]:
    """The actions; those of charts only where they are wanted."""
    # Nothing that happens is a ping: it is said when somebody asks for it.
    words = [Word(name=_PING, types=frozenset({EventType.TEST}), by_type=False)]
    if not options.chart_events:
        return (
            Word(name=_PUSH, types=frozenset({EventType.PUSHED}), fits=_is_tagged),
            Word(name=_DELETE, types=frozenset({EventType.DELETED})),
            *words,
        )
    reads = frozenset({Fact.KIND})
    return (
        Word(name=_PUSH, types=frozenset({EventType.PUSHED}), fits=_is_tagged_image, reads=reads),
        Word(name=_DELETE, types=frozenset({EventType.DELETED}), fits=_is_no_chart),
        Word(name=_CHART_PUSH, types=frozenset({EventType.PUSHED}), fits=_is_tagged_chart, reads=reads),
        Word(name=_CHART_DELETE, types=frozenset({EventType.DELETED}), fits=_is_tagged_chart),
        *words,
    )


def _is_tagged(event: Event) -> bool:
    return bool(event.tags)


def _is_no_chart(event: Event) -> bool:
    return event.artifact.kind is not Kind.CHART


def _is_tagged_image(event: Event) -> bool:
    return _is_tagged(event) and _is_no_chart(event)


def _is_tagged_chart(event: Event) -> bool:
    return event.artifact.kind is Kind.CHART and bool(event.tags)


def render(event: Event, word: str, _options: Options, _audience: Audience) -> Sequence[Message]:
    """One message for each tag; one for a deleted manifest, one for a ping."""
    if word == _PING:
        return (_said(event, word, "", None),)
    artifact, path = event.artifact, event.repository.path
    if word == _DELETE:
        target = _Target(media_type=artifact.media_type, digest=artifact.digest, repository=path)
        return (_said(event, word, "", target),)
    size = min(artifact.size, _MOST)
    if word in (_CHART_PUSH, _CHART_DELETE):
        name = path.rpartition("/")[2]
        return tuple(
            _said(
                event,
                word,
                tag,
                _Target(
                    media_type=_CHART,
                    size=size,
                    digest=artifact.digest,
                    repository=path,
                    tag=f"{name}-{tag}.tgz",
                    name=name,
                    version=f"{tag}.tgz",
                ),
            )
            for tag in event.tags
        )
    return tuple(
        _said(
            event,
            word,
            tag,
            _Target(
                media_type=artifact.media_type,
                size=size,
                digest=artifact.digest,
                length=size,
                repository=path,
                tag=tag,
            ),
        )
        for tag in event.tags
    )


def _said(event: Event, word: str, tag: str, target: _Target | None) -> Message:
    request = event.request
    whole = word in (_PUSH, _DELETE)  # charts and pings come without the client's request
    notification = _Notification(
        id=stable_uuid(event.id, word, tag),
        timestamp=instant.rfc3339(event.time),
        action=word,
        target=target,
        request=_Request(
            id=request.id,
            host=event.registry.hostname,  # as users pull from it, whatever the client's request named
            method=request.method or ("PUT" if word == _PUSH else "DELETE"),
            useragent=request.user_agent,
        )
        if whole
        else None,
    )
    return Message(word=word, content_type="application/json", body=compact(notification))


DIALECT = Dialect(
    name="acr",
    title="Azure Container Registry webhooks",
    options=Options,
    example=Options(),
    vocabulary=vocabulary,
    render=render,
    headers=lambda _options: (("User-Agent", USER_AGENT),),
)
