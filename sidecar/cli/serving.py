"""Serving, without the machinery of the other commands: a process that runs for months must not carry it along.

Reading a command line as freely as people write it takes libraries of 10 MB. So a `serve` that is written plainly is
recognised here; whatever else is said, mistakes included, is for `commands`, which knows `serve` too.
"""

import enum
import os
import signal
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from sidecar.cli.exits import ExitCode, Failure
from sidecar.domain.errors import ConfigError, SidecarError

if TYPE_CHECKING:
    from sidecar.config.settings import Settings

DEFAULT_CONFIG = Path("/etc/registry-sidecar/config.yml")


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


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """What `serve` was asked for."""

    config: Path = DEFAULT_CONFIG
    log_level: LogLevel = LogLevel.INFO
    log_format: LogFormat = LogFormat.AUTO


_OPTIONS: dict[str, tuple[str, Any]] = {
    "--config": ("config", Path),
    "-c": ("config", Path),
    "--log-level": ("log_level", LogLevel),
    "--log-format": ("log_format", LogFormat),
}


def plain(words: Sequence[str]) -> Wanted | None:
    """What a plainly written `serve` asks for: every option a word of its own, its value the next; else None."""
    if not words or words[0] != "serve" or len(words) % 2 == 0:
        return None
    given: dict[str, Any] = {}
    for option, value in zip(words[1::2], words[2::2], strict=True):
        if option not in _OPTIONS or value.startswith("-"):
            return None
        name, kind = _OPTIONS[option]
        try:
            given[name] = kind(value)
        except ValueError:
            return None
    return Wanted(**given)


def read_settings(path: Path) -> "Settings":
    """The configuration of a file with this process's environment. Raises ConfigError."""
    from sidecar.config.loading import load

    return load(path, os.environ)


def serve(wanted: Wanted) -> int:
    """Run the sidecar until it is told to stop; returns the exit code.

    Raises ConfigError for a configuration that cannot be used, Failure for an address that cannot be listened on.
    """
    # Who asks for a reload while the file is being read must not end the process; the change is noticed later anyway.
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    settings = read_settings(wanted.config)
    # Only now: a configuration that cannot be used is told without loading the server.
    from sidecar.cli import process
    from sidecar.telemetry import logs

    pretty = None if wanted.log_format is LogFormat.AUTO else wanted.log_format is LogFormat.PRETTY
    logs.configure(wanted.log_level.value, pretty=pretty)
    try:
        return process.run(settings)
    except ConfigError:
        raise
    except SidecarError as error:  # the only other one that ends a start: an address cannot be listened on
        raise Failure(str(error), ExitCode.CANNOT_LISTEN) from error
