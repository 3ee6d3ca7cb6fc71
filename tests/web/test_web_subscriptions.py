"""/v1/subscriptions over HTTP: made, read, replaced, removed; by whom, under which conditions, with which answers."""

import aiohttp
import pytest

from made_house import ADA, MadeHouse, draft
from sidecar.domain.account import Account, Accounts
from sidecar.domain.glob import Globs
from sidecar.domain.made import Api as Made
from sidecar.domain.message import Response
from sidecar.domain.person import Person
from sidecar.domain.secret import Secret
from sidecar.web.api import Api
from sidecar.web.door import Door, Porter
from sidecar.web.health import Health
from sidecar.web.server import Listeners

URL = "https://hooks.example/ci"
HOOK = {"name": "ci", "namespace": "prj", "format": "dtr", "url": URL}
FILE = {"name": "file", "format": "dtr", "url": "https://file.example"}
PEOPLE = {
    "admin": Person(name="ada", admin=True),
    "manager": Person(name="mia", namespaces=Globs.of(["prj"])),
    "stranger": Person(name="sam", namespaces=Globs.of(["elsewhere"])),
}


class Site:
    """A house with the API on a listener that knows people, and on a socket."""

    def __init__(self, folder):
        self.house = MadeHouse(folder, subscriptions=[FILE])
        self.listeners = Listeners()
        self.folder = folder

    async def start(self):
        house = await self.house.start()
        porter = Porter(house.observer.visited)
        accounts = [Account(person=person, tokens=(Secret(f"token of {role}" * 3),)) for role, person in PEOPLE.items()]
        porter.configure(Accounts(needed=True, accounts=tuple(accounts)), "")
        health = Health(stalled=lambda: 0.0, unready=list, render_metrics=lambda: (b"", "text/plain"))
        api = Api(house.operations, dict, health, subscribing=house.subscribing, porter=porter)
        (port,) = await self.listeners.serve_app(api.app(Door.CLOSED), [("127.0.0.1", 0)], None)
        self.base = f"http://127.0.0.1:{port}/v1/subscriptions"
        self.session = aiohttp.ClientSession()

    async def stop(self):
        await self.session.close()
        await self.listeners.stop()
        await self.house.stop()

    async def ask(self, method, path="", body=None, *, role="admin", **headers):
        """Status, body and headers of an answer."""
        given = {"Authorization": f"Bearer {f'token of {role}' * 3}"} | {
            k.replace("_", "-"): v for k, v in headers.items()
        }
        async with self.session.request(method, f"{self.base}{path}", json=body, headers=given) as answer:
            if answer.status >= 400:
                assert answer.content_type == "application/problem+json"
            value = await answer.json(content_type=None) if answer.status != 204 else None
            return answer.status, value, answer.headers


@pytest.fixture
async def site(tmp_path):
    site = Site(tmp_path)
    await site.start()
    yield site
    await site.stop()


# --- making and reading ----------------------------------------------------------------------------------------------


async def test_what_is_made_is_answered_whole_and_found_under_its_name(site):
    status, made, headers = await site.ask("POST", body=HOOK, role="manager")
    assert (status, headers["Location"], headers["ETag"]) == (201, "/v1/subscriptions/ci", '"1-1"')
    assert {key: made[key] for key in ("name", "source", "id", "revision", "creator", "trouble")} == {
        "name": "ci",
        "source": "native",
        "id": 1,
        "revision": 1,
        "creator": "mia",
        "trouble": "",
    }
    assert made["subscription"] == {**HOOK, "repository": "", "enabled": True}
    assert made["created"] == made["updated"]
    (lane,) = made["lanes"]
    assert (lane["name"], lane["source"], lane["key"], lane["pending"]) == ("api:native/1", "native", "ci", 0)
    for path in ("/ci", "/api%3Anative%2F1"):
        assert (await site.ask("GET", path, role="manager"))[:2] == (200, made)


async def test_a_preset_is_kept_with_the_format_that_it_comes_to(site):
    """Whoever reads it back sees both, may send both again, and hears where they do not fit."""
    body = {"name": "promoter", "namespace": "prj", "preset": "kargo", "headers": {"Authorization": "secret"}}
    body["url"] = f"https://kargo.example/harbor/{'0123456789abcdef' * 4}"
    status, made, _ = await site.ask("POST", body=body, role="manager")
    assert (status, made["trouble"]) == (201, "")
    shown = made["subscription"]
    assert (shown["preset"], shown["format"]) == ("kargo", "harbor")
    (lane,) = made["lanes"]
    assert (lane["format"], lane["events"]) == ("harbor", ["artifact.pushed"])
    assert (await site.ask("PUT", "/promoter", body=shown, role="manager"))[0] == 200
    status, problem, _ = await site.ask("PUT", "/promoter", body={**shown, "preset": "kargo-quay"}, role="manager")
    assert status == 422
    assert "format is chosen by preset kargo-quay, which is quay" in str(problem)


