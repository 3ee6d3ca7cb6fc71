"""What is, was or would be sent, for operators' eyes: whole requests without their secrets, and samples to try."""

from collections.abc import Sequence
from urllib.parse import urlsplit

import msgspec

from sidecar.dialects.contract import Voice, samples
from sidecar.domain.event import EventType
from sidecar.domain.listing import AttemptRow, DeliveryRow
from sidecar.domain.message import Message
from sidecar.pipeline.courier import Destination
from sidecar.pipeline.routing import Route
from sidecar.ports import SendRequest

SECRET, SIGNATURE = "<secret>", "<signature>"
_OF_WEB = frozenset({"webhook-id", "webhook-timestamp", "traceparent"})
_OPEN = frozenset({"content-type", "user-agent", "webhook-id", "webhook-timestamp", "traceparent"})


class ShownRequest(msgspec.Struct, frozen=True, kw_only=True):
    """One request as it goes over the wire, headers in their order. What is secret in URL and headers is masked.

    With a `delivery` the body is the stored one, the time is that of its last attempt, and `attempts` are its log;
    without one the message is rendered as it would be now.
    """

    word: str
    webhook_id: str
    url: str
    headers: Sequence[tuple[str, str]]
    body: bytes
    delivery: DeliveryRow | None = None
    attempts: Sequence[AttemptRow] = ()


def would_be(message: Message, to: Destination, webhook_id: str, now: int, event_id: str = "") -> ShownRequest:
    """A message that nobody is owed, as it would be sent now."""
    request = to.request(webhook_id, message, now, event_id=event_id)
    return ShownRequest(
        word=message.word,
        webhook_id=webhook_id,
        url=_url(to),
        headers=_headers(request, to, message),
        body=request.body,
    )


def stored(
    delivery: DeliveryRow, message: Message, attempts: Sequence[AttemptRow], to: Destination, now: int
) -> ShownRequest:
    """A delivery as it was sent last, or will be sent: its own bytes, with what the configuration adds to them now."""
    at = attempts[-1].started if attempts else now
    attempt = attempts[-1].number if attempts else 1
    request = to.request(delivery.webhook_id, message, at, event_id=delivery.event, attempt=attempt)
    return ShownRequest(
        word=delivery.word,
        webhook_id=delivery.webhook_id,
        url=_url(to),
        headers=_headers(request, to, message),
        body=request.body,
        delivery=delivery,
        attempts=attempts,
    )


def _url(to: Destination) -> str:
    """Scheme and host; of the rest only that there is any, since many receivers take a path or query for a password."""
    parts = urlsplit(to.subscription.url)
    if not parts.netloc:
        return to.subscription.destination
    return to.subscription.destination + ("/..." if parts.path.strip("/") or parts.query else "/")


def _headers(request: SendRequest, to: Destination, message: Message) -> list[tuple[str, str]]:
    configured = {name.lower() for name, _ in to.subscription.headers}
    own = {name.lower() for name, _ in message.headers}
    own.update(name.lower() for name, _ in to.voice.headers)
    open_to_all = _OPEN
    if to.voice.discreet:
        configured |= own
    else:
        open_to_all = _OPEN | own
    parts = urlsplit(to.subscription.url)
    if parts.scheme == "mailto":  # no request of HTTP: of its headers only those are sent that are the mail's as well
        given = ((name, value) for name, value in request.headers if name.lower() not in _OF_WEB)
        return [(name, SECRET if name.lower() in configured else value) for name, value in given]
    port = ":443" if parts.scheme == "https" else ":80"
    shown = [("Host", parts.netloc.rpartition("@")[2].lower().removesuffix(port))] if parts.netloc else []
    for name, value in request.headers:
        lowered = name.lower()
        if lowered in configured:
            shown.append((name, SECRET))
        else:
            shown.append((name, value if lowered in open_to_all else SIGNATURE))
    if parts.username is not None and "authorization" not in configured:
        shown.append(("Authorization", SECRET))  # the URL's user, as the sender adds it
    shown.append(("Content-Length", str(len(request.body))))
    return shown


# --- samples ---------------------------------------------------------------------------------------------------------


def rehearsed(route: Route, name: str) -> tuple[EventType, Message]:
    """The sample that a subscription's format says of an event or word; "" = the first one subscribed.

    Raises ValueError with a sentence when the format cannot say it.
    """
    voice = route.voice.only(name) if name else _first(route)
    for event in samples([one for one in EventType if one in voice.types]):
        for word in voice.words(event, untagged=True):
            for message in voice.render(event, word, route.audience):
                return event.type, message
    raise ValueError(f"format {route.voice.format} has no sample of {name or 'what it is subscribed to'}")


def _first(route: Route) -> Voice:
    """The voice with the first of the subscribed events; of the default ones a format may lack some."""
    for name in route.subscription.events:
        try:
            return route.voice.only(name)
        except ValueError:
            continue
    return route.voice
