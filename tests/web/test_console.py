"""The console's pages over real connections: what they say, that it is what the API says, and what they never do."""

import itertools
import json
import re
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest
from console_site import SECRETS, SUBSCRIPTIONS, Page, Site
from web_site import exchange

from doubles import subscription
from notifications import delete, digest, envelope, push
from sidecar.domain.errors import StoreUnavailable
from sidecar.domain.walk import Cause, Walk, WalkState
from sidecar.web.console.frame import HEADERS

NOTHING = "\N{EN DASH}"
ROOT = Path(__file__).parents[2]


@pytest.fixture
async def site(tmp_path):
    site = Site(tmp_path)
    await site.start()
    yield site
    await site.stop()


# --- the overview ----------------------------------------------------------------------------------------------------


async def test_the_overview_of_a_quiet_night(site):
    site.status["lastEvents"] = {"main": "2026-11-21T00:00:00Z"}
    page = await site.page("/")
    assert page.title == "Overview"
    assert "registry-sidecar ready" in page.text
    assert "Nothing wants attention." in page.text
    assert page.facts() == {
        "Ready": "yes",
        "Version": "1.2.3",
        "Configuration": "/etc/sidecar.yml",
        "Translator": "nothing waits",
        "Store": "/data/sidecar.db, 5.0 MiB, of which 4.0 MiB are in use, and 512.0 KiB of log",
        "Disk": "3.0 GiB free",
        "Quarantine": "empty",
    }
    rows = {row[0]: row[1:] for row in page.rows()}
    assert rows["one harbor"] == ["active", "0", "0", NOTHING, "never", "0", "0 of 4", "https://receiver.example"]
    assert list(rows) == ["one harbor", "two dtr", "api:harbor/3 cloudevents", "main", "mute"]
    assert rows["main"][0].startswith("2026-11-21 00:00:00Z")
    assert rows["mute"] == ["none since the start", NOTHING]


async def test_the_overview_says_what_wants_a_person_the_worst_first(site):
    await site.usual()
    site.status |= {"ready": False, "unready": ["store: the disk is gone", "starting"]}
    site.status["config"] = {"source": "x", "error": "config.yml:3: url is missing"}
    site.status["translator"] = {"cursor": 3, "last": 10, "lagSeconds": 61.5}
    await site.operations.pause("two", "someone")
    page = await site.page("/")
    assert "registry-sidecar not ready" in page.text
    notes = [" ".join(one.text.split()) for one in page.elements if one.attributes.get("class", "").startswith("note ")]
    assert notes == [
        "not ready: store: the disk is gone",
        "not ready: starting",
        "the newest configuration is refused: config.yml:3: url is missing",
        "the oldest untranslated record waits for 62 s",
        "one: 3 failures in a row, 3 deliveries are dead",
        "two: paused",
        "something is in quarantine: it could not be read or translated",
    ]
    assert "7 records wait, the oldest for 61.5 s" in page.facts()["Translator"]
    for link in ("/console/subscriptions/one", "/console/subscriptions/two", "/console/quarantine"):
        assert link in page.links()
    assert "Not ready: store: the disk is gone; starting" in (await site.page("/console/events")).text


async def test_how_a_subscription_stands(site):
    """Each state in words, with the time that belongs to it."""
    tracks = site.house.dispatcher._tracks
    at = site.clock.now() + 90 * 10**9

    async def said():
        return {row[0].split()[0]: row[1] for row in (await site.page("/")).rows()[:3]}

    tracks[1].lane = msgspec.structs.replace(tracks[1].lane, failures=10, probe_at=at)
    tracks[3].lane = msgspec.structs.replace(tracks[3].lane, paused_until=at)
    await site.operations.pause("two", "someone")
    found = await said()
    assert found["one"].startswith("breaker open, next probe 20")
    assert re.search(r"in 1 min (30|2\d) s$", found["one"])
    assert found["api:harbor/3"].startswith("told to wait, until 20")
    assert found["two"] == "paused"
    await site.house.configure(SUBSCRIPTIONS[:1])
    site.connect()
    assert (await said())["two"] == "orphaned"


async def test_with_the_store_away_there_is_still_an_overview(site):
    async def away():
        raise StoreUnavailable("the store cannot read: disk I/O error")

    site.store.lanes = away
    page = await site.page("/")
    assert "Part of this page is missing. The store cannot read: disk I/O error." in page.text
    assert page.facts()["Version"] == "1.2.3"
    assert "The store cannot read: disk I/O error." in (await site.page("/console/undelivered", 503)).text


