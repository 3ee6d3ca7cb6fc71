"""`subscriptions`: listed, held, released and tried."""

import json

import pytest
from running_sidecar import Listening, Sidecar, captured, until

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """A receiver that checks signatures, and a sidecar with a subscription to it, one to nobody and one to the
    metadata address, which the guard refuses."""
    with Listening("--json", "--secret", SECRET) as receiver:
        subscriptions = [
            {
                "name": "takes",
                "format": "dtr",
                "events": ["TAG_PUSH", "TAG_DELETE"],
                "url": f"{receiver.url}/dtr?token=hidden",
                "sign": {"scheme": "standard", "secrets": [SECRET]},
            },
            {"name": "nobody", "format": "harbor", "url": "http://127.0.0.1:1/"},
            {"name": "inward", "format": "quay", "url": "http://169.254.169.254/latest"},
        ]
        with Sidecar(tmp_path_factory.mktemp("site"), subscriptions) as sidecar:
            sidecar.receiver = receiver
            yield sidecar


@pytest.fixture
def ask(cli, site):
    return lambda *arguments: cli("subscriptions", *arguments, "--config", str(site.config))


def test_subscriptions_are_listed(ask, site):
    said = ask("list")
    assert said.code == 0
    header, *rows = said.out.splitlines()
    assert header.split()[:4] == ["SUBSCRIPTION", "FORMAT", "DESTINATION", "STATE"]
    assert [row.split()[0] for row in rows] == ["takes", "nobody", "inward"]
    assert ask("list", "--json").json == site.ask("/v1/subscriptions")


def test_a_test_arrives_signed_and_is_told_with_its_answer(ask, site):
    said = ask("test", "takes")
    assert (said.code, said.err) == (0, "")
    lines = dict(line.split(maxsplit=1) for line in said.out.splitlines() if line)
    assert lines["sent"].startswith("TAG_PUSH (artifact.pushed) to http://127.0.0.1:")
    assert lines["sent"].endswith("/...")
    assert (lines["delivered"], lines["reason"], lines["status"]) == ("yes", "ok", "200")
    assert lines["took"].endswith(" ms")
    received = json.loads(site.receiver.line())
    assert (received["format"], received["word"], received["signature"]) == ("dtr", "TAG_PUSH", "verified")
    assert received["webhookId"] == lines["webhook-id"]
    assert "hidden" not in said.out
    assert site.ask("/v1/deliveries")["deliveries"] == []
    assert site.ask("/v1/events")["events"] == []


def test_a_test_says_what_was_asked_for(ask, site):
    assert ask("test", "takes", "--event", "TAG_DELETE", "--json").json["request"]["word"] == "TAG_DELETE"
    assert json.loads(site.receiver.line())["word"] == "TAG_DELETE"


@pytest.mark.parametrize(
    ("name", "reason", "detail"),
    [("nobody", "unreachable", "connection refused"), ("inward", "refused_by_guard", "169.254.169.254")],
)
def test_a_test_that_is_not_taken_ends_with_1(ask, name, reason, detail):
    """Through the guard, as deliveries are."""
    said = ask("test", name)
    assert said.code == 1
    lines = dict(line.split(maxsplit=1) for line in said.out.splitlines() if line)
    assert (lines["delivered"], lines["reason"], lines["status"]) == ("no", reason, "-")
    assert detail in lines["detail"].lower()


def test_what_is_not_there_or_cannot_be_said_is_a_sentence(ask):
    said = ask("test", "no such")
    assert (said.code, said.err) == (3, "registry-sidecar: There is no subscription no such in the configuration.\n")
    said = ask("pause", "a/b")
    assert (said.code, said.err) == (3, "registry-sidecar: There is no subscription a/b.\n")
    said = ask("test", "nobody", "--event", "nothing")
    assert said.code == 1
    assert said.err.startswith("registry-sidecar: Unknown event 'nothing' for format harbor; it can say:")


def test_a_pause_holds_what_comes_until_it_is_resumed(cli, ask, site):
    assert ask("pause", "takes", "nobody").out == "takes: paused, 0 pending\nnobody: paused, 0 pending\n"
    site.post(*captured("docker-like push 2 layers, tag v1"))
    site.wait(lambda owed: owed["takes"] == 1)
    rows = {row.split()[0]: row for row in cli("undelivered", "--config", str(site.config)).out.splitlines() if row}
    assert "held (operator)" in rows["takes"]
    said = cli("deliveries", "retry", "--all", "--yes", "--config", str(site.config))
    assert "takes is held (operator): nothing is sent until `registry-sidecar subscriptions resume takes`" in said.err
    said = ask("resume", "takes", "--json")
    assert (said.json["subscriptions"][0]["hold"], said.json["subscriptions"][0]["pending"]) == ("", 1)
    assert json.loads(site.receiver.line())["word"] == "TAG_PUSH"
    until(lambda: site.delivered() == 1, "it is written that it arrived")
    log = (site.folder / "log").read_text()
    assert '"message":"lane held"' in log
    assert '"message":"lane released"' in log
