"""Quay's API over real connections: each documented request and answer, its errors, its slashes, and real clients."""

import asyncio
import json
import re

import pytest
from quay_clients import Ansible, Failed, Konflux
from quay_site import TOKENS, QuaySite, until

from certificates import Authority
from sidecar.dialects import quay
from sidecar.domain.event import Repository
from sidecar.domain.listing import DeliveryFilter
from sidecar.domain.person import Person

UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")
NONE = "240662ea-597b-499d-98bb-2b57e73408d6"
HERE = "repository/prj/app/notification"
UNKNOWN = f"No repository notification found for: prj, app, {NONE}"
ADA = Person(name="ada", admin=True)
METHODS = "webhook, email, slack, hipchat, flowdock, quay_notification"
NOT_AUTHORIZED = "The specified e-mail address is not authorized to receive notifications for this repository"
QUOTAS = ["quota_error", "quota_warning"]
SAID = sorted({word.name for word in quay.DIALECT.vocabulary(quay.Options())} - set(QUOTAS))  # of repositories


@pytest.fixture
async def site(tmp_path):
    site = QuaySite(tmp_path)
    await site.start()
    yield site
    await site.stop()


def error(base, kind, status, message):
    """An error of a kind, as bytes."""
    body = {"detail": message, "error_message": message, "error_type": kind, "title": kind}
    body |= {"type": f"{base}/api/v1/error/{kind}", "status": status}
    return json.dumps(body).encode() + b"\n"


async def delivered(site):
    """Something was delivered, and nothing more is owed."""
    await until(lambda: site.receiver.posts)  # then all that the event owes is in the store
    async with asyncio.timeout(10):
        while (await site.app.operations.undelivered(DeliveryFilter()))[0]:
            pass


# --- notifications of a repository ------------------------------------------------------------------------------------


async def test_the_commands_of_quays_manual(site):
    """Create, get, test, reset, delete and list, as the chapter on notifications shows them."""
    site.receiver.status = 500
    asked = {"event": "repo_push", "method": "webhook", "config": {"url": f"{site.hook}/ci?k=1"}, "eventConfig": {}}
    status, headers, raw = await site.ask("POST", f"{HERE}/", asked)
    made = json.loads(raw)
    assert (status, headers["Content-Type"]) == (201, "application/json")
    assert UUID.fullmatch(made["uuid"])
    shown = (
        f'{{"uuid": "{made["uuid"]}", "title": null, "event": "repo_push", "method": "webhook", '
        f'"config": {{"url": "{site.hook}/ci?k=1"}}, "event_config": {{}}, "number_of_failures": 0}}'
    )
    assert raw.decode() == shown + "\n"

    one = f"{HERE}/{made['uuid']}"
    status, _, raw = await site.ask("GET", one)
    assert (status, raw.decode()) == (200, shown + "\n")

    status, _, raw = await site.ask("POST", f"{one}/test")
    assert (status, raw) == (200, b"{}\n")
    await until(lambda: site.receiver.posts)
    path, _, body = site.receiver.posts[0]
    assert path == "/ci?k=1"
    assert json.loads(body) == {
        "repository": "prj/app",
        "namespace": "prj",
        "name": "app",
        "docker_url": "registry.example.com/prj/app",
        "homepage": "https://registry.example.com/repository/prj/app",
        "updated_tags": ["latest", "foo"],
        "pruned_image_count": 3,
    }

    while (await site.json("GET", one))[1]["number_of_failures"] == 0:
        pass
    site.receiver.status = 200
    status, headers, raw = await site.ask("POST", one)
    assert (status, raw) == (204, b"")

    status, _, raw = await site.ask("DELETE", one)
    assert (status, raw) == (204, b"")
    status, _, raw = await site.ask("GET", HERE, follow=True, headers={"Accept": "application/json"})
    assert (status, raw) == (200, b'{"notifications": []}\n')
    assert (await site.json("GET", one))[0] == 404


