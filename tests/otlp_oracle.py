"""What a collector makes of OTLP in JSON: read by the protocol's own messages, and held against its rules for JSON."""

import base64
import json
import re

from google.protobuf import json_format
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

_IDS = {"traceId": 16, "spanId": 8, "parentSpanId": 8}


def spans_of(body):
    """The spans of a request, as protobuf messages. Fails where the body breaks a rule."""
    document = json.loads(body)
    _check(document)
    request = json_format.Parse(json.dumps(_in_base64(document)), ExportTraceServiceRequest())
    (resource,) = request.resource_spans
    assert {one.key: one.value.string_value for one in resource.resource.attributes}["service.name"]
    (scope,) = resource.scope_spans
    assert len(scope.spans) > 0, "senders should not send empty envelopes"
    for span in scope.spans:
        assert any(span.trace_id)
        assert any(span.span_id)
        assert span.end_time_unix_nano >= span.start_time_unix_nano > 0
    return list(scope.spans)


def attributes(span):
    """The attributes of a span as a dictionary; lists as tuples."""

    def value(one):
        kind = one.WhichOneof("value")
        return tuple(map(value, one.array_value.values)) if kind == "array_value" else getattr(one, kind)

    return {one.key: value(one.value) for one in span.attributes}


def _check(node):
    """Ids in hex and of their length, 64 bit integers as decimal strings, enums as numbers, keys in lowerCamelCase."""
    if isinstance(node, list):
        for one in node:
            _check(one)
    if not isinstance(node, dict):
        return
    for key, value in node.items():
        assert re.fullmatch(r"[a-z][a-zA-Z]*", key), key
        if key in _IDS:
            assert re.fullmatch(rf"[0-9a-f]{{{2 * _IDS[key]}}}", value), (key, value)
        elif key.endswith("UnixNano") or key == "intValue":
            assert isinstance(value, str), (key, value)
            assert re.fullmatch(r"-?(0|[1-9]\d*)", value), (key, value)
        elif key in {"kind", "code"}:
            assert type(value) is int, (key, value)
        else:
            _check(value)


def _in_base64(node):
    """The same with ids as protobuf's usual mapping has them, from which OTLP departs: the oracle knows no other."""
    if isinstance(node, list):
        return [_in_base64(one) for one in node]
    if not isinstance(node, dict):
        return node
    return {
        key: base64.b64encode(bytes.fromhex(value)).decode() if key in _IDS else _in_base64(value)
        for key, value in node.items()
    }
