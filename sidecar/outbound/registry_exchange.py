"""One request to a registry's API with all that belongs to it: who we are, redirects, a breaker, what it came to.

What fails again and again is left alone by a breaker; a 429, or a Retry-After, is obeyed. The guard has no say here:
the operator wrote the registry's address, and it may well be loopback.
"""

import asyncio
import ssl
import time
from collections.abc import Callable
from typing import Any, Final

import aiohttp
import msgspec
from yarl import URL

from sidecar.domain import instant
from sidecar.domain.breaker import Breaker
from sidecar.domain.errors import RegistryUnavailable
from sidecar.domain.registry import ApiAccess, Asked
from sidecar.domain.retry import parse_retry_after
from sidecar.outbound.failures import explain
from sidecar.outbound.resolver import Resolver
from sidecar.outbound.token import Authority

CONCURRENCY: Final = 8
TIMEOUT: Final = 10.0  # seconds for one request, tokens and redirects included
_MAX_TOKEN = 64 * 1024
_HOPS = 3
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_PATIENCE = instant.SECOND  # after a 429 that does not say how long
_MAX_PAUSE = instant.HOUR
_TROUBLE = (aiohttp.ClientError, OSError, ValueError, RuntimeError)
_NOT_OURS = ("Accept-Encoding", "Accept", "User-Agent", "Content-Type")


class Answer(msgspec.Struct, frozen=True):
    """`headers` have names in any case (a multidict); `body` None = larger than was asked for."""

    status: int
    headers: Any
    body: bytes | None
    url: URL


class _Failed(Exception):
    """One exchange did not come to an answer: the outcome's word, a sentence, and whether the breaker counts it."""

    def __init__(self, outcome: Asked, sentence: str, *, counts: bool = True) -> None:
        super().__init__(sentence)
        self.outcome = outcome
        self.sentence = sentence
        self.counts = counts


