"""Harbor's API over a real listener: what its clients send, as they send it, and what they insist on in the answers.

The requests are those of terraform-provider-harbor 3.12, harbor-cli 0.0.26 with go-client (2.13 models), and Harbor's
own black-box test (`tests/apitests/python/test_webhook_crud.py`); the demands are the ways in which these break.
"""

import itertools
import json
import re
import shlex
import uuid
from pathlib import Path

import pytest
from harbor_site import BASE, TOKENS
from web_site import exchange

RFC3339_MILLISECONDS = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")
POLICIES = "/projects/acme/webhook/policies"
DOCS = Path(__file__).parents[3] / "docs"


def from_location(answer):
    """The id that terraform makes of a Location: the path without what `/api` and `/v2.0` are in it."""
    (location,) = answer.headers.getall("Location")
    assert location.startswith("/")
    return location.replace("/api", "").replace("/v2.0", "")


# --- terraform -------------------------------------------------------------------------------------------------------


async def test_terraform_makes_a_project_and_a_webhook_and_destroys_both(harbor):
    """Every request of `harbor_project` and `harbor_project_webhook`, JSON content type on all of them."""
    made = await harbor.ask(
        "POST",
        "/projects",
        {
            "project_name": "acme",
            "cve_allowlist": {},
            "storage_limit": -1,
            "metadata": {
                "auto_scan": "true",
                "severity": "low",
                "reuse_sys_cve_allowlist": "true",
                "public": "true",
                "prevent_vul": "false",
                "enable_content_trust": "false",
            },
        },
    )
    assert (made.status, made.body) == (201, b"")
    project = from_location(made)
    assert re.fullmatch(r"/projects/\d+", project)
    as_json = {"Content-Type": "application/json"}
    read = await harbor.get(project, headers=as_json)
    assert (read["name"], f"/projects/{read['project_id']}") == ("acme", project)
    assert read["metadata"] == {
        "auto_scan": "true",
        "severity": "low",
        "reuse_sys_cve_allowlist": "true",
        "public": "true",
        "prevent_vul": "false",
        "enable_content_trust": "false",
    }
    assert "registry_id" not in read  # its presence says that the project is a cache
    (found,) = await harbor.get("/projects?name=acme", headers=as_json)
    assert found == read
    assert (await harbor.ask("GET", f"{project}/scanner", headers=as_json)).status == 404

    body = {
        "update_time": "0001-01-01T00:00:00Z",
        "description": "",
        "creator": "",
        "creation_time": "0001-01-01T00:00:00Z",
        "enabled": True,
        "targets": [
            {
                "type": "http",
                "auth_header": "Bearer abc",
                "skip_cert_verify": True,
                "address": "https://hooks.example.com/x?type=harbor",
                "payload_format:omitempty": "",
            }
        ],
        "event_types": ["DELETE_ARTIFACT", "PULL_ARTIFACT", "PUSH_ARTIFACT", "SCANNING_COMPLETED"],
        "project_id": 0,
        "id": 0,
        "name": "test webhook",
    }
    made = await harbor.ask("POST", f"{project}/webhook/policies", body)
    assert (made.status, made.body) == (201, b"")
    webhook = from_location(made)
    assert re.fullmatch(project + r"/webhook/policies/\d+", webhook)
    read = await harbor.get(webhook, headers=as_json)
    assert read["name"] == "test webhook"
    assert read["targets"][0] == {
        "type": "http",
        "auth_header": "Bearer abc",
        "skip_cert_verify": True,
        "address": "https://hooks.example.com/x?type=harbor",
        "payload_format": "Default",
    }
    assert read["event_types"] == body["event_types"]
    for name in ("creation_time", "update_time"):
        assert RFC3339_MILLISECONDS.fullmatch(read[name])

    changed = await harbor.ask("PUT", webhook, {**body, "enabled": False, "name": "other name"})
    assert (changed.status, changed.body) == (200, b"")
    read = await harbor.get(webhook, headers=as_json)
    assert (read["name"], read["enabled"]) == ("other name", False)
    changed = await harbor.ask("PUT", project, {"project_name": "acme", "metadata": {"public": "false"}})
    assert (changed.status, changed.body) == (200, b"")
    assert (await harbor.get(project))["metadata"]["public"] == "false"
    configured = await harbor.get("/configurations", headers=as_json)
    assert configured["quota_per_project_enable"]["value"] is False  # so it does not go on to quotas

    gone = await harbor.ask("DELETE", webhook, headers=as_json)
    assert (gone.status, gone.body) == (200, b"")
    assert (await harbor.ask("GET", webhook, headers=as_json)).status == 404
    assert await harbor.get("/projects/acme/repositories?page=1&page_size=100", headers=as_json) == []
    gone = await harbor.ask("DELETE", project, headers=as_json)
    assert (gone.status, gone.body) == (200, b"")
    assert (await harbor.ask("GET", project, headers=as_json)).status == 404


