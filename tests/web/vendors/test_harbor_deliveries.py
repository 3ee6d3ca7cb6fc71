"""Policies made in Harbor's API at work: from a registry's notification to the receiver, and what is told of it after.

Bodies and headers are those of Harbor v2.15.2 (`http_handler.go`, `cloudevents.go`, `slack_handler.go`).
"""

import json
import uuid

import pytest

from notifications import TIME, delete, digest, pull, push
from sidecar.domain import instant

AT = instant.parse_rfc3339(TIME) // instant.SECOND
POLICIES = "/projects/acme/webhook/policies"


def push_data(tag="v1", content="a", *, repository="acme/api"):
    """Harbor's event_data of a push, first seen with it."""
    return {
        "resources": [
            {"digest": digest(content), "tag": tag, "resource_url": f"registry.example.com/{repository}:{tag}"}
        ],
        "repository": {
            "date_created": AT,
            "name": repository.partition("/")[2],
            "namespace": "acme",
            "repo_full_name": repository,
            "repo_type": "private",
        },
    }


async def test_the_default_format(harbor):
    """The header is sent as it was given, the query string stays; what happens in other projects is not told."""
    await harbor.project("acme")
    await harbor.policy("acme", path="/hook?type=harbor", target={"auth_header": "any s3cret"})
    await harbor.notify(push("0", repository="other/api"), push("a", repository="acme/api"))
    (got,) = await harbor.received(1)
    assert got.path == "/hook?type=harbor"
    assert (got.headers["Content-Type"], got.headers["Authorization"]) == ("application/json", "any s3cret")
    assert got.json == {"type": "PUSH_ARTIFACT", "occur_at": AT, "operator": "maria", "event_data": push_data()}


async def test_the_body_of_the_manual_of_1_10_where_the_operator_says_so(harbor):
    """`Default` is then the form that Harbor's 1.x manual prints, also for policies that are there already."""
    await harbor.project("acme")
    await harbor.policy("acme")
    harbor.sections["defaults"] = {"formats": {"harbor": {"options": {"flavour": "legacy"}}}}
    harbor.write()
    assert await harbor.app.reload() == ""
    await harbor.notify(push("a", "latest", repository="acme/repo1"))
    (got,) = await harbor.received(1)
    milliseconds = instant.parse_rfc3339(TIME) // instant.MILLISECOND
    assert got.json == {
        "event_type": "pushImage",
        "events": [
            {
                "project": "acme",
                "repo_name": "repo1",
                "tag": "latest",
                "full_name": "acme/repo1",
                "trigger_time": milliseconds,
                "image_id": digest("a").removeprefix("sha256:"),
                "project_type": "Private",
            }
        ],
    }


async def test_cloudevents_name_project_and_policy(harbor):
    project = await harbor.project("acme")
    policy = await harbor.policy("acme", target={"payload_format": "CloudEvents"})
    await harbor.notify(push("a", repository="acme/api"))
    (got,) = await harbor.received(1)
    assert got.headers["Content-Type"] == "application/cloudevents+json"
    assert "Authorization" not in got.headers
    said = got.json
    assert uuid.UUID(said.pop("id"))
    assert said == {
        "specversion": "1.0",
        "source": f"/projects/{project}/webhook/policies/{policy}",
        "type": "harbor.artifact.pushed",
        "datacontenttype": "application/json",
        "time": TIME[:19] + "Z",
        "data": push_data(),
        "operator": "maria",
        "requestid": "request-a",
    }


async def test_slack_is_sent_blocks_and_never_the_header(harbor):
    await harbor.project("acme")
    await harbor.policy("acme", target={"type": "slack", "auth_header": "s3cret"})
    await harbor.notify(push("a", repository="acme/api"))
    (got,) = await harbor.received(1)
    assert got.headers["Content-Type"] == "application/json"
    assert "Authorization" not in got.headers
    texts = [one["text"]["text"] for one in got.json["blocks"]]
    assert texts[:2] == ["*Harbor webhook events*", "*event_type:* PUSH_ARTIFACT"]
    assert texts[2].startswith(f"*occur_at:* <!date^{AT}^{{date}} at {{time}}|")
    assert texts[3:5] == ["*operator:* maria", "*event_data:*"]
    assert json.loads(texts[5].strip("`")) == push_data()


