"""`subscriptions`: list them, hold and release them, and try whether one's destination takes what it would get."""

from typing import Annotated, Any
from urllib.parse import quote

import typer

from sidecar.cli.exits import ExitCode
from sidecar.cli.output import printable, safe, show_json, show_pairs
from sidecar.cli.parameters import DEFAULT_CONFIG, AsJson, Config, Offline, TokenFile, Url, Where
from sidecar.cli.status import show_subscriptions

app = typer.Typer(help="List, pause, resume, test or export subscriptions.")

Name = Annotated[str, typer.Argument(help="The subscription.", metavar="NAME")]
Names = Annotated[list[str], typer.Argument(help="The subscriptions.", metavar="NAME...")]


@app.callback(invoke_without_command=True)
def _group(context: typer.Context) -> None:
    if context.invoked_subcommand is None:
        print(context.get_help())


@app.command(name="list")
def list_subscriptions(
    *,
    as_json: AsJson = False,
    config: Config = DEFAULT_CONFIG,
    url: Url = "",
    token_file: TokenFile = "",
    offline: Offline = False,
) -> None:
    """List subscriptions with what they are owed, and those that are gone but still owed something."""
    from sidecar.cli.client import Client, ask

    async def work(client: Client) -> dict[str, Any]:
        found: dict[str, Any] = await client.get("/v1/subscriptions")
        return found

    found = ask(Where(url, token_file, config, offline), work)
    if as_json:
        show_json(found)
    else:
        show_subscriptions(found["subscriptions"])


@app.command()
def pause(
    names: Names,
    *,
    as_json: AsJson = False,
    config: Config = DEFAULT_CONFIG,
    url: Url = "",
    token_file: TokenFile = "",
    offline: Offline = False,
) -> None:
    """Send nothing to these until they are resumed, over restarts.

    What matches is queued meanwhile, and the time does not count towards its horizon.
    """
    _hold("pause", "paused", names, as_json, Where(url, token_file, config, offline))


@app.command()
def resume(
    names: Names,
    *,
    as_json: AsJson = False,
    config: Config = DEFAULT_CONFIG,
    url: Url = "",
    token_file: TokenFile = "",
    offline: Offline = False,
) -> None:
    """Send again: ends an operator's pause, the hold of a 410, the wait for a Retry-After, and an open breaker."""
    _hold("resume", "resumed", names, as_json, Where(url, token_file, config, offline))


def _hold(verb: str, done: str, names: list[str], as_json: bool, where: Where) -> None:
    from sidecar.cli.client import Client, ask

    async def work(client: Client) -> list[dict[str, Any]]:
        return [await client.post(f"/v1/subscriptions/{quote(name, safe='')}/{verb}") for name in names]

    changed = ask(where, work)
    if as_json:
        show_json({"subscriptions": changed})
        return
    for one in changed:
        gone = ", but it is not in the configuration any more, so nothing is sent" if one["orphaned"] else ""
        print(f"{printable(one['name'])}: {done}, {one['pending']} pending{gone}")


@app.command()
def export(
    *,
    urls: Annotated[
        bool, typer.Option("--urls", help="Write URLs with their paths and queries, which may be secret.")
    ] = False,
    config: Config = DEFAULT_CONFIG,
    url: Url = "",
    token_file: TokenFile = "",
    offline: Offline = False,
) -> None:
    """Write all subscriptions as YAML, those made through APIs and (without --url) those of the file.

    Secrets become ${env:...}, each with a comment that says what the variable has to hold.
    """
    from sidecar.cli.client import Client, ask
    from sidecar.cli.configuration import written
    from sidecar.config.export import Export

    async def work(client: Client) -> list[dict[str, Any]]:
        listed = (await client.get("/v1/subscriptions"))["subscriptions"]
        first = {(one["source"], one["key"]): one["name"] for one in reversed(listed) if one["source"] != "file"}
        return [await client.get(f"/v1/subscriptions/{quote(name, safe='')}") for name in reversed(first.values())]

    made = ask(Where(url, token_file, config, offline), work)
    raw, namespaces = written(config) if not url else (b"", ["library"])
    export = Export(urls=urls, defaults=namespaces)
    export.file(raw)
    for one in made:
        export.made(one)
    if url:
        print("# What the file of that sidecar says is not here: run this beside the file, without --url.")
    print(export.text(), end="")


@app.command(name="test")
def send_sample(
    name: Name,
    *,
    event: Annotated[
        str,
        typer.Option(
            "--event", help="Say this event or word of the format; else the first subscribed.", metavar="EVENT"
        ),
    ] = "",
    as_json: AsJson = False,
    config: Config = DEFAULT_CONFIG,
    url: Url = "",
    token_file: TokenFile = "",
    offline: Offline = False,
) -> None:
    """Send the format's sample to a subscription's destination, once, and show the answer.

    Signed, with its headers and through the guard, as deliveries are. Nothing is stored and nothing tried again. Ends
    with 1 when it was not taken.
    """
    from sidecar.cli.client import Client, ask

    async def work(client: Client) -> dict[str, Any]:
        found: dict[str, Any] = await client.post(f"/v1/subscriptions/{quote(name, safe='')}/test", {"event": event})
        return found

    found = ask(Where(url, token_file, config, offline), work)
    if as_json:
        show_json(found)
    else:
        show_pairs(
            (
                ("subscription", found["subscription"]),
                ("sent", f"{found['request']['word']} ({found['event']}) to {found['request']['url']}"),
                ("webhook-id", found["request"]["webhookId"]),
                ("delivered", found["delivered"]),
                ("reason", found["reason"]),
                ("status", found["status"] or None),
                ("took", f"{found['tookMs']:.1f} ms"),
                ("detail", found["detail"]),
            )
        )
        if found["answer"]:
            print(f"\n{safe(found['answer'])}")
    if not found["delivered"]:
        raise typer.Exit(ExitCode.FAILED)
