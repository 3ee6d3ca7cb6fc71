"""The headers that an operator may add to deliveries."""

from typing import Final

from sidecar.config.shapes import Text, not_empty
from sidecar.domain import header_names


def _value(text: str) -> str:
    if not header_names.is_line(not_empty(text)):
        raise ValueError("must be one line without control characters")
    if text != text.strip():
        raise ValueError("must not begin or end with a space")
    return text


VALUE: Final = Text(parse=_value, secret=True)


def known(name: str) -> Text:
    """The shape of a header's value. Raises ValueError with the rest of a sentence about a name that is not allowed."""
    if problem := header_names.refusal(name):
        raise ValueError(problem)
    return VALUE
