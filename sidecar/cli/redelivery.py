"""Sending again, and giving up: `replay`, `deliveries retry`, `deliveries cancel`."""

import re
import sys
from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import msgspec
import typer
from typer.core import TyperGroup

from sidecar.cli import records
from sidecar.cli.exits import ExitCode, Failure, misuse
from sidecar.cli.output import show_json
from sidecar.cli.parameters import DEFAULT_CONFIG, AsJson, Config, Offline, TokenFile, Url, Where, since

Subscriptions = Annotated[
    list[str] | None, typer.Option("--subscription", help="Of this subscription; may be repeated.", metavar="NAME")
]
Reason = Annotated[
    str, typer.Option("--reason", help="Whose last attempt ended so, such as expired.", metavar="REASON")
]
Rate = Annotated[
    str,
    typer.Option("--rate", help="Not faster than so many a second, such as 50/s.", metavar="N/s", show_default=False),
]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Only count, by subscription.")]
After = Annotated[
    str, typer.Option("--after", help="Go on where an earlier run was broken off.", metavar="PLACE", show_default=False)
]
Numbers = Annotated[
    list[int] | None, typer.Argument(help="These deliveries.", min=1, metavar="[ID]...", show_default=False)
]
Everything = Annotated[bool, typer.Option("--all", help="Everything that the other options do not leave out.")]

_RATE = re.compile(r"([1-9]\d{0,5})(?:/s)?", re.ASCII)


class Verb(msgspec.Struct, frozen=True):
    """A verb of the API, and how its work is said when it is done."""

    name: str
    done: str


class How(msgspec.Struct, frozen=True):
    """How a choice of deliveries is gone over; `rate` in deliveries a second, 0 = as fast as it goes."""

    rate: float
    dry_run: bool
    yes: bool
    after: str
    as_json: bool


