"""Listeners: sockets, TLS, and a stop that lets requests end."""

import asyncio
import contextlib
import os
import ssl
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

from aiohttp import web

from sidecar.domain.errors import ConfigError

KEEPALIVE = 75.0  # seconds an idle connection is kept
BACKLOG = 512
Handler = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]


def server_context(cert_file: str, key_file: str, client_ca_file: str, *, named: str) -> ssl.SSLContext:
    """TLS for a listener; with a client CA every client must show a certificate of it.

    Raises ConfigError, beginning with `named`, when the files do not make one.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        context.load_cert_chain(cert_file, key_file)
        if client_ca_file:
            context.load_verify_locations(cafile=client_ca_file)
            context.verify_mode = ssl.CERT_REQUIRED
    except OSError as error:
        why = getattr(error, "reason", None) or error
        raise ConfigError(
            f"{named} cannot be used ({why}): check that the key belongs to the certificate and both are PEM"
        ) from error
    return context


class Listeners:
    """Everything that listens. `stop` closes the doors first and then waits for the requests inside."""

    def __init__(self, *, shutdown_timeout: float = 5.0) -> None:
        self._shutdown_timeout = shutdown_timeout
        self._runners: list[web.BaseRunner] = []
        self._sites: list[web.BaseSite] = []
        self._sockets: list[Path] = []

    async def serve(
        self, handler: Handler, addresses: Sequence[tuple[str, int]], context: ssl.SSLContext | None
    ) -> list[int]:
        """Serve a plain handler, without routing or access log; returns the ports."""
        server = web.Server(handler, access_log=None, keepalive_timeout=KEEPALIVE)
        runner = web.ServerRunner(server, handle_signals=False, shutdown_timeout=self._shutdown_timeout)
        return await self._start(runner, addresses, context)

    async def serve_app(
        self, app: web.Application, addresses: Sequence[tuple[str, int]], context: ssl.SSLContext | None
    ) -> list[int]:
        """Serve an application on TCP; returns the ports."""
        return await self._start(self._runner(app), addresses, context)

    async def serve_socket(self, app: web.Application, path: Path) -> None:
        """Serve an application on a Unix socket that only its owner can open."""
        with contextlib.suppress(FileNotFoundError):
            path.unlink()  # noqa: ASYNC240 - one system call at start
        runner = self._runner(app)
        await runner.setup()
        mask = os.umask(0o177)  # the socket must never exist with wider rights, not even for a moment
        try:
            site = web.UnixSite(runner, str(path), backlog=BACKLOG)
            await site.start()
        finally:
            os.umask(mask)
        path.chmod(0o600)  # noqa: ASYNC240 - one system call at start
        self._runners.append(runner)
        self._sites.append(site)
        self._sockets.append(path)

    def _runner(self, app: web.Application) -> web.AppRunner:
        return web.AppRunner(
            app,
            access_log=None,
            handle_signals=False,
            keepalive_timeout=KEEPALIVE,
            shutdown_timeout=self._shutdown_timeout,
        )

    async def _start(
        self,
        runner: web.AppRunner | web.ServerRunner,
        addresses: Sequence[tuple[str, int]],
        context: ssl.SSLContext | None,
    ) -> list[int]:
        await runner.setup()
        self._runners.append(runner)
        for host, port in addresses:
            site = web.TCPSite(runner, host or None, port, ssl_context=context, backlog=BACKLOG, reuse_address=True)
            await site.start()
            self._sites.append(site)
        return [address[1] for address in runner.addresses if isinstance(address, tuple)]

    async def close_doors(self) -> None:
        """Accept no more connections; those that are open stay."""
        for site in self._sites:
            with contextlib.suppress(RuntimeError):
                await site.stop()
        self._sites = []

    async def stop(self) -> None:
        """Close the doors, let requests in progress end (bounded), close every connection."""
        await self.close_doors()
        runners, self._runners = self._runners, []
        await asyncio.gather(*(runner.cleanup() for runner in runners), return_exceptions=True)
        for path in self._sockets:
            with contextlib.suppress(FileNotFoundError):
                path.unlink()
        self._sockets = []
