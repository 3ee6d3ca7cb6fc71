"""The door: who is let in by which listener, pages of other sites, guessing, and what is written down of it."""

import aiohttp
import pytest
from aiohttp import web
from test_roles import TOKENS, Site, credentials
from web_site import exchange, problem

from sidecar.domain.account import NOBODY, Accounts
from sidecar.domain.person import ANONYMOUS, INVALID
from sidecar.web.door import Door
from sidecar.web.exchange import person_of

ADMIN = credentials("admin")["Authorization"]


class WithVendor(Site):
    """With one route of a vendor's API and one page, which tell who came."""

    def app(self, door):
        app = super().app(door)
        self.came = []

        async def vendor(request):
            person = person_of(request)
            self.came.append(person)
            return web.json_response({"errors": []}, status=200 if person.known else 401)

        app.router.add_route("*", "/api/v2.0/thing/{name}", vendor)
        app.router.add_get("/", vendor)
        return app


@pytest.fixture
async def site(tmp_path):
    site = WithVendor(tmp_path)
    await site.start()
    yield site
    await site.stop()


def request(path, *lines, method="GET", host="sidecar.example.com"):
    head = [f"{method} {path} HTTP/1.1", f"Host: {host}", *lines]
    if method != "GET":
        head.append("Content-Length: 0")
    return ("\r\n".join(head) + "\r\n\r\n").encode()


def auth(role="admin"):
    return f"Authorization: Bearer {TOKENS[role]}"


def last(site):
    return site.observer.visits[-1]


# --- listeners -------------------------------------------------------------------------------------------------------


async def test_health_and_metrics_are_open_whatever_is_shown(site):
    for path in ("/livez", "/readyz", "/metrics"):
        for lines in ((), ("Authorization: Bearer wrong",), ("Origin: https://evil.example",)):
            status, _, _ = await exchange(site.ports[Door.CLOSED], request(path, *lines))
            assert status == 200
    assert site.observer.visits == []


@pytest.mark.parametrize("door", [Door.CLOSED, Door.LOOPBACK])
async def test_with_users_a_proxy_in_front_and_any_name_will_do(site, door):
    lines = (auth(), "X-Forwarded-For: 192.0.2.7", "Forwarded: for=x")
    status, _, _ = await exchange(site.ports[door], request("/v1/status", *lines, host="any.example"))
    assert status == 200


async def test_with_users_loopback_alone_proves_nothing(site):
    status, headers, body = await exchange(site.ports[Door.LOOPBACK], request("/v1/status", host="localhost"))
    assert status == 401
    assert headers["www-authenticate"] == 'Basic realm="registry-sidecar", charset="UTF-8"'
    assert problem(body) == ("Unauthorized", "Say who you are: name and password, or a token.")


async def test_an_htpasswd_file_without_anybody_in_it_lets_nobody_in(site):
    site.porter.configure(Accounts(needed=True), "")
    for door in (Door.CLOSED, Door.LOOPBACK):
        assert (await exchange(site.ports[door], request("/v1/status", host="localhost")))[0] == 401


async def test_users_come_and_go_while_it_runs(site):
    site.porter.configure(NOBODY, "")
    assert (await exchange(site.ports[Door.CLOSED], request("/v1/status", auth())))[0] == 403
    status, _, _ = await exchange(site.ports[Door.LOOPBACK], request("/v1/status", host="localhost"))
    assert status == 200


# --- odd requests ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        ((auth(), auth()), 401),
        (("Authorization:",), 401),
        ((b"Authorization: Basic \xff\xfe".decode("latin-1"),), 401),
        (("Authorization: Bearer " + "x" * 7000,), 401),
        (("Authorization: Bearer " + "x" * 20000,), 400),  # the server reads no header of that size
    ],
    ids=["twice", "empty", "not text", "large", "too large"],
)
async def test_odd_credentials_are_answered_and_break_nothing(site, lines, expected):
    raw = request("/v1/status", *lines).decode().encode("latin-1")
    assert (await exchange(site.ports[Door.CLOSED], raw))[0] == expected
    assert (await exchange(site.ports[Door.CLOSED], request("/v1/status", auth())))[0] == 200


@pytest.mark.parametrize(
    "path",
    ["/v1/status", "/%76%31/status", "/v1/%73tatus", "/v1/nothing", "/v1/", "/v1/../v1/status", "/v1/status?x=1"],
)
async def test_however_a_path_is_written_the_api_asks_who_it_is(site, path):
    assert (await exchange(site.ports[Door.CLOSED], request(path)))[0] == 401


