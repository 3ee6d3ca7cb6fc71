"""`backup`: a copy of the store, made by the sidecar while it works."""

import secrets
import shutil
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from sidecar.cli.exits import misuse
from sidecar.cli.output import show_json, size
from sidecar.cli.parameters import DEFAULT_CONFIG, AsJson, Config, Offline, TokenFile, Url, Where

STDOUT = "-"


def backup(
    target: Annotated[
        str, typer.Argument(help="The file to write, where the sidecar runs; - for standard output.", metavar="TARGET")
    ],
    *,
    force: Annotated[bool, typer.Option("--force", help="Overwrite TARGET.")] = False,
    as_json: AsJson = False,
    config: Config = DEFAULT_CONFIG,
    url: Url = "",
    token_file: TokenFile = "",
    offline: Offline = False,
) -> None:
    """Write a checked copy of the store, while the sidecar works.

    The file is there whole or not at all, with mode 0600. Keep it as the secret that it is.
    """
    from sidecar.cli.client import Client, ask

    absolute = str(Path(target).absolute())

    async def work(client: Client) -> dict[str, Any]:
        path = absolute
        if target == STDOUT:
            # By way of a file beside the store: what is written to a pipe cannot be checked first.
            path = f"{(await client.get('/v1/status'))['store']['path']}.{secrets.token_hex(4)}.backup"
        made: dict[str, Any] = {}
        async for line in client.lines("/v1/backup", {"target": path, "force": force}):
            if "copied" in line:
                _progress(line["copied"], line["total"])
            made = line.get("backup", made)
        return made

    if target == STDOUT and sys.stdout.isatty():
        raise misuse("a backup is nothing for a terminal: name a file, or redirect standard output")
    made = ask(Where(url, token_file, config, offline), work)
    if target == STDOUT:
        _pass_on(Path(made["path"]))
    elif as_json:
        show_json(made)
    else:
        took = f"{made['seconds']:.1f} s"
        print(f"{made['path']}: {size(made['sizeBytes'])} in {took}, checked, up to record {made['lastRecord']}")


def _pass_on(between: Path) -> None:
    try:
        with between.open("rb") as file:
            shutil.copyfileobj(file, sys.stdout.buffer, 1024 * 1024)
        sys.stdout.buffer.flush()
    finally:
        between.unlink(missing_ok=True)


def _progress(done: int, total: int) -> None:
    if sys.stderr.isatty():
        end = "\n" if done >= total else "\r"
        print(f"{size(done)} of {size(total)} copied", end=end, file=sys.stderr, flush=True)
