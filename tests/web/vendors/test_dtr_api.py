"""DTR's API over real connections: what its manual shows, what it leaves open, and who may do what."""

import asyncio
import json
import re
import shlex
from pathlib import Path

import pytest
from dtr_site import USERS, DtrSite, error, until

from certificates import Authority
from notifications import digest, push
from sidecar.domain import instant
from sidecar.domain.listing import DeliveryFilter
from sidecar.web.vendors import dtr_keys

ROOT = Path(__file__).parents[3]
WEBHOOK_SITE = "https://webhook.site/441b1584-949d-4608-a7f3-f240bdd31019"
ZERO = "0001-01-01T00:00:00Z"
# Docker's manual, "Manage webhooks via the API": its one command, word for word.
MANUAL = r"""
curl -u test-user:$TOKEN -X POST "https://dtr-example.com/api/v0/webhooks" -H "accept: application/json" -H "content-type: application/json" -d "{ \"endpoint\": \"https://webhook.site/441b1584-949d-4608-a7f3-f240bdd31019\", \"key\": \"maria-testorg/lab-words\", \"skipTLSVerification\": true, \"type\": \"TAG_PULL\"}"
"""  # noqa: E501 - one line there, too
ANSWERED = {
    "id": "b7bf702c31601efb4796da59900ddc1b7c72eb8ca80fdfb1b9fecdbad5418155",
    "type": "TAG_PULL",
    "key": "maria-testorg/lab-words",
    "endpoint": WEBHOOK_SITE,
    "authorID": "194efd8e-9ee6-4d43-a34b-eefd9ce39087",
    "createdAt": "2019-05-22T01:55:20.471286995Z",
    "lastSuccessfulAt": ZERO,
    "inactive": False,
    "tlsCert": "",
    "skipTLSVerification": True,
}


@pytest.fixture
async def site(tmp_path):
    one = DtrSite(tmp_path)
    await one.start()
    yield one
    await one.stop()


def shown(answer, status=200):
    assert answer.status == status, answer
    assert answer.headers["Content-Type"] == "application/json"
    return answer.body


async def ids(site, path="/webhooks", who="admin"):
    return [one["id"] for one in shown(await site.ask("GET", path, who=who))]


# --- what the manual shows -------------------------------------------------------------------------------------------


async def test_the_manuals_command_is_answered_as_the_manual_answers_it(site):
    """All but the author's id, which was an account's of that DTR, and the time."""
    answer = await site.curl(MANUAL.strip(), host="dtr-example.com", user="maria")
    made = shown(answer, 201)
    assert list(made) == list(ANSWERED)
    assert made == {**ANSWERED, "authorID": dtr_keys.author_id("maria"), "createdAt": made["createdAt"]}
    assert abs(instant.parse_rfc3339(made["createdAt"]) - site.app._clock.now()) < instant.MINUTE


async def test_our_page_shows_that_command_and_what_is_answered(site):
    """Only the hosts are others, and so the id is."""
    page = (ROOT / "docs" / "dtr.md").read_text()
    (command,) = re.findall(r"^```sh\n(curl .*)\n```", page, re.MULTILINE)
    theirs = command.replace("sidecar.example.com", "dtr-example.com").replace("receiver.example.com", "webhook.site")
    assert shlex.split(theirs) == shlex.split(MANUAL)
    made = shown(await site.curl(command, host="sidecar.example.com", user="maria"), 201)
    said = json.loads(re.findall(r"^```json\n(\{\n.*?)^```", page, re.MULTILINE | re.DOTALL)[0])
    assert list(said) == list(made)
    assert made == {**said, "authorID": made["authorID"], "createdAt": made["createdAt"]}


async def test_the_manuals_subscription_is_made_seen_and_deleted(site):
    """`{"type", "key", "endpoint"}`, no more; the list has what the manual says it has."""
    form = {"type": "TAG_PUSH", "key": "foo/bar", "endpoint": "https://example.com"}
    made = shown(await site.ask("POST", "/webhooks", form), 201)
    assert (made["tlsCert"], made["skipTLSVerification"], made["inactive"]) == ("", False, False)
    listed = shown(await site.ask("GET", "/webhooks"))
    assert listed == [made]
    assert {"id", "type", "key", "endpoint", "authorID", "createdAt"} <= listed[0].keys()
    for path in ("/repositories/foo/bar/webhooks", "/repositories/foo/bar/webhooks/"):
        assert await ids(site, path) == [made["id"]]
    gone = await site.ask("DELETE", f"/webhooks/{made['id']}")
    assert (gone.status, gone.body) == (204, None)
    assert await ids(site) == []


