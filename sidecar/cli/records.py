"""What happened and what became of it: `events`, `explain`, `deliveries`, `undelivered`."""

from collections.abc import Iterable
from typing import Annotated, Any
from urllib.parse import quote

import typer

from sidecar.cli.exits import misuse
from sidecar.cli.output import place, printable, safe, show_json, show_pairs, show_table, when
from sidecar.cli.parameters import DEFAULT_CONFIG, AsJson, Config, Limit, Offline, TokenFile, Url, Where, since
from sidecar.cli.status import state_of
from sidecar.domain.refusals import REFUSALS

Subscription = Annotated[str, typer.Option("--subscription", help="Of this subscription.", metavar="NAME")]

_DELIVERY = ("ID", "SUBSCRIPTION", "WORD", "REPOSITORY", "STATE", "ATTEMPTS", "REASON", "STATUS", "DUE", "DETAIL")


def events(
    *,
    registry: Annotated[str, typer.Option("--registry", help="Of this registry.", metavar="NAME")] = "",
    repository: Annotated[str, typer.Option("--repository", help="Of this repository.", metavar="NAME")] = "",
    kind: Annotated[str, typer.Option("--type", help="Of this type, such as artifact.pushed.", metavar="TYPE")] = "",
    not_before: Annotated[
        str, typer.Option("--since", help="Not older than 30m, 1h, 3d or an RFC 3339 time.", metavar="TIME")
    ] = "",
    limit: Limit = 50,
    as_json: AsJson = False,
    config: Config = DEFAULT_CONFIG,
    url: Url = "",
    token_file: TokenFile = "",
    offline: Offline = False,
) -> None:
    """List events, newest first.

    Each with how many of its deliveries have arrived, are due, or are dead.
    """
    moment = since(not_before)
    from sidecar.cli.client import Client, ask

    async def work(client: Client) -> dict[str, Any]:
        return await client.pages(
            "/v1/events", "events", limit, registry=registry, repository=repository, type=kind, since=moment
        )

    found = ask(Where(url, token_file, config, offline), work)
    if as_json:
        show_json(found)
        return
    show_table(
        ("TIME", "TYPE", "ARTIFACT", "KIND", "ACTOR", "DELIVERED", "DUE", "DEAD", "ID"),
        (
            (
                when(one["time"]),
                one["type"],
                place(one["repository"], one["tags"], one["digest"]),
                "" if one["type"].startswith("repository.") else one["kind"],
                one["actor"],
                one["delivered"],
                one["due"],
                one["dead"],
                one["id"],
            )
            for one in found["events"]
        ),
        nothing="no such events",
    )


def explain(
    event: Annotated[str, typer.Argument(help="The event's id, as `events` shows it.", metavar="EVENT_ID")],
    *,
    request: Annotated[bool, typer.Option("--request", help="Show the requests too, without their secrets.")] = False,
    as_json: AsJson = False,
    config: Config = DEFAULT_CONFIG,
    url: Url = "",
    token_file: TokenFile = "",
    offline: Offline = False,
) -> None:
    """Say who hears of an event, who does not and why.

    Under the configuration that runs now, with what became of the deliveries. --request shows the exact requests: what
    was sent where there is a delivery, what would be sent elsewhere.
    """
    from sidecar.cli.client import Client, ask

    async def work(client: Client) -> dict[str, Any]:
        found: dict[str, Any] = await client.get(f"/v1/events/{quote(event, safe='')}/explain")
        return found

    found = ask(Where(url, token_file, config, offline), work)
    if as_json:
        show_json(found)
        return
    _show_event(found["event"])
    print()
    show_table(
        ("SUBSCRIPTION", "FORMAT", "HEARD", "WORDS, OR WHY NOT", "DELIVERIES"),
        (
            (
                one["subscription"],
                one["format"],
                one["fired"],
                one["words"] if one["fired"] else REFUSALS.get(one["why"], one["why"]),
                [f"{each['id']} {each['state']}" for each in one["deliveries"]],
            )
            for one in found["subscriptions"]
        ),
        nothing="no subscriptions",
    )
    if found["waits"]:
        print()
        show_table(
            ("WAITS FOR", "WORD", "UNTIL", "EVENTS BY NOW"),
            ((one["subscription"], one["word"], when(one["until"]), one["events"]) for one in found["waits"]),
            nothing="",
        )
    if found["others"]:
        print("\nto subscriptions that are not in the configuration any more:\n")
        show_table(_DELIVERY, _rows(found["others"]), nothing="")
    for one in found["subscriptions"] if request else ():
        for each in one["requests"]:
            _show_request(one["subscription"], each)


def _show_request(subscription: str, one: dict[str, Any]) -> None:
    tried = f"{len(one['log'])} attempts" if one["log"] else "not sent yet"
    origin = "would be sent now" if one["delivery"] is None else f"delivery {one['delivery']}, {one['state']}, {tried}"
    print(f"\n{printable(subscription)}: {printable(one['word'])} ({origin})\n")
    print(f"  {one['method']} {printable(one['url'])}")
    for header in one["headers"]:
        print(f"  {printable(header['name'])}: {printable(header['value'])}")
    print(f"\n{safe(one['body'])}")
    for each in one["log"]:
        came = f"{printable(each['reason'])}" + (f" ({each['status']})" if each["status"] else "")
        print(f"\n  attempt {each['number']}, {when(each['started'])}, {each['tookMs']:.1f} ms: {came}")


