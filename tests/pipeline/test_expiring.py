"""Ends of tags over simulated days: who is told of what and when, each end once, whatever happens in between."""

import asyncio
import json

import msgspec
import pytest
from expiring_house import DAY, HOUR, Days, hears, quay
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import virtual_time
from doubles import match, registry, subscription
from effort import examples
from notifications import digest, pull, untag
from sidecar.domain import instant
from sidecar.domain.event import EventType, Kind
from sidecar.domain.expiry import Plan, Rule
from sidecar.domain.glob import Globs
from sidecar.domain.listing import EventFilter, ExpiringFilter
from sidecar.domain.message import Response
from sidecar.domain.record import Entry, RecordKind
from sidecar.pipeline import expiring
from virtual_time import VirtualClock, simulated

INTERVAL = 300 * 60.0  # virtual seconds


@pytest.fixture
def days(tmp_path):
    """`days(subscription, ...)` begins a story; it is stopped by the test."""
    return lambda *subscriptions, **more: Days(tmp_path / "sidecar.db", VirtualClock(), *subscriptions, **more)


def tags(bodies):
    return [body["tags"] for body in bodies]


# --- by label ---------------------------------------------------------------------------------------------------------


@simulated
async def test_a_label_is_told_once_when_its_end_is_as_near_as_was_asked_for(days):
    story = await days(quay("week", 7), quay("day", 1)).begin()
    await story.push("v1", "10d")
    await story.wait(2 * DAY)
    assert story.heard("week") == []
    await story.wait(1.5 * DAY)  # 3.5 days after the push there are 6.5 left
    assert tags(story.heard("week")) == [["v1"]]
    assert story.heard("day") == []
    await story.wait(20 * DAY)
    assert tags(story.heard("week")) == [["v1"]]
    assert tags(story.heard("day")) == [["v1"]]
    await story.house.stop()


@simulated
async def test_quay_is_told_in_its_own_bytes(days):
    story = await days(quay("quay", 3)).begin()
    await story.push("v1", "2d")
    await story.push("v2", "1d")
    await story.wait(INTERVAL)
    (request,) = story.sender.requests
    body = json.loads(request.body)
    uuid = body["notification_uuid"]
    assert request.body.decode() == (
        '{"repository": "prj/app", "namespace": "prj", "name": "app", "docker_url": "registry.example.com/prj/app", '
        f'"homepage": "https://registry.example.com/repository/prj/app", "notification_uuid": "{uuid}", '
        '"tags": ["v2", "v1"], "expiring_in": "3 days"}'
    )
    await story.house.stop()


@simulated
async def test_our_own_format_says_when_each_tag_ends(days):
    story = await days(hears("ours", days=3)).begin()
    pushed = await story.push("v1", "2d", content="a")
    await story.wait(INTERVAL)
    (told,) = story.heard("ours")
    assert told["type"] == "io.registry-sidecar.artifact.expiring"
    assert told["subject"] == "prj/app:v1"
    assert told["data"]["labels"] == {"quay.expires-after": "2d"}
    assert told["data"]["details"] == {
        "about": "expiry",
        "tags": [{"tag": "v1", "expires": instant.rfc3339(pushed + 2 * instant.DAY), "digest": told["data"]["digest"]}],
        "days": 3,
    }
    await story.house.stop()


@simulated
async def test_the_tags_of_a_repository_are_told_together_and_each_repository_by_itself(days):
    story = await days(quay()).begin()
    for tag in ("a", "b", "c"):
        await story.push(tag, "3d", repository="prj/one")
        await story.push(tag, "2d", repository="prj/two")
    await story.wait(INTERVAL)
    heard = {body["repository"]: body["tags"] for body in story.heard("quay")}
    assert len(story.heard("quay")) == 2
    assert heard == {"prj/one": ["a", "b", "c"], "prj/two": ["a", "b", "c"]}
    await story.house.stop()


@pytest.mark.parametrize("plan", [None, Plan(rules=(Rule(keep=1000),))], ids=["by their ends", "walking"])
@simulated
async def test_what_ended_before_anybody_looked_is_not_told(days, plan):
    story = await days(quay(), plan=plan).begin()
    await story.wait(HOUR)  # the first look is over
    await story.push("v1", "1h")
    await story.wait(2 * INTERVAL)
    assert story.heard("quay") == []
    await story.house.stop()


