"""`WWW-Authenticate` as registries send it: which schemes are asked for, with which parameters (RFC 9110, 11.6.1)."""

import re
from collections.abc import Iterable, Mapping

import msgspec

_TOKEN = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"  # noqa: S105 - the grammar's word, not a secret
_PARAMETER = re.compile(rf'\s*({_TOKEN})\s*=\s*(?:"((?:[^"\\]|\\.)*)"|({_TOKEN}))\s*(?:,|$)')
_SCHEME = re.compile(rf"[\s,]*({_TOKEN})(?:\s+|\s*,|$)")


class Challenge(msgspec.Struct, frozen=True):
    """`scheme` in lower case, parameter names as well."""

    scheme: str
    parameters: Mapping[str, str]


def challenges(headers: Iterable[str]) -> list[Challenge]:
    """Every challenge of the header's lines, in order; a line ends where it stops making sense."""
    found: list[Challenge] = []
    for line in headers:
        at = 0
        while at < len(line):
            scheme = _SCHEME.match(line, at)
            if scheme is None:
                break
            at = scheme.end()
            parameters: dict[str, str] = {}
            while (one := _PARAMETER.match(line, at)) is not None:
                value = one[3] if one[2] is None else re.sub(r"\\(.)", r"\1", one[2])
                parameters.setdefault(one[1].lower(), value)
                at = one.end()
            found.append(Challenge(scheme[1].lower(), parameters))
    return found
