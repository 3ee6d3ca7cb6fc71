"""Who may do what: every role against every route of every API.

ROUTES is the whole truth about rights over TCP once there are users. An API joins by adding its routes there; a route
that is missing from the table fails a test.
"""

import base64
import itertools
import uuid

import aiohttp
import bcrypt
import dtr_roles
import harbor_roles
import msgspec
import pytest

from doubles import House, RecordingSender, route, subscription
from sidecar.domain import instant
from sidecar.domain.account import Account, Accounts
from sidecar.domain.glob import Globs
from sidecar.domain.person import Person
from sidecar.domain.secret import Secret
from sidecar.outbound.mail import MailCarrier
from sidecar.pipeline.authorizing import Authorizing
from sidecar.pipeline.expiries import Expiries
from sidecar.pipeline.inbox import Inbox
from sidecar.pipeline.operations import Operations
from sidecar.pipeline.routing import Router
from sidecar.pipeline.sampling import Sampling
from sidecar.pipeline.walks import Walks
from sidecar.stores.sqlite import SQLiteStore
from sidecar.web.api import Api
from sidecar.web.confirmation import ConfirmationPage
from sidecar.web.door import Door, Porter
from sidecar.web.health import Health
from sidecar.web.server import Listeners
from sidecar.web.status import status
from sidecar.web.vendors.quay import QuayApi, Surroundings
from virtual_time import VirtualClock

ROLES = ("anonymous", "invalid", "stranger", "manager", "admin")
TOKENS = {role: f"the-token-of-{role}-{'x' * 16}" for role in ("stranger", "manager", "admin")}
PEOPLE = {
    "stranger": Person(name="sam"),
    "manager": Person(name="mia", namespaces=Globs.of(["prj"])),
    "admin": Person(name="ada", admin=True),
}


class Rights(msgspec.Struct, frozen=True):
    """A route as it is asked, and the status that each role gets. 409 and 404 mean: they may, but it cannot be done."""

    ask: str  # the path
    admin: int = 200
    manager: int = 403
    stranger: int = 403
    invalid: int = 401
    anonymous: int = 401
    body: bytes = b""
    forged: bool = False  # a form of the console that none of its pages has shown: refused, whoever sends it


def everybody(path, status=200):
    return Rights(path, *(status,) * 5)


def form(path):
    return Rights(path, 403, forged=True)


TAG = "/v1/registries/{registry}/repositories/{repository}/tags/{tag}"
A_TAG = "/v1/registries/main/repositories/prj/app/tags/v1"

