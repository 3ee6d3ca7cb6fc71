"""The document is whole, valid, and true: every route is in it, every answer is as it says, nothing is left over."""

import json
import subprocess
import sys

import pytest
from jsonschema import Draft202012Validator, FormatChecker
from openapi_spec_validator import OpenAPIV31SpecValidator

from sidecar.config.schema import of_made
from sidecar.web.calls import CALLS
from sidecar.web.door import Door
from sidecar.web.openapi.document import document

DOCUMENT = document(of_made)
OPERATIONS = {
    what["operationId"]: (method.upper(), path, what)
    for path, methods in DOCUMENT["paths"].items()
    for method, what in methods.items()
}
by_call = pytest.mark.parametrize("name", OPERATIONS)


def validator(schema, *, closed=False):
    """Of a schema of the document; `closed` takes no field that is not named."""
    components = json.loads(json.dumps(DOCUMENT["components"]))
    if closed:
        for one in components["schemas"].values():
            if "properties" in one and "allOf" not in one:
                one.setdefault("additionalProperties", False)
    return Draft202012Validator({**schema, "components": components}, format_checker=FormatChecker())


def contents(what):
    """Every body of a call, asked and answered: its status or "", media type and description."""
    for status, response in (("", what.get("requestBody", {})), *what["responses"].items()):
        for media, content in response.get("content", {}).items():
            yield status, media, content


# --- whole -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("door", list(Door), ids=lambda door: door.value)
async def test_every_route_of_the_api_is_described_and_nothing_else(site, door):
    routes = {
        (one.method, one.resource.canonical)
        for one in site.api.app(door).router.routes()
        if one.resource.canonical.startswith("/v1") and one.method != "HEAD"
    }
    assert routes == {(method, path) for method, path, _ in OPERATIONS.values()}


def test_an_independent_validator_takes_it_for_openapi():
    assert list(OpenAPIV31SpecValidator(DOCUMENT).iter_errors()) == []
    assert DOCUMENT["openapi"].startswith("3.1.")


def test_every_shape_and_response_is_used():
    used = json.dumps(DOCUMENT)
    for kind in ("schemas", "responses"):
        unused = [name for name in DOCUMENT["components"][kind] if f'"#/components/{kind}/{name}"' not in used]
        assert unused == []


@by_call
def test_every_call_says_what_it_does_for_whom_and_how_it_fails(name):
    _, _, what = OPERATIONS[name]
    assert what["summary"]
    assert "For administrators" in what["description"] or "For everybody who has signed in" in what["description"]
    assert {"400", "401", "403", "429", "500"} <= what["responses"].keys()
    examples = [content for status, _, content in contents(what) if status != "200" or name != "readDocument"]
    assert all("example" in one for one in examples)
    assert all(one["description"] for one in what.get("parameters", ()))


@by_call
def test_examples_are_what_they_are_examples_of(name):
    _, _, what = OPERATIONS[name]
    for _, _, content in contents(what):
        if "example" in content:
            validator(content["schema"], closed=name != "getDocument").validate(content["example"])
    for one in what.get("parameters", ()):
        if "example" in one:
            validator(one["schema"]).validate(one["example"])


def test_examples_of_failures_are_problems():
    for name, response in DOCUMENT["components"]["responses"].items():
        (content,) = response["content"].values()
        validator(content["schema"], closed=True).validate(content["example"])
        assert list(response["content"]) == ["application/problem+json"], name


def test_nothing_of_it_is_loaded_before_somebody_asks():
    code = (
        "import sys, sidecar.app; print([one for one in sys.modules if one.startswith('sidecar.web.openapi.') and "
        "one != 'sidecar.web.openapi.routes'])"
    )
    assert subprocess.check_output([sys.executable, "-c", code], text=True) == "[]\n"


# --- true ------------------------------------------------------------------------------------------------------------


async def test_the_served_one_is_this_one(site):
    status, headers, body = await site.ask("GET", "/v1/openapi.json")
    assert (status, headers["Content-Type"]) == (200, "application/json")
    assert json.loads(body) == json.loads(json.dumps(DOCUMENT))


@by_call
async def test_each_call_reads_the_query_that_is_described(site, name):
    method, path, what = OPERATIONS[name]
    described = [one["name"] for one in what.get("parameters", ()) if one["in"] == "query"]
    for part in ("{id}", "{name}", "{registry}", "{repository}", "{tag}"):
        path = path.replace(part, "1")
    status, _, body = await site.ask(method, f"{path}?nonsense=1")
    said = json.loads(body)
    assert (status, said["errors"][0]["path"]) == (400, "nonsense")
    known = f"known: {', '.join(sorted(described))}." if described else "none is read here."
    assert said["detail"] == f"Unknown query parameter 'nonsense'; {known}"


async def found(site, path, *keys):
    _, _, body = await site.ask("GET", path)
    value = json.loads(body)
    for key in keys:
        value = value[key]
    return value


HOOK = {"name": "new", "namespace": "prj", "format": "dtr", "url": "https://hooks.example/new"}


