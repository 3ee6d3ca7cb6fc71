"""Messages by templates: body, headers and URL of one event, each within its bounds; and all tried on samples."""

import functools
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final, Protocol
from urllib.parse import urlsplit

import msgspec

from sidecar.dialects.allowance import Allowance
from sidecar.dialects.contract import Audience, samples
from sidecar.dialects.templating import variables
from sidecar.dialects.templating.engine import Compiled, Library
from sidecar.dialects.templating.limits import (
    HEADERS,
    LARGEST,
    PER_MESSAGE,
    STEPS,
    TOKENS,
    TRIAL,
    URL,
    Meter,
    TemplateTrouble,
)
from sidecar.domain import header_names
from sidecar.domain.event import HAPPENINGS, Artifact, Event, EventType, Request
from sidecar.domain.message import Message
from sidecar.domain.statement import DETAILS

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


def say(event: Event, word: str, options: Options, audience: Audience, meter: Meter | None = None) -> Sequence[Message]:
    """One message, or one for each tag. Raises TemplateTrouble that names the option and the line."""
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


def _said(
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
                body=_body(templates.body, known, options, meter),
                headers=tuple(_headers(templates.headers, known, meter)),
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


def _body(template: Compiled, known: Mapping[str, Any], options: Options, meter: Meter) -> bytes:
    text = _rendered("body", template, known, meter)
    try:
        body = text.encode()
    except UnicodeEncodeError:
        raise TemplateTrouble("body: what comes out is no Unicode text") from None
    if len(body) > LARGEST:
        raise TemplateTrouble(f"body: what comes out has more than {LARGEST // 1024} KiB")
    if options.is_json:
        try:
            meter.spend(len(body) // 16)
        except TemplateTrouble as error:
            raise _placed("body", error) from None
        _check_json(body)
    return body


def _check_json(body: bytes) -> None:
    try:
        msgspec.json.decode(body)
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


# --- tried when a subscription is read --------------------------------------------------------------------------------


def trouble(options: Options, types: Iterable[EventType], audience: Audience) -> str:
    """A sentence about the first of many plausible events that could not be said, "" when all can be."""
    left = TRIAL
    try:
        used = frozenset(parts(options).names)
    except TemplateTrouble as error:
        return str(error)
    wanted = frozenset(types)
    for kind in (one for one in HAPPENINGS if one in wanted):
        for event in _trials(kind):
            meter = Meter(min(STEPS, left))
            before = meter.left
            try:
                say(event, kind, options, audience, meter)
            except TemplateTrouble as error:
                return f"{error} (of {_described(event)})"
            left -= before - meter.left
        if options.is_json and (name := _quoted_by_hand(kind, options, used)):
            return (
                f"body: what comes out is no JSON where a text of `{name}` has a quote in it (of {kind}): "
                "write such texts as `{{ ... | tojson }}`, without quotes around them"
            )
    return ""


def _trials(kind: EventType) -> Iterator[Event]:
    """Samples of a type, and one of which nothing is known that need not be."""
    seen: set[bytes] = set()
    for event in samples([kind]):
        key = msgspec.json.encode(event)
        if key not in seen:
            seen.add(key)
            yield event
    plain = next(iter(samples([kind])))
    yield msgspec.structs.replace(
        plain,
        artifact=Artifact(digest=plain.artifact.digest),
        tags=(),
        previous_digest=None,
        changed=None,
        actor="",
        request=Request(),
        details=_least(kind, plain),
    )


def _least(kind: EventType, plain: Event) -> Any:
    """The fewest details that such an event has."""
    if kind not in DETAILS:
        return None
    needed = {one.name for one in msgspec.structs.fields(DETAILS[kind]) if one.required}
    return DETAILS[kind](**{name: getattr(plain.details, name) for name in needed})


def _described(event: Event) -> str:
    kind = event.artifact.kind
    tags = "" if event.tags else ", without a tag"
    return f"{event.type}" + (f" of kind {kind}{tags}" if event.artifact.digest else tags)


def _quoted_by_hand(kind: EventType, options: Options, names: frozenset[str]) -> str:
    """The variable of which a text with a quote in it would break the body's JSON, "" if there is none."""
    event = next(iter(samples([kind])))
    known = variables.values(event, names) | variables.place(event, event.tag)
    template = parts(options).body
    for name in sorted(names & variables.SHAPES.keys()):
        awkward = variables.awkward(known[name], variables.SHAPES[name])
        if awkward != known[name]:
            try:
                _body(template, {**known, name: awkward}, options, Meter())
            except TemplateTrouble:
                return name
    return ""