# What only administrators may do has no more than its path, and what they get.
ROUTES = {
    ("GET", "/livez"): everybody("/livez"),
    ("GET", "/readyz"): everybody("/readyz"),
    ("GET", "/metrics"): everybody("/metrics"),
    ("GET", "/authrepoemail"): everybody("/authrepoemail?code=x", 404),
    ("GET", "/v1/status"): Rights("/v1/status"),
    ("GET", "/v1/subscriptions"): Rights("/v1/subscriptions", manager=200),
    ("POST", "/v1/subscriptions"): Rights("/v1/subscriptions", 422, body=b"{}"),
    ("GET", "/v1/subscriptions/{name}"): Rights("/v1/subscriptions/one", manager=404),
    ("PUT", "/v1/subscriptions/{name}"): Rights("/v1/subscriptions/one", 409, 404, body=b"{}"),
    ("DELETE", "/v1/subscriptions/{name}"): Rights("/v1/subscriptions/one", 409, 404),
    ("GET", "/v1/events"): Rights("/v1/events"),
    ("GET", "/v1/events/{id}"): Rights("/v1/events/none", 404),
    ("GET", "/v1/events/{id}/explain"): Rights("/v1/events/none/explain", 404),
    ("GET", "/v1/deliveries"): Rights("/v1/deliveries"),
    ("GET", "/v1/deliveries/{id}"): Rights("/v1/deliveries/7", 404),
    ("GET", "/v1/undelivered"): Rights("/v1/undelivered"),
    ("GET", "/v1/pulls"): Rights("/v1/pulls"),
    ("GET", "/v1/scans"): Rights("/v1/scans"),
    ("GET", "/v1/quarantine"): Rights("/v1/quarantine"),
    ("GET", "/v1/quarantine/{id}"): Rights("/v1/quarantine/7", 404),
    ("POST", "/v1/quarantine/retry"): Rights("/v1/quarantine/retry"),
    ("POST", "/v1/quarantine/{id}/retry"): Rights("/v1/quarantine/7/retry", 404),
    ("DELETE", "/v1/quarantine/{id}"): Rights("/v1/quarantine/7", 404),
    ("POST", "/v1/deliveries/replay"): Rights("/v1/deliveries/replay"),
    ("POST", "/v1/deliveries/retry"): Rights("/v1/deliveries/retry"),
    ("POST", "/v1/deliveries/cancel"): Rights("/v1/deliveries/cancel"),
    ("POST", "/v1/deliveries/{id}/retry"): Rights("/v1/deliveries/7/retry", 404),
    ("POST", "/v1/deliveries/{id}/cancel"): Rights("/v1/deliveries/7/cancel", 404),
    ("POST", "/v1/subscriptions/{name}/pause"): Rights("/v1/subscriptions/one/pause"),
    ("POST", "/v1/subscriptions/{name}/resume"): Rights("/v1/subscriptions/one/resume"),
    ("POST", "/v1/subscriptions/{name}/test"): Rights("/v1/subscriptions/one/test"),
    ("POST", "/v1/backup"): Rights("/v1/backup", 403),  # only who may open the socket may have files written
    ("GET", "/v1/expiring"): Rights("/v1/expiring"),
    ("PUT", f"{TAG}/expiry"): Rights(f"{A_TAG}/expiry", 404, 404, body=b'{"expires": "2200-01-01T00:00:00Z"}'),
    ("DELETE", f"{TAG}/expiry"): Rights(f"{A_TAG}/expiry", 404, 404),
    ("GET", "/v1/inbox"): Rights("/v1/inbox", 200, 200, 200),  # each their own
    ("POST", "/v1/inbox/dismiss"): Rights("/v1/inbox/dismiss", 200, 200, 200),
    ("POST", "/v1/inbox/{id}/dismiss"): Rights("/v1/inbox/none/dismiss", 404, 404, 404),
    ("GET", "/v1/usage"): Rights("/v1/usage", manager=200),  # of their namespaces
    ("GET", "/v1/walks"): Rights("/v1/walks"),
    ("GET", "/v1/registries/{name}/walk"): Rights("/v1/registries/main/walk"),
    ("POST", "/v1/registries/{name}/walk"): Rights("/v1/registries/main/walk", 409),
    ("POST", "/v1/registries/{name}/walk/accept"): Rights("/v1/registries/main/walk/accept", 409),
    ("POST", "/v1/registries/{name}/walk/reject"): Rights("/v1/registries/main/walk/reject", 409),
    ("GET", "/v1/openapi.json"): Rights("/v1/openapi.json", manager=200, stranger=200),
    ("GET", "/v1/docs"): Rights("/v1/docs", manager=200, stranger=200),
    ("GET", "/"): Rights("/"),
    ("GET", "/console"): Rights("/console"),
    ("GET", "/console/subscriptions/{name}"): Rights("/console/subscriptions/one"),
    ("GET", "/console/events"): Rights("/console/events"),
    ("GET", "/console/events/{id}"): Rights("/console/events/none", 404),
    ("GET", "/console/deliveries"): Rights("/console/deliveries"),
    ("GET", "/console/deliveries/{id}"): Rights("/console/deliveries/7", 404),
    ("GET", "/console/deliveries/{id}/body"): Rights("/console/deliveries/7/body", 404),
    ("GET", "/console/undelivered"): Rights("/console/undelivered"),
    ("GET", "/console/quarantine"): Rights("/console/quarantine"),
    ("GET", "/console/quarantine/{id}"): Rights("/console/quarantine/7", 404),
    ("GET", "/console/quarantine/{id}/body"): Rights("/console/quarantine/7/body", 404),
    ("GET", "/console/walks"): Rights("/console/walks"),
    ("GET", "/console/inbox"): Rights("/console/inbox", 200, 200, 200),
    ("GET", "/console/{rest}"): Rights("/console/nothing", 404, 404, 404),  # the style sheet of that page, too
    ("POST", "/console/inbox/dismiss"): Rights("/console/inbox/dismiss", 403, 403, 403, forged=True),
    ("POST", "/console/inbox/{id}/dismiss"): Rights("/console/inbox/x/dismiss", 403, 403, 403, forged=True),
    ("POST", "/console/deliveries/{id}/retry"): form("/console/deliveries/7/retry"),
    ("POST", "/console/deliveries/{id}/cancel"): form("/console/deliveries/7/cancel"),
    ("POST", "/console/subscriptions/{name}/pause"): form("/console/subscriptions/one/pause"),
    ("POST", "/console/subscriptions/{name}/resume"): form("/console/subscriptions/one/resume"),
    ("POST", "/console/subscriptions/{name}/test"): form("/console/subscriptions/one/test"),
    ("POST", "/console/quarantine/{id}/retry"): form("/console/quarantine/7/retry"),
}

