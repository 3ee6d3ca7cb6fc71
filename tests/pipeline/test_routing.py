"""From an event to the messages and deliveries it owes."""

import re

import msgspec
import pytest

from doubles import match, route, subscription
from sidecar.dialects import load
from sidecar.dialects.contract import Audience, sample
from sidecar.domain.event import Artifact, EventType, Kind
from sidecar.domain.glob import Globs
from sidecar.pipeline.routing import Route, Router, webhook_id

PUSHED = sample(EventType.PUSHED)


def cloud(one, lane):
    """A subscription to Harbor's CloudEvents, whose bodies name their subscription."""
    dialect = load()["harbor"]
    options = msgspec.structs.replace(dialect.options(), flavour="cloudevents")
    return Route(one, dialect.bind(options, ["artifact.pushed"]), lane, Audience(one.name, lane))


def broken(one, lane):
    """A subscription whose format fails on every event."""

    def render(*_given):
        raise KeyError("digest")

    dialect = load()[one.format]
    replaced = msgspec.structs.replace(dialect, render=render)
    return Route(one, replaced.bind(dialect.options(), ["artifact.pushed"]), lane, Audience(one.name, lane))


def test_equal_voices_share_one_message():
    plan = Router([route(subscription("a"), 1), route(subscription("b"), 2)]).plan(PUSHED)
    assert len(plan.messages) == 1
    assert [(one.lane, one.message, one.word) for one in plan.deliveries] == [
        (1, 0, "PUSH_ARTIFACT"),
        (2, 0, "PUSH_ARTIFACT"),
    ]


def test_different_formats_do_not():
    plan = Router([route(subscription("a"), 1), route(subscription("b", format="dtr"), 2)]).plan(PUSHED)
    assert [one.word for one in plan.messages] == ["PUSH_ARTIFACT", "TAG_PUSH"]
    assert [(one.lane, one.message) for one in plan.deliveries] == [(1, 0), (2, 1)]


def test_a_body_that_names_its_subscription_is_not_shared():
    plan = Router([cloud(subscription("a"), 1), cloud(subscription("b"), 2)]).plan(PUSHED)
    assert len(plan.messages) == 2
    assert [(one.lane, one.message) for one in plan.deliveries] == [(1, 0), (2, 1)]
    assert len({one.body for one in plan.messages}) == 2


def test_every_delivery_has_an_id_of_its_own_that_does_not_change():
    routes = [route(subscription(name), at) for at, name in enumerate("abc")]
    first, second = (Router(routes).plan(PUSHED) for _ in range(2))
    ids = [one.webhook_id for one in first.deliveries]
    assert ids == [one.webhook_id for one in second.deliveries]
    assert len(set(ids)) == 3
    # A signature covers `id.timestamp.body`, so an id must not hold a dot.
    assert all(re.fullmatch(r"msg_[0-9a-f]+", one) for one in ids)


def test_ids_differ_by_event_subscription_word_and_place():
    other = msgspec.structs.replace(PUSHED, id="01234567-89ab-8def-8123-456789abcdef")
    ids = {
        webhook_id(event, name, word, index)
        for event in (PUSHED, other)
        for name in ("a", "b")
        for word in ("PUSH", "PULL")
        for index in (0, 1)
    }
    assert len(ids) == 16


def test_what_cannot_be_rendered_is_one_dead_delivery_and_no_error():
    plan = Router([broken(subscription("a"), 1), route(subscription("b", format="dtr"), 2)]).plan(PUSHED)
    assert [(one.lane, one.message, one.word) for one in plan.deliveries] == [
        (1, None, "PUSH_ARTIFACT"),
        (2, 0, "TAG_PUSH"),
    ]
    assert plan.deliveries[0].detail == "harbor could not say PUSH_ARTIFACT: KeyError: 'digest'"


def test_an_event_that_nobody_wants_owes_nothing():
    plan = Router([route(subscription("a", match=match(["other/**"])), 1)]).plan(PUSHED)
    assert (plan.event, plan.messages, plan.deliveries) == (PUSHED, (), ())


untagged = msgspec.structs.replace(PUSHED, tags=(), ever_tagged=False)
signature = msgspec.structs.replace(PUSHED, artifact=Artifact(digest=PUSHED.artifact.digest, kind=Kind.SIGNATURE))


