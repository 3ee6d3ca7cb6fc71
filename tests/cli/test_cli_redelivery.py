"""`replay`, `deliveries retry` and `deliveries cancel`, asked of a running sidecar and of a store without one."""

import json

import pytest
from running_sidecar import Listening, Sidecar, captured, until

PUSHES = ("docker-like push 2 layers, tag v1", "same push again, tag v2 (all blobs exist)")


def states(sidecar, name):
    found = sidecar.ask(f"/v1/deliveries?limit=500&subscription={name}")["deliveries"]
    return sorted(one["state"] for one in found)


@pytest.fixture
def refusing(tmp_path):
    """A sidecar with two deliveries dead for `refused`, whose receiver takes everything from the third request on, and
    two that wait an hour for `nobody`."""
    with Listening("--json", "--fail-first", "2") as receiver:
        subscriptions = [
            {
                "name": "refused",
                "format": "harbor",
                "url": receiver.url,
                "delivery": {"give_up_on": ["5xx"], "concurrency": 1},
            },
            {
                "name": "nobody",
                "format": "harbor",
                "url": "http://127.0.0.1:1/",
                "delivery": {"retry": {"initial": "1h"}},
            },
        ]
        with Sidecar(tmp_path, subscriptions) as sidecar:
            sidecar.receiver = receiver
            for step in PUSHES:
                sidecar.post(*captured(step))
            until(lambda: states(sidecar, "refused") == ["dead", "dead"] and waiting(sidecar) == 2, "two are dead")
            yield sidecar


def waiting(sidecar):
    found = sidecar.ask("/v1/deliveries?subscription=nobody&state=due")["deliveries"]
    return sum(one["attempts"] == 1 for one in found)


@pytest.fixture
def ask(cli, refusing):
    return lambda *arguments: cli(*arguments, "--config", str(refusing.config))


def test_an_outage_is_made_good(ask, refusing):
    """Counted, refused without yes, replayed with the same ids, and nothing left to replay."""
    assert ask("replay", "--subscription", "refused", "--dry-run").out.split() == [
        "SUBSCRIPTION",
        "DELIVERIES",
        "refused",
        "2",
    ]
    said = ask("replay", "--since", "1h")
    assert (said.code, said.out) == (2, "")
    assert "2 deliveries would be made due again: add --yes" in said.err
    said = ask("replay", "--since", "1h", "--repository", "team/**", "--type", "artifact.pushed", "--yes")
    assert (said.code, said.out, said.err) == (0, "2 made due again: refused 2\n", "")
    until(lambda: states(refusing, "refused") == ["delivered", "delivered"], "the replay has arrived")
    received = [json.loads(refusing.receiver.line())["webhookId"] for _ in range(4)]
    assert sorted(received[:2]) == sorted(received[2:])
    said = ask("replay", "--all", "--yes")
    assert (said.code, said.out, said.err) == (0, "", "no such deliveries\n")
    lines = [json.loads(line) for line in (refusing.folder / "log").read_text().splitlines()]
    (line,) = [one for one in lines if one["message"] == "operated"]
    assert (line["who"], line["what"], line["count"]) == ("socket", "replay", 2)
    assert line["detail"].startswith("state=dead type=artifact.pushed repository=team/** since=")


def test_what_was_delivered_is_sent_again_when_that_is_said(ask, refusing):
    assert ask("replay", "--all", "--yes").code == 0
    until(lambda: states(refusing, "refused") == ["delivered", "delivered"], "the replay has arrived")
    said = ask("replay", "--subscription", "refused", "--state", "delivered", "--rate", "100/s", "--yes", "--json")
    *steps, last = [json.loads(line) for line in said.out.splitlines()]
    assert (last["count"], last["done"]) == (2, True)
    assert sum(one["count"] for one in steps) == 2
    until(lambda: all(one["attempts"] == 3 for one in delivered(refusing)), "it has arrived once more")


def delivered(sidecar):
    return sidecar.ask("/v1/deliveries?subscription=refused")["deliveries"]


def test_deliveries_are_retried_and_cancelled_by_id(ask, refusing):
    dead = delivered(refusing)[0]["id"]
    first, second = (one["id"] for one in refusing.ask("/v1/deliveries?subscription=nobody")["deliveries"])
    assert ask("deliveries", "retry", str(dead)).out == f"{dead}: made due now\n"
    said = ask("deliveries", "cancel", str(first), "4711", str(second))
    assert (said.code, said.out) == (3, f"{first}: cancelled\n{second}: cancelled\n")
    assert said.err == (
        "registry-sidecar: There is no delivery 4711; it may be older than retention keeps deliveries.\n"
    )
    assert states(refusing, "nobody") == ["cancelled", "cancelled"]
    said = ask("deliveries", "cancel", str(first))
    assert (said.code, said.err) == (
        1,
        f"registry-sidecar: Delivery {first} is cancelled; only what is due can be cancelled.\n",
    )
    assert ask("undelivered", "--json").json["counts"][0]["dead"] == 1


