"""`quarantine`: what was set aside because it could not be read or translated."""

import base64
import sys
from typing import Annotated, Any

import typer

from sidecar.cli.exits import ExitCode, misuse
from sidecar.cli.output import safe, show_json, show_pairs, show_table, size, when
from sidecar.cli.parameters import DEFAULT_CONFIG, AsJson, Config, Limit, Offline, TokenFile, Url, Where

app = typer.Typer(help="List, show, retry or delete what could not be read.")

Number = Annotated[int, typer.Argument(help="The item's number, as `quarantine list` shows it.", min=1, metavar="ID")]
Reason = Annotated[str, typer.Option("--reason", help="Set aside for this reason.", metavar="REASON")]
Registry = Annotated[str, typer.Option("--registry", help="Come in for this registry.", metavar="NAME")]


@app.callback(invoke_without_command=True)
def _group(context: typer.Context) -> None:
    if context.invoked_subcommand is None:
        print(context.get_help())


@app.command(name="list")
def list_items(
    *,
    reason: Reason = "",
    registry: Registry = "",
    limit: Limit = 50,
    as_json: AsJson = False,
    config: Config = DEFAULT_CONFIG,
    url: Url = "",
    token_file: TokenFile = "",
    offline: Offline = False,
) -> None:
    """List what is in quarantine, newest first."""
    from sidecar.cli.client import Client, ask

    async def work(client: Client) -> dict[str, Any]:
        return await client.pages("/v1/quarantine", "items", limit, reason=reason, registry=registry)

    found = ask(Where(url, token_file, config, offline), work)
    if as_json:
        show_json(found)
        return
    show_table(
        ("ID", "AT", "REGISTRY", "REASON", "SIZE", "DETAIL"),
        (
            (one["id"], when(one["at"]), one["registry"], one["reason"], size(one["size"]), one["detail"])
            for one in found["items"]
        ),
        nothing="nothing is in quarantine",
    )


@app.command()
def show(
    number: Number,
    *,
    raw: Annotated[bool, typer.Option("--raw", help="Only the bytes, exactly as they came.")] = False,
    as_json: AsJson = False,
    config: Config = DEFAULT_CONFIG,
    url: Url = "",
    token_file: TokenFile = "",
    offline: Offline = False,
) -> None:
    """Show one item with its bytes."""
    from sidecar.cli.client import Client, ask

    async def work(client: Client) -> dict[str, Any]:
        found: dict[str, Any] = await client.get(f"/v1/quarantine/{number}")
        return found

    found = ask(Where(url, token_file, config, offline), work)
    if as_json:
        show_json(found)
        return
    body = base64.b64decode(found["body"]) if found["base64"] else found["body"].encode()
    if raw:
        sys.stdout.flush()
        sys.stdout.buffer.write(body)
        return
    show_pairs(
        (
            ("item", found["id"]),
            ("at", found["at"]),
            ("registry", found["registry"]),
            ("reason", found["reason"]),
            ("detail", found["detail"]),
            ("content type", found["contentType"]),
            ("record", found["record"]),
            ("size", size(found["size"])),
        )
    )
    print(f"\n{safe(body.decode('utf-8', 'replace'))}")


@app.command()
def retry(
    *,
    number: Annotated[int | None, typer.Argument(help="One item.", min=1, metavar="[ID]")] = None,
    everything: Annotated[
        bool, typer.Option("--all", help="Everything, or everything that --reason and --registry name.")
    ] = False,
    reason: Reason = "",
    registry: Registry = "",
    as_json: AsJson = False,
    config: Config = DEFAULT_CONFIG,
    url: Url = "",
    token_file: TokenFile = "",
    offline: Offline = False,
) -> None:
    """Take items again, after what was wrong is mended.

    Ends with 1 when something stays in quarantine.
    """
    if (number is None) is not everything:
        raise misuse("name either one item or --all")
    if number is not None and (reason or registry):
        raise misuse("--reason and --registry choose among --all; leave them out with an ID")
    from sidecar.cli.client import Client, ask

    async def work(client: Client) -> dict[str, Any]:
        if number is not None:
            one: dict[str, Any] = await client.post(f"/v1/quarantine/{number}/retry")
            return one
        wanted = {"reason": reason, "registry": registry}
        done: dict[str, Any] = await client.post(
            "/v1/quarantine/retry", {key: value for key, value in wanted.items() if value}
        )
        return done

    done = ask(Where(url, token_file, config, offline), work)
    if as_json:
        show_json(done)
    elif number is not None:
        print(f"{number}: {done['detail']}")
    else:
        print(
            f"{done['tried']} tried: {done['accepted']} accepted, {done['duplicate']} were known already, "
            f"{done['quarantined']} stay in quarantine"
        )
    if done["quarantined"] if number is None else done["outcome"] == "quarantined":
        raise typer.Exit(ExitCode.FAILED)


@app.command()
def delete(
    numbers: Annotated[list[int], typer.Argument(help="The items to throw away.", min=1, metavar="ID...")],
    *,
    config: Config = DEFAULT_CONFIG,
    url: Url = "",
    token_file: TokenFile = "",
    offline: Offline = False,
) -> None:
    """Throw items away for good."""
    from sidecar.cli.client import Client, ask

    async def work(client: Client) -> None:
        for number in numbers:
            await client.delete(f"/v1/quarantine/{number}")
            print(f"{number}: deleted")

    ask(Where(url, token_file, config, offline), work)
