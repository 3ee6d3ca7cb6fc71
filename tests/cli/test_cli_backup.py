"""`backup` and the way back from one, with real processes: what was accepted before it is never lost."""

import contextlib
import json
import shutil
import signal
import sqlite3
import stat
import subprocess
import sys
import threading
import urllib.error

import pytest
from running_sidecar import ENVIRON, Listening, Sidecar, captured, end, run, until


@pytest.fixture
def ask(cli, told):
    return lambda *arguments: cli("backup", *arguments, "--config", str(told.config))


def test_a_backup_says_where_it_is_and_what_it_holds(ask, tmp_path):
    said = ask(str(tmp_path / "copy.db"))
    assert (said.code, said.err) == (0, "")
    assert said.out.startswith(f"{tmp_path}/copy.db: ")
    assert " checked, up to record " in said.out
    assert stat.S_IMODE((tmp_path / "copy.db").stat().st_mode) == 0o600


def test_json_is_for_machines(ask, tmp_path):
    made = ask(str(tmp_path / "copy.db"), "--json").json
    assert made.keys() == {"path", "sizeBytes", "seconds", "lastRecord", "at"}
    assert made["sizeBytes"] == (tmp_path / "copy.db").stat().st_size


def test_a_path_is_of_the_caller_s_directory(ask, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert ask("copy.db").code == 0
    assert (tmp_path / "copy.db").is_file()


def test_what_is_there_is_overwritten_only_by_force(ask, tmp_path):
    (tmp_path / "copy.db").write_text("precious")
    said = ask(str(tmp_path / "copy.db"))
    assert (said.code, said.out) == (1, "")
    assert "exists already: name another file, or overwrite it with --force" in said.err
    assert ask(str(tmp_path / "copy.db"), "--force").code == 0


def test_standard_output_gets_the_file_itself(told, tmp_path):
    with (tmp_path / "copy.db").open("wb") as file:
        command = [sys.executable, "-m", "sidecar", "backup", "-", "--config", str(told.config)]
        subprocess.run(command, stdout=file, timeout=30, check=True, env=ENVIRON)
    with contextlib.closing(sqlite3.connect(tmp_path / "copy.db")) as copy:
        assert copy.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    assert not [one for one in told.folder.iterdir() if one.name.endswith(".backup")]


def test_a_stopped_sidecar_s_store_is_backed_up_offline(cli, tmp_path):
    with Sidecar(tmp_path, []) as sidecar:
        sidecar.post(*captured("docker-like push 2 layers, tag v1"))
    said = cli("backup", str(tmp_path / "copy.db"), "--offline", "--json", "--config", str(sidecar.config))
    assert said.code == 0
    with contextlib.closing(sqlite3.connect(tmp_path / "copy.db")) as copy:
        assert copy.execute("SELECT max(number) FROM journal").fetchone() == (said.json["lastRecord"],)
    assert said.json["lastRecord"] > 0


class Registry(threading.Thread):
    """Notifies without a pause; remembers what was answered 202."""

    def __init__(self, sidecar):
        super().__init__()
        (template,) = [one for one in captured("docker-like push 2 layers, tag v1") if b'"tag": "v1"' in one]
        self._event = json.loads(template)["events"][0]
        self._sidecar = sidecar
        self.accepted = []
        self.stop = threading.Event()

    def run(self):
        number = 0
        while not self.stop.is_set():
            number += 1
            event = {**self._event, "id": f"load-{number}"}
            try:
                self._sidecar.post(json.dumps({"events": [event]}).encode())
            except (urllib.error.URLError, OSError):
                return
            self.accepted.append(event["id"])


class Hearing(threading.Thread):
    """Takes down what a receiver prints, so that it never waits for a reader."""

    def __init__(self, receiver):
        super().__init__()
        self._receiver = receiver
        self.messages = []
        self.start()

    def run(self):
        while line := self._receiver.line():
            self.messages.append(json.loads(line))


def translated(sidecar):
    """Whether the translator is at the end of the journal."""
    done = sidecar.ask("/v1/status")["translator"]
    return done["cursor"] == done["last"]


def test_back_from_a_backup_nothing_that_was_accepted_before_it_is_lost(tmp_path):
    """Under load: back up, go on, be killed; put the backup in place; start. What was delivered since comes again."""
    backup = tmp_path / "copy.db"
    with Listening("--json") as first, Listening("--json") as second:
        original, repeated = Hearing(first), Hearing(second)
        subscription = {"name": "one", "format": "harbor", "url": first.url}
        with Sidecar(tmp_path, [subscription]) as sidecar:
            registry = Registry(sidecar)
            registry.start()
            until(lambda: len(registry.accepted) > 30, "no traffic")
            before = list(registry.accepted)
            made = run("backup", str(backup), "--config", str(sidecar.config))
            assert made.returncode == 0, made.stderr
            during = len(registry.accepted)
            until(lambda: len(registry.accepted) > during + 30, "no traffic")
            sidecar.process.send_signal(signal.SIGKILL)
            sidecar.process.wait()
            registry.join()
            registry.stop.set()
        with contextlib.closing(sqlite3.connect(backup)) as copy:
            records = [row[0] for row in copy.execute("SELECT id FROM journal ORDER BY number")]
            delivered = {row[0] for row in copy.execute("SELECT webhook_id FROM delivery WHERE state = 1")}
        assert set(before) <= set(records), "the backup lacks what had been answered before it began"
        after = [one for one in registry.accepted if one not in set(records)]
        assert len(after) > 20, "there is nothing that the backup cannot know"

        (tmp_path / "sidecar.db").unlink()
        shutil.copyfile(backup, tmp_path / "sidecar.db")  # the log that was left by the end is not removed
        again = Sidecar(tmp_path, [{**subscription, "url": second.url}])
        with again:
            again.wait(lambda owed: owed["one"] == 0)
            again.post(json.dumps({"events": [{**registry._event, "id": "afterwards"}]}).encode())
            until(lambda: translated(again), "not translated")
            again.wait(lambda owed: owed["one"] == 0)
            numbers = {one["id"] for one in again.ask("/v1/deliveries?limit=500")["deliveries"]}
            until(lambda: "store examined" in (tmp_path / "log").read_text(), "the store was not examined")
            log = (tmp_path / "log").read_text()
        for receiver, hearing in ((first, original), (second, repeated)):
            end(receiver._process)
            hearing.join()
    sent_before, sent_again = (
        {one["webhookId"]: one["body"] for one in each.messages} for each in (original, repeated)
    )
    known = sent_before.keys() | sent_again.keys() | delivered
    assert len(known) >= len(records) + 1
    for identity in sent_before.keys() & sent_again.keys():
        assert sent_before[identity] == sent_again[identity], "the same id, the same bytes"
    assert "the store goes on from a backup of" in log
    assert max(numbers) > 2**20 * 65536, "what comes after has numbers that were never given out"
