"""The envelope that a registry posts, as bytes: `split` for intake, `decode` for the translator.

Shapes, read in distribution v2.7 to v3.1 and captured on the wire:

    {"events": [Event, ...]}   the stock registry (always one event, but many are allowed)
    Event                      Azure's registry: the bare object, with `action` and `target` at the top

v2 leaves empty keys out, v3 sends `"mediaType": ""`, `"digest": ""`, `"size": 0`; other senders write null. So every
key may be absent, empty or null here, unknown keys are ignored, and nobody may ask whether a key was present.
"""

import hashlib
from typing import Annotated

import msgspec

from sidecar.domain.errors import Unreadable
from sidecar.domain.record import QuarantineReason

MAX_ID = 200  # characters; a longer id is no identity, the bytes' own hash is
_BOM = b"\xef\xbb\xbf"

Size = Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)]  # what the store's 64 bits hold
Split = tuple[tuple[str, bytes], ...]  # (id, untouched bytes) per event


class WireReference(msgspec.Struct, frozen=True, rename="camel"):
    """A descriptor in `target.references`. v2.8 drops `platform`; v3 may inline `data`, which nobody needs."""

    media_type: str | None = None
    digest: str | None = None
    size: Size | None = None
    artifact_type: str | None = None
    annotations: dict[str, str] | None = None
    platform: dict[str, msgspec.Raw] | None = None


class WireTarget(msgspec.Struct, frozen=True, rename="camel"):
    """What was acted on. `size` is the document's own; senders of the 2.0 days had only `length`."""

    media_type: str | None = None
    digest: str | None = None
    size: Size | None = None
    length: Size | None = None
    repository: str | None = None
    from_repository: str | None = None
    url: str | None = None
    tag: str | None = None
    references: list[WireReference | None] | None = None


class WireRequest(msgspec.Struct, frozen=True):
    """The client's request. `useragent` is all lower case on the wire."""

    id: str | None = None
    addr: str | None = None
    host: str | None = None
    method: str | None = None
    useragent: str | None = None


class WireActor(msgspec.Struct, frozen=True):
    """Who did it; `{}` when anonymous."""

    name: str | None = None


class WireSource(msgspec.Struct, frozen=True):
    """The registry process: `addr` is its node name and port, not its public name."""

    addr: str | None = None
    instance: str | None = msgspec.field(default=None, name="instanceID")


class WireEvent(msgspec.Struct, frozen=True):
    """One element of `events`."""

    id: str | None = None
    timestamp: str | None = None
    action: str | None = None
    target: WireTarget | None = None
    request: WireRequest | None = None
    actor: WireActor | None = None
    source: WireSource | None = None


class _Envelope(msgspec.Struct, frozen=True, gc=False):
    events: list[msgspec.Raw] | msgspec.UnsetType | None = msgspec.UNSET
    action: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET
    target: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET


class _Named(msgspec.Struct, frozen=True, gc=False):
    id: str | None = None


_read_envelope = msgspec.json.Decoder(_Envelope).decode
_read_named = msgspec.json.Decoder(_Named).decode
_read_event = msgspec.json.Decoder(WireEvent).decode


def split(body: bytes) -> Split:
    """The events of a posted body, each with its id and its untouched bytes.

    An element without a usable id (a text of 1 to 200 characters), or that is no object at all, is known by the hash
    of its bytes; what is wrong with it shows when it is decoded. Raises Unreadable: `unreadable` for what is not
    UTF-8 JSON (a byte order mark is let pass), `not_an_envelope` for other JSON.
    """
    body = body.removeprefix(_BOM)
    try:
        body.decode()  # the reader below skips over texts without looking at their encoding
        envelope = _read_envelope(body)
    except msgspec.ValidationError:
        raise _other_json(body) from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise _no_json(error) from None
    if envelope.events is not msgspec.UNSET:
        return tuple((_identity(raw), raw) for raw in map(bytes, envelope.events or ()))
    if envelope.action is not msgspec.UNSET and envelope.target is not msgspec.UNSET:
        body = body.strip()
        return ((_identity(body), body),)
    raise _other_json(body)


def decode(raw: bytes) -> WireEvent:
    """The event in one record's bytes. Raises Unreadable(`bad_record`) with a sentence that names the place."""
    try:
        return _read_event(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        # The reader says "Expected `str | null`, got `int` - at `$.target.tag`", without a place at the top.
        what, _, where = str(error).partition(" - at ")
        raise bad_record(f"at {where or '`$`'}, {what.replace('Expected', 'expected', 1)}") from None


def bad_record(what: str) -> Unreadable:
    """The error for a record that lacks what every event has; `what` says what is wrong with it, and where."""
    return Unreadable(
        QuarantineReason.BAD_RECORD, f"This is not an event of a registry: {what}; check what sends to this address."
    )


def _identity(raw: bytes) -> str:
    try:
        given = _read_named(raw).id
    except (msgspec.DecodeError, RecursionError):
        given = None
    if given and len(given) <= MAX_ID:
        return given
    return "sha256:" + hashlib.sha256(raw).hexdigest()


def _no_json(error: Exception) -> Unreadable:
    return Unreadable(
        QuarantineReason.UNREADABLE, f"The body is not JSON in UTF-8 ({error}); check what sends to this address."
    )


def _other_json(body: bytes) -> Unreadable:
    """Tells broken JSON from whole JSON of another shape: the typed reader stops at the first key that it dislikes."""
    try:
        msgspec.json.decode(body)
    except (msgspec.DecodeError, RecursionError) as error:
        return _no_json(error)
    return Unreadable(
        QuarantineReason.NOT_AN_ENVELOPE,
        "The body is JSON, but neither {events: [...]} nor one event with action and target; "
        "point only a registry's notifications at this address.",
    )
