"""`serve` in a process of its own."""

import contextlib
import json
import socket
from pathlib import Path

from running_sidecar import Sidecar, run


def test_it_ends_with_0_on_sigterm_and_logs_json(tmp_path):
    with Sidecar(tmp_path, []) as sidecar:
        assert (tmp_path / "control.sock").stat().st_mode & 0o777 == 0o600
    assert sidecar.code == 0
    assert not (tmp_path / "control.sock").exists()
    for line in (tmp_path / "log").read_text().splitlines():
        assert json.loads(line)["level"] in {"info", "warning"}


def test_an_address_that_is_taken_is_one_sentence_and_71(tmp_path):
    sidecar = Sidecar(tmp_path, [])
    with socket.create_server(("127.0.0.1", int(sidecar.management.rpartition(":")[2]))):
        done = run("serve", "--config", str(sidecar.config), "--log-level", "error")
    assert (done.returncode, done.stdout) == (71, "")
    assert done.stderr.startswith("registry-sidecar: cannot listen: ")
    assert done.stderr.count("\n") == 1


def test_an_unknown_log_level_names_the_known_ones(cli):
    said = cli("serve", "--log-level", "loud")
    assert said.code == 2
    assert "debug" in said.err


def test_it_is_one_process_with_one_file_and_talks_to_nobody(tmp_path):
    """Nothing runs beside it, nothing lies outside its folder, and without deliveries it has no connection."""
    with Sidecar(tmp_path, []) as sidecar:
        process = Path("/proc") / str(sidecar.process.pid)
        assert {one.read_text() for one in process.glob("task/*/children")} <= {""}
        open_now = []
        for one in (process / "fd").iterdir():
            with contextlib.suppress(FileNotFoundError):  # it was closed since it was listed
                open_now.append(str(one.readlink()))
        files = {one for one in open_now if one.startswith("/") and not one.startswith("/dev/")}
        assert {Path(one).name for one in files} <= {
            "sidecar.db",
            "sidecar.db-wal",
            "sidecar.db-shm",
            "sidecar.db.lock",
            "log",
        }
        assert {Path(one).parent for one in files} == {tmp_path}
        sockets = {one.partition("[")[2].rstrip("]") for one in open_now if one.startswith("socket:")}
        connections = [line.split() for line in (process / "net" / "tcp").read_text().splitlines()[1:]]
        ours = [row for row in connections if row[9] in sockets]
        doors = {row[1] for row in ours if row[3] == "0A"}
        assert doors
        assert {row[1] for row in ours} == doors, "it is called, and calls nobody"