async def test_the_manuals_trial_sends_the_example(site):
    """`{"type", "endpoint"}`: answered once the endpoint has answered; nothing is made."""
    answer = await site.ask("POST", "/webhooks/test", {"type": "TAG_PUSH", "endpoint": site.receiver.url("try?me")})
    assert (answer.status, answer.body) == (200, None)
    (one,) = site.receiver.heard
    assert one.path == "/try"
    assert one.headers["Content-Type"] == "application/json"
    created = one.body.pop("createdAt")
    assert abs(instant.parse_rfc3339(created) - site.app._clock.now()) < instant.MINUTE
    assert one.body == {
        "type": "TAG_PUSH",
        "contents": {
            "namespace": "foo",
            "repository": "bar",
            "tag": "latest",
            "digest": "sha256:b5bb9d8014a0f9b1d61e21e796d78dccdf1352f23cd32812f4850b878ae4944c",
            "imageName": "foo/bar:latest",
            "os": "linux",
            "architecture": "amd64",
            "author": "",
            "pushedAt": "2015-01-02T15:04:05Z",
        },
        "location": "/repositories/foo/bar/tags/latest",
    }
    assert await ids(site) == []


async def test_every_type_can_be_tried_and_subscribed(site):
    """Those that no registry tells of, too."""
    for kind in dtr_keys.TYPES:
        form = {"type": kind, "endpoint": site.receiver.url("try")}
        assert (await site.ask("POST", "/webhooks/test", form)).status == 200
        assert (await site.ask("POST", "/webhooks", form)).status == 201
    assert [one.body["type"] for one in site.receiver.heard] == list(dtr_keys.TYPES)
    assert [one["type"] for one in shown(await site.ask("GET", "/webhooks"))] == list(dtr_keys.TYPES)


# --- what it leaves open ---------------------------------------------------------------------------------------------


async def test_the_same_again_is_the_one_that_is_there(site):
    """Type, key and endpoint are what a webhook is, whoever asks and whatever else is asked; many at once, too."""
    form = {"type": "TAG_PUSH", "key": "foo/bar", "endpoint": "https://example.com", "skipTLSVerification": True}
    made = shown(await site.ask("POST", "/webhooks", form, who="maria"), 201)
    again = {**form, "skipTLSVerification": False}
    assert shown(await site.ask("POST", "/webhooks", again, who="mario"), 201) == made
    other = {**form, "key": "foo/baz"}
    many = await asyncio.gather(*(site.ask("POST", "/webhooks", other) for _ in range(8)))
    assert {shown(one, 201)["id"] for one in many} == {dtr_keys.identity("TAG_PUSH", "foo/baz", "https://example.com")}
    assert len(await ids(site)) == 2


async def test_what_was_deleted_can_be_made_again(site):
    made = await site.create(type="TAG_PUSH", key="foo")
    await site.ask("DELETE", f"/webhooks/{made['id']}/")
    again = await site.create(type="TAG_PUSH", key="foo")
    assert again["id"] == made["id"]
    assert again["createdAt"] > made["createdAt"]


async def test_an_update_changes_what_it_names(site):
    made = await site.create(type="TAG_PUSH", key="foo/bar", endpoint="https://example.com", skipTLSVerification=True)
    off = shown(await site.ask("POST", "/webhooks/update", {"id": made["id"], "inactive": True}))
    assert off == {**made, "inactive": True}
    on = {"id": made["id"], "inactive": False, "skipTLSVerification": False, "type": "TAG_PULL", "key": "other"}
    assert shown(await site.ask("POST", "/webhooks/update/", on)) == {**made, "skipTLSVerification": False}


async def test_updates_at_once_do_not_undo_each_other(site):
    """Each names another field, and all of them count."""
    made = await site.create(type="TAG_PUSH", key="foo/bar", endpoint="http://example.com")
    fields = [{"inactive": True, "tlsCert": "PEM"}, {"inactive": True, "skipTLSVerification": True}, {"inactive": True}]
    forms = [{"id": made["id"], **one} for one in fields]
    answers = await asyncio.gather(*(site.ask("POST", "/webhooks/update", one) for one in forms))
    assert [one.status for one in answers] == [200, 200, 200]
    (now,) = shown(await site.ask("GET", "/webhooks"))
    assert now == {**made, "inactive": True, "tlsCert": "PEM", "skipTLSVerification": True}


