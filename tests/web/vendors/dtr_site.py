"""A whole sidecar with DTR's API, and a receiver: both listen, and speak over real connections."""

import asyncio
import json
import shlex
from typing import NamedTuple

import aiohttp
from aiohttp import web

from notifications import envelope
from sidecar import app as root
from sidecar.config.loading import load

TOKENS = {
    "admin": "token-of-the-admin",
    "maria": "token-of-maria-0",
    "mario": "token-of-mario-0",
    "guest": "token-of-guest-0",
}
USERS = [
    {"name": "admin", "tokens": [TOKENS["admin"]], "admin": True},
    {"name": "maria", "tokens": [TOKENS["maria"]], "namespaces": ["maria-*", "foo"]},
    {"name": "mario", "tokens": [TOKENS["mario"]], "namespaces": ["foo", "library"]},
    {"name": "guest", "tokens": [TOKENS["guest"]]},
]


class Answer(NamedTuple):
    status: int
    body: object  # JSON, None when there is none
    headers: object


class Heard(NamedTuple):
    """One request as the receiver got it."""

    path: str
    headers: object
    body: object


async def until(look, *, seconds=10.0):
    """Look again and again until the answer is true, and return it; fails when that does not happen in time."""
    async with asyncio.timeout(seconds):
        while not (seen := await look()):  # noqa: ASYNC110 - what is waited for sets no event
            await asyncio.sleep(0.005)
    return seen


class Receiver:
    """Answers `status`, and remembers everything."""

    def __init__(self):
        self.heard = []
        self.status = 200
        self._runner = None
        self.port = 0

    async def start(self, context=None):
        self._runner = web.ServerRunner(web.Server(self._handle), shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0, ssl_context=context)
        await site.start()
        self.port = site._server.sockets[0].getsockname()[1]

    async def stop(self):
        await self._runner.cleanup()

    def url(self, path="", scheme="http"):
        return f"{scheme}://127.0.0.1:{self.port}/{path}"

    async def wait(self, count):
        """What was heard, once there are so many."""

        async def enough():
            return len(self.heard) >= count

        await until(enough)
        return self.heard

    async def _handle(self, request):
        self.heard.append(Heard(request.path, request.headers, json.loads(await request.read())))
        return web.Response(status=self.status)


class DtrSite:
    """The sidecar. `sections` are those of its configuration, over the usual ones."""

    def __init__(self, folder, **sections):
        self._path = folder / "config.yml"
        self._sections = {
            "ingest": {"listen": "127.0.0.1:0"},
            "management": {"listen": "127.0.0.1:0", "socket": False, "users": USERS},
            "store": f"sqlite:///{folder}/sidecar.db",
            "registries": [{"name": "main", "hostname": "registry.example.com"}],
            "guard": {"allow": ["127.0.0.0/8"]},
            "defaults": {"delivery": {"retry": {"initial": "10ms"}}},
            **sections,
        }
        self.receiver = Receiver()

    async def start(self, context=None):
        await self.receiver.start(context)
        await self.boot()

    async def boot(self):
        self._path.write_text(json.dumps(self._sections))
        self.app = root.App(load(self._path, {}))
        await self.app.start()

        async def ready():
            return not self.app.unready()

        await until(ready)
        self.base = f"http://127.0.0.1:{self.app.management_ports[0]}"
        self.session = aiohttp.ClientSession()

    async def halt(self):
        await self.session.close()
        await self.app.stop()

    async def stop(self):
        await self.halt()
        await self.receiver.stop()

    async def reload(self, **sections):
        self._sections |= sections
        self._path.write_text(json.dumps(self._sections))
        assert await self.app.reload() == ""

    async def ask(self, method, path, body=None, *, who="admin", headers=None):
        """One request to the API; `who` "" shows no credentials. A body that is no bytes is sent as JSON."""
        sent = dict(headers or {})
        if who:
            sent["Authorization"] = aiohttp.encode_basic_auth(who, TOKENS.get(who, "a wrong password"))
        if body is not None and not isinstance(body, bytes):
            body = json.dumps(body).encode()
            sent = {"Content-Type": "application/json", **sent}
        async with self.session.request(method, f"{self.base}/api/v0{path}", data=body, headers=sent) as answer:
            raw = await answer.read()
            return Answer(answer.status, json.loads(raw) if raw else None, answer.headers)

    async def curl(self, command, *, host, user):
        """A command of a manual, as curl sends it; `host` is what stands for the DTR in it, `user` who is meant."""
        words = shlex.split(command.replace("$TOKEN", TOKENS[user]))
        assert words.pop(0) == "curl"
        method, headers, data, urls = "GET", {}, None, []
        while words:
            word = words.pop(0)
            if word == "-u":
                headers["Authorization"] = aiohttp.encode_basic_auth(user, words.pop(0).partition(":")[2])
            elif word == "-X":
                method = words.pop(0)
            elif word == "-H":
                name, _, value = words.pop(0).partition(": ")
                headers[name] = value
            elif word == "-d":
                data = words.pop(0).encode()
            else:
                urls.append(word.replace(f"https://{host}", self.base))
        (url,) = urls
        async with self.session.request(method, url, data=data, headers=headers) as answer:
            raw = await answer.read()
            return Answer(answer.status, json.loads(raw) if raw else None, answer.headers)

    async def create(self, who="admin", **form):
        """A webhook that was made."""
        answer = await self.ask("POST", "/webhooks", {"endpoint": self.receiver.url("hook"), **form}, who=who)
        assert answer.status in {200, 201}, answer
        return answer.body

    async def told(self, *records):
        """The registry posts these."""
        url = f"http://127.0.0.1:{self.app.ingest_ports[0]}/events"
        async with self.session.post(url, data=envelope(*records)) as answer:
            assert answer.status == 202

    async def tell(self, path, body):
        """Somebody else posts this to the intake."""
        url = f"http://127.0.0.1:{self.app.ingest_ports[0]}/intake/{path}"
        async with self.session.post(url, json=body) as answer:
            assert answer.status == 202, await answer.text()


def error(answer):
    """The one error of an answer: status, code, detail."""
    (one,) = answer.body["errors"]
    assert set(one) == {"code", "message", "detail"}
    assert isinstance(one["detail"], str)
    return answer.status, one["code"], one["detail"]