async def test_the_list_is_of_one_repository_in_the_order_of_making(site):
    first = await site.made(title="one", eventConfig={"level": "3"}, event_config={"level": "3"})
    second = await site.made(title="one")  # nothing has to be unique
    await site.made("prj/web/app")
    assert first["event_config"] == {"level": "3"}
    assert await site.json("GET", f"{HERE}/") == (200, {"notifications": [first, second]})
    assert first["uuid"] != second["uuid"]
    status, found = await site.json("GET", "repository/prj/web/app/notification/")
    assert (status, [one["title"] for one in found["notifications"]]) == (200, [None])


async def test_a_repository_that_nobody_heard_of_has_an_empty_list(site):
    assert await site.json("GET", "repository/prj/unheard/notification/") == (200, {"notifications": []})


async def test_config_is_given_back_as_it_was_and_never_expanded(site):
    config = {"url": f"{site.hook}/${{env:HOME}}", "more": [1, None, "ü"], "template": ""}
    made = await site.made(config=config)
    assert made["config"] == config
    await site.push()
    await until(lambda: site.receiver.posts)
    assert "env:HOME" in site.receiver.posts[0][0]


async def test_what_is_not_there_is_a_bad_request_for_whoever_changes_it(site):
    for method, path in (("DELETE", NONE), ("POST", NONE), ("POST", f"{NONE}/test")):
        status, _, raw = await site.ask(method, f"{HERE}/{path}")
        assert (status, raw) == (400, error(site.base, "invalid_request", 400, UNKNOWN))
    status, _, raw = await site.ask("GET", f"{HERE}/{NONE}")
    assert (status, raw) == (404, error(site.base, "not_found", 404, "Not Found"))


async def test_a_notification_is_seen_through_its_own_repository_alone(site):
    """Quay shows and fires any notification to whoever administers any repository."""
    uuid = (await site.made("prj/other"))["uuid"]
    assert (await site.json("GET", f"{HERE}/{uuid}"))[0] == 404
    assert (await site.json("POST", f"{HERE}/{uuid}/test"))[0] == 400
    assert (await site.json("DELETE", f"{HERE}/{uuid}"))[0] == 400
    status, told = await site.json("POST", f"{HERE}/{uuid}")
    assert (status, told) == (400, {"message": f"No repository notification found with uuid: {uuid}"})
    assert (await site.json("GET", f"repository/prj/other/notification/{uuid}"))[0] == 200
    foreign = (await site.made("secret/app", who="ada"))["uuid"]  # whose uuid is no business of maria's
    status, told = await site.json("POST", f"{HERE}/{foreign}")
    assert (status, told["error_message"]) == (400, UNKNOWN.replace(NONE, foreign))


async def test_requests_that_cannot_be_met_are_refused(site):
    whole = {"event": "repo_push", "method": "webhook", "config": {"url": site.hook}, "eventConfig": {}}
    for body, message in (
        ({"event": "repo_push", "config": {}, "eventConfig": {}}, "'method' is a required property"),
        (whole | {"title": None}, "None is not of type 'string'"),
        (whole | {"method": "x", "event": "x"}, f"Unknown notification method 'x'. Must be one of: {METHODS}"),
        (whole | {"method": "flowdock"}, "Missing Flowdock API Token"),
        (whole | {"method": "email", "config": {"email": "a@b.example"}}, NOT_AUTHORIZED),
        (whole | {"config": {}}, "Missing webhook URL"),
        (whole | {"config": {"url": "ftp://a.example"}}, "Invalid webhook URL"),
        (whole | {"event": "repo_pull"}, f"Invalid event 'repo_pull'. Must be one of: {', '.join(SAID)}"),
        (whole | {"event": "quota_error"}, f"Invalid event 'quota_error'. Must be one of: {', '.join(SAID)}"),
    ):
        status, _, raw = await site.ask("POST", f"{HERE}/", body)
        assert (status, raw) == (400, error(site.base, "invalid_request", 400, message))
    assert (await site.json("GET", f"{HERE}/"))[1] == {"notifications": []}


