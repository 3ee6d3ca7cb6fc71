"""Quay's in-app notifications, from a push to its dismissal, through a whole sidecar and Quay's own calls.

Shapes are those of Quay 3.15: `notification_view` and its neighbours in `endpoints/api/user.py`, and dates as
`email.utils.formatdate` makes them.
"""

import asyncio
import re

import pytest
from quay_site import QuaySite, until

from sidecar.domain.inbox import Item, ItemFilter, ItemRow, Owner
from sidecar.web.vendors.quay_inbox import shown

HERE = "user/notifications"
NONE = "240662ea-597b-499d-98bb-2b57e73408d6"
SUBSCRIPTIONS = [
    {"name": name, "format": "quay", "options": {"method": "quay_notification"}, "url": url}
    for name, url in (
        ("sams", "inbox:user/sam"),
        ("teams", "inbox:team/prj/release"),
        ("everybodys", "inbox:org/prj"),
    )
]
DATE = re.compile(r"(Mon|Tue|Wed|Thu|Fri|Sat|Sun), \d\d [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d -0000")


@pytest.fixture
async def site(tmp_path):
    """Each push makes a notification for sam, one for the team that maria is in, and one for the organization."""
    site = QuaySite(tmp_path)
    await site.start(subscriptions=SUBSCRIPTIONS)
    yield site
    await site.stop()


async def pushed(site, *tags):
    for count, tag in enumerate(tags, 1):
        await site.push(tag=tag)
        async with asyncio.timeout(10):
            while len(await site.app._store.items(ItemFilter(owners=None, limit=100))) < 3 * count:
                pass


async def listed(site, who="maria", query=""):
    status, found = await site.json("GET", f"{HERE}{query}", who=who)
    assert status == 200
    assert list(found) == ["notifications", "additional"]
    return found["notifications"], found["additional"]


def row(owner, body=b"{}", **more):
    item = Item(
        uuid=NONE,
        owner=Owner.parse(owner),
        kind="repo_push",
        content_type="application/json",
        body=body,
        created=1_420_070_400_999_999_999,
        webhook_id="msg_1",
    )
    return ItemRow(number=1, item=item, dismissed=more.get("dismissed", False))


@pytest.mark.parametrize(
    ("owner", "organization"), [("user/maria", None), ("team/prj/release", None), ("org/prj", "prj")]
)
def test_a_notification_as_quay_shows_it(owner, organization):
    view = shown(row(owner, b'{"repository": "prj/app"}', dismissed=True))
    assert list(view.items()) == [
        ("id", NONE),
        ("organization", organization),
        ("kind", "repo_push"),
        ("created", "Thu, 01 Jan 2015 00:00:00 -0000"),
        ("metadata", {"repository": "prj/app"}),
        ("dismissed", True),
    ]


def test_metadata_is_an_object_whatever_was_told():
    assert shown(row("user/maria", b"[1]"))["metadata"] == {"body": [1]}
    assert shown(row("user/maria", b"plain"))["metadata"] == {"body": "plain"}


async def test_a_push_is_listed_read_and_dismissed(site):
    await pushed(site, "v1")
    (first, second), additional = await listed(site)
    assert additional is False
    assert {first["organization"], second["organization"]} == {None, "prj"}
    mine = first if first["organization"] is None else second
    assert (mine["kind"], mine["dismissed"]) == ("repo_push", False)
    assert mine["metadata"] == {
        "repository": "prj/app",
        "namespace": "prj",
        "name": "app",
        "docker_url": "registry.example.com/prj/app",
        "homepage": "https://registry.example.com/repository/prj/app",
        "updated_tags": ["v1"],
    }
    assert DATE.fullmatch(mine["created"])
    one = f"{HERE}/{mine['id']}"
    assert await site.json("GET", one) == (200, mine)
    assert await site.json("PUT", one, {"dismissed": True}) == (200, {**mine, "dismissed": True})
    assert mine["id"] not in {each["id"] for each in (await listed(site))[0]}
    assert await site.json("GET", one) == (200, {**mine, "dismissed": True})  # looked up it is still there
    assert await site.json("PUT", one, {}) == (200, mine)  # as with Quay: what is not said to be dismissed is not
    assert mine["id"] in {each["id"] for each in (await listed(site))[0]}