@pytest.mark.parametrize(
    ("labels", "annotation", "told"),
    [
        (("2d", "2d"), "", True),
        (("2d", "3d"), "", False),
        (("2d", ""), "", False),
        (("60d", "60d"), "2d", True),
        (("2d", "2d"), "60d", False),
    ],
)
@simulated
async def test_an_index_ends_by_its_own_label_else_by_the_one_that_its_manifests_share(days, labels, annotation, told):
    story = await days(quay(repositories=["prj/*"])).begin()
    await story.index("multi", *labels, annotation=annotation)
    await story.wait(INTERVAL)
    assert tags(story.heard("quay")) == ([["multi"]] if told else [])
    await story.house.stop()


@simulated
async def test_a_filter_of_tags_does_not_hide_the_manifests_of_an_index(days):
    one, asked = quay()
    one = msgspec.structs.replace(one, match=match(tags=Globs.of(["multi"])))
    story = await days((one, asked)).begin()
    await story.index("multi", "2d", "2d")
    await story.wait(INTERVAL)
    assert tags(story.heard("quay")) == [["multi"]]
    await story.house.stop()


@simulated
async def test_a_label_that_could_not_be_asked_for_at_the_push_is_learned_from_a_pull(days):
    story = await days(quay()).begin()
    story.api.down = True
    pushed = await story.push("v1", "2d", content="late")
    story.api.down = False
    assert await story.house.store.expiring(ExpiringFilter(), story.clock.now()) == []
    record = pull("p", "v1", of=story.api.image("late", "2d"), time=instant.rfc3339(story.clock.now()))
    assert record["target"]["digest"] == digest("2d late")
    await story._tell(record)
    (row,) = await story.house.store.expiring(ExpiringFilter(), story.clock.now())
    assert row.tag.expires == pushed + 2 * instant.DAY
    await story.wait(INTERVAL)
    assert tags(story.heard("quay")) == [["v1"]]
    await story.house.stop()


# --- what makes an end another one ------------------------------------------------------------------------------------


@simulated
async def test_pushing_again_moving_and_setting_tell_anew_and_deleting_tells_nothing(days):
    story = await days(quay()).begin()
    await story.push("again", "5d", content="same")
    await story.push("moved", "5d")
    await story.push("set", "5d")
    await story.push("gone", "60d")
    await story.wait(INTERVAL)
    assert tags(story.heard("quay")) == [["again", "moved", "set"]]
    await story.push("again", "5d", content="same")
    await story.push("moved", "4d")
    await story.set(story.clock.now() + 3 * instant.DAY, "set")
    await story.set(story.clock.now() + 3 * instant.DAY, "gone")
    await story.untag("gone")
    await story.wait(INTERVAL)
    assert tags(story.heard("quay"))[1:] == [["set", "moved", "again"]]
    await story.wait(20 * DAY)
    assert len(story.heard("quay")) == 2
    await story.house.stop()


@simulated
async def test_an_end_that_is_set_holds_until_the_next_push_and_can_be_taken_away(days):
    story = await days(quay()).begin()
    await story.push("label", "3d")
    await story.push("plain")
    await story.set(0, "label")
    await story.set(story.clock.now() + 2 * instant.DAY, "plain")
    await story.push("free")
    await story.set(story.clock.now() + 2 * instant.DAY, "free")
    await story.push("free")
    await story.wait(INTERVAL)
    assert tags(story.heard("quay")) == [["plain"]]
    await story.house.stop()


@simulated
async def test_the_same_end_set_a_second_time_after_another_is_told_again(days):
    story = await days(quay()).begin()
    await story.push("v1")
    end = story.clock.now() + 4 * instant.DAY
    for at in (end, end + instant.DAY, end):
        await story.set(at)
        await story.wait(INTERVAL)
    assert len(story.heard("quay")) == 3
    await story.set(0)
    await story.set(end)
    await story.wait(INTERVAL)
    assert len(story.heard("quay")) == 4
    await story.set(end)  # which it has already
    await story.wait(INTERVAL)
    assert len(story.heard("quay")) == 4
    await story.house.stop()


# --- rules ------------------------------------------------------------------------------------------------------------


def rule(repositories=(), tags=(), **more):
    return Rule(repositories=Globs.of(repositories, segments=True), tags=Globs.of(tags), **more)


