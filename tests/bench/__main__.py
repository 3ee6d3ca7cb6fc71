"""`make bench`: the figures that matter, each with its ratio to bare aiohttp in the same run.

Generator, sidecar and sink share this machine. The sidecar is the real process with everything on (durable commits,
signatures, metrics, logs at info). What else a shared machine does only ever makes a figure worse, so every figure is
the best of so many runs, bare aiohttp's too. Bounded in count; everything it starts ends with it.

`python -m tests.bench [WORD ...]` runs only the groups that are named: serial, rates, paced, tracing, backlog.
"""

import json
import os
import platform
import sqlite3
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.bench.backlog import grow
from tests.bench.processes import STORE, Sidecar, Sink, generate, module, subscription
from tests.bench.report import Report

RUNS = 3
SERIAL = 3000
PARALLEL = 30_000
END_TO_END = 20_000
FAN_OUT = 8_000
CONNECTIONS = 32
PACE = 500  # events a second
PACED = 4_000
TRACED = 8_000
PENDING = 1_000_000
BESIDE_BACKLOG = 10_000
FORMATS = ("harbor", "dtr", "quay")
DOWN = tuple(f"{one}-down" for one in FORMATS)


class Bench:
    """One run of everything, in folders of its own under `root`."""

    def __init__(self, root: Path, report: Report) -> None:
        self._root = root
        self._report = report
        self._folders = 0
        self._bare: dict[str, Any] = {}

    def _folder(self) -> Path:
        self._folders += 1
        folder = self._root / str(self._folders)
        folder.mkdir()
        return folder

    def bare(self) -> None:
        """What aiohttp does by itself, here and now."""
        server = module("tests.bench.bare", "server")
        port = int(server.stdout.readline())
        serial = _best(lambda: generate("serial", port, SERIAL), lambda one: -one["p50_ms"])
        parallel = _best(lambda: generate("parallel", port, PARALLEL, CONNECTIONS), lambda one: one["rate"])
        server.stdin.close()
        server.wait(timeout=10)

        def client() -> dict[str, float]:
            with Sink() as sink:
                process = module("tests.bench.bare", "client", sink.port, END_TO_END, 16)
                found = json.loads(process.stdout.readline())
                process.wait(timeout=10)
                return found

        self._bare = {"serial": serial, "parallel": parallel, "client": _best(client, lambda one: one["rate"])}
        print(
            f"bare aiohttp: serial p50 {serial['p50_ms']:.3f} ms p99 {serial['p99_ms']:.3f} ms, "
            f"32 connections {parallel['rate']:.0f} /s, client {self._bare['client']['rate']:.0f} /s\n",
            flush=True,
        )

    # --- acknowledgements, one after the other ----------------------------------------------------------------------

    def serial(self) -> None:
        self._ack("ack, serial, new connection, delivery paused", paused=True, must=(0.6, 3.0), aim=(0.4, 1.5))
        self._ack("the same while one subscription delivers", paused=False, must=(0.8, 4.0), aim=(0.5, 2.0))

    def _ack(self, name: str, *, paused: bool, must, aim) -> None:
        def once() -> dict[str, float]:
            held = ("harbor",) if paused else ()
            with Sink() as sink, Sidecar(self._folder(), [subscription("harbor", sink.port)], held=held) as sidecar:
                generate("serial", sidecar.port, 200)
                figure = generate("serial", sidecar.port, SERIAL)
                if not paused:
                    sink.wait(SERIAL + 200)
                return figure

        figure = _best(once, lambda one: -one["p50_ms"])
        ratio = f"p50 {figure['p50_ms'] / self._bare['serial']['p50_ms']:.2f}x bare"
        self._report.latency(name, figure["p50_ms"], figure["p99_ms"], must=must, aim=aim, ratio=ratio)

    # --- rates ------------------------------------------------------------------------------------------------------

    def rates(self) -> None:
        idle, after, ready = [], [], []

        def ingest() -> float:
            with (
                Sink() as sink,
                Sidecar(self._folder(), [subscription(one, sink.port) for one in FORMATS], held=FORMATS) as sidecar,
            ):
                idle.append(sidecar.memory_mb())
                ready.append(sidecar.ready_s)
                rate = generate("parallel", sidecar.port, PARALLEL, CONNECTIONS)["rate"]
                after.append(sidecar.memory_mb())
                return rate

        rate = _best(ingest)
        against = rate / self._bare["parallel"]["rate"]
        name = "durable ingest, 32 connections, 3 subscriptions, paused"
        self._report.rate(name, rate, must=6000, aim=10_000, ratio=f"{against:.2f}x bare server")
        for name, subscriptions, events, must, aim in (
            ("end to end, 1 subscription, signed", FORMATS[:1], END_TO_END, 3500, 6000),
            ("deliveries, fan-out 3", FORMATS, FAN_OUT, 6000, 10_000),
        ):
            rate = _best(lambda names=subscriptions, count=events: self._throughput(names, count))
            against = rate / self._bare["client"]["rate"]
            self._report.rate(name, rate, must=must, aim=aim, ratio=f"{against:.2f}x bare client")
        self._report.row(
            "memory idle (after the load of ingest)",
            f"{min(idle):.0f} ({max(after):.0f}) MB",
            met=min(idle) <= 60,
            must="60",
            aim="50",
            ratio="",
        )
        self._report.row("ready, empty", f"{min(ready):.2f} s", met=min(ready) <= 0.8, must="0.8", aim="0.4", ratio="")

    def _throughput(self, names: tuple[str, ...], events: int) -> float:
        """Deliveries a second, from the first event posted to the last delivery answered."""
        with Sink() as sink, Sidecar(self._folder(), [subscription(one, sink.port) for one in names]) as sidecar:
            begun = generate("parallel", sidecar.port, events, CONNECTIONS)["begun"]
            return len(names) * events / (sink.wait(len(names) * events) - begun)

    # --- latency at a steady pace, alone and beside the sick --------------------------------------------------------

    def paced(self) -> None:
        alone = _best(lambda: self._delay(sick=False), lambda one: -one[1])
        beside = _best(lambda: self._delay(sick=True), lambda one: -one[1])
        self._report.latency(
            f"accept to received at {PACE} events/s", *alone, must=(3.0, 15.0), aim=(1.2, 5.0), ratio=""
        )
        times = beside[1] / alone[1]
        self._report.row(
            "a healthy lane's p99 beside one hanging and one failing",
            f"{times:.2f}x alone",
            met=times <= 1.3,
            must="1.3x",
            aim="1.1x",
            ratio=f"{beside[0]:.2f} / {beside[1]:.2f} ms",
        )

    def _delay(self, *, sick: bool) -> tuple[float, float]:
        """Milliseconds (p50, p99) from sending an event to its arrival at the healthy receiver."""
        with Sink("timed") as sink, Sink("hang") as hanging, Sink("fail") as failing:
            subscriptions = [subscription("harbor", sink.port)]
            if sick:
                subscriptions.append(subscription("dtr-hanging", hanging.port, timeout="2s", concurrency=4))
                subscriptions.append(subscription("quay-failing", failing.port, concurrency=4))
            with Sidecar(self._folder(), subscriptions) as sidecar:
                generate("paced", sidecar.port, PACE, PACE)  # warm
                sink.wait(PACE)
                sink.arrivals()
                sent = {int(one): at for one, at in generate("paced", sidecar.port, PACED, PACE)["sent"].items()}
                sink.wait(PACE + PACED)
                arrivals = sink.arrivals()
        delays = sorted((arrivals[number] - at) * 1e3 for number, at in sent.items())
        return delays[len(delays) // 2], delays[int(len(delays) * 0.99)]

    # --- with traces -------------------------------------------------------------------------------------------------

    def tracing(self) -> None:
        """Processor time for an event and its delivery: without traces, with the header alone, with spans as well.

        Measured in turns, and as processor time, because what is compared is less than what a shared machine varies by.
        """
        with Sink() as collector:
            endpoint = f"http://127.0.0.1:{collector.port}"
            ways: dict[str, dict[str, Any]] = {
                "off": {},
                "traceparent alone": {"tracing": {}},
                "spans of every tenth event": {"tracing": {"endpoint": endpoint, "sample": 0.1}},
                "spans of every event": {"tracing": {"endpoint": endpoint}},
            }
            spent = [{way: self._spent(sections) for way, sections in ways.items()} for _ in range(2 * RUNS)]
        off = min(one["off"] for one in spent)
        for way in list(ways)[1:]:
            times = min(one[way] for one in spent) / off
            self._report.row(
                f"processor time, {way}",
                f"{times:.2f}x off",
                met=times <= 1.25,
                must="1.25x",
                aim="1.1x",
                ratio=f"{off * 1e6:.0f} us for each event without",
            )

    def _spent(self, sections: dict[str, Any]) -> float:
        """Seconds of the sidecar's processor time for each event, delivered once."""
        with (
            Sink() as sink,
            Sidecar(self._folder(), [subscription("harbor", sink.port)], sections=sections) as sidecar,
        ):
            generate("parallel", sidecar.port, 500, CONNECTIONS)
            sink.wait(500)
            before = sidecar.processor_s()
            generate("parallel", sidecar.port, TRACED, CONNECTIONS)
            sink.wait(500 + TRACED)
            time.sleep(1.5)  # what waits for company is sent within a second
            return (sidecar.processor_s() - before) / TRACED

    # --- beside a million pending -----------------------------------------------------------------------------------

    def backlog(self) -> None:
        with Sink() as sink:
            subscriptions = [subscription(one, sink.port) for one in ("harbor", *DOWN)]
            folder = self._folder()
            with Sidecar(folder, subscriptions, held=DOWN) as sidecar:
                generate("serial", sidecar.port, 1)
                sink.wait(1)
            pending = grow(folder / STORE, PENDING)
            with Sidecar(folder, subscriptions, seconds=60) as sidecar:
                ready = sidecar.ready_s
            without, with_it, memory = [], [], []
            for _ in range(RUNS):
                with Sidecar(self._folder(), subscriptions, held=DOWN) as sidecar:
                    without.append(self._beside(sink, sidecar))
                with Sidecar(folder, subscriptions, seconds=60) as sidecar:
                    ready = min(ready, sidecar.ready_s)
                    with_it.append(self._beside(sink, sidecar))
                    memory.append(sidecar.memory_mb())
        share = 100 * max(with_it) / max(without)
        self._report.row(
            f"throughput with {pending:,} pending",
            f"{share:.0f} %",
            met=share >= 90,
            must="90 %",
            aim="95 %",
            ratio=f"{max(with_it):.0f} /s against {max(without):.0f} /s",
        )
        self._report.row(
            f"memory with {pending:,} pending",
            f"{max(memory):.0f} MB",
            met=max(memory) <= 160,
            must="160",
            aim="110",
            ratio="",
        )
        self._report.row(
            f"ready with {pending:,} pending", f"{ready:.2f} s", met=ready <= 2, must="2", aim="1", ratio=""
        )

    @staticmethod
    def _beside(sink: Sink, sidecar: Sidecar) -> float:
        before = sink.count()[0]
        begun = generate("parallel", sidecar.port, BESIDE_BACKLOG, CONNECTIONS)["begun"]
        return BESIDE_BACKLOG / (sink.wait(before + BESIDE_BACKLOG) - begun)


def _best(run: Callable[[], Any], key: Callable[[Any], float] = float) -> Any:
    return max((run() for _ in range(RUNS)), key=key)


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


def main() -> None:
    groups = sys.argv[1:] or ["serial", "rates", "paced", "tracing", "backlog"]
    with tempfile.TemporaryDirectory(prefix="registry-sidecar-bench-") as name:
        root = Path(name)
        print(
            f"Python {platform.python_version()}, SQLite {sqlite3.sqlite_version}, uvloop, {os.cpu_count()} cores, "
            f"a flush costs {flush_ms(root):.3f} ms, a million additions {counting_ms():.0f} ms; best of {RUNS}"
        )
        report = Report()
        bench = Bench(root, report)
        bench.bare()
        for group in groups:
            getattr(bench, group)()
    report.close()


if __name__ == "__main__":
    main()