async def test_a_list_shows_every_source_and_to_a_manager_those_that_are_theirs(site):
    await site.ask("POST", body=HOOK)
    await site.ask("POST", body={**HOOK, "name": "theirs", "namespace": "other"})
    _, listed, _ = await site.ask("GET")
    assert [(one["source"], one["key"], one["namespace"]) for one in listed["subscriptions"]] == [
        ("file", "file", ""),
        ("native", "ci", "prj"),
        ("native", "theirs", "other"),
    ]
    _, mine, _ = await site.ask("GET", role="manager")
    assert [one["key"] for one in mine["subscriptions"]] == ["ci"]
    assert (await site.ask("GET", role="stranger"))[1] == {"subscriptions": []}


async def test_a_repository_names_its_namespace(site):
    status, made, _ = await site.ask(
        "POST", body={"name": "a", "format": "dtr", "url": URL, "repository": "prj/web/app"}
    )
    assert (status, made["subscription"]["namespace"]) == (201, "prj")
    status, told, _ = await site.ask("POST", body={"name": "b", "format": "dtr", "url": URL, "repository": "solo"})
    assert (status, told["errors"][0]["path"]) == (422, "repository")


async def test_what_is_made_is_told_of_events_at_once(site):
    await site.ask("POST", body=HOOK)
    await site.house.push("prj/app", "other/app")
    await site.house.settled()
    assert site.house.told(URL) == 1


# --- what is refused -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "errors"),
    [
        ({**HOOK, "format": "x"}, ["format"]),
        ({**HOOK, "match": {"tags": [1]}, "colour": 1, "url": "x"}, ["match.tags[0]", "colour", "url"]),
        ({**HOOK, "name": "no/name"}, ["name"]),
        ({**HOOK, "name": 5, "namespace": None}, ["name", "namespace"]),
        ({**HOOK, "enabled": "no"}, ["enabled"]),
        ({**HOOK, "proxy": "env"}, ["proxy"]),
        ({**HOOK, "headers": {"X": "<secret>"}}, ["headers.X"]),
        ({"name": "ci", "namespace": "prj", "url": URL}, [""]),
    ],
)
async def test_mistakes_are_told_with_the_path_of_each_field(site, body, errors):
    status, told, _ = await site.ask("POST", body=body)
    assert (status, told["title"]) == (422, "Unprocessable Entity")
    assert sorted(one["path"] for one in told["errors"]) == sorted(errors)
    assert all(one["detail"] for one in told["errors"])
    assert (await site.ask("GET", "/ci"))[0] == 404


@pytest.mark.parametrize("raw", [b"", b"[]", b"{", b"\xff", b"null", b'{"a":' + b"[" * 20_000 + b"]" * 20_000 + b"}"])
async def test_what_is_no_object_is_told_so(site, raw):
    headers = {"Authorization": f"Bearer {'token of admin' * 3}", "Content-Type": "application/json"}
    async with site.session.post(site.base, data=raw, headers=headers) as answer:
        assert answer.status == 400
        assert "the body" in (await answer.json(content_type=None))["detail"].lower()


async def test_a_mistake_of_ours_is_answered_as_a_problem_too(site, monkeypatch):
    async def broken():
        raise RuntimeError("what nobody needs to know")

    monkeypatch.setattr(site.house.operations, "subscriptions", broken)
    status, told, _ = await site.ask("GET")
    assert (status, told["title"]) == (500, "Internal Server Error")
    assert "nobody needs" not in told["detail"]


async def test_names_that_are_taken_are_told(site):
    await site.ask("POST", body=HOOK)
    for name in ("ci", "file"):
        status, told, _ = await site.ask("POST", body={**HOOK, "name": name})
        assert (status, f"subscription {name}" in told["detail"]) == (409, True)


async def test_of_others_one_sees_and_changes_nothing(site):
    await site.ask("POST", body=HOOK)
    for method, path, body in (
        ("GET", "/ci", None),
        ("PUT", "/ci", HOOK),
        ("DELETE", "/ci", None),
        ("POST", "", {**HOOK, "name": "new"}),
        ("POST", "", {**HOOK, "name": "new", "namespace": ""}),
        ("POST", "/ci/pause", None),
        ("POST", "/ci/test", {}),
    ):
        status, told, _ = await site.ask(method, path, body, role="stranger")
        assert (status, "User sam does not manage" in told["detail"]) == (403, True), (method, path)
    assert site.house.sender.requests == []
    assert (await site.ask("GET", "/ci"))[1]["revision"] == 1


async def test_what_the_file_says_is_only_read(site):
    status, shown, headers = await site.ask("GET", "/file")
    assert (status, shown["source"], shown["name"], "ETag" in headers) == (200, "file", "file", False)
    for method, body in (("PUT", HOOK), ("DELETE", None)):
        status, told, _ = await site.ask(method, "/file", body)
        assert (status, told["detail"]) == (
            409,
            "Subscription file is of the configuration file: change it there.",
        )
    assert (await site.ask("GET", "/file", role="manager"))[0] == 404
    assert (await site.ask("DELETE", "/none"))[0] == 404


# --- changing --------------------------------------------------------------------------------------------------------