# --- harbor-cli ------------------------------------------------------------------------------------------------------


async def test_harbor_cli_signs_in_and_manages_webhooks(harbor):
    """Names in the path without the header that says so, go-client's zero times, a list without any page."""
    assert (await harbor.get("/users/current", who="maria"))["username"] == "maria"
    assert (await harbor.ask("GET", "/ping")).body == b"Pong"
    assert await harbor.get("/projects?page=1&page_size=1") != []
    await harbor.project("acme")
    body = {
        "creation_time": "0001-01-01T00:00:00.000Z",
        "enabled": True,
        "event_types": ["PUSH_ARTIFACT"],
        "name": "deploy",
        "targets": [
            {
                "address": "https://hooks.example.com/",
                "auth_header": "t",
                "payload_format": "CloudEvents",
                "type": "http",
            }
        ],
        "update_time": "0001-01-01T00:00:00.000Z",
    }
    assert (await harbor.ask("POST", POLICIES, body, who="maria")).status == 201
    (listed,) = await harbor.get(POLICIES, who="maria")
    assert listed["name"] == "deploy"
    number = listed["id"]
    # `webhook edit` sends back what it has read, changed.
    changed = {**listed, "name": "roll out"}
    assert (await harbor.ask("PUT", f"{POLICIES}/{number}", changed, who="maria")).status == 200
    read = await harbor.get(f"{POLICIES}/{number}", who="maria", headers={"X-Is-Resource-Name": "true"})
    assert {**read, "update_time": ""} == {**changed, "update_time": ""}
    assert (await harbor.ask("DELETE", f"{POLICIES}/{number}", who="maria")).status == 200
    assert await harbor.get(POLICIES, who="maria") == []


# --- Harbor's own black-box test -------------------------------------------------------------------------------------


async def test_harbors_own_test_of_webhooks(harbor):
    """Two targets, then a body without description and with one target; after the deletion it is gone."""
    project = await harbor.project("project_webhook")
    place = f"/projects/{project}/webhook/policies"
    targets = [
        {"address": "https://hook.slack.example/services/1", "skip_cert_verify": False, "type": "slack"},
        {
            "address": "https://hooks.example.com/1",
            "skip_cert_verify": False,
            "type": "http",
            "auth_header": "aaa",
            "payload_format": "CloudEvents",
        },
    ]
    made = await harbor.ask(
        "POST",
        place,
        {
            "targets": targets,
            "event_types": ["DELETE_ARTIFACT", "PULL_ARTIFACT", "PUSH_ARTIFACT", "QUOTA_EXCEED", "REPLICATION"],
            "enabled": True,
            "name": "webhook-1",
            "description": "a description",
        },
    )
    number = int(made.headers["Location"].split("/")[-1])
    read = await harbor.get(f"{place}/{number}")
    assert [(one["type"], one["address"]) for one in read["targets"]] == [
        (one["type"], one["address"]) for one in targets
    ]
    assert (read["description"], read["project_id"]) == ("a description", project)
    assert "payload_format" not in read["targets"][0]
    only = {"address": "https://hooks.example.com/2", "skip_cert_verify": True, "auth_header": "bbb", "type": "http"}
    changed = await harbor.ask(
        "PUT",
        f"{place}/{number}",
        {"targets": [only], "event_types": ["PUSH_ARTIFACT"], "enabled": False, "name": "webhook-2"},
    )
    assert changed.status == 200
    read = await harbor.get(f"{place}/{number}")
    assert read["targets"] == [{**only, "payload_format": "Default"}]
    assert (read["enabled"], read["event_types"], read.get("description")) == (False, ["PUSH_ARTIFACT"], None)
    assert (await harbor.ask("DELETE", f"{place}/{number}")).status == 200
    assert (await harbor.ask("GET", f"{place}/{number}")).errors == (
        "NOT_FOUND",
        f"notificationPolicy {number} not found",
    )


# --- the wire --------------------------------------------------------------------------------------------------------


