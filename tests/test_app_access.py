"""A sidecar with users, whole: who gets in, what a reload changes at once, and what is there before the first push."""

import asyncio
import base64
import json

import aiohttp
import bcrypt
import pytest

from sidecar import app as root
from sidecar.config.loading import load

TOKEN, OTHER = "t" * 32, "u" * 32
HASH = bcrypt.hashpw(b"s3cret", bcrypt.gensalt(4)).decode()


def configuration(folder, **management):
    path = folder / "config.yml"
    given = {
        "ingest": {"listen": "127.0.0.1:0"},
        "management": {"listen": "127.0.0.1:0", **management},
        "store": f"sqlite:///{folder}/sidecar.db",
        "registries": [{"name": "main", "hostname": "registry.example.com", "default_namespace": "root"}],
    }
    path.write_text(json.dumps(given))
    return path


@pytest.fixture
async def start(tmp_path):
    running = []

    async def started(**management):
        one = root.App(load(configuration(tmp_path, **management), {}))
        running.append(one)
        await one.start()
        async with asyncio.timeout(10):
            while one.unready():  # noqa: ASYNC110 - it sets no event when it is ready
                await asyncio.sleep(0.01)
        return one

    yield started
    for one in running:
        await one.stop(drain=0)


@pytest.fixture
async def http():
    async with aiohttp.ClientSession() as session:
        yield session


async def status(http, one, authorization=""):
    headers = {"Authorization": authorization} if authorization else {}
    async with http.get(f"http://127.0.0.1:{one.management_ports[0]}/v1/status", headers=headers) as answer:
        return answer.status


def basic(name, password):
    return "Basic " + base64.b64encode(f"{name}:{password}".encode()).decode()


async def test_users_are_let_in_by_token_and_by_password(start, http):
    one = await start(users=[{"name": "ada", "password_hash": HASH, "tokens": [TOKEN], "admin": True}])
    said = [await status(http, one, shown) for shown in ("", "Bearer x", f"Bearer {TOKEN}", basic("ada", "s3cret"))]
    assert said == [401, 401, 200, 200]


async def test_a_reload_brings_users_and_takes_them_away_at_once(tmp_path, start, http):
    one = await start()
    assert await status(http, one) == 200
    configuration(tmp_path, users=[{"name": "ada", "tokens": [TOKEN], "admin": True}])
    assert await one.reload() == ""
    assert [await status(http, one), await status(http, one, f"Bearer {TOKEN}")] == [401, 200]
    configuration(tmp_path, users=[{"name": "ada", "tokens": [OTHER], "admin": True}])
    assert await one.reload() == ""
    assert [await status(http, one, f"Bearer {TOKEN}"), await status(http, one, f"Bearer {OTHER}")] == [401, 200]
    configuration(tmp_path, users=[{"name": "ada", "tokens": [OTHER, OTHER + ":"], "password_hash": "clear"}])
    assert "must be a bcrypt hash" in await one.reload()
    assert await status(http, one, f"Bearer {OTHER}") == 200


async def test_a_changed_htpasswd_file_counts_without_anybody_asking(tmp_path, start, http, monkeypatch):
    monkeypatch.setattr(root, "WATCH_EVERY", 0.02)
    file = tmp_path / "htpasswd"
    file.write_text("# nobody yet\n")
    one = await start(users=[{"name": "ada", "admin": True}], htpasswd_file=str(file))
    assert await status(http, one, basic("ada", "s3cret")) == 401
    file.write_text(f"ada:{HASH}\n")
    async with asyncio.timeout(10):
        while await status(http, one, basic("ada", "s3cret")) != 200:  # noqa: ASYNC110 - asked from outside
            await asyncio.sleep(0.1)


async def test_namespaces_that_the_configuration_names_are_there_before_any_push(tmp_path, start):
    one = await start(users=[{"name": "ada", "tokens": [TOKEN], "namespaces": ["prj", "team-*"]}], teams={"rel": {}})
    assert [row.name for row in await one._store.namespaces()] == ["library", "prj", "rel"]
    configuration(tmp_path, users=[{"name": "ada", "tokens": [TOKEN], "namespaces": ["new"]}])
    assert await one.reload() == ""
    assert [row.name for row in await one._store.namespaces()] == ["library", "prj", "rel", "new"]
    assert one._store.default_namespaces == {"main": "root"}