async def test_the_overview_loads_itself_again_only_when_asked_to(site):
    assert (await site.page("/")).all("meta", http_equiv="refresh") == []
    page = await site.page("/?refresh=on")
    assert [one.attributes["content"] for one in page.all("meta") if "http-equiv" in one.attributes] == ["10"]


# --- events ----------------------------------------------------------------------------------------------------------


async def test_events_are_those_of_the_api_page_by_page(site):
    await site.tell(*(push(f"r{number}", f"v{number}") for number in range(7)), push("x", repository="other/app"))
    whole = [one["id"] for one in (await site.get("/v1/events"))["events"]]
    found, path = [], "/console/events?limit=3&type=artifact.pushed&registry="
    while path:
        page = await site.page(path)
        found += [link.rpartition("/")[2] for link in page.links() if link.startswith("/console/events/")]
        (path,) = [one.attributes["href"] for one in page.all("a", rel="next")] or [""]
    assert found == [
        one for one in whole if (await site.get(f"/v1/events/{one}"))["event"]["type"] == "artifact.pushed"
    ]
    assert len(found) == 8
    chosen = await site.page("/console/events?repository=other%2Fapp")
    assert {row[2] for row in chosen.rows()} == {"other/app:v1", "other/app"}
    assert chosen.all("input", id="repository")[0].attributes["value"] == "other/app"
    assert "No events like that" in (await site.page("/console/events?repository=none")).text


async def test_a_time_without_a_zone_is_utc(site):
    """As a browser's field for a time sends it."""
    await site.tell(push("a", time="2026-11-22T08:00:00Z"))
    for since, many in (("2026-11-22T08:00", 2), ("2026-11-22T08:00:01", 0), ("2026-11-22T07:00:00%2B00:00", 2)):
        assert len((await site.page(f"/console/events?since={since}")).rows()) == many, since


async def test_an_event_says_who_hears_of_it_and_why_not(site):
    await site.usual()
    await site.tell(push("e", "v3", of="e"))
    identity = (await site.get("/v1/events?type=artifact.pushed"))["events"][0]["id"]
    page = await site.page(f"/console/events/{identity}")
    assert page.title == "artifact.pushed prj/app:v3"
    facts = page.facts()
    assert facts["Digest"] == digest("e")
    assert facts["Before"] == digest("c")
    assert facts["By"] == "maria from 192.0.2.10 with docker/27.3.1"
    assert facts["Event"] == f"{identity}, of record e, request request-e"
    one, two, three = [" ".join(article.text.split()) for article in page.all("article")]
    assert one.startswith("one harbor heard as PUSH_ARTIFACT")
    assert "Authorization: <secret>" in one
    assert '"type": "PUSH_ARTIFACT"' in one
    assert two == "two dtr not heard refused by match.repositories"
    assert three.startswith("api:harbor/3 cloudevents heard as artifact.pushed")
    assert [row[1:3] for row in page.rows()] == [["dead", "PUSH_ARTIFACT"], ["delivered", "artifact.pushed"]]


async def test_an_event_says_what_would_be_sent_now_and_to_whom_it_was_sent_once(site):
    await site.usual()
    identity = (await site.get("/v1/events?type=artifact.pushed"))["events"][0]["id"]
    await site.house.configure([SUBSCRIPTIONS[0], subscription("new", format="quay")])
    site.connect()
    page = await site.page(f"/console/events/{identity}")
    new = " ".join(page.all("article")[1].text.split())
    assert new.startswith("new quay heard as repo_push It has no delivery of this event")
    assert "Request as it would be now, repo_push" in new
    assert "POST http://receiver.example/..." in new
    assert "Subscriptions that have left the configuration" in page.text
    assert page.rows()[-1][1] == "api:harbor/3"
    delivery = next(one for one in (await site.get("/v1/deliveries"))["deliveries"] if one["word"] == "artifact.pushed")
    shown = await site.page(f"/console/deliveries/{delivery['id']}")
    assert "Its subscription is not in the configuration any more" in shown.text
    assert json.loads(shown.all("pre", aria_label="Body")[0].text)["type"] == "io.registry-sidecar.artifact.pushed"


