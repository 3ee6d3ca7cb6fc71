"""harborapi, a client of Harbor written by others, drives every call for webhooks that it has, and those for projects.

It checks what it gets against models generated from Harbor's own description, follows links to further pages, and
raises for an empty body that says it is JSON.
"""

import warnings

import pytest
from harbor_site import BASE, TOKENS

from notifications import push

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # of libraries beneath it; ours are errors everywhere else
    from harborapi import HarborAsyncClient
    from harborapi.exceptions import BadRequest, Conflict, Forbidden, NotFound, PreconditionFailed, Unauthorized
    from harborapi.models import (
        Configurations,
        ProjectMetadata,
        ProjectReq,
        WebhookPolicy,
        WebhookTargetObject,
    )


@pytest.fixture
async def client(harbor):
    """Makes clients for persons; with their tokens for passwords."""
    made = []

    def make(who="admin", secret=None):
        given = secret or TOKENS[who]
        one = HarborAsyncClient(url=f"{harbor.url}{BASE}", username=who, secret=given, retry=None)
        made.append(one)
        return one

    yield make
    for one in made:
        await one.client.aclose()


def policy(harbor, name="ci", **changes):
    target = WebhookTargetObject(type="http", address=f"{harbor.receiver}/hook", auth_header="Bearer abc")
    given = {"name": name, "enabled": True, "event_types": ["PUSH_ARTIFACT"], "targets": [target], **changes}
    return WebhookPolicy(**given)


async def test_projects(client):
    api = client()
    assert await api.ping() == "Pong"
    assert not await api.project_exists("acme")
    location = await api.create_project(ProjectReq(project_name="acme", metadata=ProjectMetadata(public="true")))
    assert location.endswith("/projects/acme")
    assert await api.project_exists("acme")
    project = await api.get_project("acme")
    assert (project.name, project.metadata.public) == ("acme", "true")
    assert (await api.get_project(project.project_id)).name == "acme"
    await api.update_project("acme", ProjectReq(metadata=ProjectMetadata(public="false", auto_scan="true")))
    project = await api.get_project("acme")
    assert (project.metadata.public, project.metadata.auto_scan) == ("false", "true")
    for number in range(25):
        await api.create_project(ProjectReq(project_name=f"project-{number:02}"))
    assert len(await api.get_projects(page_size=10)) == 27  # with library, over three pages
    assert [one.name for one in await api.get_projects(name="acme")] == ["acme"]
    found = await api.get_projects(query="name=~project-1,project_id=[1~]", sort="-name", page_size=4)
    assert [one.name for one in found] == [f"project-{number}" for number in range(19, 9, -1)]
    with pytest.raises(Conflict):
        await api.create_project(ProjectReq(project_name="acme"))
    await api.delete_project("acme")
    with pytest.raises(NotFound):
        await api.get_project("acme")
    with pytest.raises(PreconditionFailed):
        await api.delete_project("library")
    with pytest.raises(NotFound):
        await api.get_project_scanner("library")


async def test_every_call_for_webhooks(harbor, client):
    await client().create_project(ProjectReq(project_name="acme"))
    api = client("maria")
    supported = await api.get_webhook_supported_events("acme")
    assert [one.root for one in supported.event_type][:3] == ["PUSH_ARTIFACT", "PULL_ARTIFACT", "DELETE_ARTIFACT"]
    assert [one.root for one in supported.notify_type] == ["http", "slack"]

    location = await api.create_webhook_policy("acme", policy(harbor, creator="robot"))
    assert location.startswith(f"{BASE}/projects/acme/webhook/policies/")
    number = int(location.rpartition("/")[2])
    read = await api.get_webhook_policy("acme", number)
    assert (read.id, read.name, read.creator, read.enabled) == (number, "ci", "robot", True)
    assert read.targets[0].auth_header == "Bearer abc"
    assert read.targets[0].payload_format.root == "Default"
    assert read.creation_time.tzinfo is not None

    # Read, change, write back, as people do.
    read.description = "for the builds"
    read.targets[0].payload_format.root = "CloudEvents"
    assert await api.update_webhook_policy("acme", number, read) is None
    again = await api.get_webhook_policy("acme", number)
    assert (again.description, again.targets[0].payload_format.root) == ("for the builds", "CloudEvents")

    await harbor.notify(push("a", repository="acme/api"))
    (got,) = await harbor.received(1)
    await harbor.reads(
        f"/projects/acme/webhook/policies/{number}/executions",
        lambda found: found and found[0]["status"] == "Success",
    )
    (job,) = await api.get_webhook_jobs("acme", number, status=["Success", "Error"])
    assert (job.status, job.event_type, job.job_detail) == ("Success", "PUSH_ARTIFACT", got.body.decode())
    (last,) = await api.get_webhook_policy_last_trigger("acme")
    assert (last.policy_name, last.event_type, last.enabled) == ("ci", "PUSH_ARTIFACT", True)
    assert last.last_trigger_time >= last.creation_time

    for extra in range(11):
        await api.create_webhook_policy("acme", policy(harbor, f"hook-{extra:02}"))
    assert len(await api.get_webhook_policies("acme")) == 12
    found = await api.get_webhook_policies("acme", query="name=~HOOK-1", sort="name")
    assert [one.name for one in found] == ["hook-10"]
    assert await api.delete_webhook_policy("acme", number) is None
    with pytest.raises(NotFound):
        await api.get_webhook_policy("acme", number)


async def test_what_is_refused(harbor, client):
    await client().create_project(ProjectReq(project_name="acme"))
    api = client("maria")
    await api.create_webhook_policy("acme", policy(harbor))
    with pytest.raises(Conflict) as taken:
        await api.create_webhook_policy("acme", policy(harbor))
    assert [one.code for one in taken.value.errors] == ["CONFLICT"]
    with pytest.raises(BadRequest) as unknown:
        await api.create_webhook_policy("acme", policy(harbor, "other", event_types=["CREATE_TAG"]))
    assert [one.message for one in unknown.value.errors] == ["unsupported event type CREATE_TAG"]
    with pytest.raises(Forbidden):
        await client("otto").get_webhook_policies("acme")
    with pytest.raises(Unauthorized):
        await client("maria", "wrong").get_webhook_policies("acme")


async def test_the_installation(client):
    api = client()
    assert (await api.get_current_user()).username == "admin"
    assert (await api.get_system_info()).notification_enable is True
    assert (await api.health_check()).status == "healthy"
    assert (await api.get_config()).notification_enable.value is True
    await api.update_config(Configurations(notification_enable=False))
    assert (await api.get_config()).notification_enable.value is False
    assert (await api.get_system_info()).notification_enable is False