async def test_a_list_of_one_type(site):
    push = await site.create(type="TAG_PUSH", key="foo")
    await site.create(type="TAG_PULL", key="foo")
    assert await ids(site, "/webhooks?webhookType=TAG_PUSH") == [push["id"]]
    for query in ("webhookType=any", "webhookType=", "pageStart=x&pageSize=1&count=true"):  # DTR pages no webhooks
        assert len(await ids(site, f"/webhooks/?{query}")) == 2
    answer = await site.ask("GET", "/webhooks?webhookType=push")
    assert error(answer)[:2] == (400, "INVALID_PARAMETERS")


async def test_lists_of_a_resource_have_what_is_bound_to_it(site):
    """Everybody's: a namespace's are those whose key it is, a repository's likewise; both addresses do."""
    of_foo = await site.create("maria", type="REPO_EVENT", key="foo")
    of_bar = await site.create("mario", type="TAG_PUSH", key="foo/bar")
    deep = await site.create("mario", type="TAG_PUSH", key="foo/bar/baz")
    for path in ("/accounts/foo/webhooks", "/repositories/foo/webhooks", "/accounts/foo/webhooks/"):
        assert await ids(site, path, "mario") == [of_foo["id"]]
    assert await ids(site, "/repositories/foo/bar/webhooks", "maria") == [of_bar["id"]]
    for path in ("/repositories/foo/bar/baz/webhooks", "/repositories/foo/bar%2Fbaz/webhooks"):
        assert await ids(site, path) == [deep["id"]]
    assert await ids(site, "/accounts/maria-testorg/webhooks", "maria") == []


async def test_a_repository_of_a_single_segment_lies_in_library(site):
    made = await site.create("mario", type="TAG_PUSH", key="library/solo")
    assert await ids(site, "/repositories/library/solo/webhooks", "mario") == [made["id"]]
    await site.told(push("a", "1", repository="solo"), push("b", "1", repository="other"))
    (one,) = await site.receiver.wait(1)
    assert one.body["location"] == "/repositories/library/solo/tags/1"


async def test_statuses_of_before_2_7_on_request(tmp_path):
    """`management.dtr_status: legacy`, also by a reload."""
    management = {"listen": "127.0.0.1:0", "socket": False, "users": USERS}
    site = DtrSite(tmp_path, management={**management, "dtr_status": "legacy"})
    await site.start()
    form = {"type": "TAG_PUSH", "key": "foo", "endpoint": "https://example.com"}
    made = shown(await site.ask("POST", "/webhooks", form), 200)
    gone = await site.ask("DELETE", f"/webhooks/{made['id']}")
    assert (gone.status, gone.body) == (200, None)
    await site.reload(management={**management, "dtr_status": "modern"})
    assert (await site.ask("POST", "/webhooks", form)).status == 201
    await site.stop()


# --- who may do what -------------------------------------------------------------------------------------------------

PEOPLE = ("admin", "maria", "mario", "guest", "")  # maria: maria-* and foo; mario: foo and library
CREATED = {
    ("TAG_PUSH", "foo/bar"): (201, 201, 201, 403, 401),
    ("TAG_PUSH", "foo"): (201, 201, 201, 403, 401),
    ("TAG_PUSH", "maria-testorg/app"): (201, 201, 403, 403, 401),
    ("TAG_PUSH", "library/solo"): (201, 403, 201, 403, 401),
    ("TAG_PUSH", "other/app"): (201, 403, 403, 403, 401),
    ("TAG_PUSH", "foobar"): (201, 403, 403, 403, 401),
    ("TAG_PUSH", ""): (201, 403, 403, 403, 401),
    ("REPO_EVENT", "foo"): (201, 201, 201, 403, 401),
    ("REPO_CREATED", ""): (201, 403, 403, 403, 401),
    ("PROMOTION", "foo/bar"): (201, 201, 201, 403, 401),
    ("SCANNER_UPDATE_COMPLETED", ""): (201, 403, 403, 403, 401),
    ("SCANNER_UPDATE_COMPLETED", "foo"): (400, 403, 403, 403, 401),
}


