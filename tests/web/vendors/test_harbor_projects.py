"""Projects: where they come from, who sees them, and when they go. Sentences are those of Harbor's project manager."""

import pytest

from notifications import push


async def names(harbor, query="", who="admin"):
    return [one["name"] for one in await harbor.get(f"/projects{query}", who=who)]


async def test_a_push_makes_a_project_and_its_repositories(harbor):
    """A single segment lies in `library`, which is there from the start under id 1."""
    await harbor.notify(
        push("a", repository="acme/billing/api"), push("b", repository="acme/web"), push("c", repository="solo")
    )

    listed = "/projects?page_size=0&sort=project_id"
    library, acme = await harbor.reads(listed, lambda found: [one["repo_count"] for one in found] == [1, 2])
    assert (library["project_id"], library["name"]) == (1, "library")
    assert acme["name"] == "acme"
    repositories = await harbor.ask("GET", "/projects/acme/repositories")
    assert [one["name"] for one in repositories.json] == ["acme/billing/api", "acme/web"]
    assert {one["project_id"] for one in repositories.json} == {acme["project_id"]}
    assert repositories.headers["X-Total-Count"] == "2"
    assert [one["name"] for one in await harbor.get("/projects/acme/repositories?q=name%3D~web")] == ["acme/web"]
    assert [one["name"] for one in await harbor.get("/projects/library/repositories")] == ["library/solo"]
    gone = await harbor.ask("DELETE", "/projects/acme")
    assert gone.status == 412
    assert gone.errors[0] == "PRECONDITION"
    assert "acme/billing/api" in gone.errors[1]


async def test_who_sees_which(harbor):
    await harbor.project("acme")
    await harbor.project("other", metadata={"public": "true"})
    await harbor.project("secret")
    assert await names(harbor) == ["acme", "library", "other", "secret"]
    assert await names(harbor, who="maria") == ["acme", "other"]
    assert await names(harbor, who="") == ["other"]
    assert await names(harbor, "?public=false", who="") == []
    assert await names(harbor, "?public=false", who="maria") == ["acme"]
    assert (await harbor.ask("GET", "/projects", who="wrong")).status == 401
    assert (await harbor.get("/projects/other", who=""))["current_user_role_ids"] == []
    assert (await harbor.get("/projects/acme", who="maria"))["current_user_role_ids"] == [1]
    for path, who, status in (
        ("/projects/acme", "", 401),
        ("/projects/acme", "otto", 403),
        ("/projects/nowhere", "otto", 403),
        ("/projects/nowhere", "", 401),
        ("/projects/nowhere", "admin", 404),
        ("/projects/team-nowhere", "maria", 404),
        ("/projects/acme/repositories", "otto", 403),
    ):
        assert (await harbor.ask("GET", path, who=who)).status == status


async def test_whether_one_exists_is_asked_by_head(harbor):
    await harbor.project("acme")
    for name, who, status in (
        ("acme", "admin", 200),
        ("nowhere", "admin", 404),
        ("acme", "otto", 403),
        ("acme", "", 401),
    ):
        answer = await harbor.ask("HEAD", f"/projects?project_name={name}", who=who)
        assert (answer.status, answer.body) == (status, b"")


async def test_lists_of_projects_are_chosen_from(harbor):
    for name in ("alpha", "beta", "alphabet"):
        await harbor.project(name, metadata={"public": str(name == "beta").lower()})
    assert await names(harbor, "?name=ALPHA") == ["alpha", "alphabet"]
    assert await names(harbor, "?public=true") == ["beta"]
    assert await names(harbor, "?q=name%3Dalpha") == ["alpha"]
    assert await names(harbor, "?name=a&sort=-name&page_size=2") == ["library", "beta"]
    assert await names(harbor, "?owner=nobody") == []
    assert await names(harbor, "?owner=admin&name=bet") == ["alphabet", "beta"]


async def test_the_location_can_hold_the_name(harbor):
    answer = await harbor.ask(
        "POST", "/projects", {"project_name": "acme-2"}, headers={"X-Resource-Name-In-Location": "true"}
    )
    assert answer.headers["Location"] == "/api/v2.0/projects/acme-2"


