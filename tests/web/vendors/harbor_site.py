"""The whole sidecar with Harbor's API on a real listener, persons who may ask it, and a receiver to deliver to."""

import asyncio
import base64
import json
from typing import Any, NamedTuple

import aiohttp
from aiohttp import web

from notifications import envelope
from sidecar import app as root
from sidecar.config.loading import load

BASE = "/api/v2.0"
TOKENS = {name: f"{name}s-long-enough-token" for name in ("admin", "maria", "otto")}


class Answer(NamedTuple):
    """What came back. `json` is the body read, None when there is none."""

    status: int
    headers: Any
    body: bytes

    @property
    def json(self):
        return json.loads(self.body) if self.body else None

    @property
    def errors(self):
        """What an error says, as (code, message), once it has the form of Harbor's errors."""
        assert self.headers["Content-Type"] == "application/json; charset=utf-8"
        assert self.body.endswith(b"\n")
        ((error,),) = self.json.values()
        assert set(self.json) == {"errors"}
        return error["code"], error["message"]


class Got(NamedTuple):
    """One request that the receiver got."""

    path: str
    headers: Any
    body: bytes

    @property
    def json(self):
        return json.loads(self.body)


class HarborSite:
    """Loopback may be delivered to.

    `admin` is an administrator, `maria` manages acme* and team-*, `otto` other*; each has a token.
    """

    def __init__(self, folder, **sections):
        self.config = folder / "config.yml"
        self.folder = folder
        self.sections = sections
        self.got: list[Got] = []
        self.statuses: list[int] = []  # of the next answers; 200 when there are none

    async def start(self):
        (self.folder / "data").mkdir()
        self._receiver = web.AppRunner(self._receiving(), access_log=None)
        await self._receiver.setup()
        site = web.TCPSite(self._receiver, "127.0.0.1", 0)
        await site.start()
        self.receiver = f"http://127.0.0.1:{self._receiver.addresses[0][1]}"
        self.session = aiohttp.ClientSession()
        await self.start_sidecar()

    async def start_sidecar(self):
        self.write()
        self.app = root.App(load(self.config, {}))
        await self.app.start()
        (port,) = self.app.management_ports
        self.url = f"http://127.0.0.1:{port}"
        async with asyncio.timeout(10):
            while self.app.unready():  # noqa: ASYNC110 - it waits for what sets no event
                await asyncio.sleep(0.005)

    def write(self):
        settings = {
            "ingest": {"listen": "127.0.0.1:0"},
            "management": {
                "listen": "127.0.0.1:0",
                "users": [
                    {"name": "admin", "tokens": [TOKENS["admin"]], "admin": True},
                    {"name": "maria", "tokens": [TOKENS["maria"]], "namespaces": ["acme*", "team-*"]},
                    {"name": "otto", "tokens": [TOKENS["otto"]], "namespaces": ["other*"]},
                ],
            },
            "store": f"sqlite:///{self.folder}/data/sidecar.db",
            "registries": [{"name": "main", "hostname": "registry.example.com"}],
            "guard": {"allow": ["127.0.0.0/8"]},
            "defaults": {"delivery": {"retry": {"initial": "20ms"}}},
            **self.sections,
        }
        self.config.write_text(json.dumps(settings))

    async def stop(self):
        await self.session.close()
        await self.app.stop(drain=1)
        await self._receiver.cleanup()

    def _receiving(self):
        app = web.Application()

        async def take(request):
            self.got.append(Got(request.path_qs, request.headers, await request.read()))
            return web.Response(status=self.statuses.pop(0) if self.statuses else 200, text="said the receiver")

        app.router.add_route("*", "/{rest:.*}", take)
        return app

    async def ask(self, method, path, body=None, *, who="admin", headers=None, raw=None):
        """Ask as a person, "" = as nobody; `body` is sent as JSON, `raw` as it is."""
        sent = {**(headers or {})}
        if who:
            token = TOKENS.get(who, who)
            sent["Authorization"] = "Basic " + base64.b64encode(f"{who}:{token}".encode()).decode()
        data = raw if raw is not None else None if body is None else json.dumps(body).encode()
        if data is not None:
            sent.setdefault("Content-Type", "application/json")
        async with self.session.request(
            method, self.url + BASE + path, data=data, headers=sent, allow_redirects=False, skip_auto_headers=["Accept"]
        ) as answer:
            return Answer(answer.status, answer.headers, await answer.read())

    async def get(self, path, **given):
        """The JSON of what must be there."""
        answer = await self.ask("GET", path, **given)
        assert answer.status == 200, answer
        return answer.json

    async def project(self, name="acme", **body):
        """Make a project; returns its id."""
        answer = await self.ask("POST", "/projects", {"project_name": name, **body})
        assert answer.status == 201, answer
        return int(answer.headers["Location"].rpartition("/")[2])

    async def policy(self, project, **changes):
        """Make a policy; returns its id."""
        answer = await self.ask("POST", f"/projects/{project}/webhook/policies", self.body(**changes))
        assert answer.status == 201, answer
        return int(answer.headers["Location"].rpartition("/")[2])

    def body(self, path="/hook", **changes):
        """A policy's body with one target at the receiver; keys of targets may be given with `target`."""
        target = {"type": "http", "address": self.receiver + path, **changes.pop("target", {})}
        return {
            "name": "ci",
            "enabled": True,
            "event_types": ["PUSH_ARTIFACT", "PULL_ARTIFACT", "DELETE_ARTIFACT"],
            "targets": [target],
            **changes,
        }

    async def notify(self, *records):
        """Have a registry tell of something."""
        url = f"http://127.0.0.1:{self.app.ingest_ports[0]}/events"
        async with self.session.post(url, data=envelope(*records)) as answer:
            assert answer.status == 202

    async def tell(self, path, body):
        """Somebody else posts this to the intake."""
        url = f"http://127.0.0.1:{self.app.ingest_ports[0]}/intake/{path}"
        async with self.session.post(url, json=body) as answer:
            assert answer.status == 202, await answer.text()

    async def received(self, count):
        """The first so many requests of the receiver, once they are there."""
        await self.until(lambda: len(self.got) >= count)
        return self.got[:count]

    async def reads(self, path, holds, **given):
        """The JSON of a path, once it is as it has to become."""
        async with asyncio.timeout(10):
            while not holds(found := await self.get(path, **given)):  # noqa: ASYNC110 - nothing sets an event
                await asyncio.sleep(0.01)
        return found

    async def until(self, holds):
        async with asyncio.timeout(10):
            while not holds():  # noqa: ASYNC110 - it waits for what sets no event
                await asyncio.sleep(0.005)