async def test_what_is_empty_has_no_content_type(harbor):
    """harborapi reads whatever says that it is JSON, also where there is nothing to read."""
    await harbor.project("acme")
    number = await harbor.policy("acme")
    port = harbor.app.management_ports[0]
    body = json.dumps(harbor.body()).encode()
    for method, path, sent in (
        ("PUT", f"{POLICIES}/{number}", body),
        ("POST", POLICIES, json.dumps(harbor.body(name="other")).encode()),
        ("DELETE", f"{POLICIES}/{number}", b""),
        ("HEAD", "/projects?project_name=acme", b""),
    ):
        head = f"{method} {BASE}{path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {TOKENS['admin']}\r\n"
        raw = f"{head}Content-Length: {len(sent)}\r\n\r\n".encode() + sent
        status, headers, answered = await exchange(port, raw)
        assert status == (201 if method == "POST" else 200)
        assert "content-type" not in headers
        assert answered == b""


async def test_every_answer_has_the_requests_id(harbor):
    """The one that the request brought, or a new UUID; also on errors, also where nothing is."""
    given = {"X-Request-Id": "build-17"}
    for path, status in (("/ping", 200), ("/projects/nowhere", 404), ("/no/such/path", 404)):
        answer = await harbor.ask("GET", path, headers=given)
        assert (answer.status, answer.headers["X-Request-Id"]) == (status, "build-17")
        assert uuid.UUID((await harbor.ask("GET", path)).headers["X-Request-Id"])
    odd = await harbor.ask("GET", "/ping", headers={"X-Request-Id": "a b"})
    assert uuid.UUID(odd.headers["X-Request-Id"])


async def test_lists_come_in_pages(harbor):
    """Newest first, ten to a page; the addresses of the pages beside are relative."""
    project = await harbor.project("acme")
    for number in range(12):
        await harbor.policy("acme", name=f"hook-{number:02}")
    answer = await harbor.ask("GET", POLICIES)
    assert [one["name"] for one in answer.json] == [f"hook-{number:02}" for number in range(11, 1, -1)]
    assert answer.headers["X-Total-Count"] == "12"
    assert answer.headers["Link"] == f'<{BASE}{POLICIES}?page=2&page_size=10>; rel="next"'
    place = f"/projects/{project}/webhook/policies?page=2&page_size=5"
    answer = await harbor.ask("GET", place)
    assert len(answer.json) == 5
    assert answer.headers["Link"] == (
        f'<{BASE}/projects/{project}/webhook/policies?page=1&page_size=5>; rel="prev" , '
        f'<{BASE}/projects/{project}/webhook/policies?page=3&page_size=5>; rel="next"'
    )
    answer = await harbor.ask("GET", f"{POLICIES}?q=name%3D~HOOK-1,enabled%3Dtrue&sort=name")
    assert [one["name"] for one in answer.json] == ["hook-10", "hook-11"]
    assert (answer.headers["X-Total-Count"], "Link" in answer.headers) == ("2", False)
    assert len(await harbor.get(f"{POLICIES}?page_size=0")) == 12
    none = await harbor.ask("GET", f"{POLICIES}?page=9")
    assert (none.json, none.headers["X-Total-Count"]) == ([], "12")


# --- what is refused -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("raw", "status", "code", "says"),
    [
        (b"", 422, "UNPROCESSABLE_ENTITY", "validation failure list:\npolicy in body is required"),
        (b"{", 422, "UNPROCESSABLE_ENTITY", "validation failure list:\nparsing policy body"),
        (b"[" * 10_000, 422, "UNPROCESSABLE_ENTITY", "validation failure list:\n"),
        (b'{"event_types": "PUSH_ARTIFACT"}', 422, "UNPROCESSABLE_ENTITY", "$.event_types"),
        (b"{}", 400, "BAD_REQUEST", "empty event type"),
        (b'{"event_types": ["PUSH_ARTIFACT"]}', 400, "BAD_REQUEST", "empty notification target with policy "),
        (
            b'{"event_types": ["PUSH_ARTIFACT"], "targets": [{"type": "http", "address": "hooks.example.com"}]}',
            400,
            "BAD_REQUEST",
            "url",
        ),
    ],
)
async def test_bodies_that_cannot_be_taken(harbor, raw, status, code, says):
    await harbor.project("acme")
    for method, path in (("POST", POLICIES), ("PUT", f"{POLICIES}/{await harbor.policy('acme')}")):
        answer = await harbor.ask(method, path, raw=raw)
        assert answer.status == status
        assert answer.errors[0] == code
        assert says in answer.errors[1]