@simulated
async def test_a_rule_by_age_tells_as_long_before_as_was_asked_for_and_of_what_is_older_already(days):
    plan = Plan(rules=(rule(["prj/*"], ["pr-*"], older_than=10 * instant.DAY),))
    story = await days(hears("ours", days=2), plan=plan).begin()
    await story.push("pr-1", at=story.clock.now() - 100 * instant.DAY)
    await story.push("pr-2")
    await story.push("v1", at=story.clock.now() - 100 * instant.DAY)
    await story.push("pr-1", repository="other/app", at=story.clock.now() - 100 * instant.DAY)
    await story.wait(INTERVAL)
    assert [body["data"]["tags"] for body in story.heard("ours")] == [["pr-1"]]
    await story.wait(8.5 * DAY)
    assert [body["data"]["tags"] for body in story.heard("ours")] == [["pr-1"], ["pr-2"]]
    await story.wait(30 * DAY)
    assert len(story.heard("ours")) == 2
    await story.house.stop()


@simulated
async def test_a_rule_by_number_tells_at_once_of_all_but_the_newest(days):
    plan = Plan(rules=(rule(keep=2),))
    story = await days(hears("ours"), plan=plan).begin()
    for tag in ("a", "b", "c"):
        await story.push(tag)
    await story.wait(INTERVAL)
    assert [body["data"]["details"]["tags"] for body in story.heard("ours")] == [
        [{"tag": "a", "digest": story.heard("ours")[0]["data"]["digest"]}]
    ]
    await story.push("a")  # the newest now: it is b that there are two newer ones of
    await story.wait(INTERVAL)
    assert [body["data"]["tags"] for body in story.heard("ours")] == [["a"], ["b"]]
    await story.house.stop()


@simulated
async def test_rules_and_labels_are_told_together(days):
    plan = Plan(rules=(rule(tags=["old"], older_than=instant.DAY),))
    story = await days(quay(), plan=plan).begin()
    await story.push("old")
    await story.push("labelled", "3d")
    await story.wait(INTERVAL)
    assert tags(story.heard("quay")) == [["old", "labelled"]]
    await story.house.stop()


# --- whom ------------------------------------------------------------------------------------------------------------


@simulated
async def test_each_subscription_hears_what_its_filters_admit_and_only_its_own(days):
    kinds, asked = hears("charts", "quay")
    kinds = msgspec.structs.replace(kinds, match=match(kinds=frozenset({Kind.CHART})))
    bound, _ = hears("bound", "quay")
    bound = msgspec.structs.replace(bound, match=match(namespace="prj", repository="prj/app"))
    story = await days(
        quay("all"), quay("prj", repositories=["prj/**"]), quay("v", tags=Globs.of(["v*"])), (kinds, asked), (bound, 7)
    ).begin()
    await story.push("v1", "2d")
    await story.push("main", "2d")
    await story.push("main", "2d", repository="team/app")
    await story.wait(3 * INTERVAL)
    told = {
        name: sorted((body["repository"], tag) for body in story.heard(name) for tag in body["tags"])
        for name in ("all", "prj", "v", "charts", "bound")
    }
    assert told == {
        "all": [("prj/app", "main"), ("prj/app", "v1"), ("team/app", "main")],
        "prj": [("prj/app", "main"), ("prj/app", "v1")],
        "v": [("prj/app", "v1")],
        "charts": [],
        "bound": [("prj/app", "main"), ("prj/app", "v1")],
    }
    events = await story.house.store.events(EventFilter(type="artifact.expiring", limit=500))
    assert sorted(one.event.only for one in events) == ["all", "all", "bound", "prj", "v"]
    assert all(one.delivered == 1 for one in events)
    await story.house.stop()


@simulated
async def test_who_comes_later_is_told_what_is_near_and_nobody_else_again(days):
    story = await days(quay("first")).begin()
    await story.push("v1", "5d")
    await story.wait(DAY)
    story.subscriptions.append(quay("second")[0])
    await story.house.configure(story.subscriptions)
    await story.wait(60)
    assert (len(story.heard("first")), len(story.heard("second"))) == (1, 1)
    await story.house.stop()