@pytest.mark.parametrize(
    ("event", "one", "expected"),
    [
        (PUSHED, {}, (True, "", ("PUSH_ARTIFACT",))),
        (PUSHED, {"enabled": False}, (False, "disabled", ())),
        (sample(EventType.PULLED), {}, (False, "events", ())),
        (PUSHED, {"match": match(registries=frozenset({"other"}))}, (False, "registries", ())),
        (PUSHED, {"match": match(["other/**"])}, (False, "repositories", ())),
        (PUSHED, {"match": match(["prj/**", "!prj/web/**"])}, (False, "repositories", ())),
        (PUSHED, {"match": match(tags=Globs.of(["v*"], segments=False))}, (False, "tags", ())),
        (PUSHED, {"match": match(actors=Globs.of(["ci-*"], segments=False))}, (False, "actors", ())),
        (signature, {}, (False, "kinds", ())),
        (signature, {"match": match(kinds=frozenset({Kind.SIGNATURE}))}, (True, "", ("PUSH_ARTIFACT",))),
        (untagged, {}, (False, "untagged", ())),
        (untagged, {"match": match(untagged=True)}, (True, "", ("PUSH_ARTIFACT",))),
        (untagged, {"format": "quay", "events": ("artifact.pushed",)}, (False, "no word", ())),
        (
            untagged,
            {"format": "quay", "events": ("artifact.pushed",), "match": match(untagged=True)},
            (False, "no word", ()),
        ),
        (untagged, {"format": "dtr", "events": ("MANIFEST_PUSH",)}, (True, "", ("MANIFEST_PUSH",))),
    ],
)
def test_a_verdict_says_why(event, one, expected):
    """And planning agrees with it."""
    router = Router([route(subscription("a", **one), 1)])
    (verdict,) = router.explain(event)
    assert (verdict.fired, verdict.why, verdict.words) == expected
    assert verdict.subscription == "a"
    assert tuple(one.word for one in router.plan(event).deliveries) == verdict.words


def test_verdicts_come_in_the_order_of_the_configuration():
    router = Router([route(subscription(name, enabled=name != "b"), at) for at, name in enumerate("cab")])
    assert [one.subscription for one in router.explain(PUSHED)] == ["c", "a", "b"]


# --- many of them ----------------------------------------------------------------------------------------------------

PATHS = ("prj/web/app", "prj", "solo", "other/app", "pr/j")


def _event(path, namespace):
    name = path.partition("/")[2] or path
    repository = msgspec.structs.replace(PUSHED.repository, path=path, namespace=namespace, name=name)
    return msgspec.structs.replace(PUSHED, repository=repository)


@pytest.mark.parametrize("others", [0, 10, 200], ids=["few", "some", "many"])
def test_however_many_there_are_the_same_hear_of_an_event_in_the_same_order(others):
    """Of many, those far from an event are not asked: by namespace, and by the first segment that globs name."""
    globs = [
        (), ("**",), ("prj/**",), ("prj/*/app",), ("*/app",), ("solo",), ("pr?/web/app",), ("!prj/**",), ("prj",),
        ("other/**", "prj/web/*"), ("prj/**", "!prj/web/*"), ("**/app",), ("other/*", "**"),
    ]  # fmt: skip
    matches = [match(one) for one in globs]
    matches += [msgspec.structs.replace(one, namespace=name) for one in matches[:3] for name in ("prj", "library")]
    matches.append(msgspec.structs.replace(matches[0], namespace="prj", repository="prj/web/app"))
    matches += [match((f"far{at}/**",)) for at in range(others)]
    matches += [match(("prj/web/app",)), match(())]
    routes = [route(subscription(f"s{at}", match=one), at) for at, one in enumerate(matches)]
    router = Router(routes)
    for path in PATHS:
        namespace = path.partition("/")[0] if "/" in path else "library"
        event = _event(path, namespace)
        expected = [at for at, one in enumerate(matches) if not one.refusal(event)]
        assert [one.lane for one in router.plan(event).deliveries] == expected, path
        assert router.admits(event) == bool(expected)
        assert [one.fired for one in router.explain(event)] == [at in expected for at in range(len(matches))]


def test_a_bound_holds_whatever_else_is_asked_for():
    wide = match(("**",), namespace="prj")
    narrow = match(("**",), namespace="prj", repository="prj/web/app")
    assert wide.refusal(_event("other/app", "other")) == "repositories"
    assert wide.refusal(_event("prj/anything", "prj")) == ""
    assert narrow.refusal(_event("prj/anything", "prj")) == "repositories"
    assert narrow.refusal(_event("prj/web/app", "prj")) == ""
    library = match((), namespace="library")
    assert library.refusal(_event("solo", "library")) == ""
    assert library.refusal(_event("solo", "other")) == "repositories"