# --- deliveries ------------------------------------------------------------------------------------------------------


async def test_deliveries_and_their_filters(site):
    await site.usual()
    for query in (
        "",
        "?state=dead",
        "?subscription=one&reason=client_error",
        "?state=delivered&limit=2",
        "?event=none",
    ):
        wanted = await site.get(f"/v1/deliveries{query}")
        page = await site.page(f"/console/deliveries{query}")
        assert [row[0] for row in page.rows()] == [str(one["id"]) for one in wanted["deliveries"]], query
        assert bool(page.all("a", rel="next")) is (wanted["next"] is not None)
    page = await site.page("/console/deliveries?subscription=api%3Aharbor%2F3&limit=2")
    (older,) = [one.attributes["href"] for one in page.all("a", rel="next")]
    assert [row[1] for row in (await site.page(older)).rows()] == ["api:harbor/3"]
    assert [one.text for one in page.all("option", selected="")] == ["api:harbor/3"]


async def test_a_delivery_shows_what_was_sent_and_answered_and_hides_what_is_secret(site):
    site.answer = b'{"error": "no such tag"}'
    await site.usual()
    number = (await site.get("/v1/deliveries?subscription=one&limit=1"))["deliveries"][0]["id"]
    page = await site.page(f"/console/deliveries/{number}")
    assert page.title == f"Delivery {number} dead"
    assert page.facts()["Last result"] == "client_error 400: answered 400"
    asked, answered = page.all("pre")[1], page.all("pre")[0]
    assert answered.text == '{"error": "no such tag"}'
    lines = asked.text.splitlines()
    assert lines[0] == "POST https://receiver.example/..."
    assert {"Host: receiver.example", "Authorization: <secret>", "webhook-signature: <signature>"} <= set(lines)
    sent = next(one for one in site.sender.requests if dict(one.headers)["webhook-id"] in asked.text)
    assert json.loads(page.all("pre")[2].text) == json.loads(sent.body)
    assert "\n  " in page.all("pre")[2].text
    assert f"Download the exact {len(sent.body)} bytes" in page.text


async def test_the_exact_bytes_are_there_to_be_saved_and_never_shown(site):
    await site.usual()
    number = (await site.get("/v1/deliveries?subscription=one&limit=1"))["deliveries"][0]["id"]
    identity = (await site.get(f"/v1/deliveries/{number}"))["webhookId"]
    (sent,) = [one.body for one in site.sender.requests if dict(one.headers)["webhook-id"] == identity]
    item = (await site.get("/v1/quarantine?reason=unreadable"))["items"][0]["id"]
    for path, bytes_ in (
        (f"/console/deliveries/{number}/body", sent),
        (f"/console/quarantine/{item}/body", b"\xff unreadable"),
    ):
        answer, body = await site.ask(path)
        assert body == bytes_
        assert answer.headers["Content-Type"] == "application/octet-stream"
        assert answer.headers["Content-Disposition"].startswith("attachment; ")
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["Content-Security-Policy"].startswith("sandbox; default-src 'none'")


async def test_what_is_undelivered(site):
    await site.usual()
    page = await site.page("/console/undelivered")
    rows = page.rows()
    assert rows[0] == ["one", "active", "0", "3", "0", NOTHING, "never", "3"]
    assert [(row[1], row[2]) for row in rows[1:]] == [("one", "dead")] * 3
    assert "Nothing is undelivered." not in page.text
    assert len((await site.page("/console/undelivered?subscription=two")).rows()) == 1


async def test_nothing_undelivered_is_said_so(site):
    assert "Nothing is undelivered." in (await site.page("/console/undelivered")).text


# --- subscriptions, quarantine, walks --------------------------------------------------------------------------------


async def test_a_subscription_with_its_newest_deliveries(site):
    await site.usual()
    page = await site.page("/console/subscriptions/one")
    facts = page.facts()
    assert (facts["State"], facts["Dead"], facts["Failures in a row"]) == ("active", "3", "3")
    assert facts["Destination"] == "https://receiver.example in format harbor"
    assert [row[1] for row in page.rows()] == ["dead"] * 3
    page = await site.page("/console/subscriptions/api%3Aharbor%2F3")
    assert page.title == "Subscription api:harbor/3"
    assert "There is no subscription three." in (await site.page("/console/subscriptions/three", 404)).text