@pytest.mark.parametrize(
    ("target", "sees", "organization"),
    [
        ({"kind": "user", "name": "maria"}, "maria", None),
        ({"kind": "team", "name": "release"}, "maria", None),
        ({"kind": "org", "name": "other"}, "ada", "other"),
    ],
)
async def test_a_notification_that_quays_api_asked_for_reaches_whom_it_names(tmp_path, target, sees, organization):
    """The whole way: made by Quay's call, brought about by a push, listed and dismissed by Quay's calls."""
    site = QuaySite(tmp_path)
    await site.start()
    repository = "other/app" if target["kind"] == "org" else "prj/app"
    await site.push(repository, "v0")  # nobody asked yet
    await site.made(repository, method="quay_notification", config={"target": target}, who="ada")
    await site.push(repository, "v1")
    found = []
    async with asyncio.timeout(10):
        while not found:
            found, _ = await listed(site, sees)
    (one,) = found
    assert (one["organization"], one["metadata"]["updated_tags"]) == (organization, ["v1"])
    assert (await listed(site, "sam"))[0] == []
    dismissed = {**one, "dismissed": True}
    assert await site.json("PUT", f"{HERE}/{one['id']}", {"dismissed": True}, who=sees) == (200, dismissed)
    assert await listed(site, sees) == ([], False)
    await site.stop()


async def test_an_organization_s_notification_is_dismissed_for_all_who_administer_it(site):
    await pushed(site, "v1")
    (shared,) = [one for one in (await listed(site, "ada"))[0] if one["organization"] == "prj"]
    assert (await site.json("PUT", f"{HERE}/{shared['id']}", {"dismissed": True}, who="maria"))[0] == 200
    assert (await listed(site, "ada")) == ([], False)


async def test_what_is_another_s_is_not_there(site):
    await pushed(site, "v1")
    ((sams,), _) = await listed(site, "sam")
    assert sams["organization"] is None
    for uuid in (sams["id"], NONE, "x"):
        for method, body in (("GET", None), ("PUT", {"dismissed": True})):
            status, said = await site.json(method, f"{HERE}/{uuid}", body, who="maria")
            assert (status, said["error_type"], said["detail"]) == (404, "not_found", "Not Found")
    assert (await listed(site, "sam"))[0] == [sams]


async def test_pages_are_five_long_and_none_is_left_out_between_them(site):
    await pushed(site, *(f"v{number}" for number in range(6)))
    first, additional = await listed(site, "sam")
    assert ([one["metadata"]["updated_tags"] for one in first], additional) == (
        [["v5"], ["v4"], ["v3"], ["v2"], ["v1"]],
        True,
    )
    assert await listed(site, "sam", "?page=1") == (first, True)
    last, additional = await listed(site, "sam", "?page=2")
    assert ([one["metadata"]["updated_tags"] for one in last], additional) == ([["v0"]], False)
    assert await listed(site, "sam", "?page=3") == ([], False)
    assert await listed(site, "sam", "?limit=6") == ([*first, *last], False)
    assert await listed(site, "sam", "?limit=2&page=2") == (first[2:4], True)
    assert await listed(site, "sam", "?limit=0") == ([], True)


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("?page=x", {"page": "Offset page number. (int)"}),
        ("?limit=", {"limit": "Limit on the number of results (int)"}),
        ("?limit=1.5", {"limit": "Limit on the number of results (int)"}),
    ],
)
async def test_numbers_that_are_none_are_refused_as_quays_framework_does(site, query, said):
    assert await site.json("GET", f"{HERE}{query}") == (400, {"message": said})


@pytest.mark.parametrize(
    ("given", "status", "message"),
    [
        ({"raw": b"{"}, 400, "The browser (or proxy) sent a request that this server could not understand."),
        ({"raw": b"null"}, 400, "Missing JSON body"),
        ({"raw": b"[]"}, 400, "[] is not of type 'object'"),
        ({"raw": b'{"dismissed": "yes"}'}, 400, "'yes' is not of type 'boolean'"),
        ({"raw": b'{"dismissed": 1}'}, 400, "1 is not of type 'boolean'"),
    ],
)
async def test_bodies_that_quay_refuses(site, given, status, message):
    await pushed(site, "v1")
    ((sams,), _) = await listed(site, "sam")
    asked = await site.json(
        "PUT", f"{HERE}/{sams['id']}", who="sam", headers={"Content-Type": "application/json"}, **given
    )
    assert (asked[0], asked[1].get("message") or asked[1]["detail"]) == (status, message)


async def test_nobody_is_told_so(site):
    for method, path in (("GET", HERE), ("GET", f"{HERE}/{NONE}"), ("PUT", f"{HERE}/{NONE}")):
        status, said = await site.json(method, path, who="nobody")
        assert (status, said["error_type"]) == (401, "invalid_token")
    assert (await site.ask("POST", HERE))[0] == 405
    assert (await site.ask("DELETE", f"{HERE}/{NONE}"))[0] == 405


async def test_inboxes_outlive_a_restart_and_are_counted(site):
    await pushed(site, "v1")
    before = await listed(site, "sam")
    app = site.app
    await app._gauges.measure()
    assert b"registry_sidecar_inbox_open 3.0" in app._metrics.render()[0]
    await site.stop()
    await site.start(subscriptions=SUBSCRIPTIONS)
    await until(lambda: not site.app.unready())
    assert await listed(site, "sam") == before
