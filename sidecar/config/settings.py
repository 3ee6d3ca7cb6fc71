"""What a configuration file comes to: plain values for the composition root."""

import ipaddress
import ssl
from pathlib import Path

import msgspec

from sidecar.config.tree import Mapping
from sidecar.config.watch import Stamp
from sidecar.dialects.contract import Voice
from sidecar.domain.account import NOBODY, Accounts
from sidecar.domain.expiry import Plan
from sidecar.domain.mail import MailServer
from sidecar.domain.quota import Quota
from sidecar.domain.registry import Registry
from sidecar.domain.retention import Retention
from sidecar.domain.secret import Secret
from sidecar.domain.subscription import Subscription
from sidecar.domain.trace import Tracing
from sidecar.domain.transport import ClientTls, Transport

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


class Address(msgspec.Struct, frozen=True):
    """Where to listen. Host "" means every address of both families."""

    host: str
    port: int

    @property
    def loopback(self) -> bool:
        if self.host == "localhost":
            return True
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return False

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"


class ServerTls(msgspec.Struct, frozen=True, kw_only=True):
    """A listener's certificate; with `client_ca_file` every client must show a certificate of that CA."""

    cert_file: str
    key_file: str
    client_ca_file: str = ""


class IntakeSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Who may tell what registries do not: whoever shows a token, or without tokens anybody, where `open`."""

    tokens: tuple[Secret, ...] = ()
    open: bool = False


class IngestSettings(msgspec.Struct, frozen=True, kw_only=True):
    """`tokens` maps a registry's name to the tokens that may speak for it; an absent name means anonymous."""

    listen: tuple[Address, ...]
    max_body: int
    tokens: dict[str, tuple[Secret, ...]]
    intake: IntakeSettings = IntakeSettings()
    tls: ServerTls | None = None


class ManagementSettings(msgspec.Struct, frozen=True, kw_only=True):
    """`socket` None = no Unix socket. `public_url` is without a slash at its end, "" = not told.

    Without accounts the API answers on loopback listeners and the socket only. With `dtr_legacy` DTR's API answers with
    the statuses from before DTR 2.7.
    """

    listen: tuple[Address, ...]
    socket: Path | None
    tls: ServerTls | None = None
    public_url: str = ""
    accounts: Accounts = NOBODY
    dtr_legacy: bool = False


class Bound(msgspec.Struct, frozen=True):
    """A subscription with the voice that its format, options and events come to.

    `public_keys` (`whpk_...`) are what receivers verify with, one for each ed25519 key that signs.
    """

    subscription: Subscription
    voice: Voice
    public_keys: tuple[str, ...] = ()


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """The whole configuration.

    `files` are the paths whose change makes a reload worthwhile; `stamps` says what each looked like before it was
    read, for watch.Watched. `contexts` has TLS as the files made it that were judged. `defaults` are as they were
    written, for subscriptions that come later. A relative `store` or `socket` counts from the working directory.
    """

    source: Path
    ingest: IngestSettings
    management: ManagementSettings
    store: Path  # of the SQLite file
    registries: tuple[Registry, ...]
    subscriptions: tuple[Bound, ...]
    guard_allow: tuple[Network, ...]
    guard_deny: tuple[Network, ...]
    retention: Retention
    quotas: tuple[Quota, ...] = ()
    files: tuple[Path, ...]
    stamps: dict[Path, Stamp] = {}
    warnings: tuple[str, ...] = ()
    contexts: dict[ClientTls, ssl.SSLContext] = {}
    tracing: Tracing | None = None
    mail: MailServer | None = None
    mail_tls: ssl.SSLContext | None = None  # where it is not the usual one
    expiry: Plan = Plan()
    defaults: Mapping | None = None

    @property
    def transports(self) -> dict[Transport, ssl.SSLContext | None]:
        """The transports that subscriptions use, each with its TLS (None = as usual)."""
        used = {one.subscription.transport for one in self.subscriptions}
        return {one: None if one.tls is None else self.contexts[one.tls] for one in used if one is not None}

    @property
    def unverified(self) -> frozenset[str]:
        """The names of the subscriptions that believe whoever answers."""
        return frozenset(
            one.subscription.name
            for one in self.subscriptions
            if (transport := one.subscription.transport) is not None and transport.tls and not transport.tls.verify
        )


def needs_restart(old: Settings, new: Settings) -> list[str]:
    """Keys whose change takes effect only at the next start."""
    changed = {
        "store": old.store != new.store,
        "ingest.listen": old.ingest.listen != new.ingest.listen,
        "ingest.tls": old.ingest.tls != new.ingest.tls,
        "management.listen": old.management.listen != new.management.listen,
        "management.tls": old.management.tls != new.management.tls,
        "management.socket": old.management.socket != new.management.socket,
    }
    return [key for key, differs in changed.items() if differs]
