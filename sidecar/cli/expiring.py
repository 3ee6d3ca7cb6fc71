"""`expiring`: which tags end when, and giving one another end."""

from typing import Annotated, Any
from urllib.parse import quote

import typer

from sidecar.cli.exits import misuse
from sidecar.cli.output import show_json, show_table, when
from sidecar.cli.parameters import DEFAULT_CONFIG, AsJson, Config, Limit, Offline, TokenFile, Url, Where, hence

app = typer.Typer(help="List the tags that end, and set when one does. The sidecar announces ends; it deletes nothing.")

Registry = Annotated[str, typer.Option("--registry", help="Of this registry.", metavar="NAME")]
Tag = Annotated[str, typer.Argument(help="The tag with its repository, without host.", metavar="REPOSITORY:TAG")]
Owner = Annotated[str, typer.Option("--registry", help="The registry that has it.", metavar="NAME")]


@app.callback(invoke_without_command=True)
def _group(context: typer.Context) -> None:
    if context.invoked_subcommand is None:
        print(context.get_help())


@app.command(name="list")
def list_tags(
    *,
    registry: Registry = "",
    repository: Annotated[str, typer.Option("--repository", help="Of this repository.", metavar="NAME")] = "",
    within: Annotated[
        str, typer.Option("--within", help="That end within 12h or 7d, or by an RFC 3339 time.", metavar="TIME")
    ] = "",
    over: Annotated[bool, typer.Option("--over", help="That have ended and are still there, instead.")] = False,
    limit: Limit = 50,
    as_json: AsJson = False,
    config: Config = DEFAULT_CONFIG,
    url: Url = "",
    token_file: TokenFile = "",
    offline: Offline = False,
) -> None:
    """List tags whose label, or somebody, says when they end; the earliest first."""
    until = hence(within, "--within")
    from sidecar.cli.client import Client, ask

    async def work(client: Client) -> dict[str, Any]:
        return await client.pages(
            "/v1/expiring",
            "tags",
            limit,
            registry=registry,
            repository=repository,
            until=until,
            over="true" if over else "",
        )

    found = ask(Where(url, token_file, config, offline), work)
    if as_json:
        show_json(found)
        return
    show_table(
        ("EXPIRES", "REGISTRY", "TAG", "PUSHED", "BY", "TOLD"),
        (
            (
                when(one["expires"]),
                one["registry"],
                f"{one['repository']}:{one['tag']}",
                when(one["pushed"]),
                "hand" if one["set"] else "label",
                one["told"],
            )
            for one in found["tags"]
        ),
        nothing="no such tags",
    )


@app.command(name="set")
def set_end(
    tag: Tag,
    at: Annotated[str, typer.Argument(help="14d, or an RFC 3339 time.", metavar="TIME")],
    *,
    registry: Owner,
    as_json: AsJson = False,
    config: Config = DEFAULT_CONFIG,
    url: Url = "",
    token_file: TokenFile = "",
    offline: Offline = False,
) -> None:
    """Give a tag an end, until it is pushed again. It is announced, and nothing deletes it then."""
    until = hence(at, "TIME")
    if not until:
        raise misuse("TIME is missing: say when the tag ends, such as 14d")
    _change(_path(registry, tag), until, as_json=as_json, where=Where(url, token_file, config, offline))


@app.command(name="clear")
def clear_end(
    tag: Tag,
    *,
    registry: Owner,
    as_json: AsJson = False,
    config: Config = DEFAULT_CONFIG,
    url: Url = "",
    token_file: TokenFile = "",
    offline: Offline = False,
) -> None:
    """Take a tag's end away, also one by its label, until it is pushed again."""
    _change(_path(registry, tag), "", as_json=as_json, where=Where(url, token_file, config, offline))


def _path(registry: str, tag: str) -> str:
    repository, colon, name = tag.rpartition(":")
    if not (colon and repository and name) or "/" in name:
        raise misuse(f"{tag[:100]!r} is not REPOSITORY:TAG, such as prj/app:v1")
    return (
        f"/v1/registries/{quote(registry, safe='')}/repositories/{quote(repository)}/tags/{quote(name, safe='')}/expiry"
    )


def _change(path: str, until: str, *, as_json: bool, where: Where) -> None:
    from sidecar.cli.client import Client, ask

    async def work(client: Client) -> dict[str, Any]:
        done: dict[str, Any] = await (client.put(path, {"expires": until}) if until else client.delete(path))
        return done

    done = ask(where, work)
    if as_json:
        show_json(done)
    elif until:
        print(f"{done['repository']}:{done['tag']} ends at {when(done['expires'])}, unless it is pushed again.")
    else:
        print(f"{done['repository']}:{done['tag']} has no end, until it is pushed again.")
