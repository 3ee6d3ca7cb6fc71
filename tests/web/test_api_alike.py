"""The native API's calls are alike: what one refuses, all refuse, with the same status and in the same form.

Every call of the table is asked. What each answers when all is well is in the tests of its own.
"""

import json

import aiohttp
import pytest
from test_api import Site

from sidecar.web.calls import CALLS

BODIES = (
    "createSubscription",
    "replaceSubscription",
    "replayDeliveries",
    "retryDeliveries",
    "cancelDeliveries",
    "testSubscription",
    "retryQuarantine",
    "dismissAll",
)
# What this site has no parts for.
NOT_HERE = ("/v1/walks", "/v1/registries/", "/v1/backup", "/v1/usage", "/v1/expiring")
HERE = [name for name, call in CALLS.items() if not call.path.startswith(NOT_HERE)]
METHODS = ("GET", "POST", "PUT", "DELETE", "PATCH")
JSON = {"Content-Type": "application/json"}


@pytest.fixture
async def site(tmp_path):
    site = Site(tmp_path)
    await site.start()
    yield site
    await site.stop()


def path_of(name):
    return CALLS[name].path.replace("{id}", "1").replace("{name}", "one")


async def ask(site, method, path, **given):
    """Status, headers and body of an answer as they are."""
    async with site.session.request(method, f"http://127.0.0.1:{site.port}{path}", **given) as answer:
        return answer.status, answer.headers, await answer.read()


async def refused(site, method, path, **given):
    """Status, headers and problem of an answer that is one."""
    status, headers, body = await ask(site, method, path, **given)
    problem = json.loads(body)
    assert headers["Content-Type"] == "application/problem+json"
    assert (problem["type"], problem["status"]) == ("about:blank", status)
    assert problem.keys() - {"errors"} == {"type", "title", "status", "detail"}
    assert all(one.keys() == {"path", "detail"} for one in problem.get("errors", ()))
    return status, headers, problem


async def test_methods_that_a_path_does_not_take_are_405_and_those_that_it_takes_are_named(site):
    taken = {}
    for name in HERE:
        taken.setdefault(path_of(name), set()).add(CALLS[name].method)
    for path, methods in taken.items():
        allowed = methods | {"OPTIONS"} | ({"HEAD"} if "GET" in methods else set())
        for method in set(METHODS) - methods:
            status, headers, _ = await refused(site, method, path)
            assert (status, set(headers["Allow"].split(", "))) == (405, allowed), (method, path)
        status, headers, body = await ask(site, "OPTIONS", path)
        assert (status, set(headers["Allow"].split(", ")), body) == (204, allowed, b""), path


@pytest.mark.parametrize("name", [name for name in HERE if CALLS[name].method == "GET"])
async def test_head_is_get_without_a_body(site, name):
    status, headers, body = await ask(site, "GET", path_of(name))
    head = await ask(site, "HEAD", path_of(name))
    assert (head[0], head[2]) == (status, b"")
    # A second may have passed in between.
    assert [one for one in head[1].items() if one[0] != "Date"] == [one for one in headers.items() if one[0] != "Date"]
    assert headers["Content-Length"] == str(len(body))


async def test_paths_that_nothing_answers_to_are_404(site):
    for path in ("/v1/nothing", "/v1/status/", "/v1/deliveries/1/what", "/v1/registries/main", "/v1/subscriptions/"):
        for method in (*METHODS, "OPTIONS"):
            assert (await refused(site, method, path))[0] == 404, (method, path)


async def test_a_word_is_no_id(site):
    """`/v1/deliveries/retry` is a call; a delivery of this name is none, nor is its number asked for."""
    for path in ("/v1/deliveries/retry", "/v1/deliveries/replay", "/v1/deliveries/cancel", "/v1/quarantine/retry"):
        status, headers, _ = await refused(site, "GET", path)
        assert (status, headers["Allow"]) == (405, "OPTIONS, POST")
    assert (await refused(site, "GET", "/v1/deliveries/retries"))[0] == 400


@pytest.mark.parametrize("name", HERE)
async def test_a_query_that_nobody_reads_is_refused_everywhere(site, name):
    call = CALLS[name]
    status, _, problem = await refused(site, call.method, f"{path_of(name)}?nonsense=1")
    assert (status, problem["errors"][0]["path"]) == (400, "nonsense")
    for one in call.query:
        status, _, problem = await refused(site, call.method, f"{path_of(name)}?{one}=1&{one}=2")
        assert (status, problem["detail"]) == (400, f"Query parameter {one!r} is given 2 times: give it once.")


