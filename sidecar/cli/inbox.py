"""`inbox`: in-app notifications, looked at and dismissed."""

from typing import Annotated, Any
from urllib.parse import quote

import typer

from sidecar.cli.exits import misuse
from sidecar.cli.output import place, show_json, show_table, when
from sidecar.cli.parameters import DEFAULT_CONFIG, AsJson, Config, Limit, Offline, TokenFile, Url, Where

app = typer.Typer(help="List in-app notifications, and dismiss them.")

Owner = Annotated[
    str,
    typer.Option("--owner", help="Of this inbox: user/NAME, team/NAMESPACE/TEAM or org/NAMESPACE.", metavar="OWNER"),
]


@app.callback(invoke_without_command=True)
def _group(context: typer.Context) -> None:
    if context.invoked_subcommand is None:
        print(context.get_help())


@app.command(name="list")
def list_items(
    *,
    owner: Owner = "",
    everything: Annotated[bool, typer.Option("--all", help="What was dismissed as well.")] = False,
    limit: Limit = 50,
    as_json: AsJson = False,
    config: Config = DEFAULT_CONFIG,
    url: Url = "",
    token_file: TokenFile = "",
    offline: Offline = False,
) -> None:
    """List what lies in inboxes, the newest first.

    With a token at --url in the token's owner's own, over the Unix socket in everybody's.
    """
    from sidecar.cli.client import Client, ask

    async def work(client: Client) -> dict[str, Any]:
        return await client.pages("/v1/inbox", "items", limit, owner=owner, dismissed="true" if everything else "")

    found = ask(Where(url, token_file, config, offline), work)
    if as_json:
        show_json(found)
        return
    show_table(
        ("CREATED", "INBOX", "KIND", "ABOUT", "DISMISSED", "ID"),
        (
            (when(one["created"]), one["owner"], one["kind"], _about(one["body"]), one["dismissed"], one["id"])
            for one in found["items"]
        ),
        nothing="no such notifications",
    )


@app.command()
def dismiss(
    ids: Annotated[list[str] | None, typer.Argument(help="Ids, as `list` shows them.", metavar="[ID]...")] = None,
    *,
    everything: Annotated[bool, typer.Option("--all", help="All that `list` shows, however many.")] = False,
    owner: Owner = "",
    as_json: AsJson = False,
    config: Config = DEFAULT_CONFIG,
    url: Url = "",
    token_file: TokenFile = "",
    offline: Offline = False,
) -> None:
    """Dismiss notifications: single ones by their ids, or all.

    Over the Unix socket for everybody who sees them.
    """
    if bool(ids) == everything or (ids and owner):
        raise misuse("name the notifications by their ids, or give --all, which may have --owner")
    from sidecar.cli.client import Client, ask

    async def work(client: Client) -> dict[str, int]:
        if everything:
            done: dict[str, int] = await client.post("/v1/inbox/dismiss", {"owner": owner})
            return done
        for one in ids or ():
            await client.post(f"/v1/inbox/{quote(one, safe='')}/dismiss")
        return {"dismissed": len(ids or ())}

    done = ask(Where(url, token_file, config, offline), work)
    if as_json:
        show_json(done)
    else:
        print(f"{done['dismissed']} dismissed.")


def _about(body: Any) -> str:
    """The repository that a notification names, with its tags; "" when it names none."""
    if not isinstance(body, dict) or not isinstance(body.get("repository"), str):
        return ""
    tags = body.get("updated_tags")
    return place(body["repository"], [str(one) for one in tags] if isinstance(tags, list) else [], "")
