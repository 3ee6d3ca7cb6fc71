"""What the native API's things look like: domain values to JSON in camelCase."""

import base64
from collections.abc import Sequence
from typing import Any

import msgspec

from sidecar.domain.event import Event
from sidecar.domain.instant import rfc3339
from sidecar.domain.lane_state import LaneState
from sidecar.domain.listing import (
    AttemptRow,
    Companion,
    DeliveryRow,
    EventRow,
    PullRow,
    QuarantineRow,
    UndeliveredCount,
    WaitingGroup,
)
from sidecar.domain.made import Made
from sidecar.domain.message import Message
from sidecar.pipeline.inspection import ShownRequest
from sidecar.pipeline.operations import Explanation, Tried
from sidecar.pipeline.redelivery import Step
from sidecar.pipeline.routing import Route
from sidecar.pipeline.track import LaneView
from sidecar.ports import LaneRow

RETRY_DETAIL = {
    "accepted": "it is in the journal now and will be translated",
    "duplicate": "the journal had it already; it left quarantine",
    "quarantined": "it still cannot be read; it stays in quarantine",
}


def _when(instant: int | None) -> str | None:
    return rfc3339(instant) if instant else None


def event(value: Event) -> dict[str, Any]:
    """Everything that is known of an event."""
    return {
        "id": value.id,
        "type": value.type.value,
        "time": rfc3339(value.time),
        "accepted": rfc3339(value.accepted),
        "registry": {"name": value.registry.name, "hostname": value.registry.hostname, "scheme": value.registry.scheme},
        "repository": {
            "path": value.repository.path,
            "namespace": value.repository.namespace,
            "name": value.repository.name,
            "namespaceId": value.repository.namespace_id,
            "public": value.repository.public,
            "created": _when(value.repository.created),
        },
        "artifact": {
            "digest": value.artifact.digest,
            "mediaType": value.artifact.media_type,
            "size": value.artifact.size,
            "kind": value.artifact.kind.value,
            "references": msgspec.to_builtins(value.artifact.references),
        },
        "tags": list(value.tags),
        "previousDigest": value.previous_digest,
        "changed": value.changed,
        "recovered": value.recovered,
        "actor": value.actor,
        "request": {
            "id": value.request.id,
            "client": value.request.client,
            "host": value.request.host,
            "method": value.request.method,
            "userAgent": value.request.user_agent,
        },
        "record": value.origin.record,
    }


def event_row(row: EventRow) -> dict[str, Any]:
    """An event in a list."""
    value = row.event
    return {
        "id": value.id,
        "type": value.type.value,
        "time": rfc3339(value.time),
        "accepted": rfc3339(value.accepted),
        "registry": value.registry.name,
        "repository": value.repository.path,
        "tags": list(value.tags),
        "digest": value.artifact.digest,
        "kind": value.artifact.kind.value,
        "actor": value.actor,
        "due": row.due,
        "delivered": row.delivered,
        "dead": row.dead,
        "cancelled": row.cancelled,
        "waiting": row.waiting,
    }


def waits(one: WaitingGroup) -> dict[str, Any]:
    """A group in which an event waits."""
    return {
        "subscription": one.subscription,
        "word": one.word,
        "whole": one.whole,
        "until": rfc3339(one.until),
        "events": one.size,
    }


def delivery(row: DeliveryRow) -> dict[str, Any]:
    """A delivery in a list."""
    return {
        "id": row.id,
        "event": row.event,
        "type": row.type,
        "repository": row.repository,
        "subscription": row.subscription,
        "word": row.word,
        "webhookId": row.webhook_id,
        "state": row.state.name.lower(),
        "due": rfc3339(row.due),
        "created": rfc3339(row.created),
        "attempts": row.attempts,
        "reason": row.reason,
        "status": row.status,
        "detail": row.detail,
        "done": _when(row.done),
    }


def whole_delivery(
    row: DeliveryRow, message: Message | None, attempts: Sequence[AttemptRow], together: Sequence[Companion] = ()
) -> dict[str, Any]:
    """A delivery with the bytes it sends, the events that it tells of together, and everything that was tried."""
    return {
        **delivery(row),
        "together": [
            {
                "event": one.event,
                "type": one.type,
                "time": rfc3339(one.time),
                "registry": one.registry,
                "repository": one.repository,
                "word": one.word,
            }
            for one in together
        ],
        "contentType": message.content_type if message is not None else "",
        "body": _text(message.body)[0] if message is not None else "",
        "log": _log(attempts),
    }


def _log(attempts: Sequence[AttemptRow]) -> list[dict[str, Any]]:
    return [
        {
            "number": one.number,
            "started": rfc3339(one.started),
            "tookMs": round(one.took / 1e6, 3),
            "reason": one.reason,
            "status": one.status,
            "detail": one.detail,
            "answer": one.answer.decode("utf-8", "replace"),
        }
        for one in attempts
    ]


def count(row: UndeliveredCount, lane: dict[str, Any]) -> dict[str, Any]:
    """What a subscription is owed, and what its lane (as `lane` gives it) says of why."""
    owed = {
        "subscription": row.subscription,
        "due": row.due,
        "dead": row.dead,
        "oldest": _when(row.oldest),
        "waiting": row.waiting,
    }
    state = ("enabled", "hold", "orphaned", "trouble", "pausedUntil", "breaker", "nextProbe")
    return {**owed, **{name: lane[name] for name in (*state, "inFlight", "lastSuccess", "failures")}}