async def test_what_the_configuration_has_against_an_address_is_told(site):
    body = {"event": "repo_push", "method": "webhook", "config": {"url": "https://a b.example"}, "eventConfig": {}}
    status, told = await site.json("POST", f"{HERE}/", body)
    assert (status, told["error_type"]) == (400, "invalid_request")
    assert told["error_message"].startswith("Invalid webhook URL: url ")


async def test_bodies_that_are_no_json(site):
    unread = {"message": "The browser (or proxy) sent a request that this server could not understand."}
    media = "Did not attempt to load JSON data because the request Content-Type was not 'application/json'."
    headers = {"Content-Type": "application/json"}
    assert await site.json("POST", f"{HERE}/", raw=b"{", headers=headers) == (400, unread)
    status, told = await site.json("POST", f"{HERE}/", raw=b"null", headers=headers)
    assert (status, told["error_message"]) == (400, "Missing JSON body")
    assert await site.json("POST", f"{HERE}/", raw=b"{}") == (415, {"message": media})
    status, told = await site.json("POST", f"{HERE}/", raw=b"x" * 100_000, headers=headers)
    assert (status, list(told)) == (413, ["message"])


async def test_there_is_no_change(site):
    one = f"{HERE}/{(await site.made())['uuid']}"
    for method in ("PUT", "PATCH"):
        status, headers, raw = await site.ask(method, one, {})
        assert (status, raw) == (405, b'{"message": "The method is not allowed for the requested URL."}\n')
        assert headers["Allow"] == "DELETE, GET, HEAD, OPTIONS, POST"
    assert (await site.json("GET", f"{one}/test"))[0] == 405
    assert (await site.json("DELETE", f"{HERE}/"))[0] == 405


async def test_slashes_at_the_end(site):
    """A list has one and is redirected to it, body and method kept; a single notification has none."""
    for method in ("GET", "POST"):
        status, headers, _ = await site.ask(method, f"{HERE}?x=1", who="")
        assert (status, headers["Location"]) == (308, f"/api/v1/{HERE}/?x=1")
    body = {"event": "repo_push", "method": "webhook", "config": {"url": site.hook}, "eventConfig": {}}
    status, made = await site.json("POST", HERE, body, follow=True)
    assert status == 201
    assert (await site.json("GET", f"{HERE}/{made['uuid']}/"))[0] == 404


async def test_an_escaped_slash_is_a_slash(site):
    await site.made("prj/web/app")
    status, found = await site.json("GET", "repository/prj%2Fweb/app/notification/")
    assert (status, len(found["notifications"])) == (200, 1)


# --- who may ----------------------------------------------------------------------------------------------------------


async def test_nobody_is_told_so_on_every_verb(site):
    """Quay answers 403 with a sentence about CSRF to those who change something; a status of 401 says what is wrong."""
    for method, path in (("GET", f"{HERE}/"), ("POST", f"{HERE}/"), ("DELETE", f"{HERE}/{NONE}"), ("GET", "user/")):
        for headers in ({}, {"Authorization": "Bearer wrong"}, {"Authorization": "Bearer"}):
            status, _, raw = await site.ask(method, path, who="", headers=headers)
            assert (status, raw) == (401, error(site.base, "invalid_token", 401, "Requires authentication"))


async def test_who_does_not_manage_the_namespace_is_told_so(site):
    uuid = (await site.made())["uuid"]
    for method, path in (
        ("GET", f"{HERE}/"),
        ("POST", f"{HERE}/"),
        ("DELETE", f"{HERE}/{uuid}"),
        ("GET", f"{HERE}/{NONE}"),
    ):
        status, _, raw = await site.ask(method, path, who="sam")
        assert (status, raw) == (403, error(site.base, "insufficient_scope", 403, "Unauthorized"))
    assert (await site.json("GET", f"{HERE}/{uuid}", who="ada"))[0] == 200


