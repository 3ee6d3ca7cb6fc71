"""The door of every API: who asks, through which listener, and whether they may.

The native API is answered for here. Vendors' APIs, under `/api/`, say 401 and 403 in their own words: their requests
only get their Person, and whatever they answer is written down as it is for ours. Health and metrics are open, and so
is the page that the link of a mail leads to.
"""

import enum
import time
from collections.abc import Awaitable, Callable
from typing import Any, Final
from urllib.parse import urlsplit

from aiohttp import hdrs, web

from sidecar.domain import instant
from sidecar.domain.account import Accounts
from sidecar.domain.person import ANONYMOUS, Person, Visit
from sidecar.domain.throttle import Throttle
from sidecar.web.exchange import PERSON
from sidecar.web.login import Login, Throttled
from sidecar.web.problems import problem, sentence

REALM: Final = 'Basic realm="registry-sidecar", charset="UTF-8"'
OPEN: Final = frozenset({"/livez", "/readyz", "/metrics", "/authrepoemail"})
VENDORS: Final = "/api/"
NATIVE: Final = "/v1/"
SAFE: Final = frozenset({"GET", "HEAD", "OPTIONS"})
LOCAL: Final = frozenset({"localhost", "127.0.0.1", "::1"})
# Refusals of one address that are told one by one; the next line says how many were not.
TOLD, TOLD_EVERY = 10, instant.MINUTE

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Door(enum.Enum):
    """Through which kind of listener a request came."""

    SOCKET = "socket"
    LOOPBACK = "loopback"
    CLOSED = "listener"  # reachable by others: without users it answers nobody but what everybody may ask

    @property
    def owner(self) -> Person:
        """Whoever comes through it without having to say who they are."""
        return Person(name=self.value, admin=True)


class Needs(enum.Enum):
    """What a route of the native API, or a page, takes."""

    ADMIN = "admin"
    MANAGER = "manager"  # admins, and whoever manages some namespace: the verbs decide which
    PERSON = "person"  # anybody who has signed in


# Every other route is for admins, the console's as well. Keys are a method and a route's canonical path.
NEEDS: Final[dict[tuple[str, str], Needs]] = {
    ("GET", "/v1/usage"): Needs.MANAGER,
    ("GET", "/v1/subscriptions"): Needs.MANAGER,
    ("POST", "/v1/subscriptions"): Needs.MANAGER,
    ("GET", "/v1/subscriptions/{name}"): Needs.MANAGER,
    ("PUT", "/v1/subscriptions/{name}"): Needs.MANAGER,
    ("DELETE", "/v1/subscriptions/{name}"): Needs.MANAGER,
    ("POST", "/v1/subscriptions/{name}/pause"): Needs.MANAGER,
    ("POST", "/v1/subscriptions/{name}/resume"): Needs.MANAGER,
    ("POST", "/v1/subscriptions/{name}/test"): Needs.MANAGER,
    ("GET", "/v1/inbox"): Needs.PERSON,
    ("POST", "/v1/inbox/dismiss"): Needs.PERSON,
    ("POST", "/v1/inbox/{id}/dismiss"): Needs.PERSON,
    ("GET", "/console/inbox"): Needs.PERSON,
    ("POST", "/console/inbox/dismiss"): Needs.PERSON,
    ("POST", "/console/inbox/{id}/dismiss"): Needs.PERSON,
    ("GET", "/console/{rest}"): Needs.PERSON,  # the style sheet
    ("GET", "/v1/openapi.json"): Needs.PERSON,
    ("GET", "/v1/docs"): Needs.PERSON,
    ("PUT", "/v1/registries/{registry}/repositories/{repository}/tags/{tag}/expiry"): Needs.MANAGER,
    ("DELETE", "/v1/registries/{registry}/repositories/{repository}/tags/{tag}/expiry"): Needs.MANAGER,
}