def test_deliveries_are_retried_and_cancelled_by_choice(ask, refusing):
    said = ask("deliveries", "retry", "--subscription", "nobody", "--yes")
    assert (said.code, said.out) == (0, "2 made due now: nobody 2\n")
    until(
        lambda: all(one["attempts"] == 2 for one in refusing.ask("/v1/deliveries?subscription=nobody")["deliveries"]),
        "they were tried at once",
    )
    assert ask("deliveries", "cancel", "--all", "--dry-run", "--json").json["count"] == 2
    assert ask("deliveries", "cancel", "--all", "--yes").out == "2 cancelled: nobody 2\n"
    assert ask("undelivered").out.splitlines()[1].split()[:3] == ["refused", "0", "2"]


def test_the_group_lists_and_shows_as_before(ask, refusing):
    number = delivered(refusing)[0]["id"]
    assert ask("deliveries", str(number)).out == ask("deliveries", "list", str(number)).out
    assert f"delivery      {number}" in ask("deliveries", str(number)).out
    assert len(ask("deliveries", "--state", "dead", "--json").json["deliveries"]) == 2
    assert ask("deliveries").out == ask("deliveries", "list").out


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["replay"], "say what to replay (--subscription, --since, --repository, ...), or --all"),
        (["replay", "--yes"], "say what to replay"),
        (["replay", "--all", "--rate", "fast"], "--rate 'fast' must be a whole number a second, such as 50/s"),
        (["replay", "--all", "--rate", "0/s"], "--rate '0/s' must be a whole number a second"),
        (["replay", "--until", "gestern"], "--until 'gestern' is neither a duration"),
        (["deliveries", "retry"], "say what to retry: IDs, --subscription or --reason, or --all"),
        (["deliveries", "cancel", "1", "--all"], "IDs and options that choose do not go together"),
        (["deliveries", "cancel", "1", "--dry-run"], "IDs and options that choose do not go together"),
        (["deliveries", "retry", "0"], "Invalid value for '[ID]...'"),
    ],
)
def test_a_command_line_that_cannot_be_meant_is_refused_before_anybody_is_asked(cli, arguments, sentence):
    said = cli(*arguments, "--config", "/nowhere")
    assert (said.code, said.out) == (2, "")
    assert said.err.startswith(f"registry-sidecar: {sentence}")


def test_names_and_states_that_are_none_are_the_api_s_sentences(ask):
    said = ask("replay", "--subscription", "nobody-else", "--yes")
    assert (said.code, said.err) == (3, "registry-sidecar: There is no subscription nobody-else.\n")
    said = ask("replay", "--state", "due", "--yes")
    assert said.code == 2
    assert "only to deliveries that are dead or delivered or cancelled" in said.err


def test_everything_but_a_test_works_on_a_stopped_sidecar_s_store(cli, tmp_path):
    """And counts when it starts again."""
    with Listening("--json") as receiver:
        subscription = {"name": "one", "format": "harbor", "url": "http://127.0.0.1:1/"}
        subscription["delivery"] = {"retry": {"initial": "1h"}}
        with Sidecar(tmp_path, [subscription]) as sidecar:
            for step in PUSHES:
                sidecar.post(*captured(step))
            sidecar.wait(lambda owed: owed == {"one": 2} and sidecar.untried() == 0)

        def offline(*arguments):
            return cli(*arguments, "--offline", "--config", str(sidecar.config))

        first, second = (one["id"] for one in offline("deliveries", "--json").json["deliveries"])
        assert offline("deliveries", "cancel", str(first), str(second)).code == 0
        assert offline("replay", "--state", "cancelled", "--delivery", str(first), "--yes").out == (
            "1 made due again: one 1\n"
        )
        assert offline("deliveries", "retry", str(first)).out == f"{first}: made due now\n"
        assert offline("subscriptions", "pause", "one").out == "one: paused, 1 pending\n"
        explained = offline("explain", offline("events", "--type", "artifact.pushed", "--json").json["events"][0]["id"])
        assert explained.code == 0
        said = offline("subscriptions", "test", "one")
        assert (said.code, said.err) == (
            1,
            "registry-sidecar: Nothing is sent while the sidecar is stopped; start it and try again.\n",
        )
        config = json.loads(sidecar.config.read_text())
        config["subscriptions"][0]["url"] = receiver.url
        sidecar.config.write_text(json.dumps(config))
        with sidecar:
            assert states(sidecar, "one") == ["cancelled", "due"]
            assert sidecar.ask("/v1/subscriptions")["subscriptions"][0]["hold"] == "operator"
        assert offline("subscriptions", "resume", "one").code == 0
        with sidecar:
            until(lambda: states(sidecar, "one") == ["cancelled", "delivered"], "it has arrived")
