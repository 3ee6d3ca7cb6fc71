"""Bodies of DTR's webhook API, and what they come to: a subscription in the shape of the configuration, and back.

Forms are those of DTR 2.7. What its reference calls required and its manual leaves out (tlsCert, skipTLSVerification)
may be left out; null is as absent; what is not known is passed over, as Go's decoder does.
"""

from typing import Any, Final, TypeVar

import msgspec

from sidecar.domain import instant
from sidecar.domain.errors import Problem
from sidecar.domain.made import Api, Draft, Made
from sidecar.web.vendors.dtr_errors import Code, Refusal
from sidecar.web.vendors.dtr_keys import Key, author_id, identity, key_of, type_of

_OURS: Final = {"url": "endpoint", "tls.ca": "tlsCert", "tls.verify": "skipTLSVerification"}
NEVER: Final = "0001-01-01T00:00:00Z"  # Go's zero time: what DTR says of a webhook that was never delivered


class CreateForm(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """POST /webhooks."""

    type: str | None = None
    key: str | None = None
    endpoint: str | None = None
    tls_cert: str | None = None
    skip_tls: bool | None = msgspec.field(default=None, name="skipTLSVerification")


class TrialForm(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """POST /webhooks/test."""

    type: str | None = None
    endpoint: str | None = None
    tls_cert: str | None = None
    skip_tls: bool | None = msgspec.field(default=None, name="skipTLSVerification")


class UpdateForm(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """POST /webhooks/update. What is absent stays as it is, for clients from before DTR 2.6 know nothing of TLS."""

    id: str | None = None
    inactive: bool | None = None
    tls_cert: str | None = None
    skip_tls: bool | None = msgspec.field(default=None, name="skipTLSVerification")


class Document(msgspec.Struct, frozen=True, kw_only=True):
    """What is kept to give back word for word."""

    type: str
    key: str
    endpoint: str
    tls_cert: str = ""
    skip_tls: bool = False


class Webhook(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A webhook as it is answered, its keys in the order of the published response."""

    id: str
    type: str
    key: str
    endpoint: str
    author_id: str = msgspec.field(name="authorID")
    created_at: str
    last_successful_at: str
    inactive: bool
    tls_cert: str
    skip_tls: bool = msgspec.field(name="skipTLSVerification")


F = TypeVar("F", CreateForm, TrialForm, UpdateForm)


def form_of(raw: bytes, shape: type[F]) -> F:
    """A JSON body of this shape. Raises Refusal."""
    try:
        return msgspec.json.decode(raw, type=shape)
    except (msgspec.DecodeError, RecursionError) as error:  # what does not fit the shape is a DecodeError, too
        raise Refusal(Code.INVALID_JSON, str(error)) from None


def document_of(form: CreateForm | TrialForm) -> tuple[Document, Key]:
    """What a form asks for, and its scope. Raises Refusal."""
    kind = type_of(form.type or "")
    written = (form.key or "") if isinstance(form, CreateForm) else ""
    key = key_of(written)
    if not form.endpoint:
        raise Refusal(Code.INVALID_JSON, "endpoint is missing: write the URL that events are to be posted to")
    document = Document(
        type=kind,
        key=written,
        endpoint=form.endpoint,
        tls_cert=form.tls_cert or "",
        skip_tls=form.skip_tls or False,
    )
    return document, key


def draft_of(document: Document, key: Key, *, inactive: bool = False) -> Draft:
    """The subscription that a document comes to."""
    return Draft(
        api=Api.DTR,
        key=identity(document.type, document.key, document.endpoint),
        namespace=key.namespace,
        repository=str(key) if key.repository else "",
        enabled=not inactive,
        document=msgspec.to_builtins(document),
        targets=(_target(document),),
    )


def _target(document: Document) -> dict[str, Any]:
    target: dict[str, Any] = {"format": "dtr", "events": [document.type], "url": document.endpoint}
    if document.endpoint[:8].lower() == "https://":  # DTR takes its TLS fields for any endpoint
        if document.skip_tls:
            target["tls"] = {"verify": False}
        elif document.tls_cert:
            target["tls"] = {"ca": document.tls_cert, "verify": True}  # whatever is usual for the format
    return target


def told(problem: Problem) -> str:
    """What is wrong with a form, under the name that it has there."""
    name = _OURS.get(problem.path)
    if name is None or not problem.sentence.startswith(problem.path):
        return problem.sentence
    return name + problem.sentence.removeprefix(problem.path)


def changed(made: Made, form: UpdateForm) -> Draft:
    """What an update makes of a webhook: type, key and endpoint stay. Raises Refusal."""
    if form.inactive is None:
        raise Refusal(Code.INVALID_JSON, "inactive is missing: write true or false")
    before = kept_of(made)
    after = msgspec.structs.replace(
        before,
        tls_cert=before.tls_cert if form.tls_cert is None else form.tls_cert,
        skip_tls=before.skip_tls if form.skip_tls is None else form.skip_tls,
    )
    return draft_of(after, Key(made.namespace, before.key.partition("/")[2]), inactive=form.inactive)


def kept_of(made: Made) -> Document:
    """What is kept of a webhook."""
    return msgspec.convert(made.document, Document)


def webhook(made: Made, last_success: int) -> Webhook:
    """The answer about a webhook; `last_success` is an instant, 0 = never."""
    kept = kept_of(made)
    return Webhook(
        id=made.key,
        type=kept.type,
        key=kept.key,
        endpoint=kept.endpoint,
        author_id=author_id(made.creator),
        created_at=instant.rfc3339(made.created),
        last_successful_at=instant.rfc3339(last_success) if last_success else NEVER,
        inactive=not made.enabled,
        tls_cert=kept.tls_cert,
        skip_tls=kept.skip_tls,
    )