async def test_all_targets_of_a_policy_are_told(harbor):
    await harbor.project("acme")
    targets = [
        {"type": "http", "address": f"{harbor.receiver}/one"},
        {"type": "http", "address": f"{harbor.receiver}/two", "payload_format": "CloudEvents"},
    ]
    await harbor.policy("acme", targets=targets)
    await harbor.notify(push("a", repository="acme/api"))
    assert sorted(one.path for one in await harbor.received(2)) == ["/one", "/two"]


async def test_only_the_words_subscribed_are_said(harbor):
    await harbor.project("acme")
    await harbor.policy("acme", event_types=["DELETE_ARTIFACT", "SCANNING_COMPLETED"])
    await harbor.notify(push("a", repository="acme/api"), pull("b", of="a", repository="acme/api"))
    await harbor.notify(delete("c", "a", repository="acme/api"))
    (got,) = await harbor.received(1)
    assert got.json["type"] == "DELETE_ARTIFACT"


async def test_a_scan_is_told_to_the_policies_of_its_project(harbor):
    """A report of Trivy's as the scanner wrote it, of an image that was pushed before. The body is Harbor's of 2.11."""
    await harbor.project("acme")
    await harbor.project("other")
    await harbor.policy("acme", event_types=["SCANNING_COMPLETED"])
    await harbor.policy("other", path="/other", event_types=["SCANNING_COMPLETED"])
    await harbor.notify(push("a", "v1", repository="acme/api"))
    report = {
        "SchemaVersion": 2,
        "ReportID": "5d1a6b7e-0c7c-4a55-9f1e-2b8f5ad0c911",
        "CreatedAt": "2026-11-22T00:05:00Z",
        "ArtifactName": "registry.example.com/acme/api:v1",
        "ArtifactType": "container_image",
        "Metadata": {"RepoDigests": [f"registry.example.com/acme/api@{digest('a')}"]},
        "Results": [
            {
                "Target": "debian",
                "Vulnerabilities": [
                    {"VulnerabilityID": "CVE-2026-1", "PkgName": "a", "FixedVersion": "2", "Severity": "HIGH"},
                    {"VulnerabilityID": "CVE-2026-2", "PkgName": "b", "Severity": "LOW"},
                    {"VulnerabilityID": "CVE-2026-3", "PkgName": "b", "Severity": "LOW"},
                ],
            }
        ],
        "Trivy": {"Version": "0.68.1"},
    }
    await harbor.tell("scans", report)
    (got,) = await harbor.received(1)
    assert got.path == "/hook"
    overview = {
        "report_id": "5d1a6b7e-0c7c-4a55-9f1e-2b8f5ad0c911",
        "scan_status": "Success",
        "severity": "High",
        "duration": 0,
        "summary": {"total": 3, "fixable": 1, "summary": {"High": 1, "Low": 2}},
        "start_time": "2026-11-22T00:05:00Z",
        "end_time": "2026-11-22T00:05:00Z",
        "scanner": {"name": "Trivy", "vendor": "Aqua Security", "version": "0.68.1"},
        "complete_percent": 100,
    }
    image = {"digest": digest("a"), "tag": "v1", "resource_url": "registry.example.com/acme/api:v1"}
    assert got.json == {
        "type": "SCANNING_COMPLETED",
        "occur_at": instant.parse_rfc3339("2026-11-22T00:05:00Z") // instant.SECOND,
        "operator": "",
        "event_data": {
            "resources": [
                image | {"scan_overview": {"application/vnd.security.vulnerability.report; version=1.1": overview}}
            ],
            "repository": {
                "name": "api",
                "namespace": "acme",
                "repo_full_name": "acme/api",
                "repo_type": "private",
            },
            "scan": {"scan_type": "vulnerability"},
        },
    }