async def success(site, name):
    """The path and body with which a call succeeds here."""
    method, path, what = OPERATIONS[name]
    if "{id}" in path:
        lists = {"events": "events", "deliveries": "deliveries", "quarantine": "items", "inbox": "items"}
        kind = path.split("/")[2]
        query = {"retryDelivery": "?state=dead", "getDelivery": "?state=dead", "cancelDelivery": "?state=due"}.get(
            name, ""
        )
        query = "?type=artifact.pushed" if kind == "events" else query
        path = path.replace("{id}", str(await found(site, f"/v1/{kind}{query}", lists[kind], 0, "id")))
    for part, value in (("{registry}", "main"), ("{repository}", "prj/app"), ("{tag}", "v1")):
        path = path.replace(part, value)
    if "{name}" in path:
        path = path.replace("{name}", "main" if "/registries/" in path else "ci")
    if name in {"acceptWalk", "rejectWalk"}:
        await site.hold_a_walk()
    bodies = {"createSubscription": HOOK, "replaceSubscription": {**HOOK, "name": "ci"}, "replayDeliveries": {}}
    bodies["setExpiry"] = {"expires": "2100-01-01T00:00:00Z"}
    body = bodies.get(name, {} if "requestBody" in what else None)
    return method, path, body


@pytest.mark.parametrize("name", [one for one in OPERATIONS if one not in {"backUp", "readDocument"}])
async def test_a_real_answer_has_the_fields_that_are_described_and_no_others(site, name):
    method, path, body = await success(site, name)
    status, headers, raw = await site.ask(method, path, body)
    what = OPERATIONS[name][2]
    (described,) = [one for one in what["responses"] if one.startswith("2")]
    assert (str(status), raw != b"" or status == 204) == (described, True), raw
    response = what["responses"][described]
    assert all(one in headers for one in response.get("headers", ()))
    if status != 204:
        content = response["content"][headers["Content-Type"]]
        value = json.loads(raw)
        validator(content["schema"], closed=name != "getDocument").validate(value)
        assert filled(value) or name == "getDocument", "a list without anything in it shows nothing"


def filled(value):
    lists = [one for one in value.values() if isinstance(one, list)]
    return not lists or any(lists)


@pytest.mark.parametrize("source", ["updater", "ci", "api:harbor/2", "api:dtr/3", "api:quay/4"])
async def test_a_subscription_of_every_source_is_as_described(site, source):
    status, _, raw = await site.ask("GET", f"/v1/subscriptions/{source.replace('/', '%2F')}")
    assert status == 200
    schema = OPERATIONS["getSubscription"][2]["responses"]["200"]["content"]["application/json"]["schema"]
    validator(schema, closed=True).validate(json.loads(raw))


async def test_a_backup_is_told_in_lines_as_described(site, tmp_path):
    import aiohttp

    async with (
        aiohttp.ClientSession(connector=aiohttp.UnixConnector(str(site.socket))) as session,
        session.post("http://sidecar/v1/backup", json={"target": str(tmp_path / "copy.db")}) as answer,
    ):
        kind, lines = (
            answer.content_type,
            [json.loads(line) for line in await answer.text() and (await answer.text()).splitlines()],
        )
    content = OPERATIONS["backUp"][2]["responses"]["200"]["content"]
    assert list(content) == [kind]
    shown = [json.loads(line) for line in content[kind]["example"].splitlines()]
    assert {frozenset(one) for one in lines} == {frozenset(one) for one in shown}
    assert lines[-1]["backup"].keys() == shown[-1]["backup"].keys()


# --- what may be asked for -------------------------------------------------------------------------------------------


def test_nothing_in_a_subscription_is_said_to_be_filled_in():
    """References to variables and files are the configuration file's."""
    assert "(?:env:" not in json.dumps(DOCUMENT["components"]["schemas"])


@pytest.mark.parametrize(
    ("body", "fits"),
    [
        (HOOK, True),
        ({**HOOK, "sign": {"scheme": "github", "secrets": ["<secret>"]}, "headers": {"X-Key": "<secret>"}}, True),
        ({**HOOK, "format": "harbor", "options": {"flavour": "cloudevents"}}, True),
        ({**HOOK, "format": "harbor", "options": {"flavour": "sweet"}}, False),
        ({**HOOK, "tls": {"ca": "-----BEGIN CERTIFICATE-----"}}, True),
        ({**HOOK, "tls": {"ca_file": "/etc/ssl/ca.pem"}}, True),
        ({**HOOK, "delivery": {"timeout": 5}}, False),
        ({**HOOK, "match": {"tags": [7]}}, False),
        ({**HOOK, "colour": "red"}, False),
        ({**HOOK, "proxy": "none"}, False),
        ({**HOOK, "formerly": "old"}, False),
        ({"name": "new"}, False),
    ],
)
def test_the_form_of_a_subscription_is_that_of_the_file_without_what_is_the_operator_s(body, fits):
    assert validator({"$ref": "#/components/schemas/Subscription"}).is_valid(body) is fits


def test_calls_and_operations_have_the_same_names():
    assert OPERATIONS.keys() == CALLS.keys()
