"""Templates from the configuration and APIs, through the whole sidecar: what is sent, shown, stored and refused."""

import asyncio
import json
import sqlite3
import time

import pytest

from made_house import MIA, MadeHouse, draft
from sidecar.dialects.allowance import SHARED
from sidecar.dialects.contract import Audience
from sidecar.dialects.template import Options, check_events
from sidecar.domain.delivery import Reason, State
from sidecar.domain.errors import Unusable
from sidecar.domain.event import EventType
from sidecar.domain.listing import DeliveryFilter, EventFilter
from sidecar.domain.message import Response

HOOK = "https://maria:S3cret@deploy.example/hook"
OPTIONS = {
    "body": '{"image": {{ reference | tojson }}, "by": {{ actor | tojson }}}',
    "headers": {"X-Repository": "{{ repository.path }}", "X-Event": "{{ event.type }}"},
    "url": "https://deploy.example/hook/{{ repository.name | urlencode }}?tag={{ tag | urlencode }}",
}
FILE = {"name": "file", "format": "template", "options": OPTIONS, "url": HOOK, "headers": {"X-Event": "configured"}}
# It fails for one repository alone, which no sample is of.
FAILING = {**FILE, "name": "failing", "options": {"body": "{{ 1 // (0 if repository.name == 'b' else 1) }}"}}


async def test_body_headers_and_url_arrive_and_the_subscription_s_own_headers_win(tmp_path):
    house = await MadeHouse(tmp_path, subscriptions=[FILE]).start()
    await house.push("prj/a")
    await house.settled()
    (request,) = house.sender.requests
    assert request.url == "https://maria:S3cret@deploy.example/hook/a?tag=v1"
    assert json.loads(request.body)["image"] == "registry.example.com/prj/a:v1"
    sent = {name.lower(): value for name, value in request.headers}
    assert (sent["x-repository"], sent["x-event"]) == ("prj/a", "configured")
    assert sent["content-type"] == "application/json"
    await house.stop()
    with sqlite3.connect(tmp_path / "sidecar.db") as file:
        ((head,),) = file.execute("SELECT head FROM message").fetchall()
    file.close()
    assert b"S3cret" not in head, "credentials are not stored"
    assert b"https://deploy.example/hook/a?tag=v1" in head


async def test_operators_see_what_is_sent_but_not_what_headers_hold(tmp_path):
    house = await MadeHouse(tmp_path, subscriptions=[FILE]).start()
    tried = await house.operations.test("file", "", "ada")
    shown = dict(tried.request.headers)
    assert json.loads(tried.request.body)["image"] == "registry.example.com/prj/web/app:1.4.2"
    assert "X-Repository" in shown
    assert "prj/web/app" not in shown.values()
    assert tried.request.url == "https://deploy.example/..."
    (request,) = house.sender.requests
    assert request.url == "https://maria:S3cret@deploy.example/hook/web%2Fapp?tag=1.4.2"
    await house.push("prj/a")
    await house.settled()
    (row,) = await house.store.deliveries(DeliveryFilter(subscription="file"))
    _, parts, _ = await house.operations.explain(row.event)
    assert [one.verdict.words for one in parts] == [("artifact.pushed",)]
    await house.stop()


async def test_what_cannot_be_said_when_it_happens_is_dead_with_a_sentence_and_stops_nobody(tmp_path):
    house = await MadeHouse(tmp_path, subscriptions=[FAILING, FILE]).start()
    await house.push("prj/a", "prj/b", "prj/c")
    await house.settled()
    rows = await house.store.deliveries(DeliveryFilter(subscription="failing"))
    dead = [one for one in rows if one.state is State.DEAD]
    assert [(one.reason, one.detail) for one in dead] == [
        (
            Reason.RENDER_FAILED,
            "template could not say artifact.pushed: body, line 1: divides by zero",
        )
    ]
    assert len([one for one in rows if one.state is State.DELIVERED]) == 2
    assert sum("/hook/" in one.url for one in house.sender.requests) == 3
    await house.stop()


async def test_what_waits_goes_with_its_subscription_to_another_host(tmp_path):
    house = await MadeHouse(tmp_path, answer=lambda _request: Response(status=503), subscriptions=[FILE]).start()
    await house.push("prj/a")
    await house.until(lambda: len(house.sender.requests) >= 1)
    options = {**OPTIONS, "url": OPTIONS["url"].replace("deploy.example", "new.example")}
    await house.reload(subscriptions=[{**FILE, "url": "https://new.example/hook", "options": options}])
    before = len(house.sender.requests)
    house.sender.answer = lambda _request: Response(status=200)
    await house.settled()
    assert {one.url for one in house.sender.requests[before:]} == {"https://new.example/hook/a?tag=v1"}
    await house.stop()