async def test_whatever_is_told_to_the_intake_has_its_event_type(harbor):
    """One policy with all of Harbor's event types; that of QUOTA_EXCEED under its name of 1.9."""
    await harbor.project("acme")
    said = (await harbor.get("/projects/acme/webhook/events"))["event_type"]
    await harbor.policy("acme", event_types=["projectQuota" if one == "QUOTA_EXCEED" else one for one in said])
    image = {"repository": "acme/api", "tag": "v1", "digest": digest("a")}
    used = {"used": 90, "limit": 100}
    happenings = {
        "QUOTA_EXCEED": ("quota.exceeded", {"namespace": "acme", "details": used}),
        "QUOTA_WARNING": ("quota.warning", {"namespace": "acme", "details": used}),
        "SCANNING_FAILED": ("scan.failed", image),
        "SCANNING_STOPPED": ("scan.stopped", image),
        "SCANNING_COMPLETED": ("scan.completed", image),
        "REPLICATION": ("mirror.started", {"namespace": "acme", "details": {"direction": "push"}}),
        "TAG_RETENTION": ("retention.finished", {"namespace": "acme", "details": {"total": 2, "retained": 1}}),
    }
    assert list(happenings) == said[3:]
    for what, data in happenings.values():
        await harbor.tell("events", {"type": what, "data": data})
    await harbor.notify(push("a", "v1", repository="acme/api"), pull("b", "v1", of="a", repository="acme/api"))
    await harbor.notify(delete("c", "a", repository="acme/api"))
    heard = await harbor.received(len(said))
    assert sorted(one.json["type"] for one in heard) == sorted(said)


async def test_what_the_manual_of_1_10_cannot_say_is_refused_where_its_body_is_the_default(harbor):
    """Nothing of it would ever come; other formats can say it. What was made before is in trouble, and says why."""
    await harbor.project("acme")
    await harbor.policy("acme", name="before", event_types=["PUSH_ARTIFACT", "REPLICATION"])
    harbor.sections["defaults"] = {"formats": {"harbor": {"options": {"flavour": "legacy"}}}}
    harbor.write()
    assert await harbor.app.reload() == ""
    place = "/projects/acme/webhook/policies"
    answer = await harbor.ask("POST", place, harbor.body(event_types=["PUSH_ARTIFACT", "REPLICATION"]))
    assert answer.status == 400
    assert "'REPLICATION'" in answer.errors[1]
    (before,) = (one.made for one in harbor.app.subscribing.standing)
    assert before.trouble.startswith("events[1]: unknown event")
    cloud = harbor.body(event_types=["PUSH_ARTIFACT", "REPLICATION"], target={"payload_format": "CloudEvents"})
    assert (await harbor.ask("POST", place, cloud)).status == 201


async def test_a_change_takes_effect_with_the_next_event(harbor):
    """Another address, then disabled, enabled, deleted; between them something is pushed."""
    await harbor.project("acme")
    number = await harbor.policy("acme", path="/first")
    place = f"{POLICIES}/{number}"
    await harbor.notify(push("a", "1", repository="acme/api"))
    await harbor.received(1)
    assert (await harbor.ask("PUT", place, harbor.body("/second"))).status == 200
    await harbor.notify(push("b", "2", repository="acme/api"))
    await harbor.received(2)
    assert (await harbor.ask("PUT", place, harbor.body("/third", enabled=False))).status == 200
    await harbor.notify(push("c", "3", repository="acme/api"))
    await harbor.until(lambda: not harbor.app._translator.lag)
    assert (await harbor.ask("PUT", place, harbor.body("/fourth"))).status == 200
    await harbor.notify(push("d", "4", repository="acme/api"))
    await harbor.received(3)
    assert (await harbor.ask("DELETE", place)).status == 200
    await harbor.notify(push("e", "5", repository="acme/api"))
    await harbor.until(lambda: not harbor.app._translator.lag)
    heard = [(one.path, one.json["event_data"]["resources"][0]["tag"]) for one in harbor.got]
    assert heard == [("/first", "1"), ("/second", "2"), ("/fourth", "4")]


@pytest.mark.parametrize("status", [400, 404, 410, 302, 500])
async def test_whatever_is_not_2xx_is_tried_again(harbor, status):
    """400 and 410 too, as Harbor does, where the configuration's subscriptions would give up."""
    await harbor.project("acme")
    number = await harbor.policy("acme")
    harbor.statuses.append(status)
    await harbor.notify(push("a", repository="acme/api"))
    first, second = await harbor.received(2)
    assert first.body == second.body
    assert first.headers["webhook-id"] == second.headers["webhook-id"]
    (execution,) = await harbor.reads(f"{POLICIES}/{number}/executions", lambda found: found[0]["status"] == "Success")
    (task,) = await harbor.get(f"{POLICIES}/{number}/executions/{execution['id']}/tasks")
    assert task["run_count"] == 2


