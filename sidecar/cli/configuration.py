"""The configuration: `check`, `schema`, and reading it for the other commands."""

import asyncio
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sidecar import __version__
from sidecar.cli.exits import ExitCode
from sidecar.cli.output import show_json
from sidecar.cli.parameters import DEFAULT_CONFIG, AsJson, Config
from sidecar.cli.serving import read_settings

if TYPE_CHECKING:
    from sidecar.config.settings import Bound, Settings


def written(path: Path) -> tuple[bytes, list[str]]:
    """A configuration file as it is written, and its default namespaces. Raises ConfigError when it cannot be used."""
    settings = read_settings(path)
    return path.read_bytes(), [one.default_namespace for one in settings.registries]


Ask = Annotated[
    bool, typer.Option("--ask", help="Also ask each registry's API and the mail server whether they answer.")
]


def check(config: Config = DEFAULT_CONFIG, as_json: AsJson = False, ask: Ask = False) -> None:
    """Say whether the configuration can be used, and which public keys receivers verify with."""
    settings = read_settings(config)
    silent = asyncio.run(_unreachable(settings)) if ask else {}
    unposted = asyncio.run(_mail(settings)) if ask else ""
    registries = [one.name for one in settings.registries]
    if as_json:
        listed = [_described(one) for one in settings.subscriptions]
        warnings: list[Any] = list(settings.warnings)
        asked: dict[str, Any] = {"unreachable": silent, "mail": unposted} if ask else {}
        show_json({"registries": registries, "subscriptions": listed, "warnings": warnings, **asked})
        if silent or unposted:
            raise typer.Exit(ExitCode.UNAVAILABLE)
        return
    for warning in settings.warnings:
        print(f"warning: {warning}", file=sys.stderr)
    for bound in settings.subscriptions:
        if bound.preset:
            print(f"{bound.subscription.name}: preset {bound.preset} comes to {_comes_to(bound.preset)}")
        for key in bound.public_keys:
            print(f"{bound.subscription.name}: receivers verify with {key}")
    for name, sentence in silent.items():
        print(f"registry {name} cannot be asked: {sentence}", file=sys.stderr)
    if unposted:
        print(f"no mail can be sent: {unposted}", file=sys.stderr)
    if silent or unposted:
        raise typer.Exit(ExitCode.UNAVAILABLE)
    answered = f"; {_answered(settings)}" if ask else ""
    subscriptions = _counted(len(settings.subscriptions), "subscription")
    print(f"ok: {_counted(len(registries), 'registry')}, {subscriptions}{answered}")


def schema() -> None:
    """Print the JSON Schema of the configuration file."""
    from sidecar.config.schema import schema as made

    show_json(made())


def _answered(settings: "Settings") -> str:
    """Who was asked, none of whom kept silent."""
    asked = [f"registry {one.name}" for one in settings.registries if one.api is not None]
    asked += ["the mail server"] if settings.mail is not None else []
    return f"answered: {', '.join(asked)}" if asked else "there is no `api` of a registry and no `mail` to ask"


async def _unreachable(settings: "Settings") -> dict[str, str]:
    """The registries whose API does not answer, each with a sentence."""
    from sidecar.domain.errors import RegistryUnavailable
    from sidecar.outbound.registry_api import RegistryClient

    found: dict[str, str] = {}
    for one in settings.registries:
        if one.api is None:
            continue
        tls = None if one.api.tls is None else settings.contexts[one.api.tls]
        client = RegistryClient(one.api, agent=f"registry-sidecar/{__version__}", tls=tls)
        try:
            await client.ping()
        except RegistryUnavailable as error:
            found[one.name] = str(error)
        finally:
            await client.close()
    return found


async def _mail(settings: "Settings") -> str:
    """A sentence why the mail server takes nothing from us, "" where it does or there is none."""
    from sidecar.clock import SystemClock
    from sidecar.outbound.mail import MailCarrier

    if settings.mail is None:
        return ""
    carrier = MailCarrier(SystemClock(), f"registry-sidecar/{__version__}")
    carrier.configure(settings.mail, settings.mail_tls)
    outcome = await carrier.knock()
    await carrier.close()
    return "" if outcome.delivered else outcome.detail


def _described(bound: "Bound") -> dict[str, Any]:
    subscription, transport = bound.subscription, bound.subscription.transport
    tls = transport.tls if transport is not None else None
    proxy = transport.proxy if transport is not None else None
    return {
        "name": subscription.name,
        "preset": bound.preset,
        "format": subscription.format,
        "events": [str(one) for one in subscription.events],
        "destination": subscription.destination,
        "publicKeys": bound.public_keys,
        "proxy": proxy.url if proxy is not None else "",
        "tlsVerified": tls is None or tls.verify,
    }


def _comes_to(preset: str) -> str:
    from sidecar.config.presets import comes_to

    return comes_to(preset)


def _counted(number: int, what: str) -> str:
    if number == 1:
        return f"1 {what}"
    return f"{number} {what[:-1]}ies" if what.endswith("y") else f"{number} {what}s"