async def test_a_subscription_that_was_made_through_the_api_is_shown_as_what_it_was_made(site):
    asked = {"name": "mine", "namespace": "prj", "format": "harbor", "url": "http://receiver.example/x"}
    answer, body = await site.ask("/v1/subscriptions", "POST", json=asked)
    assert answer.status == 201, body
    lane = msgspec.json.decode(body)["lanes"][0]["name"]
    page = await site.page("/")
    assert f"{lane} harbor, made as mine" in [row[0] for row in page.rows()]
    (link,) = [one.attributes["href"] for one in page.all("a") if one.text == lane]
    page = await site.page(link)
    assert page.title == f"Subscription {lane}"
    assert page.facts()["Made"] == "through the API native as mine, for namespace prj"
    assert (await site.page("/console/subscriptions/one")).facts()["Made"] == "in the configuration file"


async def test_quarantine_and_its_items(site):
    await site.usual()
    page = await site.page("/console/quarantine")
    assert [row[2] for row in page.rows()] == ["unknown_registry", "unreadable"]
    number = page.rows()[1][0]
    item = await site.page(f"/console/quarantine/{number}")
    assert item.facts()["Registry"] == "main"
    assert "/yB1bnJlYWRhYmxl" in item.text
    assert "It is no text" in item.text
    assert len((await site.page("/console/quarantine?reason=unreadable")).rows()) == 1
    assert "Nothing like that is in quarantine." in (await site.page("/console/quarantine?registry=none")).text


async def test_a_long_body_is_shown_in_part_and_saved_whole(site):
    await site.house.intake.accept("main", b"[" * 300_000)
    (number,) = [row[0] for row in (await site.page("/console/quarantine")).rows()]
    page = await site.page(f"/console/quarantine/{number}")
    assert page.all("pre")[0].text == "[" * 65536
    assert "Only the head is shown" in page.text
    assert len((await site.ask(f"/console/quarantine/{number}/body"))[1]) == 300_000


async def test_a_held_walk_is_told_with_the_way_out(site):
    held = Walk(
        registry="main", cause=Cause.SCHEDULE, state=WalkState.HELD, started=1, ended=2, changes=600, why="too much"
    )
    await site.walks.views()
    site.walks._tracks["main"].held = held
    page = await site.page("/console/walks")
    assert "A walk is held: too much. Nothing was announced." in page.text
    assert "registry-sidecar reconcile main --accept" in page.text
    assert page.rows()[0][:3] == ["held", "held", "schedule"]
    assert "the walk of registry main is held: too much" in (await site.page("/")).text


# --- what holds for every page ---------------------------------------------------------------------------------------

HOSTILE = (
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(2)>',
    "'onmouseover='alert(3)",
    "</pre></textarea><svg/onload=alert(4)>",
    "{{ 7 * 7 }}{% raw %}",
    "javascript:alert(5)",
    "a\u202egnp.exe\x00\x1b[31m\u2066",
    "&lt;b&gt;&#60;i&#62;",
    "../../v1/status?x=#y%2F",
)
ELEMENTS = {
    *("html", "head", "meta", "title", "link", "body", "header", "nav", "main", "footer", "section", "article", "div"),
    *("h1", "h2", "h3", "p", "a", "ul", "ol", "li", "dl", "dt", "dd", "table", "thead", "tbody", "tr", "th", "td"),
    *("form", "label", "input", "select", "option", "button", "details", "summary", "pre", "code", "span", "small"),
    *("strong", "time", "br"),
}
ATTRIBUTES = {
    *(
        "lang",
        "charset",
        "name",
        "content",
        "http-equiv",
        "rel",
        "href",
        "class",
        "id",
        "aria-label",
        "aria-labelledby",
    ),
    *(
        "aria-current",
        "role",
        "tabindex",
        "scope",
        "colspan",
        "method",
        "action",
        "type",
        "value",
        "placeholder",
        "for",
    ),
    *("autocomplete", "spellcheck", "selected", "open", "datetime", "title", "download"),
}


