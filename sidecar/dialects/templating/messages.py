"""Messages by templates: body, headers and URL of one event, each within its bounds."""

import functools
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final, Protocol
from urllib.parse import urlsplit

import msgspec

from sidecar.dialects.allowance import Allowance
from sidecar.dialects.contract import Audience
from sidecar.dialects.templating import variables
from sidecar.dialects.templating.engine import Compiled, Library
from sidecar.dialects.templating.limits import (
    HEADERS,
    LARGEST,
    PER_MESSAGE,
    PER_STEP,
    STEPS,
    TOKENS,
    URL,
    Meter,
    TemplateTrouble,
)
from sidecar.domain import header_names
from sidecar.domain.event import Event
from sidecar.domain.message import Message

_VISIBLE: Final = re.compile(r"[\x21-\x7e]+")
_BYTE: Final = re.compile(r"(?:JSON is malformed: )?(?P<what>.*?)(?: \(byte (?P<at>\d+)\))?")
_PORTS: Final = {"http": 80, "https": 443}
_TOGETHER: Final = (
    "the templates of its namespace's subscriptions take too much work together for one event: "
    "have fewer of them, or let them loop over less"
)


class Options(Protocol):
    """What is said of a template's options in `dialects.template`."""

    @property
    def body(self) -> str: ...
    @property
    def content_type(self) -> str: ...
    @property
    def headers(self) -> Mapping[str, str]: ...
    @property
    def url(self) -> str: ...
    @property
    def per_tag(self) -> bool: ...
    @property
    def is_json(self) -> bool: ...


class Parts(msgspec.Struct, frozen=True):
    """The compiled templates of one subscription. `url` None = messages go where the subscription's URL points."""

    body: Compiled
    headers: tuple[tuple[str, Compiled], ...]
    url: Compiled | None

    @property
    def names(self) -> Iterator[str]:
        """The variables that they use."""
        for one in (self.body, self.url, *(each for _, each in self.headers)):
            if one is not None:
                yield from one.names


@functools.cache
def library() -> Library:
    """The compiled templates of this process."""
    return Library()


def parts(options: Options, allowance: Allowance | None = None) -> Parts:
    """The templates. Raises TemplateTrouble that names the option and the line."""
    tokens = 0
    made: list[tuple[str, Compiled]] = []
    for option, text in (
        ("body", options.body),
        *((f"headers.{name}", text) for name, text in options.headers.items()),
        *((("url", options.url),) if options.url else ()),
    ):
        made.append((option.removeprefix("headers."), _read(option, text, allowance)))
        tokens += made[-1][1].tokens
        if tokens > TOKENS:
            raise TemplateTrouble(f"{option}: the templates have more than {TOKENS} words and signs: make them shorter")
    url = made.pop()[1] if options.url else None
    return Parts(made[0][1], tuple(made[1:]), url)


def _read(option: str, text: str, allowance: Allowance | None) -> Compiled:
    try:
        return library().get(text, allowance)
    except TemplateTrouble as error:
        raise _placed(option, error) from None


def varies(text: str) -> bool:
    """Whether a template can come out differently for two events: it has something besides plain text."""
    return any(mark in text for mark in ("{{", "{%", "{#"))


def say(event: Event, word: str, options: Options, audience: Audience, meter: Meter | None = None) -> Sequence[Message]:
    """One message, or one for each tag. Headers that never vary are judged here, and are the dialect's to send.

    Raises TemplateTrouble that names the option and the line.
    """
    allowance = audience.allowance
    if allowance is None:
        return _said(event, word, options, audience, parts(options), meter or Meter())
    if allowance.left > 0:
        templates = parts(options, allowance)
        messages = len(event.tags) if options.per_tag else 1
        allowance.left -= PER_MESSAGE * messages + variables.burden(event, templates.names)
    left = min(STEPS, allowance.left)
    if left <= 0:
        raise TemplateTrouble(_TOGETHER)
    meter = Meter(left)
    try:
        return _said(event, word, options, audience, templates, meter)
    except TemplateTrouble:
        if meter.left < 0 and left < STEPS:
            raise TemplateTrouble(_TOGETHER) from None
        raise
    finally:
        allowance.left -= left - max(0, meter.left)


