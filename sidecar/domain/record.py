"""Records: what enters the journal, and what is set aside because it could not be read."""

import enum

import msgspec


class RecordKind(enum.StrEnum):
    """Where a record comes from."""

    REGISTRY = "registry"  # one element of a registry's notification envelope
    OBSERVATION = "observation"  # what a walk of the registry saw, and when it looked
    INTAKE = "intake"  # what somebody else told: one statement, as it was understood
    EXPIRY = "expiry"  # when a tag ends, as somebody set it
    TICK = "tick"  # time has passed: the only source of time for windows and schedules


class Entry(msgspec.Struct, frozen=True):
    """A record on its way into the journal. (registry, id) is unique: a repeat is a no-op."""

    kind: RecordKind
    registry: str
    id: str
    accepted: int  # nanoseconds, our clock
    body: bytes  # exactly as received


class Record(msgspec.Struct, frozen=True):
    """A record in the journal; `number` counts up and gives the order of translation."""

    number: int
    kind: RecordKind
    registry: str
    id: str
    accepted: int
    body: bytes


class Quarantined(msgspec.Struct, frozen=True):
    """Something that was answered 2xx but could not be read or translated, kept for an operator.

    `reason` is a word of the closed set below; `detail` a sentence. `registry` is the name it came in under.
    """

    at: int
    registry: str
    reason: str
    detail: str
    body: bytes
    content_type: str = ""  # as it was posted; of a record only what kind it is, where that is no notification
    record: str = ""  # the record's id, where it had one


class QuarantineReason(enum.StrEnum):
    """Why something is in quarantine. Closed: a metric label and a column."""

    UNREADABLE = "unreadable"  # not JSON, or not UTF-8
    NOT_AN_ENVELOPE = "not_an_envelope"  # JSON, but neither an envelope nor a bare event
    TOO_LARGE = "too_large"  # over ingest.max_body; only its head is kept
    UNKNOWN_REGISTRY = "unknown_registry"  # a valid token, but no registry of that name
    BAD_RECORD = "bad_record"  # one event of an envelope lacks what every event has
    UNTRANSLATABLE = "untranslatable"  # the translator failed on it
    POISON = "poison"  # the process died three times at this record


OBSERVATION_TYPE = "application/vnd.registry-sidecar.observation+json"
STATEMENT_TYPE = "application/vnd.registry-sidecar.statement+json"
EXPIRY_TYPE = "application/vnd.registry-sidecar.expiry+json"
_TYPES = {
    RecordKind.OBSERVATION: OBSERVATION_TYPE,
    RecordKind.INTAKE: STATEMENT_TYPE,
    RecordKind.EXPIRY: EXPIRY_TYPE,
}
_KINDS = {media_type: kind for kind, media_type in _TYPES.items()}


def set_aside(record: Record, reason: str, detail: str, now: int) -> Quarantined:
    """A journalled record as a quarantined item, so that it can be taken again as what it was."""
    return Quarantined(
        at=now,
        registry=record.registry,
        reason=str(reason),
        detail=detail,
        body=record.body,
        content_type=_TYPES.get(record.kind, ""),
        record=record.id,
    )


def kind_of_type(content_type: str) -> RecordKind:
    """What kind of record was set aside with this content type."""
    return _KINDS.get(content_type, RecordKind.REGISTRY)
