"""Kinds of fields that the document's shapes have in common."""

from typing import Annotated

from msgspec import Meta

from sidecar.domain.delivery import Reason, State
from sidecar.domain.made import Api

REASONS = [one.value for one in Reason]


def one_of(*words: str, text: str = "") -> Meta:
    return Meta(description=text or None, extra_json_schema={"enum": list(words)})


def said(text: str) -> Meta:
    return Meta(description=text)


Instant = Annotated[str, Meta(extra_json_schema={"format": "date-time"})]
StateWord = Annotated[str, one_of(*(one.name.lower() for one in State))]
ReasonWord = Annotated[str, one_of("", *REASONS, text='why the last attempt ended as it did; "" = none was made')]
Next = Annotated[str | None, said("what `before` has to be for the page after this one; null = there is none")]
Count = Annotated[int, Meta(extra_json_schema={"minimum": 0})]
Status = Annotated[
    int, Meta(description="the HTTP status that was answered; 0 = none", extra_json_schema={"minimum": 0})
]
Digest = Annotated[str, said('such as sha256:...; "" = not known')]
Milliseconds = Annotated[float, Meta(extra_json_schema={"minimum": 0})]
Hold = Annotated[str, one_of("", "operator", "gone", text='why nothing is sent until somebody resumes it; "" = it is')]
Breaker = Annotated[str, one_of("open", "closed")]
Source = Annotated[str, one_of("file", *(one.value for one in Api), text="the file, or the API that it was made with")]
