"""A console over a real store, and pages as a browser reads them."""

import asyncio
from html.parser import HTMLParser
from urllib.parse import urlsplit

import aiohttp
import msgspec

from doubles import House, RecordingSender, match, registry, route, subscription
from fake_registry import FakeApi, FakeRegistry
from notifications import envelope, push
from sidecar.domain.message import Response
from sidecar.domain.secret import Secret
from sidecar.domain.subscription import Signing, SignScheme
from sidecar.pipeline.inbox import Inbox
from sidecar.pipeline.operations import Operations
from sidecar.pipeline.routing import Router
from sidecar.pipeline.walks import Plan, Walks
from sidecar.web.api import Api
from sidecar.web.door import Door, Porter
from sidecar.web.health import Health
from sidecar.web.server import Listeners
from virtual_time import VirtualClock

SECRETS = ("pa55w0rd", "k3y-in-query", "h34der", "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
SUBSCRIPTIONS = (
    subscription(
        "one",
        url=f"https://robot:{SECRETS[0]}@receiver.example/hook?key={SECRETS[1]}",
        headers=(("Authorization", Secret(f"Bearer {SECRETS[2]}")),),
        signing=Signing(scheme=SignScheme.STANDARD, secrets=(Secret(SECRETS[3]),)),
    ),
    subscription("two", format="dtr", match=match(["other/**"])),
    subscription("api:harbor/3", format="cloudevents"),
)
VOID = {"meta", "link", "input", "br"}
FROM_A_PAGE = {"Sec-Fetch-Site": "same-origin"}


class Element(msgspec.Struct):
    tag: str
    attributes: dict[str, str]
    text: str = ""  # with that of everything inside


class Page(HTMLParser):
    """What a browser makes of a page: every element in order, with its text. Tags that do not match fail."""

    def __init__(self, source):
        super().__init__(convert_charrefs=True)
        self.elements, self._open = [], []
        self.source = source
        self.feed(source)
        self.close()
        assert self._open == [], "every element is closed"

    def handle_starttag(self, tag, attrs):
        assert len({name for name, _ in attrs}) == len(attrs), "no attribute twice"
        self.elements.append(Element(tag, {name: value or "" for name, value in attrs}))
        if tag not in VOID:
            self._open.append(self.elements[-1])

    def handle_endtag(self, tag):
        assert self._open.pop().tag == tag

    def handle_data(self, data):
        for one in self._open:
            one.text += data

    def all(self, tag, **wanted):
        """Elements of a tag whose attributes are these (`class_` for class, `aria_label` for aria-label)."""
        wanted = {name.rstrip("_").replace("_", "-"): value for name, value in wanted.items()}
        return [one for one in self.elements if one.tag == tag and wanted.items() <= one.attributes.items()]

    @property
    def text(self):
        """All that can be read on it, with single blanks."""
        return " ".join(self.all("body")[0].text.split())

    @property
    def title(self):
        return " ".join(self.all("h1")[0].text.split())

    def facts(self):
        """The list of facts: name to text."""
        names = [" ".join(one.text.split()) for one in self.all("dt")]
        return dict(zip(names, (" ".join(one.text.split()) for one in self.all("dd")), strict=True))

    def rows(self):
        """The rows of all tables, without heads: texts of their cells."""
        found = []
        for one in self.elements:
            if one.tag == "tr":
                found.append([])
            elif one.tag in {"td", "th"} and one.attributes.get("scope") != "col":
                found[-1].append(" ".join(one.text.split()))
        return [row for row in found if row]

    def links(self):
        return [one.attributes["href"] for one in self.all("a")]

    def forms(self):
        """Forms that are posted: path to the fields that a browser would send without anybody touching them."""
        found, fields = {}, {}
        for one in self.elements:
            if one.tag == "form":
                fields = {}
                if one.attributes.get("method") == "post":
                    found[one.attributes["action"]] = fields
            elif one.tag == "input":
                fields[one.attributes["name"]] = one.attributes["value"]
            elif one.tag == "select":
                fields[one.attributes["name"]] = ""
        return found


class Site:
    """A house at work. Subscription `one` answers 400, `api:harbor/3` 200; `two` hears of other repositories."""

    def __init__(self, folder, subscriptions=SUBSCRIPTIONS):
        self.clock = VirtualClock()
        self.subscriptions = subscriptions
        self.sender = RecordingSender(self._receiver)
        self.answer = b"no"
        registries = [registry(), registry("mute")]
        self.house = House(folder / "sidecar.db", self.clock, self.sender, subscriptions, registries=registries)
        self.store, self.observer = self.house.store, self.house.observer
        self.operations = Operations(self.store, self.house.intake, self.clock, self.observer)
        self.fake = FakeRegistry(latency=0)
        self.walks = Walks(self.store, self.clock, self.observer)
        self.status = {
            "version": "1.2.3",
            "ready": True,
            "unready": [],
            "config": {"source": "/etc/sidecar.yml", "error": ""},
            "store": {
                "path": "/data/sidecar.db",
                "down": "",
                "sizeBytes": 5 * 2**20,
                "usedBytes": 4 * 2**20,
                "walBytes": 2**19,
                "freeBytes": 3 * 2**30,
            },
            "translator": {"cursor": 7, "last": 7, "lagSeconds": 0.0},
            "registries": ["main", "mute"],
            "lastEvents": {},
        }
        self.porter = Porter(lambda _visit: None)
        self.api = self._api()
        self.listeners = Listeners()
        self.folder = folder

    def _api(self):
        health = Health(stalled=lambda: 0.0, unready=list, render_metrics=lambda: (b"", "text/plain"))
        return Api(
            self.operations,
            lambda: self.status,
            health,
            subscribing=self.house.subscribing,
            porter=self.porter,
            walks=self.walks,
            inbox=Inbox(self.store, self.clock, self.observer, lambda: self.porter.login.accounts),
        )

    def _receiver(self, request):
        if "/hook" in request.url:
            return Response(status=400, body=self.answer)
        return Response(status=200, body=b"thanks")

    async def start(self):
        await self.house.start()
        self.connect()
        self.walks.configure({"main": Plan(FakeApi(self.fake)), "mute": None})
        (self.port,) = await self.listeners.serve_app(self.api.app(Door.LOOPBACK), [("127.0.0.1", 0)], None)
        (self.open_port,) = await self.listeners.serve_app(self.api.app(Door.CLOSED), [("127.0.0.1", 0)], None)
        self.session = aiohttp.ClientSession()

    def connect(self):
        """Have the operators' verbs use the configuration as it is."""
        lanes = {one.name: one.lane for one in self.house.dispatcher.views()}
        routes = [route(one, lanes[one.name]) for one in self.house.subscriptions]
        house = self.house
        self.operations.connect(Router(routes), house.destinations, house.dispatcher, house.courier)

    async def stop(self):
        await self.session.close()
        await self.listeners.stop()
        await self.walks.stop()
        await self.house.stop()

    async def tell(self, *records):
        """Have notifications taken, and everything that they owe tried."""
        await self.house.intake.accept("main", envelope(*records))
        await self.settle()

    async def settle(self):
        async with asyncio.timeout(60):
            while self.house.translator.lag or await self.house.owed():  # noqa: ASYNC110 - nothing is set then
                await asyncio.sleep(0.002)

    async def usual(self):
        """Three pushes, and two items in quarantine."""
        await self.tell(push("a"), push("b", "v2"), push("c", "v3"))
        await self.house.intake.accept("main", b"\xff unreadable", "text/x")
        await self.house.intake.unknown_registry("late", envelope(push("d")), "application/json")

    async def restart(self):
        """The same house with another process in front of it."""
        await self.listeners.stop()
        self.api = self._api()
        (self.port,) = await self.listeners.serve_app(self.api.app(Door.LOOPBACK), [("127.0.0.1", 0)], None)

    # --- a browser --------------------------------------------------------------------------------------------------

    async def ask(self, path, method="GET", **given):
        """The answer and its bytes; redirects are not followed."""
        url = aiohttp.client.URL(f"http://127.0.0.1:{self.port}{path}", encoded=True)
        async with self.session.request(method, url, allow_redirects=False, **given) as answer:
            return answer, await answer.read()

    async def page(self, path, status=200):
        answer, body = await self.ask(path)
        assert answer.status == status, body.decode()
        assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
        return Page(body.decode())

    async def get(self, path):
        """What the API says."""
        answer, body = await self.ask(path)
        assert answer.status == 200
        return msgspec.json.decode(body)

    async def send(self, path, form, headers=FROM_A_PAGE):
        """Send a form; the status, and where it leads or the page that it gets."""
        answer, body = await self.ask(path, "POST", data=form, headers=headers)
        if answer.status == 303:
            assert body == b""
            return 303, answer.headers["Location"]
        return answer.status, Page(body.decode()) if answer.content_type == "text/html" else body

    async def press(self, page, action, **fields):
        """Send a form of a page as a browser does, and load the page that it leads to."""
        shown = await self.page(page)
        status, where = await self.send(action, {**shown.forms()[action], **fields})
        assert status == 303, where
        return await self.page(urlsplit(where)._replace(fragment="").geturl())

    async def crawl(self):
        """Every page that can be reached from the first by links: path to (answer, body)."""
        seen, waiting = {}, ["/"]
        while waiting:
            path = waiting.pop()
            if path in seen or path.startswith("#"):
                continue
            seen[path] = answer, body = await self.ask(path)
            if answer.content_type == "text/html":
                waiting += Page(body.decode()).links()
        return seen
