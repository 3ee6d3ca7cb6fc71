"""Quay's notifications: the body that asks for one, the subscription it comes to, and what is shown of it afterwards.

Which methods, events and options can be had is the dialect's to say: what it learns can be asked for here as well. What
Quay would take and this sidecar cannot do is refused when it is asked for, not when the first event is due.
"""

from collections.abc import Sequence
from typing import Any, Final
from urllib.parse import urlsplit

import msgspec

from sidecar.dialects.contract import Dialect
from sidecar.domain.errors import Problem
from sidecar.domain.made import Api, Draft, Made, Tree
from sidecar.web.vendors.quay_answers import MALFORMED, NOT_JSON, Bare, InvalidRequest

NAMESPACE_EVENTS: Final = ("quota_error", "quota_warning")  # the events of a whole namespace; sorted

_REQUIRED: Final = ("event", "method", "config", "eventConfig")
_TYPES: Final[dict[str, tuple[type, str]]] = {
    "event": (str, "string"),
    "method": (str, "string"),
    "config": (dict, "object"),
    "eventConfig": (dict, "object"),
    "title": (str, "string"),
}
# What a method cannot do without, in the order in which Quay looks for it, and what it says.
_NEEDED: Final = {
    "webhook": (("url", "Missing webhook URL"),),
    "slack": (("url", "Missing Slack Callback URL"),),
    "email": (("email", "Missing e-mail address"),),
    "hipchat": (
        ("notification_token", "Missing Hipchat Room Notification Token"),
        ("room_id", "Missing Hipchat Room ID"),
    ),
    "flowdock": (("flow_api_token", "Missing Flowdock API Token"),),
    "quay_notification": (("target", "Missing target"),),
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


def form_of(content_type: str, body: bytes) -> Form:
    """The form in a request's body. Raises Bare and InvalidRequest, with Quay's texts.

    Where several things are wrong, the first is told: what is missing in the order of Quay's schema, then wrong types.
    """
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


def draft_of(form: Form, dialect: Dialect[Any], *, namespace: str, repository: str) -> Draft:
    """What is asked for, in the configuration's shape; `repository` "" = a notification of the whole namespace.

    Raises InvalidRequest for what can be told without the configuration: for a repository the method is judged before
    the event, for a namespace the event comes first, as with Quay.
    """
    if not repository and form.event not in NAMESPACE_EVENTS:
        raise InvalidRequest(f"Invalid event '{form.event}'. Must be one of: {', '.join(NAMESPACE_EVENTS)}")
    options = _options(form, dialect)
    _judge_method(form, dialect)
    known = {word.name for word in dialect.vocabulary(msgspec.convert({"method": form.method}, dialect.options))}
    if form.event not in known:
        raise InvalidRequest(_unsaid(form.event, known))
    tree: Tree = {
        "format": dialect.name,
        "options": options,
        "events": [form.event],
        "delivery": {"give_up_on": []},  # Quay tries again whatever the answer was, if it was not a success
    }
    if form.config.get("url"):
        tree["url"] = form.config["url"]
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
    """The dialect's options: of `config` and `eventConfig` what it has an option for; Quay passes the rest over."""
    known = {field.encode_name for field in msgspec.structs.fields(dialect.options)}
    options = {key: value for key, value in form.config.items() if key in known and value}
    for key, value in form.event_config.items():
        option = key.replace("-", "_")
        if option in known and option == _filter_of(form.event) and value not in (None, ""):
            options[option] = value
    return {**options, "method": form.method}


def _filter_of(event: str) -> str:
    """The option that means something to an event; a form that says more is taken, as Quay's own pages send more."""
    if event.startswith("build_"):
        return "ref_regex"
    return {"vulnerability_found": "level", "repo_image_expiry": "days"}.get(event, "")


def _judge_method(form: Form, dialect: Dialect[Any]) -> None:
    methods = _methods(dialect)
    if form.method not in methods:
        raise InvalidRequest(f"Unknown notification method '{form.method}'. Must be one of: {', '.join(methods)}")
    for key, sentence in _NEEDED.get(form.method, ()):
        if not form.config.get(key):
            raise InvalidRequest(sentence)
    if form.method != "webhook":
        return
    if not _is_web_address(form.config["url"]):
        raise InvalidRequest("Invalid webhook URL")
    template = form.config.get("template")
    if not template:
        return
    if not isinstance(template, str):
        raise InvalidRequest("Could not parse template: template must be a string that holds JSON")
    if "template" not in {field.encode_name for field in msgspec.structs.fields(dialect.options)}:
        raise InvalidRequest("Webhook templates are not supported: leave 'template' out of config")


def _methods(dialect: Dialect[Any]) -> Sequence[str]:
    """The ways of notifying that the dialect has, in its own order."""
    (kind,) = (
        field.type
        for field in msgspec.inspect.type_info(dialect.options).fields  # type: ignore[attr-defined] # of a Struct
        if field.name == "method"
    )
    if isinstance(kind, msgspec.inspect.EnumType):
        return [str(one.value) for one in kind.cls]
    assert isinstance(kind, msgspec.inspect.LiteralType)
    return [str(one) for one in kind.values]


def _is_web_address(url: object) -> bool:
    if not isinstance(url, str):
        return False
    try:
        parts = urlsplit(url)
        return parts.scheme in {"http", "https"} and bool(parts.hostname)
    except ValueError:
        return False


def _unsaid(event: str, known: set[str]) -> str:
    if not known:
        return f"Invalid event '{event}'."
    return f"Invalid event '{event}'. Must be one of: {', '.join(sorted(known))}"


def refusal_of(problems: Sequence[Problem]) -> InvalidRequest:
    """What the configuration has against a draft: the first thing, for Quay tells one."""
    first = problems[0]
    return InvalidRequest(f"Invalid webhook URL: {first.sentence}" if first.path == "url" else first.sentence)


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
