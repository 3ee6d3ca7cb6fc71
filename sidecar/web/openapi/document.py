"""The OpenAPI 3.1 document of the native API, put together from its calls, who may make them, and their shapes."""

import http
from collections.abc import Callable, Mapping
from typing import Any, Final

import msgspec

from sidecar import __version__
from sidecar.web.calls import CALLS, Call
from sidecar.web.door import NEEDS, Needs
from sidecar.web.openapi import answers
from sidecar.web.openapi.operations import ETAG, LOCATION, OPERATIONS, SUBSCRIPTION
from sidecar.web.openapi.parts import IN_PATHS, PARAMETERS, Operation, Parameter

SCHEMAS: Final = "#/components/schemas/"
PROBLEM: Final = "application/problem+json"
Forms = Callable[[str], tuple[dict[str, Any], dict[str, Any]]]  # config.schema.of_made

_INTRODUCTION: Final = """\
The sidecar's own API: what happened, what is owed to whom, and what can be done about it.

**Where.** On management listeners and on the Unix socket. Without users it answers on listeners bound to
loopback and on the socket alone, and asks nobody who they are. With users everybody on TCP signs in.

**Forms.** JSON in camelCase. Times are RFC 3339 in UTC. A body is sent as `application/json`, and has at most
64 KiB. What an answer has may grow: leave alone what you do not know. What you send may not: unknown fields and
query parameters are refused.

**Pages.** Lists are newest first, unless they say otherwise. `limit` says how many, `next` in the answer is
what `before` has to be for the page after it, and null on the last one. Calls over many deliveries do a step
each in the same manner: `next` in the answer is the `cursor` of the next step.

**Errors** are `application/problem+json` (RFC 9457): `type`, `title`, `status`, and `detail`, one sentence that
names the remedy; with 400 and 422 also `errors`, the place of each mistake. What is not there at all is 404, a
method that a path does not take is 405 with `Allow`. HEAD is answered wherever GET is, and OPTIONS with 204 and
`Allow`.

**Changes side by side.** What has an `ETag` takes `If-Match`: 412 means that somebody else was first."""

_WHO: Final = {
    Needs.ADMIN: "For administrators.",
    Needs.MANAGER: "For administrators, and for whoever manages the namespace.",
    Needs.PERSON: "For everybody who has signed in.",
}
_TAGS: Final = (
    ("Status", "How the sidecar does."),
    ("Events", "What happened at the registries."),
    ("Deliveries", "What is owed to subscriptions, and what became of it."),
    ("Subscriptions", "Who is told what."),
    ("Pulls", "How often artifacts are pulled."),
    ("Quarantine", "What was accepted and could not be used."),
    ("Scans", "What scanners found."),
    ("Quotas", "How much namespaces hold."),
    ("Ends of tags", "Tags that end, and setting when."),
    ("Inboxes", "What people are notified of here."),
    ("Walks", "Looking at everything that a registry holds."),
    ("Backup", "A copy of the store."),
    ("This document", "For everybody who has signed in: it tells nothing of what the sidecar holds."),
)
# Every call may be answered with these, whoever makes it.
_ALWAYS: Final = (400, 401, 403, 429, 500)
_WITH_BODY: Final = (413, 415)
_FAILURES: Final[Mapping[int, tuple[str, str]]] = {
    400: ("A parameter or the body cannot be used: `errors` says which.", "Limit must be a number from 1 to 500."),
    401: ("Nobody was recognised.", "Say who you are: name and password, or a token."),
    403: ("Whoever asks may not do this, or nobody may through this listener.", "sam is not an administrator."),
    404: ("It is not there.", "There is no subscription ci."),
    409: ("It cannot be done as things stand.", "Subscription ci is of the configuration file: change it there."),
    412: ("Somebody else changed it first.", "The subscription is not as If-Match says any more: read it again."),
    413: ("The body is too large.", "The body is larger than 64 KiB."),
    415: ("The body is not sent as JSON.", "The body must be JSON: send it with Content-Type: application/json."),
    422: ("The body cannot be used: `errors` says why.", "Match.tags[0] must be text, not a number."),
    429: ("Too many wrong credentials.", "Too many wrong credentials: try again in 3 s, or use a token."),
    500: ("The sidecar failed; its log says more.", "Something went wrong that should not: the log says what."),
    503: ("The store is away, or the sidecar is starting: nothing was done.", "The store cannot commit: disk full."),
}
_NAMES: Final[Mapping[int, str]] = {
    400: "BadRequest",
    401: "Unauthorized",
    403: "Forbidden",
    404: "NotFound",
    409: "Conflict",
    412: "PreconditionFailed",
    413: "ContentTooLarge",
    415: "UnsupportedMediaType",
    422: "UnprocessableContent",
    429: "TooManyRequests",
    500: "InternalServerError",
    503: "ServiceUnavailable",
}
_HEADERS: Final[Mapping[str, dict[str, Any]]] = {
    ETAG: {"description": "which state this is, for `If-Match`", "schema": {"type": "string"}, "example": '"7-1"'},
    LOCATION: {"description": "where it is now", "schema": {"type": "string"}, "example": "/v1/subscriptions/ci"},
    "Retry-After": {"description": "seconds until it is worth another try", "schema": {"type": "integer"}},
    "WWW-Authenticate": {"description": "how to sign in", "schema": {"type": "string"}},
}
_FAILING_HEADERS: Final = {401: "WWW-Authenticate", 429: "Retry-After", 503: "Retry-After"}


