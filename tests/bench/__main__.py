"""`make bench`: the figures that matter, each with its ratio to bare aiohttp in the same run.

Generator, sidecar and sink share this machine. The sidecar is the real process with everything on (durable commits,
signatures, metrics, logs at info). Bounded in count; everything it starts ends with it.
"""

import contextlib
import json
import os
import platform
import socket
import sqlite3
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path
from typing import Self

from tests.bench.wire import TOKEN

SERIAL = 3000
PARALLEL = 30_000
END_TO_END = 20_000
FAN_OUT = 8_000
CONNECTIONS = 32
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


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


def generate(kind: str, port: int, count: int, *more: int) -> dict[str, float]:
    return json.loads(
        subprocess.check_output([sys.executable, "-m", "tests.bench.generator", kind, *map(str, (port, count, *more))])
    )


class Sink:
    def __enter__(self) -> Self:
        self._process = module("tests.bench.sink")
        self.port = int(self._process.stdout.readline())
        return self

    def count(self) -> tuple[int, float]:
        self._process.stdin.write("\n")
        self._process.stdin.flush()
        count, last = self._process.stdout.readline().split()
        return int(count), float(last)

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


class Sidecar:
    """The real process on a store of its own."""

    def __init__(self, folder: Path, sink: int, subscriptions: int, *, paused: bool) -> None:
        self.port, self._management = free_port(), free_port()
        self._folder = folder
        self._paused = paused
        formats = ("harbor", "dtr", "quay")
        config = {
            "ingest": {"listen": f"127.0.0.1:{self.port}"},
            "management": {"listen": f"127.0.0.1:{self._management}"},
            "store": f"sqlite:///{folder}/bench.db",
            "registries": [{"name": "main", "hostname": "registry.example.com", "tokens": [TOKEN]}],
            "subscriptions": [
                {
                    "name": formats[at],
                    "format": formats[at],
                    "url": f"http://127.0.0.1:{sink}/{formats[at]}",
                    "match": {"repositories": ["prj/**"], "tags": ["v*"]},
                    "sign": {"scheme": "standard", "secrets": [SECRET]},
                    "delivery": {"concurrency": 16},
                }
                for at in range(subscriptions)
            ],
        }
        self._config = folder / "config.yml"
        self._config.write_text(json.dumps(config))

    def __enter__(self) -> Self:
        self._start()
        if self._paused:
            self._stop()
            with contextlib.closing(sqlite3.connect(self._folder / "bench.db")) as store:
                store.execute("UPDATE lane SET hold = 'operator', held_since = ?", (time.time_ns(),))
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
        until = time.monotonic() + 20
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

    def _stop(self) -> None:
        self._process.terminate()
        self._process.wait(timeout=30)
        self._log.close()

    def __exit__(self, *_error: object) -> None:
        self._stop()


def flush_ms(folder: Path) -> float:
    """What one flush to this disk costs, median."""
    times = []
    with (folder / "flush").open("wb") as file:
        for _ in range(200):
            file.write(b"x" * 4096)
            file.flush()
            start = time.perf_counter()
            os.fdatasync(file.fileno())
            times.append(time.perf_counter() - start)
    return sorted(times)[100] * 1e3


def counting_ms() -> float:
    """What a million additions cost: says whether the machine gives us its whole speed just now. Best of five."""
    times = []
    for _ in range(5):
        start, total = time.perf_counter(), 0
        for number in range(1_000_000):
            total += number
        times.append(time.perf_counter() - start)
    return min(times) * 1e3


class Report:
    def __init__(self) -> None:
        self.failed: list[str] = []

    def row(self, name: str, figure: str, *, met: bool, must: str, aim: str, ratio: str) -> None:
        print(
            f"{name:<58} {figure:>18}   must {must:<10} aim {aim:<10} {'ok ' if met else 'MISSED'}  {ratio}", flush=True
        )
        if not met:
            self.failed.append(name)


