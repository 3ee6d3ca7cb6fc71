"""Asking a sidecar: over the Unix socket that its configuration names, at a URL, or offline."""

import asyncio
import contextlib
import errno
import json
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import urlsplit

import aiohttp

from sidecar.cli.exits import ExitCode, Failure
from sidecar.cli.parameters import Where
from sidecar.cli.serving import read_settings
from sidecar.domain.errors import ConfigError

if TYPE_CHECKING:
    from sidecar.config.settings import Settings

TIMEOUT = 60.0  # seconds for one answer
LONG = 900.0  # seconds between two lines of an answer that takes its time: the last may have to wait for a disk
PAGE = 500  # the largest page that the API gives
UNIX = "unix:"

T = TypeVar("T")
_BY_STATUS = {400: ExitCode.USAGE, 404: ExitCode.NOT_FOUND, 503: ExitCode.UNAVAILABLE}


class Client:
    """The native API, over a session that knows where it is. Every verb raises Failure with the API's own sentence."""

    def __init__(self, session: aiohttp.ClientSession, base: str, shown: str) -> None:
        self._session = session
        self._base = base
        self._shown = shown

    async def get(self, path: str, **query: str | int) -> Any:
        """One answer. Empty query values are left out."""
        return await self._ask("GET", path, params={key: str(value) for key, value in query.items() if value})

    async def post(self, path: str, body: Any = None) -> Any:
        return await self._ask("POST", path, json=body)

    async def put(self, path: str, body: Any) -> Any:
        return await self._ask("PUT", path, json=body)

    async def delete(self, path: str) -> Any:
        return await self._ask("DELETE", path)

    async def pages(self, path: str, key: str, limit: int, **query: str | int) -> dict[str, Any]:
        """Up to `limit` items, page after page, in the form of one page: the items under `key`, and `next`."""
        first: dict[str, Any] = {}
        items: list[Any] = []
        before = ""
        while True:
            page = await self.get(path, limit=min(PAGE, limit - len(items)), before=before, **query)
            first = first or page
            items += page[key]
            before = page["next"] or ""
            if not before or not page[key] or len(items) >= limit:
                return {**first, key: items, "next": before or None}

    async def lines(self, path: str, body: Any) -> AsyncIterator[dict[str, Any]]:
        """The lines of an answer that takes its time, as they come. A line with `error` is a Failure."""
        timeout = aiohttp.ClientTimeout(sock_read=LONG)
        with self._told():
            async with self._session.post(f"{self._base}{path}", json=body, timeout=timeout) as answer:
                if answer.content_type != "application/x-ndjson":
                    self._value(answer.status, answer.content_type, await answer.read())
                    return
                async for line in answer.content:
                    value = json.loads(line)
                    if "error" in value:
                        raise Failure(value["error"])
                    yield value

    async def _ask(self, method: str, path: str, **given: Any) -> Any:
        with self._told():
            async with self._session.request(method, f"{self._base}{path}", allow_redirects=False, **given) as answer:
                body = await answer.read()
                status, kind = answer.status, answer.content_type
        return self._value(status, kind, body)

    @contextlib.contextmanager
    def _told(self) -> Iterator[None]:
        """What goes wrong between here and there, as sentences."""
        try:
            yield
        except aiohttp.ClientConnectorCertificateError as error:
            why = getattr(error.certificate_error, "verify_message", "") or error.certificate_error
            raise Failure(
                f"the certificate of {self._shown} is not trusted ({why}): name its CA with the environment variable "
                "SSL_CERT_FILE, or a host that is in the certificate with --url",
                ExitCode.UNAVAILABLE,
            ) from None
        except aiohttp.ClientConnectorError as error:
            raise self._unreachable(error) from None
        except TimeoutError:
            raise Failure(f"{self._shown} did not answer within {TIMEOUT:.0f} seconds", ExitCode.UNAVAILABLE) from None
        except (aiohttp.ClientError, OSError, ValueError) as error:
            raise Failure(f"the conversation with {self._shown} broke off ({error})", ExitCode.UNAVAILABLE) from None

    def _value(self, status: int, kind: str, body: bytes) -> Any:
        try:
            value = json.loads(body) if body else None
        except ValueError:
            value = None
        if 200 <= status < 300 and (kind == "application/json" or not body):
            return value
        if kind == "application/problem+json" and isinstance(value, dict):
            raise Failure(str(value.get("detail") or value.get("title")), _BY_STATUS.get(status, ExitCode.FAILED))
        raise Failure(f"{self._shown} answered {status}, and not as a sidecar does: is that its management address?")

    def _unreachable(self, error: aiohttp.ClientConnectorError) -> Failure:
        if error.os_error.errno in {errno.EACCES, errno.EPERM}:
            remedy = "be the user that the sidecar runs as, or root"
        else:
            remedy = "is the sidecar running? Start it, name it with --url, or use --offline while it is stopped"
        # asyncio puts the addresses it tried where the system's reason should stand.
        reason = os.strerror(error.os_error.errno) if error.os_error.errno else str(error.os_error)
        return Failure(f"cannot reach {self._shown} ({reason}): {remedy}", ExitCode.UNAVAILABLE)


