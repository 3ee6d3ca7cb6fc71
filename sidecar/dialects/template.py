"""Messages of an operator's own making, for receivers that have no format here: body, headers and URL by Jinja2.

A template knows of an event what `templating.variables` says, and can do what `templating.rules` allows. It is tried on
samples of all that is subscribed when the subscription is read, so that what it gets wrong is told then. What it may
cost is bounded (`templating.limits`): it is rendered where all other work is done, and may come from somebody whom the
operator need not trust. Jinja2 is loaded with the first template.
"""

import re
from collections.abc import Sequence

import msgspec

from sidecar.dialects.contract import Audience, Dialect, Word
from sidecar.domain import header_names
from sidecar.domain.enrichment import FOR_ENDS, NOTHING, Fact
from sidecar.domain.event import HAPPENINGS, OF_ARTIFACTS, Event, EventType
from sidecar.domain.expiry import DAYS, Days
from sidecar.domain.message import Message
from sidecar.domain.statement import DETAILS

_TYPE = re.compile(rf"{header_names.NAME}/{header_names.NAME}(?:[ \t]*;[ \t]*[\x20-\x7e]+)?")
_OWN_HEADERS = frozenset({*header_names.SIGNED_BY.values(), "x-hub-signature", "traceparent"})


class Options(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`body`, each of `headers` and `url` are templates.

    A header that comes out empty is left out. `url` "" = messages go to the subscription's `url`, whose scheme and host
    it must have. `json` says whether the body must be JSON, null = where `content_type` says so. With `per_tag` an
    event of several tags makes a message for each. `days` is how long before its end a tag is told of.
    """

    body: str
    content_type: str = "application/json"
    headers: dict[str, str] = {}
    url: str = ""
    json: bool | None = None
    per_tag: bool = False
    days: Days = DAYS

    @property
    def is_json(self) -> bool:
        """Whether the body must be JSON."""
        if self.json is not None:
            return self.json
        kind = self.content_type.partition(";")[0].strip().lower()
        return kind == "application/json" or kind.endswith("+json")


def vocabulary(options: Options) -> Sequence[Word]:
    """Every canonical type is a word. Registries are asked for what the templates name."""
    reads: frozenset[Fact] = NOTHING
    if any(name in text for text in _texts(options).values() for name in ("artifact", "data")):
        reads = frozenset(Fact)
    return [
        Word(
            name=kind.value,
            types=frozenset({kind}),
            reads=FOR_ENDS
            if kind is EventType.EXPIRING
            else reads
            if kind in OF_ARTIFACTS and kind not in DETAILS  # what others tell is said as it was told
            else NOTHING,
        )
        for kind in HAPPENINGS
    ]


def _texts(options: Options) -> dict[str, str]:
    return {
        "body": options.body,
        "url": options.url,
        **{f"headers.{name}": one for name, one in options.headers.items()},
    }


def check(options: Options) -> str:
    """The templates must be short enough and fit to be rendered, names and types those of HTTP."""
    from sidecar.dialects.templating import messages
    from sidecar.dialects.templating.limits import MOST_HEADERS, TEXT, TemplateTrouble

    if len(options.content_type) > 200 or _TYPE.fullmatch(options.content_type) is None:
        return "`content_type` must be a media type such as `application/json`"
    if len(options.headers) > MOST_HEADERS:
        return f"`headers` has more than {MOST_HEADERS} headers"
    seen: dict[str, str] = {}
    for name in options.headers:
        problem = header_names.refusal(name)
        if name.lower() == "content-type":
            problem = "cannot be set: write it as `content_type`"
        elif name.lower() in _OWN_HEADERS:
            problem = "cannot be set, it is what `sign` or tracing writes: remove it"
        elif seen.setdefault(name.lower(), name) != name:
            problem = f"is the same header as {seen[name.lower()]}: keep one"
        if problem:
            return f"headers.{name[:60]} {problem}"
    if sum(map(len, _texts(options).values())) > TEXT:
        return f"the templates have more than {TEXT // 1024} KiB together: make them shorter"
    try:
        messages.parts(options)
    except TemplateTrouble as error:
        return str(error)
    return ""


def headers(options: Options) -> tuple[tuple[str, str], ...]:
    """The headers that are the same in every message. They need not be stored, and may well be credentials."""
    from sidecar.dialects.templating.messages import varies

    return tuple((name, text.strip()) for name, text in options.headers.items() if text.strip() and not varies(text))


def check_events(options: Options, types: frozenset[EventType], audience: Audience) -> str:
    """Samples of all that is subscribed must be sayable."""
    from sidecar.dialects.templating.trials import trouble

    return trouble(options, types, audience)


def render(event: Event, word: str, options: Options, audience: Audience) -> Sequence[Message]:
    """One message, or one for each tag. Raises ValueError with a sentence that names the option and the line."""
    from sidecar.dialects.templating.messages import say

    return say(event, word, options, audience)


_EXAMPLE = Options(
    body='{"event": {{ event.type | tojson }}, "image": {{ reference | tojson }}, "actor": {{ actor | tojson }}}'
)

DIALECT = Dialect(
    name="template",
    title="messages of your own making",
    options=Options,
    example=_EXAMPLE,
    vocabulary=vocabulary,
    render=render,
    check=check,
    check_events=check_events,
    headers=headers,
    scoped=lambda options, _word: bool(options.url),  # it is compared with where the subscription's messages go
    discreet=True,  # a template's headers may hold what the operator wrote into them
    metered=True,
    days=lambda options: options.days,
)