async def test_apis_make_them_within_the_same_bounds(tmp_path):
    """They may come from somebody who is trusted with a namespace and with nothing else."""
    house = await MadeHouse(tmp_path).start()
    made = await house.subscribing.create(MIA, draft(form="template", url="https://deploy.example/x", options=OPTIONS))
    await house.push("prj/a", "other/a")
    await house.settled()
    assert [one.url for one in house.sender.requests] == ["https://deploy.example/hook/a?tag=v1"]
    assert (await house.subscribing.test(MIA, made)).outcome.delivered
    for options, said in (
        ({"body": "{{ artifact.digset }}"}, "did you mean `artifact.digest`?"),
        ({"body": "{{ 9 ** 9 ** 9 }}"}, "cannot use powers"),
        ({"body": "{% for a in tags %}" + "x" * 60_000 + "{% endfor %}", "json": False}, ""),
        ({"body": "{}", "url": "https://other.example/"}, "another scheme or host"),
        ({"body": "{}", "headers": {"Host": "other.example"}}, "headers.Host cannot be set"),
        ({"body": "${env:HOME} {{ ${env:HOME} }}"}, ""),
    ):
        asked = draft("more", form="template", url="https://deploy.example/x", options=options)
        if not said and options.get("json") is False:
            assert await house.subscribing.create(MIA, asked)
            continue
        with pytest.raises(Unusable) as caught:
            await house.subscribing.create(MIA, asked)
        assert said in str(caught.value)
        (problem,) = caught.value.problems
        assert problem.path.startswith("options"), (
            "of the option that is wrong, or of all where they are too much together"
        )
    await house.stop()


async def test_explaining_an_event_costs_no_more_than_telling_it(tmp_path):
    """An operator asks what thousands of somebody else's templates would make of it, on the same loop."""
    house = await MadeHouse(tmp_path).start()
    await house.push("prj/a")
    await house.settled()
    (row,) = await house.store.events(EventFilter(type="artifact.pushed"))
    rounds = "{% for a in l %}{% for b in l %}" + "{{ a | upper }}" * 24 + "{% endfor %}{% endfor %}"
    body = f"{{% if repository.name == 'a' %}}{{% set l = [{'tag, ' * 40}] %}}{rounds}{{% endif %}}"  # of no sample
    for at in range(9):
        options = {"body": body + str(at), "json": False}
        await house.subscribing.create(MIA, draft(f"s{at}", form="template", options=options))
    _, parts, _ = await house.operations.explain(row.event.id)
    assert 1 <= sum(bool(one.requests) for one in parts) <= SHARED // 70_000 + 1
    assert "take too much work together for one event" in parts[-1].verdict.why
    await house.stop()


def laborious(at=0):
    """A target whose templates take about as long to be read as any that are allowed."""
    options = {"body": "{{tag}}" * 600 + f"{at}", "json": False}
    return {"format": "template", "url": f"https://deploy.example/{at}", "options": options}


async def test_the_loop_goes_on_while_templates_are_tried(tmp_path):
    """Whoever manages a namespace could hold everything up by asking for subscriptions, again and again."""
    house = await MadeHouse(tmp_path).start()
    turns = 0

    async def count():
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    asked = draft(targets=[laborious(at) for at in range(8)])
    other = asyncio.create_task(count())
    made = await house.subscribing.create(MIA, asked)
    assert turns > 50, "reading it took its time, beside the loop"
    broken = {**laborious(), "options": {"body": "{{ tags }}", "json": False}}
    refused = draft("more", targets=[*(laborious(8 + at) for at in range(7)), broken])
    turns = 0
    with pytest.raises(Unusable, match="shows a list as text"):
        await house.subscribing.create(MIA, refused)
    assert turns > 10
    other.cancel()
    await house.push("prj/a")
    await house.settled()
    assert len(house.sender.requests) == len(made.targets) == 8
    await house.stop()


async def test_a_subscription_has_few_targets_with_templates(tmp_path):
    house = await MadeHouse(tmp_path).start()
    plain = {"format": "dtr", "url": "https://deploy.example/"}
    preset = {"preset": "portainer", "url": "https://portainer.example.com/api/webhooks/0"}
    with pytest.raises(Unusable, match="targets has more than 8 with templates: make several subscriptions") as caught:
        await house.subscribing.create(MIA, draft(targets=[*(laborious(at) for at in range(8)), plain, preset]))
    assert [one.path for one in caught.value.problems] == ["targets"]
    await house.stop()


def test_a_trial_is_made_once_for_the_same_templates():
    """It is asked for when a subscription is judged, when it takes effect, and at each reload."""
    events = frozenset(EventType)
    said = []
    for url in ("https://a.example/", "https://b.example/", "https://a.example/"):
        options = Options(body="{{tag}}" * 600 + "once", json=False, url="https://a.example/{{ tag }}")
        began = time.process_time()
        said.append((check_events(options, events, Audience(url=url)), time.process_time() - began))
    (first, long), (other, _), (again, short) = said
    assert first == again == ""
    assert "another scheme or host" in other, "what it depends on is asked about anew"
    assert short < long / 10
