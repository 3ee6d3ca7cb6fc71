"""Who sees which inbox, and what dismissing does for whom."""

import pytest

from doubles import RecordingObserver
from sidecar.domain.account import Account, Accounts
from sidecar.domain.errors import Forbidden, NotFound
from sidecar.domain.glob import Globs
from sidecar.domain.inbox import Item, Owner
from sidecar.domain.person import Person
from sidecar.pipeline.inbox import MANY, STEP, Inbox
from sidecar.stores.sqlite import SQLiteStore
from virtual_time import VirtualClock

MARIA = Person(name="maria", namespaces=Globs.of(["prj"]))
SAM = Person(name="sam")
ADA = Person(name="ada", admin=True)
OPERATOR = Person(name="socket", admin=True)  # whoever opens the socket: no user of the configuration


class Desk:
    """Inboxes over a real store; `accounts` may change, as a reload changes them."""

    def __init__(self, path):
        self.store = SQLiteStore(path, inline=True)
        self.observer = RecordingObserver()
        self.accounts = Accounts(
            needed=True,
            accounts=tuple(Account(person=one) for one in (MARIA, SAM, ADA)),
            teams={"prj": {"dev": ("maria", "sam")}, "other": {"dev": ("sam",)}},
        )
        self.inbox = Inbox(self.store, VirtualClock(), self.observer, lambda: self.accounts)

    async def put(self, *addresses):
        """One item in each of these inboxes, named as the inbox."""
        for number, address in enumerate(addresses):
            item = Item(
                uuid=address if addresses.count(address) == 1 else f"{address}#{number}",
                owner=Owner.parse(address),
                kind="repo_push",
                content_type="application/json",
                body=b"{}",
                created=number,
                webhook_id=f"msg_{number}",
            )
            await self.store.put_item(item)

    async def sees(self, person, owner="", **given):
        found = await self.inbox.list(person, Owner.parse(owner) if owner else None, **given)
        return [one.item.uuid for one in reversed(found)]


@pytest.fixture
async def desk(path):
    desk = Desk(path)
    await desk.store.open()
    yield desk
    await desk.store.close()


ALL = ("user/maria", "user/sam", "team/prj/dev", "team/other/dev", "org/prj", "org/other", "user/gone")


@pytest.mark.parametrize(
    ("person", "seen"),
    [
        (MARIA, ["user/maria", "team/prj/dev", "org/prj"]),
        (SAM, ["user/sam", "team/prj/dev", "team/other/dev"]),
        (ADA, ["org/prj", "org/other"]),  # an administrator manages every namespace, and is in no team
        (OPERATOR, list(ALL)),
    ],
)
async def test_what_is_somebody_s_own(desk, person, seen):
    await desk.put(*ALL)
    assert await desk.sees(person) == seen
    assert await desk.inbox.count(person) == len(seen)
    for uuid in ALL:
        if person.admin or uuid in seen:
            assert (await desk.inbox.get(person, uuid)).item.uuid == uuid
            assert await desk.sees(person, uuid) == [uuid]
        else:
            with pytest.raises(NotFound, match=f"^there is no notification {uuid}$"):
                await desk.inbox.get(person, uuid)
            with pytest.raises(NotFound):
                await desk.inbox.dismiss(person, uuid)
            for asked in (desk.sees(person, uuid), desk.inbox.dismiss_all(person, Owner.parse(uuid))):
                with pytest.raises(Forbidden, match=f"^{person.name} may not look into the inbox {uuid}$"):
                    await asked


async def test_there_is_nothing_where_nothing_is(desk):
    with pytest.raises(NotFound):
        await desk.inbox.get(ADA, "none")
    assert await desk.sees(ADA, "user/never-heard-of") == []
    assert await desk.inbox.dismiss_all(MARIA) == 0
    assert desk.observer.operations == []


async def test_a_team_is_who_is_in_it_now(desk):
    await desk.put("team/prj/dev", "team/other/dev")
    desk.accounts = Accounts(needed=True, accounts=desk.accounts.accounts, teams={"other": {"dev": ("maria",)}})
    assert await desk.sees(MARIA) == ["team/other/dev"]
    assert await desk.sees(SAM) == []


async def test_an_item_of_a_team_is_dismissed_by_each_for_themselves(desk):
    """Quay gives each member a notification of their own."""
    await desk.put("team/prj/dev")
    row = await desk.inbox.dismiss(MARIA, "team/prj/dev")
    assert row.dismissed
    assert (await desk.sees(MARIA), await desk.sees(MARIA, dismissed=True)) == ([], ["team/prj/dev"])
    assert await desk.sees(SAM) == ["team/prj/dev"]
    assert not (await desk.inbox.dismiss(MARIA, "team/prj/dev", dismissed=False)).dismissed
    assert await desk.sees(MARIA) == ["team/prj/dev"]


async def test_an_item_of_a_namespace_is_shared_by_who_administers_it(desk):
    """Quay has one notification for an organization: whoever dismisses it dismisses it for all."""
    await desk.put("org/prj")
    assert (await desk.inbox.dismiss(MARIA, "org/prj")).dismissed
    assert await desk.sees(ADA) == await desk.sees(MARIA) == []
    assert not (await desk.inbox.dismiss(ADA, "org/prj", dismissed=False)).dismissed
    assert await desk.sees(MARIA) == ["org/prj"]


@pytest.mark.parametrize("admin", [ADA, OPERATOR])
async def test_what_an_administrator_dismisses_of_others_is_dismissed_for_everybody(desk, admin):
    await desk.put("user/maria", "team/prj/dev")
    await desk.inbox.dismiss(admin, "user/maria")
    await desk.inbox.dismiss(admin, "team/prj/dev")
    assert await desk.sees(MARIA) == await desk.sees(SAM) == []


async def test_dismissing_all_is_of_what_is_listed_and_done_in_steps(desk):
    count = 2 * STEP + 5
    await desk.put(*["user/maria"] * count, *["team/prj/dev"] * 3, "user/sam", "org/prj")
    assert await desk.inbox.count(MARIA) == MANY
    assert await desk.inbox.dismiss_all(MARIA, Owner.parse("org/prj")) == 1
    assert await desk.inbox.dismiss_all(MARIA) == count + 3
    assert await desk.sees(MARIA) == []
    assert len(await desk.sees(SAM)) == 4
    assert desk.observer.operations == [
        ("maria", "dismiss", 1, "owner=org/prj"),
        ("maria", "dismiss", count + 3, "owner=*"),
    ]


async def test_dismissing_twice_is_told_once(desk):
    await desk.put("user/maria")
    for _ in range(2):
        assert (await desk.inbox.dismiss(MARIA, "user/maria")).dismissed
    assert desk.observer.operations == [("maria", "dismiss", 1, "notification=user/maria dismissed=true")]


async def test_a_user_who_is_called_as_a_door_has_their_own(desk):
    """Only who is no user at all is the operator."""
    socket = Person(name="socket", admin=True)
    desk.accounts = Accounts(needed=True, accounts=(Account(person=socket),))
    await desk.put("user/maria", "user/socket")
    assert await desk.sees(socket) == ["user/socket"]