def document(forms: Forms | None) -> dict[str, Any]:
    """The document; `forms` gives the schema of a subscription as it is asked for, None = any object will do."""
    schemas = _schemas(forms)
    paths: dict[str, dict[str, Any]] = {}
    for name, call in CALLS.items():
        paths.setdefault(call.path, {})[call.method.lower()] = _operation(name, call, OPERATIONS[name])
    return {
        "openapi": "3.1.1",
        "info": {
            "title": "registry-sidecar",
            "version": __version__,
            "description": _INTRODUCTION,
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "/", "description": "wherever this document was found"}],
        "security": [{"basic": []}, {"bearer": []}],
        "tags": [{"name": name, "description": text} for name, text in _TAGS],
        "paths": paths,
        "components": {
            "schemas": schemas,
            "responses": {_NAMES[status]: _failure(status) for status in _FAILURES},
            "securitySchemes": {
                "basic": {
                    "type": "http",
                    "scheme": "basic",
                    "description": "A user's name with the password, or with a token in its place.",
                },
                "bearer": {"type": "http", "scheme": "bearer", "description": "One of a user's tokens."},
            },
        },
    }


def _operation(name: str, call: Call, what: Operation) -> dict[str, Any]:
    who = NEEDS.get((call.method, call.path), Needs.ADMIN)
    described: dict[str, Any] = {
        "operationId": name,
        "tags": [what.tag],
        "summary": what.summary,
        "description": " ".join(one for one in (what.text, _WHO[who]) if one),
    }
    parameters = [*_in_path(call.path), *(_in_query(one, what) for one in call.query)]
    if what.conditional:
        parameters.append(_IF_MATCH)
    if parameters:
        described["parameters"] = parameters
    if what.body is not None:
        described["requestBody"] = {
            "required": what.needs_body,
            "content": {"application/json": {"schema": _schema_of(what.body), "example": what.asked}},
        }
    described["responses"] = {str(what.status): _answer(what), **_failures(what)}
    return described


_IF_MATCH: Final = {
    "name": "If-Match",
    "in": "header",
    "description": "the `ETag` that the change goes by; `*` or nothing = whatever it is by now",
    "schema": {"type": "string"},
}


def _in_path(path: str) -> list[dict[str, Any]]:
    segments = path.split("/")
    return [
        {**_parameter(one[1:-1], IN_PATHS[segments[2], one[1:-1]]), "in": "path", "required": True}
        for one in segments
        if one.startswith("{")
    ]


def _in_query(name: str, what: Operation) -> dict[str, Any]:
    return {**_parameter(name, what.query.get(name) or PARAMETERS[name]), "in": "query"}