async def test_a_name_is_taken_once_in_each_project(harbor):
    """409 in POST and in PUT; an empty name is a name as any other."""
    await harbor.project("acme")
    await harbor.project("team-a")
    first = await harbor.policy("acme", name="ci")
    second = await harbor.policy("acme", name="cd")
    await harbor.policy("team-a", name="ci")
    taken = ("CONFLICT", "notification policy named ci already exists")
    assert (await harbor.ask("POST", POLICIES, harbor.body(name="ci"))).errors == taken
    assert (await harbor.ask("PUT", f"{POLICIES}/{second}", harbor.body(name="ci"))).errors == taken
    assert (await harbor.ask("PUT", f"{POLICIES}/{first}", harbor.body(name="ci"))).status == 200
    await harbor.policy("acme", name=None)
    assert (await harbor.ask("POST", POLICIES, harbor.body(name=""))).status == 409


async def test_a_policy_is_found_in_its_own_project_only(harbor):
    acme, team = await harbor.project("acme"), await harbor.project("team-a")
    number = await harbor.policy("acme")
    for method in ("GET", "DELETE"):
        answer = await harbor.ask(method, f"/projects/team-a/webhook/policies/{number}")
        assert answer.errors == (
            "NOT_FOUND",
            f"resource not found: project id:{team}, webhook policy id: {number} not found",
        )
    assert (await harbor.ask("GET", f"{POLICIES}/x")).status == 422
    assert (await harbor.ask("GET", f"{POLICIES}/0")).status == 404
    assert (await harbor.get(f"/projects/{acme}/webhook/policies/{number}"))["id"] == number


async def test_a_project_of_digits_needs_the_header(harbor):
    await harbor.project("7777")
    as_name = {"X-Is-Resource-Name": "true"}
    assert (await harbor.get("/projects/7777", headers=as_name))["name"] == "7777"
    assert (await harbor.ask("GET", "/projects/7777")).errors == ("NOT_FOUND", "project 7777 not found")
    as_id = {"X-Is-Resource-Name": "false"}
    assert (await harbor.get("/projects/1", headers=as_id))["name"] == "library"


EVERY_WEBHOOK_ROUTE = [
    ("GET", "/webhook/policies"),
    ("POST", "/webhook/policies"),
    ("POST", "/webhook/policies/test"),
    ("GET", "/webhook/policies/1"),
    ("PUT", "/webhook/policies/1"),
    ("DELETE", "/webhook/policies/1"),
    ("GET", "/webhook/policies/1/executions"),
    ("GET", "/webhook/policies/1/executions/1/tasks"),
    ("GET", "/webhook/policies/1/executions/1/tasks/1/log"),
    ("GET", "/webhook/events"),
    ("GET", "/webhook/lasttrigger"),
    ("GET", "/webhook/jobs?policy_id=1"),
]


async def test_who_may(harbor):
    """Rights are asked for before anything is looked up: whoever may not learns nothing of what there is."""
    project = await harbor.project("acme", public=True)
    await harbor.policy("acme")
    body = harbor.body(name="new")
    for method, path in EVERY_WEBHOOK_ROUTE:
        for place in ("acme", "nowhere", str(project), "99"):
            sent = body if method in {"POST", "PUT"} else None
            answer = await harbor.ask(method, f"/projects/{place}{path}", sent, who="")
            assert (answer.status, answer.errors) == (401, ("UNAUTHORIZED", "unauthorized"))
            assert "WWW-Authenticate" not in answer.headers
            answer = await harbor.ask(method, f"/projects/{place}{path}", sent, who="otto")
            assert (answer.status, answer.errors) == (403, ("FORBIDDEN", "forbidden"))
        for place in ("nowhere", "99"):
            sent = body if method in {"POST", "PUT"} else None
            answer = await harbor.ask(method, f"/projects/{place}{path}", sent)
            assert answer.errors == ("NOT_FOUND", f"project {place} not found")
    assert len(await harbor.get(POLICIES, who="maria")) == 1
    wrong = await harbor.ask("GET", POLICIES, who="wrong")
    assert (wrong.status, wrong.errors) == (401, ("UNAUTHORIZED", "unauthorized"))


async def test_what_is_not_part_of_it(harbor):
    answer = await harbor.ask("PATCH", "/projects/acme/webhook/policies")
    assert answer.errors == ("METHOD_NOT_ALLOWED", "method PATCH is not allowed, but [GET,POST] are")
    for method, path in (("GET", "/robots"), ("DELETE", "/projects/acme/repositories/api"), ("GET", "")):
        assert (await harbor.ask(method, path)).errors == ("NOT_FOUND", f"path {BASE}{path} was not found")


# --- the rest --------------------------------------------------------------------------------------------------------


