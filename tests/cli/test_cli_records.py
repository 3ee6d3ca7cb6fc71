"""`events`, `explain`, `deliveries` and `undelivered`, asked of a running sidecar."""

import json

import pytest
from running_sidecar import until


@pytest.fixture
def ask(cli, told):
    return lambda *arguments: cli(*arguments, "--config", str(told.config))


def pushes(ask):
    return ask("events", "--type", "artifact.pushed", "--json").json["events"]


def test_events_are_listed_newest_first(ask):
    said = ask("events")
    assert (said.code, said.err) == (0, "")
    header, *rows = said.out.splitlines()
    assert header.split() == ["TIME", "TYPE", "ARTIFACT", "KIND", "ACTOR", "DELIVERED", "DUE", "DEAD", "ID"]
    assert [row.split()[1] for row in rows] == [
        "tag.deleted",
        "tag.deleted",
        "artifact.deleted",
        "artifact.pushed",
        "artifact.pushed",
        "repository.created",
    ]
    assert rows[3].split()[:4] == ["2026-11-21T23:50:35Z", "artifact.pushed", "team/app:v2", "image"]


def test_json_is_the_apis_own_form(ask, told):
    assert ask("events", "--json").json == told.ask("/v1/events?limit=50")
    assert ask("deliveries", "--json").json == told.ask("/v1/deliveries?limit=50")
    assert ask("undelivered", "--json").json == told.ask("/v1/undelivered?limit=50")


def test_a_limit_ends_the_list_and_says_that_there_is_more(ask):
    found = ask("events", "--limit", "2", "--json").json
    assert len(found["events"]) == 2
    assert found["next"]


@pytest.mark.parametrize(
    ("arguments", "count"),
    [
        (["--type", "artifact.pushed"], 2),
        (["--repository", "team/app", "--registry", "main"], 6),
        (["--repository", "team/other"], 0),
        (["--since", "2026-11-21T23:50:40Z"], 3),
        (["--since", "2026-11-22T00:50:40+01:00", "--type", "tag.deleted"], 2),
    ],
)
def test_events_are_filtered(ask, arguments, count):
    assert len(ask("events", "--json", *arguments).json["events"]) == count


def test_no_events_are_said_on_standard_error(ask):
    said = ask("events", "--repository", "team/other")
    assert (said.code, said.out, said.err) == (0, "", "no such events\n")


def test_a_bad_time_is_refused_before_anybody_is_asked(cli):
    said = cli("events", "--since", "gestern", "--config", "/nowhere")
    assert (said.code, said.out) == (2, "")
    assert said.err.startswith("registry-sidecar: --since 'gestern' is neither a duration")


def test_explain_says_who_heard_and_why_others_did_not(ask):
    said = ask("explain", pushes(ask)[0]["id"])
    assert (said.code, said.err) == (0, "")
    rows = {line.split()[0]: line for line in said.out.splitlines() if line.strip()}
    assert rows["hears"].split()[2:4] == ["yes", "PUSH_ARTIFACT"]
    assert "refused by match.repositories" in rows["elsewhere"]
    assert rows["nobody"].split()[2:4] == ["yes", "TAG_PUSH"]


def test_explain_shows_the_exact_body_and_no_secret(ask, told):
    """The body is the one that the receiver got, and neither header, signing secret nor path are shown."""
    received = [json.loads(told.ask(f"/v1/deliveries/{one['id']}")["body"]) for one in hears(ask)]
    said = ask("explain", pushes(ask)[0]["id"], "--request")
    bodies = [json.loads(line) for line in said.out.splitlines() if line.startswith("{")]
    assert bodies[0] in received
    assert "  Authorization: <secret>\n" in said.out
    assert "  Content-Type: application/json\n" in said.out
    for hidden in ("never-shown", "whsec_", "token=hidden"):
        assert hidden not in said.out


def hears(ask):
    return ask("deliveries", "--subscription", "hears", "--json").json["deliveries"]


def test_deliveries_are_filtered(ask):
    assert [one["word"] for one in hears(ask)] == ["DELETE_ARTIFACT", "PUSH_ARTIFACT", "PUSH_ARTIFACT"]
    event = pushes(ask)[0]["id"]
    assert len(ask("deliveries", "--event", event, "--json").json["deliveries"]) == 2
    assert len(ask("deliveries", "--state", "due,dead", "--json").json["deliveries"]) == 5
    assert {
        one["subscription"] for one in ask("deliveries", "--reason", "unreachable", "--json").json["deliveries"]
    } == {"nobody"}


def test_a_delivery_is_shown_with_its_attempts(ask, told):
    """The receiver refused its first request, whichever that was."""
    (refused,) = [one for one in hears(ask) if one["attempts"] == 2]
    said = ask("deliveries", str(refused["id"]))
    assert said.code == 0
    lines = said.out.splitlines()
    assert f"webhook-id    {refused['webhookId']}" in lines
    attempts = [line.split() for line in lines[-2:]]
    assert [(row[0], row[4], row[5]) for row in attempts] == [("1", "server_error", "500"), ("2", "ok", "200")]


def test_what_is_not_there_ends_with_3(ask):
    for arguments in (["deliveries", "4711"], ["explain", "00000000-0000-0000-0000-000000000000"], ["explain", "a/b"]):
        said = ask(*arguments)
        assert (said.code, said.out) == (3, "")
        assert said.err.startswith("registry-sidecar: ")
        assert said.err.count("\n") == 1


def test_an_unknown_state_is_the_apis_sentence_and_ends_with_2(ask):
    said = ask("deliveries", "--state", "lost")
    assert (said.code, said.out) == (2, "")
    assert "unknown state 'lost'; known: due, delivered, dead, cancelled" in said.err.lower()


def test_a_number_and_filters_do_not_go_together(ask):
    said = ask("deliveries", "1", "--state", "due")
    assert said.code == 2
    assert "do not go together" in said.err


def test_undelivered_counts_by_subscription(ask):
    said = ask("undelivered")
    assert said.code == 0
    assert [line.split()[:3] for line in said.out.splitlines()[:2]] == [
        ["SUBSCRIPTION", "DUE", "DEAD"],
        ["nobody", "5", "0"],
    ]
    assert said.out.count("connection refused") == 5


def test_a_subscription_without_debts_has_all_delivered(ask):
    """Its last outcome is written a few milliseconds after it arrived."""

    def arrived() -> bool:
        said = ask("undelivered", "--subscription", "hears")
        return (said.code, said.out, said.err) == (0, "", "everything has arrived\n")

    until(arrived, "something is still owed")