def _parameter(name: str, one: Parameter) -> dict[str, Any]:
    return {"name": name, "description": one.text, "schema": one.schema, "example": one.example}


def _answer(what: Operation) -> dict[str, Any]:
    described: dict[str, Any] = {"description": "Done." if what.answer is None else what.summary}
    if what.headers:
        described["headers"] = {one: _HEADERS[one] for one in what.headers}
    if what.answer is not None:
        content = {"schema": _schema_of(what.answer)}
        if what.example is not None:
            content["example"] = what.example
        described["content"] = {what.media: content}
    if what.links:
        described["links"] = {
            name: {"operationId": call, "parameters": {parameter: value}}
            for name, (call, parameter, value) in what.links.items()
        }
    return described


def _failures(what: Operation) -> dict[str, Any]:
    statuses = {*_ALWAYS, *what.fails}
    if what.body is not None:
        statuses |= {*_WITH_BODY}
    if what.store:
        statuses.add(503)
    found: dict[str, Any] = {}
    for status in sorted(statuses):
        found[str(status)] = {"$ref": f"#/components/responses/{_NAMES[status]}"}
        if status in what.fails:
            found[str(status)]["description"] = what.fails[status]
    return found


def _failure(status: int) -> dict[str, Any]:
    text, detail = _FAILURES[status]
    example = {"type": "about:blank", "title": http.HTTPStatus(status).phrase, "status": status, "detail": detail}
    if status in {400, 422}:
        example["errors"] = [{"path": "limit" if status == 400 else "match.tags[0]", "detail": detail}]
    described: dict[str, Any] = {
        "description": text,
        "content": {PROBLEM: {"schema": {"$ref": f"{SCHEMAS}Problem"}, "example": example}},
    }
    if (header := _FAILING_HEADERS.get(status)) is not None:
        described["headers"] = {header: _HEADERS[header]}
    return described


# --- schemas ---------------------------------------------------------------------------------------------------------

# What no type of ours says.
_PLAIN: Final[Mapping[str, dict[str, Any]]] = {
    "BackupLines": {"type": "string", "description": "objects of JSON, one to a line"},
    "OpenApi": {"type": "object", "description": "as of OpenAPI 3.1", "required": ["openapi", "info", "paths"]},
    "Page": {"type": "string", "description": "HTML"},
}


def _schema_of(shape: Any) -> dict[str, Any]:
    """A reference to a shape: a type, the name of a component, or alternatives."""
    if isinstance(shape, tuple):
        return {"anyOf": [_schema_of(one) for one in shape]}
    return {"$ref": SCHEMAS + (shape if isinstance(shape, str) else shape.__name__)}


def _schemas(forms: Forms | None) -> dict[str, Any]:
    """Every shape by its name."""
    types: dict[type, None] = {answers.Problem: None}
    for one in OPERATIONS.values():
        for shape in (*(one.answer if isinstance(one.answer, tuple) else (one.answer,)), one.body):
            if isinstance(shape, type):
                types[shape] = None
    _, found = msgspec.json.schema_components(types, ref_template=SCHEMAS + "{name}")
    asked = {one.body.__name__ for one in OPERATIONS.values() if isinstance(one.body, type)}
    for name in found.keys() - asked:
        found[name].pop("additionalProperties", None)  # what is answered may grow
    form, parts = forms(SCHEMAS) if forms is not None else ({"type": "object"}, {})
    about = {"title": SUBSCRIPTION, "description": "An entry of the configuration's `subscriptions`, and its bounds."}
    every = {**_typed(found), **_PLAIN, SUBSCRIPTION: {**about, **form}, **parts}
    plain: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(every))  # lists for tuples
    return {name: plain[name] for name in sorted(plain)}


def _typed(described: Any) -> Any:
    """The same schema, where a list of words says that they are text."""
    if isinstance(described, list):
        return [_typed(one) for one in described]
    if not isinstance(described, dict):
        return described
    changed = {key: _typed(value) for key, value in described.items()}
    words = changed.get("enum")
    if isinstance(words, list) and "type" not in changed and all(isinstance(one, str) for one in words):
        changed["type"] = "string"
    return changed
