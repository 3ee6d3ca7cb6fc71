"""The process as an operator handles it: signals, reloads, and the receiver that comes with it."""

import json
import sys

import pytest
from peers import Process, eventually, free_port
from real_receiver import SECRET
from real_sidecar import subscription

pytestmark = pytest.mark.e2e


def test_sigterm_ends_what_is_under_way_and_exits_0(registry, sidecar, receiver, skopeo, image):
    """Told to stop it is no longer ready, lets the attempt in flight end, and owes nothing twice afterwards."""
    sidecar.configure(subscription("harbor", "harbor", receiver.url("harbor")))
    sidecar.start()
    with receiver.holding("harbor"):
        skopeo.push(image, "prj/app:1.0")
        receiver.wait_for("harbor")
        sidecar.terminate()
        eventually(lambda: sidecar.readyz().status == 503, "it says that it is not ready")
        assert sidecar.readyz().text == "stopping\n"
        sidecar.process.check_running()
    assert sidecar.process.wait(10) == 0
    sidecar.start()
    sidecar.wait_delivered()
    assert len(receiver.requests) == 1


def test_a_second_sigterm_ends_it_at_once(registry, sidecar, receiver, skopeo, image):
    """Who cannot wait for a hanging receiver says so again; what was in flight is sent at the next start."""
    sidecar.configure(subscription("harbor", "harbor", receiver.url("harbor")))
    sidecar.start()
    with receiver.holding("harbor"):
        skopeo.push(image, "prj/app:1.0")
        receiver.wait_for("harbor")
        sidecar.terminate()
        eventually(lambda: sidecar.readyz().status == 503, "it is stopping")
        sidecar.terminate()
        assert sidecar.process.wait(1) == 130
    sidecar.start()
    first, second = receiver.wait_for("harbor", 2)
    assert first.id == second.id


def test_a_reload_adds_a_subscription_and_a_broken_file_changes_nothing(registry, sidecar, receiver, skopeo, image):
    """SIGHUP takes a good file into use and keeps the old configuration when the file is bad."""
    harbor = subscription("harbor", "harbor", receiver.url("harbor"))
    quay = subscription("quay", "quay", receiver.url("quay"))
    sidecar.configure(harbor)
    sidecar.start()
    skopeo.push(image, "prj/app:1")
    receiver.wait_for("harbor")

    sidecar.configure(harbor, quay)
    sidecar.hang_up()
    eventually(lambda: len(sidecar.api("subscriptions")["subscriptions"]) == 2, "the new subscription is there")
    skopeo.push(image, "prj/app:2")
    [said] = receiver.wait_for("quay")
    assert said.json["updated_tags"] == ["2"]
    assert sidecar.metric("config_reload_success") == 1

    sidecar.configure(harbor, {**quay, "format": "kway"})
    sidecar.hang_up()
    eventually(lambda: sidecar.metric("config_reload_success") == 0, "the broken file is noticed")
    assert "kway" in sidecar.api("status")["config"]["error"]
    skopeo.push(image, "prj/app:3")
    assert [one.json["updated_tags"] for one in receiver.wait_for("quay", 2)] == [["2"], ["3"]]

    sidecar.configure(harbor, quay)
    sidecar.hang_up()
    eventually(lambda: sidecar.metric("config_reload_success") == 1, "the good file is in use again")
    sidecar.terminate()
    assert sidecar.process.wait(10) == 0


def test_listen_shows_what_came_and_that_its_signature_is_good(registry, sidecar, skopeo, image, tmp_path):
    """`registry-sidecar listen` is a receiver for trials: here one that fails twice and ends after three requests."""
    port = free_port()
    flags = ["--listen", f"127.0.0.1:{port}", "--secret", SECRET, "--fail-first", "2", "--count", "3", "--json"]
    listener = Process([sys.executable, "-m", "sidecar", "listen", *flags], tmp_path / "listen.log")
    listener.start()
    try:
        eventually(lambda: "listening" in listener.tail(), "it listens")
        sidecar.configure(subscription("dtr", "dtr", f"http://127.0.0.1:{port}/hook"))
        sidecar.start()
        skopeo.push(image, "prj/app:1.0")
        assert listener.wait() == 0, listener.tail()
    finally:
        listener.kill()
    seen = [json.loads(line) for line in listener.tail().splitlines() if line.startswith("{")]
    assert [one["status"] for one in seen] == [500, 500, 200]
    assert {(one["webhookId"], one["body"]) for one in seen} == {(seen[0]["webhookId"], seen[0]["body"])}
    for one in seen:
        assert (one["signature"], one["path"]) == ("verified", "/hook")
        assert (one["format"], one["word"], one["repository"]) == ("dtr", "TAG_PUSH", "prj/app")
        assert (one["tags"], one["digest"]) == (["1.0"], image.digest)
