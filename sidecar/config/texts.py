"""The texts and amounts that the tables of keys are made of."""

import re
from collections.abc import Callable
from typing import Final

from sidecar.config import amounts, places
from sidecar.config.shapes import Number, Or, Text, not_empty
from sidecar.config.tables import ListOf
from sidecar.domain.glob import Globs

_NAME: Final = r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}"
_TOKEN: Final = r"[\x21-\x7e]+"  # noqa: S105 - a pattern, not a token


def matching(pattern: str, sentence: str) -> Callable[[str], str]:
    whole = re.compile(pattern, re.ASCII)

    def parse(text: str) -> str:
        if whole.fullmatch(not_empty(text)) is None:
            raise ValueError(sentence)
        return text

    return parse


def duration(low: int, high: int = amounts.LONGEST) -> Text:
    def parse(text: str) -> int:
        value = amounts.duration(text)
        if not low <= value <= high:
            raise ValueError(f"must be from {amounts.show_duration(low)} to {amounts.show_duration(high)}")
        return value

    return Text(parse=parse, pattern=amounts.DURATION, number=amounts.DURATION_NEEDS_UNIT)


def size(low: int, high: int) -> Or:
    def parse(text: str) -> int:
        value = amounts.size(text)
        if not low <= value <= high:
            raise ValueError(f"must be from {amounts.show_size(low)} to {amounts.show_size(high)}")
        return value

    return Or(kind="int", this=Number(low=low, high=high), that=Text(parse=parse, pattern=amounts.SIZE))


def glob(*, segments: bool, anonymous: bool = False) -> Text:
    """A pattern; "" is a pattern only where it stands for a person who is not known."""

    def parse(text: str) -> str:
        Globs.of((text if anonymous else not_empty(text),), segments=segments)
        return text

    return Text(parse=parse, least=0 if anonymous else 1)


NAME: Final = Text(
    parse=matching(_NAME, "must be at most 100 letters, digits, dots, dashes and underscores, a letter or digit first"),
    pattern=_NAME,
)
TOKEN: Final = Text(
    parse=matching(_TOKEN, "must be a token of visible ASCII without spaces"),
    secret=True,
)
LISTEN: Final = ListOf(
    item=Text(
        parse=places.address,
        pattern=r".*:[0-9]{1,5}",
        number='must be host:port, such as 127.0.0.1:8080, or ":8080" for every address',
    ),
    empty="must name at least one address",
    lone=True,
)
URL: Final = Text(parse=places.target, pattern=r"(?:https?://|inbox:)[\x21-\x7e]+|mailto:\S+")
PROXY: Final = Text(parse=places.proxy, pattern=r"none|env|http://[\x21-\x7e]+", secret=True)
SERVER_NAME: Final = Text(parse=places.server_name, pattern=r"[0-9A-Za-z_.:-]+")
STATUSES: Final = Or(
    kind="int", this=Number(low=100, high=599), that=Text(parse=amounts.statuses, pattern=amounts.STATUSES)
)
RATE: Final = Text(parse=amounts.rate, pattern=amounts.RATE, number=amounts.RATE_NEEDS_UNIT)
PACE: Final = Text(parse=amounts.pace, pattern=amounts.PACE, number=amounts.RATE_NEEDS_UNIT)
NETWORKS: Final = ListOf(item=Text(parse=places.network))
REPOSITORIES: Final = ListOf(item=glob(segments=True))
PERSONS: Final = ListOf(item=glob(segments=False, anonymous=True))
PLAIN_GLOBS: Final = ListOf(item=glob(segments=False))
PERCENT: Final = Text(parse=amounts.percent, pattern=amounts.PERCENT, number=amounts.PERCENT_NEEDS_SIGN)


def _namespace(text: str) -> str:
    if "/" in not_empty(text) or text.startswith("!"):
        raise ValueError("must be one path segment, such as prj, or a glob over them, such as team-*")
    return text


NAMESPACE: Final = Text(parse=_namespace, pattern=r"[^/!][^/]*")
