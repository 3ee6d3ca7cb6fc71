"""`status`: the sidecar in one look."""

from collections.abc import Iterable
from typing import Any

import typer

from sidecar.cli.exits import ExitCode, Failure
from sidecar.cli.output import show_json, show_pairs, show_table, size, when
from sidecar.cli.parameters import DEFAULT_CONFIG, AsJson, Config, Offline, TokenFile, Url, Where
from sidecar.cli.reconcile import show_walks


def status(
    *,
    as_json: AsJson = False,
    config: Config = DEFAULT_CONFIG,
    url: Url = "",
    token_file: TokenFile = "",
    offline: Offline = False,
) -> None:
    """Show whether the sidecar is ready, and every subscription.

    Ends with 1 when it is not ready.
    """
    from sidecar.cli.client import Client, ask

    async def work(client: Client) -> dict[str, Any]:
        found: dict[str, Any] = await client.get("/v1/status")
        try:
            found["subscriptions"] = (await client.get("/v1/subscriptions"))["subscriptions"]
        except Failure as failure:
            if failure.code is not ExitCode.UNAVAILABLE or not found["store"]["down"]:
                raise
            found["subscriptions"] = []  # the store is down, and the status says so
        try:
            found["walks"] = (await client.get("/v1/walks"))["walks"]
        except Failure:
            found["walks"] = []  # the same, or an older sidecar
        return found

    found = ask(Where(url, token_file, config, offline), work)
    if as_json:
        show_json(found)
    else:
        _show(found)
    if not found["ready"]:
        raise typer.Exit(ExitCode.FAILED)


def _show(found: dict[str, Any]) -> None:
    store, translator = found["store"], found["translator"]
    waiting = "" if translator["cursor"] is None else f"{translator['last'] - translator['cursor']} records waiting"
    show_pairs(
        (
            ("version", found["version"]),
            ("ready", "yes" if found["ready"] else f"no: {'; '.join(found['unready'])}"),
            ("configuration", found["config"]["source"]),
            *([("refused change", found["config"]["error"])] if found["config"]["error"] else []),
            ("registries", found["registries"]),
            ("store", f"{store['path']}, {size(store['sizeBytes'])} and {size(store['walBytes'])} of log"),
            ("disk", f"{size(store['freeBytes'])} free"),
            ("translator", waiting),
        )
    )
    print()
    show_subscriptions(found["subscriptions"])
    if found["walks"]:
        print()
        show_walks(found["walks"])


def show_subscriptions(found: Iterable[dict[str, Any]]) -> None:
    """Subscriptions as a table."""
    show_table(
        ("SUBSCRIPTION", "FORMAT", "DESTINATION", "STATE", "PENDING", "DEAD", "LAST SUCCESS", "FAILURES"),
        (
            (
                one["key"] if one.get("source") == "native" else one["name"],
                one["format"],
                one["destination"],
                state_of(one),
                one["pending"],
                one["dead"],
                when(one["lastSuccess"]),
                one["failures"],
            )
            for one in found
        ),
        nothing="no subscriptions",
    )


def state_of(one: dict[str, Any]) -> str:
    """Whether a subscription is sent anything, and if not why."""
    if one.get("trouble"):
        return f"cannot be used: {one['trouble']}"
    if one["orphaned"]:
        return "orphaned: not in the configuration any more"
    if one["hold"]:
        return f"held ({one['hold']})"
    if not one["enabled"]:
        return "disabled"
    if one["breaker"] == "open":
        return f"failing: next probe at {when(one['nextProbe'])}"
    if one["pausedUntil"]:
        return f"paused until {when(one['pausedUntil'])}"
    return "active"