async def test_supported_events(harbor):
    await harbor.project("acme")
    said = await harbor.get("/projects/acme/webhook/events", who="maria")
    assert said["event_type"][:3] == ["PUSH_ARTIFACT", "PULL_ARTIFACT", "DELETE_ARTIFACT"]
    assert (said["notify_type"], said["payload_formats"][0]["formats"]) == (
        ["http", "slack"],
        ["Default", "CloudEvents"],
    )


async def test_the_installation(harbor):
    assert await harbor.get("/health", who="") == {
        "status": "healthy",
        "components": [{"name": "core", "status": "healthy"}],
    }
    assert (await harbor.ask("GET", "/ping", who="")).headers["Content-Type"] == "text/plain; charset=utf-8"
    open_to_all = await harbor.get("/systeminfo", who="")
    assert set(open_to_all) == {"auth_mode", "primary_auth_mode", "self_registration"}
    known = await harbor.get("/systeminfo", who="otto")
    assert known["harbor_version"].startswith("v2.15.2-")
    assert (known["registry_url"], known["notification_enable"]) == ("registry.example.com", True)
    assert (await harbor.ask("GET", "/users/current", who="")).status == 401
    admin, otto = [await harbor.get("/users/current", who=who) for who in ("admin", "otto")]
    assert (admin["sysadmin_flag"], otto["sysadmin_flag"]) == (True, False)
    assert admin["user_id"] != otto["user_id"]


async def test_only_administrators_configure_and_only_what_can_be(harbor):
    for who, status in (("", 401), ("maria", 403)):
        assert (await harbor.ask("GET", "/configurations", who=who)).status == status
        assert (await harbor.ask("PUT", "/configurations", {"notification_enable": False}, who=who)).status == status
    read = await harbor.get("/configurations")
    assert read["notification_enable"] == {"editable": True, "value": True}
    assert {one["editable"] for name, one in read.items() if name != "notification_enable"} == {False}
    same = {name: one["value"] for name, one in read.items()}
    assert (await harbor.ask("PUT", "/configurations", same)).status == 200
    assert (await harbor.ask("PUT", "/configurations", {"read_only": True})).errors[0] == "BAD_REQUEST"
    assert (await harbor.ask("PUT", "/configurations", {"notification_enable": "maybe"})).status == 400
    assert (await harbor.ask("PUT", "/configurations", raw=b"[]")).status == 422


# --- the documentation -----------------------------------------------------------------------------------------------


def curls(page):
    """The curl commands of a page: who asks, method, path, body."""
    words = [
        word
        for block in re.findall(r"```sh\n(.*?)```", page.read_text(), re.DOTALL)
        for word in shlex.split(block, comments=True)
    ]
    commands = " ".join(shlex.quote(word) for word in words).split("curl ")[1:]
    for command in map(shlex.split, commands):
        given = dict(itertools.pairwise(command))
        (path,) = [word.removeprefix("$HARBOR") for word in command if word.startswith("$HARBOR")]
        yield given["-u"].partition(":")[0], given.get("-X", "GET"), path, given.get("-d")


async def test_the_examples_of_the_documentation(harbor):
    """In their order, by the person who asks there: all of them are answered as is said."""
    harbor.sections["management"] = {
        "listen": "127.0.0.1:0",
        "users": [
            {"name": "maria", "tokens": [TOKENS["maria"]], "namespaces": ["prj"]},
            {"name": "admin", "tokens": [TOKENS["admin"]], "admin": True},
        ],
    }
    await harbor.app.stop(drain=1)
    await harbor.start_sidecar()
    assert (await harbor.ask("DELETE", "/projects/prj")).status == 200  # the configuration names it, so it is there
    statuses = []
    for who, method, path, body in curls(DOCS / "harbor.md"):
        answer = await harbor.ask(method, path, who=who, raw=body.encode() if body else None)
        statuses.append((method, answer.status))
        if path.endswith("/policies") and method == "POST":
            assert answer.headers["Location"] == f"{BASE}/projects/prj/webhook/policies/1"
    assert statuses == [
        ("POST", 201),
        ("POST", 201),
        ("GET", 200),
        ("GET", 200),
        ("GET", 200),
        ("DELETE", 200),
        ("PUT", 200),
    ]


async def test_a_mistake_of_ours_is_answered_as_harbor_answers_its_own(harbor, monkeypatch):
    """Harbor hides what it was, and clients parse JSON whatever the status."""

    async def broken(*_given, **_named):
        raise RuntimeError("what nobody needs to know")

    await harbor.project("acme")
    monkeypatch.setattr(harbor.app.subscribing, "list", broken)
    answer = await harbor.ask("GET", POLICIES)
    assert (answer.status, answer.errors) == (500, ("UNKNOWN", "internal server error"))