class Porter:
    """Stands at every door of the process; `visited` hears of changes and refusals.

    Made knowing nobody. `configure` swaps who is known, and where browsers reach us ("" = nobody said).
    """

    def __init__(self, visited: Callable[[Visit], None], *, monotonic: Callable[[], int] = time.monotonic_ns) -> None:
        self.login = Login(monotonic=monotonic)
        self._visited = visited
        self._monotonic = monotonic
        self._told = Throttle(TOLD, TOLD_EVERY, 1000)
        self._untold = 0
        self._public_url = ""

    def configure(self, accounts: Accounts, public_url: str) -> None:
        """Use these from the next request on."""
        self.login.configure(accounts)
        self._public_url = public_url

    def at(self, door: Door) -> Any:
        """The middleware of one kind of listener."""

        @web.middleware
        async def through(request: web.Request, handler: Handler) -> web.StreamResponse:
            if request.path in OPEN:
                return await handler(request)
            response = await self._admitted(request, handler, door)
            self._note(request, response.status, door)
            return response

        return through

    async def _admitted(self, request: web.Request, handler: Handler, door: Door) -> web.StreamResponse:
        try:
            person, refusal = await self._who(request, door)
        except Throttled as error:
            response = problem(429, sentence(error))
            response.headers[hdrs.RETRY_AFTER] = str(error.seconds)
            return response
        request[PERSON] = person
        if _elsewhere(request):
            return await handler(request)
        if refusal:
            return problem(403, refusal)
        if not person.known:
            return unauthorized(
                "The credentials are wrong." if person.refused else "Say who you are: name and password, or a token."
            )
        lacking = _lacking(request, person)
        return problem(403, lacking) if lacking else await handler(request)

    async def _who(self, request: web.Request, door: Door) -> tuple[Person, str]:
        """The person, and why the native API does not answer whoever it is; "" when it does. Raises Throttled."""
        if door is Door.SOCKET:
            return door.owner, ""
        if not self.login.needed:
            refusal = _local(request) if door is Door.LOOPBACK else _CLOSED
            return (ANONYMOUS, refusal) if refusal else (door.owner, "")
        if not self._own_page(request):
            return ANONYMOUS, "The API does not answer to pages of other sites."
        shown = request.headers.getall(hdrs.AUTHORIZATION, ())
        return await self.login.person(tuple(shown), request.remote or ""), ""

    def _own_page(self, request: web.Request) -> bool:
        """Browsers send credentials along to whatever page asks for it: only pages from here may ask."""
        origin = request.headers.get(hdrs.ORIGIN)
        if origin is None:
            return True
        if self._public_url and origin.lower() == _origin(self._public_url):
            return True
        return _host(origin) == request.headers.get(hdrs.HOST, "").lower() != ""

    def _note(self, request: web.Request, status: int, door: Door) -> None:
        """Write down what was changed, and what was refused."""
        refused = status in {401, 403, 429}
        if not refused and (request.method in SAFE or status >= 400):
            return
        person: Person = request.get(PERSON, ANONYMOUS)
        remote = request.remote or ""
        untold = 0
        if refused:
            now = self._monotonic()
            if self._told.wait(remote, now):
                self._untold += 1
                return
            self._told.take(remote, now)
            untold, self._untold = self._untold, 0
        self._visited(
            Visit(
                who=person.name,
                door=door.value,
                remote=remote,
                method=request.method,
                path=_nameless(request.path)[:200],
                status=status,
                refused=refused,
                untold=untold,
            )
        )


_CLOSED: Final = (
    "This listener can be reached by others and there are no users, so the API does not answer here: list users under "
    "management.users, use the Unix socket (management.socket), or a listener bound to 127.0.0.1."
)


def unauthorized(detail: str) -> web.Response:
    """401 as the native API says it."""
    response = problem(401, detail)
    response.headers[hdrs.WWW_AUTHENTICATE] = REALM
    return response


def _nameless(path: str) -> str:
    """A path as it is written down: an address of mail is a person's."""
    head, word, email = path.partition("/authorizedemail/")
    return f"{head}{word}***" if email else path


def _elsewhere(request: web.Request) -> bool:
    """Whether a vendor's API answers, or nothing: by the route that was found, however the path is written."""
    resource = request.match_info.route.resource
    if resource is None:
        return not request.path.startswith(NATIVE)
    return resource.canonical.startswith(VENDORS)


def _lacking(request: web.Request, person: Person) -> str:
    """What a person lacks for a route, as a sentence; "" when nothing."""
    resource = request.match_info.route.resource
    if person.admin or resource is None:  # what nothing answers to is the same for all: 404, 405, and OPTIONS
        return ""
    path = resource.canonical
    method = "GET" if request.method == "HEAD" else request.method
    needs = NEEDS.get((method, path), Needs.ADMIN)
    if needs is Needs.ADMIN:
        return f"{person.name} is not an administrator."
    if needs is Needs.MANAGER and not person.namespaces.patterns:
        return f"{person.name} manages no namespace."
    return ""


def _local(request: web.Request) -> str:
    """Why a loopback listener without users does not take a request for the operator's, "" when it does."""
    if any(name.startswith("x-forwarded-") or name == "forwarded" for name in map(str.lower, request.headers)):
        return "The API on a loopback listener without users does not answer through a proxy: list management.users."
    host = _host_only(request.headers.get(hdrs.HOST, "").lower())
    if host not in LOCAL | {""}:
        return f"The API on a loopback listener answers to localhost and 127.0.0.1, not to {host[:100]!r}."
    origin = request.headers.get(hdrs.ORIGIN, "")
    if origin and _host_only(origin.partition("://")[2]) not in LOCAL:
        return "The API does not answer to pages of other sites."
    return ""


def _origin(url: str) -> str:
    """Scheme and host of a URL as browsers write an origin."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{_host(url)}"


def _host(url: str) -> str:
    """The host of a URL, with its port unless that is the scheme's own."""
    scheme, _, rest = url.lower().partition("://")
    host = rest.partition("/")[0]
    return host.removesuffix({"https": ":443", "http": ":80"}.get(scheme, "/"))


def _host_only(text: str) -> str:
    if text.startswith("["):
        return text[1:].partition("]")[0]
    return text.rpartition(":")[0] if text.count(":") == 1 else text
