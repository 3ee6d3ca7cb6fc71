"""The inbox as a page: what it shows, its forms, and that it is the one page for those who are no administrators."""

import pytest
from console_site import FROM_A_PAGE, Page, Site

from sidecar.domain.account import Account, Accounts
from sidecar.domain.event import stable_uuid
from sidecar.domain.glob import Globs
from sidecar.domain.inbox import Item, Owner
from sidecar.domain.instant import HOUR
from sidecar.domain.person import Person
from sidecar.domain.secret import Secret
from sidecar.pipeline.inbox import MANY

BODY = b'{"repository": "prj/app", "updated_tags": ["v1", "v2"], "evil": "<script>alert(1)</script>"}'


@pytest.fixture
async def site(tmp_path):
    site = Site(tmp_path)
    await site.start()
    yield site
    await site.stop()


async def put(site, name, owner="user/maria", *, body=BODY, content_type="application/json"):
    uuid = stable_uuid(owner, name)
    await site.store.put_item(
        Item(
            uuid=uuid,
            owner=Owner.parse(owner),
            kind=name,
            content_type=content_type,
            body=body,
            created=site.clock.now() - HOUR,
            webhook_id=f"msg_{name}",
        )
    )
    return uuid


@pytest.fixture
def users(site):
    people = (
        Person(name="root", admin=True),
        Person(name="maria", namespaces=Globs.of(["prj"])),
        Person(name="sam"),
    )
    accounts = [Account(person=one, tokens=(Secret(f"token-of-{one.name}"),)) for one in people]
    site.porter.configure(Accounts(needed=True, accounts=tuple(accounts), teams={"prj": {"dev": ("maria",)}}), "")
    return {one.name: {"Authorization": f"Bearer token-of-{one.name}"} for one in people}


async def page(site, who, path="/console/inbox", status=200):
    answer, body = await site.ask(path, headers=who)
    assert answer.status == status
    return Page(body.decode())


def link(page):
    """What the header's link to the inbox says."""
    return [one.text for one in page.all("a", href="/console/inbox") if one.text.startswith("Inbox")]


async def test_the_operator_sees_every_inbox_and_dismisses_one(site):
    await put(site, "repo_push")
    uuid = await put(site, "build_failure", "team/prj/dev", body=b"plain words", content_type="text/plain")
    shown = await site.page("/console/inbox")
    first, second = shown.rows()
    assert (first[:2], first[3]) == (["build_failure", "\N{EN DASH}"], "team/prj/dev")
    assert (second[:2], second[3]) == (["repo_push", "prj/app:v1 +1 more"], "user/maria")
    assert "1 h ago" in first[2]
    assert "plain words" in first[4]
    assert "<script>" not in shown.source
    assert link(shown) == ["Inbox (2)"]
    after = await site.press("/console/inbox", f"/console/inbox/{uuid}/dismiss")
    assert "The notification is dismissed." in after.text
    assert [row[0] for row in after.rows()] == ["repo_push"]
    assert link(await site.page("/")) == ["Inbox (1)"]
    (old, young) = (await site.page("/console/inbox?dismissed=true")).rows()
    assert (old[5], young[5]) == ("dismissed", "Dismiss")
    assert site.observer.operations[-1][:3] == ("loopback", "dismiss", 1)


async def test_all_are_dismissed_at_once(site):
    for name in "abc":
        await put(site, name)
    after = await site.press("/console/inbox", "/console/inbox/dismiss")
    assert "All notifications that were listed are dismissed." in after.text
    assert (after.rows(), link(after)) == ([], ["Inbox"])
    assert "/console/inbox/dismiss" not in after.forms()
    assert "/console/inbox/dismiss" not in (await site.page("/console/inbox?dismissed=true")).forms()


async def test_one_inbox_is_shown_without_the_form_for_all(site):
    await put(site, "a")
    await put(site, "b", "org/prj")
    shown = await site.page("/console/inbox?owner=org/prj")
    assert [row[0] for row in shown.rows()] == ["b"]
    assert "/console/inbox/dismiss" not in shown.forms()
    assert (await site.page("/console/inbox?owner=nobody", 400)).title
    assert (await site.page("/console/inbox?dismissed=no", 400)).title


async def test_notifications_come_in_pages_and_are_counted_up_to_many(site):
    for number in range(MANY + 1):
        await put(site, f"n{number}")
    shown = await site.page("/console/inbox?limit=60")
    (older,) = [one for one in shown.links() if "before=" in one]
    assert len((await site.page(older)).rows()) == MANY + 1 - 60
    assert link(shown) == [f"Inbox ({MANY}+)"]


async def test_who_is_no_administrator_has_this_page_and_no_other(site, users):
    await put(site, "mine")
    await put(site, "ours", "team/prj/dev")
    await put(site, "everybody s", "org/prj")
    await put(site, "another s", "user/sam")
    shown = await page(site, users["maria"])
    assert [row[0] for row in shown.rows()] == ["everybody s", "ours", "mine"]
    own = {one for one in shown.links() if not one.startswith(("#", "/console/inbox"))}
    assert own == set()
    (sheet,) = [one.attributes["href"] for one in shown.all("link")]
    assert (await site.ask(sheet, headers=users["maria"]))[0].status == 200
    assert (await site.ask(sheet))[0].status == 401
    refused = await page(site, users["maria"], "/console/inbox?owner=user/sam", 403)
    assert "Maria may not look into the inbox user/sam" in refused.text
    assert set(refused.links()) == {"#main", "/console/inbox"}
    assert link(await page(site, users["sam"])) == ["Inbox (1)"]
    assert "/console/events" in (await page(site, users["root"])).links()


async def test_a_form_is_for_whom_it_was_shown_and_for_that_item_alone(site, users):
    mine, other = await put(site, "mine", "team/prj/dev"), await put(site, "other")
    forms = (await page(site, users["maria"])).forms()
    form = forms[f"/console/inbox/{mine}/dismiss"]
    for uuid, who, given, status in (
        (mine, "sam", FROM_A_PAGE, 403),
        (other, "maria", FROM_A_PAGE, 403),
        (mine, "maria", {"Sec-Fetch-Site": "cross-site"}, 403),
        (mine, "maria", FROM_A_PAGE, 303),
    ):
        path = f"/console/inbox/{uuid}/dismiss"
        answer, _ = await site.ask(path, "POST", data=form, headers={**given, **users[who]})
        assert answer.status == status, (uuid, who)
    assert [one[:3] for one in site.observer.operations] == [("maria", "dismiss", 1)]


async def test_with_the_store_away_other_pages_still_have_something_to_say(site):
    await put(site, "a")
    await site.store.close()
    assert link(await site.page("/")) == ["Inbox"]
    assert (await site.page("/console/inbox", 503)).title


ODD = [
    b'{"updated_tags": null}',
    b'{"updated_tags": 7}',
    b'{"updated_tags": {"a": 1}}',
    b'{"updated_tags": "v1", "repository": ["x"]}',
    b'{"n": 123456789012345678901234567890}',
    b'"\\ud800"',
    b"null",
    b"",
    b"\xff",
]


@pytest.mark.parametrize("body", ODD)
async def test_whatever_was_told_is_shown(site, body):
    await put(site, "repo_push", body=body)
    shown = await site.page("/console/inbox")
    assert [row[0] for row in shown.rows()] == ["repo_push"]


async def test_what_is_nested_deep_makes_no_page_that_nobody_can_load(site):
    """Laid out by its levels a body of two thousand characters would be a million."""
    await put(site, "deep", body=b"[" * 900 + b"]" * 900)
    _, body = await site.ask("/console/inbox")
    assert len(body) < 300_000
