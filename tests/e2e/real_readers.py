"""Libraries and programs that receivers use, as their makers publish them: they read what we really sent."""

import json
import os
import subprocess

from peers import OWN_PEERS, REMEDY, ROOT, Process, eventually, find, free_port
from real_registry import ask

READERS = ROOT / "tests" / "e2e" / "readers"
LIBRARIES = OWN_PEERS.parent / "node"  # where .ci/peers puts what readers/node asks for


class Refused(Exception):
    """The reader did not take it; the text is its own."""


def read_in_javascript(reader, received, *, secret=""):
    """What `octokit` (signature included) or `cloudevents` makes of a request. Raises Refused."""
    assert (LIBRARIES / "node_modules").is_dir(), f"the JavaScript libraries are missing: {REMEDY}"
    told = {"reader": reader, "headers": received.headers, "body": received.body.decode(), "secret": secret}
    # A program that is given as text finds its libraries from the working directory.
    script = (READERS / "node" / "read.mjs").read_text()
    command = [find([OWN_PEERS / "node", "node"], "v2"), "--input-type=module", "--eval", script]
    return json.loads(_read(command, json.dumps(told).encode(), cwd=LIBRARIES))


def read_cdevent(body):
    """Type and subject of a CDEvent, as the Go SDK reads and validates it. Raises Refused."""
    reader = OWN_PEERS / "cdevents-reader"
    assert reader.is_file(), f"{reader} is missing: {REMEDY}"
    return tuple(_read([str(reader)], body).decode().split())


def _read(command, given, cwd=None):
    # A proxy is for the peers' makers, not for reading.
    quiet = {name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")}
    done = subprocess.run(command, input=given, capture_output=True, check=False, timeout=60, cwd=cwd, env=quiet)
    if done.returncode:
        raise Refused(done.stderr.decode())
    return done.stdout


class Hooks:
    """Debian's `webhook`: runs a program for each request that its rules admit."""

    def __init__(self, folder, rules):
        folder.mkdir()
        self.port = free_port()
        self.ran = folder / "ran"
        program = folder / "program"
        program.write_text(f'#!/bin/sh\necho "$@" >> {self.ran}\n')
        program.chmod(0o755)
        names = ["event_data.repository.repo_full_name", "event_data.resources.0.tag"]
        hook = {
            "id": "sidecar",
            "execute-command": str(program),
            "pass-arguments-to-command": [{"source": "payload", "name": name} for name in names],
            "trigger-rule": {"and": rules},
            "trigger-rule-mismatch-http-response-code": 403,
        }
        (folder / "hooks.json").write_text(json.dumps([hook]))
        self.url = f"http://127.0.0.1:{self.port}/hooks/sidecar"
        command = ["webhook", "-hooks", folder / "hooks.json", "-ip", "127.0.0.1", "-port", str(self.port), "-verbose"]
        self.process = Process(command, folder / "log")

    def start(self):
        self.process.start()
        eventually(lambda: ask(f"http://127.0.0.1:{self.port}/").status == 200, "webhook listens")
        self.process.check_running()

    def runs(self):
        """What the program was given, line by line."""
        return self.ran.read_text().splitlines() if self.ran.exists() else []
