"""Changing many deliveries: count them, ask, then go over them step by step, no faster than was said.

The pace is kept here. The sidecar does one short step whenever it is asked, so a walk that is broken off, by whatever,
leaves nothing half done; it says where it stopped, and `--after` goes on from there.
"""

import asyncio
import contextlib
import sys
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import msgspec
import typer

from sidecar.cli.client import Client
from sidecar.cli.exits import Failure, misuse
from sidecar.cli.output import printable, show_json, show_table

STEP = 200  # deliveries that one step changes at most
BREATH = 0.25  # seconds between steps that a rate holds back
_PROGRAM = "registry-sidecar"


class Walk(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be done to which deliveries: the API's path and body, and how it is said."""

    path: str
    body: Mapping[str, Any]
    done: str  # "made due again"
    rate: float = 0.0  # deliveries a second, 0 = as fast as it goes
    dry_run: bool = False
    yes: bool = False
    as_json: bool = False


class Sum(msgspec.Struct):
    """What steps came to."""

    counts: dict[str, int] = msgspec.field(default_factory=dict)
    silent: int = 0
    orphaned: dict[str, int] = msgspec.field(default_factory=dict)
    waiting: dict[str, int] = msgspec.field(default_factory=dict)  # events in groups that are given up

    @property
    def total(self) -> int:
        return sum(self.counts.values())

    def add(self, step: Mapping[str, Any]) -> None:
        named = ((self.counts, "subscriptions"), (self.orphaned, "orphaned"), (self.waiting, "waiting"))
        for mine, theirs in ((mine, step.get(name, ())) for mine, name in named):
            for one in theirs:
                mine[one["subscription"]] = mine.get(one["subscription"], 0) + one["count"]
        self.silent += step["withoutBytes"]

    def as_json(self) -> dict[str, Any]:
        return {
            "count": self.total,
            "subscriptions": [{"subscription": name, "count": one} for name, one in self.counts.items()],
            "withoutBytes": self.silent,
            "orphaned": [{"subscription": name, "count": one} for name, one in self.orphaned.items()],
            "waiting": [{"subscription": name, "count": one} for name, one in self.waiting.items()],
        }


async def go(client: Client, walk: Walk) -> None:
    """The whole of it. Raises Failure when it was broken off or may not be done without asking."""
    expected = await _count(client, walk)
    if walk.dry_run:
        _show(expected, walk)
        return
    if not expected.total and not expected.waiting:
        if walk.as_json:
            print(msgspec.json.encode({**expected.as_json(), "done": True}).decode())
        else:
            print("no such deliveries", file=sys.stderr)
        _remarks(expected, walk)
        return
    if not walk.yes:
        _ask(expected, walk)
    done = await _steps(client, walk, expected.total)
    if walk.as_json:
        print(msgspec.json.encode({**done.as_json(), "done": True}).decode())
    else:
        named = ", ".join(f"{printable(name)} {count}" for name, count in done.counts.items())
        print(f"{done.total} {walk.done}" + (f": {named}" if named else ""))
    _remarks(done, walk)
    if not walk.path.endswith("/cancel"):
        await _held(client, done)


async def _count(client: Client, walk: Walk) -> Sum:
    """How many there are, by subscription."""
    found, cursor = Sum(), walk.body.get("cursor", "")
    while True:
        step = await client.post(walk.path, {**walk.body, "dryRun": True, "cursor": cursor})
        found.add(step)
        cursor = step["next"]
        if cursor is None:
            return found


async def _steps(client: Client, walk: Walk, total: int) -> Sum:
    """Every step, at the pace that was asked for. What breaks it off is told with the place to go on from."""
    done, cursor = Sum(), walk.body.get("cursor", "")
    limit = max(1, min(STEP, int(walk.rate * BREATH))) if walk.rate else STEP
    loop = asyncio.get_running_loop()
    begun = loop.time()
    try:
        with _progress(walk, total) as told:
            while True:
                step = await client.post(walk.path, {**walk.body, "limit": limit, "cursor": cursor})
                done.add(step)
                told(done.total)
                if walk.as_json:
                    print(msgspec.json.encode({**step, "total": total, "soFar": done.total}).decode(), flush=True)
                if step["next"] is None:
                    return done
                cursor = step["next"]
                if walk.rate:
                    await asyncio.sleep(max(0.0, begun + done.total / walk.rate - loop.time()))
    except (Failure, asyncio.CancelledError):
        again = f"; to go on, give the same command with --after {cursor}" if cursor else ""
        print(f"broken off: {done.total} of {total} {walk.done}{again}", file=sys.stderr)
        raise


@contextlib.contextmanager
def _progress(walk: Walk, total: int) -> Iterator[Callable[[int], None]]:
    """A bar on a terminal; nothing elsewhere."""
    if walk.as_json or not sys.stderr.isatty():
        yield lambda _done: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(walk.done, total=total)
        yield lambda done: bar.update(task, completed=done)


def _ask(expected: Sum, walk: Walk) -> None:
    """Raises Failure where nobody can be asked, Abort when the answer is no."""
    if not sys.stdin.isatty():
        raise misuse(f"{expected.total} deliveries would be {walk.done}: add --yes where nobody can be asked")
    for name, count in expected.counts.items():
        print(f"{printable(name)}: {count}", file=sys.stderr)
    _remarks(expected, walk)
    typer.confirm(f"{expected.total} deliveries will be {walk.done}. Go on?", abort=True, err=True)


def _show(expected: Sum, walk: Walk) -> None:
    if walk.as_json:
        show_json(expected.as_json())
    else:
        show_table(("SUBSCRIPTION", "DELIVERIES"), expected.counts.items(), nothing="no such deliveries")
    _remarks(expected, walk)


def _remarks(found: Sum, walk: Walk) -> None:
    """What was left, and why; in JSON it stands in the numbers."""
    if walk.as_json:
        return
    if found.silent:
        print(
            f"{found.silent} have no message to send: retention has taken it, or it could never be rendered",
            file=sys.stderr,
        )
    for name, count in found.waiting.items():
        print(f"{printable(name)}: {count} events in groups that were not told yet", file=sys.stderr)
    for name, count in found.orphaned.items():
        shown = printable(name)
        print(
            f"{count} are left: subscription {shown} is not in the configuration any more: bring its name back, or "
            f"write `formerly: {shown}` at the one that takes over",
            file=sys.stderr,
        )


async def _held(client: Client, done: Sum) -> None:
    """Say what will not be sent yet."""
    for one in (await client.get("/v1/subscriptions"))["subscriptions"]:
        if one["name"] not in done.counts:
            continue
        name = printable(one["name"])
        remedy = f"`{_PROGRAM} subscriptions resume {name}`"
        if one["hold"]:
            print(f"{name} is held ({printable(one['hold'])}): nothing is sent until {remedy}", file=sys.stderr)
        elif one["breaker"] == "open":
            print(f"{name} is failing: only a probe is sent now and then, all of it after {remedy}", file=sys.stderr)
