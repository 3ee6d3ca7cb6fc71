"""`serve`: the sidecar itself, as the command line describes it."""

from typing import Annotated

import typer

from sidecar.cli import serving
from sidecar.cli.parameters import DEFAULT_CONFIG, Config
from sidecar.cli.serving import LogFormat, LogLevel, Wanted


def serve(
    config: Config = DEFAULT_CONFIG,
    log_level: Annotated[LogLevel, typer.Option("--log-level", help="How much to log.")] = LogLevel.INFO,
    log_format: Annotated[
        LogFormat, typer.Option("--log-format", help="How log lines look; auto is pretty on a terminal.")
    ] = LogFormat.AUTO,
) -> None:
    """Run the sidecar; SIGHUP reads the configuration again.

    SIGTERM or SIGINT ends it in good order, a second one at once.
    """
    raise typer.Exit(serving.serve(Wanted(config=config, log_level=log_level, log_format=log_format)))
