"""Where the commit loop's transactions run: on the loop, on a thread, or inline in tests."""

import asyncio
import queue
import sqlite3
import threading
from collections.abc import Callable
from typing import Any, Protocol

Done = Callable[[Any, BaseException | None], None]
Apply = Callable[[bool], Any]  # whether to wait for a lock that somebody else holds


class Runner(Protocol):
    """Where transactions run."""

    def call(self, apply: Apply, commit: Callable[[Any], Any], done: Done) -> None:
        """Run `commit(apply(...))` and call `done(result, error)` on the event loop."""

    def call_thread(self, work: Callable[[], Any], done: Done) -> None:
        """Run work that may take long, and call `done` alike."""

    def learn(self, applied: float, flushed: float) -> None:
        """Hear how many seconds a cycle took to apply and to commit."""

    def close(self) -> None: ...


class ThreadRunner:
    """A daemon thread for what may wait, and the loop itself for what does not.

    Applying a cycle is nearly all Python, which gains nothing from a second thread: both would fight for the
    interpreter. Committing is waiting for the disk, so it can go to the thread while the loop goes on. But the hop
    there and back, with the wait for the interpreter at both ends, costs more than a quick disk takes for its flush:
    while commits are quick, they are made on the loop too. Whatever turns out to be slow goes to the thread, whole: for
    a while after a pause such as a checkpoint makes, for long after one that somebody would notice.
    """

    QUICK = 0.0020  # seconds; while commits take less on average, they are made on the loop
    SLOW = 0.020  # seconds; after a commit or an application that takes longer, the loop has to be trusted anew
    TRUST = 50  # quick ones in a row before the loop is trusted with one
    STUCK = 0.100  # seconds; what takes longer is not done on the loop again for long
    BANISHED = 2000  # cycles that the thread does after such a one

    def __init__(self) -> None:
        self._given = 0  # long jobs at the thread
        self._commits = 0
        self._applies = self.TRUST
        self._average = self.SLOW
        self._loop = asyncio.get_running_loop()
        self._work: queue.SimpleQueue[tuple[Callable[[], Any], Done] | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="store-writer", daemon=True)
        self._thread.start()

    def call(self, apply: Apply, commit: Callable[[Any], Any], done: Done) -> None:
        """One cycle at a time: the caller waits for `done` before the next."""
        if self._applies < self.TRUST or self._given:  # while the thread checkpoints, the loop would wait for it
            self._work.put((lambda: commit(apply(True)), done))
            return
        try:
            applied = apply(False)
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY:
                self._loop.call_soon(done, None, error)
            else:  # somebody else writes to the file: the thread may wait for that, the loop must not
                self._work.put((lambda: commit(apply(True)), done))
            return
        except Exception as error:  # noqa: BLE001 - carried to the one who knows whom it concerns
            self._loop.call_soon(done, None, error)
            return
        if self._commits >= self.TRUST and self._average < self.QUICK:
            _run_here(lambda: commit(applied), done)
        else:
            self._work.put((lambda: commit(applied), done))

    def call_thread(self, work: Callable[[], Any], done: Done) -> None:
        def back(result: Any, error: BaseException | None) -> None:
            self._given -= 1
            done(result, error)

        self._given += 1
        self._work.put((work, back))

    def learn(self, applied: float, flushed: float) -> None:
        self._average += (flushed - self._average) / 16
        self._commits = self._trust(self._commits, flushed)
        self._applies = self._trust(self._applies, applied)

    def _trust(self, before: int, took: float) -> int:
        """How far the loop is trusted after one more took so many seconds."""
        if took > self.STUCK:
            return -self.BANISHED
        return min(before, 0) if took > self.SLOW else before + 1

    def close(self) -> None:
        self._work.put(None)
        self._thread.join(timeout=30)

    def _run(self) -> None:
        while (job := self._work.get()) is not None:
            work, done = job
            result, error = None, None
            try:
                result = work()
            except BaseException as caught:  # noqa: BLE001 - carried to the loop, which knows whom it concerns
                error = caught
            try:
                self._loop.call_soon_threadsafe(done, result, error)
            except RuntimeError:
                return  # the loop is closed: nobody is waiting any more


def _run_here(work: Callable[[], Any], done: Done) -> None:
    result, error = None, None
    try:
        result = work()
    except Exception as caught:  # noqa: BLE001 - the same contract as the thread's
        error = caught
    asyncio.get_running_loop().call_soon(done, result, error)


class InlineRunner:
    """Runs everything where it is asked for: the same store without a thread, for deterministic tests."""

    def call(self, apply: Apply, commit: Callable[[Any], Any], done: Done) -> None:
        _run_here(lambda: commit(apply(True)), done)

    def call_thread(self, work: Callable[[], Any], done: Done) -> None:
        _run_here(work, done)

    def learn(self, applied: float, flushed: float) -> None:
        """Nothing to learn."""

    def close(self) -> None:
        return