@simulated
async def test_what_is_delivered_badly_is_tried_again_and_not_told_again(days):
    story = await days(quay()).begin()
    story.sender.answer = lambda _request: Response(status=503)
    await story.push("v1", "5d")
    await asyncio.sleep(2 * INTERVAL)
    story.sender.answer = lambda _request: Response(status=200)
    await story.wait(DAY)
    assert len(set(story.sender.ids())) == 1
    await story.house.stop()


@simulated
async def test_without_a_subscription_nothing_is_asked_and_no_tick_is_made(days):
    other = subscription("pushes", format="quay")
    story = await days((other, 7)).begin()
    await story.push("v1", "2d")
    await story.wait(3 * DAY)
    assert story.api.asked == []
    assert story.house.store.last == 1
    assert await story.house.store.reached() == []
    await story.house.stop()


@simulated
async def test_a_restart_does_not_make_the_next_look_come_earlier(days):
    story = await days(quay()).begin()
    await story.wait(60)  # who is new is looked for at once
    await story.push("v1", "5d")
    await story.restart()
    await story.wait(INTERVAL - 200)
    assert story.heard("quay") == []
    await story.wait(200)
    assert tags(story.heard("quay")) == [["v1"]]
    await story.house.stop()


@simulated
async def test_a_tick_among_other_records_finds_what_happened_before_it_and_nothing_after(days):
    story = await days(quay()).begin()
    await story.push("kept", "5d")
    await story.push("gone", "5d")
    now = story.clock.now()
    records = [untag("u1", "gone", time=instant.rfc3339(now)), untag("u2", "kept", time=instant.rfc3339(now))]
    before, after = (Entry(RecordKind.REGISTRY, "main", one["id"], now, json.dumps(one).encode()) for one in records)
    await story.house.store.append([before, Entry(RecordKind.TICK, "", "tick:by hand", now, b""), after])
    await story.wait(INTERVAL)
    assert tags(story.heard("quay")) == [["kept"]]
    (told,) = await story.house.store.events(EventFilter(type="artifact.expiring"))
    assert told.event.origin.record == "tick:by hand"
    await story.house.stop()


# --- slices -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("plan", [None, Plan(rules=(rule(tags=["none"], keep=1),))], ids=["by their ends", "walking"])
@simulated
async def test_many_tags_are_told_in_bounded_slices_and_each_of_them_once(days, monkeypatch, plan):
    monkeypatch.setattr(expiring, "AT_ONCE", 7)
    monkeypatch.setattr(expiring, "PAGE", 5)
    monkeypatch.setattr(expiring, "PLACES", 2)
    story = await days(quay("all"), quay("some", repositories=["prj/b", "prj/d"]), plan=plan).begin()
    pushed = []
    for at in range(40):
        repository, tag = f"prj/{'abcd'[at * 7 % 4]}", f"t{at:02}"
        pushed.append((repository, tag))
        await story.push(tag, f"{2 + at % 3}d", repository=repository)
    await story.wait(INTERVAL)
    events = await story.house.store.events(EventFilter(type="artifact.expiring", limit=500))
    assert max(len(one.event.tags) for one in events) <= 7
    for name, wanted in (("all", pushed), ("some", [one for one in pushed if one[0] in {"prj/b", "prj/d"}])):
        told = [(body["repository"], tag) for body in story.heard(name) for tag in body["tags"]]
        assert sorted(told) == sorted(wanted)
    await story.wait(DAY)
    assert len(await story.house.store.events(EventFilter(type="artifact.expiring", limit=500))) == len(events)
    await story.house.stop()


@simulated
async def test_a_look_that_a_kill_breaks_off_goes_on_where_it_was(days, monkeypatch):
    monkeypatch.setattr(expiring, "AT_ONCE", 1)
    story = await days(quay()).begin()
    for at in range(6):
        await story.push(f"t{at}", "2d", repository=f"prj/{at}")
    begun = story.house.store.last
    for _ in range(1000):
        if len(story.sender.requests) >= 3:
            break
        await asyncio.sleep(0.01)
    assert 3 <= len(story.sender.requests) < 6
    assert story.house.store.last > begun
    await story.kill()
    await story.wait(INTERVAL)
    assert sorted({body["repository"] for body in story.heard("quay")}) == [f"prj/{at}" for at in range(6)]
    assert len(set(story.sender.ids())) == 6
    await story.house.stop()


