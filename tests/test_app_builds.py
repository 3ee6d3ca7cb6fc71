"""Builds from the request that tells of them to the receiver of a webhook, through a whole sidecar."""

import asyncio
import json
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from sidecar.app import App
from sidecar.config.loading import load

GOLDEN = Path(__file__).parent / "dialects" / "golden" / "quay"
STATUSES = {
    "build_queued": "queued",
    "build_start": "started",
    "build_success": "succeeded",
    "build_failure": "failed",
    "build_cancelled": "cancelled",
}
SAID = {word: json.loads((GOLDEN / f"{word}.json").read_text())["body"] for word in STATUSES}  # Quay's manual
PLACES = {"namespace", "name", "repo", "docker_url", "homepage"}  # of the body; the sidecar knows these itself


@pytest.fixture
async def receiver():
    """A web server that keeps what is posted to it, by path."""
    heard = {}

    async def answer(request):
        assert request.content_type == "application/json"
        heard.setdefault(request.path, []).append(await request.json())
        return web.Response()

    app = web.Application()
    app.router.add_post("/{name}", answer)
    async with TestServer(app) as server:
        server.heard = heard
        yield server


@pytest.fixture
async def sidecar(tmp_path, receiver):
    def subscription(name, **options):
        url = str(receiver.make_url(f"/{name}"))
        return {"name": name, "format": "quay", "url": url, "events": list(SAID), "options": options}

    path = tmp_path / "config.yml"
    path.write_text(
        json.dumps(
            {
                "ingest": {"listen": "127.0.0.1:0", "intake": {"tokens": ["teller"]}},
                "management": {"listen": "127.0.0.1:0"},
                "store": f"sqlite:///{tmp_path}/sidecar.db",
                "registries": [{"name": "main", "hostname": "quay.io", "scheme": "https"}],
                "subscriptions": [
                    subscription("all"),
                    subscription("master", ref_regex="refs/heads/master"),
                    subscription("tags", ref_regex="refs/tags/"),
                ],
            }
        )
    )
    app = App(load(path, {}))
    await app.start()
    yield app
    await app.stop()


async def post(sidecar, builds):
    url = f"http://127.0.0.1:{sidecar.ingest_ports[0]}/intake/builds"
    async with aiohttp.ClientSession(headers={"Authorization": "Bearer teller"}) as client:
        while True:  # until the store is open
            async with client.post(url, json=builds) as answer:
                if answer.status != 503:
                    return answer.status
            await asyncio.sleep(0.01)


async def test_what_quay_says_of_a_build_can_be_told_and_is_said_again(sidecar, receiver):
    """The bodies of Quay's manual, told with a status, come out as they were, once each; others go elsewhere."""
    reports = [
        {**{key: value for key, value in body.items() if key not in PLACES}, "status": STATUSES[word]}
        for word, body in SAID.items()
    ]
    tagged = {**reports[0], "build_id": "tagged", "trigger_metadata": {"ref": "refs/tags/v1"}}
    assert await post(sidecar, [*reports, tagged]) == 202
    assert await post(sidecar, reports) == 200
    async with asyncio.timeout(10):
        while [len(receiver.heard.get(path, ())) for path in ("/all", "/master", "/tags")] != [6, 5, 1]:  # noqa: ASYNC110 - others do what it waits for
            await asyncio.sleep(0.01)
    expected = sorted(SAID.values(), key=_order)
    assert sorted(receiver.heard["/master"], key=_order) == expected
    assert [one for one in receiver.heard["/all"] if one not in expected] == receiver.heard["/tags"]
    (one,) = receiver.heard["/tags"]
    assert (one["build_id"], one["trigger_metadata"]) == ("tagged", {"ref": "refs/tags/v1"})


def _order(body):
    return json.dumps(body, sort_keys=True)
