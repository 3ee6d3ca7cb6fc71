"""Builds over real connections: the promises of /intake/events, and a word of a build is told once."""

import json

import aiohttp
import pytest
from web_site import IngestSite

from sidecar.domain.details import Build

TELLER = {"Authorization": "Bearer teller"}
BUILD = {"repository": "prj/app", "build_id": "41", "status": "started"}


@pytest.fixture
async def site(tmp_path):
    site = IngestSite(tmp_path / "sidecar.db", registries=("main",))
    await site.start()
    yield site
    await site.stop()


@pytest.fixture
async def client():
    async with aiohttp.ClientSession() as session:
        yield session


async def tell(client, site, body, content_type="application/json", **headers):
    """Post builds; returns the status and the answer as JSON."""
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    url = site.intake.replace("/intake/events", "/intake/builds")
    async with client.post(url, data=raw, headers={"Content-Type": content_type, **TELLER, **headers}) as answer:
        return answer.status, json.loads(await answer.read())


async def test_a_build_is_answered_202_with_its_id_and_is_on_disk(site, client):
    status, answer = await tell(client, site, BUILD)
    assert (status, answer["new"], len(answer["ids"])) == (202, 1, 1)
    ((registry, identity, statement),) = await site.records()
    assert (registry, [identity]) == ("main", answer["ids"])
    assert (statement.type, statement.details) == ("build.started", Build(id="41"))
    assert site.heard == [("builds", "accepted", "")]


async def test_a_word_of_a_build_is_told_once_however_it_is_sent_again(site, client):
    """With other details, with another key, or as an event of ours."""
    first = await tell(client, site, BUILD, **{"Idempotency-Key": "a"})
    event = {"type": "build.started", "data": {"repository": "prj/app", "details": {"id": "41"}}}
    for again, headers in (
        (BUILD, {}),
        (BUILD, {"Idempotency-Key": "b"}),
        ({**BUILD, "time": "2026-11-21T00:00:00Z", "build_name": "x"}, {}),
        (event, {}),
    ):
        assert await tell(client, site, again, **headers) == (200, {"ids": first[1]["ids"], "new": 0})
    assert (await tell(client, site, {**BUILD, "status": "succeeded"}))[0] == 202
    assert (await tell(client, site, {**BUILD, "id": "run-2"}))[0] == 202
    assert [statement.type for _, _, statement in await site.records()] == [
        "build.started",
        "build.succeeded",
        "build.started",
    ]


async def test_a_list_is_taken_whole_or_not_at_all(site, client):
    builds = [{**BUILD, "status": status} for status in ("queued", "started", "succeeded")]
    status, answer = await tell(client, site, [*builds, {**BUILD, "status": "done"}])
    assert (status, answer["errors"][0]["pointer"]) == (400, "#/3/status")
    assert await site.journal() == []
    status, answer = await tell(client, site, builds)
    assert (status, answer["new"]) == (202, 3)
    assert [identity for _, identity, _ in await site.records()] == answer["ids"]


async def test_a_mistake_is_a_problem_with_its_place(site, client):
    status, answer = await tell(client, site, {**BUILD, "docker_tags": ["v1", "-"]})
    sentence = "At /docker_tags/1: a tag is up to 128 letters, digits, dots, dashes and underscores, as v1.4.2."
    assert (status, answer["detail"]) == (400, sentence)
    assert answer["errors"] == [{"detail": sentence, "pointer": "#/docker_tags/1"}]
    assert [(route, outcome) for route, outcome, _ in site.heard] == [("builds", "refused")]


@pytest.mark.parametrize("route", ["events", "builds"])
async def test_what_is_nested_too_deeply_is_refused(site, client, route):
    """On either address: a body that would exhaust the reader's stack is a mistake of the sender's."""
    url = site.intake.replace("/intake/events", f"/intake/{route}")
    headers = {"Content-Type": "application/json", **TELLER}
    async with client.post(url, data=b"[" * 50_000, headers=headers) as answer:
        assert answer.status == 400
        assert (await answer.json(content_type=None))["detail"] == "The body is nested too deeply."


async def test_the_registry_is_named_where_there_are_several(tmp_path, client):
    site = IngestSite(tmp_path / "sidecar.db")
    await site.start()
    try:
        status, answer = await tell(client, site, BUILD)
        assert (status, answer["errors"][0]["pointer"]) == (400, "#/registry")
        for registry in ("main", "other"):
            assert (await tell(client, site, {**BUILD, "registry": registry}))[0] == 202
        assert [registry for registry, _, _ in await site.records()] == ["main", "other"]
    finally:
        await site.stop()


async def test_only_who_shows_a_token_may_tell(site, client):
    assert (await tell(client, site, BUILD, Authorization="Bearer one"))[0] == 401
    assert site.heard == [("builds", "unauthorized", "")]


async def test_a_store_that_cannot_commit_is_503(site, client):
    site.store.fail("append")
    assert (await tell(client, site, BUILD))[0] == 503
    site.store.fail()
    assert (await tell(client, site, BUILD))[0] == 202
