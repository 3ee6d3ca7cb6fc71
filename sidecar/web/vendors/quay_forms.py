"""Quay's notifications: the body that asks for one, the subscription it comes to, and what is shown of it afterwards.

Which methods, events and options can be had is the dialect's to say: what it learns can be asked for here as well. What
Quay would take and this sidecar cannot do, or neither could ever tell, is refused when it is asked for, not when the
first event is due.
"""

import typing
from collections.abc import Sequence
from typing import Any, Final

import msgspec

from sidecar.dialects import quay_builds, quay_expiry, quay_quotas, quay_scans
from sidecar.dialects.contract import Dialect
from sidecar.domain.errors import Problem
from sidecar.domain.made import Api, Draft, Made, Tree
from sidecar.web.vendors.quay_answers import MALFORMED, NOT_JSON, Bare, InvalidRequest
from sidecar.web.vendors.quay_targets import Targets, called, url_of

_OF_NAMESPACES: Final = sorted(quay_quotas.WORDS)  # the events of a whole namespace, and of no repository

# The option that means something to an event; a form that says more is taken, as Quay's own pages send more.
_FILTERS: Final = {quay_scans.WORD: "level", quay_expiry.WORD: "days", **dict.fromkeys(quay_builds.WORDS, "ref_regex")}
# What the configuration's keys are called in a body.
_OURS: Final = {
    "options": "eventConfig",
    "options.level": "eventConfig.level",
    "options.days": "eventConfig.days",
    "options.ref_regex": "eventConfig.ref-regex",
}

_REQUIRED: Final = ("event", "method", "config", "eventConfig")
_TYPES: Final[dict[str, tuple[type, str]]] = {
    "event": (str, "string"),
    "method": (str, "string"),
    "config": (dict, "object"),
    "eventConfig": (dict, "object"),
    "title": (str, "string"),
}


class Form(msgspec.Struct, frozen=True, kw_only=True):
    """A body that asks for a notification, of the right shape; what it says may still be impossible.

    `title` None = none was given.
    """

    event: str
    method: str
    config: dict[str, Any]
    event_config: dict[str, Any]
    title: str | None = None


def object_of(content_type: str, body: bytes) -> dict[str, Any]:
    """The JSON object in a request's body. Raises Bare and InvalidRequest, with Quay's texts."""
    if content_type != "application/json" and not (
        content_type.startswith("application/") and content_type.endswith("+json")
    ):
        raise Bare(415, NOT_JSON)
    try:
        given = msgspec.json.decode(body)
        msgspec.json.encode(given)
    except (msgspec.MsgspecError, ValueError, OverflowError, RecursionError):
        raise Bare(400, MALFORMED) from None
    if given is None:
        raise InvalidRequest("Missing JSON body")
    if not isinstance(given, dict):
        raise InvalidRequest(f"{given!r} is not of type 'object'")
    return given


def form_of(content_type: str, body: bytes) -> Form:
    """The form in a request's body. Raises Bare and InvalidRequest, with Quay's texts.

    Where several things are wrong, the first is told: what is missing in the order of Quay's schema, then wrong types.
    """
    given = object_of(content_type, body)
    for key in _REQUIRED:
        if key not in given:
            raise InvalidRequest(f"{key!r} is a required property")
    for key, (kind, said) in _TYPES.items():
        if key in given and not isinstance(given[key], kind):
            raise InvalidRequest(f"{given[key]!r} is not of type {said!r}")
    return Form(
        event=given["event"],
        method=given["method"],
        config=given["config"],
        event_config=given["eventConfig"],
        title=given.get("title"),
    )