def ask(where: Where, work: Callable[[Client], Awaitable[T]]) -> T:
    """Run `work` with a client of the sidecar that is meant."""

    async def run() -> T:
        async with _connected(where) as client:
            return await work(client)

    return asyncio.run(run())


@contextlib.asynccontextmanager
async def _connected(where: Where) -> AsyncIterator[Client]:
    if where.offline:
        from sidecar.cli.offline import serve_offline

        settings = read_settings(where.config)
        async with serve_offline(settings) as path, _over_socket(path, f"the store {settings.store}") as client:
            yield client
    elif where.url.startswith(UNIX):
        path = Path(where.url.removeprefix(UNIX).removeprefix("//"))
        async with _over_socket(path, str(path)) as client:
            yield client
    elif where.url:
        async with _over_tcp(where) as client:
            yield client
    else:
        socket = _configured(where.config).management.socket
        if socket is None:
            raise Failure(
                f"{where.config} has no socket for the command line (management.socket: false): name the API with "
                "--url, or use --offline while the sidecar is stopped",
                ExitCode.USAGE,
            )
        async with _over_socket(socket, str(socket)) as client:
            yield client


def _configured(path: Path) -> "Settings":
    try:
        return read_settings(path)
    except ConfigError as error:
        raise ConfigError(f"{error}\n{path}: this file says which sidecar to ask: mend it, or use --url") from None


@contextlib.asynccontextmanager
async def _over_socket(path: Path, shown: str) -> AsyncIterator[Client]:
    connector = aiohttp.UnixConnector(path=str(path))
    async with aiohttp.ClientSession(connector=connector, timeout=aiohttp.ClientTimeout(total=TIMEOUT)) as session:
        yield Client(session, "http://localhost", shown)


@contextlib.asynccontextmanager
async def _over_tcp(where: Where) -> AsyncIterator[Client]:
    parts = urlsplit(where.url)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise Failure(
            f"--url {where.url!r} must be http://host:port, https://host:port or unix:/path/of/the/socket",
            ExitCode.USAGE,
        )
    token = _token(where.token_file) if where.token_file else where.token
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    timeout = aiohttp.ClientTimeout(total=TIMEOUT)
    async with aiohttp.ClientSession(headers=headers, timeout=timeout) as session:
        yield Client(session, where.url.rstrip("/"), f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}")


def _token(name: str) -> str:
    try:
        text = Path(name).read_text(encoding="utf-8").strip()
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or "it is not text"
        raise Failure(f"the token file {name} cannot be read ({why})", ExitCode.USAGE) from None
    if not text or not text.isascii() or not text.isprintable():
        raise Failure(f"the token file {name} must hold one line with the token", ExitCode.USAGE)
    return text
