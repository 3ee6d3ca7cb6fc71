"""Addresses of mail are confirmed before anything is sent there: who may ask, what is mailed, and what is refused."""

import itertools

import pytest

from doubles import RecordingObserver
from made_house import ADA, MIA, MadeHouse, draft
from sidecar.domain.delivery import Outcome, Reason
from sidecar.domain.errors import Conflict, Forbidden, TooSoon, Unauthenticated, Unusable
from sidecar.domain.instant import SECOND
from sidecar.domain.person import ANONYMOUS
from sidecar.pipeline.authorizing import Authorizing
from sidecar.stores.sqlite import SQLiteStore

OPS = "ops@example.com"
REFUSED = (
    "url names ops@example.com, not confirmed for prj/app: have it confirmed by POST "
    "/api/v1/repository/<repository>/authorizedemail/<email>, or ask an administrator"
)


class Post:
    """ports.Mail that keeps what it is given."""

    def __init__(self):
        self.ready = True
        self.sent = []
        self.outcome = Outcome(reason=Reason.OK)

    async def send(self, to, subject, text, html=""):
        self.sent.append((to, subject, text, html))
        return self.outcome


class Hands:
    """A clock that stands where it is put."""

    time = 1_795_219_200 * SECOND

    def now(self):
        return self.time


class Desk:
    """The verbs over a real store."""

    def __init__(self, store):
        self.post, self.clock, self.observer = Post(), Hands(), RecordingObserver()
        self.public_url = "https://sidecar.example.com"
        codes = (f"code-{number}" for number in itertools.count(1))
        self.verbs = Authorizing(
            store,
            self.post,
            self.clock,
            self.observer,
            new_code=lambda: next(codes),
            public_url=lambda: self.public_url,
        )

    async def ask(self, email=OPS, person=MIA, repository="prj/app"):
        return await self.verbs.ask(person, repository.partition("/")[0], repository, email)


@pytest.fixture
async def desk(tmp_path):
    store = SQLiteStore(tmp_path / "sidecar.db", inline=True)
    await store.open()
    yield Desk(store)
    await store.close()


async def test_the_mail_leads_to_the_page_that_confirms(desk):
    asked = await desk.ask("Ops@EXAMPLE.com")
    assert (asked.email, asked.confirmed) == ("Ops@example.com", False)
    ((to, subject, text, html),) = desk.post.sent
    assert to == "Ops@example.com"
    assert subject == "Please verify your e-mail address for repository prj/app"
    link = "https://sidecar.example.com/authrepoemail?code=code-1"
    assert f"\n{link}\n" in text
    assert f'<a href="{link}">' in html
    assert not await desk.verbs.confirmed("prj", "prj/app", "Ops@example.com")
    assert (await desk.verbs.confirm("code-1")).confirmed
    assert await desk.verbs.confirmed("prj", "prj/app", "Ops@Example.com")
    assert await desk.verbs.confirmed("prj", "", "Ops@example.com")
    assert (await desk.verbs.look(MIA, "prj", "prj/app", "Ops@example.com")).confirmed
    assert (await desk.ask("Ops@example.com")).confirmed
    assert len(desk.post.sent) == 1


async def test_the_code_is_not_kept_in_clear_and_told_to_no_log(desk, tmp_path):
    await desk.ask()
    await desk.verbs.confirm("code-1")
    written = b"".join(path.read_bytes() for path in tmp_path.iterdir() if path.name.startswith("sidecar.db"))
    assert OPS.encode() in written
    assert b"code-1" not in written
    assert "code-1" not in repr(desk.observer.operations)
    assert OPS not in repr(desk.observer.operations)


@pytest.mark.parametrize("code", ["", "code-2", "x" * 200, "\ud800"])
async def test_another_code_confirms_nothing(desk, code):
    await desk.ask()
    assert await desk.verbs.confirm(code) is None
    assert not await desk.verbs.confirmed("prj", "prj/app", OPS)


async def test_only_those_may_ask_who_manage_the_namespace(desk):
    with pytest.raises(Unauthenticated):
        await desk.ask(person=ANONYMOUS)
    with pytest.raises(Forbidden):
        await desk.ask(repository="other/app")
    with pytest.raises(Forbidden):
        await desk.verbs.look(MIA, "other", "other/app", OPS)
    assert desk.post.sent == []
    await desk.ask(person=ADA, repository="other/app")


@pytest.mark.parametrize("email", ["", "ops", "a@b@c", "a b@example.com", "a\nb@example.com", "@example.com"])
async def test_what_is_no_address_is_refused(desk, email):
    with pytest.raises(Unusable, match="the e-mail address must"):
        await desk.ask(email)
    assert await desk.verbs.look(MIA, "prj", "prj/app", email) is None
    assert not await desk.verbs.confirmed("prj", "prj/app", email)


async def test_what_mail_needs_is_told(desk):
    desk.post.ready = False
    with pytest.raises(Conflict, match="add `mail` to the configuration"):
        await desk.ask()
    desk.public_url = ""
    with pytest.raises(Conflict, match=r"set management\.public_url in the configuration"):
        await desk.ask()
    assert desk.post.sent == []