async def test_who_may_subscribe_to_what(site):
    """Namespaces to those who manage them, everything to administrators; without a key only these may."""
    got = {
        (kind, key): tuple(
            [
                (
                    await site.ask("POST", "/webhooks", {"type": kind, "key": key, "endpoint": "http://h"}, who=who)
                ).status
                for who in PEOPLE
            ]
        )
        for kind, key in CREATED
    }
    assert got == CREATED
    refusal = await site.ask("POST", "/webhooks", {"type": "TAG_PUSH", "endpoint": "http://h"}, who="maria")
    assert error(refusal)[:2] == (403, "NOT_AUTHORIZED")


async def test_who_may_change_and_delete_what(site):
    """Whoever manages the resource, not only who made it; and not who made it, once it is no longer theirs."""
    key = {"type": "TAG_PUSH", "key": "foo/bar", "endpoint": "http://h"}
    changed, deleted = {}, {}
    for who in PEOPLE:
        made = await site.create("maria", **key)
        answer = await site.ask("POST", "/webhooks/update", {"id": made["id"], "inactive": True}, who=who)
        changed[who] = answer.status
        deleted[who] = (await site.ask("DELETE", f"/webhooks/{made['id']}", who=who)).status
    assert tuple(changed.values()) == (200, 200, 200, 403, 401)
    assert tuple(deleted.values()) == (204, 204, 204, 403, 401)

    made = await site.create("maria", **{**key, "key": "maria-testorg/app"})
    stripped = [{**one, "namespaces": ["foo"]} if one["name"] == "maria" else one for one in USERS]
    await site.reload(management={"listen": "127.0.0.1:0", "socket": False, "users": stripped})
    assert (await site.ask("DELETE", f"/webhooks/{made['id']}", who="maria")).status == 403
    assert made["id"] not in await ids(site, who="maria")


async def test_who_sees_what(site):
    """The whole list: administrators all, others what they have made. A resource's: whoever manages it, everybody's."""
    hers = await site.create("maria", type="TAG_PUSH", key="foo/bar")
    his = await site.create("mario", type="TAG_PULL", key="foo/bar")
    everything = await site.create("admin", type="TAG_PUSH")
    seen = {who: set(await ids(site, who=who)) for who in ("admin", "maria", "mario", "guest")}
    assert seen == {
        "admin": {hers["id"], his["id"], everything["id"]},
        "maria": {hers["id"]},
        "mario": {his["id"]},
        "guest": set(),
    }
    for path in ("/repositories/foo/bar/webhooks", "/accounts/foo/webhooks", "/repositories/foo/webhooks"):
        answers = [await site.ask("GET", path, who=who) for who in PEOPLE]
        assert [one.status for one in answers] == [200, 200, 200, 403, 401]
        assert answers[0].body == answers[1].body == answers[2].body


async def test_whoever_has_a_password_may_try_an_endpoint(site):
    form = {"type": "TAG_PUSH", "endpoint": site.receiver.url()}
    answers = [await site.ask("POST", "/webhooks/test", form, who=who) for who in PEOPLE]
    assert [one.status for one in answers] == [200, 200, 200, 200, 401]
    assert len(site.receiver.heard) == 4


async def test_a_wrong_password_is_nobody(site):
    answer = await site.ask("GET", "/webhooks", who="stranger")
    assert error(answer) == (401, "NOT_AUTHENTICATED", "")


async def test_nobody_is_told_to_say_who_they_are(site):
    """401 for every address, those that do not exist among them; curl and browsers are asked for Basic."""
    for path in ("/webhooks", "/webhooks/none", "/nothing", ""):
        answer = await site.ask("GET", path, who="")
        assert error(answer) == (401, "NOT_AUTHENTICATED", "")
        assert answer.headers["WWW-Authenticate"].startswith("Basic ")


