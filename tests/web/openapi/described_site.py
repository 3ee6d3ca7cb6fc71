"""A sidecar that has something of everything, behind listeners of every kind: what its document is held against."""

import asyncio
import itertools
from pathlib import Path

import aiohttp

from fake_registry import FakeApi, FakeRegistry
from made_house import ADA, MadeHouse, draft
from notifications import digest, envelope, pull, push
from sidecar.config.schema import of_made
from sidecar.domain import instant
from sidecar.domain.account import Account, Accounts
from sidecar.domain.details import Scan, ScanStatus, Severity, Tool, Vulnerability
from sidecar.domain.event import EventType, stable_uuid
from sidecar.domain.glob import Globs
from sidecar.domain.inbox import Item, Owner
from sidecar.domain.made import Api as Made
from sidecar.domain.message import Response
from sidecar.domain.person import Person
from sidecar.domain.quota import Quota
from sidecar.domain.registry import Reconcile
from sidecar.domain.secret import Secret
from sidecar.domain.statement import Statement
from sidecar.domain.subscription import Rate
from sidecar.domain.usage import UsageRow
from sidecar.pipeline.expiries import Expiries
from sidecar.pipeline.inbox import Inbox
from sidecar.pipeline.walks import Plan, Walks
from sidecar.pipeline.weighing import Weighed
from sidecar.web.api import Api
from sidecar.web.door import Door, Porter
from sidecar.web.health import Health
from sidecar.web.server import Listeners
from sidecar.web.status import status

TOKENS = {"admin": "the-token-of-admin-xxxx", "manager": "the-token-of-manager-xxxx"}
PEOPLE = {
    "admin": Person(name="ada", admin=True),
    "manager": Person(name="mia", namespaces=Globs.of(["prj"])),
}
FILE = [
    {"name": "updater", "format": "harbor", "url": "https://updater.example/hook", "headers": {"X-Key": "secret"}},
    {"name": "refusing", "format": "cloudevents", "url": "https://refusing.example"},
    {"name": "paused", "format": "distribution", "url": "https://paused.example"},
]
# One for each API that makes subscriptions.
MADE = (
    draft("ci", form="dtr", namespace="prj"),
    draft("1/hook", api=Made.HARBOR, form="harbor", namespace="prj"),
    draft("prj/app", api=Made.DTR, form="dtr", namespace="prj", repository="prj/app"),
    draft("", api=Made.QUAY, form="quay", namespace="prj", repository="prj/app"),
)


SCAN = Scan(
    status=ScanStatus.SUCCESS,
    scanner=Tool(name="Trivy", version="0.67.2"),
    ended="2026-11-21T00:00:00Z",
    severities={Severity.HIGH: 1},
    total=1,
    vulnerabilities=(Vulnerability(id="CVE-1", severity=Severity.HIGH, cvss=7.5, package="p", version="1"),),
)


def answered(request):
    """Two receivers take what they get; one refuses it for good, with an answer that is no text."""
    return Response(status=400, body=b"no \xff") if "refusing" in request.url else Response(status=200)


def notification(owner):
    return Item(
        uuid=stable_uuid(owner),
        owner=Owner.parse(owner),
        kind="repo_push",
        content_type="application/json",
        body=b'{"repository": "prj/app", "updated_tags": ["v1"]}',
        created=1_795_219_200 * instant.SECOND,
        webhook_id="msg_1",
    )