@pytest.mark.parametrize("path", ["//v1/status", "/x/../v1/status", "/V1/status", "/v1", "/livez/../v1/status"])
async def test_what_is_no_path_of_ours_shows_nothing(site, path):
    status, _, body = await exchange(site.ports[Door.CLOSED], request(path))
    assert status in {401, 404}, body


async def test_after_bad_guesses_it_says_when_to_try_again_and_takes_a_token_all_the_same(tmp_path):
    site = WithVendor(tmp_path)
    site.porter.login._monotonic = lambda: 0
    await site.start()
    for _ in range(20):
        assert (await exchange(site.ports[Door.CLOSED], request("/v1/status", "Authorization: Bearer x")))[0] == 401
    for path in ("/v1/status", "/api/v2.0/thing/x", "/"):
        bad = request(path, "Authorization: Bearer x")
        status, headers, body = await exchange(site.ports[Door.CLOSED], bad)
        assert (status, headers["retry-after"]) == (429, "3")
        assert problem(body)[1] == "Too many wrong credentials: try again in 3 s, or use a token."
    assert (await exchange(site.ports[Door.CLOSED], request("/v1/status", auth())))[0] == 200
    await site.stop()


# --- browsers --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("origin", "host", "allowed"),
    [
        ("http://sidecar.example.com:8081", "sidecar.example.com:8081", True),
        ("https://sidecar.example.com", "sidecar.example.com", True),
        ("https://SIDECAR.example.com", "sidecar.example.com", True),
        ("https://outside.example.com", "internal:8081", True),  # the public URL
        ("http://outside.example.com", "internal:8081", False),
        ("https://evil.example", "sidecar.example.com", False),
        ("https://sidecar.example.com.evil.example", "sidecar.example.com", False),
        ("https://sidecar.example.com:8443", "sidecar.example.com", False),
        ("null", "sidecar.example.com", False),
        ("", "sidecar.example.com", False),
    ],
)
async def test_a_browser_s_credentials_count_only_for_pages_from_here(site, origin, host, allowed):
    """A browser that has signed in shows its credentials for whatever page posts here."""
    site.porter.configure(site.porter.login.accounts, "https://outside.example.com")
    lines = (auth(), f"Origin: {origin}")
    said = await exchange(site.ports[Door.CLOSED], request("/v1/quarantine/retry", *lines, method="POST", host=host))
    assert said[0] == (200 if allowed else 403)
    if not allowed:
        assert problem(said[2])[1] == "The API does not answer to pages of other sites."
    await exchange(site.ports[Door.CLOSED], request("/api/v2.0/thing/x", *lines, method="POST", host=host))
    assert site.came[-1].known is allowed


async def test_a_page_needs_an_administrator_and_the_browser_is_asked_for_one(site):
    status, headers, _ = await exchange(site.ports[Door.CLOSED], request("/"))
    assert (status, headers["www-authenticate"][:5]) == (401, "Basic")
    for role, status in (("stranger", 403), ("admin", 200)):
        assert (await exchange(site.ports[Door.CLOSED], request("/", auth(role))))[0] == status


# --- vendors ---------------------------------------------------------------------------------------------------------


async def test_a_vendor_s_api_is_told_who_it_is_and_answers_by_itself(site):
    for lines, status, name in (
        ((), 401, ""),
        (("Authorization: Bearer wrong",), 401, ""),
        ((auth("stranger"),), 200, "sam"),
        ((auth("admin"),), 200, "ada"),
    ):
        said, _, body = await exchange(site.ports[Door.CLOSED], request("/api/v2.0/thing/x", *lines))
        assert (said, body, site.came[-1].name) == (status, b'{"errors": []}', name)
    assert site.came[:2] == [ANONYMOUS, INVALID]
    assert (await exchange(site.ports[Door.CLOSED], request("/api/v2.0/nothing")))[0] == 404


