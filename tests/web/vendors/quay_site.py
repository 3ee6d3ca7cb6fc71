"""A whole sidecar with users, its management API on a free port, and a receiver for what it delivers."""

import asyncio
import json

import aiohttp
from aiohttp import web

from notifications import envelope, push
from sidecar import app as root
from sidecar.config.loading import load

TOKENS = {name: f"token-of-{name}-{'x' * 16}" for name in ("ada", "maria", "sam")}
USERS = [
    {"name": "ada", "tokens": [TOKENS["ada"]], "admin": True},
    {"name": "maria", "tokens": [TOKENS["maria"]], "namespaces": ["prj", "library", "maria"]},
    {"name": "sam", "tokens": [TOKENS["sam"]]},
]


class Receiver:
    """Takes what is posted, and answers `status`."""

    def __init__(self, context=None):
        self.posts = []
        self.status = 200
        self._context = context
        self._runner = None

    async def start(self):
        app = web.Application()
        app.router.add_post("/{path:.*}", self._take)
        self._runner = web.AppRunner(app)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0, ssl_context=self._context)
        await site.start()
        scheme = "http" if self._context is None else "https"
        return f"{scheme}://127.0.0.1:{self._runner.addresses[0][1]}"

    async def _take(self, request):
        self.posts.append((request.path_qs, dict(request.headers), await request.read()))
        return web.Response(status=self.status)

    async def stop(self):
        await self._runner.cleanup()


class QuaySite:
    """Users: ada may everything, maria has `prj`, `library` and `maria`, sam nothing."""

    def __init__(self, folder, context=None):
        self._folder = folder
        self.receiver = Receiver(context)
        self.app = None
        self.base = self.ingest = self.hook = ""

    def configuration(self, **sections):
        path = self._folder / "config.yml"
        given = {
            "ingest": {"listen": "127.0.0.1:0"},
            "management": {"listen": "127.0.0.1:0", "users": USERS, "teams": {"prj": {"release": ["maria"]}}},
            "store": f"sqlite:///{self._folder}/sidecar.db",
            "registries": [{"name": "main", "hostname": "registry.example.com"}],
            "guard": {"allow": ["127.0.0.0/8"]},
            "defaults": {"delivery": {"retry": {"initial": "20ms"}}},
            **sections,
        }
        path.write_text(json.dumps(given))
        return path

    async def start(self, **sections):
        self.app = root.App(load(self.configuration(**sections), {}))
        self.hook = await self.receiver.start()
        await self.app.start()
        self.base = f"http://127.0.0.1:{self.app.management_ports[0]}"
        self.ingest = f"http://127.0.0.1:{self.app.ingest_ports[0]}/events"
        await until(lambda: not self.app.unready())

    async def stop(self):
        await self.app.stop()
        await self.receiver.stop()

    async def push(self, repository="prj/app", tag="v1"):
        """Have the registry tell of a push."""
        async with (
            aiohttp.ClientSession() as session,
            session.post(self.ingest, data=envelope(push(f"{repository}:{tag}", tag, repository=repository))) as answer,
        ):
            assert answer.status == 202
        await until(lambda: self.app._translator.lag == 0)

    async def ask(self, method, path, body=None, *, who="maria", headers=None, raw=None, follow=False):
        """Status, headers and body bytes of an answer."""
        given = {"Authorization": f"Bearer {TOKENS[who]}"} if who in TOKENS else {}
        if body is not None:
            given["Content-Type"] = "application/json"
            raw = json.dumps(body).encode()
        async with (
            aiohttp.ClientSession() as session,
            session.request(
                method, f"{self.base}/api/v1/{path}", data=raw, headers=given | (headers or {}), allow_redirects=follow
            ) as answer,
        ):
            return answer.status, answer.headers, await answer.read()

    async def json(self, method, path, body=None, **given):
        """Status and decoded body, None without one."""
        status, _, raw = await self.ask(method, path, body, **given)
        return status, json.loads(raw) if raw else None

    async def tell(self, path, body):
        """Have somebody else tell the intake."""
        url = f"{self.ingest.removesuffix('/events')}/intake/{path}"
        async with aiohttp.ClientSession() as session, session.post(url, json=body) as answer:
            assert answer.status == 202, await answer.text()

    async def made(self, repository="prj/app", *, at="", who="maria", **changes):
        """A notification, made through the API; `at` names the list, if not that of the repository."""
        body = {"event": "repo_push", "method": "webhook", "config": {"url": f"{self.hook}/x"}, "eventConfig": {}}
        head = at or f"repository/{repository}/notification/"
        status, made = await self.json("POST", head, body | changes, who=who)
        assert status == 201, made
        return made


async def until(condition, *, seconds=10.0):
    """Look again and again until it holds; fails when it does not in time."""
    async with asyncio.timeout(seconds):
        while not condition():  # noqa: ASYNC110 - it waits for what others do, and they set no event
            await asyncio.sleep(0.005)
