"""The processes of a run: the sidecar, receivers, generators. Each ends with its `with` block."""

import contextlib
import json
import os
import socket
import sqlite3
import subprocess
import sys
import time
import urllib.request
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Self

from tests.bench.wire import TOKEN

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
STORE = "bench.db"


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


def module(name: str, *arguments: object, **options) -> subprocess.Popen:
    return subprocess.Popen(
        [sys.executable, "-m", name, *map(str, arguments)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        **options,
    )


def generate(kind: str, port: int, count: int, *more: int) -> dict[str, Any]:
    return json.loads(
        subprocess.check_output([sys.executable, "-m", "tests.bench.generator", kind, *map(str, (port, count, *more))])
    )


class Sink:
    """A receiver: `plain` answers 200, `timed` also notes when it got which event, `hang` never answers, `fail` 500."""

    def __init__(self, mood: str = "plain") -> None:
        self._mood = mood

    def __enter__(self) -> Self:
        self._process = module("tests.bench.sink", self._mood)
        self.port = int(self._process.stdout.readline())
        return self

    def _ask(self, question: str) -> str:
        self._process.stdin.write(question + "\n")
        self._process.stdin.flush()
        return self._process.stdout.readline()

    def count(self) -> tuple[int, float]:
        """How many it has answered, and when (time.time) it answered the last."""
        count, last = self._ask("count").split()
        return int(count), float(last)

    def arrivals(self) -> dict[int, float]:
        """When each event first arrived, in seconds of the machine's monotonic clock; forgets them."""
        return {int(number): at for number, at in json.loads(self._ask("arrivals")).items()}

    def wait(self, count: int, *, seconds: float = 60) -> float:
        """When the sink had answered so many."""
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            answered, last = self.count()
            if answered >= count:
                return last
            time.sleep(0.02)
        raise SystemExit(f"only {answered} of {count} arrived within {seconds} s")

    def __exit__(self, *_error: object) -> None:
        self._process.stdin.close()
        self._process.wait(timeout=10)


def subscription(name: str, sink: int, **more: Any) -> dict[str, Any]:
    """A signed subscription whose format is the part of its name before the first hyphen."""
    return {
        "name": name,
        "format": name.partition("-")[0],
        "url": f"http://127.0.0.1:{sink}/{name}",
        "match": {"repositories": ["prj/**"], "tags": ["v*"]},
        "sign": {"scheme": "standard", "secrets": [SECRET]},
        "delivery": {"concurrency": 16, **more},
    }


class Sidecar:
    """The real process on a store of its own. The lanes of `held` subscriptions are paused as by an operator."""

    def __init__(
        self,
        folder: Path,
        subscriptions: Sequence[dict[str, Any]],
        *,
        held: Sequence[str] = (),
        seconds: float = 20,
        sections: dict[str, Any] | None = None,
    ) -> None:
        self.port, self._management = free_port(), free_port()
        self._folder = folder
        self._held = tuple(held)
        self._seconds = seconds
        config = {
            "ingest": {"listen": f"127.0.0.1:{self.port}"},
            "management": {"listen": f"127.0.0.1:{self._management}"},
            "store": f"sqlite:///{folder}/{STORE}",
            "registries": [{"name": "main", "hostname": "registry.example.com", "tokens": [TOKEN]}],
            "subscriptions": list(subscriptions),
            "retention": {"max_size": "64GiB"},
            **(sections or {}),
        }
        self._config = folder / "config.yml"
        self._config.write_text(json.dumps(config))

    def __enter__(self) -> Self:
        self._start()
        if self._held:
            self._stop()
            marks = ",".join("?" * len(self._held))
            with contextlib.closing(sqlite3.connect(self._folder / STORE)) as store:
                store.execute(
                    f"UPDATE lane SET hold = 'operator', held_since = ? WHERE hold = '' AND name IN ({marks})",
                    (time.time_ns(), *self._held),
                )
                store.commit()
            self._start()
        return self

    def _start(self) -> None:
        self._log = (self._folder / "log").open("ab")
        begun = time.perf_counter()
        self._process = subprocess.Popen(
            [sys.executable, "-m", "sidecar", "serve", "--config", str(self._config)],
            stdout=self._log,
            stderr=self._log,
        )
        until = time.monotonic() + self._seconds
        while time.monotonic() < until and self._process.poll() is None:
            with contextlib.suppress(OSError), urllib.request.urlopen(self._url("/readyz"), timeout=1):
                self.ready_s = time.perf_counter() - begun
                return
            time.sleep(0.01)
        raise SystemExit(f"the sidecar did not become ready:\n{(self._folder / 'log').read_text()[-2000:]}")

    def _url(self, path: str) -> str:
        return f"http://127.0.0.1:{self._management}{path}"

    def memory_mb(self) -> float:
        for line in Path(f"/proc/{self._process.pid}/status").read_text().splitlines():
            if line.startswith("VmRSS"):
                return int(line.split()[1]) / 1024
        return 0.0

    def processor_s(self) -> float:
        """Seconds of processor time that it has used, in the kernel too."""
        fields = Path(f"/proc/{self._process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def _stop(self) -> None:
        self._process.terminate()
        self._process.wait(timeout=60)
        self._log.close()

    def __exit__(self, *_error: object) -> None:
        self._stop()
