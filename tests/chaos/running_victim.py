"""A victim as the driver holds it: its folder, its configuration, its lives."""

import asyncio
import contextlib
import json
import os
import shutil
import signal
import sqlite3
import sys
from base64 import b64encode
from pathlib import Path
from typing import Any

import msgspec
from moody_receivers import SECRET
from peers import free_port, write
from plan import Life

TOKEN = "chaos-token-of-the-registry"
CONCURRENCY = 3


class Snapshot(msgspec.Struct, frozen=True):
    """What the file says after a death: webhook ids that are due, delivered, and neither."""

    due: frozenset[str]
    delivered: frozenset[str]
    other: frozenset[str]
    unreadable: tuple[bytes, ...]  # bodies in quarantine
    damage: str  # of SQLite's own check, "" when all is well


class Victim:
    """One sidecar with a folder of its own, begun again and again."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.ingest = free_port()
        self.management = free_port()
        self.store = folder / "data" / "sidecar.db"
        self.config = folder / "config.yml"
        self.log = folder / "log"  # where it is written ...
        self.said = self.log  # ... and where it can be read
        self.clock = folder / "clock"
        self.pid = 0
        self._nursery: asyncio.subprocess.Process | None = None
        self.store.parent.mkdir(parents=True, exist_ok=True)
        self.clock.write_text("0")

    def configure(self, subscriptions: list[dict[str, Any]], retention: dict[str, str]) -> None:
        settings = {
            "ingest": {"listen": f"127.0.0.1:{self.ingest}"},
            "management": {"listen": f"127.0.0.1:{self.management}"},
            "store": f"sqlite:///{self.store}",
            "registries": [{"name": "main", "hostname": "registry.example.com", "tokens": [TOKEN]}],
            "subscriptions": subscriptions,
            "retention": retention,
        }
        write(self.config, json.dumps(settings))

    async def open(self) -> None:
        self._nursery = await asyncio.create_subprocess_exec(
            sys.executable,
            str(Path(__file__).with_name("victim.py")),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
        )

    async def close(self) -> None:
        self.kill()
        if self._nursery is not None:
            assert self._nursery.stdin is not None
            self._nursery.stdin.close()
            await self._nursery.wait()

    async def begin(self, life: Life, **env: str) -> "asyncio.Task[int]":
        """Begin a life; the task ends with its exit code, negative for a signal."""
        assert self._nursery is not None
        assert self._nursery.stdin is not None
        given = {"CHAOS_CLOCK": self.clock, "CHAOS_CHECKPOINT": life.checkpoint, "CHAOS_SCHEMA": int(life.upgraded)}
        told = {
            "config": str(self.config),
            "log": str(self.log),
            "exec": life.whole,
            "env": {
                **{name: str(value) for name, value in given.items()},
                "CHAOS_POINT": life.point,
                "CHAOS_HIT": str(life.hit),
                **env,
            },
        }
        self._nursery.stdin.write(json.dumps(told).encode() + b"\n")
        self.pid = (await self._say())["pid"]
        return asyncio.create_task(self._end())

    async def _end(self) -> int:
        status = (await self._say())["status"]
        self.pid = 0
        return os.waitstatus_to_exitcode(status)

    async def _say(self) -> dict[str, int]:
        assert self._nursery is not None
        assert self._nursery.stdout is not None
        line = await self._nursery.stdout.readline()
        if not line:
            raise RuntimeError("the victims' launcher has ended")
        said: dict[str, int] = json.loads(line)
        return said

    def signal(self, number: int) -> None:
        if self.pid:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, number)

    def kill(self) -> None:
        self.signal(signal.SIGKILL)

    async def ask(self, path: str) -> Any:
        """The answer of the management listener, None when there is none just now."""
        try:
            async with asyncio.timeout(5):
                reader, writer = await asyncio.open_connection("127.0.0.1", self.management)
                try:
                    writer.write(f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n".encode())
                    answer = await reader.read()
                finally:
                    writer.transport.abort()
        except (OSError, TimeoutError):
            return None
        head, _, body = answer.partition(b"\r\n\r\n")
        if not head.startswith(b"HTTP/1.1 200"):
            return None
        return json.loads(body) if b"json" in head.lower() else body.decode()

    async def quiet(self, seconds: float, *, ready: bool = True) -> bool:
        """Wait until all is translated and nothing is owed; with a store that takes no more, `ready` is False."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while True:
                    status = await self.ask("/v1/status")
                    if status is not None and status["ready"] is ready:
                        done = status["translator"]
                        owed = await self.ask("/v1/undelivered?limit=1")
                        if done["cursor"] == done["last"] and owed is not None and not owed["deliveries"]:
                            return True
                    await asyncio.sleep(0.05)
        return False

    def look(self, *, thorough: bool = False) -> Snapshot | None:
        """What the file says. Read from a copy: opening the file itself would mend what the next life must mend."""
        copy = self.folder / "copy"
        shutil.rmtree(copy, ignore_errors=True)
        copy.mkdir()
        if not self.store.exists():
            return None
        for suffix in ("", "-wal"):
            source = self.store.with_name(self.store.name + suffix)
            if source.exists():
                shutil.copyfile(source, copy / source.name)
        connection = sqlite3.connect(copy / self.store.name)
        try:
            if not connection.execute("PRAGMA user_version").fetchone()[0]:
                return None
            damage = connection.execute("PRAGMA integrity_check(1)" if thorough else "PRAGMA quick_check(1)")
            said = damage.fetchone()[0]
            states: dict[int, set[str]] = {0: set(), 1: set()}
            for state, id_ in connection.execute("SELECT state, webhook_id FROM delivery"):
                states.setdefault(state, set()).add(id_)
            aside = connection.execute("SELECT body FROM quarantine").fetchall()
        finally:
            connection.close()
        return Snapshot(
            due=frozenset(states[0]),
            delivered=frozenset(states[1]),
            other=frozenset().union(*(ids for state, ids in states.items() if state > 1)),
            unreadable=tuple(row[0] for row in aside),
            damage="" if said == "ok" else str(said),
        )

    def tail(self, lines: int = 15) -> str:
        return "\n".join(self.said.read_text(errors="replace").splitlines()[-lines:]) if self.said.exists() else ""


def subscription(name: str, dialect: str, url: str, **more: Any) -> dict[str, Any]:
    """A signed subscription with quick retries, as the configuration has it."""
    return {
        "name": name,
        "format": dialect,
        "url": url,
        "sign": {"scheme": "standard", "secrets": ["whsec_" + b64encode(SECRET).decode()]},
        "delivery": {
            "timeout": "600ms",
            "concurrency": CONCURRENCY,
            "retry": {"initial": "50ms", "factor": 2, "max_delay": "400ms"},
        },
        **more,
    }