@pytest.mark.parametrize(
    ("body", "status", "message"),
    [
        ({"project_name": ""}, 400, "Project name  is illegal in length. (greater than 255 or less than 1)"),
        ({"project_name": "a" * 256}, 400, "is illegal in length. (greater than 255 or less than 1)"),
        ({"project_name": "Acme"}, 400, "Project name Acme is not in lower case or contains illegal characters"),
        ({"project_name": "a/b"}, 400, "Project name a/b is not in lower case or contains illegal characters"),
        ({"project_name": "library"}, 409, "The project named library already exists"),
        (
            {"project_name": "x", "metadata": {"public": "yes"}},
            400,
            "metadata.public should only be 'true' or 'false', but got: 'yes'",
        ),
        ({"project_name": "x", "registry_id": 1}, 400, "a project cannot be a proxy cache here"),
        ({"project_name": 7}, 422, "$.project_name"),
        ({"project_name": "x", "metadata": {"public": {}}}, 422, "$.metadata"),
    ],
)
async def test_projects_that_cannot_be_made(harbor, body, status, message):
    answer = await harbor.ask("POST", "/projects", body)
    assert answer.status == status
    assert message in answer.errors[1]


async def test_who_makes_and_removes_projects(harbor):
    """Administrators any, others those that they manage."""
    assert (await harbor.ask("POST", "/projects", {"project_name": "team-a"}, who="")).status == 401
    assert (await harbor.ask("POST", "/projects", {"project_name": "team-a"}, who="otto")).status == 403
    assert (await harbor.ask("POST", "/projects", {"project_name": "team-a"}, who="maria")).status == 201
    assert (await harbor.get("/projects/team-a"))["owner_name"] == "maria"
    assert (await harbor.ask("PUT", "/projects/team-a", {"metadata": {}}, who="otto")).status == 403
    assert (await harbor.ask("DELETE", "/projects/team-a", who="otto")).status == 403
    assert (await harbor.ask("DELETE", "/projects/team-a", who="maria")).status == 200
    assert (await harbor.ask("DELETE", "/projects/1")).errors[0] == "PRECONDITION"


async def test_a_change_keeps_what_it_does_not_name(harbor):
    await harbor.project(
        "acme-2", metadata={"auto_scan": "true", "public": "true"}, cve_allowlist={"items": [{"cve_id": "CVE-1"}]}
    )
    assert (await harbor.ask("PUT", "/projects/acme-2", {"metadata": {"severity": "high"}})).status == 200
    read = await harbor.get("/projects/acme-2")
    assert read["metadata"] == {"auto_scan": "true", "severity": "high", "public": "true"}
    assert read["cve_allowlist"]["items"] == [{"cve_id": "CVE-1"}]


async def test_a_project_takes_its_policies_along(harbor):
    """And one of the same name has another id and none of them."""
    first = await harbor.project("acme-2")
    await harbor.policy("acme-2")
    assert (await harbor.ask("DELETE", "/projects/acme-2")).status == 200
    second = await harbor.project("acme-2")
    assert second != first
    assert await harbor.get("/projects/acme-2/webhook/policies") == []
    assert (await harbor.get("/projects/acme-2"))["metadata"] == {"public": "false"}


async def test_what_is_kept_beside_a_project_has_a_bound(harbor):
    """Each request adds keys to those that are there: many small ones would fill the store."""
    await harbor.project("acme")
    statuses = []
    for number in range(3):
        body = {"metadata": {f"key{number}": "x" * 30_000, "public": "true" if number == 2 else "false"}}
        statuses.append((await harbor.ask("PUT", "/projects/acme", body, who="maria")).status)
    assert statuses == [200, 200, 400]
    shown = await harbor.get("/projects/acme", who="maria")
    assert sorted(shown["metadata"]) == ["key0", "key1", "public"]
    assert shown["metadata"]["public"] == "false", "what is refused changes nothing"
    assert (await harbor.ask("PUT", "/projects/acme", {"metadata": {"key1": ""}}, who="maria")).status == 200
