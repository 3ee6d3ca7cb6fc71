"""A format that can say several events in one message: what each is, and nothing else."""

import msgspec

from sidecar.dialects.contract import Dialect, Word, compact
from sidecar.domain import instant
from sidecar.domain.event import EventType
from sidecar.domain.message import Message

_WORDS = tuple(Word(name=one.value, types=frozenset({one})) for one in EventType)


class Options(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`digest` in seconds, 0 = none."""

    digest: int = 0


def _said(said):
    return [
        {
            "id": event.id,
            "word": word,
            "repository": event.repository.path,
            "tag": event.tag,
            "actor": event.actor,
        }
        for event, word in said
    ]


def _message(said):
    if any(event.tag == "unspeakable" for event, _ in said):
        raise ValueError("there is a tag that cannot be said")
    words = {word for _, word in said}
    word = words.pop() if len(words) == 1 else "group"
    return (Message(word=word, content_type="application/json", body=compact({"said": _said(said)})),)


DIALECT = Dialect(
    name="chatty",
    title="Chatty",
    options=Options,
    example=Options(),
    vocabulary=lambda _options: _WORDS,
    render=lambda event, word, _options, _audience: _message([(event, word)]),
    join=lambda said, _options, _audience: _message(said),
    digest=lambda options: options.digest * instant.SECOND,
)