QUAY = "/api/v1/repository/prj/app"
ONE = f"{QUAY}/notification/240662ea-597b-499d-98bb-2b57e73408d6"
OURS = "/api/v1/organization/prj/notifications"
OWN = "/api/v1/user/namespacenotifications"
NOTIFIED = "/api/v1/user/notifications"


def managed(path, status=200):
    """What the managers of `prj` may, and nobody else."""
    return Rights(path, status, status)


def known(path, status=200):
    """What everybody may who has signed in."""
    return Rights(path, status, status, status)


# Under one path that takes every method, because it has names with slashes in it. 400, 404 and 415 mean: they may, but
# there is no such thing, or there was no body.
BELOW = {
    ("*", "/api/v1/{path}"): [
        ("GET", known("/api/v1/user/")),
        ("GET", known("/api/v1/user/robots/prj", 400)),
        ("GET", known("/api/v1/entities/m")),
        ("GET", known("/api/v1/organization/library")),
        ("GET", managed(QUAY, 404)),
        ("GET", managed(f"{QUAY}/notification/")),
        ("POST", managed(f"{QUAY}/notification/", 415)),
        ("GET", managed(ONE, 404)),
        ("POST", managed(ONE, 400)),
        ("DELETE", managed(ONE, 400)),
        ("POST", managed(f"{ONE}/test", 400)),
        ("GET", managed(f"{QUAY}/authorizedemail/a@example.com", 404)),
        ("POST", managed(f"{QUAY}/authorizedemail/a@example.com", 400)),  # there is no mail server
        ("GET", managed(OURS, 404)),
        ("POST", managed(OURS, 404)),
        ("GET", managed(f"{OURS}/x", 404)),
        ("POST", managed(f"{OURS}/x", 404)),
        ("DELETE", managed(f"{OURS}/x", 404)),
        ("POST", managed(f"{OURS}/x/test", 404)),
        ("GET", Rights(OWN)),  # nobody manages the namespace of their own name by that alone
        ("POST", Rights(OWN, 415)),
        ("GET", Rights(f"{OWN}/x", 404)),
        ("POST", Rights(f"{OWN}/x", 404)),
        ("DELETE", Rights(f"{OWN}/x", 404)),
        ("POST", Rights(f"{OWN}/x/test", 404)),
        ("GET", known(NOTIFIED)),
        ("GET", known(f"{NOTIFIED}/x", 404)),
        ("PUT", known(f"{NOTIFIED}/x", 415)),
        ("GET", everybody("/api/v1/error/not_found")),
        ("GET", everybody("/api/v1/nowhere", 404)),
        ("PUT", everybody(ONE, 405)),
        ("OPTIONS", everybody(ONE)),
    ],
}
for _route, (_ask, _body, _statuses) in {**dtr_roles.rows(), **harbor_roles.rows()}.items():
    ROUTES[_route] = Rights(_ask, *_statuses, body=_body)

