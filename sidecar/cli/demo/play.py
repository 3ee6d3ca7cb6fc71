"""The demonstration's stage: a receiver, a sidecar, a registry's notifications between them."""

import asyncio
import json
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path

import aiohttp
import msgspec
import typer

from sidecar.app import App
from sidecar.cli.demo.scenes import VENDORS, Scene, scenes
from sidecar.cli.exits import Failure
from sidecar.cli.output import place, safe
from sidecar.cli.receiver import Received, Receiver
from sidecar.config.loading import load
from sidecar.domain.listing import DeliveryFilter
from sidecar.telemetry import logs

BOUND = 6.0  # seconds for everything that one scene owes
START = 6.0  # seconds for the sidecar to be ready
HOST = "127.0.0.1"
_COLOURS = {"harbor": "blue", "dtr": "magenta", "quay": "red"}
# The pushes, pulls and deletions that each format has words for.
_EVENTS = {
    "harbor": ["artifact.pushed", "artifact.pulled", "artifact.deleted"],
    "dtr": ["artifact.pushed", "artifact.pulled", "artifact.deleted", "tag.deleted"],
    "quay": ["artifact.pushed"],
}


class Inbox:
    """What was received, by vendor."""

    def __init__(self) -> None:
        self.received: list[Received] = []
        self._came = asyncio.Condition()

    async def answer(self, received: Received) -> int:
        async with self._came:
            self.received.append(received)
            self._came.notify_all()
        return 200

    def counts(self) -> Counter[str]:
        return Counter(one.path.strip("/") for one in self.received)

    async def wait(self, owed: Mapping[str, int], bound: float) -> bool:
        """Whether at least so many of each vendor came within `bound` seconds."""
        try:
            async with asyncio.timeout(bound), self._came:
                await self._came.wait_for(lambda: all(self.counts()[name] >= owed[name] for name in owed))
        except TimeoutError:
            return False
        return True


async def play(rounds: int) -> None:
    """Play every scene so many times. Raises Failure when something did not arrive, or arrived twice."""
    logs.configure("warning", pretty=True, stream=sys.stderr)
    inbox = Inbox()
    receiver = Receiver(inbox.answer)
    with tempfile.TemporaryDirectory(prefix="registry-sidecar-demo-") as folder:
        config = Path(folder) / "config.yml"
        try:
            port = await receiver.start(HOST, 0)
            config.write_text(_configuration(Path(folder), port), encoding="utf-8")
            app = App(load(config, {}))
            try:
                await app.start()
                await _until(lambda: not app.unready(), START, "the sidecar did not become ready")
                await _perform(app, inbox, rounds)
            finally:
                await app.stop(drain=1.0)
        finally:
            await receiver.stop()


def _configuration(folder: Path, port: int) -> str:
    """A configuration file; JSON is YAML too."""
    whole = {
        "ingest": {"listen": f"{HOST}:0"},
        "management": {"listen": f"{HOST}:0"},
        "store": f"sqlite:///{folder}/sidecar.db",
        "registries": [{"name": "main", "hostname": "registry.example.com"}],
        "subscriptions": [
            {"name": one, "format": one, "events": _EVENTS[one], "url": f"http://{HOST}:{port}/{one}"}
            for one in VENDORS
        ],
    }
    return json.dumps(whole, indent=2)


async def _perform(app: App, inbox: Inbox, rounds: int) -> None:
    url = f"http://{HOST}:{app.ingest_ports[0]}/events"
    print("A plain registry posts what happens; three receivers hear it in their own vendor's words.")
    print(f"registry -> sidecar at {url} -> {', '.join(VENDORS)}\n")
    shown: set[tuple[str, str]] = set()
    owed: Counter[str] = Counter()
    posted = 0
    for scene in scenes(rounds):
        typer.secho(f"# {scene.title}", bold=True)
        begin = len(inbox.received)
        await _post(url, scene)
        posted += len(scene.notifications)
        owed.update(scene.owed)
        whole = await inbox.wait(owed, BOUND)
        for one in sorted(inbox.received[begin:], key=lambda one: VENDORS.index(one.path.strip("/"))):
            _show(one, shown)
        print(flush=True)
        if not whole:
            came = inbox.counts()
            missing = ", ".join(f"{owed[name] - came[name]} of {name}" for name in owed if came[name] < owed[name])
            raise Failure(f"within {BOUND:.0f} seconds these webhooks did not arrive: {missing}")
    await _until_settled(app)
    ids = [one.webhook_id for one in inbox.received]
    if inbox.counts() != owed or len(set(ids)) != len(ids):
        raise Failure(f"{len(ids)} webhooks came where {owed.total()} are owed: something was told twice")
    typer.echo(
        typer.style(f"{posted} notifications in, {len(ids)} webhooks out: ", bold=True)
        + ", ".join(f"{number} {name}" for name, number in owed.items())
        + ". Nothing lost, nothing twice."
    )


async def _post(url: str, scene: Scene) -> None:
    """As the registry does: one after the other, each on a connection of its own."""
    for one in scene.notifications:
        print(f"  in   {one.about}")
        headers = {"Content-Type": one.content_type, "User-Agent": "Go-http-client/1.1"}
        connector = aiohttp.TCPConnector(force_close=True)
        async with (
            aiohttp.ClientSession(connector=connector, timeout=aiohttp.ClientTimeout(total=BOUND)) as session,
            session.post(url, data=one.body, headers=headers) as answer,
        ):
            if not 200 <= answer.status < 300:
                raise Failure(f"the sidecar answered {answer.status} to a notification")


def _show(one: Received, shown: set[tuple[str, str]]) -> None:
    """One webhook; its body the first time that this vendor says this word."""
    vendor, what = one.path.strip("/"), one.what
    name = typer.style(f"{vendor:<6}", fg=_COLOURS[vendor], bold=True)
    typer.echo(f"  out  {name}  {safe(what.word):<15}  {safe(place(what.repository, what.tags, what.digest))}")
    if (vendor, what.word) not in shown:
        shown.add((vendor, what.word))
        text = safe(msgspec.json.format(one.body, indent=2).decode())
        typer.secho("\n".join(f"         {line}" for line in text.splitlines()), dim=True)


async def _until(true: Callable[[], bool], bound: float, otherwise: str) -> None:
    """Wait for something that gives no sign of itself; raises Failure with `otherwise` after `bound` seconds."""
    for _ in range(int(bound / 0.02)):
        if true():
            return
        await asyncio.sleep(0.02)
    raise Failure(otherwise)


async def _until_settled(app: App) -> None:
    """Wait until the store says of every delivery that it is done."""
    for _ in range(int(BOUND / 0.02)):
        _, counts = await app.operations.undelivered(DeliveryFilter(limit=1))
        if not any(one.due or one.dead for one in counts):
            return
        await asyncio.sleep(0.02)
    raise Failure("the sidecar still owes deliveries that have arrived")
