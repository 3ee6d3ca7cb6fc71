"""The page that the link of a mail leads to: open to anybody who has the code, and slow for who guesses."""

import hashlib
import itertools

import aiohttp.web
import pytest

from doubles import RecordingObserver
from sidecar.domain.authorized import Asking
from sidecar.pipeline.authorizing import Authorizing
from sidecar.stores.sqlite import SQLiteStore
from sidecar.web.confirmation import TRIES, ConfirmationPage
from sidecar.web.door import Door, Porter
from sidecar.web.server import Listeners
from virtual_time import VirtualClock

PATH = "authrepoemail"


class Page:
    """The page alone, on a listener that others can reach."""

    async def start(self, folder):
        self.store = SQLiteStore(folder / "sidecar.db", inline=True)
        await self.store.open()
        self.clock = VirtualClock()
        self.times = itertools.repeat(0)
        authorizing = Authorizing(
            self.store, None, self.clock, RecordingObserver(), new_code=str, public_url=lambda: ""
        )
        self.porter = Porter(lambda _visit: None)
        app = aiohttp.web.Application(middlewares=[self.porter.at(Door.CLOSED)])
        ConfirmationPage(authorizing, monotonic=lambda: next(self.times)).add_to(app)
        self.listeners = Listeners()
        (port,) = await self.listeners.serve_app(app, [("127.0.0.1", 0)], None)
        self.base = f"http://127.0.0.1:{port}"

    async def stop(self):
        await self.listeners.stop()
        self.porter.login.close()
        await self.store.close()

    async def asked(self, code_hash, email="ops@example.com"):
        asking = Asking(
            email=email, namespace="prj", repository="prj/app", person="maria", code=code_hash, at=self.clock.now()
        )
        await self.store.ask_email(asking)

    async def get(self, query, method="GET"):
        async with aiohttp.ClientSession() as session, session.request(method, f"{self.base}/{PATH}{query}") as answer:
            return answer.status, answer.headers, await answer.text()


@pytest.fixture
async def page(tmp_path):
    page = Page()
    await page.start(tmp_path)
    yield page
    await page.stop()


HASHED = hashlib.sha256(b"let-me-in").hexdigest()


async def confirmed(page):
    return bool(await page.store.confirmed_emails(["ops@example.com"], "prj", "prj/app"))


async def test_the_link_confirms_without_anybody_signing_in(page):
    await page.asked(HASHED)
    status, headers, text = await page.get("?code=let-me-in")
    assert status == 200
    assert "ops@example.com may be told of the repository prj/app from now on." in text
    assert headers["Content-Type"] == "text/html; charset=utf-8"
    assert headers["Cache-Control"] == "no-store"
    assert headers["Referrer-Policy"] == "no-referrer"
    assert "default-src 'none'" in headers["Content-Security-Policy"]
    assert await confirmed(page)
    assert (await page.get("?code=let-me-in"))[0] == 200


@pytest.mark.parametrize("query", ["", "?code=", "?code=wrong", "?code=" + "x" * 500, "?other=let-me-in", "?code=%ff"])
async def test_another_code_is_told_so_in_one_sentence(page, query):
    await page.asked(HASHED)
    status, _, text = await page.get(query)
    told = "This link is not valid, or not any more: have the address confirmed again, and follow the new link."
    assert (status, told in text) == (404, True)
    assert not await confirmed(page)


async def test_looking_whether_the_link_is_there_confirms_nothing(page):
    await page.asked(HASHED)
    assert (await page.get("?code=let-me-in", "HEAD"))[0] == 405
    assert (await page.get("?code=let-me-in", "POST"))[0] == 405
    assert not await confirmed(page)


async def test_what_stands_on_the_page_is_text(page):
    await page.asked(HASHED, "<b>@example.com")
    _, _, text = await page.get("?code=let-me-in")
    assert "&lt;b&gt;@example.com" in text


async def test_guesses_are_held_back(page):
    for _ in range(TRIES):
        assert (await page.get("?code=guess"))[0] == 404
    status, headers, text = await page.get("?code=guess")
    assert (status, headers["Retry-After"]) == (429, "30")
    assert "Too many links that are not valid were followed from your address: try again in 30 s." in text
    page.times = itertools.repeat(30_000_000_000)
    assert (await page.get("?code=guess"))[0] == 404


async def test_while_the_store_is_away_the_link_is_to_be_followed_again(page):
    await page.store.close()
    status, _, text = await page.get("?code=let-me-in")
    assert (status, "follow the link again in a moment" in text) == (503, True)
