"""`serve`: the sidecar itself."""

import enum
import signal
from typing import Annotated

import typer

from sidecar.cli.configuration import read_settings
from sidecar.cli.exits import ExitCode, Failure
from sidecar.cli.parameters import DEFAULT_CONFIG, Config
from sidecar.domain.errors import ConfigError, SidecarError


class LogLevel(enum.StrEnum):
    """How much is logged."""

    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


class LogFormat(enum.StrEnum):
    """How log lines look."""

    AUTO = "auto"
    JSON = "json"
    PRETTY = "pretty"


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
    # Who asks for a reload while the file is being read must not end the process; the change is noticed later anyway.
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    settings = read_settings(config)
    # Only now: a configuration that cannot be used is told without loading the server.
    from sidecar.cli import process
    from sidecar.telemetry import logs

    pretty = None if log_format is LogFormat.AUTO else log_format is LogFormat.PRETTY
    logs.configure(log_level.value, pretty=pretty)
    try:
        code = process.run(settings)
    except ConfigError:
        raise
    except SidecarError as error:  # the only other one that ends a start: an address cannot be listened on
        raise Failure(str(error), ExitCode.CANNOT_LISTEN) from error
    raise typer.Exit(code)
