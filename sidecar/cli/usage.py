"""`usage`: what namespaces under a quota hold, and what they may."""

from typing import Annotated, Any

import typer

from sidecar.cli.output import show_json, show_table, size
from sidecar.cli.parameters import DEFAULT_CONFIG, AsJson, Config, Offline, TokenFile, Url, Where


def usage(
    *,
    registry: Annotated[str, typer.Option("--registry", help="In this registry.", metavar="NAME")] = "",
    namespace: Annotated[str, typer.Option("--namespace", help="This one only.", metavar="NAME")] = "",
    as_json: AsJson = False,
    config: Config = DEFAULT_CONFIG,
    url: Url = "",
    token_file: TokenFile = "",
    offline: Offline = False,
) -> None:
    """Show how much of their quotas namespaces use.

    UNKNOWN counts manifests of which nobody told what they hold.
    """
    from sidecar.cli.client import Client, ask

    async def work(client: Client) -> dict[str, Any]:
        found: dict[str, Any] = await client.get("/v1/usage", registry=registry, namespace=namespace)
        return found

    found = ask(Where(url, token_file, config, offline), work)
    if as_json:
        show_json(found)
        return
    show_table(
        ("REGISTRY", "NAMESPACE", "USED", "LIMIT", "PERCENT", "UNKNOWN"),
        (
            (
                one["registry"],
                one["namespace"],
                f"{size(one['bytes'])} (counting)" if one["counting"] else size(one["bytes"]),
                size(one["limit"]),
                f"{one['percent']}%",
                one["unknown"] or "",
            )
            for one in found["usage"]
        ),
        nothing="no such namespace is under a quota",
    )
