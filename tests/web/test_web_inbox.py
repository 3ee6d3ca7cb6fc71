"""Inboxes over the native API: what is shown of an item, pages, and what is refused.

Who sees which inbox is `tests/pipeline/test_inbox_verbs.py`.
"""

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from doubles import RecordingObserver
from sidecar.domain.account import Account, Accounts
from sidecar.domain.event import stable_uuid
from sidecar.domain.inbox import Item, Owner
from sidecar.domain.person import Person
from sidecar.pipeline.inbox import Inbox
from sidecar.stores.sqlite import SQLiteStore
from sidecar.web.errors import as_problems
from sidecar.web.exchange import PERSON
from sidecar.web.inbox import InboxRoutes
from virtual_time import VirtualClock

MARIA = Person(name="maria")
ACCOUNTS = Accounts(
    needed=True, accounts=(Account(person=MARIA),), teams={"prj": {"dev": ("maria",), "ops": ()}, "x": {}}
)
AT = 1_795_219_200_000_000_000


class Site:
    """The routes alone, asked by maria."""

    async def start(self, path):
        self.store = SQLiteStore(path, inline=True)
        await self.store.open()
        inbox = Inbox(self.store, VirtualClock(), RecordingObserver(), lambda: ACCOUNTS)

        @web.middleware
        async def as_maria(request, handler):
            request[PERSON] = MARIA
            return await handler(request)

        app = web.Application(middlewares=[as_maria, as_problems])
        InboxRoutes(inbox).add_to(app)
        self.client = TestClient(TestServer(app))
        await self.client.start_server()

    async def stop(self):
        await self.client.close()
        await self.store.close()

    async def put(
        self, name, owner="user/maria", *, body=b'{"repository": "prj/app"}', content_type="application/json"
    ):
        uuid = stable_uuid(owner, name)
        await self.store.put_item(
            Item(
                uuid=uuid,
                owner=Owner.parse(owner),
                kind=name,
                content_type=content_type,
                body=body,
                created=AT,
                webhook_id=f"msg_{name}",
            )
        )
        return uuid

    async def ask(self, method, path, body=None):
        async with self.client.request(method, path, json=body) as answer:
            return answer.status, await answer.json(content_type=None)

    async def kinds(self, query=""):
        status, found = await self.ask("GET", f"/v1/inbox{query}")
        assert status == 200
        return [one["kind"] for one in found["items"]]


@pytest.fixture
async def site(tmp_path):
    site = Site()
    await site.start(tmp_path / "sidecar.db")
    yield site
    await site.stop()


async def test_what_is_shown_of_a_notification(site):
    uuid = await site.put("repo_push", "team/prj/dev")
    assert await site.ask("GET", "/v1/inbox") == (
        200,
        {
            "items": [
                {
                    "id": uuid,
                    "owner": "team/prj/dev",
                    "kind": "repo_push",
                    "created": "2026-11-21T00:00:00Z",
                    "dismissed": False,
                    "contentType": "application/json",
                    "body": {"repository": "prj/app"},
                    "webhookId": "msg_repo_push",
                }
            ],
            "next": None,
        },
    )


@pytest.mark.parametrize(
    ("content_type", "body", "shown"),
    [
        ("application/cloudevents+json; charset=utf-8", b'[1, "x"]', [1, "x"]),
        ("text/plain", b'{"a": 1}', '{"a": 1}'),
        ("application/json", b"{broken", "{broken"),
        ("application/json", b'{"a": "\xff"}', '{"a": "\N{REPLACEMENT CHARACTER}"}'),
        ("application/octet-stream", b"\xff\x00", "\N{REPLACEMENT CHARACTER}\x00"),
    ],
)
async def test_a_body_that_is_json_is_shown_as_such_and_any_other_as_text(site, content_type, body, shown):
    await site.put("a", body=body, content_type=content_type)
    _, found = await site.ask("GET", "/v1/inbox")
    assert [one["body"] for one in found["items"]] == [shown]


