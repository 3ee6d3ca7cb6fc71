"""The command line `registry-sidecar`: one module for each group of verbs, joined here.

What is heavy (the server, the HTTP client, tables for a terminal) is imported by the command that needs it, so that
`version` and `--help` answer at once.
"""

import os
import sys
from collections.abc import Sequence

import typer

from sidecar.cli import (
    backup,
    configuration,
    demo,
    describe,
    listen,
    passwords,
    pulls,
    quarantine,
    reconcile,
    records,
    redelivery,
    render,
    serve,
    status,
    subscriptions,
)
from sidecar.cli.exits import MEANINGS, ExitCode, code_of
from sidecar.domain.errors import ConfigError, SidecarError

PROGRAM = "registry-sidecar"
_EPILOG = "\b\nExit codes:\n" + "\n".join(f"  {code.value:>3}  {text}" for code, text in MEANINGS.items())
# The base of everything that is wrong with a command line; typer names only its children.
_Misuse: type[BaseException] = typer.BadParameter.__mro__[2]

app = typer.Typer(
    name=PROGRAM,
    help="Durable notifications for a plain Docker registry, in the words of Harbor, Docker Trusted Registry, Quay "
    "and others.",
    epilog=_EPILOG,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    add_completion=False,
)


@app.callback(invoke_without_command=True)
def _top(context: typer.Context) -> None:
    if context.invoked_subcommand is None:
        print(context.get_help())


app.command()(serve.serve)
app.command()(configuration.check)
app.command()(configuration.schema)
app.command()(describe.dialects)
app.command()(render.render)
app.command()(records.explain)
app.command()(records.events)
app.add_typer(redelivery.deliveries, name="deliveries")
app.command()(records.undelivered)
app.command()(pulls.pulls)
app.command()(redelivery.replay)
app.add_typer(subscriptions.app, name="subscriptions")
app.add_typer(quarantine.app, name="quarantine")
app.command()(reconcile.reconcile)
app.command()(reconcile.backfill)
app.command()(status.status)
app.command()(backup.backup)
app.command()(listen.listen)
app.command()(demo.demo)
app.command()(passwords.hash_password)
app.command()(describe.version)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit code. Whatever goes wrong on purpose is one sentence on standard error."""
    try:
        given = app(list(arguments) if arguments is not None else None, prog_name=PROGRAM, standalone_mode=False)
        sys.stdout.flush()
    except SidecarError as error:
        # What is wrong with a configuration begins with its place, as editors and compilers have it.
        _say(str(error) if isinstance(error, ConfigError) else f"{PROGRAM}: {error}")
        return code_of(error)
    except BrokenPipeError:
        # The reader has gone (`| head`): what is left in the buffer must not raise again when the interpreter ends.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return ExitCode.FAILED
    except (KeyboardInterrupt, typer.Abort):
        return ExitCode.INTERRUPTED
    except _Misuse as error:
        _say(f"{PROGRAM}: {_usage(error)}")
        return ExitCode.USAGE
    return given if isinstance(given, int) else ExitCode.DONE


def _say(sentence: str) -> None:
    print(sentence, file=sys.stderr)


def _usage(error: BaseException) -> str:
    sentence = str(getattr(error, "format_message", error.__str__)()).rstrip(".")
    context = getattr(error, "ctx", None)
    return f"{sentence}; see `{context.command_path if context is not None else PROGRAM} --help`"