def hold(state: LaneState) -> dict[str, Any]:
    """A subscription after it was paused or resumed."""
    return {
        "name": state.name,
        "hold": state.hold,
        "orphaned": state.orphaned,
        "pausedUntil": _when(state.paused_until),
        "pending": state.pending,
    }


def step(done: Step, then: str | None) -> dict[str, Any]:
    """One step over many deliveries; `then` is where the next one begins."""
    return {
        "count": sum(done.counts.values()),
        "subscriptions": [{"subscription": name, "count": one} for name, one in done.counts.items()],
        "withoutBytes": done.silent,
        "orphaned": [{"subscription": name, "count": one} for name, one in done.orphaned.items()],
        "waiting": [{"subscription": name, "count": one} for name, one in done.waiting.items()],
        "next": then,
    }


def tried(name: str, test: Tried) -> dict[str, Any]:
    """What came of a test."""
    return {
        "subscription": name,
        "event": test.type.value,
        "delivered": test.outcome.delivered,
        "reason": test.outcome.reason.value,
        "status": test.outcome.status,
        "detail": test.outcome.detail,
        "tookMs": round(test.took / 1e6, 3),
        "answer": test.outcome.answer.decode("utf-8", "replace"),
        "request": request(test.request),
    }


def pulls(row: PullRow) -> dict[str, Any]:
    """An artifact with how often it was pulled: in all, by each of its tags, and by digest (tag "")."""
    return {
        "registry": row.registry,
        "repository": row.repository,
        "digest": row.artifact.digest,
        "kind": row.artifact.kind.value,
        "live": row.live,
        "pulls": row.count,
        "lastPulled": rfc3339(row.last),
        "byTag": [{"tag": one.tag, "pulls": one.count, "lastPulled": rfc3339(one.last)} for one in row.tags],
    }


def lane(row: LaneRow, route: Route | None, view: LaneView | None, made: Made | None = None) -> dict[str, Any]:
    """A subscription with its lane; without a route it is orphaned. `made` None = it is of the configuration file."""
    subscription = route.subscription if route is not None else None
    return {
        "name": row.state.name,
        "source": made.api.value if made is not None else "file",
        "key": made.key if made is not None else row.state.name,
        "namespace": made.namespace if made is not None else "",
        "repository": made.repository if made is not None else "",
        "trouble": made.trouble if made is not None else "",
        "format": row.state.format,
        "destination": subscription.destination if subscription is not None else "",
        "enabled": subscription.enabled if subscription is not None else False,
        "events": [str(one) for one in subscription.events] if subscription is not None else [],
        "hold": row.state.hold,
        "orphaned": row.state.orphaned,
        "pausedUntil": _when(view.paused_until if view is not None else row.state.paused_until),
        "breaker": "open" if view is not None and view.probe_at else "closed",
        "nextProbe": _when(view.probe_at if view is not None else None),
        "limit": view.limit if view is not None else 0,
        "inFlight": view.in_flight if view is not None else 0,
        "pending": row.state.pending,
        "dead": row.dead,
        "waiting": row.waiting,
        "lastSuccess": _when(row.last_success),
        "failures": row.failures,
    }


def made(one: Made, targets: Sequence[dict[str, Any]], lanes: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """A subscription that was made through an API: what was asked for, by target, and how its lanes do."""
    return {
        "name": one.key,
        "source": one.api.value,
        "id": one.id,
        "uuid": one.uuid,
        "revision": one.revision,
        "creator": one.creator,
        "created": _when(one.created),
        "updated": _when(one.updated),
        "trouble": one.trouble,
        "subscription": targets[0],
        "targets": targets,
        "lanes": lanes,
    }


def explanation(part: Explanation) -> dict[str, Any]:
    """Why one subscription heard of an event or not, and the exact requests, sent or as they would be sent."""
    return {
        "subscription": part.verdict.subscription,
        "format": part.verdict.format,
        "fired": part.verdict.fired,
        "why": part.verdict.why,
        "words": list(part.verdict.words),
        "requests": [request(one) for one in part.requests],
        "deliveries": [delivery(one) for one in part.deliveries],
    }


def request(shown: ShownRequest) -> dict[str, Any]:
    """A request without its secrets; with its delivery's number, state and attempts where it is one's."""
    body, encoded = _text(shown.body)
    return {
        "word": shown.word,
        "webhookId": shown.webhook_id,
        "method": "POST",
        "url": shown.url,
        "headers": [{"name": name, "value": value} for name, value in shown.headers],
        "body": body,
        "base64": encoded,
        "delivery": shown.delivery.id if shown.delivery is not None else None,
        "state": shown.delivery.state.name.lower() if shown.delivery is not None else None,
        "log": _log(shown.attempts),
    }


def quarantined(row: QuarantineRow) -> dict[str, Any]:
    return {
        "id": row.id,
        "at": rfc3339(row.at),
        "registry": row.registry,
        "reason": row.reason,
        "detail": row.detail,
        "contentType": row.content_type,
        "record": row.record,
        "size": row.size,
    }


def quarantined_body(row: QuarantineRow, body: bytes) -> dict[str, Any]:
    text, encoded = _text(body)
    return {**quarantined(row), "body": text, "base64": encoded}


def _text(body: bytes) -> tuple[str, bool]:
    """Bytes as text, or as base64 when they are none; and which of the two."""
    try:
        return body.decode(), False
    except UnicodeDecodeError:
        return base64.b64encode(body).decode(), True
