"""`quarantine`, and everything else that needs no running sidecar: the same commands with `--offline`."""

import pytest
from running_sidecar import Sidecar, captured, run


@pytest.fixture
def ask(cli, told):
    return lambda *arguments: cli("quarantine", *arguments, "--config", str(told.config))


def test_items_are_listed_newest_first(ask):
    said = ask("list")
    assert said.code == 0
    rows = [line.split()[:5] for line in said.out.splitlines()]
    assert rows[0] == ["ID", "AT", "REGISTRY", "REASON", "SIZE"]
    assert [(row[0], row[2], row[3]) for row in rows[1:]] == [("2", "main", "unreadable"), ("1", "main", "unreadable")]


def test_items_are_filtered(ask):
    assert len(ask("list", "--reason", "unreadable", "--registry", "main", "--json").json["items"]) == 2
    said = ask("list", "--reason", "poison")
    assert (said.code, said.out, said.err) == (0, "", "nothing is in quarantine\n")


def test_an_item_is_shown_with_its_bytes(ask):
    said = ask("show", "1")
    assert said.code == 0
    assert said.out.endswith("\n\nthis is no envelope\n")
    assert ask("show", "2", "--json").json["base64"] is True


def test_raw_is_exactly_what_came(told):
    done = run("quarantine", "show", "1", "--raw", "--config", str(told.config))
    assert (done.returncode, done.stdout) == (0, "this is no envelope")


def test_what_still_cannot_be_read_stays_and_ends_with_1(ask):
    said = ask("retry", "1")
    assert (said.code, said.out) == (1, "1: it still cannot be read; it stays in quarantine\n")
    said = ask("retry", "--all", "--reason", "unreadable")
    assert (said.code, said.out) == (1, "2 tried: 0 accepted, 0 were known already, 2 stay in quarantine\n")
    said = ask("retry", "--all", "--reason", "poison", "--json")
    assert (said.code, said.json) == (0, {"tried": 0, "accepted": 0, "duplicate": 0, "quarantined": 0})


def test_what_is_not_there_ends_with_3(ask):
    for verb in ("show", "retry", "delete"):
        said = ask(verb, "4711")
        assert (said.code, said.out) == (3, "")
        assert "no quarantined item 4711" in said.err


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["retry"], "name either one item or --all"),
        (["retry", "1", "--all"], "name either one item or --all"),
        (["retry", "1", "--reason", "poison"], "--reason and --registry choose among --all"),
        (["delete"], "Missing argument 'ID...'"),
        (["delete", "0"], "Invalid value for 'ID...'"),
    ],
)
def test_arguments_that_cannot_be_used_are_refused(ask, arguments, sentence):
    said = ask(*arguments)
    assert (said.code, said.out) == (2, "")
    assert said.err.startswith(f"registry-sidecar: {sentence}")


class TestOffline:
    """The store's file without a sidecar."""

    @pytest.fixture
    def stopped(self, tmp_path):
        """A store whose sidecar has stopped: one push owed to nobody who listens, and an envelope for a registry that
        was not configured then."""
        subscription = {"name": "nobody", "format": "harbor", "url": "http://127.0.0.1:1/"}
        with Sidecar(tmp_path, [subscription]) as sidecar:
            sidecar.post(*captured("docker-like push 2 layers, tag v1"))
            plain, sidecar.ingest = sidecar.ingest, f"{sidecar.ingest}/branch"
            sidecar.post(captured("multi-arch index push")[-1], b"nonsense")
            sidecar.ingest = plain
            sidecar.post(b"nonsense")
            sidecar.wait(lambda owed: owed == {"nobody": 1})
        return sidecar

    def test_the_same_commands_answer(self, cli, stopped):
        def offline(*arguments):
            return cli(*arguments, "--offline", "--config", str(stopped.config))

        found = offline("events", "--json").json["events"]
        assert [one["type"] for one in found] == ["artifact.pushed", "repository.created"]
        explained = offline("explain", found[0]["id"])
        assert explained.code == 0
        assert "nobody        harbor  yes    PUSH_ARTIFACT" in explained.out
        assert offline("undelivered", "--json").json["counts"][0]["due"] == 1
        status = offline("status", "--json")
        assert (status.code, status.json["ready"]) == (1, False)
        assert "the sidecar is stopped" in status.json["unready"][0]
        assert "the sidecar is stopped" in offline("status").out

    def test_quarantine_is_mended_offline(self, cli, stopped):
        def offline(*arguments):
            return cli("quarantine", *arguments, "--offline", "--config", str(stopped.config))

        reasons = {one["id"]: one["reason"] for one in offline("list", "--json").json["items"]}
        assert reasons == {1: "unknown_registry", 2: "unknown_registry", 3: "unreadable"}
        assert offline("retry", "1").out == "1: it is in the journal now and will be translated\n"
        assert offline("retry", "--all", "--reason", "unknown_registry").code == 1
        said = offline("delete", "2", "3")
        assert (said.code, said.out) == (0, "2: deleted\n3: deleted\n")
        assert offline("list").err == "nothing is in quarantine\n"

    def test_a_running_sidecar_keeps_its_store_to_itself(self, cli, told):
        said = cli("events", "--offline", "--config", str(told.config))
        assert (said.code, said.out) == (69, "")
        assert "another registry-sidecar uses this store; stop it first" in said.err

    def test_nothing_is_made_where_there_is_no_store(self, cli, tmp_path):
        config = Sidecar(tmp_path, []).config
        said = cli("events", "--offline", "--config", str(config))
        assert said.code == 69
        assert f"there is no store at {tmp_path}/sidecar.db" in said.err
        assert [one.name for one in tmp_path.iterdir()] == ["config.yml"]
