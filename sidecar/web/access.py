"""Who may post notifications, and for which registry they speak; who may tell what registries do not."""

import base64
import binascii
import hmac
from collections.abc import Iterable, Mapping, Sequence

import msgspec

from sidecar.domain.secret import Secret


class Caller(msgspec.Struct, frozen=True):
    """The registry that a request speaks for; `known` is false when its name is not in the configuration."""

    registry: str
    known: bool = True


class IntakeAccess(msgspec.Struct, frozen=True):
    """Who may tell what the registry does not: whoever shows a token; without tokens anybody, where `open`."""

    tokens: tuple[Secret, ...] = ()
    open: bool = False
    hostnames: Mapping[str, str] = {}  # by registry: reports of scanners name what they looked at by them

    @property
    def closed(self) -> bool:
        return not self.tokens and not self.open

    def admits(self, authorization: Iterable[str]) -> bool:
        """Whether one of these headers shows a token, or none is needed."""
        offered = [token_of(header) for header in authorization]
        # Every token is compared, so the time taken tells nothing.
        matching = [hmac.compare_digest(one, token.reveal().encode()) for token in self.tokens for one in offered]
        return any(matching) or (self.open and not self.tokens)


class Access:
    """Tokens by registry. A registry without tokens may be spoken for by anybody."""

    def __init__(
        self, names: Sequence[str], tokens: Mapping[str, tuple[Secret, ...]], intake: IntakeAccess | None = None
    ) -> None:
        """Without `intake` nobody but registries may tell anything."""
        self.names = tuple(names)
        self.intake = IntakeAccess() if intake is None else intake
        self._tokens = [(name, secret.reveal().encode()) for name in names for secret in tokens.get(name, ())]
        self._anonymous = tuple(name for name in names if not tokens.get(name))

    def caller(self, named: str, authorization: Iterable[str]) -> Caller | None:
        """Whom the request speaks for; None when its credentials do not do.

        `named` is the path's name or ""; `authorization` every such header: a registry with credentials in its URL and
        in its headers sends two.
        """
        matched: list[str] = []
        for header in authorization:
            offered = token_of(header)
            for name, token in self._tokens:  # every token is compared, so the time taken tells nothing
                if hmac.compare_digest(offered, token):
                    matched.append(name)
        if not named:
            if matched:
                return Caller(matched[0])
            return Caller(self._anonymous[0]) if self._anonymous else None
        if named in self.names:
            return Caller(named) if named in matched or named in self._anonymous else None
        return Caller(named, known=False) if matched or self._anonymous else None


def token_of(header: str) -> bytes:
    """The token of a Bearer header, or the password of a Basic one."""
    scheme, _, rest = header.strip().partition(" ")
    if scheme.lower() == "bearer":
        return rest.strip().encode("utf-8", "surrogateescape")
    if scheme.lower() == "basic":
        try:
            return base64.b64decode(rest.strip(), validate=True).partition(b":")[2]
        except (binascii.Error, ValueError):
            return b""
    return b""
