"""The composition root: our trouble is never the registry's."""

import asyncio
import contextlib
import json
import shutil
import sqlite3

import aiohttp
import pytest

from sidecar import app as root
from sidecar import gauges
from sidecar.config.loading import load
from sidecar.domain.errors import ConfigError
from sidecar.domain.record import Entry, RecordKind
from sidecar.stores.sqlite import SQLiteStore

ENVELOPE = b'{"events": [{"id": "one", "action": "ping"}]}'


def configuration(folder, **sections):
    path = folder / "config.yml"
    given = {
        "ingest": {"listen": "127.0.0.1:0"},
        "management": {"listen": "127.0.0.1:0"},
        "store": f"sqlite:///{folder}/data/sidecar.db",
        "registries": [{"name": "main", "hostname": "registry.example.com"}],
        **sections,
    }
    path.write_text(json.dumps(given))
    return path


async def until(condition, *, seconds=10.0):
    """Look again and again until it holds; fails when it does not in time."""
    async with asyncio.timeout(seconds):
        while not await condition():  # noqa: ASYNC110 - it waits for what others do, and they set no event
            await asyncio.sleep(0.01)


async def ready(one):
    return not one.unready()


@pytest.fixture
async def http():
    async with aiohttp.ClientSession() as session:
        yield session


@pytest.fixture
def start(tmp_path, monkeypatch):
    monkeypatch.setattr(root, "OPEN_AGAIN", 0.02)
    running = []

    async def started(**sections):
        one = root.App(load(configuration(tmp_path, **sections), {}))
        running.append(one)
        await one.start()
        return one

    yield started
    assert all(one._stopping for one in running), "every test stops what it starts"


async def test_a_store_without_its_directory_leaves_the_process_alive_and_not_ready(tmp_path, start, http):
    """It answers 503 so that the registry keeps its events, says why, and goes on by itself once that is mended."""
    one = await start()
    ingest = f"http://127.0.0.1:{one.ingest_ports[0]}/events"
    management = f"http://127.0.0.1:{one.management_ports[0]}"

    async def told_why():
        async with http.get(f"{management}/readyz") as answer:
            return answer.status == 503 and f"the directory {tmp_path}/data does not exist" in await answer.text()

    await until(told_why)
    async with http.get(f"{management}/livez") as answer:
        assert answer.status == 200
    async with http.post(ingest, data=ENVELOPE) as answer:
        assert (answer.status, answer.headers["Retry-After"]) == (503, "5")
        assert "Nothing was accepted" in (await answer.json(content_type=None))["detail"]
    assert not (tmp_path / "data").exists()

    (tmp_path / "data").mkdir()
    await until(lambda: ready(one))
    async with http.get(f"{management}/readyz") as answer:
        assert answer.status == 200
    async with http.post(ingest, data=ENVELOPE) as answer:
        assert answer.status == 202
    connector = aiohttp.UnixConnector(str(tmp_path / "data" / "control.sock"))
    async with (
        aiohttp.ClientSession(connector=connector) as socket,
        socket.get("http://sidecar/v1/status") as answer,
    ):
        assert (await answer.json())["ready"] is True
    await one.stop()


async def test_a_listener_whose_key_does_not_fit_is_a_configuration_error(tmp_path, start):
    """Told with the key, not with a traceback."""
    (tmp_path / "cert.pem").write_text("no certificate")
    (tmp_path / "key.pem").write_text("no key")
    tls = {"cert_file": str(tmp_path / "cert.pem"), "key_file": str(tmp_path / "key.pem")}
    one = root.App(load(configuration(tmp_path, ingest={"listen": "127.0.0.1:0", "tls": tls}), {}))
    with pytest.raises(ConfigError, match=r"ingest\.tls cannot be used .* check that the key belongs"):
        await one.start()
    await one.stop(drain=0)


async def test_a_refused_reload_leaves_everything_as_it_was(tmp_path, start, http):
    (tmp_path / "data").mkdir()
    one = await start()
    await until(lambda: ready(one))
    before = one.settings
    path = configuration(tmp_path, registries=[])
    assert "registries" in await one.reload()
    assert one.settings is before
    assert one.status()["config"]["error"].startswith(str(path))
    configuration(tmp_path, registries=[{"name": "other", "hostname": "registry.example.com"}])
    assert await one.reload() == ""
    async with http.post(f"http://127.0.0.1:{one.ingest_ports[0]}/events/other", data=ENVELOPE) as answer:
        assert answer.status == 202
    assert one.status()["registries"] == ["other"]
    await one.stop()