async def test_a_token_is_shown_in_any_way_that_quay_takes(site):
    for scheme in ("Bearer", "bearer", "BEARER"):
        headers = {"Authorization": f"{scheme} {TOKENS['maria']}"}
        assert (await site.json("GET", "user/", who="", headers=headers))[1]["username"] == "maria"


async def test_pages_of_other_sites_may_look_but_are_nobody(site):
    """The headers are Quay's, the credentials of a foreign page are not taken."""
    status, headers, raw = await site.ask("OPTIONS", f"{HERE}/", who="", headers={"Origin": "https://evil.example"})
    assert (status, raw) == (200, b"")
    assert headers["Access-Control-Allow-Origin"] == "*"
    assert headers["Access-Control-Allow-Methods"] == "DELETE, GET, HEAD, OPTIONS, POST, PUT"
    assert headers["Access-Control-Allow-Headers"] == "AUTHORIZATION, CONTENT-TYPE, X-REQUESTED-WITH"
    assert headers["Allow"] == "GET, HEAD, OPTIONS, POST"
    status, headers, _ = await site.ask("GET", f"{HERE}/", headers={"Origin": "https://evil.example"})
    assert (status, headers["Access-Control-Allow-Origin"]) == (401, "*")
    for path in (f"{HERE}/", f"{HERE}/{NONE}", "nowhere", HERE):
        assert (await site.ask("GET", path))[1]["Access-Control-Allow-Origin"] == "*"


# --- what surrounds notifications -------------------------------------------------------------------------------------


async def test_kinds_of_errors_are_described_to_anybody(site):
    status, body = await site.json("GET", "error/not_found", who="")
    assert (status, body) == (
        200,
        {
            "type": f"{site.base}/api/v1/error/not_found",
            "title": "not_found",
            "description": "The resource was not found.",
        },
    )
    assert (await site.json("GET", "error/else", who=""))[0] == 404


async def test_people_namespaces_and_repositories(site):
    assert (await site.json("GET", "user/"))[1]["username"] == "maria"
    assert (await site.ask("GET", "user"))[1]["Location"] == "/api/v1/user/"
    assert await site.json("GET", "user/robots/prj") == (
        400,
        {"message": "Could not find robot with specified username"},
    )
    status, body = await site.json("GET", "entities/ma?includeOrgs=False&includeTeams=False")
    assert (status, body) == (200, {"results": [{"name": "maria", "kind": "user", "is_robot": False}]})
    status, body = await site.json("GET", "organization/prj")  # named in the configuration
    assert (status, list(body["teams"])) == (200, ["release"])
    assert (await site.json("GET", "organization/unheard"))[0] == 404
    assert (await site.json("GET", "organization/unheard", who="sam"))[0] == 404
    assert (await site.json("GET", "repository/prj/app"))[0] == 404
    await site.push()
    status, body = await site.json("GET", "repository/prj/app")
    assert (status, body["namespace"], body["name"], body["can_admin"]) == (200, "prj", "app", True)
    assert (await site.json("GET", "repository/prj/app", who="sam"))[0] == 403


async def test_nothing_else_answers(site):
    for path in ("", "nowhere", "repository", "discovery", "repository/solo", f"{HERE}/{NONE}/"):
        status, _, raw = await site.ask("GET", path, who="")
        assert (status, raw) == (404, error(site.base, "not_found", 404, "Not Found"))


# --- notifications of a namespace -------------------------------------------------------------------------------------