@pytest.mark.parametrize("name", BODIES)
async def test_bodies_are_json_and_say_so(site, name):
    method, path = CALLS[name].method, path_of(name)
    for kind in ("text/plain", "application/x-www-form-urlencoded", "application/xml", "text/json"):
        status, headers, problem = await refused(site, method, path, data=b"{}", headers={"Content-Type": kind})
        assert (status, headers["Accept"]) == (415, "application/json")
        assert problem["detail"] == "The body must be JSON: send it with Content-Type: application/json."
    for given in (JSON, {"Content-Type": "application/json; charset=utf-8"}):
        status, _, problem = await refused(site, method, path, data=b"{", headers=given)
        assert (status, problem["detail"]) == (400, "The body is not JSON: Input data was truncated.")


@pytest.mark.parametrize("name", BODIES)
async def test_bodies_are_bounded_in_size_and_depth(site, name):
    method, path = CALLS[name].method, path_of(name)
    status, _, problem = await refused(site, method, path, data=b" " * 65_537, headers=JSON)
    assert (status, problem["detail"]) == (413, "The body is larger than 64 KiB.")
    deep = b'{"a":' + b"[" * 30_000 + b"]" * 30_000 + b"}"
    status, _, problem = await refused(site, method, path, data=deep, headers=JSON)
    assert (status, problem["detail"]) == (400, "The body is nested too deep: flatten it.")


@pytest.mark.parametrize(
    ("name", "body", "place"),
    [
        ("retryDeliveries", {"limit": 0}, "limit"),
        ("retryDeliveries", {"states": ["due", 7]}, "states[1]"),
        ("retryDeliveries", {"states": ["lost"]}, "states"),
        ("retryDeliveries", {"states": [""]}, "states"),
        ("retryDeliveries", {"states": ["due,dead"]}, "states"),
        ("retryDeliveries", {"since": "now"}, "since"),
        ("retryDeliveries", {"nonsense": 1}, "nonsense"),
        ("retryQuarantine", {"reason": 7}, "reason"),
        ("testSubscription", [], ""),
    ],
)
async def test_what_is_wrong_with_a_body_is_told_with_its_place(site, name, body, place):
    status, _, problem = await refused(site, "POST", path_of(name), json=body)
    assert (status, [one["path"] for one in problem["errors"]]) == (400, [place])
    assert problem["errors"][0]["detail"] == problem["detail"]


@pytest.mark.parametrize("query", ["state=,", "state=dead,", "state=,dead"])
async def test_a_list_of_states_has_no_gaps(site, query):
    status, _, problem = await refused(site, "GET", f"/v1/deliveries?{query}")
    assert (status, problem["errors"][0]["path"]) == (400, "state")


async def test_whole_numbers_may_be_written_with_a_fraction_of_nothing(site):
    """JSON has one kind of numbers, and some clients write every one like this."""
    status, _, body = await ask(site, "POST", "/v1/deliveries/retry", json={"limit": 2.0, "dryRun": True})
    assert (status, json.loads(body)["count"]) == (200, 3)
    assert (await refused(site, "POST", "/v1/deliveries/retry", json={"limit": 2.5}))[0] == 400


async def test_lists_go_on_where_the_page_before_ended(site):
    for path, key in (("/v1/events", "events"), ("/v1/deliveries", "deliveries"), ("/v1/quarantine", "items")):
        _, _, body = await ask(site, "GET", path)
        everything = json.loads(body)[key]
        pages, before = [], ""
        while True:
            _, _, body = await ask(site, "GET", f"{path}?limit=1{before}")
            page = json.loads(body)
            pages += page[key]
            if page["next"] is None:
                break
            before = f"&before={page['next']}"
        assert pages == everything
        assert len(pages) > 1


async def test_a_store_that_is_away_says_when_to_come_back(site):
    site.house.store.fail("append")
    status, headers, _ = await refused(site, "POST", "/v1/quarantine/retry")
    assert (status, headers["Retry-After"]) == (503, "5")
    site.house.store.fail()


async def test_a_fault_of_ours_is_a_problem_too_and_goes_to_the_log(site, monkeypatch, caplog):
    async def broken(_where):
        raise ZeroDivisionError("secret")

    monkeypatch.setattr(site.operations, "events", broken)
    status, _, problem = await refused(site, "GET", "/v1/events")
    assert (status, problem["detail"]) == (500, "Something went wrong that should not: the log says what.")
    (line,) = caplog.records
    assert (line.name, line.exc_info[0]) == ("aiohttp.server", ZeroDivisionError)


async def test_a_client_that_only_knows_the_socket_is_told_the_same(site):
    async with (
        aiohttp.ClientSession(connector=aiohttp.UnixConnector(str(site.socket))) as session,
        session.options("http://sidecar/v1/deliveries/retry") as answer,
    ):
        assert (answer.status, answer.headers["Allow"]) == (204, "OPTIONS, POST")
