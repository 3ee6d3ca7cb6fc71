"""Proving who we are to a registry: not at all, by Basic, or by the Bearer token that its token service gives.

The registry says how in its 401. A token is for one scope; it is kept until shortly before it expires, and asked for
anew once when the registry does not take it any more. Credentials go to the registry and to the token service that it
names, and never over http when the registry itself is reached by https.
"""

import asyncio
import base64
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Sequence

import msgspec
from yarl import URL

from sidecar.domain.errors import RegistryUnavailable
from sidecar.domain.registry import ApiAccess
from sidecar.outbound.challenge import Challenge, challenges

_TOKENS = 256  # scopes, one for each repository, whose tokens are kept
_LIFETIME = 60  # seconds, where the answer does not say
_USABLE = 0.9  # of its lifetime: a token must not expire on its way

Fetch = Callable[[URL, str], Awaitable[tuple[int, bytes]]]
"""GET of a URL with an Authorization ("" = none); gives status and body."""


class _Answer(msgspec.Struct, frozen=True):
    token: str | None = None
    access_token: str | None = None
    expires_in: int | None = None


class _Kept(msgspec.Struct, frozen=True):
    header: str
    until: float  # seconds on the loop's clock


_read = msgspec.json.Decoder(_Answer).decode


class Authority:
    """The Authorization headers for one registry."""

    def __init__(self, access: ApiAccess, fetch: Fetch) -> None:
        self._base = URL(access.url)
        self._fetch = fetch
        pair = f"{access.username}:{access.password.reveal()}".encode()
        self._basic = "Basic " + base64.b64encode(pair).decode("ascii") if access.username else ""
        self._by_basic = False
        self._kept: OrderedDict[str, _Kept] = OrderedDict()
        self._renewing = asyncio.Lock()

    def header(self, scope: str) -> str:
        """What to send with a request for this scope, as far as the registry said so far; "" = nothing."""
        if self._by_basic:
            return self._basic
        kept = self._kept.get(scope)
        if kept is None or kept.until <= asyncio.get_running_loop().time():
            return ""
        self._kept.move_to_end(scope)
        return kept.header

    async def renew(self, asked: Sequence[str], scope: str, refused: str) -> str:
        """What to send instead of `refused`, given the 401's WWW-Authenticate lines; "" when there is nothing else.

        Raises RegistryUnavailable when the token service gives none.
        """
        found = challenges(asked)
        bearer = next((one for one in found if one.scheme == "bearer" and one.parameters.get("realm")), None)
        if bearer is not None:
            async with self._renewing:  # of many requests that are refused at once, one asks for the token
                other = self.header(scope)
                if other and other != refused:
                    return other
                self._kept.pop(scope, None)
                return await self._token(bearer, scope)
        if any(one.scheme == "basic" for one in found) and self._basic != refused:
            self._by_basic = bool(self._basic)
            return self._basic
        return ""

    async def _token(self, challenge: Challenge, scope: str) -> str:
        url = self._realm(challenge.parameters["realm"])
        query = [("service", challenge.parameters["service"])] if "service" in challenge.parameters else []
        # Several scopes stand in one parameter, and are asked for one by one.
        query += [("scope", one) for one in (challenge.parameters.get("scope") or scope).split()]
        begun = asyncio.get_running_loop().time()
        status, body = await self._fetch(url.extend_query(query), self._basic)
        shown = f"The token service {url.scheme}://{url.host_port_subcomponent}"
        if status in {401, 403}:
            who = "the credentials" if self._basic else "a request without credentials"
            raise RegistryUnavailable(f"{shown} refuses {who} ({status}): correct `api.username` and `api.password`.")
        if status != 200:
            raise RegistryUnavailable(f"{shown} answered {status}.")
        try:
            answer = _read(body)
        except (msgspec.DecodeError, UnicodeDecodeError):
            answer = _Answer()
        token = answer.token or answer.access_token or ""
        if not token or not token.isascii() or not token.isprintable() or " " in token:
            raise RegistryUnavailable(f"{shown} answered without a token.")
        lifetime = _LIFETIME if answer.expires_in is None else max(0, answer.expires_in)
        self._kept[scope] = _Kept(f"Bearer {token}", begun + lifetime * _USABLE)
        while len(self._kept) > _TOKENS:
            self._kept.popitem(last=False)
        return f"Bearer {token}"

    def _realm(self, text: str) -> URL:
        try:
            url = URL(text).with_user(None).with_fragment(None)
        except ValueError:
            url = URL()
        if url.scheme not in {"http", "https"} or not url.host:
            raise RegistryUnavailable("The registry names a token service that is no http or https URL.")
        if self._base.scheme == "https" and url.scheme != "https":
            raise RegistryUnavailable("The registry is https and names a token service that is not: it is not asked.")
        return url
