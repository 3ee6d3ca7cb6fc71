"""Spans as OTLP 1.x says them in JSON, and what a collector answers. Pure.

The rules are those of the protocol's JSON encoding: ids in hex, 64 bit integers as decimal strings, enums as numbers,
keys in lowerCamelCase, fields at their default left out.
"""

from collections.abc import Sequence
from typing import Any

import msgspec

from sidecar import __version__
from sidecar.domain.trace import Span, Value

PATH = "/v1/traces"
CONTENT_TYPE = "application/json"
_ERROR = 2  # STATUS_CODE_ERROR
_ENCODER = msgspec.json.Encoder()


class _Partial(msgspec.Struct, rename="camel"):
    """What a collector that took only a part says; an empty one is a warning at most."""

    rejected_spans: int | str = 0
    error_message: str = ""


class _Answer(msgspec.Struct, rename="camel"):
    partial_success: _Partial | None = None


_ANSWER = msgspec.json.Decoder(_Answer)


def request(spans: Sequence[bytes]) -> bytes:
    """An ExportTraceServiceRequest of spans that are JSON already."""
    return _HEAD + b",".join(spans) + _TAIL


def span(one: Span) -> bytes:
    """One span."""
    try:
        return _ENCODER.encode(_span(one))
    except UnicodeEncodeError:  # a lone surrogate: JSON could carry it escaped, but no text of a protobuf message can
        return _ENCODER.encode(_mended(_span(one)))


def rejected(body: bytes) -> tuple[int, str]:
    """How many spans of a request that was answered 200 were not taken, and why. A body that says nothing is fine."""
    try:
        partial = _ANSWER.decode(body).partial_success or _Partial()
        return int(partial.rejected_spans), partial.error_message
    except ValueError:
        return 0, ""


def _span(one: Span) -> dict[str, Any]:
    made: dict[str, Any] = {"traceId": one.trace, "spanId": one.id}
    if one.parent:
        made["parentSpanId"] = one.parent
    made["name"] = one.name
    made["kind"] = one.kind.value
    made["startTimeUnixNano"] = str(one.start)
    made["endTimeUnixNano"] = str(one.end)
    made["attributes"] = [_attribute(key, value) for key, value in one.attributes]
    if one.error:
        made["status"] = {"message": one.error, "code": _ERROR}
    return made


def _attribute(key: str, value: Value) -> dict[str, Any]:
    return {"key": key, "value": _value(value)}


def _value(value: Value) -> dict[str, Any]:
    if isinstance(value, str):
        return {"stringValue": value}
    if isinstance(value, bool):
        return {"boolValue": value}
    if isinstance(value, int):
        return {"intValue": str(value)}
    return {"arrayValue": {"values": [_value(one) for one in value]}}


def _mended(made: Any) -> Any:
    if isinstance(made, str):
        return made.encode("utf-8", "replace").decode()
    if isinstance(made, dict):
        return {key: _mended(value) for key, value in made.items()}
    return [_mended(one) for one in made] if isinstance(made, list) else made


_RESOURCE = [_attribute("service.name", "registry-sidecar"), _attribute("service.version", __version__)]
_SCOPE = {"name": "registry-sidecar", "version": __version__}
_HEAD, _TAIL = _ENCODER.encode(
    {"resourceSpans": [{"resource": {"attributes": _RESOURCE}, "scopeSpans": [{"scope": _SCOPE, "spans": ["|"]}]}]}
).split(b'"|"')
