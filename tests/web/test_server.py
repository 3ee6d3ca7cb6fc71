"""Listeners: free ports, the socket's rights, and a stop that lets requests end."""

import asyncio
import os
import ssl
import stat
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web

from sidecar.web.server import Listeners, server_context


@pytest.fixture
async def listeners():
    listeners = Listeners(shutdown_timeout=2.0)
    yield listeners
    await listeners.stop()


async def well(_request):
    return web.Response(text="well")


async def test_every_address_is_listened_on(listeners):
    ports = await listeners.serve(well, [("127.0.0.1", 0), ("127.0.0.1", 0)], None)
    assert len(set(ports)) == 2
    async with aiohttp.ClientSession() as session:
        for port in ports:
            async with session.get(f"http://127.0.0.1:{port}/") as answer:
                assert await answer.text() == "well"


async def test_a_port_that_is_taken_is_an_error(listeners):
    (port,) = await listeners.serve(well, [("127.0.0.1", 0)], None)
    with pytest.raises(OSError, match="address already in use"):
        await listeners.serve(well, [("127.0.0.1", port)], None)


async def test_the_socket_never_has_wider_rights(listeners, tmp_path):
    """Whatever the process's mask is; and what was left there by an earlier process is replaced."""
    path = tmp_path / "control.sock"
    path.touch()
    before = os.umask(0)
    try:
        await listeners.serve_socket(web.Application(), path)
        assert os.umask(0) == 0
    finally:
        os.umask(before)
    assert stat.S_ISSOCK(path.stat().st_mode)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    await listeners.stop()
    assert not path.exists()


CERTIFICATE = Path(__file__).parent.parent / "outbound" / "certificates" / "localhost.pem"


@pytest.mark.parametrize("insist", [False, True])
async def test_a_listener_with_a_certificate(listeners, insist):
    """With a client CA only those who show a certificate of it are admitted."""
    ca = str(CERTIFICATE.with_suffix(".crt"))
    context = server_context(str(CERTIFICATE), str(CERTIFICATE), ca if insist else "", named="ingest.tls")
    (port,) = await listeners.serve(well, [("127.0.0.1", 0)], context)
    trust = ssl.create_default_context(cafile=ca)

    async def ask():
        url = f"https://localhost:{port}/"
        async with aiohttp.ClientSession() as session, session.get(url, ssl=trust) as answer:
            return await answer.text()

    if insist:
        with pytest.raises(aiohttp.ClientError):
            await ask()
        trust.load_cert_chain(str(CERTIFICATE))
    assert await ask() == "well"


async def test_a_stop_lets_requests_end_and_admits_no_more(listeners):
    inside, go = asyncio.Event(), asyncio.Event()

    async def slow(_request):
        inside.set()
        await go.wait()
        return web.Response(text="done")

    (port,) = await listeners.serve(slow, [("127.0.0.1", 0)], None)
    async with aiohttp.ClientSession() as session:

        async def ask():
            async with session.get(f"http://127.0.0.1:{port}/") as answer:
                return await answer.text()

        asking = asyncio.create_task(ask())
        await inside.wait()
        await listeners.close_doors()
        with pytest.raises(OSError, match=r"refused|Connect call failed"):
            await asyncio.open_connection("127.0.0.1", port)
        stopping = asyncio.create_task(listeners.stop())
        await asyncio.sleep(0.01)
        go.set()
        assert await asking == "done"
        await stopping


async def test_a_stop_does_not_wait_for_ever():
    listeners = Listeners(shutdown_timeout=0.05)
    inside = asyncio.Event()

    async def never(_request):
        inside.set()
        await asyncio.sleep(3600)

    (port,) = await listeners.serve(never, [("127.0.0.1", 0)], None)
    _, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
    await inside.wait()
    async with asyncio.timeout(60):
        await listeners.stop()
    writer.close()


async def test_idle_connections_do_not_hold_up_a_stop(listeners):
    (port,) = await listeners.serve(well, [("127.0.0.1", 0)], None)
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
    await reader.readuntil(b"well")
    async with asyncio.timeout(1):
        await listeners.stop()
    assert await reader.read() == b""
    writer.close()
