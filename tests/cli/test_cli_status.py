"""`status`, asked of a running sidecar."""

import pytest

from sidecar import __version__
from sidecar.cli.status import state_of


def test_a_ready_sidecar_ends_with_0_and_lists_its_subscriptions(cli, told):
    said = cli("status", "-c", str(told.config))
    assert (said.code, said.err) == (0, "")
    lines = {line.split()[0]: line.split()[1:] for line in said.out.splitlines() if line.strip()}
    assert lines["version"] == [__version__]
    assert lines["ready"] == ["yes"]
    assert lines["translator"] == ["0", "records", "waiting"]
    assert lines["hears"][:5] == ["harbor", told.receiver.url, "active", "0", "0"]
    assert lines["nobody"][:5] == ["dtr", "http://127.0.0.1:1", "active", "5", "0"]


def test_json_is_the_apis_status_with_the_subscriptions(cli, told):
    found = cli("status", "--json", "-c", str(told.config)).json
    assert found.pop("subscriptions") == told.ask("/v1/subscriptions")["subscriptions"]
    assert found.pop("walks") == told.ask("/v1/walks")["walks"]
    assert found.keys() == told.ask("/v1/status").keys()


ACTIVE = {"orphaned": False, "hold": "", "enabled": True, "pausedUntil": None, "breaker": "closed", "nextProbe": None}
PROBE = {"breaker": "open", "nextProbe": "2026-11-21T00:00:00Z"}


@pytest.mark.parametrize(
    ("given", "begins"),
    [
        ({}, "active"),
        ({"pausedUntil": "2026-11-21T00:00:00Z"}, "paused until 2026-11-21"),
        (PROBE, "failing: next probe at 2026-11-21"),
        ({**PROBE, "pausedUntil": "2026-11-21T01:00:00Z"}, "failing: next probe at 2026-11-21"),
        ({**PROBE, "hold": "gone"}, "held (gone)"),
        ({**PROBE, "enabled": False}, "disabled"),
        ({**PROBE, "orphaned": True}, "orphaned"),
    ],
)
def test_the_state_of_a_subscription_in_a_word(given, begins):
    assert state_of({**ACTIVE, **given}).startswith(begins)


def test_what_cannot_be_used_says_why():
    lane = {**ACTIVE, "orphaned": True, "trouble": "match.registries[0] <secret> is not a registry of this file"}
    assert state_of(lane) == "cannot be used: match.registries[0] <secret> is not a registry of this file"
