"""The console's forms over real connections: what they do, who is named for it, and which requests are refused.

A browser sends its user's password with whatever another site's page asks of it, so everything here is tried without
the one or the other proof.
"""

import base64

import pytest
from console_site import FROM_A_PAGE, SUBSCRIPTIONS, Page, Site

from notifications import envelope, push
from sidecar.domain.account import Account, Accounts
from sidecar.domain.glob import Globs
from sidecar.domain.message import Response
from sidecar.domain.person import Person
from sidecar.domain.secret import Secret


@pytest.fixture
async def site(tmp_path):
    site = Site(tmp_path)
    await site.start()
    await site.usual()
    yield site
    await site.stop()


async def dead(site):
    """The number and the page of a dead delivery."""
    number = (await site.get("/v1/deliveries?state=dead&limit=1"))["deliveries"][0]["id"]
    return number, f"/console/deliveries/{number}"


async def due(site):
    """The number and the page of a delivery that waits, because its subscription is paused."""
    await site.operations.pause("one", "before")
    await site.house.intake.accept("main", envelope(push("due", "due")))
    found = []
    while not found:
        found = (await site.get("/v1/deliveries?state=due&subscription=one"))["deliveries"]
    return found[0]["id"], f"/console/deliveries/{found[0]['id']}"


def done_by(site):
    """What the log says that operators did: (who, what, how many, detail)."""
    return [one for one in site.observer.operations if one[0] != "before"]


# --- what they do ----------------------------------------------------------------------------------------------------


async def test_a_dead_delivery_is_sent_again(site):
    number, path = await dead(site)
    site.sender.answer = lambda _request: Response(status=200)
    page = await site.press(path, f"{path}/retry")
    assert "The delivery is due now." in page.text
    await site.settle()
    assert (await site.get(f"/v1/deliveries/{number}"))["state"] == "delivered"
    assert done_by(site) == [("loopback", "retry", 1, f"delivery {number}")]
    assert (await site.page(path)).forms() == {}


async def test_a_due_delivery_is_cancelled_after_a_second_look(site):
    number, path = await due(site)
    page = await site.page(path)
    assert set(page.forms()) == {f"{path}/retry", f"{path}/cancel"}
    assert page.all("details", class_="sure")
    page = await site.press(path, f"{path}/cancel")
    assert "The delivery is cancelled." in page.text
    assert page.title == f"Delivery {number} cancelled"
    assert done_by(site) == [("loopback", "cancel", 1, f"delivery {number}")]


@pytest.mark.parametrize("name", ["one", "api%3Aharbor%2F3"])
async def test_a_subscription_is_paused_and_resumed(site, name):
    path = f"/console/subscriptions/{name}"
    page = await site.press(path, f"{path}/pause")
    assert "The subscription is paused" in page.text
    assert page.facts()["State"] == "paused"
    assert set(page.forms()) == {f"{path}/resume", f"{path}/test"}
    page = await site.press(path, f"{path}/resume")
    assert "The subscription is released" in page.text
    assert page.facts()["State"] == "active"
    assert [one[:3] for one in done_by(site)] == [("loopback", "pause", 1), ("loopback", "resume", 1)]


async def test_a_test_is_sent_and_its_result_shown(site):
    site.answer = b"<b>who are you?</b>"
    path = "/console/subscriptions/one"
    before = len(site.sender.requests)
    page = await site.press(path, f"{path}/test", event="artifact.deleted")
    assert len(site.sender.requests) == before + 1
    assert b'"DELETE_ARTIFACT"' in site.sender.requests[-1].body
    assert "A sample of artifact.deleted: client_error 400, answered 400" in page.text
    assert "<b>who are you?</b>" in [one.text for one in page.all("pre")]
    assert '"type": "DELETE_ARTIFACT"' in page.text
    assert done_by(site) == [("loopback", "test", 1, "subscription=one reason=client_error")]
    await site.page(f"{path}?test=1")
    assert len(site.sender.requests) == before + 1, "looking again sends nothing"


async def test_results_of_tests_are_kept_for_a_while_and_for_their_subscription_alone(site):
    path = "/console/subscriptions/one"
    for _ in range(33):
        await site.press(path, f"{path}/test")
    for query, kept in (("1", False), ("2", True), ("33", True), ("34", False), ("x", False), ("9" * 30, False)):
        text = (await site.page(f"{path}?test={query}")).text
        assert ("A sample of artifact.pushed" in text) is kept, query
        assert ("no longer kept" in text) is not kept, query
    assert "no longer kept" in (await site.page("/console/subscriptions/two?test=33")).text