ASKED = [(method, rights) for (method, _), rights in ROUTES.items()] + [
    one for below in BELOW.values() for one in below
]


class Site:
    """Every API there is, around a house at work, on a listener that others can reach and on one of loopback."""

    def __init__(self, folder):
        clock = VirtualClock()
        path = folder / "sidecar.db"
        self.house = House(path, clock, RecordingSender(), [subscription("one")], store=SQLiteStore(path, inline=True))
        observer = self.observer = self.house.observer
        self.operations = Operations(self.house.store, self.house.intake, clock, observer)
        walks = Walks(self.house.store, clock, observer)
        walks.configure({"main": None})
        health = Health(stalled=lambda: 0.0, unready=lambda: (), render_metrics=lambda: (b"# metrics\n", "text/plain"))
        # A minute passes between two looks at the clock: this is not about guessing.
        self.porter = Porter(observer.visited, monotonic=itertools.count(0, instant.MINUTE).__next__)
        self.porter.configure(
            Accounts(
                needed=True,
                accounts=tuple(
                    Account(person=person, tokens=(Secret(TOKENS[role]),)) for role, person in PEOPLE.items()
                ),
            ),
            "",
        )
        store = self.house.store
        sampling = Sampling(
            store, self.house.subscribing, clock, observer, new_uuid=lambda: str(uuid.uuid4()), changed=set
        )
        around = Surroundings(accounts=Accounts(), registries=(self.house.registries["main"].ref,))
        inbox = Inbox(store, clock, observer, lambda: self.porter.login.accounts)
        mail = MailCarrier(clock, "").mail
        authorizing = Authorizing(store, mail, clock, observer, new_code=str, public_url=lambda: "")
        quay = QuayApi(
            self.house.subscribing,
            sampling,
            store,
            lambda: around,
            authorizing=authorizing,
            inbox=inbox,
            clock=clock,
            observer=observer,
        )
        self.api = Api(
            self.operations,
            self.status,
            health,
            store.care.backup,
            subscribing=self.house.subscribing,
            porter=self.porter,
            walks=walks,
            expiries=Expiries(self.house.store, clock, observer, lambda: {"main": "library"}),
            vendors=[
                quay,
                ConfirmationPage(authorizing),
                dtr_roles.dtr_api(self.house, clock),
                harbor_roles.harbor_api(self.house, self.operations, clock),
            ],
            inbox=inbox,
            usage=self.usage,
        )
        self.listeners = Listeners()
        self.socket = folder / "control.sock"

    def status(self):
        return status(
            unready=(),
            source="config.yml",
            error="",
            store="sidecar.db",
            down="",
            sizes=self.house.store.sizes,
            translator=self.house.translator,
            last=self.house.store.last,
            registries=["main"],
        )

    async def usage(self):
        return ()

    def app(self, door):
        return self.api.app(door)

    async def start(self):
        await self.house.start()
        (lane,) = self.house.dispatcher.views()
        self.operations.connect(
            Router([route(subscription("one"), lane.lane)]),
            self.house.destinations,
            self.house.dispatcher,
            self.house.courier,
        )
        self.ports = {}
        for door in (Door.CLOSED, Door.LOOPBACK):
            (self.ports[door],) = await self.listeners.serve_app(self.app(door), [("127.0.0.1", 0)], None)
        await self.listeners.serve_socket(self.app(Door.SOCKET), self.socket)

    async def stop(self):
        await self.listeners.stop()
        await self.house.stop()
        self.porter.login.close()


@pytest.fixture
async def site(tmp_path):
    site = Site(tmp_path)
    await site.start()
    yield site
    await site.stop()


def credentials(role):
    if role == "anonymous":
        return {}
    if role == "invalid":
        return {"Authorization": "Bearer not-a-token-of-anybody"}
    return {"Authorization": f"Bearer {TOKENS[role]}"}