async def test_lists_come_in_pages_and_by_inbox(site):
    for name in "abc":
        await site.put(name)
    await site.put("d", "team/prj/dev")
    assert await site.kinds() == ["d", "c", "b", "a"]
    assert await site.kinds("?owner=user/maria") == ["c", "b", "a"]
    assert await site.kinds("?owner=team%2Fprj%2Fdev") == ["d"]
    status, page = await site.ask("GET", "/v1/inbox?limit=3")
    assert ([one["kind"] for one in page["items"]], status) == (["d", "c", "b"], 200)
    assert await site.kinds(f"?limit=3&before={page['next']}") == ["a"]


async def test_one_is_dismissed_and_stays_among_the_dismissed(site):
    uuid = await site.put("a")
    await site.put("b")
    status, item = await site.ask("POST", f"/v1/inbox/{uuid}/dismiss")
    assert (status, item["kind"], item["dismissed"]) == (200, "a", True)
    assert await site.kinds() == ["b"]
    assert await site.kinds("?dismissed=true") == ["b", "a"]
    assert (await site.ask("POST", f"/v1/inbox/{uuid}/dismiss"))[0] == 200  # as it was


async def test_all_are_dismissed_or_those_of_one_inbox(site):
    for name in "ab":
        await site.put(name)
        await site.put(name, "team/prj/dev")
    assert await site.ask("POST", "/v1/inbox/dismiss", {"owner": "team/prj/dev"}) == (200, {"dismissed": 2})
    assert await site.ask("POST", "/v1/inbox/dismiss") == (200, {"dismissed": 2})
    assert await site.ask("POST", "/v1/inbox/dismiss", {}) == (200, {"dismissed": 0})
    assert await site.kinds() == []


async def test_the_dismissal_of_all_is_no_item_called_dismiss(site):
    assert (await site.ask("POST", "/v1/inbox/dismiss"))[1] == {"dismissed": 0}
    status, said = await site.ask("POST", "/v1/inbox/dismiss/dismiss")
    assert (status, said["detail"]) == (404, "There is no notification dismiss.")


@pytest.mark.parametrize(
    ("asked", "status", "sentence"),
    [
        (("GET", "?owner=maria", None), 400, "Owner must be user/NAME, team/NAMESPACE/TEAM or org/NAMESPACE."),
        (("GET", "?dismissed=yes", None), 400, "Dismissed must be true or false."),
        (("GET", "?limit=0", None), 400, "Limit must be a number from 1 to 500."),
        (("GET", "?who=x", None), 400, "Unknown query parameter 'who'; known: before, dismissed, limit, owner."),
        (("GET", "?owner=user/sam", None), 403, "Maria may not look into the inbox user/sam."),
        (("GET", "?owner=team/prj/ops", None), 403, "Maria may not look into the inbox team/prj/ops."),
        (("POST", "/dismiss", {"owner": "org/prj"}), 403, "Maria may not look into the inbox org/prj."),
        (
            ("POST", "/dismiss", {"owner": "a/b/c/d"}),
            400,
            "Owner must be user/NAME, team/NAMESPACE/TEAM or org/NAMESPACE.",
        ),
        (("POST", "/dismiss", {"all": True}), 400, "The body does not fit: Object contains unknown field `all`."),
        (("POST", "/none/dismiss", None), 404, "There is no notification none."),
    ],
)
async def test_what_is_refused_and_how(site, asked, status, sentence):
    method, path, body = asked
    given, said = await site.ask(method, f"/v1/inbox{path}", body)
    assert (given, said["detail"].lower()) == (status, sentence.lower())


async def test_a_body_that_is_nested_as_deep_as_can_be_read_spoils_no_list(site):
    """What reads JSON and what writes it give up at about the same depth; an answer is a few levels deeper."""
    for depth in range(800, 1001):
        await site.put(f"deep{depth}", body=b"[" * depth + b"]" * depth)
    assert len(await site.kinds("?limit=500")) == 201