async def test_a_quarantined_item_is_taken_again_or_stays(site):
    late, unreadable = [row[0] for row in (await site.page("/console/quarantine")).rows()]
    path = f"/console/quarantine/{unreadable}"
    page = await site.press(path, f"{path}/retry")
    assert "The item still cannot be read" in page.text
    assert page.title.startswith(f"Quarantined item {unreadable}")
    page = await site.press(f"/console/quarantine/{late}", f"/console/quarantine/{late}/retry")
    assert page.title == "Quarantine"
    assert "The item has left quarantine: it is in the journal now" in page.text
    assert late not in [row[0] for row in page.rows()]
    assert [one[:2] for one in done_by(site)] == [("loopback", "quarantine retry")] * 2


async def test_what_cannot_be_done_is_said_and_leaves_a_way_back(site):
    """The page was loaded before somebody else was quicker."""
    _, path = await due(site)
    form = (await site.page(path)).forms()[f"{path}/cancel"]
    assert (await site.send(f"{path}/cancel", form))[0] == 303
    status, page = await site.send(f"{path}/cancel", form)
    assert (status, page.title) == (409, "409")
    assert "is cancelled; only what is due can be cancelled." in page.text
    path = "/console/subscriptions/two"
    form = (await site.page(path)).forms()[f"{path}/test"]
    status, page = await site.send(f"{path}/test", {**form, "event": "artifact.checked"})
    assert status == 409
    await site.house.configure(SUBSCRIPTIONS[:1])
    site.connect()
    status, page = await site.send(f"{path}/test", form)
    assert (status, page.title) == (404, "404")


async def test_an_orphan_can_only_be_released(site):
    await site.operations.pause("two", "before")
    await site.house.configure(SUBSCRIPTIONS[:1])
    site.connect()
    page = await site.page("/console/subscriptions/two")
    assert set(page.forms()) == {"/console/subscriptions/two/resume"}
    assert "formerly: two" in page.text


async def test_only_words_of_ours_are_said_after_a_form(site):
    page = await site.page("/console/subscriptions/one?done=Call%20this%20number")
    assert "Call this number" not in page.text


# --- what is no form of ours -----------------------------------------------------------------------------------------


async def nothing_happened(site, path):
    assert done_by(site) == []
    assert (await site.page(path)).title.endswith(" dead")


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Sec-Fetch-Site": "none"},
        {"Sec-Fetch-Site": ""},
        {"Sec-Fetch-Site": "cross-site", "Origin": "http://127.0.0.1:{port}"},
        {"Origin": "http://127.0.0.1"},
        {"Origin": "http://127.0.0.1:1"},
        {"Origin": "http://localhost:{port}"},
    ],
)
async def test_a_form_that_another_page_sends_does_nothing_even_with_the_token(site, headers):
    _, path = await dead(site)
    form = (await site.page(path)).forms()[f"{path}/retry"]
    headers = {name: value.format(port=site.port) for name, value in headers.items()}
    status, page = await site.send(f"{path}/retry", form, headers)
    assert status == 403
    assert "This form was not sent by a page of this console, so nothing was done." in page.text
    await nothing_happened(site, path)


@pytest.mark.parametrize("headers", [{"Origin": "null"}, {"Origin": "https://evil.example"}])
async def test_another_site_s_origin_does_not_pass_the_door(site, headers):
    _, path = await dead(site)
    form = (await site.page(path)).forms()[f"{path}/retry"]
    assert (await site.send(f"{path}/retry", form, {**FROM_A_PAGE, **headers}))[0] == 403
    await nothing_happened(site, path)


async def test_a_browser_that_says_only_the_origin_is_believed(site):
    """Over plain HTTP to another host than this one browsers send no `Sec-Fetch-Site`."""
    _, path = await dead(site)
    form = (await site.page(path)).forms()[f"{path}/retry"]
    assert (await site.send(f"{path}/retry", form, {"Origin": f"http://127.0.0.1:{site.port}"}))[0] == 303


