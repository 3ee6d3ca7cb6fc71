"""POST /v1/backup: on the Unix socket alone, with progress line by line, and errors as the rest of the API has them."""

import json

import aiohttp
import pytest

from doubles import RecordingObserver
from sidecar.domain.errors import BackupRefused, StoreUnavailable
from sidecar.pipeline.intake import Intake
from sidecar.pipeline.operations import Operations
from sidecar.pipeline.subscribing import Subscribing
from sidecar.stores.sqlite import SQLiteStore
from sidecar.web.api import Api
from sidecar.web.door import Door
from sidecar.web.health import Health
from sidecar.web.server import Listeners
from virtual_time import VirtualClock


class Place:
    """The API on a socket and on a loopback listener, over a real store."""

    def __init__(self, folder):
        self.folder = folder
        self.store = SQLiteStore(folder / "sidecar.db")
        self.backup = self.store.care.backup
        clock = VirtualClock()
        observer = RecordingObserver()
        operations = Operations(self.store, Intake(self.store, clock, observer), clock, observer)
        health = Health(stalled=lambda: 0.0, unready=list, render_metrics=lambda: (b"", "text/plain"))
        made = Subscribing(self.store, clock, observer, new_uuid=str)
        self.api = Api(operations, dict, health, self._made, subscribing=made)
        self.listeners = Listeners()

    async def _made(self, target, *, force, progress):
        return await self.backup(target, force=force, progress=progress)

    async def start(self):
        await self.store.open()
        (self.port,) = await self.listeners.serve_app(self.api.app(Door.LOOPBACK), [("127.0.0.1", 0)], None)
        await self.listeners.serve_socket(self.api.app(Door.SOCKET), self.folder / "control.sock")
        connector = aiohttp.UnixConnector(str(self.folder / "control.sock"))
        self.session = aiohttp.ClientSession(connector=connector)

    async def stop(self):
        await self.session.close()
        await self.listeners.stop()
        await self.store.close()

    async def ask(self, body):
        headers = {"Content-Type": "application/json"}
        async with self.session.post("http://sidecar/v1/backup", data=body, headers=headers) as answer:
            text = await answer.text()
            return answer.status, answer.content_type, [json.loads(line) for line in text.splitlines()]


@pytest.fixture
async def place(tmp_path):
    place = Place(tmp_path)
    await place.start()
    yield place
    await place.stop()


async def test_progress_and_then_the_backup(place, tmp_path):
    target = tmp_path / "copy.db"
    status, kind, lines = await place.ask(json.dumps({"target": str(target)}))
    assert (status, kind) == (200, "application/x-ndjson")
    assert all(line.keys() == {"copied", "total"} for line in lines[:-1])
    assert lines[-2]["copied"] == lines[-2]["total"] == target.stat().st_size
    assert lines[-1]["backup"].keys() == {"path", "sizeBytes", "seconds", "lastRecord", "at"}
    assert lines[-1]["backup"]["path"] == str(target)


@pytest.mark.parametrize("body", [b"", b"{}", b"[]", b'{"target": 1}', b'{"target": "/x", "what": 1}', b"{"])
async def test_a_body_that_does_not_fit_is_refused(place, body):
    status, kind, (said,) = await place.ask(body)
    assert (status, kind) == (400, "application/problem+json")
    assert said["detail"].startswith("The body does not fit: " if body != b"{" else "The body is not JSON: ")


async def test_a_refusal_is_told_as_a_conflict(place, tmp_path):
    (tmp_path / "copy.db").touch()
    status, kind, (said,) = await place.ask(json.dumps({"target": str(tmp_path / "copy.db")}))
    assert (status, kind) == (409, "application/problem+json")
    assert said["detail"].endswith("exists already: name another file, or overwrite it with --force.")


async def test_a_store_that_cannot_be_read_is_told_as_such(place, tmp_path):
    await place.store.close()
    status, _, (said,) = await place.ask(json.dumps({"target": str(tmp_path / "copy.db")}))
    assert (status, said["detail"]) == (503, "The store is not open.")
    await place.store.open()


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (BackupRefused("given up: the disk is full"), "Given up: the disk is full."),
        (StoreUnavailable("the backup failed: disk I/O error"), "The backup failed: disk I/O error."),
        (RuntimeError("secret"), "The backup failed; see the log."),
    ],
)
async def test_what_fails_after_it_began_is_the_last_line(place, error, said):
    async def failing(_target, *, force, progress):
        assert not force
        progress(1, 2)
        raise error

    place.backup = failing
    status, _, lines = await place.ask(b'{"target": "/x"}')
    assert (status, lines) == (200, [{"copied": 1, "total": 2}, {"error": said}])


async def test_only_the_socket_writes_files(place, tmp_path):
    async with (
        aiohttp.ClientSession() as session,
        session.post(f"http://127.0.0.1:{place.port}/v1/backup", json={"target": str(tmp_path / "copy.db")}) as answer,
    ):
        assert answer.status == 403
        assert "ask for it over the Unix socket" in (await answer.json(content_type=None))["detail"]
    assert not (tmp_path / "copy.db").exists()
