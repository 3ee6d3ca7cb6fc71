"""Options that several commands share, and reading times as people write them."""

import time
from pathlib import Path
from typing import Annotated

import msgspec
import typer

from sidecar.cli import serving
from sidecar.cli.exits import misuse
from sidecar.domain import instant

DEFAULT_CONFIG = serving.DEFAULT_CONFIG

Config = Annotated[Path, typer.Option("--config", "-c", help="The configuration file.", metavar="FILE")]
Url = Annotated[
    str,
    typer.Option(
        "--url",
        envvar="REGISTRY_SIDECAR_URL",
        help="The sidecar's API: http://host:port, https://host:port or unix:/path. "
        "Without it the Unix socket that the configuration names.",
        metavar="URL",
        show_default=False,
    ),
]
TokenFile = Annotated[
    str,
    typer.Option(
        "--token-file",
        envvar="REGISTRY_SIDECAR_TOKEN_FILE",
        help="A file with the token to show at --url.",
        metavar="FILE",
        show_default=False,
    ),
]
Offline = Annotated[bool, typer.Option("--offline", help="Open the store's file itself, while the sidecar is stopped.")]
AsJson = Annotated[bool, typer.Option("--json", help="JSON for machines instead of a table.")]
Limit = Annotated[int, typer.Option("--limit", "-n", min=1, max=100_000, help="At most so many.", metavar="N")]


class Where(msgspec.Struct, frozen=True):
    """Which sidecar is asked: offline before a URL, a URL before the configuration's socket."""

    url: str
    token_file: str
    config: Path
    offline: bool
    token: str = ""  # instead of a file with one


def since(text: str, option: str = "--since") -> str:
    """`1h`, `3d`, or an RFC 3339 time, as the RFC 3339 time that the API takes; "" stays "".

    Raises Failure with a sentence.
    """
    return _moment(text, option, -1)


def hence(text: str, option: str) -> str:
    """As `since`, but a duration leads from now to a time to come."""
    return _moment(text, option, 1)


def _moment(text: str, option: str, sign: int) -> str:
    from sidecar.config.amounts import duration

    if not text:
        return ""
    try:
        return instant.rfc3339(instant.parse_rfc3339(text))
    except ValueError:
        pass
    try:
        return instant.rfc3339_seconds(time.time_ns() + sign * duration(text))
    except ValueError:
        raise misuse(
            f"{option} {text[:40]!r} is neither a duration such as 30m, 1h or 3d nor an RFC 3339 time such as "
            "2026-11-22T08:00:00Z"
        ) from None
