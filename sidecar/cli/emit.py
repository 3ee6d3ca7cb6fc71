"""`emit`: tell a sidecar what happened, by POST /intake/events."""

import json
import sys
import uuid
from pathlib import Path
from typing import Annotated, Any

import typer

from sidecar.cli.exits import misuse
from sidecar.cli.output import show_json
from sidecar.cli.parameters import DEFAULT_CONFIG, AsJson, Config, Where

STDIN = "-"
_URL_ENV, _TOKEN_ENV = "REGISTRY_SIDECAR_INGEST_URL", "REGISTRY_SIDECAR_INGEST_TOKEN_FILE"


def emit(
    file: Annotated[
        str, typer.Argument(help="A file with one event or a list, as JSON; - for standard input.", metavar="FILE")
    ] = "",
    *,
    kind: Annotated[str, typer.Option("--type", help="What happened, as build.succeeded.", metavar="TYPE")] = "",
    repository: Annotated[str, typer.Option("--repository", help="Where, without host.", metavar="NAME")] = "",
    namespace: Annotated[str, typer.Option("--namespace", help="Where, of a whole namespace.", metavar="NAME")] = "",
    tag: Annotated[str, typer.Option("--tag", help="The artifact's tag.", metavar="TAG")] = "",
    digest: Annotated[str, typer.Option("--digest", help="The artifact's digest.", metavar="DIGEST")] = "",
    registry: Annotated[str, typer.Option("--registry", help="Which registry, of several.", metavar="NAME")] = "",
    actor: Annotated[str, typer.Option("--actor", help="Who did it.", metavar="NAME")] = "",
    data: Annotated[str, typer.Option("--data", help="The event's `details`, a JSON object.", metavar="JSON")] = "",
    identity: Annotated[
        str, typer.Option("--id", help="The event's id: the same is told once. Without it a new one.", metavar="ID")
    ] = "",
    as_json: AsJson = False,
    config: Config = DEFAULT_CONFIG,
    url: Annotated[
        str,
        typer.Option(
            "--url",
            envvar=_URL_ENV,
            help="The ingest listener: http://host:port. Without it the one that the configuration names.",
            metavar="URL",
            show_default=False,
        ),
    ] = "",
    token_file: Annotated[
        str,
        typer.Option(
            "--token-file",
            envvar=_TOKEN_ENV,
            help="A file with one of the intake's tokens. Without --url the configuration's own is shown.",
            metavar="FILE",
            show_default=False,
        ),
    ] = "",
) -> None:
    """Tell of what a registry cannot know: a build, a scan, a mirror, a quota.

    The event comes from FILE, or from --type and what goes with it.
    """
    given = {"repository": repository, "namespace": namespace, "tag": tag, "digest": digest}
    given |= {"registry": registry, "actor": actor}
    options = {name: value for name, value in given.items() if value}
    if bool(file) is bool(kind):
        raise misuse("name a FILE with events, or give --type and what goes with it")
    if file and (options or data or identity):
        raise misuse("what is in FILE is sent as it is: give either FILE or --type with its options")
    event = _read(file) if file else _made(kind, options, data, identity)

    from sidecar.cli.client import Client, ask

    async def work(client: Client) -> dict[str, Any]:
        answer: dict[str, Any] = await client.post("/intake/events", event)
        return answer

    where = Where(url, token_file, config, offline=False)
    made = ask(where if url else _listener(where), work)
    if as_json:
        show_json(made)
        return
    for one in made["ids"]:
        print(one)
    known = len(made["ids"]) - made["new"]
    if known:
        print(f"{known} of them had been told before", file=sys.stderr)


def _made(kind: str, options: dict[str, str], data: str, identity: str) -> dict[str, Any]:
    content: dict[str, Any] = dict(options)
    if data:
        try:
            content["details"] = json.loads(data)
        except ValueError as error:
            raise misuse(f"--data is not JSON: {error}") from None
    return {
        "specversion": "1.0",
        "id": identity or str(uuid.uuid4()),
        "source": "registry-sidecar/emit",
        "type": kind,
        "data": content,
    }


def _read(name: str) -> Any:
    try:
        text = sys.stdin.read() if name == STDIN else Path(name).read_text(encoding="utf-8")
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or "it is not text"
        raise misuse(f"{name} cannot be read ({why})") from None
    try:
        return json.loads(text)
    except ValueError as error:
        raise misuse(f"{'standard input' if name == STDIN else name} is not JSON: {error}") from None


def _listener(where: Where) -> Where:
    """The ingest listener of the configuration, with a token of it unless another is given."""
    from sidecar.cli.serving import read_settings

    ingest = read_settings(where.config).ingest
    address = ingest.listen[0]
    host = address.host or "localhost"
    shown = f"[{host}]" if ":" in host else {"0.0.0.0": "127.0.0.1"}.get(host, host)  # noqa: S104 - read, not bound
    token = ingest.intake.tokens[0].reveal() if ingest.intake.tokens and not where.token_file else ""
    scheme = "http" if ingest.tls is None else "https"
    return Where(f"{scheme}://{shown}:{address.port}", where.token_file, where.config, offline=False, token=token)