@simulated
async def test_a_registry_that_left_the_configuration_is_passed_over(days):
    story = days(quay(), registries=[registry("main"), registry("other")])
    await story.begin()
    await story.push("v1", "9d")
    story.registries = [registry("other")]
    await story.restart()
    await story.wait(5 * DAY)
    assert story.heard("quay") == []
    assert story.house.observer.set_aside == []
    await story.house.stop()


# --- any story --------------------------------------------------------------------------------------------------------

MINUTES = st.integers(1, 3 * 24 * 60)
TAGS = st.sampled_from(["a", "b", "c"])
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("push"), TAGS, st.sampled_from(["", "2h", "1d", "4d", "1w"])),
        st.tuples(st.just("set"), TAGS, st.integers(1, 14 * 24)),
        st.tuples(st.just("clear"), TAGS, st.none()),
        st.tuples(st.just("untag"), TAGS, st.none()),
        st.tuples(st.just("wait"), MINUTES, st.none()),
        st.tuples(st.sampled_from(["restart", "kill"]), st.none(), st.none()),
    ),
    min_size=1,
    max_size=14,
)
LASTS = {"": 0, "2h": 2, "1d": 24, "4d": 96, "1w": 168}  # hours
SLACK = 30 * instant.SECOND  # a start waits for what was kept for it, and steps take some milliseconds


class End(msgspec.Struct):
    """An end of a tag, in force from one instant to another. What Quay documents, kept by the test itself."""

    tag: str
    expires: int
    since: int
    until: int = 2**62


def follow(ends, live, tag, expires, now, *, alive):
    """A tag has another end from now on, 0 for none."""
    for one in ends:
        if one.tag == tag and one.until > now:
            one.until = now
    live[tag] = alive
    if expires:
        ends.append(End(tag, expires, now))


@settings(max_examples=examples(40), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=STEPS)
def test_whatever_happens_each_end_is_told_once_to_each_and_none_that_does_not_hold(tmp_path_factory, steps):
    virtual_time.run(_any_story(tmp_path_factory.mktemp("story") / "sidecar.db", steps))


async def _any_story(path, steps):
    asked = {"week": 7, "day": 1}
    story = await Days(path, VirtualClock(), *(quay(name, days) for name, days in asked.items())).begin()
    ends, live = [], {}
    for what, tag, more in steps:
        if what == "push":
            pushed = await story.push(tag, more)
            follow(ends, live, tag, pushed + LASTS[more] * instant.HOUR if more else 0, pushed, alive=True)
        elif what in {"set", "clear"}:
            now = story.clock.now()
            expires = now + more * instant.HOUR if what == "set" else 0
            await story.set(expires, tag)
            held = next((one.expires for one in ends if one.tag == tag and one.until > now), 0)
            if live.get(tag) and held != expires:
                follow(ends, live, tag, expires, now, alive=True)
        elif what == "untag":
            follow(ends, live, tag, 0, story.clock.now(), alive=False)
            await story.untag(tag)
        elif what == "wait":
            await story.wait(tag * 60.0)
        else:
            await (story.restart() if what == "restart" else story.kill())
    await story.wait(16 * DAY)
    events = await story.house.store.events(EventFilter(type="artifact.expiring", limit=500))
    told = [
        (row.event.only, one.tag, instant.parse_rfc3339(one.expires), row.event.time)
        for row in events
        for one in row.event.details.tags
    ]
    assert all(row.event.type is EventType.EXPIRING and row.delivered == 1 for row in events)
    for name, days in asked.items():
        mine = [one[1:] for one in told if one[0] == name]
        for one in ends:
            times = [
                time
                for tag, expires, time in mine
                if (tag, expires) == (one.tag, one.expires) and one.since <= time < one.until + SLACK
            ]
            assert len(times) <= 1
            opens, closes = max(one.since, one.expires - days * instant.DAY), min(one.until, one.expires)
            assert all(opens <= time < closes + SLACK for time in times)
            if closes - opens > INTERVAL * 1e9 + SLACK:
                assert times, f"{name} was not told of {one}"
        for tag, expires, time in mine:
            assert any(
                (one.tag, one.expires) == (tag, expires)
                and one.since <= time < one.until + SLACK
                and time < one.expires
                for one in ends
            ), f"{name} was told of {tag}, which did not end so"
    await story.house.stop()