# --- errors ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("method", "path", "code"),
    [
        ("DELETE", "/webhooks/" + "0" * 64, "NO_SUCH_WEBHOOK"),
        ("POST", "/webhooks/update", "NO_SUCH_WEBHOOK"),
        ("GET", "/repositories/foo/none/webhooks", "NO_SUCH_REPOSITORY"),
        ("GET", "/repositories/foo/No/webhooks", "NO_SUCH_REPOSITORY"),
        ("GET", "/accounts/none/webhooks", "NO_SUCH_ACCOUNT"),
        ("GET", "/repositories/none/webhooks", "NO_SUCH_ACCOUNT"),
        ("GET", "/accounts/NONE/webhooks", "NO_SUCH_ACCOUNT"),
        ("GET", "/accounts/none", "NOT_FOUND"),
        ("GET", "/webhookss", "NOT_FOUND"),
        ("GET", "", "NOT_FOUND"),
    ],
)
async def test_what_is_not_there(site, method, path, code):
    body = {"id": "none", "inactive": True} if method == "POST" else None
    assert error(await site.ask(method, path, body))[:2] == (404, code)


async def test_what_was_pushed_to_is_there(site):
    """A repository and a namespace without webhooks have empty lists once the registry told of them."""
    await site.create(type="TAG_PUSH")
    await site.told(push("a", "1", repository="other/app"))
    await site.receiver.wait(1)
    assert await ids(site, "/repositories/other/app/webhooks") == []
    assert await ids(site, "/accounts/other/webhooks") == []


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("PUT", "/webhooks", "GET, POST"),
        ("PATCH", "/webhooks/", "GET, POST"),
        ("GET", "/webhooks/" + "0" * 64, "DELETE"),
        ("GET", "/webhooks/update", "POST"),
        ("DELETE", "/webhooks/test", "POST"),
        ("POST", "/accounts/foo/webhooks", "GET"),
        ("POST", "/repositories/foo/bar/webhooks", "GET"),
    ],
)
async def test_what_dtr_does_not_have_is_not_allowed(site, method, path, allowed):
    """There is no GET of one webhook, and no PUT or PATCH."""
    answer = await site.ask(method, path, {} if method in {"PUT", "PATCH", "POST"} else None)
    assert error(answer)[:2] == (405, "NOT_ALLOWED")
    assert answer.headers["Allow"] == allowed


async def test_bodies_and_answers_are_json(site):
    form = b'{"type": "TAG_PUSH", "key": "foo", "endpoint": "https://example.com"}'
    for sent, status in (
        ({"Content-Type": "application/x-www-form-urlencoded"}, 415),  # what curl says without -H
        ({"Content-Type": "text/plain"}, 415),
        ({"Content-Type": "application/json; charset=utf-8"}, 201),
        ({"Accept": "application/json, text/plain", "Content-Type": "application/json"}, 201),
        ({"Accept": "*/*;q=0.5", "Content-Type": "application/json"}, 201),
        ({"Accept": "text/html", "Content-Type": "application/json"}, 406),
    ):
        answer = await site.ask("POST", "/webhooks", form, headers=sent)
        assert answer.status == status, (sent, answer)
        if status > 400:
            assert error(answer)[1] == {415: "UNSUPPORTED_MEDIA_TYPE", 406: "NOT_ACCEPTABLE"}[status]
    assert error(await site.ask("POST", "/webhooks", {"type": " " * 70_000}))[:2] == (413, "TOO_LARGE")
    as_json = {"Content-Type": "application/json"}
    for broken in (b"{", b"", b"null"):
        assert error(await site.ask("POST", "/webhooks", broken, headers=as_json))[:2] == (400, "INVALID_JSON")


@pytest.mark.parametrize(
    ("form", "detail"),
    [
        ({"endpoint": "ftp://example.com"}, "endpoint must start with http:// or https://"),
        ({"endpoint": "example.com"}, "endpoint must start with http:// or https://"),
        ({"endpoint": "https://exa mple.com"}, "endpoint must be"),
        ({"endpoint": "https://example.com", "tlsCert": "no certificate"}, "tlsCert must be certificates in PEM form"),
        ({"endpoint": "https://example.com", "tlsCert": "/etc/ssl/cert.pem"}, "tlsCert must be certificates in PEM"),
        (
            {
                "endpoint": "https://example.com",
                "tlsCert": "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----",
            },
            "tlsCert cannot be used",
        ),
    ],
)
async def test_what_cannot_be_used_is_told_in_the_detail(site, form, detail):
    for path in ("/webhooks", "/webhooks/test"):
        status, code, said = error(await site.ask("POST", path, {"type": "TAG_PUSH", **form}))
        assert (status, code) == (400, "INVALID_JSON")
        assert said.startswith(detail)


