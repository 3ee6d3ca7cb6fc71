"""Nothing is lost between a real registry and a real receiver, whoever of the three is away, refuses or is killed."""

import random
import threading
from collections import defaultdict

import pytest
from peers import eventually
from real_sidecar import QUICK, subscription

pytestmark = pytest.mark.e2e

ROUNDS = 15
PER_ROUND = 8


def tags_of(requests):
    """The tags that DTR bodies tell of."""
    return {one.json["contents"]["tag"] for one in requests}


def assert_repeats_are_told_by_id(requests):
    """One webhook-id for each thing said, and one body for each webhook-id: how receivers know a repeat."""
    ids, bodies = defaultdict(set), defaultdict(set)
    for one in requests:
        body = one.json
        ids[one.path, body["contents"]["tag"], body["contents"]["pushedAt"]].add(one.id)
        bodies[one.id].add(one.body)
    assert {len(one) for one in ids.values()} == {1}
    assert {len(one) for one in bodies.values()} == {1}


def test_with_receiver_and_sidecar_down_nothing_is_lost(registry, sidecar, receiver, skopeo, image):
    """Images are pushed while the receiver is away and the sidecar is killed and started again."""
    sidecar.configure(subscription("one", "dtr", receiver.url("one")), subscription("two", "dtr", receiver.url("two")))
    sidecar.start()
    receiver.stop()
    skopeo.push(image, "prj/app:0")
    wanted = {"0"}
    for tag in ("1", "2", "3"):
        registry.put_manifest("prj/app", tag, image)
        wanted.add(tag)
    eventually(lambda: sidecar.metric("deliveries_total", outcome="retried") > 0, "an attempt failed")
    sidecar.kill()
    for tag in ("4", "5"):
        registry.put_manifest("prj/app", tag, image)
        wanted.add(tag)
    sidecar.start()
    eventually(lambda: len(sidecar.api("events?type=artifact.pushed")["events"]) == 6, "the registry sent all of it")
    receiver.start()
    for path in ("one", "two"):
        eventually(lambda path=path: tags_of(receiver.at(path)) == wanted, f"all tags arrived at /{path}")
    sidecar.wait_delivered()
    assert_repeats_are_told_by_id(receiver.requests)
    for one in receiver.requests:
        one.verified()


def test_killed_before_the_answer_the_repeat_bears_the_same_id(registry, sidecar, receiver, skopeo, image):
    """What the receiver was still thinking about is sent again: same id, same bytes."""
    sidecar.configure(subscription("dtr", "dtr", receiver.url("dtr")))
    sidecar.start()
    with receiver.holding("dtr"):
        skopeo.push(image, "prj/app:1.0")
        receiver.wait_for("dtr")
        sidecar.kill()
    sidecar.start()
    first, second = receiver.wait_for("dtr", 2)
    assert (first.id, first.body) == (second.id, second.body)
    sidecar.wait_delivered()
    assert len(receiver.requests) == 2


def test_killed_at_any_moment_again_and_again(registry, sidecar, receiver, skopeo, image):
    """Each round pushes tags and kills the sidecar meanwhile, every third time while it starts; all tags arrive."""
    sidecar.configure(subscription("one", "dtr", receiver.url("one")), subscription("two", "dtr", receiver.url("two")))
    sidecar.start()
    skopeo.push(image, "prj/app:first")
    wanted = {"first"}
    sidecar.kill()
    chance = random.Random()  # every run tries other moments
    for number in range(ROUNDS):
        starting = number % 3 == 2
        sidecar.start(wait=not starting)
        if not starting:  # once the registry has caught up, each push is taken in, translated and delivered at once
            eventually(lambda: registry.notifications()["Pending"] == 0, "the registry has caught up")
        killer = threading.Timer(chance.uniform(0, 0.6 if starting else 0.06), sidecar.kill)
        killer.start()
        for copy in range(PER_ROUND):
            tag = f"{number}-{copy}"
            registry.put_manifest("prj/app", tag, image)
            wanted.add(tag)
        killer.join()
    sidecar.start()
    for path in ("one", "two"):
        eventually(lambda path=path: tags_of(receiver.at(path)) >= wanted, f"all tags arrived at /{path}")
    sidecar.wait_delivered()
    assert tags_of(receiver.requests) == wanted
    assert_repeats_are_told_by_id(receiver.requests)
    eventually(lambda: registry.notifications()["Pending"] == 0, "the registry waits for nothing")


def test_the_registry_waits_for_a_sidecar_that_is_late(registry, sidecar, receiver, skopeo, image):
    """Without a sidecar the registry keeps the event and repeats it; it arrives once one is there."""
    sidecar.configure(subscription("quay", "quay", receiver.url("quay")))
    skopeo.push(image, "prj/app:1.0")
    eventually(lambda: registry.notifications()["Errors"] >= 2, "the registry tried in vain")
    sidecar.start()
    [said] = receiver.wait_for("quay")
    assert said.json["updated_tags"] == ["1.0"]


def test_a_failing_receiver_gets_the_same_bytes_until_it_accepts_them(registry, sidecar, receiver, skopeo, image):
    """Two answers of 500 and one of 200 are three attempts, all with one id, each signed for its own time."""
    receiver.answer("harbor", 500, 500)
    sidecar.configure(subscription("harbor", "harbor", receiver.url("harbor")))
    sidecar.start()
    skopeo.push(image, "prj/app:1.0")
    attempts = receiver.wait_for("harbor", 3)
    sidecar.wait_delivered()
    assert len(receiver.requests) == 3
    assert {(one.id, one.body) for one in attempts} == {(attempts[0].id, attempts[0].body)}
    [delivery] = sidecar.api("deliveries")["deliveries"]
    assert (delivery["state"], delivery["attempts"]) == ("delivered", 3)


def test_a_wrong_token_is_refused_until_a_reload_corrects_it(registry, sidecar, receiver, skopeo, image):
    """The registry is answered 401 and repeats; with the token put right the event arrives."""
    said = subscription("harbor", "harbor", receiver.url("harbor"), delivery=QUICK)
    sidecar.configure(said, token="a-token-that-the-registry-does-not-know")
    sidecar.start()
    skopeo.push(image, "prj/app:1.0")
    refused = "401 Unauthorized"
    eventually(lambda: registry.notifications()["Statuses"].get(refused, 0) >= 4, "the registry was refused, and again")
    assert sidecar.metric("ingest_requests_total", outcome="unauthorized") >= 4
    assert not receiver.requests
    sidecar.configure(said)
    sidecar.hang_up()
    [push] = receiver.wait_for("harbor")
    assert push.json["type"] == "PUSH_ARTIFACT"
