"""A disk that fills while a sidecar is pressed: 503 with Retry-After, nothing lost, and recovery without a restart.

Where a small file system can be mounted (as root, a tmpfs of its own) it is filled for real: first below the watermark,
then to its last byte. Elsewhere the process's file size limit stands in for a full disk: every write beyond it fails.
"""

import asyncio
import contextlib
import os
import resource
import subprocess
import time
from collections.abc import AsyncIterator
from pathlib import Path

from plan import Life, WorldPlan
from verdict import Death, Verdict
from world_run import LISTENERS, WorldRun

SIZE = 112  # MiB of the small file system; the watermark lies at 64 MiB free
WRITABLE = 256 * 1024  # bytes into a file beyond which nothing can be written, where the limit stands in
CAUGHT_UP = 1.5  # seconds after which results that could not be written have been tried again
WITHIN = 20.0  # seconds for the sidecar to notice that the disk is full, or no longer is


class Faults(Exception):
    """What went otherwise than it should."""


class DiskRun(WorldRun):
    """A world whose disk is filled. `form` says how."""

    def __init__(self, folder: Path, seed: int, *, mount: bool = True) -> None:
        super().__init__(WorldPlan(number=0, seed=seed, lives=(Life(),), brief=False, jumps=False), folder)
        self._data = self.victim.store.parent
        self._mounted = mount and _mount(self._data)
        self._filler = self._data / "filler"
        self._feeding = True
        self.form = (
            f"a tmpfs of {SIZE} MiB, filled"
            if self._mounted
            else "no file system could be mounted: the limit on file sizes stands in for a full disk"
        )

    async def run(self) -> Verdict:
        """Full, freed, full again with a death meanwhile, freed; what it came to."""
        for name, one in self.receivers.items():
            self.urls[name] = await one.start()
        self._configure()
        await self.victim.open()
        self.senders.start()
        feeder = asyncio.create_task(self._feed())
        cat = None if self._mounted else self._log_through_a_pipe()
        try:
            if self._mounted:
                await self._below_the_watermark()
            await self._to_the_last_byte()
            self._feeding = False
            await feeder
            end = await self._drain()
        finally:
            feeder.cancel()
            await self.senders.close()
            await self.victim.close()
            for one in self.receivers.values():
                await one.close()
            if self._mounted:
                _unmount(self._data)
            if cat is not None:
                cat.kill()
                cat.wait()
        return self._judge(end)

    async def _feed(self) -> None:
        while self._feeding:
            if self.senders.owing < 20:
                told = self.happenings.envelope(LISTENERS)
                self.envelopes.append(told)
                self.senders.give(told)
            await asyncio.sleep(0.005)

    async def _below_the_watermark(self) -> None:
        """The product's own limit: nothing is accepted, what is owed is still delivered."""
        async with self._living("watermark"):
            await self._accepting()
            _fill(self._filler, leave=48 * 1024 * 1024)
            await self._refusing()
            heard = len(self.senders.heard_of)
            if not await self.victim.quiet(WITHIN, ready=False):
                raise Faults("with the disk below its watermark, what was owed was not delivered")
            if len(self.senders.heard_of) > heard + 4:  # requests that were under way
                raise Faults("envelopes were accepted below the watermark")
            self._filler.unlink()
            await self._accepting()

    async def _to_the_last_byte(self) -> None:
        """Without a watermark, until SQLite itself cannot write; killed like that; started like that; freed."""
        env = {"CHAOS_MIN_FREE": "0"}
        async with self._living("disk full", **env):
            await self._accepting()
            self._no_room()
            await self._refusing()
            self._room()
            await self._accepting()  # the same process: it has recovered by itself
            await asyncio.sleep(CAUGHT_UP)
            self._no_room()
            full_since = time.monotonic()
            await self._refusing()
        self.deaths[-1].at = full_since  # what was answered after that could not be written
        async with self._living("disk full at start", **env):
            if not self._mounted:
                self._no_room()
            await asyncio.sleep(1.0)
            if await self.victim.ask("/livez") is None:
                raise Faults("started on a full disk, the process is not alive")
            self._room()
            await self._accepting()
            await asyncio.sleep(CAUGHT_UP)

    # --- the disk ----------------------------------------------------------------------------------------------------

    def _no_room(self) -> None:
        if self._mounted:
            _fill(self._filler, leave=0)
        else:
            _limit(self.victim.pid, WRITABLE)

    def _room(self) -> None:
        if self._mounted:
            self._filler.unlink()
        else:
            _limit(self.victim.pid, resource.RLIM_INFINITY)

    def _log_through_a_pipe(self) -> "subprocess.Popen[bytes]":
        """The limit holds for every file, so the log must not be one."""
        os.mkfifo(self.victim.log)
        self.victim.said = self.victim.folder / "log-read"
        with self.victim.said.open("wb") as log:
            pipe = os.open(self.victim.log, os.O_RDWR)  # a writer of its own: the pipe outlasts each victim
            cat = subprocess.Popen(["cat"], stdin=pipe, stdout=log)
            os.close(pipe)
        return cat

    # --- what must come of it ----------------------------------------------------------------------------------------

    @contextlib.asynccontextmanager
    async def _living(self, how: str, **env: str) -> AsyncIterator[None]:
        """A life that is killed at the end."""
        ended = await self.victim.begin(Life(), **env)
        try:
            yield
            if ended.done():
                raise Faults(f"the process ended by itself:\n{self.victim.tail()}")
        finally:
            at = time.monotonic()
            self.victim.kill()
            await ended
            await self._hush()
            left = await asyncio.to_thread(self.victim.look)
            self.deaths.append(Death(self.life, how, at, left))
            self.life += 1

    async def _accepting(self) -> None:
        self.senders.accepting.clear()
        try:
            await asyncio.wait_for(self.senders.accepting.wait(), WITHIN)
        except TimeoutError:
            raise Faults(f"nothing is accepted though there is room:\n{self.victim.tail()}") from None

    async def _refusing(self) -> None:
        """Until there are 503s and nothing but 503s."""
        limit = time.monotonic() + WITHIN
        while time.monotonic() < limit:
            before, good = self.senders.statuses.get(503, 0), self.senders.statuses.get(202, 0)
            await asyncio.sleep(0.3)
            if self.senders.statuses.get(503, 0) > before + 3 and self.senders.statuses.get(202, 0) == good:
                return
        raise Faults(f"the disk is full, and registries are not told 503: {self.senders.statuses}")


def _mount(place: Path) -> bool:
    command = ["mount", "-t", "tmpfs", "-o", f"size={SIZE}m,mode=0700", "tmpfs", str(place)]
    try:
        return subprocess.run(command, check=False, capture_output=True).returncode == 0
    except OSError:
        return False


def _unmount(place: Path) -> None:
    subprocess.run(["umount", str(place)], check=False)


def _fill(path: Path, *, leave: int) -> None:
    """Take all room of a file system but so many bytes."""
    with path.open("ab", buffering=0) as file, contextlib.suppress(OSError):
        while True:
            free = os.statvfs(path).f_bavail * os.statvfs(path).f_frsize - leave
            if leave and free <= 0:
                return
            file.write(bytes(min(1024 * 1024, free) if leave else 4096 if free < 1024 * 1024 else 1024 * 1024))


def _limit(pid: int, size: int) -> None:
    _, hard = resource.prlimit(pid, resource.RLIMIT_FSIZE)
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (size, hard))