async def test_the_global_switch_silences_every_subscription_of_the_format(tmp_path, harbor):
    """Those of the configuration file too; policies stay as they are, and what was silent is not told later."""
    harbor.sections["subscriptions"] = [
        {"name": "file", "format": "harbor", "url": f"{harbor.receiver}/file"},
        {"name": "native", "format": "cloudevents", "url": f"{harbor.receiver}/native"},
    ]
    harbor.write()
    assert await harbor.app.reload() == ""
    await harbor.project("acme")
    number = await harbor.policy("acme", path="/policy")
    switch = "/configurations"
    assert (await harbor.ask("PUT", switch, {"notification_enable": False})).status == 200
    await harbor.notify(push("a", "1", repository="acme/api"))
    assert [one.path for one in await harbor.received(1)] == ["/native"]
    await harbor.until(lambda: not harbor.app._translator.lag)
    assert (await harbor.get("/systeminfo"))["notification_enable"] is False
    assert (await harbor.get(f"{POLICIES}/{number}"))["enabled"] is True
    assert await harbor.app.reload() == ""  # a reload is no way around it

    await harbor.app.stop(drain=1)
    await harbor.start_sidecar()  # nor is a restart
    assert (await harbor.get(switch))["notification_enable"]["value"] is False
    await harbor.notify(push("b", "2", repository="acme/api"))
    assert [one.path for one in await harbor.received(2)] == ["/native"] * 2
    assert (await harbor.ask("PUT", switch, {"notification_enable": "true"})).status == 200
    await harbor.notify(push("c", "3", repository="acme/api"))
    got = await harbor.received(5)
    assert sorted(one.path for one in got[2:]) == ["/file", "/native", "/policy"]
    tags = {one.json["event_data"]["resources"][0]["tag"] for one in got if one.path != "/native"}
    assert tags == {"3"}


async def test_policies_survive_a_restart_with_their_ids(harbor):
    project = await harbor.project("acme")
    number = await harbor.policy("acme", target={"payload_format": "CloudEvents"})
    before = await harbor.get(f"{POLICIES}/{number}")
    await harbor.app.stop(drain=1)
    await harbor.start_sidecar()
    assert await harbor.get(f"{POLICIES}/{number}") == before
    await harbor.notify(push("a", repository="acme/api"))
    (got,) = await harbor.received(1)
    assert got.json["source"] == f"/projects/{project}/webhook/policies/{number}"


# --- what is told of it after ----------------------------------------------------------------------------------------


async def test_what_became_of_an_event(harbor):
    """One execution with one task; the payload as text; the log with both attempts; jobs, as it was told before."""
    await harbor.project("acme")
    number = await harbor.policy("acme")
    harbor.statuses.append(503)
    await harbor.notify(push("a", repository="acme/api"))
    (_, got) = await harbor.received(2)
    place = f"{POLICIES}/{number}/executions"
    (execution,) = await harbor.reads(place, lambda found: found and found[0]["status"] == "Success", who="maria")
    assert execution["extra_attrs"] == {"event_type": "PUSH_ARTIFACT", "payload": got.body.decode()}
    assert (execution["vendor_id"], execution["vendor_type"]) == (number, "WEBHOOK")
    assert execution["metrics"] == {"task_count": 1, "success_task_count": 1}
    tasks = await harbor.ask("GET", f"{place}/{execution['id']}/tasks")
    (task,) = tasks.json
    assert tasks.headers["X-Total-Count"] == "1"
    assert (task["execution_id"], task["run_count"], task["status"]) == (execution["id"], 2, "Success")
    log = await harbor.ask("GET", f"{place}/{execution['id']}/tasks/{task['id']}/log")
    assert log.headers["Content-Type"] == "text/plain; charset=utf-8"
    said = [line.partition("]: ")[2] for line in log.body.decode().splitlines()]
    assert said == [
        "start to run webhook job",
        f"send request to remote endpoint, body: {got.body.decode()}",
        "exit webhook job, error: abnormal response code: 503, body: said the receiver",
        "start to run webhook job",
        "success to run webhook job",
    ]
    (job,) = await harbor.get(f"/projects/acme/webhook/jobs?policy_id={number}&status=Success%2CError")
    assert (job["job_detail"], job["notify_type"], job["policy_id"]) == (got.body.decode(), "http", number)
    assert await harbor.get(f"/projects/acme/webhook/jobs?policy_id={number}&status=Pending") == []
    assert await harbor.get(f"{place}?q=status%3DError") == []
    assert len(await harbor.get(f"{place}?q=ExtraAttrs.event_type%3DPUSH_ARTIFACT&sort=-start_time")) == 1
    for path in (
        f"{place}/1/tasks",
        f"{place}/{execution['id']}/tasks/1/log",
        f"{POLICIES}/99/executions",
    ):
        assert (await harbor.ask("GET", path)).errors[0] == "NOT_FOUND"
    other = await harbor.policy("acme", name="other", path="/other")
    assert (await harbor.ask("GET", f"{POLICIES}/{other}/executions/{execution['id']}/tasks")).errors == (
        "NOT_FOUND",
        f"execution {execution['id']} not found in policy {other}",
    )
    missing = await harbor.ask("GET", "/projects/acme/webhook/jobs")
    assert missing.errors == ("UNPROCESSABLE_ENTITY", "validation failure list:\npolicy_id in query is required")