class _ListsByDefault(TyperGroup):
    """`deliveries`, `deliveries ID` and `deliveries --state dead` mean `deliveries list ...`."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        if not args or (args[0] not in self.commands and args[0] not in {"-h", "--help"}):
            args = ["list", *args]
        return super().parse_args(ctx, args)


deliveries = typer.Typer(cls=_ListsByDefault, help="List deliveries, or show one; retry or cancel them.")
deliveries.command(name="list")(records.deliveries)


def replay(
    *,
    not_before: Annotated[
        str, typer.Option("--since", help="Made not before 30m, 1h, 3d ago or an RFC 3339 time.", metavar="TIME")
    ] = "",
    not_after: Annotated[
        str, typer.Option("--until", help="Made not after 30m, 1h, 3d ago or an RFC 3339 time.", metavar="TIME")
    ] = "",
    state: Annotated[
        str,
        typer.Option(
            "--state", help="In these states: dead, delivered, cancelled. [default: dead]", metavar="STATE,..."
        ),
    ] = "",
    reason: Reason = "",
    repository: Annotated[
        list[str] | None,
        typer.Option(
            "--repository", help="Of repositories such as prj/** or !prj/tmp; may be repeated.", metavar="GLOB"
        ),
    ] = None,
    kind: Annotated[str, typer.Option("--type", help="Of events such as artifact.pushed.", metavar="TYPE")] = "",
    event: Annotated[str, typer.Option("--event", help="Of this event.", metavar="EVENT_ID")] = "",
    delivery: Annotated[
        list[int] | None, typer.Option("--delivery", help="This delivery; may be repeated.", metavar="ID", min=1)
    ] = None,
    subscription: Subscriptions = None,
    everything: Everything = False,
    rate: Rate = "",
    dry_run: DryRun = False,
    yes: Yes = False,
    after: After = "",
    as_json: AsJson = False,
    config: Config = DEFAULT_CONFIG,
    url: Url = "",
    token_file: TokenFile = "",
    offline: Offline = False,
) -> None:
    """Send deliveries again: those that are dead, or any that were delivered or cancelled.

    The same bytes with the same webhook-id, and a fresh horizon. Says how many first, and asks.
    """
    chosen = _without_nothing(
        {
            "states": _states(state),
            "reason": reason,
            "repositories": repository,
            "type": kind,
            "event": event,
            "deliveries": delivery,
            "subscriptions": subscription,
            "since": since(not_before),
            "until": since(not_after, "--until"),
        }
    )
    if not chosen and not everything:
        raise misuse(
            "say what to replay (--subscription, --since, --repository, ...), or --all for everything that is dead"
        )
    how = How(_rate(rate), dry_run, yes, after, as_json)
    _walk(Verb("replay", "made due again"), chosen, how, Where(url, token_file, config, offline))


@deliveries.command()
def retry(
    *,
    numbers: Numbers = None,
    subscription: Subscriptions = None,
    state: Annotated[
        str, typer.Option("--state", help="Only those that are due (and wait), or dead.", metavar="STATE")
    ] = "",
    reason: Reason = "",
    everything: Everything = False,
    rate: Rate = "",
    dry_run: DryRun = False,
    yes: Yes = False,
    after: After = "",
    as_json: AsJson = False,
    config: Config = DEFAULT_CONFIG,
    url: Url = "",
    token_file: TokenFile = "",
    offline: Offline = False,
) -> None:
    """Try now what has not arrived: deliveries that wait for a later attempt, and dead ones.

    Name them, or choose among all; then it says how many first, and asks.
    """
    chosen = {"subscriptions": subscription, "states": _states(state), "reason": reason}
    how = How(_rate(rate), dry_run, yes, after, as_json)
    where = Where(url, token_file, config, offline)
    _some(Verb("retry", "made due now"), numbers, chosen, how, where, everything=everything)


@deliveries.command()
def cancel(
    *,
    numbers: Numbers = None,
    subscription: Subscriptions = None,
    reason: Reason = "",
    everything: Everything = False,
    dry_run: DryRun = False,
    yes: Yes = False,
    after: After = "",
    as_json: AsJson = False,
    config: Config = DEFAULT_CONFIG,
    url: Url = "",
    token_file: TokenFile = "",
    offline: Offline = False,
) -> None:
    """Give deliveries up that are due.

    Name them, or choose among all; then it says how many first, and asks. `replay --state cancelled` brings them back.
    """
    chosen = {"subscriptions": subscription, "reason": reason}
    how = How(0.0, dry_run, yes, after, as_json)
    where = Where(url, token_file, config, offline)
    _some(Verb("cancel", "cancelled"), numbers, chosen, how, where, everything=everything)


def _some(
    verb: Verb,
    numbers: Sequence[int] | None,
    chosen: Mapping[str, Any],
    how: How,
    where: Where,
    *,
    everything: bool,
) -> None:
    """Some deliveries by their ids, or many by a choice."""
    chosen = _without_nothing(chosen)
    if numbers:
        if chosen or everything or how.dry_run or how.rate or how.after:
            raise misuse("IDs and options that choose do not go together: give one or the other")
        _each(verb, numbers, where, as_json=how.as_json)
        return
    if not chosen and not everything:
        raise misuse(f"say what to {verb.name}: IDs, --subscription or --reason, or --all")
    _walk(verb, chosen, how, where)


def _each(verb: Verb, numbers: Sequence[int], where: Where, *, as_json: bool) -> None:
    """One after the other; what cannot be done does not keep the others from it, but from ending well."""
    from sidecar.cli.client import Client, ask

    async def work(client: Client) -> tuple[list[Any], list[Failure]]:
        changed, failures = [], []
        for number in numbers:
            try:
                changed.append(await client.post(f"/v1/deliveries/{number}/{verb.name}"))
            except Failure as failure:
                if failure.code is ExitCode.UNAVAILABLE:
                    raise
                failures.append(failure)
        return changed, failures

    changed, failures = ask(where, work)
    if as_json:
        show_json({"deliveries": changed})
    else:
        for one in changed:
            print(f"{one['id']}: {verb.done}")
    for failure in failures[:-1]:
        print(f"registry-sidecar: {failure}", file=sys.stderr)
    if failures:
        raise failures[-1]


def _walk(verb: Verb, chosen: Mapping[str, Any], how: How, where: Where) -> None:
    """Many deliveries, step by step."""
    from sidecar.cli.client import Client, ask
    from sidecar.cli.walk import Walk, go

    walk = Walk(
        path=f"/v1/deliveries/{verb.name}",
        body={**chosen, **_without_nothing({"cursor": how.after})},
        done=verb.done,
        rate=how.rate,
        dry_run=how.dry_run,
        yes=how.yes,
        as_json=how.as_json,
    )

    async def work(client: Client) -> None:
        await go(client, walk)

    ask(where, work)


def _without_nothing(given: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in given.items() if value}


def _states(text: str) -> list[str]:
    return [one.strip() for one in text.split(",") if one.strip()]


def _rate(text: str) -> float:
    """Deliveries a second, 0 for none. Raises Failure with a sentence."""
    if not text:
        return 0.0
    found = _RATE.fullmatch(text)
    if found is None:
        raise misuse(f"--rate {text[:40]!r} must be a whole number a second, such as 50/s")
    return float(found[1])
