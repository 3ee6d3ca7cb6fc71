"""Notifications of builds through Quay's API: their filter by reference, and what the test button sends."""

import json

import aiohttp
import pytest
from quay_site import QuaySite, until

from sidecar.domain.listing import DeliveryFilter

HERE = "repository/prj/app/notification"


@pytest.fixture
async def site(tmp_path):
    site = QuaySite(tmp_path)
    await site.start(ingest={"listen": "127.0.0.1:0", "intake": {"tokens": ["teller"]}})
    yield site
    await site.stop()


async def tell(site, *builds):
    url = site.ingest.replace("/events", "/intake/builds")
    async with (
        aiohttp.ClientSession(headers={"Authorization": "Bearer teller"}) as session,
        session.post(url, json=builds) as answer,
    ):
        assert answer.status == 202
    await until(lambda: site.app._translator.lag == 0)


def heard(site):
    return [json.loads(body) for _, _, body in site.receiver.posts]


async def test_a_notification_hears_of_the_builds_of_its_references(site):
    """`ref-regex` of Quay's own form; builds of other references, and of none, are told to nobody."""
    made = await site.made(event="build_failure", eventConfig={"ref-regex": "refs/heads/(main|release/)"})
    assert made["event_config"] == {"ref-regex": "refs/heads/(main|release/)"}
    refs = {
        "1": "refs/heads/dev",
        "2": "refs/tags/main",
        "3": None,
        "4": "refs/heads/release/1",
        "5": "refs/heads/main",
    }
    builds = [
        {"repository": "prj/app", "build_id": number, "status": "failed", "trigger_metadata": {"ref": ref}}
        for number, ref in refs.items()
    ]
    await tell(site, *builds, {"repository": "prj/app", "build_id": "4", "status": "started"})
    await until(lambda: len(site.receiver.posts) >= 2)
    assert sorted(one["build_id"] for one in heard(site)) == ["4", "5"]


@pytest.mark.parametrize(
    ("word", "extra"),
    [
        ("build_start", {}),
        ("build_success", {"image_id": "1245657346"}),
        ("build_cancelled", {"image_id": "1245657346"}),
    ],
)
async def test_the_test_button_sends_quays_sample(site, word, extra):
    """get_sample_data of Quay 3.15, its keys in its order."""
    uuid = (await site.made(event=word, eventConfig={"ref-regex": "refs/heads/some"}))["uuid"]
    assert await site.json("POST", f"{HERE}/{uuid}/test") == (200, {})
    await until(lambda: site.receiver.posts)
    expected = {
        "repository": "prj/app",
        "namespace": "prj",
        "name": "app",
        "docker_url": "registry.example.com/prj/app",
        "homepage": "https://registry.example.com/repository/prj/app/build/fake-build-id",
        "build_id": "fake-build-id",
        "build_name": "some-fake-build",
        "docker_tags": ["latest", "foo", "bar"],
        "trigger_id": "1245634",
        "trigger_kind": "GitHub",
        "trigger_metadata": {
            "default_branch": "master",
            "ref": "refs/heads/somebranch",
            "commit": "42d4a62c53350993ea41069e9f2cfdefb0df097d",
        },
        **extra,
    }
    assert json.dumps(heard(site)[0]) == json.dumps(expected)


@pytest.mark.parametrize(
    ("word", "first", "between"),
    [
        ("build_queued", ["is_manual", "build_id", "build_name", "docker_tags"], ["trigger_id", "trigger_kind"]),
        (
            "build_failure",
            ["build_id", "build_name", "docker_tags"],
            ["trigger_kind", "error_message", "trigger_id"],
        ),
    ],
)
async def test_samples_with_a_commit(site, word, first, between):
    uuid = (await site.made(event=word))["uuid"]
    assert await site.json("POST", f"{HERE}/{uuid}/test") == (200, {})
    await until(lambda: site.receiver.posts)
    (body,) = heard(site)
    assert list(body)[5:] == [*first, *between, "trigger_metadata"]
    assert body.get("is_manual", False) is False
    assert body.get("error_message", "This is a fake error message") == "This is a fake error message"
    info = body["trigger_metadata"]["commit_info"]
    assert isinstance(info.pop("date"), float)
    assert json.dumps(info) == (
        '{"url": "http://path/to/the/commit", "message": "Some commit message", "author": {"username": "fakeauthor", '
        '"url": "http://path/to/fake/author/in/scm", "avatar_url": "http://www.gravatar.com/avatar/fakehash"}}'
    )


async def test_the_test_button_sends_nothing_past_the_filter(site):
    """As in Quay: the sample's reference is refs/heads/somebranch, and the answer is 200 all the same."""
    site.receiver.status = 500  # so that whatever is queued stays
    uuid = (await site.made(event="build_start", eventConfig={"ref-regex": "refs/tags/"}))["uuid"]
    assert await site.json("POST", f"{HERE}/{uuid}/test") == (200, {})
    assert list((await site.app.operations.undelivered(DeliveryFilter()))[0]) == []
    other = (await site.made(event="build_start", eventConfig={"ref-regex": "refs/heads/"}))["uuid"]
    assert await site.json("POST", f"{HERE}/{other}/test") == (200, {})
    assert len(list((await site.app.operations.undelivered(DeliveryFilter()))[0])) == 1


async def test_a_filter_that_cannot_be_used_is_refused(site):
    """Quay takes it, and tells of nothing."""
    form = {"event": "build_start", "method": "webhook", "config": {"url": site.hook}}
    status, told = await site.json("POST", f"{HERE}/", {**form, "eventConfig": {"ref-regex": "]["}})
    assert status == 400
    assert "ref_regex cannot be used: missing ]: [" in told["error_message"]
    assert await site.json("GET", f"{HERE}/") == (200, {"notifications": []})
