"""The running part of `listen`."""

import asyncio
import signal
import sys
import time
from collections.abc import Callable

import msgspec

from sidecar.cli.output import place, printable
from sidecar.cli.receiver import Received, Receiver
from sidecar.cli.verification import Keys, Verdict, verify
from sidecar.domain.instant import rfc3339

FAILING = 500  # what --fail-first answers


class Seen(msgspec.Struct, frozen=True, kw_only=True):
    """A request with what was made of it."""

    received: Received
    verdict: Verdict
    status: int


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """What to answer: `delay` in seconds; `count` 0 = without end."""

    keys: Keys
    status: int
    fail_first: int
    delay: float
    count: int
    show: Callable[[Seen], str]


def run(host: str, port: int, plan: Plan) -> None:
    """Listen until `count` requests were answered, or SIGINT or SIGTERM. Raises OSError when it cannot listen."""
    asyncio.run(_listen(host, port, plan))


async def _listen(host: str, port: int, plan: Plan) -> None:
    done = asyncio.Event()
    loop = asyncio.get_running_loop()
    came = answered = 0

    async def answer(received: Received) -> int:
        nonlocal came, answered
        came += 1
        status = FAILING if came <= plan.fail_first else plan.status
        verdict = verify(dict(received.headers), received.body, plan.keys, received.at // 1_000_000_000)
        print(plan.show(Seen(received=received, verdict=verdict, status=status)), flush=True)
        if plan.delay:
            await asyncio.sleep(plan.delay)
        answered += 1
        if answered == plan.count:
            done.set()
        return status

    receiver = Receiver(answer)
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, done.set)
    try:
        port = await receiver.start(host, port)
        shown = f"[{host}]" if ":" in host else host or "localhost"
        print(f"listening on http://{shown}:{port}", file=sys.stderr, flush=True)
        await done.wait()
    finally:
        await receiver.stop()


def line(seen: Seen) -> str:
    """One line for people."""
    received, what = seen.received, seen.received.what
    clock = time.strftime("%H:%M:%S", time.localtime(received.at // 1_000_000_000))
    parts = [clock, received.path, what.format]
    if what.word:
        parts.append(what.word)
    if what.repository:
        parts.append(place(what.repository, what.tags, what.digest))
    if what.tags and what.digest:
        parts.append(what.digest.removeprefix("sha256:")[:12])
    if received.webhook_id:
        parts.append(received.webhook_id)
    parts += [f"signature {seen.verdict.value}", f"answered {seen.status}"]
    return printable("  ".join(parts))


def json_line(seen: Seen) -> str:
    """Everything, as one JSON object on one line."""
    received, what = seen.received, seen.received.what
    whole = {
        "time": rfc3339(received.at),
        "path": received.path,
        "format": what.format,
        "word": what.word,
        "repository": what.repository,
        "tags": what.tags,
        "digest": what.digest,
        "webhookId": received.webhook_id,
        "signature": seen.verdict.value,
        "status": seen.status,
        "headers": received.headers,
        "body": received.body.decode("utf-8", "replace"),
    }
    return msgspec.json.encode(whole).decode()
