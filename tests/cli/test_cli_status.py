"""`status`, asked of a running sidecar."""

from sidecar import __version__


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
