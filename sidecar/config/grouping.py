"""Whether a subscription is told of several events in one message: by its own key, or by its format's digest."""

from typing import Final

from sidecar.config.problems import Problems
from sidecar.config.tables import Field, Section, Table
from sidecar.config.texts import duration
from sidecar.dialects.contract import Voice
from sidecar.domain import instant
from sidecar.domain.subscription import Grouping

GROUP: Final = Table(
    {
        "window": Field(
            duration(instant.SECOND, instant.HOUR),
            "what happens to a repository so long after a first event is told with it in one message",
            needed=True,
        ),
    }
)


def grouping(section: Section, voice: Voice, problems: Problems) -> Grouping | None:
    """What a subscription says of it; reports what its format does not go with."""
    given: Section | None = section.get("group")
    if given is not None and not voice.joins:
        sentence = f"{given.path} is not for format {voice.format}, which says one event in a message: remove it"
        problems.add(section.line("group"), sentence)
        return None
    if given is not None and voice.digest:
        sentence = f"{given.path} and the digest in {section.path}.options both gather events: remove one of the two"
        problems.add(section.line("group"), sentence)
        return None
    if voice.digest:
        return Grouping(voice.digest, whole=True)
    window = given.get("window") if given is not None else None
    return Grouping(window) if window is not None else None
