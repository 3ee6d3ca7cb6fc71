"""`listen`: a receiver to try subscriptions with. It prints what comes, and checks signatures."""

from typing import Annotated

import typer

from sidecar.cli.exits import ExitCode, Failure, misuse
from sidecar.cli.verification import Keys, decode_public, decode_standard


def listen(
    *,
    address: Annotated[
        str, typer.Option("--listen", help="Where to listen; port 0 takes a free one.", metavar="HOST:PORT")
    ] = "127.0.0.1:9000",
    secret: Annotated[
        list[str] | None,
        typer.Option("--secret", help="Check Standard Webhooks signatures with it.", metavar="whsec_..."),
    ] = None,
    public_key: Annotated[
        list[str] | None,
        typer.Option("--public-key", help="Check ed25519 signatures of Standard Webhooks with it.", metavar="whpk_..."),
    ] = None,
    github_secret: Annotated[
        list[str] | None, typer.Option("--github-secret", help="Check X-Hub-Signature-256 with it.", metavar="TEXT")
    ] = None,
    x_signature_secret: Annotated[
        list[str] | None, typer.Option("--x-signature-secret", help="Check X-Signature with it.", metavar="TEXT")
    ] = None,
    jfrog_secret: Annotated[
        list[str] | None, typer.Option("--jfrog-secret", help="Check X-Jfrog-Event-Auth with it.", metavar="TEXT")
    ] = None,
    nexus_secret: Annotated[
        list[str] | None,
        typer.Option("--nexus-secret", help="Check X-Nexus-Webhook-Signature with it.", metavar="TEXT"),
    ] = None,
    status: Annotated[int, typer.Option("--status", help="What to answer.", min=200, max=599, metavar="CODE")] = 200,
    fail_first: Annotated[
        int, typer.Option("--fail-first", help="Answer the first so many with 500.", min=0, metavar="N")
    ] = 0,
    delay: Annotated[
        str, typer.Option("--delay", help="Wait so long before answering, such as 500ms or 15s.", metavar="TIME")
    ] = "",
    count: Annotated[
        int, typer.Option("--count", help="End after so many requests, whatever was answered.", min=0, metavar="N")
    ] = 0,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a request, with headers and body.")] = False,
) -> None:
    """Receive webhooks, print them and check their signatures.

    One line for each: when, path, format, word, artifact, webhook-id, signature, answer. Ctrl-C ends it.
    """
    from sidecar.cli import listening
    from sidecar.config.amounts import duration
    from sidecar.config.places import address as read_address

    try:
        place = read_address(address)
    except ValueError as error:
        raise misuse(f"--listen {address[:60]!r} {error}") from None
    try:
        wait = duration(delay) / 1e9 if delay else 0.0
    except ValueError as error:
        raise misuse(f"--delay {delay[:40]!r} {error}") from None
    keys = Keys(
        standard=tuple(secret or ()),
        public=tuple(public_key or ()),
        github=tuple(github_secret or ()),
        x_signature=tuple(x_signature_secret or ()),
        jfrog=tuple(jfrog_secret or ()),
        nexus=tuple(nexus_secret or ()),
    )
    for one in keys.standard:
        try:
            decode_standard(one)
        except ValueError as error:
            raise misuse(f"--secret cannot be a Standard Webhooks secret ({error}): it is whsec_ and base64") from None
    for one in keys.public:
        try:
            decode_public(one)
        except ValueError as error:
            raise misuse(f"--public-key cannot be used ({error}): `check` prints whpk_ and base64") from None
    plan = listening.Plan(
        keys=keys,
        status=status,
        fail_first=fail_first,
        delay=wait,
        count=count,
        show=listening.json_line if as_json else listening.line,
    )
    try:
        listening.run(place.host, place.port, plan)
    except OSError as error:
        raise Failure(f"cannot listen on {place}: {error.strerror or error}", ExitCode.CANNOT_LISTEN) from None