@pytest.mark.parametrize("head", ["organization/prj/notifications", "user/namespacenotifications"])
async def test_a_namespaces_notifications(site, head):
    """Their list, and 404 for whatever is not there; of events the two about quotas, told when the quota is passed."""
    assert await site.json("GET", head) == (200, {"notifications": []})
    for method, path in (("GET", NONE), ("DELETE", NONE), ("POST", NONE), ("POST", f"{NONE}/test")):
        status, _, raw = await site.ask(method, f"{head}/{path}")
        assert (status, raw) == (404, error(site.base, "not_found", 404, "Not Found"))
    body = {"event": "repo_push", "method": "webhook", "config": {"url": site.hook}, "eventConfig": {}}
    status, told = await site.json("POST", head, body)
    assert (status, told["error_message"]) == (
        400,
        "Invalid event 'repo_push'. Must be one of: quota_error, quota_warning",
    )
    made = []
    for event in QUOTAS:
        status, one = await site.json("POST", head, body | {"event": event, "config": {"url": f"{site.hook}/{event}"}})
        assert (status, one["event"], one["title"], one["number_of_failures"]) == (201, event, None, 0)
        made.append(one)
    assert await site.json("GET", head) == (200, {"notifications": made})
    assert (await site.json("GET", f"{head}/"))[0] == 404
    assert (await site.json("GET", head, who=""))[0] == 401
    assert (await site.json("GET", head, who="sam"))[0] == 403


async def test_a_namespaces_notification_is_looked_after_under_its_namespace(site):
    repositorys = (await site.made())["uuid"]
    head = "organization/prj/notifications"
    whole = (await site.made(at=head, event="quota_warning"))["uuid"]
    status, listed = await site.json("GET", head)
    assert (status, [one["uuid"] for one in listed["notifications"]]) == (200, [whole])
    assert await site.json("GET", f"{head}/{whole}") == (200, listed["notifications"][0])
    assert (await site.json("GET", f"{head}/{repositorys}"))[0] == 404
    assert (await site.json("GET", f"{HERE}/{whole}"))[0] == 404
    assert (await site.json("GET", f"organization/library/notifications/{whole}"))[0] == 404
    assert await site.json("POST", f"{head}/{whole}/test") == (200, {})
    await until(lambda: site.receiver.posts)
    assert (await site.ask("POST", f"{head}/{whole}"))[::2] == (204, b"")
    assert (await site.ask("DELETE", f"{head}/{whole}"))[::2] == (204, b"")
    assert await site.json("GET", head) == (200, {"notifications": []})


async def test_a_quota_is_told_to_the_notifications_of_its_namespace(site):
    """The body has no repository, whatever was pushed last; other namespaces and events hear nothing."""
    head = "organization/prj/notifications"
    await site.made(at=head, event="quota_warning", config={"url": f"{site.hook}/prj"})
    await site.made(at=head, event="quota_error", config={"url": f"{site.hook}/error"})
    await site.push("library/app")
    await site.made(at="organization/library/notifications", event="quota_warning", config={"url": f"{site.hook}/else"})
    details = {"used": 858993459, "limit": 1073741824, "threshold": 80}
    await site.tell("events", {"type": "quota.warning", "data": {"repository": "prj/app", "details": details}})
    await delivered(site)
    ((path, _, body),) = site.receiver.posts
    assert path == "/prj"
    assert list(json.loads(body).items()) == [
        ("namespace", "prj"),
        ("homepage", "https://registry.example.com/organization/prj"),
        ("threshold_percent", 80),
        ("usage_bytes", 858993459),
        ("limit_bytes", 1073741824),
        ("usage_percent", 79),
        ("usage_bytes_formatted", "819.20 MB"),
        ("limit_bytes_formatted", "1.00 GB"),
    ]


async def test_an_organization_that_is_not_there_has_no_notifications(site):
    assert (await site.json("GET", "organization/unheard/notifications", who="ada"))[0] == 404


# --- failures, and what is delivered ----------------------------------------------------------------------------------


