"""Trials: templates are rendered for samples of all that is subscribed, before a subscription is taken.

What came of it is remembered: the same is asked again when the subscription takes effect, and at every reload.
"""

import hashlib
import threading
from collections.abc import Iterable, Iterator
from typing import Any, Final

import msgspec

from sidecar.dialects.contract import Audience, samples
from sidecar.dialects.templating import variables
from sidecar.dialects.templating.limits import STEPS, TRIAL, Meter, TemplateTrouble
from sidecar.dialects.templating.messages import Options, body_of, parts, say
from sidecar.domain.event import HAPPENINGS, Artifact, Event, EventType, Request
from sidecar.domain.statement import DETAILS

_REMEMBERED: Final = 1024  # trials
_found: Final[dict[bytes, str]] = {}
_lock: Final = threading.Lock()  # configurations are read on threads


def trouble(options: Options, types: Iterable[EventType], audience: Audience) -> str:
    """A sentence about the first of many plausible events that could not be said, "" when all can be."""
    wanted = sorted(frozenset(types))
    key = hashlib.sha256(msgspec.json.encode((options, wanted, audience.url))).digest()
    with _lock:
        found = _found.get(key)
    if found is None:
        found = _trouble(options, wanted, audience)
        with _lock:
            if len(_found) >= _REMEMBERED:
                del _found[next(iter(_found))]
            _found[key] = found
    return found


def _trouble(options: Options, types: Iterable[EventType], audience: Audience) -> str:
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
                body_of(template, {**known, name: awkward}, options, Meter())
            except TemplateTrouble:
                return name
    return ""