async def hostile(site):
    """Everything that comes from outside is as bad as it can be."""
    site.answer = "".join(HOSTILE).encode() + b"\xff"
    records = [
        push(f"r{number}{one}", one, repository=f"evil/{one}", actor=one, agent=one, of=number, request=one)
        for number, one in enumerate(HOSTILE)
    ]
    await site.tell(*records)
    await site.tell(delete("gone", 0, repository=f"evil/{HOSTILE[0]}"))
    for one in HOSTILE:
        await site.house.intake.unknown_registry(one, envelope(push("q", one)), one)
    await site.house.intake.accept("main", "".join(HOSTILE).encode(), HOSTILE[1])


async def test_whatever_comes_from_outside_is_text_and_nothing_else(site):
    """On every page that can be reached: no element, attribute or link but our own; what is bad is readable."""
    await hostile(site)
    site.status["config"] = {"source": HOSTILE[0], "error": HOSTILE[1]}
    site.status["unready"], site.status["ready"] = [HOSTILE[3]], False
    pages = await site.crawl()
    assert len(pages) > 60
    words = ""
    for path, (answer, body) in pages.items():
        assert answer.status == 200, path
        if answer.content_type != "text/html":
            continue
        page = Page(body.decode())
        assert {one.tag for one in page.elements} <= ELEMENTS, path
        assert {name for one in page.elements for name in one.attributes} <= ATTRIBUTES, path
        for one in page.elements:
            for name in ("href", "action"):
                target = one.attributes.get(name, "/")
                assert target.startswith(("/", "#")), (path, target)
                assert not target.startswith("//"), (path, target)
        assert not {"\u202e", "\u2066", "\x00", "\x1b"} & set(page.source), path
        words += page.text
    for one in HOSTILE:
        readable = "".join(each if each.isprintable() else "\N{REPLACEMENT CHARACTER}" for each in one)
        assert readable in words, one


async def test_every_page_has_the_headers_that_keep_others_out(site):
    await site.usual()
    pages = await site.crawl()
    pages["/console/nothing"] = await site.ask("/console/nothing")
    pages["/console/events?limit=0"] = await site.ask("/console/events?limit=0")
    for path, (answer, _) in pages.items():
        for name, value in HEADERS.items():
            if answer.content_type == "text/html" or name != "Content-Security-Policy":
                assert answer.headers[name] == value, path
    assert HEADERS["Cache-Control"] == "no-store"
    assert HEADERS["X-Frame-Options"] == "DENY"
    policy = HEADERS["Content-Security-Policy"].split("; ")
    assert {"default-src 'none'", "style-src 'self'", "form-action 'self'", "base-uri 'none'"} <= set(policy)
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in HEADERS["Content-Security-Policy"]


async def test_no_page_holds_a_secret(site):
    await site.usual()
    pages = await site.crawl()
    shown = (await site.press("/console/subscriptions/one", "/console/subscriptions/one/test")).source
    for text in (shown, *(body.decode("utf-8", "replace") for _, body in pages.values())):
        assert not [secret for secret in SECRETS if secret in text]


async def test_every_page_can_be_read_without_eyes(site):
    """Labels for fields, heads for columns and rows, one first heading, a title, names for what scrolls."""
    await site.usual()
    titles = {}
    for path, (answer, body) in (await site.crawl()).items():
        if answer.content_type != "text/html":
            continue
        page = Page(body.decode())
        assert page.all("html")[0].attributes["lang"] == "en"
        assert len(page.all("h1")) == len(page.all("main")) == 1, path
        titles[path] = page.all("title")[0].text
        identities = [one.attributes["id"] for one in page.elements if "id" in one.attributes]
        assert len(identities) == len(set(identities)), path
        labels = {one.attributes["for"] for one in page.all("label")}
        for one in page.elements:
            if one.tag in {"input", "select"} and one.attributes.get("type") != "hidden":
                assert one.attributes["id"] in labels, path
            if one.tag == "th":
                assert one.attributes["scope"] in {"col", "row"}, path
            if "tabindex" in one.attributes:
                assert one.attributes["aria-label"], path
            if "aria-labelledby" in one.attributes:
                assert one.attributes["aria-labelledby"] in identities, path
        levels = [int(one.tag[1]) for one in page.elements if one.tag in {"h1", "h2", "h3"}]
        assert all(after <= before + 1 for before, after in itertools.pairwise(levels)), path
    assert all(titles.values())


