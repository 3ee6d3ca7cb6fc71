"""The commands: one module for each group of verbs, joined here.

What is heavy (the server, the HTTP client, tables for a terminal) is imported by the command that needs it, so that
`version` and `--help` answer at once.
"""

import sys
from collections.abc import Sequence

import typer

from sidecar.cli import (
    backup,
    configuration,
    demo,
    describe,
    emit,
    expiring,
    inbox,
    listen,
    passwords,
    presets,
    pulls,
    quarantine,
    reconcile,
    records,
    redelivery,
    render,
    serve,
    status,
    subscriptions,
    usage,
)
from sidecar.cli.exits import MEANINGS, PROGRAM, ExitCode

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
app.command()(presets.presets)
app.command()(render.render)
app.command()(records.explain)
app.command()(records.events)
app.add_typer(redelivery.deliveries, name="deliveries")
app.command()(records.undelivered)
app.command()(pulls.pulls)
app.add_typer(expiring.app, name="expiring")
app.add_typer(inbox.app, name="inbox")
app.command()(redelivery.replay)
app.add_typer(subscriptions.app, name="subscriptions")
app.add_typer(quarantine.app, name="quarantine")
app.command()(reconcile.reconcile)
app.command()(reconcile.backfill)
app.command()(status.status)
app.command()(usage.usage)
app.command()(backup.backup)
app.command()(emit.emit)
app.command()(listen.listen)
app.command()(demo.demo)
app.command()(passwords.hash_password)
app.command()(describe.version)


def run(arguments: Sequence[str]) -> int:
    """Run one command; returns the exit code. Raises SidecarError for whatever goes wrong on purpose."""
    try:
        given = app(list(arguments), prog_name=PROGRAM, standalone_mode=False)
    except typer.Abort:
        return ExitCode.INTERRUPTED
    except _Misuse as error:
        print(f"{PROGRAM}: {_usage(error)}", file=sys.stderr)
        return ExitCode.USAGE
    return given if isinstance(given, int) else ExitCode.DONE


def _usage(error: BaseException) -> str:
    sentence = str(getattr(error, "format_message", error.__str__)()).rstrip(".")
    context = getattr(error, "ctx", None)
    return f"{sentence}; see `{context.command_path if context is not None else PROGRAM} --help`"
