"""Real processes of the command line: a sidecar that serves, and a receiver that listens."""

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any, Self

CAPTURES = Path(__file__).parent.parent / "fixtures" / "captures"
WAIT = 60.0  # seconds that anything may take before a test gives up
ENVIRON = {key: value for key, value in os.environ.items() if not key.startswith("REGISTRY_SIDECAR_")}


def captured(step: str) -> list[bytes]:
    """The envelopes of one captured step, as registry 2.8.2 posted them."""
    (found,) = [one for one in json.loads((CAPTURES / "v2.8.2-refs.json").read_text()) if one["step"] == step]
    return [json.dumps(one["body"], indent=3).encode() for one in found["requests"]]


def run(*arguments: str, **given: Any) -> "subprocess.CompletedProcess[str]":
    """One command to its end, in a process of its own."""
    return subprocess.run(
        [sys.executable, "-m", "sidecar", *arguments],
        capture_output=True,
        text=True,
        timeout=WAIT,
        check=False,
        env=ENVIRON,
        **given,
    )


def start(*arguments: str, **given: Any) -> "subprocess.Popen[str]":
    """A command that runs until it is ended, and can be interrupted.

    What a shell starts in the background ignores SIGINT, and so does all that it starts; a handler, in contrast, is not
    inherited.
    """
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        return subprocess.Popen([sys.executable, "-m", "sidecar", *arguments], text=True, env=ENVIRON, **given)
    finally:
        signal.signal(signal.SIGINT, before)


def end(process: "subprocess.Popen[str]") -> int:
    """End a process in good order; returns its exit code."""
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)
    try:
        return process.wait(timeout=WAIT)
    finally:
        process.kill()


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


def until(true: Callable[[], Any], what: str) -> None:
    """Wait for something that can only be asked for."""
    begun = time.monotonic()
    while not true():
        assert time.monotonic() - begun < WAIT, what
        time.sleep(0.02)


class Listening:
    """`listen` on a free port."""

    def __init__(self, *arguments: str) -> None:
        self._process = start(
            "listen", "--listen", "127.0.0.1:0", *arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        first = self._process.stderr.readline()
        assert first.startswith("listening on http://127.0.0.1:"), first + self._process.stderr.read()
        self.url = first.split()[-1]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        end(self._process)
        self._process.stdout.close()
        self._process.stderr.close()

    def line(self) -> str:
        """The next line that it prints."""
        return self._process.stdout.readline()

    def end(self) -> tuple[int, str]:
        """End it; returns the exit code and the rest of what it printed."""
        code = end(self._process)
        return code, self._process.stdout.read()

    def finished(self) -> int:
        """Wait for its own end."""
        return self._process.wait(timeout=WAIT)


class Sidecar:
    """`serve` with these subscriptions, on a store of its own."""

    receiver: Listening

    def __init__(self, folder: Path, subscriptions: list[dict[str, Any]], **more: Any) -> None:
        """`more` are other keys of the configuration."""
        self.folder = folder
        self.config = folder / "config.yml"
        self.ingest = f"http://127.0.0.1:{(ingest := free_port())}/events"
        self.management = f"http://127.0.0.1:{(management := free_port())}"
        whole = {
            "ingest": {"listen": f"127.0.0.1:{ingest}"},
            "management": {"listen": f"127.0.0.1:{management}"},
            "store": f"sqlite:///{folder}/sidecar.db",
            "registries": [{"name": "main", "hostname": "registry.example.com"}],
            "subscriptions": subscriptions,
            **more,
        }
        self.config.write_text(json.dumps(whole))

    def __enter__(self) -> Self:
        self.log = (self.folder / "log").open("w+")
        self.process = start("serve", "--config", str(self.config), stdout=self.log, stderr=self.log)
        try:
            until(self._ready, "the sidecar is not ready")
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.code = end(self.process)
        self.log.close()

    def _ready(self) -> bool:
        assert self.process.poll() is None, (self.folder / "log").read_text()
        with contextlib.suppress(OSError), urllib.request.urlopen(f"{self.management}/readyz") as answer:
            return answer.status == 200
        return False

    def post(self, *bodies: bytes) -> None:
        """Post as the registry does: one after the other, each on its own connection."""
        for body in bodies:
            kind = {"Content-Type": "application/vnd.docker.distribution.events.v1+json"}
            with urllib.request.urlopen(urllib.request.Request(self.ingest, body, kind)) as answer:
                assert answer.status == 202

    def ask(self, path: str) -> Any:
        """What the API says, asked without the command line."""
        with urllib.request.urlopen(f"{self.management}{path}") as answer:
            return json.load(answer)

    def wait(self, true: Callable[[dict[str, int]], bool]) -> None:
        """Wait until this is true of how much each subscription is owed."""
        until(
            lambda: true({one["name"]: one["pending"] for one in self.ask("/v1/subscriptions")["subscriptions"]}),
            "it does not come to this",
        )

    def delivered(self) -> int:
        return len(self.ask("/v1/deliveries?state=delivered&limit=500")["deliveries"])

    def untried(self) -> int:
        """How many deliveries no attempt was made for yet."""
        return sum(one["attempts"] == 0 for one in self.ask("/v1/deliveries?limit=500")["deliveries"])