async def test_an_update_that_cannot_be_used_leaves_all_as_it_was(site):
    made = await site.create(type="TAG_PUSH", key="foo", endpoint="https://example.com")
    answer = await site.ask("POST", "/webhooks/update", {"id": made["id"], "inactive": True, "tlsCert": "nothing"})
    assert error(answer)[:2] == (400, "INVALID_JSON")
    assert shown(await site.ask("GET", "/webhooks")) == [made]


async def test_an_endpoint_that_fails_fails_its_trial(site):
    """400 with why in the detail: what it answered, or that nobody did; and it is tried once."""
    form = {"type": "TAG_PUSH", "endpoint": site.receiver.url()}
    site.receiver.status = 500
    assert error(await site.ask("POST", "/webhooks/test", form)) == (400, "WEBHOOK_TEST_FAILED", "answered 500")
    assert len(site.receiver.heard) == 1
    await site.receiver.stop()
    status, code, detail = error(await site.ask("POST", "/webhooks/test", form))
    assert (status, code) == (400, "WEBHOOK_TEST_FAILED")
    assert "127.0.0.1" in detail or "connect" in detail.lower()


async def test_a_trial_reaches_nothing_that_the_guard_forbids(tmp_path):
    """Whoever has a password could otherwise have the sidecar call into its own network."""
    site = DtrSite(tmp_path, guard={})
    await site.start()
    form = {"type": "TAG_PUSH", "endpoint": site.receiver.url()}
    status, code, detail = error(await site.ask("POST", "/webhooks/test", form, who="guest"))
    assert (status, code) == (400, "WEBHOOK_TEST_FAILED")
    assert "guard" in detail
    assert site.receiver.heard == []
    await site.stop()


async def test_without_users_only_this_machine_manages(tmp_path):
    """A loopback listener without users takes whoever reaches it for the operator."""
    site = DtrSite(tmp_path, management={"listen": "127.0.0.1:0", "socket": False})
    await site.start()
    answer = await site.ask("POST", "/webhooks", {"type": "TAG_PUSH", "endpoint": "https://example.com"}, who="")
    assert shown(answer, 201)["authorID"] == dtr_keys.author_id("loopback")
    assert len(await ids(site, who="")) == 1
    await site.stop()


# --- deliveries ------------------------------------------------------------------------------------------------------


async def test_a_webhook_hears_of_its_repository_alone(site):
    """In DTR's words, through intake, translator and sender; and it is remembered when that last succeeded."""
    made = await site.create("maria", type="TAG_PUSH", key="foo/bar")
    await site.told(push("a", "1", repository="foo/baz"), push("b", "2", repository="foo/bar", actor="ci"))
    (one,) = await site.receiver.wait(1)
    assert one.body["type"] == "TAG_PUSH"
    assert one.body["location"] == "/repositories/foo/bar/tags/2"
    assert one.body["contents"]["imageName"] == "registry.example.com/foo/bar:2"
    assert one.body["contents"]["author"] == "ci"
    assert one.headers["Content-Type"] == "application/json"

    async def used():
        (shown_now,) = shown(await site.ask("GET", "/webhooks"))
        return shown_now["lastSuccessfulAt"] != ZERO and shown_now["lastSuccessfulAt"]

    assert instant.parse_rfc3339(await until(used)) >= instant.parse_rfc3339(made["createdAt"])


async def test_an_inactive_webhook_hears_nothing_and_an_active_one_again(site):
    """What happened meanwhile is not told later."""
    made = await site.create(type="TAG_PUSH", key="foo")
    await site.create(type="MANIFEST_PUSH", key="foo", endpoint=site.receiver.url("fence"))
    await site.ask("POST", "/webhooks/update", {"id": made["id"], "inactive": True})
    await site.told(push("a", "1", repository="foo/bar"))
    await site.receiver.wait(1)
    await site.ask("POST", "/webhooks/update", {"id": made["id"], "inactive": False})
    await site.told(push("b", "2", repository="foo/bar"))
    heard = await site.receiver.wait(3)
    assert sorted((one.path, one.body["type"]) for one in heard) == [
        ("/fence", "MANIFEST_PUSH"),
        ("/fence", "MANIFEST_PUSH"),
        ("/hook", "TAG_PUSH"),
    ]
    (told,) = [one.body for one in heard if one.path == "/hook"]
    assert told["contents"]["tag"] == "2"