async def test_nobody_is_flooded(desk):
    await desk.ask()
    with pytest.raises(TooSoon):
        await desk.ask(person=ADA, repository="other/app")
    assert len(desk.post.sent) == 1
    desk.clock.time += 600 * SECOND
    await desk.ask()
    assert [text.count("code-3") for _, _, text, _ in desk.post.sent] == [0, 1]


async def test_a_mail_that_is_not_taken_is_told(desk):
    desk.post.outcome = Outcome(reason=Reason.CLIENT_ERROR, detail="mail.example.com answered 550")
    with pytest.raises(
        Conflict, match=r"^the mail to ops@example.com could not be sent: mail.example.com answered 550$"
    ):
        await desk.ask()


# --- subscriptions of people who need not be trusted ------------------------------------------------------------------


@pytest.fixture
async def house(tmp_path):
    house = MadeHouse(tmp_path, mail={"server": "smtp://127.0.0.1:25", "from": "registry@example.com"})
    await house.start()
    yield house
    await house.stop()


def mailing(url=f"mailto:{OPS}", **more):
    given = {"format": "quay", "options": {"method": "email"}, "url": url, "events": ["repo_push"]}
    return draft(**{"targets": [given], "repository": "prj/app", **more})


def inboxed(url, **more):
    given = {"format": "quay", "options": {"method": "quay_notification"}, "url": url, "events": ["repo_push"]}
    return draft(targets=[given], **{"repository": "prj/app", **more})


async def confirm(house, email=OPS, repository="prj/app"):
    desk = Desk(house.store)
    await desk.ask(email, repository=repository)
    assert (await desk.verbs.confirm("code-1")).confirmed


async def test_mail_goes_to_confirmed_addresses_alone_unless_an_administrator_says_so(house):
    with pytest.raises(Unusable) as caught:
        await house.subscribing.create(MIA, mailing())
    assert [(one.path, one.sentence) for one in caught.value.problems] == [("url", REFUSED)]
    with pytest.raises(Unusable):
        await house.subscribing.test(MIA, mailing(), "repo_push")
    assert house.sender.requests == []
    await house.subscribing.create(ADA, mailing(key="hers"))
    await confirm(house)
    made = await house.subscribing.create(MIA, mailing())
    with pytest.raises(Unusable, match=r"url names dev@example.com, not confirmed for prj/app"):
        await house.subscribing.replace(MIA, made, mailing(f"mailto:{OPS},dev@example.com"))
    assert await house.subscribing.get(MIA, key="ci") == made


async def test_an_escape_or_another_spelling_is_no_way_around(house):
    for url in ("mailto:ops%40example.com", "mailto:o%70s@example.com", "mailto:ops@EXAMPLE.com"):
        with pytest.raises(Unusable):
            await house.subscribing.create(MIA, mailing(url))


@pytest.mark.parametrize(
    "name", ["X-SMTPAPI", "X-MC-BccAddress", "X-MSYS-API", "X-SES-Configuration-Set", "Resent-Bcc"]
)
async def test_no_header_has_a_mail_service_send_it_elsewhere(house, name):
    """SendGrid, Mandrill, SparkPost and others take recipients from headers: one confirmed address would open all."""
    await confirm(house)
    target = mailing().targets[0] | {"headers": {"Reply-To": "team@example.com", "X-Priority": "1", name: "{}"}}
    with pytest.raises(Unusable) as caught:
        await house.subscribing.create(MIA, mailing(targets=[target]))
    (told,) = caught.value.problems
    assert told.path == f"headers.{name}"
    assert told.sentence.startswith(f"headers.{name} is an administrator's to set in a mail")
    await house.subscribing.create(ADA, mailing(targets=[target], key="hers"))
    del target["headers"][name]
    await house.subscribing.create(MIA, mailing(targets=[target]))


async def test_inboxes_of_another_namespace_are_not_filled(house):
    """They hold so many, and what comes pushes the oldest out. A user may be told by anybody, as in Quay."""
    for url in ("inbox:org/other", "inbox:team/other/dev", "inbox:org/o%74her"):
        with pytest.raises(Unusable, match="url names an inbox of other, which you do not manage"):
            await house.subscribing.create(MIA, inboxed(url))
        await house.subscribing.create(ADA, inboxed(url, key=f"hers{len(url)}"))
    for number, url in enumerate(("inbox:org/prj", "inbox:team/prj/dev", "inbox:user/ada")):
        await house.subscribing.create(MIA, inboxed(url, key=f"ci{number}"))


async def test_for_a_whole_namespace_any_repository_of_it_will_do(house):
    with pytest.raises(Unusable, match="not confirmed for any repository of prj"):
        await house.subscribing.create(MIA, mailing(repository=""))
    await confirm(house)
    await house.subscribing.create(MIA, mailing(repository=""))
    with pytest.raises(Unusable, match="not confirmed for prj/other"):
        await house.subscribing.create(MIA, mailing(repository="prj/other", key="other"))
