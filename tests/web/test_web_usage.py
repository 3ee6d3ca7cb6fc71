"""Usage over the native API: everything for administrators, their own namespaces for those who manage some."""

import json

from aiohttp import web
from aiohttp.test_utils import make_mocked_request

from sidecar.domain.glob import Globs
from sidecar.domain.person import Person
from sidecar.domain.quota import Quota
from sidecar.domain.usage import Stage, UsageRow
from sidecar.pipeline.weighing import Weighed
from sidecar.web.exchange import PERSON
from sidecar.web.usage import add_usage

ADMIN = Person(name="ada", admin=True)


def weighed(registry, namespace, used, **more):
    row = UsageRow(registry=registry, namespace=namespace, used=used, **more)
    return Weighed(row=row, quota=Quota(namespaces=Globs.of(("*",)), limit=1000, warn_at=(50, 85)), named=True)


HELD = (
    weighed("edge", "prj", 1),
    weighed("main", "prj", 1234, unknown=2),
    weighed("main", "team-a", 999, stage=Stage.COUNTING, repository="team-a/x"),
)


async def ask(person, query=""):
    async def usage():
        return HELD

    app = web.Application()
    add_usage(app, usage)
    request = make_mocked_request("GET", f"/v1/usage{query}")
    request[PERSON] = person
    resolved = await app.router.resolve(request)
    answer = await resolved.handler(request)
    return json.loads(answer.body)["usage"]


async def test_what_is_shown_of_a_namespace():
    _, prj, team = await ask(ADMIN)
    assert prj == {
        "registry": "main",
        "namespace": "prj",
        "bytes": 1234,
        "limit": 1000,
        "percent": 123,
        "warnAt": [50, 85],
        "counting": False,
        "unknown": 2,
    }
    assert (team["percent"], team["counting"]) == (99, True)


async def test_who_manages_a_namespace_sees_it_and_no_other():
    mia = Person(name="mia", namespaces=Globs.of(["team-*"]))
    assert [one["namespace"] for one in await ask(mia)] == ["team-a"]
    assert await ask(Person(name="sam")) == []


async def test_a_registry_or_a_namespace_can_be_asked_for():
    assert [one["registry"] for one in await ask(ADMIN, "?namespace=prj")] == ["edge", "main"]
    assert [one["namespace"] for one in await ask(ADMIN, "?registry=main")] == ["prj", "team-a"]
    assert await ask(ADMIN, "?registry=edge&namespace=team-a") == []