async def test_failures_in_a_row_are_counted_and_forgotten(site):
    """Whatever the receiver answers, if it is no success, is a failure and tried again."""
    site.receiver.status = 400
    one = f"{HERE}/{(await site.made())['uuid']}"
    await site.push()

    async def failures():
        return (await site.json("GET", one))[1]["number_of_failures"]

    while await failures() < 2:
        pass
    listed = (await site.json("GET", f"{HERE}/"))[1]["notifications"][0]
    assert listed["number_of_failures"] >= 2
    site.receiver.status = 200
    while await failures():
        pass


async def test_a_push_is_told_to_the_notifications_of_its_repository_alone(site):
    await site.made(config={"url": f"{site.hook}/app"})
    await site.made("prj/web/app", config={"url": f"{site.hook}/deep"})
    await site.made("library/solo", config={"url": f"{site.hook}/solo"})
    await site.push("prj/app", "v1")
    await site.push("solo", "v2")
    await site.push("prj/else", "v3")
    await until(lambda: len(site.receiver.posts) == 2)
    told = {path: json.loads(body) for path, _, body in site.receiver.posts}
    assert list(told["/app"].items()) == [
        ("repository", "prj/app"),
        ("namespace", "prj"),
        ("name", "app"),
        ("docker_url", "registry.example.com/prj/app"),
        ("homepage", "https://registry.example.com/repository/prj/app"),
        ("updated_tags", ["v1"]),
    ]
    assert (told["/solo"]["repository"], told["/solo"]["namespace"]) == ("solo", "library")


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({}, ["CVE-2026-1", "CVE-2026-2"]),
        ({"level": "0"}, ["CVE-2026-1"]),
        ({"level": 2}, ["CVE-2026-1", "CVE-2026-2", "CVE-2026-3"]),
        ({"vulnerability": {"priority": "Critical"}, "level": "5"}, ["CVE-2026-1"]),
    ],
)
async def test_vulnerabilities_are_told_as_far_as_they_were_asked_for(site, given, told):
    """One message for each, from a report of Grype's as the scanner wrote it; without a level from High on."""
    await site.made(event="vulnerability_found", eventConfig=given)
    severities = ["Critical", "High", "Medium", "Low"]
    report = {
        "matches": [
            {
                "vulnerability": {"id": f"CVE-2026-{number}", "severity": severity, "fix": {"versions": []}},
                "artifact": {"name": "zlib", "version": "1.0"},
            }
            for number, severity in enumerate(severities, start=1)
        ],
        "source": {"type": "image", "target": {"userInput": "registry.example.com/prj/app:v1"}},
        "descriptor": {"name": "grype", "version": "0.100.0"},
    }
    await site.tell("scans", report)
    await delivered(site)
    bodies = [json.loads(body) for _, _, body in site.receiver.posts]
    assert sorted(one["vulnerability"]["id"] for one in bodies) == told
    for one in bodies:
        assert (one["repository"], one["tags"]) == ("prj/app", ["v1"])


@pytest.mark.parametrize("event", [*SAID, *QUOTAS])
async def test_every_event_can_be_asked_for_and_tried(site, event):
    """The sample is the one of the event, as it was asked for."""
    settings = {"level": "1", "days": 7, "ref-regex": "refs/heads/some"}
    head = "organization/prj/notifications" if event in QUOTAS else f"{HERE}/"
    made = await site.made(at=head, event=event, eventConfig=settings)
    assert (made["event"], made["event_config"]) == (event, settings)
    assert await site.json("POST", f"{head.rstrip('/')}/{made['uuid']}/test") == (200, {})
    await until(lambda: site.receiver.posts)
    ((_, _, body),) = site.receiver.posts
    said = json.loads(body)
    registry = site.app.settings.registries[0].ref
    place = Repository(path="prj/app", namespace="prj", name="app")
    expected = json.loads(quay.sample(event, registry, place, settings=settings, now=0).body)
    assert list(said) == list(expected)
    undated = expected | {"trigger_metadata": said["trigger_metadata"]} if "trigger_metadata" in said else expected
    assert said == undated


