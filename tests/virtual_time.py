"""An event loop whose time is virtual: it jumps to the next timer instead of waiting for it.

Everything that waits on the loop (sleep, timeout, call_later) becomes instant and deterministic, as long as nothing
uses threads or sockets: the store runs inline, the sender is a double.
"""

import asyncio
import functools
import selectors
from collections.abc import Callable, Coroutine
from typing import Any


class _Selector(selectors.SelectSelector):
    """Never waits: it hands the wait to the loop's own clock."""

    def __init__(self) -> None:
        super().__init__()
        self.skip: Callable[[float], None] = lambda _seconds: None

    def select(self, timeout: float | None = None) -> Any:
        ready = super().select(0)
        if not ready and timeout is None:
            raise RuntimeError("virtual time: everything waits for something that will never happen")
        if not ready and timeout and timeout > 0:
            self.skip(timeout)
        return ready


class VirtualLoop(asyncio.SelectorEventLoop):
    """A selector loop on virtual seconds."""

    def __init__(self) -> None:
        selector = _Selector()
        super().__init__(selector)
        self._virtual = 0.0
        selector.skip = self._skip

    def time(self) -> float:
        return self._virtual

    def _skip(self, seconds: float) -> None:
        self._virtual += seconds


def run(coroutine: Coroutine[Any, Any, Any]) -> Any:
    """Run a coroutine to its end in virtual time."""
    loop = VirtualLoop()
    try:
        return loop.run_until_complete(coroutine)
    finally:
        pending = asyncio.all_tasks(loop)
        for task in pending:
            task.cancel()
        if pending:
            loop.run_until_complete(asyncio.gather(*pending, return_exceptions=True))
        loop.run_until_complete(loop.shutdown_asyncgens())
        loop.close()


def simulated(test: Callable[..., Coroutine[Any, Any, Any]]) -> Callable[..., Any]:
    """Decorates an async test: it runs in virtual time."""

    @functools.wraps(test)
    def in_virtual_time(*args: Any, **named: Any) -> Any:
        return run(test(*args, **named))

    return in_virtual_time


class VirtualClock:
    """ports.Clock on virtual time, starting at a fixed instant; `step` makes the wall clock jump."""

    def __init__(self, start: int = 1_795_219_200_000_000_000) -> None:
        self._start = start

    def now(self) -> int:
        return self._start + int(asyncio.get_running_loop().time() * 1e9)

    def wall(self) -> int:
        return self.now()

    def monotonic(self) -> int:
        return int(asyncio.get_running_loop().time() * 1e9)

    def step(self, nanoseconds: int) -> None:
        self._start += nanoseconds