async def test_webhooks_outlive_the_process(site):
    """Of what a registry tells and of what others do."""
    hook = await site.create("maria", type="TAG_PUSH", key="foo/bar")
    scan = await site.create(type="SCAN_FAILED", key="foo/bar")
    await site.halt()
    await site.boot()
    assert shown(await site.ask("GET", "/webhooks")) == [hook, scan]
    await site.told(push("a", "1", repository="foo/bar"))
    assert (await site.receiver.wait(1))[0].body["type"] == "TAG_PUSH"
    await site.tell("scans", {"status": "failed", "repository": "foo/bar", "tag": "1", "error": "out of memory"})
    assert (await site.receiver.wait(2))[1].body["contents"]["error"] == "out of memory"


async def test_a_scan_is_told_to_the_webhooks_of_its_repository(site):
    """A report of Trivy's as the scanner wrote it. DTR counts by score: critical from 7.0 on, major from 4.0 on."""
    await site.create("maria", type="SCAN_COMPLETED", key="foo/bar")
    await site.create("maria", type="SCAN_COMPLETED", key="foo/baz", endpoint=site.receiver.url("other"))
    scores = {"CVE-2026-1": 9.8, "CVE-2026-2": 7.0, "CVE-2026-3": 5.3, "CVE-2026-4": 2.1}
    found = [
        {"VulnerabilityID": name, "PkgName": "zlib", "Severity": "HIGH", "CVSS": {"nvd": {"V3Score": score}}}
        for name, score in scores.items()
    ]
    report = {
        "SchemaVersion": 2,
        "CreatedAt": "2026-11-22T00:05:00Z",
        "ArtifactName": "registry.example.com/foo/bar:1.0",
        "ArtifactType": "container_image",
        "Metadata": {},
        "Results": [{"Target": "debian", "Vulnerabilities": found}],
    }
    await site.tell("scans", report)
    (one,) = await site.receiver.wait(1)
    assert one.path == "/hook"
    assert list(one.body) == ["type", "createdAt", "contents", "location"]
    assert one.body["type"] == "SCAN_COMPLETED"
    assert one.body["location"] == "/repositories/foo/bar/tags/1.0"
    assert one.body["contents"] == {
        "namespace": "foo",
        "repository": "bar",
        "tag": "1.0",
        "imageName": "registry.example.com/foo/bar:1.0",
        "scanSummary": {
            "namespace": "foo",
            "reponame": "bar",
            "tag": "1.0",
            "critical": 2,
            "major": 1,
            "minor": 1,
            "last_scan_status": 6,
            "check_completed_at": "2026-11-22T00:05:00Z",
            "should_rescan": False,
            "has_foreign_layers": False,
        },
    }


async def test_a_promotion_is_told_to_the_webhooks_of_where_it_came_from(site):
    await site.create("maria", type="PROMOTION", key="foo/bar")
    await site.create("maria", type="PROMOTION", key="foo/baz", endpoint=site.receiver.url("target"))
    details = {"targetRepository": "foo/baz", "targetTag": "stable", "policy": "a policy"}
    data = {"repository": "foo/bar", "tag": "1.0", "digest": digest("a"), "details": details}
    await site.tell("events", {"type": "promotion.completed", "time": "2026-11-22T08:00:00Z", "data": data})
    (one,) = await site.receiver.wait(1)
    assert (one.path, one.body["location"]) == ("/hook", "/repositories/foo/bar/tags/1.0")
    assert one.body["contents"] == {
        "promotionPolicyID": "a policy",
        "digest": digest("a"),
        "sourceRepository": "foo/bar",
        "sourceTag": "1.0",
        "targetRepository": "foo/baz",
        "targetTag": "stable",
        "promotedAt": "2026-11-22T08:00:00Z",
    }