def asked(method, url, rights):
    """One request; "*" is a method that no API has a call for."""
    headers = {"Content-Type": "application/json"} if rights.body else {}
    return {"method": method.replace("*", "PATCH"), "url": url, "data": rights.body or None, "headers": headers}


def routes_of(app):
    """Method and canonical path of everything that an app answers to."""
    return {
        (one.method, one.resource.canonical)
        for one in app.router.routes()
        if one.resource is not None and one.method != "HEAD"
    }


@pytest.mark.parametrize("door", list(Door), ids=lambda door: door.value)
async def test_every_route_is_in_the_table(tmp_path, door):
    assert routes_of(Site(tmp_path).app(door)) == ROUTES.keys() | BELOW.keys()


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("door", [Door.CLOSED, Door.LOOPBACK], ids=["reachable", "loopback"])
async def test_each_role_gets_on_each_route_what_the_table_says(site, door, role):
    wrong = []
    async with aiohttp.ClientSession(headers=credentials(role)) as session:
        for method, rights in ASKED:
            url = f"http://127.0.0.1:{site.ports[door]}{rights.ask}"
            async with session.request(**asked(method, url, rights)) as answer:
                expected = getattr(rights, role)
                if answer.status != expected:
                    wrong.append((method, rights.ask, answer.status, expected))
                if answer.status in {401, 403} and rights.ask.startswith("/v1/"):
                    assert answer.content_type == "application/problem+json"
                if answer.status == 401 and rights.ask.startswith("/v1/"):
                    assert answer.headers["WWW-Authenticate"].startswith('Basic realm="registry-sidecar"')
                assert "Set-Cookie" not in answer.headers
    assert wrong == []


async def test_whoever_opens_the_socket_may_do_everything_without_credentials(site):
    async with aiohttp.ClientSession(connector=aiohttp.UnixConnector(str(site.socket))) as session:
        for method, rights in ASKED:
            async with session.request(**asked(method, f"http://sidecar{rights.ask}", rights)) as answer:
                assert (answer.status in {401, 403}) is rights.forged, rights.ask


async def test_a_refusal_says_what_is_lacking(site):
    said = {}
    for role in ROLES[:-1]:
        async with (
            aiohttp.ClientSession(headers=credentials(role)) as session,
            session.get(f"http://127.0.0.1:{site.ports[Door.CLOSED]}/v1/status") as answer,
        ):
            said[role] = (await answer.json(content_type=None))["detail"]
    assert said == {
        "anonymous": "Say who you are: name and password, or a token.",
        "invalid": "The credentials are wrong.",
        "stranger": "sam is not an administrator.",
        "manager": "mia is not an administrator.",
    }


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [("GET", "/v1/nothing", 404), ("DELETE", "/v1/status", 405), ("PATCH", "/v1/subscriptions", 405)]
    + [("OPTIONS", path, 204) for path in ("/v1/status", "/v1/subscriptions", "/livez")],
)
@pytest.mark.parametrize("role", ROLES)
async def test_what_there_is_to_ask_for_is_the_same_for_everybody_who_has_signed_in(site, role, method, path, status):
    async with (
        aiohttp.ClientSession(headers=credentials(role)) as session,
        session.request(method, f"http://127.0.0.1:{site.ports[Door.CLOSED]}{path}") as answer,
    ):
        signed_in = role in PEOPLE or path == "/livez"
        assert answer.status == (status if signed_in else 401)
        assert ("Allow" in answer.headers) is (signed_in and status != 404)


async def test_a_password_opens_the_same_doors_as_a_token(site):
    hashed = bcrypt.hashpw(b"s3cret", bcrypt.gensalt(4)).decode()
    people = (Account(person=PEOPLE["admin"], password_hash=Secret(hashed)),)
    site.porter.configure(Accounts(needed=True, accounts=people), "")
    given = {"Authorization": "Basic " + base64.b64encode(b"ada:s3cret").decode()}
    async with (
        aiohttp.ClientSession(headers=given) as session,
        session.get(f"http://127.0.0.1:{site.ports[Door.CLOSED]}/v1/status") as answer,
    ):
        assert answer.status == 200
