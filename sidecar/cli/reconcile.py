"""`reconcile` and `backfill`: walk a registry now, watch it, and decide over what a walk found and holds back."""

import asyncio
import contextlib
import sys
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Annotated, Any
from urllib.parse import quote

import typer

from sidecar.cli.exits import ExitCode, Failure, misuse
from sidecar.cli.output import printable, show_json, show_table, when
from sidecar.cli.parameters import DEFAULT_CONFIG, AsJson, Config, Offline, TokenFile, Url, Where

if TYPE_CHECKING:
    from sidecar.cli.client import Client

LOOK_EVERY = 0.5  # seconds between two looks at a walk that is waited for
_OVER = ("finished", "held", "rejected", "superseded")

Name = Annotated[str, typer.Argument(help="The registry; without it every one that has an API.", metavar="[REGISTRY]")]
Wait = Annotated[bool, typer.Option("--wait", help="Stay until the walk has ended, and show its progress.")]


def reconcile(
    registry: Name = "",
    *,
    accept: Annotated[bool, typer.Option("--accept", help="Announce what a held walk found.")] = False,
    reject: Annotated[bool, typer.Option("--reject", help="Throw away what a held walk found.")] = False,
    wait: Wait = False,
    as_json: AsJson = False,
    config: Config = DEFAULT_CONFIG,
    url: Url = "",
    token_file: TokenFile = "",
    offline: Offline = False,
) -> None:
    """Walk a registry and announce what it never told; or decide over a walk that found too much and is held.

    The first walk of a registry announces nothing: it learns what is there. With --wait, ends with 1 when the walk is
    held.
    """
    if accept and reject:
        raise misuse("--accept and --reject exclude each other")
    if wait and (accept or reject):
        raise misuse("--wait is for walks that begin; leave it out with --accept and --reject")
    where = Where(url, token_file, config, offline)
    if accept or reject:
        _decide("accept" if accept else "reject", registry, where, as_json=as_json)
    else:
        _walk(registry, where, silent=False, wait=wait, as_json=as_json)


def backfill(
    registry: Name = "",
    *,
    wait: Wait = False,
    as_json: AsJson = False,
    config: Config = DEFAULT_CONFIG,
    url: Url = "",
    token_file: TokenFile = "",
    offline: Offline = False,
) -> None:
    """Walk a registry and announce nothing: what it holds is taken as known, whatever was missed."""
    _walk(registry, Where(url, token_file, config, offline), silent=True, wait=wait, as_json=as_json)


def _decide(verb: str, registry: str, where: Where, *, as_json: bool) -> None:
    from sidecar.cli.client import ask

    async def work(client: "Client") -> list[dict[str, Any]]:
        if registry:
            names = [registry]
        else:
            names = [one["registry"] for one in (await client.get("/v1/walks"))["walks"] if one["held"]]
            if not names:
                raise Failure("no walk is held")
        return [await client.post(f"{_path(name)}/{verb}") for name in names]

    decided = ask(where, work)
    if as_json:
        show_json({"walks": decided})
        return
    for one in decided:
        last = one["last"]
        done = f"{last['changes']} changes are announced" if verb == "accept" else "what was found is thrown away"
        print(f"{printable(one['registry'])}: {done}")


def _walk(registry: str, where: Where, *, silent: bool, wait: bool, as_json: bool) -> None:
    from sidecar.cli.client import ask

    async def work(client: "Client") -> list[dict[str, Any]]:
        names = [registry] if registry else [one["registry"] for one in (await client.get("/v1/walks"))["walks"]]
        if not names:
            raise Failure("no registry has an `api` in the configuration, so none can be walked")
        begun = [await client.post(_path(name), {"silent": silent}) for name in names]
        if not wait:
            return begun
        walks = {one["registry"]: (one["current"] or one["last"])["id"] for one in begun}
        return await _watch(client, walks, as_json=as_json)

    shown = ask(where, work)
    if as_json:
        show_json({"walks": shown})
    elif not wait:
        for one in shown:
            print(f"{printable(one['registry'])}: a walk begins; `registry-sidecar status` shows how it goes")
    else:
        show_walks(shown)
    held = [one for one in shown if one["held"]]
    for one in held if not as_json else ():
        _say_held(one)
    if wait and held:
        raise typer.Exit(ExitCode.FAILED)


def show_walks(walks: list[dict[str, Any]]) -> None:
    """Every registry's walks, one line each."""
    show_table(
        ("REGISTRY", "WALK", "SINCE", "REPOSITORIES", "TAGS SEEN", "CHANGES", "HELD"),
        (
            (
                one["registry"],
                _state(newest),
                when(newest["ended"] or newest["started"] or newest["due"]) if newest else None,
                f"{newest['repositoriesDone']} of {newest['repositories']}" if newest else None,
                newest["seen"] if newest else None,
                newest["changes"] if newest else None,
                one["held"]["why"] if one["held"] else None,
            )
            for one in walks
            for newest in [one["current"] or _newer(one["held"], one["last"])]
        ),
        nothing="no registry can be walked",
    )


def _newer(one: dict[str, Any] | None, other: dict[str, Any] | None) -> dict[str, Any] | None:
    return max((walk for walk in (one, other) if walk), key=lambda walk: int(walk["id"]), default=None)


def _state(walk: dict[str, Any] | None) -> str:
    if walk is None:
        return "never"
    return f"{walk['state']} ({'backfill' if walk['silent'] else walk['cause']})"


def _say_held(one: dict[str, Any]) -> None:
    name = printable(one["registry"])
    print(
        f"{name}: the walk is held, {one['held']['why']}; nothing was announced. Look whether the registry is whole, "
        f"then `registry-sidecar reconcile {name} --accept` or `--reject`",
        file=sys.stderr,
    )


async def _watch(client: "Client", walks: dict[str, int], *, as_json: bool) -> list[dict[str, Any]]:
    """Look at walks until each has ended; returns the registries' walks as they are then."""
    with _progress(silent=as_json) as show:
        while True:
            shown = [await client.get(_path(name)) for name in walks]
            running = [one for one in shown if not _is_over(one, walks[one["registry"]])]
            for one in shown:
                show(one)
            if not running:
                return shown
            await asyncio.sleep(LOOK_EVERY)


def _is_over(one: dict[str, Any], walk: int) -> bool:
    ended = [each["id"] for each in (one["held"], one["last"]) if each and each["state"] in _OVER]
    return max(ended, default=0) >= walk


@contextlib.contextmanager
def _progress(*, silent: bool) -> Iterator[Callable[[dict[str, Any]], None]]:
    """A bar for each registry on a terminal, counted in repositories; nothing elsewhere."""
    if silent or not sys.stderr.isatty():
        yield lambda _one: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TextColumn("{task.fields[said]}"))
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        tasks: dict[str, TaskID] = {}

        def show(one: dict[str, Any]) -> None:
            name, walk = printable(one["registry"]), one["current"]
            if name not in tasks:
                tasks[name] = bar.add_task(name, total=None, said="")
            if walk is not None:
                total = walk["repositories"] if walk["listed"] else None
                said = f"{walk['seen']} tags seen, {walk['changes']} changes"
                bar.update(tasks[name], total=total, completed=walk["repositoriesDone"], said=said)

        yield show


def _path(name: str) -> str:
    return f"/v1/registries/{quote(name, safe='')}/walk"