def draft_of(
    form: Form, dialect: Dialect[Any], *, namespace: str, repository: str, targets: Targets | None = None
) -> Draft:
    """What is asked for, in the configuration's shape; `repository` "" = a notification of the whole namespace.

    `targets` is what is known of where it may go, None = nothing. Raises InvalidRequest for what can be told without
    the configuration: for a repository the method is judged before the event, for a namespace the event comes first, as
    with Quay.
    """
    if not repository:
        _judge_event(form, _OF_NAMESPACES)
    _judge_method(form, dialect)
    url = url_of(form.method, form.config, targets or Targets(namespace=namespace))
    if repository:
        words = dialect.vocabulary(msgspec.convert({"method": form.method}, dialect.options))
        _judge_event(form, sorted({word.name for word in words} - quay_quotas.WORDS))
    options = _options(form, dialect)
    tree: Tree = {
        "format": dialect.name,
        "options": options,
        "events": [form.event],
        "delivery": {"give_up_on": []},  # Quay tries again whatever the answer was, if it was not a success
        "url": url,
    }
    document = {
        "event": form.event,
        "method": form.method,
        "config": form.config,
        "eventConfig": form.event_config,
        "title": form.title,
    }
    return Draft(
        api=Api.QUAY,
        targets=(tree,),
        namespace=namespace,
        repository=repository,
        name=form.title or "",
        document=document,
    )


def _options(form: Form, dialect: Dialect[Any]) -> dict[str, Any]:
    """The dialect's options: of `eventConfig` what it has an option for; Quay passes the rest over.

    A template is a webhook's alone; one that lies under all of the format's options is kept from the others.
    """
    known = {field.encode_name for field in msgspec.structs.fields(dialect.options)}
    options: dict[str, Any] = {}
    if form.method != "webhook":
        options["template"] = ""
    elif form.config.get("template"):
        options["template"] = form.config["template"]
    option = _FILTERS.get(form.event, "")
    value = _severity(form) if option == "level" else form.event_config.get(option.replace("_", "-"))
    if option in known and value not in (None, ""):
        options[option] = value
    return {**options, "method": form.method}


def _severity(form: Form) -> object:
    """The mildest severity that is asked for. Quay has two places for it: what either of them refuses is not told."""
    level = form.event_config.get("level")
    vulnerability = form.event_config.get("vulnerability") or {}
    priority = vulnerability.get("priority") if isinstance(vulnerability, dict) else False
    if priority in (None, ""):
        return level
    names = [one.value for one in quay_scans.LEVELS]
    if priority not in names:
        raise InvalidRequest(f"eventConfig: `vulnerability.priority` must be one of {', '.join(names)}")
    if level in (None, ""):
        return priority
    index = quay_scans.level_of(level)
    return level if index is None or index <= names.index(priority) else priority


def _judge_method(form: Form, dialect: Dialect[Any]) -> None:
    methods = _methods(dialect)
    if form.method not in methods:
        raise InvalidRequest(f"Unknown notification method '{form.method}'. Must be one of: {', '.join(methods)}")


def _methods(dialect: Dialect[Any]) -> Sequence[str]:
    """The ways of notifying that the dialect has, in its own order."""
    return typing.get_args(typing.get_type_hints(dialect.options)["method"])


def _judge_event(form: Form, known: Sequence[str]) -> None:
    if form.event not in known:
        raise InvalidRequest(f"Invalid event '{form.event}'. Must be one of: {', '.join(known)}")


def refusal_of(problems: Sequence[Problem], method: str = "webhook") -> InvalidRequest:
    """What the configuration has against a draft by a method: the first thing, for Quay tells one."""
    first = problems[0]
    if first.path == "url":
        return InvalidRequest(f"{called(method)}: {first.sentence}")
    name = _OURS.get(first.path)
    if name is None or not first.sentence.startswith(first.path):
        return InvalidRequest(first.sentence)
    return InvalidRequest(name + first.sentence.removeprefix(first.path))


def shown(made: Made, failures: int) -> dict[str, Any]:
    """A notification as Quay shows it, its keys in Quay's order; `failures` in a row.

    What was asked for is given back as it was, its secrets too: whoever sees this may change it.
    """
    document = made.document
    return {
        "uuid": made.uuid,
        "title": document["title"],
        "event": document["event"],
        "method": document["method"],
        "config": document["config"],
        "event_config": document["eventConfig"],
        "number_of_failures": failures,
    }
