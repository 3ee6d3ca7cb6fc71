"""What the document's operations are made of: their form, parameters, and the bodies of calls over many deliveries."""

from collections.abc import Mapping
from types import GenericAlias
from typing import Annotated, Any, Final

import msgspec

from sidecar.domain.delivery import State
from sidecar.pipeline.redelivery import CANCELLED, REPLAYED, RETRIED
from sidecar.web.exchange import LARGEST_PAGE, PAGE
from sidecar.web.openapi import examples
from sidecar.web.verbs import SelectionBody


class Parameter(msgspec.Struct, frozen=True):
    """A parameter of a path or query."""

    text: str
    schema: dict[str, Any]
    example: Any


class Operation(msgspec.Struct, frozen=True, kw_only=True):
    """One call, apart from what all have in common.

    `body` and `answer` are types, or the name of a component; several answers are alternatives, None is no content.
    `fails` has what a status means here; `links` lead on: name to (call, parameter, where its value is).
    """

    tag: str
    summary: str
    text: str = ""
    query: Mapping[str, Parameter] = {}
    body: Any = None
    needs_body: bool = False
    asked: Any = None  # the body's example
    answer: Any = None
    status: int = 200
    media: str = "application/json"
    example: Any = None
    headers: tuple[str, ...] = ()
    conditional: bool = False  # takes If-Match
    fails: Mapping[int, str] = {}
    store: bool = True  # asks the store
    links: Mapping[str, tuple[str, str, str]] = {}


def _body(name: str, doc: str, allowed: tuple[State, ...]) -> type:
    """A selection of which the states are the verb's own."""
    words = [one.name.lower() for one in allowed]
    state = Annotated[str, msgspec.Meta(extra_json_schema={"enum": words})]
    return msgspec.defstruct(
        name,
        [("states", GenericAlias(tuple, (state, ...)), ())],
        bases=(SelectionBody,),
        namespace={"__doc__": doc},
        frozen=True,
        rename="camel",
        forbid_unknown_fields=True,
    )


REPLAY: Final = _body(
    "ReplayBody",
    "Which deliveries are sent again: what is dead, unless `states` say otherwise. The rest chooses among them.",
    REPLAYED,
)
RETRY: Final = _body(
    "RetryBody", "Which deliveries are tried now: what is due or dead, unless `states` say otherwise.", RETRIED
)
CANCEL: Final = _body("CancelBody", "Which deliveries are given up, of those that are due.", CANCELLED)

TEXT: Final = {"type": "string"}
TIME: Final = {"type": "string", "anyOf": [{"format": "date-time"}, {"maxLength": 0}]}
_STATE: Final = f"({'|'.join(one.name.lower() for one in State)})"
PARAMETERS: Final[Mapping[str, Parameter]] = {
    "limit": Parameter(
        "how many a page has at most",
        {"type": "integer", "minimum": 1, "maximum": LARGEST_PAGE, "default": PAGE},
        20,
    ),
    "before": Parameter(
        "the `next` of the page before this one; without it, the newest",
        {"type": "string", "pattern": "^[0-9]{1,18}$"},
        "812",
    ),
    "registry": Parameter("only of the registry of this name", TEXT, "main"),
    "repository": Parameter("only of the repository of this whole name", TEXT, "prj/app"),
    "type": Parameter("only of this type, such as artifact.pushed", TEXT, "artifact.pushed"),
    "since": Parameter(
        "only what is not older than this RFC 3339 time",
        TIME,
        "2026-11-22T08:00:00Z",
    ),
    "subscription": Parameter("only to the subscription of this name", TEXT, "updater"),
    "state": Parameter(
        "only in one of these states: due, delivered, dead, cancelled, with commas between them",
        {"type": "string", "pattern": f"^({_STATE}(,{_STATE})*)?$"},
        "dead,cancelled",
    ),
    "reason": Parameter("only what ended for this reason, such as expired", TEXT, "expired"),
    "event": Parameter("only of the event with this id", TEXT, examples.EVENT_ID),
    "digest": Parameter("only of the artifact with this digest", TEXT, examples.DIGEST),
    "tag": Parameter("only pulls by this tag", TEXT, "v1.4.0"),
}

NUMBER: Final = Parameter(
    "its number", {"type": "integer", "format": "int64", "minimum": 0, "maximum": 10**18 - 1}, 812
)
# By the first segments of the path and the name in it.
IN_PATHS: Final[Mapping[tuple[str, str], Parameter]] = {
    ("events", "id"): Parameter("the event's id", TEXT, examples.EVENT_ID),
    ("deliveries", "id"): NUMBER,
    ("quarantine", "id"): NUMBER,
    ("inbox", "id"): Parameter("the notification's id", TEXT, examples.NOTIFICATION_ID),
    ("subscriptions", "name"): Parameter(
        "its name, or that of its queue, percent-encoded", {"type": "string", "minLength": 1}, "ci"
    ),
    ("registries", "registry"): Parameter("the registry's name", {"type": "string", "minLength": 1}, "main"),
    ("registries", "repository"): Parameter("its whole name", {"type": "string", "minLength": 1}, "prj/app"),
    ("registries", "tag"): Parameter("the tag", {"type": "string", "minLength": 1}, "v1.4.0"),
    ("registries", "name"): Parameter("the registry's name", {"type": "string", "minLength": 1}, "main"),
}
