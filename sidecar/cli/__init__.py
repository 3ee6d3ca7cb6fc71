"""The command line `registry-sidecar`: its way in, and how it ends."""

import os
import sys
from collections.abc import Sequence

from sidecar.cli import serving
from sidecar.cli.exits import PROGRAM, ExitCode, code_of
from sidecar.domain.errors import ConfigError, SidecarError


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit code. Whatever goes wrong on purpose is one sentence on standard error."""
    words = sys.argv[1:] if arguments is None else list(arguments)
    try:
        code = _run(words)
        sys.stdout.flush()
    except SidecarError as error:
        # What is wrong with a configuration begins with its place, as editors and compilers have it.
        print(str(error) if isinstance(error, ConfigError) else f"{PROGRAM}: {error}", file=sys.stderr)
        return code_of(error)
    except BrokenPipeError:
        # The reader has gone (`| head`): what is left in the buffer must not raise again when the interpreter ends.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return ExitCode.FAILED
    except KeyboardInterrupt:
        return ExitCode.INTERRUPTED
    return code


def _run(words: Sequence[str]) -> int:
    wanted = serving.plain(words)
    if wanted is not None:
        return serving.serve(wanted)
    from sidecar.cli import commands

    return commands.run(words)