class DescribedSite:
    """Registries `main`, which can be walked, and `mute`, which cannot."""

    def __init__(self, folder: Path) -> None:
        self.house = MadeHouse(
            folder,
            answered,
            registries=[
                {"name": "main", "hostname": "registry.example.com"},
                {"name": "mute", "hostname": "mute.example"},
            ],
            subscriptions=FILE,
        )
        self.listeners = Listeners()
        self.socket = folder / "control.sock"
        self.fake = FakeRegistry(latency=0)

    async def start(self) -> None:
        house = await self.house.start()
        self.walks = Walks(house.store, house.clock, house.observer)
        self.walks.configure({"main": Plan(FakeApi(self.fake), Reconcile(rate=Rate(10_000))), "mute": None})
        self.walking = asyncio.create_task(self.walks.run())
        # A minute passes between two looks at the clock: this is not about guessing.
        porter = Porter(house.observer.visited, monotonic=itertools.count(0, instant.MINUTE).__next__)
        people = [Account(person=person, tokens=(Secret(TOKENS[role]),)) for role, person in PEOPLE.items()]
        porter.configure(Accounts(needed=True, accounts=tuple(people)), "")
        health = Health(stalled=lambda: 0.0, unready=list, render_metrics=lambda: (b"", "text/plain"))
        self.api = Api(
            house.operations,
            self.status,
            health,
            house.store.care.backup,
            subscribing=house.subscribing,
            porter=porter,
            walks=self.walks,
            expiries=Expiries(house.store, house.clock, house.observer, lambda: {"main": "library", "mute": "library"}),
            inbox=Inbox(house.store, house.clock, house.observer, lambda: porter.login.accounts),
            usage=self.usage,
            forms=of_made,
        )
        (self.port,) = await self.listeners.serve_app(self.api.app(Door.CLOSED), [("127.0.0.1", 0)], None)
        await self.listeners.serve_socket(self.api.app(Door.SOCKET), self.socket)
        self.session = aiohttp.ClientSession(headers={"Authorization": f"Bearer {TOKENS['admin']}"})
        await self.fill()

    def status(self):
        house = self.house
        return status(
            unready=["stopping"],
            source=house.settings.source,
            error="",
            store=house.settings.store,
            down="",
            sizes=house.store.sizes,
            translator=house.translator,
            last=house.store.last,
            registries=["main", "mute"],
            last_events={"main": "2026-11-22T08:00:00Z"},
        )

    async def usage(self):
        row = UsageRow(registry="main", namespace="prj", used=1234, unknown=2)
        return [Weighed(row=row, quota=Quota(namespaces=Globs.of(("*",)), limit=1000, warn_at=(50, 85)), named=True)]

    async def fill(self) -> None:
        """Events, deliveries in every state, a scan, an end, quarantine, and a subscription of every source."""
        house = self.house
        for one in MADE:
            await house.subscribing.create(ADA, one)
        await house.operations.pause("paused", "ada")
        records = [push("a", "v1"), push("b", "v2", repository="other/app"), pull("c", "v1")]
        await house.intake.accept("main", envelope(*records))
        scan = Statement(type=EventType.SCAN_COMPLETED, repository="prj/app", digest=digest("a"), details=SCAN)
        await house.intake.take([("main", "s1", scan)])
        await house.until(lambda: house.translator.lag == 0)
        await self.ask(
            "PUT", "/v1/registries/main/repositories/prj/app/tags/v1/expiry", {"expires": "2100-01-01T00:00:00Z"}
        )
        for owner in ("user/ada", "org/prj", "team/prj/dev"):
            await house.store.put_item(notification(owner))
        await house.intake.accept("main", b"\xff no text", "text/plain")
        await house.intake.accept("main", b"{}", "application/json")
        await house.intake.unknown_registry("late", envelope(push("d")), "application/json")
        await house.until(lambda: house.translator.lag == 0)
        await asyncio.sleep(0)

    async def stop(self) -> None:
        await self.session.close()
        await self.listeners.stop()
        self.walking.cancel()
        await asyncio.gather(self.walking, return_exceptions=True)
        await self.walks.stop()
        await self.house.stop()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def ask(self, method, path, body=None, **headers):
        """Status, headers and body of an answer to an administrator."""
        given = {name.replace("_", "-"): value for name, value in headers.items()}
        async with self.session.request(method, f"{self.url}{path}", json=body, headers=given) as answer:
            return answer.status, answer.headers, await answer.read()

    async def hold_a_walk(self) -> None:
        """Have a walk of `main` find that everything is gone."""
        for number in range(20):
            self.fake.push("prj/web", f"v{number}", number)
        await self._walk()
        self.fake.remove("prj/web")
        await self._walk()

    async def _walk(self) -> None:
        await self.walks.start("main", silent=False)
        async with asyncio.timeout(10):
            while (await self.walks.view("main")).current is not None:  # noqa: ASYNC110 - it sets no event
                await asyncio.sleep(0.005)
        await self.house.until(lambda: self.house.translator.lag == 0)