async def test_stopping_twice_is_safe(tmp_path, start):
    (tmp_path / "data").mkdir()
    one = await start()
    await one.stop()
    await one.stop()
    assert "stopping" in one.unready()


async def test_a_registry_can_be_asked_as_soon_as_the_configuration_says_so_and_no_longer(tmp_path, start):
    """Without an API the translator has nobody to ask, which costs it nothing."""
    (tmp_path / "data").mkdir()
    plain = {"name": "main", "hostname": "registry.example.com"}
    one = await start()
    await until(lambda: ready(one))
    assert one._translator._words.enricher is None
    configuration(tmp_path, registries=[{**plain, "api": {"url": "http://127.0.0.1:9"}}])
    assert await one.reload() == ""
    assert set(one._apis.clients) == {"main"}
    assert one._translator._words.enricher is not None
    before = one._apis.clients["main"]
    assert await one.reload() == ""
    assert one._apis.clients["main"] is before
    configuration(tmp_path, registries=[plain])
    assert await one.reload() == ""
    assert one._apis.clients == {}
    assert one._translator._words.enricher is None
    await one.stop()


async def test_a_disk_that_is_nearly_full_is_told_and_its_mending_noticed(tmp_path, start, http, monkeypatch):
    """Without a restart, at the next look at the gauges."""
    (tmp_path / "data").mkdir()
    monkeypatch.setattr(gauges, "EVERY", 0.02)
    one = await start()
    await until(lambda: ready(one))
    ingest = f"http://127.0.0.1:{one.ingest_ports[0]}/events"
    readyz = f"http://127.0.0.1:{one.management_ports[0]}/readyz"
    usage = shutil.disk_usage(tmp_path)
    with monkeypatch.context() as disk:
        disk.setattr(shutil, "disk_usage", lambda _path: usage._replace(free=5 * 1024 * 1024))

        async def told():
            async with http.get(readyz) as answer:
                return answer.status == 503 and "only 5 MiB are free on the disk" in await answer.text()

        await until(told)
        async with http.post(ingest, data=ENVELOPE) as answer:
            assert (answer.status, answer.headers["Retry-After"]) == (503, "5")
        async with http.post(ingest, data=b"unreadable") as answer:
            assert answer.status == 503
    await until(lambda: ready(one))
    async with http.post(ingest, data=ENVELOPE) as answer:
        assert answer.status == 202
    await one.stop()


async def test_a_damaged_file_is_found_after_a_hard_end_and_told_with_the_remedy(tmp_path, start, http):
    """The process lives, refuses, and says what to do; it is not the registry's trouble."""
    (tmp_path / "data").mkdir()
    store = SQLiteStore(tmp_path / "data" / "sidecar.db", inline=True)
    await store.open()
    entries = [Entry(RecordKind.REGISTRY, "main", f"r{number}", 1, bytes(900)) for number in range(300)]
    await store.append(entries)
    await store.begin()
    await store.close()  # without `end`: as after a power cut
    with contextlib.closing(sqlite3.connect(store.path)) as connection:
        (page,) = connection.execute("SELECT rootpage FROM sqlite_schema WHERE name = 'attempt'").fetchone()
    with store.path.open("r+b") as file:
        file.seek((page - 1) * 4096)
        file.write(b"\xff" * 4096)
    one = await start()
    management = f"http://127.0.0.1:{one.management_ports[0]}"

    async def told():
        async with http.get(f"{management}/readyz") as answer:
            return "is damaged (" in await answer.text()

    await until(told)
    async with http.get(f"{management}/readyz") as answer:
        assert "put a backup in the file's place and start it again" in await answer.text()
    async with http.get(f"{management}/livez") as answer:
        assert answer.status == 200
    async with http.post(f"http://127.0.0.1:{one.ingest_ports[0]}/events", data=ENVELOPE) as answer:
        assert answer.status == 503
    await one._gauges.measure()
    async with http.get(f"{management}/metrics") as answer:
        assert "registry_sidecar_store_corrupt 1.0" in await answer.text()
    await one.stop()