async def test_executions_come_newest_first_in_pages(harbor):
    await harbor.project("acme")
    number = await harbor.policy("acme")
    await harbor.notify(*(push(f"r{one}", f"v{one}", repository="acme/api") for one in range(3)))
    await harbor.received(3)
    place = f"{POLICIES}/{number}/executions"
    await harbor.reads(place, lambda found: [one["status"] for one in found] == ["Success"] * 3)
    answer = await harbor.ask("GET", f"{place}?page_size=2")
    tags = [json.loads(one["extra_attrs"]["payload"])["event_data"]["resources"][0]["tag"] for one in answer.json]
    assert tags == ["v2", "v1"]
    assert answer.headers["X-Total-Count"] == "3"
    assert answer.headers["Link"].endswith('/executions?page=2&page_size=2>; rel="next"')


async def test_when_each_event_came_last(harbor):
    await harbor.project("acme")
    await harbor.policy("acme", event_types=["PUSH_ARTIFACT", "PULL_ARTIFACT"])
    await harbor.policy("acme", name="off", enabled=False)
    await harbor.notify(push("a", repository="acme/api"))
    await harbor.received(1)
    rows = await harbor.get("/projects/acme/webhook/lasttrigger", who="maria")
    never = "0001-01-01T00:00:00.000Z"
    assert [(one["policy_name"], one["event_type"], one["last_trigger_time"] == never) for one in rows] == [
        ("off", "PUSH_ARTIFACT", True),
        ("off", "PULL_ARTIFACT", True),
        ("off", "DELETE_ARTIFACT", True),
        ("ci", "PUSH_ARTIFACT", False),
        ("ci", "PULL_ARTIFACT", True),
    ]
    assert [one.get("enabled") for one in rows] == [None, None, None, True, True]


async def test_the_test_of_2_0_sends_a_sample_at_once(harbor):
    """Nothing is kept of it; a body with targets alone will do; what is not taken is told."""
    project = await harbor.project("acme")
    place = f"/projects/{project}/webhook/policies/test"
    target = {"type": "http", "address": f"{harbor.receiver}/try", "auth_header": "t"}
    done = await harbor.ask("POST", place, {"targets": [target]}, who="maria")
    assert (done.status, done.body) == (200, b"")
    (got,) = harbor.got
    assert (got.path, got.headers["Authorization"], got.json["type"]) == ("/try", "t", "PUSH_ARTIFACT")
    harbor.statuses.append(500)
    refused = await harbor.ask("POST", place, {"targets": [target]})
    assert refused.errors == ("BAD_REQUEST", "the target did not take the test: answered 500")
    assert (await harbor.ask("POST", place, {"targets": []})).status == 400
    assert await harbor.get(POLICIES) == []


async def test_private_addresses_need_the_operators_word(harbor):
    """A policy is made all the same; nothing is sent, and both its test and its executions say why."""
    harbor.sections["guard"] = {}
    harbor.write()
    assert await harbor.app.reload() == ""
    await harbor.project("acme")
    number = await harbor.policy("acme")
    refused = await harbor.ask("POST", f"{POLICIES}/test", harbor.body())
    assert refused.errors[0] == "BAD_REQUEST"
    assert "guard.allow" in refused.errors[1]
    await harbor.notify(push("a", repository="acme/api"))
    (execution,) = await harbor.reads(
        f"{POLICIES}/{number}/executions", lambda found: found and found[0]["end_time"] > "2000"
    )
    assert (execution["status"], "guard.allow" in execution["status_message"]) == ("Error", True)
    assert harbor.got == []