async def test_a_replacement_is_whole_and_counted(site):
    await site.ask("POST", body={**HOOK, "match": {"tags": ["v*"]}})
    status, changed, headers = await site.ask("PUT", "/ci", {**HOOK, "url": "https://new.example", "enabled": False})
    assert (status, changed["revision"], headers["ETag"]) == (200, 2, '"1-2"')
    assert changed["subscription"] == {
        **HOOK,
        "repository": "",
        "enabled": False,
        "url": "https://new.example",
    }, "what is left out is not kept"
    _, renamed, _ = await site.ask("PUT", "/ci", {**HOOK, "name": "renamed"})
    assert renamed["name"] == "renamed"
    assert (await site.ask("GET", "/ci"))[0] == 404


async def test_what_was_read_can_be_sent_back_and_its_secrets_stay(site):
    secrets = {"headers": {"Authorization": "Bearer hunter2"}, "sign": {"scheme": "github", "secrets": ["hunter2" * 4]}}
    _, made, _ = await site.ask("POST", body={**HOOK, **secrets})
    assert "hunter2" not in str(made)
    status, again, _ = await site.ask("PUT", "/ci", made["subscription"])
    assert (status, again["subscription"]) == (200, made["subscription"])
    await site.house.push("prj/app")
    await site.house.settled()
    (sent,) = [one for one in site.house.sender.requests if one.url == URL]
    assert dict(sent.headers)["Authorization"] == "Bearer hunter2"


@pytest.mark.parametrize("method", ["PUT", "DELETE"])
async def test_a_change_goes_by_the_state_that_was_read(site, method):
    _, _, headers = await site.ask("POST", body=HOOK)
    seen = headers["ETag"]
    await site.ask("PUT", "/ci", HOOK)
    body = HOOK if method == "PUT" else None
    status, told, _ = await site.ask(method, "/ci", body, If_Match=seen)
    assert (status, "read it again" in told["detail"]) == (412, True)
    current = (await site.ask("GET", "/ci"))[2]["ETag"]
    status, _, _ = await site.ask(method, "/ci", body, If_Match=f'"other", {current}')
    assert status == (200 if method == "PUT" else 204)


async def test_a_state_of_another_that_had_the_name_is_none_of_its(site):
    """Both are the first state; only the one that was read may be removed."""
    _, _, headers = await site.ask("POST", body=HOOK)
    await site.ask("DELETE", "/ci")
    await site.ask("POST", body=HOOK)
    assert (await site.ask("DELETE", "/ci", If_Match=headers["ETag"]))[0] == 412
    assert (await site.ask("DELETE", "/ci", If_Match="*"))[0] == 204
    assert (await site.ask("GET", "/ci"))[0] == 404


async def test_what_another_api_made_is_shown_and_removed_here_but_changed_there(site):
    made = await site.house.subscribing.create(ADA, draft("1/hook", api=Made.HARBOR, form="harbor"))
    path = f"/api%3Aharbor%2F{made.id}"
    status, shown, _ = await site.ask("GET", path)
    assert (status, shown["source"], shown["name"], len(shown["targets"])) == (200, "harbor", "1/hook", 1)
    status, told, _ = await site.ask("PUT", path, HOOK)
    assert (status, "through the API of harbor" in told["detail"]) == (409, True)
    assert (await site.ask("DELETE", path))[0] == 204


# --- the other verbs -------------------------------------------------------------------------------------------------


async def test_the_other_verbs_know_it_by_its_name(site):
    site.house.sender.answer = lambda _request: Response(status=400)
    await site.ask("POST", body=HOOK)
    assert (await site.ask("POST", "/ci/pause", role="manager"))[1]["hold"] == "operator"
    status, tried, _ = await site.ask("POST", "/ci/test", {}, role="manager")
    assert (status, tried["subscription"], tried["status"]) == (200, "ci", 400)
    assert (await site.ask("POST", "/ci/resume", role="manager"))[1]["hold"] == ""
    await site.house.push("prj/app")
    await site.house.settled()
    _, found, _ = await site.ask("GET", "/../deliveries?subscription=ci")
    assert [one["subscription"] for one in found["deliveries"]] == ["api:native/1"]
    _, step, _ = await site.ask("POST", "/../deliveries/replay", {"subscriptions": ["ci"]})
    assert step["subscriptions"] == [{"subscription": "api:native/1", "count": 1}]


async def test_one_that_cannot_be_used_says_why(site):
    await site.ask("POST", body={**HOOK, "match": {"registries": ["main"]}})
    assert await site.house.reload(registries=[{"name": "new", "hostname": "new.example.com"}])
    status, shown, _ = await site.ask("GET", "/ci")
    assert (status, "match.registries[0]" in shown["trouble"]) == (200, True)
    _, listed, _ = await site.ask("GET")
    (lane,) = [one for one in listed["subscriptions"] if one["key"] == "ci"]
    assert (lane["orphaned"], lane["trouble"]) == (True, shown["trouble"])
    status, mended, _ = await site.ask("PUT", "/ci", HOOK)
    assert (status, mended["trouble"], mended["lanes"][0]["orphaned"]) == (200, "", False)