def deliveries(
    *,
    number: Annotated[
        int | None, typer.Argument(help="One delivery, with its message and every attempt.", metavar="[ID]", min=1)
    ] = None,
    subscription: Subscription = "",
    state: Annotated[
        str,
        typer.Option("--state", help="In these states: due, delivered, dead, cancelled.", metavar="STATE[,STATE]"),
    ] = "",
    reason: Annotated[
        str, typer.Option("--reason", help="Whose last attempt ended so, such as timed_out.", metavar="REASON")
    ] = "",
    event: Annotated[str, typer.Option("--event", help="Of this event.", metavar="EVENT_ID")] = "",
    limit: Limit = 50,
    as_json: AsJson = False,
    config: Config = DEFAULT_CONFIG,
    url: Url = "",
    token_file: TokenFile = "",
    offline: Offline = False,
) -> None:
    """List deliveries, or show one of them whole."""
    if number is not None and (subscription or state or reason or event):
        raise misuse("a delivery's ID and filters do not go together: give one or the other")
    from sidecar.cli.client import Client, ask

    async def work(client: Client) -> Any:
        if number is not None:
            return await client.get(f"/v1/deliveries/{number}")
        return await client.pages(
            "/v1/deliveries",
            "deliveries",
            limit,
            subscription=subscription,
            state=state,
            reason=reason,
            event=event,
        )

    found = ask(Where(url, token_file, config, offline), work)
    if as_json:
        show_json(found)
    elif number is not None:
        _show_delivery(found)
    else:
        show_table(_DELIVERY, _rows(found["deliveries"]), nothing="no such deliveries")


def undelivered(
    *,
    subscription: Subscription = "",
    limit: Limit = 50,
    as_json: AsJson = False,
    config: Config = DEFAULT_CONFIG,
    url: Url = "",
    token_file: TokenFile = "",
    offline: Offline = False,
) -> None:
    """Show what has not arrived.

    How much each subscription is owed, whether anything is sent to it, and the newest of it.
    """
    from sidecar.cli.client import Client, ask

    async def work(client: Client) -> dict[str, Any]:
        return await client.pages("/v1/undelivered", "deliveries", limit, subscription=subscription)

    found = ask(Where(url, token_file, config, offline), work)
    if as_json:
        show_json(found)
        return
    counts = [one for one in found["counts"] if subscription in ("", one["subscription"])]
    show_table(
        ("SUBSCRIPTION", "DUE", "DEAD", "WAITING", "OLDEST DUE", "STATE", "LAST SUCCESS", "FAILURES"),
        (
            (
                one["subscription"],
                one["due"],
                one["dead"],
                one["waiting"],
                when(one["oldest"]),
                state_of(one),
                when(one["lastSuccess"]),
                one["failures"],
            )
            for one in counts
        ),
        nothing="everything has arrived",
    )
    if found["deliveries"]:
        print()
        show_table(_DELIVERY, _rows(found["deliveries"]), nothing="")


def _rows(found: Iterable[dict[str, Any]]) -> Iterable[tuple[object, ...]]:
    for one in found:
        yield (
            one["id"],
            one["subscription"],
            one["word"],
            one["repository"],
            one["state"],
            one["attempts"],
            one["reason"],
            one["status"] or "",
            when(one["due"]) if one["state"] == "due" else "",
            one["detail"],
        )


def _show_event(event: dict[str, Any]) -> None:
    artifact = event["artifact"]
    show_pairs(
        (
            ("event", event["id"]),
            ("type", event["type"]),
            ("time", event["time"]),
            ("accepted", event["accepted"]),
            ("registry", f"{event['registry']['name']} ({event['registry']['hostname']})"),
            ("repository", event["repository"]["path"]),
            ("tags", event["tags"]),
            ("digest", artifact["digest"]),
            ("kind", artifact["kind"]),
            ("actor", event["actor"]),
            ("record", event["record"]),
        )
    )


def _show_delivery(one: dict[str, Any]) -> None:
    show_pairs(
        (
            ("delivery", one["id"]),
            ("subscription", one["subscription"]),
            ("event", f"{one['event']} ({one['type']} in {one['repository']})"),
            ("word", one["word"]),
            ("webhook-id", one["webhookId"]),
            ("state", one["state"]),
            ("created", one["created"]),
            ("due" if one["state"] == "due" else "done", one["due"] if one["state"] == "due" else one["done"]),
            ("reason", one["reason"]),
            ("detail", one["detail"]),
            ("content type", one["contentType"]),
        )
    )
    if one["together"]:
        print()
        show_table(
            ("TELLS OF", "WORD", "REPOSITORY", "EVENT"),
            ((when(each["time"]), each["word"], each["repository"], each["event"]) for each in one["together"]),
            nothing="",
        )
    print(f"\n{safe(one['body'])}\n")
    show_table(
        ("ATTEMPT", "STARTED", "TOOK", "REASON", "STATUS", "DETAIL", "ANSWER"),
        (
            (
                each["number"],
                when(each["started"]),
                f"{each['tookMs']:.1f} ms",
                each["reason"],
                each["status"] or "",
                each["detail"],
                " ".join(each["answer"].split())[:200],
            )
            for each in one["log"]
        ),
        nothing="no attempt yet",
    )
