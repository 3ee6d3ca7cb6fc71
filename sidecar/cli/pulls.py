"""`pulls`: how often artifacts were pulled, and when last."""

from typing import Annotated, Any

import typer

from sidecar.cli.output import show_json, show_table, when
from sidecar.cli.parameters import DEFAULT_CONFIG, AsJson, Config, Limit, Offline, TokenFile, Url, Where, since


def pulls(
    *,
    registry: Annotated[str, typer.Option("--registry", help="Of this registry.", metavar="NAME")] = "",
    repository: Annotated[str, typer.Option("--repository", help="Of this repository.", metavar="NAME")] = "",
    tag: Annotated[str, typer.Option("--tag", help="By this tag; other pulls do not count.", metavar="TAG")] = "",
    not_before: Annotated[
        str, typer.Option("--since", help="Pulled within 30m, 1h, 3d or since an RFC 3339 time.", metavar="TIME")
    ] = "",
    limit: Limit = 50,
    as_json: AsJson = False,
    config: Config = DEFAULT_CONFIG,
    url: Url = "",
    token_file: TokenFile = "",
    offline: Offline = False,
) -> None:
    """List how often artifacts were pulled, the last pulled first.

    By each tag and by digest, since the sidecar listens.
    """
    moment = since(not_before)
    from sidecar.cli.client import Client, ask

    async def work(client: Client) -> dict[str, Any]:
        return await client.pages(
            "/v1/pulls", "pulls", limit, registry=registry, repository=repository, tag=tag, since=moment
        )

    found = ask(Where(url, token_file, config, offline), work)
    if as_json:
        show_json(found)
        return
    show_table(
        ("LAST PULLED", "REPOSITORY", "DIGEST", "KIND", "PULLS", "BY TAG", "DELETED"),
        (
            (
                when(one["lastPulled"]),
                one["repository"],
                one["digest"],
                one["kind"],
                one["pulls"],
                [f"{each['tag'] or '(digest)'} {each['pulls']}" for each in one["byTag"]],
                "" if one["live"] else "yes",
            )
            for one in found["pulls"]
        ),
        nothing="no such pulls",
    )