class Exchange:
    """Asks one registry. Made and closed inside a running loop.

    `told(outcome, seconds)` hears of every request, `changed(sentence)` of the breaker: why it opened, "" = closed.
    """

    def __init__(
        self,
        access: ApiAccess,
        *,
        agent: str,
        tls: ssl.SSLContext | None = None,
        told: Callable[[Asked, float], None] = lambda _outcome, _seconds: None,
        changed: Callable[[str], None] = lambda _sentence: None,
    ) -> None:
        self.base = URL(access.url)
        self.shown = f"{self.base.scheme}://{self.base.host_port_subcomponent}"
        self._agent = agent
        self._server_name = access.tls.server_name if access.tls is not None else ""
        self._told = told
        self._changed = changed
        self._authority = Authority(access, self._fetch_token)
        self._breaker = Breaker()
        self._slots = asyncio.Semaphore(CONCURRENCY)
        self._resolver = Resolver()
        connector = aiohttp.TCPConnector(limit=0, resolver=self._resolver, ssl=True if tls is None else tls)
        self._session = aiohttp.ClientSession(
            connector=connector,
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=False,
            trust_env=False,
            skip_auto_headers=_NOT_OURS,
        )

    async def close(self) -> None:
        """Close every connection; what is under way ends as unavailable."""
        await self._session.close()
        await self._resolver.close()

    async def ask(
        self,
        method: str,
        path: str,
        scope: str,
        *,
        headers: list[tuple[str, str]] | None = None,
        url: URL | None = None,
        limit: int = 0,
        check: Callable[[Answer], str] = lambda _answer: "",
    ) -> Answer | None:
        """One request with all that belongs to it; None for a 404. Raises RegistryUnavailable.

        `check` says what is wrong with a 200, as the rest of a sentence about the registry; that is no failure for the
        breaker, since the registry does answer.
        """
        self._admit()
        async with self._slots:
            self._admit()  # it may have opened while this waited
            loop = asyncio.get_running_loop()
            begun = loop.time()
            self._breaker = self._breaker.asked(begun)
            target = URL(f"{self.base}/v2/{path}", encoded=True) if url is None else url
            try:
                async with asyncio.timeout(TIMEOUT):
                    answer = await self._authorized(method, target, scope, headers or [], limit)
                outcome = self._judge(answer, check)
            except _Failed as failure:
                self._note(failure.outcome, loop.time() - begun, failed=failure.counts, why=failure.sentence)
                raise RegistryUnavailable(failure.sentence) from None
            except RegistryUnavailable as error:  # from the token service
                self._note(Asked.UNAUTHORIZED, loop.time() - begun, failed=True, why=str(error))
                raise
            except _TROUBLE as error:
                sentence = explain(error, self.shown).detail
                outcome = Asked.TIMED_OUT if isinstance(error, TimeoutError) else Asked.UNREACHABLE
                self._note(outcome, loop.time() - begun, failed=True, why=sentence)
                raise RegistryUnavailable(sentence) from None
            self._note(outcome, loop.time() - begun, failed=False)
            return None if answer.status == 404 else answer

    def _admit(self) -> None:
        wait = self._breaker.wait(asyncio.get_running_loop().time())
        if wait:
            self._told(Asked.SKIPPED, 0.0)
            raise RegistryUnavailable(f"{self.shown} is left alone for another {max(1, round(wait))} s.")

    def _note(self, outcome: Asked, seconds: float, *, failed: bool, why: str = "") -> None:
        before = self._breaker.open
        now = asyncio.get_running_loop().time()
        self._breaker = self._breaker.failed(now) if failed else self._breaker.succeeded()
        self._told(outcome, seconds)
        if before != self._breaker.open:
            self._changed(why if self._breaker.open else "")

    def _judge(self, answer: Answer, check: Callable[[Answer], str]) -> Asked:
        """The outcome's word of an answer that can be used. Raises _Failed."""
        status = answer.status
        if status == 404:
            return Asked.NOT_FOUND
        if status in {429, 503}:
            self._obey(answer.headers.get("Retry-After", ""), needed=status == 429)
        if status == 429:
            raise _Failed(Asked.THROTTLED, f"{self.shown} wants fewer requests (429).", counts=False)
        if status in {401, 403}:
            raise _Failed(
                Asked.UNAUTHORIZED,
                f"{self.shown} answered {status}: give `api.username` and `api.password` the right to read.",
            )
        if status >= 500:
            raise _Failed(Asked.SERVER_ERROR, f"{self.shown} answered {status}.")
        if status == 304:
            return Asked.UNCHANGED
        if status != 200:
            raise _Failed(Asked.REFUSED, f"{self.shown} answered {status}.", counts=False)
        wrong = check(answer)
        if wrong:
            raise _Failed(Asked.INVALID, f"{self.shown} {wrong}.", counts=False)
        return Asked.OK

    def _obey(self, said: str, *, needed: bool) -> None:
        asked = parse_retry_after(said, now=time.time_ns()) if said else 0
        pause = min(asked, _MAX_PAUSE) or (_PATIENCE if needed else 0)
        if pause:
            self._breaker = self._breaker.paused(asyncio.get_running_loop().time() + pause / instant.SECOND)

    async def _authorized(
        self, method: str, url: URL, scope: str, headers: list[tuple[str, str]], limit: int
    ) -> Answer:
        shown = self._authority.header(scope)
        answer = await self._follow(method, url, shown, headers, limit)
        if answer.status != 401:
            return answer
        other = await self._authority.renew(answer.headers.getall("WWW-Authenticate", ()), scope, shown)
        return await self._follow(method, url, other, headers, limit) if other else answer

    async def _follow(self, method: str, url: URL, shown: str, headers: list[tuple[str, str]], limit: int) -> Answer:
        """Blobs may lie elsewhere: redirects are followed, and what proves who we are stays with the registry."""
        for _ in range(_HOPS):
            proof = [("Authorization", shown)] if shown and url.origin() == self.base.origin() else []
            answer = await self._exchange(method, url, [*headers, *proof], limit)
            location = answer.headers.get("Location", "")
            if answer.status not in _REDIRECTS or not location:
                return answer
            target = url.join(URL(location, encoded=True))
            if target.scheme not in {"http", "https"} or (url.scheme == "https" and target.scheme != "https"):
                raise _Failed(Asked.REFUSED, f"{self.shown} redirects to where it is not safe to go.", counts=False)
            url = target
        raise _Failed(Asked.REFUSED, f"{self.shown} redirects again and again.", counts=False)

    async def _exchange(self, method: str, url: URL, headers: list[tuple[str, str]], limit: int) -> Answer:
        own = url.host == self.base.host
        async with self._session.request(
            method,
            url,
            headers=[("User-Agent", self._agent), *headers],
            allow_redirects=False,
            server_hostname=(self._server_name or None) if own else None,
        ) as response:
            body: bytes | None = b""
            if method == "GET" and response.status == 200:
                body = await _read(response.content, limit)
            if not response.content.at_eof():
                response.close()  # the rest is not read, and costs the connection
            return Answer(response.status, response.headers, body, url)

    async def _fetch_token(self, url: URL, authorization: str) -> tuple[int, bytes]:
        headers = [("Authorization", authorization)] if authorization else []
        try:
            answer = await self._exchange("GET", url, headers, _MAX_TOKEN)
        except _TROUBLE as error:
            shown = f"the token service {url.scheme}://{url.host_port_subcomponent}"
            raise RegistryUnavailable(explain(error, shown).detail) from None
        return answer.status, answer.body or b""


async def _read(content: aiohttp.StreamReader, limit: int) -> bytes | None:
    body = bytearray()
    while block := await content.read(limit + 1 - len(body)):
        body += block
        if len(body) > limit:
            return None
    return bytes(body)