async def test_whatever_is_told_to_the_intake_has_its_type(site):
    """A webhook that an administrator made of each type, of which every one comes true."""
    place = {"repository": "foo/bar", "tag": "1"}
    happenings = {
        "SCAN_FAILED": ("scan.failed", place | {"details": {"error": "no layers"}}),
        "PUSH_MIRRORING": ("mirror.succeeded", place | {"details": {"direction": "push"}}),
        "POLL_MIRRORING": ("mirror.succeeded", place | {"details": {"direction": "pull"}}),
        "REPO_UPDATED": ("repository.updated", {"repository": "foo/bar", "details": {"visibility": "public"}}),
        "SCANNER_UPDATE_COMPLETED": ("scanner.updated", {"details": {"dbVersion": 2}}),
    }
    for kind in happenings:
        await site.create(type=kind)
    for what, data in happenings.values():
        await site.tell("events", {"type": what, "data": data})
    heard = await site.receiver.wait(len(happenings))
    assert sorted(one.body["type"] for one in heard) == sorted(happenings)


async def test_the_format_has_the_options_that_the_operator_gave_it(tmp_path):
    """`defaults.formats.dtr` is for webhooks made here as well."""
    options = {"dtr": {"options": {"tag_in_manifest_events": True}}}
    site = DtrSite(tmp_path, defaults={"formats": options})
    await site.start()
    await site.create(type="MANIFEST_PUSH", key="foo")
    await site.told(push("a", "1", repository="foo/bar"))
    assert (await site.receiver.wait(1))[0].body["contents"]["tag"] == "1"
    await site.stop()


# --- TLS -------------------------------------------------------------------------------------------------------------


@pytest.fixture
async def secure(tmp_path):
    """A site whose receiver speaks TLS with a certificate of a CA that nobody knows."""
    authority = Authority(tmp_path)
    one = DtrSite(tmp_path)
    await one.start(authority.server("127.0.0.1"))
    one.ca, one.ca_folder = authority.path.read_text(), tmp_path
    one.own = (tmp_path / "server.crt").read_text()
    yield one
    await one.stop()


async def test_a_pasted_certificate_is_what_the_endpoint_is_known_by(secure):
    """The CA's or the endpoint's own; without it nobody vouches for the endpoint, and that is told."""
    form = {"type": "TAG_PUSH", "endpoint": secure.receiver.url("try", "https")}
    refused = error(await secure.ask("POST", "/webhooks/test", form))
    assert refused[:2] == (400, "WEBHOOK_TEST_FAILED")
    assert "certificate" in refused[2].lower()
    for cert in (secure.ca, secure.own):
        assert (await secure.ask("POST", "/webhooks/test", {**form, "tlsCert": cert})).status == 200
    assert (await secure.ask("POST", "/webhooks/test", {**form, "skipTLSVerification": True})).status == 200
    assert len(secure.receiver.heard) == 3


async def test_a_delivery_goes_by_the_pasted_certificate(secure):
    """It is given back in clear; one that is no longer pasted no longer counts."""
    made = await secure.create(
        type="TAG_PUSH", key="foo", endpoint=secure.receiver.url("hook", "https"), tlsCert=secure.ca
    )
    assert made["tlsCert"] == secure.ca
    await secure.told(push("a", "1", repository="foo/bar"))
    await secure.receiver.wait(1)
    bare = shown(await secure.ask("POST", "/webhooks/update", {"id": made["id"], "inactive": False, "tlsCert": ""}))
    assert bare["tlsCert"] == ""
    await secure.told(push("b", "2", repository="foo/bar"))

    async def failed():
        return [
            one.reason
            for one in await secure.app.operations.deliveries(DeliveryFilter())
            if one.reason not in {"", "ok"}
        ]

    assert await until(failed) == ["tls_failed"]
    assert len(secure.receiver.heard) == 1


async def test_a_pasted_certificate_counts_whatever_is_usual_for_the_format(secure):
    """The operator's defaults are for those who paste none."""
    await secure.reload(defaults={"formats": {"dtr": {"tls": {"verify": False}}}})
    form = {"type": "TAG_PUSH", "endpoint": secure.receiver.url("try", "https")}
    other = Authority(secure.ca_folder, "other").path.read_text()
    answers = [await secure.ask("POST", "/webhooks/test", {**form, "tlsCert": one}) for one in ("", secure.ca, other)]
    assert [one.status for one in answers] == [200, 200, 400]


async def test_whoever_skips_verification_believes_whoever_answers(secure):
    endpoint = secure.receiver.url("hook", "https")
    made = await secure.create(type="TAG_PUSH", key="foo", endpoint=endpoint, skipTLSVerification=True)
    assert made["skipTLSVerification"] is True
    await secure.told(push("a", "1", repository="foo/bar"))
    await secure.receiver.wait(1)