async def test_the_sample_of_a_build_is_sent_to_those_who_hear_of_its_branch(site):
    """Quay's sample is of `somebranch`. Other events know no branches, whatever their settings say."""
    for event in SAID:
        config = {"url": f"{site.hook}/{event}"}
        made = await site.made(event=event, config=config, eventConfig={"ref-regex": "refs/heads/other"})
        assert await site.json("POST", f"{HERE}/{made['uuid']}/test") == (200, {})
    await delivered(site)
    heard = {path.removeprefix("/") for path, _, _ in site.receiver.posts}
    assert heard == {event for event in SAID if not event.startswith("build_")}


async def test_notifications_and_what_they_owe_outlive_a_restart(tmp_path):
    """A test that was queued while the receiver was away is delivered by the next process."""
    first = QuaySite(tmp_path)
    await first.start()
    first.receiver.status = 503
    made = await first.made(title="kept")
    assert await first.json("POST", f"{HERE}/{made['uuid']}/test") == (200, {})
    await until(lambda: first.receiver.posts)
    first.receiver.status = 200
    await first.app.stop()
    second = QuaySite(tmp_path)
    await second.start()
    try:
        (listed,) = (await second.json("GET", f"{HERE}/"))[1]["notifications"]
        assert listed | {"number_of_failures": 0} == made
        await until(lambda: len(first.receiver.posts) >= 2)
        (before, after) = first.receiver.posts[0], first.receiver.posts[-1]
        assert before[2] == after[2]
        await second.push()
        await until(lambda: b'"v1"' in first.receiver.posts[-1][2])
    finally:
        await second.stop()
        await first.receiver.stop()


async def test_an_address_that_may_not_be_called_counts_as_a_failure(tmp_path):
    """Whoever may make a notification could else have the sidecar call what they cannot reach themselves."""
    site = QuaySite(tmp_path)
    await site.start(guard={})
    try:
        one = f"{HERE}/{(await site.made())['uuid']}"
        await site.push()
        while (await site.json("GET", one))[1]["number_of_failures"] == 0:
            pass
        assert site.receiver.posts == []
    finally:
        await site.stop()


async def test_what_a_removed_notification_owes_is_never_sent(site):
    site.receiver.status = 503
    made = await site.made()
    await site.push()
    await until(lambda: site.receiver.posts)
    assert (await site.ask("DELETE", f"{HERE}/{made['uuid']}"))[0] == 204
    sent = len(site.receiver.posts)
    while (await site.app.operations.undelivered(DeliveryFilter()))[0]:
        pass
    await site.push(tag="v2")
    assert len(site.receiver.posts) <= sent + 1  # one attempt may have been under way


async def test_an_https_receiver_is_shown_the_client_certificate_of_the_configuration(tmp_path):
    """As Quay's manual promises: its verification proves where the call comes from. It is set for the format."""
    authority = Authority(tmp_path)
    certificate, key = authority.issue("sidecar")
    tls = {"ca_file": str(authority.path), "cert_file": str(certificate), "key_file": str(key)}
    site = QuaySite(tmp_path, authority.server("127.0.0.1", client_ca=authority.path))
    await site.start(defaults={"formats": {"quay": {"tls": tls}}})
    try:
        made = await site.made()
        assert made["config"]["url"].startswith("https://")
        await site.push()
        await until(lambda: site.receiver.posts)
        assert json.loads(site.receiver.posts[0][2])["updated_tags"] == ["v1"]
    finally:
        await site.stop()


async def test_a_disabled_or_paused_notification_is_not_tested(site):
    """The answer is the same, and nothing is queued that would go out once it is enabled again."""
    subscribing = site.app.subscribing
    for name in ("disabled", "paused"):
        uuid = (await site.made(config={"url": f"{site.hook}/{name}"}))["uuid"]
        made = await subscribing.get(ADA, uuid=uuid)
        if name == "disabled":
            await subscribing.enable(ADA, made, False)
        else:
            await site.app.operations.pause(made.targets[0].name, "ada")
        assert await site.json("POST", f"{HERE}/{uuid}/test") == (200, {})
    found, _ = await site.app.operations.undelivered(DeliveryFilter())
    assert list(found) == []


