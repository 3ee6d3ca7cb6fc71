"""Golden files: what each dialect must say, written down by hand from the vendors' own formats.

A file is `golden/<dialect>/<case>.json`:

    why           the sentence that the case pins
    options       of the dialect, {} when left out
    event         what differs from `sample(type)`, as JSON of a domain Event; objects are merged key by key, and the
                  instants `time`, `accepted` and `repository.created` may be RFC 3339 text
    word          the vendor's word
    audience      {"subscription": ..., "policy": ...}, for the words that name their subscription
    content_type  exactly as sent
    body          the JSON value of the one message, its keys in the order of the wire
    headers       the headers of each message, [[name, value], ...]; [] when left out
    exact         the text of the one message to the byte, where escaping or spacing matters
    bodies        instead of `body`, when the word makes no message or several
"""

import json
from pathlib import Path
from typing import Any

import msgspec

from sidecar.dialects import load
from sidecar.dialects.contract import Audience, sample
from sidecar.domain import instant
from sidecar.domain.event import Event, EventType
from sidecar.domain.message import Message

FOLDER = Path(__file__).parent / "golden"


class Case(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One golden file."""

    why: str
    word: str
    content_type: str = ""
    options: dict[str, Any] = {}
    event: dict[str, Any] = {}
    audience: Audience = Audience()
    headers: tuple[tuple[str, str], ...] = ()
    body: msgspec.Raw = msgspec.Raw()
    exact: str | None = None
    bodies: list[msgspec.Raw] | None = None

    @property
    def expected(self) -> list[msgspec.Raw]:
        """The bodies of all messages, in order."""
        if self.bodies is not None:
            return self.bodies
        return [self.body] if bytes(self.body) else []


def find_cases() -> list[Path]:
    """Every golden file."""
    return sorted(FOLDER.glob("*/*.json"))


def read_case(path: Path) -> Case:
    """The case in a file; the name of the folder is the dialect's."""
    return msgspec.json.decode(path.read_bytes(), type=Case)


def build_event(overrides: dict[str, Any]) -> Event:
    """`sample()` of the type that the overrides name, with the overrides laid over it."""
    kind = EventType(overrides.get("type", EventType.PUSHED))
    merged = _laid_over(msgspec.json.decode(msgspec.json.encode(sample(kind))), overrides)
    for holder, key in ((merged, "time"), (merged, "accepted"), (merged["repository"], "created")):
        if isinstance(holder.get(key), str):
            holder[key] = instant.parse_rfc3339(holder[key])
    return msgspec.json.decode(msgspec.json.encode(merged), type=Event)


def render_case(dialect_name: str, case: Case) -> list[Message]:
    """The messages that the dialect makes of the case."""
    dialect = load()[dialect_name]
    options = msgspec.convert(case.options, dialect.options)
    event = build_event(case.event)
    voice = dialect.bind(options, [case.word])
    if case.expected or case.exact is not None:
        assert case.word in voice.words(event, untagged=True), f"{case.word} is never said of this event"
    return list(voice.render(event, case.word, case.audience))


def ordered(text: bytes | str) -> Any:
    """A JSON value in which the order of keys and the type of numbers count; refuses a key given twice."""
    return json.loads(text, object_pairs_hook=_pairs, parse_int=_number("int"), parse_float=_number("float"))


def _pairs(pairs: list[tuple[str, Any]]) -> Any:
    names = [name for name, _ in pairs]
    assert len(names) == len(set(names)), f"a key is given twice: {names}"
    return ("object", *pairs)


def _number(kind: str) -> Any:
    return lambda digits: (kind, digits)


def _laid_over(base: Any, over: Any) -> Any:
    if isinstance(base, dict) and isinstance(over, dict):
        return {**base, **{key: _laid_over(base.get(key), value) for key, value in over.items()}}
    return over