async def test_a_form_without_its_own_token_does_nothing(site):
    """Each token is for one thing: not another verb, not another delivery, and nothing at all."""
    number, path = await dead(site)
    other = next(
        one["id"] for one in (await site.get("/v1/deliveries?state=dead"))["deliveries"] if one["id"] != number
    )
    own = (await site.page(path)).forms()[f"{path}/retry"]["token"]
    another = (await site.page(f"/console/deliveries/{other}")).forms()[f"/console/deliveries/{other}/retry"]["token"]
    pause = (await site.page("/console/subscriptions/one")).forms()["/console/subscriptions/one/pause"]["token"]
    assert len({own, another, pause}) == 3
    kind = {**FROM_A_PAGE, "Content-Type": "application/x-www-form-urlencoded"}
    for form in (
        "",
        "token=",
        f"token={another}",
        f"token={pause}",
        f"token={own[:-1]}",
        "token=%ff&%ed%b3%bf",
        "&&=;",
    ):
        status, page = await site.send(f"{path}/retry", form, kind)
        assert status == 403, form
        assert "load the page again" in page.text
    assert (await site.send(f"{path}/cancel", {"token": own}))[0] == 403
    await nothing_happened(site, path)


async def test_a_form_as_another_kind_of_body_does_nothing(site):
    """What a page of another site can send without asking is a form; what is none has no token for us."""
    _, path = await dead(site)
    token = (await site.page(path)).forms()[f"{path}/retry"]["token"]
    for body, kind in (
        (f'{{"token": "{token}"}}', "application/json"),
        (f"token={token}", "text/plain"),
    ):
        headers = {**FROM_A_PAGE, "Content-Type": kind}
        assert (await site.send(f"{path}/retry", body, headers))[0] == 403
    answer, _ = await site.ask(f"{path}/retry", "POST", data={"token": "x" * 70_000}, headers=FROM_A_PAGE)
    assert answer.status == 413
    await nothing_happened(site, path)


async def test_a_form_of_a_page_from_before_a_restart_says_so(site):
    _, path = await dead(site)
    form = (await site.page(path)).forms()[f"{path}/retry"]
    await site.restart()
    status, page = await site.send(f"{path}/retry", form)
    assert status == 403
    assert "This form is older than the running sidecar" in page.text
    await nothing_happened(site, path)


async def test_looking_changes_nothing(site):
    """No link and no address does anything: what changes something is a form."""
    _, path = await dead(site)
    answer, _ = await site.ask(f"{path}/retry")
    assert answer.status == 404
    await site.crawl()
    await nothing_happened(site, path)


# --- with users ------------------------------------------------------------------------------------------------------


def basic(name):
    """What a browser sends for a user who has typed a token where it asked for the password."""
    return f"Basic {base64.b64encode(f'{name}:token-of-{name}'.encode()).decode()}"


ROOT = basic("root")
ADMIN = basic("second")
MARIA = basic("maria")


@pytest.fixture
def users(site):
    """Two administrators, and maria who manages a namespace."""
    people = (
        Person(name="root", admin=True),
        Person(name="second", admin=True),
        Person(name="maria", namespaces=Globs.of(["prj"], segments=True)),
    )
    accounts = [Account(person=one, tokens=(Secret(f"token-of-{one.name}"),)) for one in people]
    site.porter.configure(Accounts(needed=True, accounts=tuple(accounts)), "")


async def test_a_browser_is_asked_who_it_is_and_only_administrators_get_in(site, users):
    """What the pages show is everything there is, which nobody sees through the API who is no administrator."""
    for path in ("/", "/console/events", "/console/walks", "/console/quarantine/7", "/console/deliveries/1/body"):
        answer, _ = await site.ask(path)
        assert answer.status == 401, path
        assert answer.headers["WWW-Authenticate"].startswith("Basic ")
        answer, body = await site.ask(path, headers={"Authorization": MARIA})
        assert answer.status == 403, path
        assert b"maria is not an administrator." in body
    answer, body = await site.ask("/", headers={"Authorization": ROOT})
    assert answer.status == 200
    assert Page(body.decode()).title == "Overview"


async def test_who_pressed_is_who_signed_in_and_forms_are_for_whom_they_were_shown(site, users):
    path = "/console/subscriptions/one"
    _, body = await site.ask(path, headers={"Authorization": ROOT})
    form = Page(body.decode()).forms()[f"{path}/pause"]
    for person, status in ((MARIA, 403), (ADMIN, 403), (ROOT, 303)):
        answer, _ = await site.ask(f"{path}/pause", "POST", data=form, headers={**FROM_A_PAGE, "Authorization": person})
        assert answer.status == status
    assert done_by(site) == [("root", "pause", 1, "subscription=one")]