# --- real clients -----------------------------------------------------------------------------------------------------


async def test_the_ansible_module(site):
    """Idempotent creation, test, reset of failures, removal by title, by search and by event."""
    await site.push()
    site.receiver.status = 500
    ansible = Ansible(site.base, TOKENS["maria"])
    wanted = {
        "repository": "prj/app",
        "title": "Webhook on push",
        "event": "repo_push",
        "method": "webhook",
        "config": {"url": f"{site.hook}/hook"},
    }
    assert await ansible.run(**wanted) is True
    assert [(method, path, status) for method, path, status in ansible.calls] == [
        ("GET", "user/", 200),
        ("GET", "organization/prj", 200),
        ("GET", f"{HERE}/", 200),
        ("GET", "repository/prj/app", 200),
        ("POST", f"{HERE}/", 201),
    ]
    assert await ansible.run(**wanted) is False
    assert await ansible.run(**wanted, test=True) is False
    (one,) = (await site.json("GET", f"{HERE}/"))[1]["notifications"]
    while (await site.json("GET", f"{HERE}/{one['uuid']}"))[1]["number_of_failures"] == 0:
        pass
    assert await ansible.run(repository="prj/app", regexp=r"Webhook\s", reset_failcount=True) is True
    assert await ansible.run(repository="prj/app", search_string="on push", state="absent") is True
    assert await ansible.run(repository="prj/app", search_string="on push", state="absent") is False
    await ansible.run(**wanted)
    assert await ansible.run(repository="prj/app", event="repo_push", state="absent") is True
    assert (await site.json("GET", f"{HERE}/"))[1] == {"notifications": []}


async def test_what_the_ansible_module_is_told_when_it_cannot_be(site):
    await site.push()
    ansible = Ansible(site.base, TOKENS["maria"])
    usual = {
        "repository": "prj/app",
        "title": "x",
        "event": "repo_push",
        "method": "webhook",
        "config": {"url": "ftp://x"},
    }
    with pytest.raises(Failed, match="invalid_request: Invalid webhook URL"):
        await ansible.run(**usual)
    with pytest.raises(Failed, match="The prj/unheard repository does not exist"):
        await ansible.run(**(usual | {"repository": "prj/unheard"}))
    with pytest.raises(Failed, match="The unheard namespace does not exist"):
        await ansible.run(**(usual | {"repository": "unheard/app"}))
    with pytest.raises(Failed, match="403"):
        await Ansible(site.base, TOKENS["sam"]).run(**usual)
    with pytest.raises(Failed, match="401"):
        await Ansible(site.base, "wrong").run(**usual)
    assert await ansible.run(repository="unheard/app", title="x", state="absent") is False


async def test_the_konflux_controller(site):
    konflux = Konflux(site.base, TOKENS["maria"])
    asked = {"title": "SBOM-event", "event": "repo_push", "method": "webhook", "config": {"url": f"{site.hook}/a"}}
    made = await konflux.create("prj", "app", asked)
    assert (await konflux.create("prj", "app", asked))["uuid"] == made["uuid"]
    changed = await konflux.update("prj", "app", asked | {"config": {"url": f"{site.hook}/b"}})
    assert changed["uuid"] != made["uuid"]
    assert [one["config"]["url"] for one in await konflux.notifications("prj", "app")] == [f"{site.hook}/b"]
    assert await konflux.delete("prj", "app", "SBOM-event") is True
    assert await konflux.notifications("prj", "app") == []
    with pytest.raises(Failed, match=r"^Missing webhook URL$"):
        await konflux.create("prj", "app", asked | {"config": {}})