def run(report: Report, root: Path) -> None:
    def folder(name: str) -> Path:
        (root / name).mkdir()
        return root / name

    with Sink() as sink:
        bare = module("tests.bench.bare", "server")
        port = int(bare.stdout.readline())
        bare_serial = generate("serial", port, SERIAL)
        bare_parallel = generate("parallel", port, PARALLEL, CONNECTIONS)
        bare.stdin.close()
        bare.wait(timeout=10)
        client = module("tests.bench.bare", "client", sink.port, END_TO_END, 16)
        bare_client = json.loads(client.stdout.readline())
        client.wait(timeout=10)
        print(
            f"bare aiohttp: serial p50 {bare_serial['p50_ms']:.3f} ms p99 {bare_serial['p99_ms']:.3f} ms, "
            f"32 connections {bare_parallel['rate']:.0f} /s, client {bare_client['rate']:.0f} /s\n",
            flush=True,
        )

        with Sidecar(folder("paused"), sink.port, 1, paused=True) as sidecar:
            generate("serial", sidecar.port, 200)
            figure = generate("serial", sidecar.port, SERIAL)
            _serial(
                report,
                "ack, serial, new connection, delivery paused",
                figure,
                bare_serial,
                must=(0.6, 3.0),
                aim=(0.4, 1.5),
            )

        with Sidecar(folder("serial"), sink.port, 1, paused=False) as sidecar:
            before = sink.count()[0]
            generate("serial", sidecar.port, 200)
            figure = generate("serial", sidecar.port, SERIAL)
            _serial(
                report, "the same while one subscription delivers", figure, bare_serial, must=(0.8, 4.0), aim=(0.5, 2.0)
            )
            sink.wait(before + SERIAL + 200)

        with Sidecar(folder("ingest"), sink.port, 3, paused=True) as sidecar:
            idle = sidecar.memory_mb()
            figure = generate("parallel", sidecar.port, PARALLEL, CONNECTIONS)
            _rate(
                report,
                "durable ingest, 32 connections, 3 subscriptions, paused",
                figure["rate"],
                bare_parallel,
                must=6000,
                aim=10_000,
            )
            print(
                f"{'':<10}idle {idle:.0f} MB, after {sidecar.memory_mb():.0f} MB; ready after {sidecar.ready_s:.2f} s"
            )

        with Sidecar(folder("end"), sink.port, 1, paused=False) as sidecar:
            before = sink.count()[0]
            figure = generate("parallel", sidecar.port, END_TO_END, CONNECTIONS)
            took = sink.wait(before + END_TO_END) - figure["begun"]
            _rate(report, "end to end, 1 subscription, signed", END_TO_END / took, bare_client, must=3500, aim=6000)

        with Sidecar(folder("fan"), sink.port, 3, paused=False) as sidecar:
            before = sink.count()[0]
            figure = generate("parallel", sidecar.port, FAN_OUT, CONNECTIONS)
            took = sink.wait(before + 3 * FAN_OUT) - figure["begun"]
            _rate(report, "deliveries, fan-out 3", 3 * FAN_OUT / took, bare_client, must=6000, aim=10_000)


def _serial(report: Report, name: str, figure, bare, *, must, aim) -> None:
    p50, p99 = figure["p50_ms"], figure["p99_ms"]
    report.row(
        name,
        f"{p50:.2f} / {p99:.2f} ms",
        met=p50 <= must[0] and p99 <= must[1],
        must=f"{must[0]}/{must[1]:.0f}",
        aim=f"{aim[0]}/{aim[1]}",
        ratio=f"p50 {p50 / bare['p50_ms']:.2f}x bare",
    )


def _rate(report: Report, name: str, rate: float, bare, *, must: int, aim: int) -> None:
    report.row(
        name, f"{rate:.0f} /s", met=rate >= must, must=str(must), aim=str(aim), ratio=f"{rate / bare['rate']:.2f}x bare"
    )


def main() -> None:
    with tempfile.TemporaryDirectory(prefix="registry-sidecar-bench-") as name:
        root = Path(name)
        print(
            f"Python {platform.python_version()}, SQLite {sqlite3.sqlite_version}, uvloop, {os.cpu_count()} cores, "
            f"a flush costs {flush_ms(root):.3f} ms, a million additions {counting_ms():.0f} ms"
        )
        report = Report()
        run(report, root)
    if report.failed:
        raise SystemExit("missed: " + "; ".join(report.failed))


if __name__ == "__main__":
    main()