def _said(  # noqa: PLR0917 - what `say` was given, with what it found
    event: Event, word: str, options: Options, audience: Audience, templates: Parts, meter: Meter
) -> Sequence[Message]:
    known = variables.values(event, templates.names)
    made: list[Message] = []
    for tag in (options.per_tag and event.tags) or (event.tag,):
        known |= variables.place(event, tag)
        made.append(
            Message(
                word=word,
                content_type=options.content_type,
                body=body_of(templates.body, known, options, meter),
                headers=tuple(
                    one for one in _headers(templates.headers, known, meter) if varies(options.headers[one[0]])
                ),
                url="" if templates.url is None else _url(templates.url, known, audience, meter),
            )
        )
    return made


def _rendered(option: str, template: Compiled, known: Mapping[str, Any], meter: Meter) -> str:
    try:
        return template.render(known, meter)
    except TemplateTrouble as error:
        raise _placed(option, error) from None


def _placed(option: str, error: TemplateTrouble) -> TemplateTrouble:
    place = f"{option}, line {error.line}" if error.line else option
    return TemplateTrouble(f"{place}: {error}")


def body_of(template: Compiled, known: Mapping[str, Any], options: Options, meter: Meter) -> bytes:
    """The body with these variables. Raises TemplateTrouble."""
    text = _rendered("body", template, known, meter)
    try:
        body = text.encode()
    except UnicodeEncodeError:
        raise TemplateTrouble("body: what comes out is no Unicode text") from None
    if len(body) > LARGEST:
        raise TemplateTrouble(f"body: what comes out has more than {LARGEST // 1024} KiB")
    if options.is_json:
        try:
            meter.spend(len(body) // PER_STEP)
        except TemplateTrouble as error:
            raise _placed("body", error) from None
        _check_json(body)
    return body


def _check_json(body: bytes) -> None:
    try:
        msgspec.json.decode(body, type=msgspec.Raw)  # read whole, and nothing made of it
    except (msgspec.DecodeError, RecursionError) as error:
        found = _BYTE.fullmatch(str(error))
        assert found is not None
        before = body[: int(found["at"])] if found["at"] else body
        line, column = before.count(b"\n") + 1, len(before) - before.rfind(b"\n")
        place = f"at line {line}, column {column} of it" if found["at"] else "to its end"
        remedy = "write values as `{{ ... | tojson }}`, without quotes around them, or set `json: false`"
        raise TemplateTrouble(f"body: what comes out is no JSON {place} ({found['what'].lower()}): {remedy}") from None


def _headers(
    templates: Iterable[tuple[str, Compiled]], known: Mapping[str, Any], meter: Meter
) -> Iterator[tuple[str, str]]:
    size = 0
    for name, template in templates:
        option = f"headers.{name}"
        value = _rendered(option, template, known, meter).strip()
        if not value:
            continue
        if not header_names.is_line(value):
            raise TemplateTrouble(f"{option}: what comes out is not one line without control characters")
        try:
            size += len(name) + len(value.encode())
        except UnicodeEncodeError:
            raise TemplateTrouble(f"{option}: what comes out is no Unicode text") from None
        if size > HEADERS:
            raise TemplateTrouble(f"{option}: the headers come to more than {HEADERS // 1024} KiB")
        yield name, value


def _url(template: Compiled, known: Mapping[str, Any], audience: Audience, meter: Meter) -> str:
    """The URL. Its origin is the subscription's own, which TLS and credentials are for; these join when it is sent."""
    text = _rendered("url", template, known, meter).strip()
    if len(text) > URL or _VISIBLE.fullmatch(text) is None or "\\" in text or "#" in text:
        raise TemplateTrouble(
            f"url: what comes out is no URL of at most {URL // 1024} KiB without spaces, `\\` and `#`: "
            "write values as `{{ ... | urlencode }}`"
        )
    try:
        made, own = urlsplit(text), urlsplit(audience.url or text)
        alike = _origin(made) == _origin(own) and made.scheme in _PORTS
    except ValueError:
        alike = False
    if not alike or made.netloc.rpartition("@")[0] not in {"", own.netloc.rpartition("@")[0]}:
        raise TemplateTrouble(
            "url: what comes out leads to another scheme or host than the subscription's `url`: "
            "begin the template with the same `https://host`"
        )
    return f"{own.scheme}://{own.netloc.rpartition('@')[2]}{made.path or '/'}" + (
        f"?{made.query}" if made.query else ""
    )


def _origin(url: Any) -> tuple[str, str, int | None]:
    return url.scheme, (url.hostname or "").rstrip("."), url.port or _PORTS.get(url.scheme)