async def test_the_style_sheet_may_be_kept_because_its_name_changes_with_it(site):
    page = await site.page("/")
    (link,) = page.all("link")
    answer, body = await site.ask(link.attributes["href"])
    assert (answer.status, answer.headers["Content-Type"]) == (200, "text/css; charset=utf-8")
    assert "immutable" in answer.headers["Cache-Control"]
    assert b"url(" not in body
    assert b"@import" not in body
    assert (await site.ask("/console/style-000000000000.css"))[0].status == 404


@pytest.mark.parametrize(
    ("path", "status", "sentence"),
    [
        ("/console/events/none", 404, "There is no event none; it may be older than retention keeps events."),
        ("/console/deliveries/7", 404, "There is no delivery 7; it may be older than retention keeps deliveries."),
        ("/console/deliveries/x", 400, "'x' is not a number."),
        ("/console/quarantine/9", 404, "There is no quarantined item 9; it may have been retried or deleted."),
        ("/console/events?limit=0", 400, "Limit must be a number from 1 to 500."),
        ("/console/events?since=noon", 400, "Since must be an RFC 3339 time such as 2026-11-22T08:00:00Z."),
        ("/console/deliveries?state=gone", 400, "Unknown state 'gone'; known: due, delivered, dead, cancelled."),
        ("/console/events/%ED%B3%BF", 404, "There is no event "),
        ("/console/subscriptions/%ED%B3%BF%00", 404, "There is no subscription "),
        ("/console/deliveries/%C2%B2", 400, "is not a number."),
        ("/console/%3Cb%3E", 404, "There is no page /console/<b>."),
        ("/?x=1", 400, "Unknown query parameter 'x'; known: before, limit, refresh."),
    ],
)
async def test_what_cannot_be_shown_is_said_on_a_page(site, path, status, sentence):
    page = await site.page(path, status)
    assert page.title == str(status)
    assert sentence in page.text
    assert "/" in page.links()


async def test_the_console_is_behind_the_door_of_the_api(site):
    for path in ("/", "/console/events", "/console", "/console/style-x.css"):
        request = f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode()
        assert (await exchange(site.open_port, request))[0] == 403, path
        assert (await exchange(site.port, request.replace(b"localhost", b"evil.example")))[0] == 403, path
        forwarded = request.replace(b"\r\n\r\n", b"\r\nX-Forwarded-For: 192.0.2.1\r\n\r\n")
        assert (await exchange(site.port, forwarded))[0] == 403, path
    answer, _ = await site.ask("/console")
    assert (answer.status, answer.headers["Location"]) == (308, "/")


# --- in the process --------------------------------------------------------------------------------------------------

LOOK = """
import asyncio, sys
from pathlib import Path
import aiohttp
from sidecar.app import App
from sidecar.config.loading import load

HEAVY = ("jinja2", "markupsafe")

async def main():
    app = App(load(Path(sys.argv[1]), {}))
    await app.start()
    async with aiohttp.ClientSession() as session:
        root = f"http://127.0.0.1:{app.management_ports[0]}"
        while app.unready():
            await asyncio.sleep(0.01)
        for path in ("/readyz", "/v1/status", "/metrics"):
            async with session.get(root + path) as answer:
                assert answer.status == 200
        print("before", [one for one in HEAVY if one in sys.modules])
        for path in ("/", "/console/events", "/console/walks"):
            async with session.get(root + path) as answer:
                assert answer.status == 200, await answer.text()
        print("after", [one for one in HEAVY if one in sys.modules])
        async with session.get(root + "/") as answer:
            print("ready" in await answer.text())
    await app.stop()

asyncio.run(main())
"""


def test_what_makes_pages_is_loaded_with_the_first_of_them(tmp_path):
    """A whole sidecar: nobody who never looks pays for the console."""
    path = tmp_path / "config.yml"
    given = {
        "ingest": {"listen": "127.0.0.1:0"},
        "management": {"listen": "127.0.0.1:0"},
        "store": f"sqlite:///{tmp_path}/sidecar.db",
        "registries": [{"name": "main", "hostname": "registry.example.com"}],
    }
    path.write_text(json.dumps(given))
    done = subprocess.run(
        [sys.executable, "-c", LOOK, str(path)], capture_output=True, text=True, cwd=ROOT, timeout=60, check=False
    )
    said = [line for line in done.stdout.splitlines() if line.startswith(("before", "after", "True"))]
    assert said == ["before []", "after ['jinja2', 'markupsafe']", "True"], done.stderr