async def test_without_users_a_vendor_s_api_knows_the_operator_on_loopback_and_nobody_elsewhere(site):
    site.porter.configure(NOBODY, "")
    await exchange(site.ports[Door.LOOPBACK], request("/api/v2.0/thing/x", host="localhost"))
    assert (site.came[-1].name, site.came[-1].admin) == ("loopback", True)
    for port, host, line in (
        (site.ports[Door.CLOSED], "localhost", "X: y"),
        (site.ports[Door.LOOPBACK], "evil.example", "X: y"),
        (site.ports[Door.LOOPBACK], "localhost", "Origin: https://evil.example"),
        (site.ports[Door.LOOPBACK], "localhost", "Forwarded: for=x"),
    ):
        await exchange(port, request("/api/v2.0/thing/x", line, host=host))
        assert site.came[-1] == ANONYMOUS
    async with (
        aiohttp.ClientSession(connector=aiohttp.UnixConnector(str(site.socket))) as session,
        session.get("http://sidecar/api/v2.0/thing/x") as answer,
    ):
        assert answer.status == 200
    assert (site.came[-1].name, site.came[-1].admin) == ("socket", True)


# --- what is written down --------------------------------------------------------------------------------------------


async def test_every_change_is_told_with_who_what_from_where_and_through_which_door(site):
    raw = request("/v1/subscriptions/one/pause", auth(), method="POST")
    assert (await exchange(site.ports[Door.CLOSED], raw))[0] == 200
    visit = last(site)
    assert (visit.who, visit.door, visit.remote, visit.method, visit.path, visit.status, visit.refused) == (
        "ada",
        "listener",
        "127.0.0.1",
        "POST",
        "/v1/subscriptions/one/pause",
        200,
        False,
    )
    assert site.observer.operations[-1] == ("ada", "pause", 1, "subscription=one")
    async with (
        aiohttp.ClientSession(connector=aiohttp.UnixConnector(str(site.socket))) as session,
        session.post("http://sidecar/v1/subscriptions/one/resume") as answer,
    ):
        assert answer.status == 200
    assert (last(site).who, last(site).door, last(site).remote) == ("socket", "socket", "")
    assert site.observer.operations[-1][0] == "socket"


async def test_a_vendor_s_changes_are_told_as_ours_are(site):
    await exchange(site.ports[Door.CLOSED], request("/api/v2.0/thing/x", auth("manager"), method="PUT"))
    assert (last(site).who, last(site).method, last(site).path) == ("mia", "PUT", "/api/v2.0/thing/x")
    await exchange(site.ports[Door.CLOSED], request("/api/v2.0/thing/x", method="PUT"))
    assert (last(site).who, last(site).status, last(site).refused) == ("", 401, True)


async def test_looking_is_not_told_nor_what_could_not_be_done(site):
    await exchange(site.ports[Door.CLOSED], request("/v1/status", auth()))
    await exchange(site.ports[Door.CLOSED], request("/v1/deliveries/7/retry", auth(), method="POST"))
    assert site.observer.visits == []


async def test_refusals_are_told_ten_at_once_and_then_counted(tmp_path):
    site = WithVendor(tmp_path)
    now = [0]
    site.porter._monotonic = lambda: now[0]
    await site.start()
    for _ in range(25):
        await exchange(site.ports[Door.CLOSED], request("/v1/status", auth("stranger")))
    assert [(one.who, one.status, one.refused, one.untold) for one in site.observer.visits] == [
        ("sam", 403, True, 0)
    ] * 10
    now[0] += 60 * 10**9
    await exchange(site.ports[Door.CLOSED], request("/v1/status"))
    assert (last(site).status, last(site).untold, len(site.observer.visits)) == (401, 15, 11)
    await site.stop()


@pytest.mark.parametrize("written", ["maria@example.org", "maria%40example.org"])
async def test_an_address_of_mail_in_a_path_is_not_told(site, written):
    """It is a person's, and lines of a log are read by others."""
    path = "/api/v1/repository/prj/app/authorizedemail"
    await exchange(site.ports[Door.CLOSED], request(f"{path}/{written}", auth("stranger"), method="POST"))
    assert (last(site).path, last(site).status) == (f"{path}/***", 403)
    await exchange(site.ports[Door.CLOSED], request(f"{path}/{written}", method="POST"))
    assert (last(site).path, last(site).status) == (f"{path}/***", 401)


async def test_nothing_that_was_shown_is_told(site):
    await exchange(site.ports[Door.CLOSED], request("/v1/status?token=hidden", "Authorization: Bearer hidden"))
    await exchange(site.ports[Door.CLOSED], request("/v1/quarantine/retry", auth(), method="POST"))
    await exchange(site.ports[Door.CLOSED], request("/api/v2.0/thing/x?token=hidden", auth(), method="PUT"))
    said = repr(site.observer.visits) + repr(site.observer.operations)
    assert "hidden" not in said
    assert TOKENS["admin"] not in said
