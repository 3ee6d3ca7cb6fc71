"""The tables of keys: every key of the file, what it may hold and what it means.

The loader reads by them and the JSON Schema is generated from them.
"""

import functools
from typing import Any, Final

from sidecar import dialects
from sidecar.config import amounts, headers, mail, places
from sidecar.config.expiry import EXPIRY
from sidecar.config.grouping import GROUP
from sidecar.config.listeners import INGEST, MANAGEMENT, TOKENS
from sidecar.config.presets import PresetName
from sidecar.config.shapes import Choice, Flag, Number, Shape, Text
from sidecar.config.tables import Field, ListOf, MapOf, Raw, Table
from sidecar.config.texts import (
    NAME,
    NAMESPACE,
    NETWORKS,
    PACE,
    PERCENT,
    PERSONS,
    PLAIN_GLOBS,
    PROXY,
    RATE,
    REPOSITORIES,
    SERVER_NAME,
    STATUSES,
    URL,
    duration,
    matching,
    size,
)
from sidecar.domain import header_names, instant
from sidecar.domain.event import Kind
from sidecar.domain.mail import TIMEOUT, StartTls
from sidecar.domain.registry import PULL_WINDOW, Reconcile
from sidecar.domain.retention import Retention
from sidecar.domain.subscription import DEFAULT_EVENTS, Order, Policy, Retry, SignScheme
from sidecar.domain.trace import Tracing

DEFAULT_STORE: Final = "sqlite:////var/lib/registry-sidecar/sidecar.db"

CLIENT_TLS: Final = Table(
    {
        "ca_file": Field(Text(), "the only CAs that are trusted, PEM; without it those of the system"),
        "cert_file": Field(Text(), "the certificate that is shown, with its chain, PEM"),
        "key_file": Field(Text(), "its key, PEM without a passphrase; without it the key is in `cert_file`"),
        "server_name": Field(SERVER_NAME, "the name that is asked for and verified, instead of the URL's host"),
        "verify": Field(Flag(), "false = whoever answers is believed", default=True),
    }
)

API: Final = Table(
    {
        "url": Field(
            Text(parse=places.api_address, pattern=r"https?://[\x21-\x7e]+"),
            "where the sidecar reaches it, without /v2/, such as http://127.0.0.1:5000",
            needed=True,
        ),
        "username": Field(
            Text(parse=matching(r"[^:\x00-\x1f\x7f]+", "must be a user name without colons and control characters")),
            "a user with the right to read; without it the API is asked anonymously",
        ),
        "password": Field(Text(secret=True), "its password"),
        "tls": Field(CLIENT_TLS, "which certificates are trusted, and which is shown"),
    }
)

_RECONCILE: Final = Reconcile()
RECONCILE: Final = Table(
    {
        "every": Field(
            duration(instant.HOUR, 365 * instant.DAY),
            "how long after the start of one walk the next begins, besides those that something else makes necessary",
            amounts.show_duration(_RECONCILE.every),
        ),
        "rate": Field(PACE, "how many requests a walk makes, in a second, a minute or an hour", "20/s"),
    }
)

REGISTRY: Final = Table(
    {
        "name": Field(NAME, "its identity, also in /events/<name>", needed=True),
        "hostname": Field(
            Text(parse=places.registry_host, pattern=r"[^/\s]+"),
            "the host that users pull from, port included, such as registry.example.com:5000",
            needed=True,
        ),
        "scheme": Field(Choice(words=("https", "http")), "how users reach it", "https"),
        "homepage": Field(
            Text(parse=places.homepage, pattern=r"https?://[\x21-\x7e]+"),
            "the page of a repository in your registry UI; {repository}, {namespace} and {name} are filled in",
        ),
        "tokens": Field(
            TOKENS,
            "what the registry shows, as Bearer token or Basic password; several for rotation",
        ),
        "anonymous": Field(Flag(), "whether it may post without a token from other machines"),
        "default_namespace": Field(
            Text(parse=matching(r"[^/\s]+", "must be one path segment")),
            "the namespace of repositories whose name has a single segment",
            "library",
        ),
        "public": Field(REPOSITORIES, "globs of the repositories that anybody may pull; the rest are private", []),
        "ignore": Field(
            Table(
                {
                    "actors": Field(PERSONS, 'globs of users; "" is anonymous'),
                    "user_agents": Field(PLAIN_GLOBS, "globs of user agents"),
                }
            ),
            "whose records make no events",
        ),
        "pull_window": Field(
            duration(0, instant.HOUR),
            "how long the requests of one client for a manifest may be one pull; 0s = each GET is a pull",
            amounts.show_duration(PULL_WINDOW),
        ),
        "api": Field(API, "its own HTTP API, asked for what notifications do not tell; without it nothing is asked"),
        "reconcile": Field(RECONCILE, "walk it by itself, to find what it never told; needs `api`"),
        "references": Field(
            Flag(),
            "true = its notifications tell what manifests hold: it has `notifications.events.includereferences: true`",
            default=False,
        ),
    }
)

MATCH: Final = Table(
    {
        "registries": Field(ListOf(item=NAME), "names of registries; none = all", []),
        "repositories": Field(REPOSITORIES, "globs; * within a segment, ** across, ! excludes", []),
        "tags": Field(PLAIN_GLOBS, "globs; ! excludes", []),
        "actors": Field(PERSONS, 'globs of users; "" is anonymous, ! excludes', []),
        "kinds": Field(
            ListOf(item=Choice(words=tuple(kind.value for kind in Kind)), empty="must name at least one kind"),
            "what is announced; image also admits what is unknown",
            ["image", "index", "chart", "artifact", "unknown"],
        ),
        "untagged": Field(Flag(), "whether artifacts without a tag are announced", default=False),
    }
)

_RETRY: Final = Retry()
RETRY: Final = Table(
    {
        "initial": Field(
            duration(instant.MILLISECOND, instant.DAY),
            "the longest wait before the second attempt",
            amounts.show_duration(_RETRY.initial),
        ),
        "factor": Field(Number(low=1, high=100, whole=False), "what each later wait is multiplied by", _RETRY.factor),
        "max_delay": Field(
            duration(instant.MILLISECOND, 30 * instant.DAY),
            "the longest wait between attempts",
            amounts.show_duration(_RETRY.max_delay),
        ),
        "horizon": Field(
            duration(instant.SECOND),
            "how long a delivery is tried before it is kept as dead",
            amounts.show_duration(_RETRY.horizon),
        ),
    }
)

_POLICY: Final = Policy()
DELIVERY: Final = Table(
    {
        "timeout": Field(
            duration(10 * instant.MILLISECOND, instant.HOUR),
            "for the whole exchange",
            amounts.show_duration(_POLICY.timeout),
        ),
        "concurrency": Field(Number(low=1, high=256), "the most attempts at the same time", _POLICY.concurrency),
        "rate": Field(
            RATE, "the most attempts in a second, a minute or an hour, such as 50/s; none = no bound", "none"
        ),
        "order": Field(
            Choice(words=tuple(one.value for one in Order)),
            "what waits for what: nothing, the deliveries of one repository, or all of the subscription",
            _POLICY.order.value,
        ),
        "backlog": Field(
            Number(low=1, high=100_000_000),
            "how many may be pending; beyond it new deliveries are dead at once, and can be replayed",
            _POLICY.backlog,
        ),
        "success": Field(
            ListOf(item=STATUSES, empty="must name at least one status, such as 2xx"),
            "the statuses that mean delivered",
            ["2xx"],
        ),
        "give_up_on": Field(ListOf(item=STATUSES), "the statuses that are not tried again; none = every one is"),
        "retry": Field(RETRY, "exponential back-off with full jitter"),
    }
)

SIGN: Final = Table(
    {
        "scheme": Field(
            Choice(words=tuple(scheme.value for scheme in SignScheme)),
            "standard = Standard Webhooks, github = X-Hub-Signature-256, x-signature = X-Signature, "
            "jfrog = X-Jfrog-Event-Auth, nexus = X-Nexus-Webhook-Signature",
            SignScheme.STANDARD.value,
        ),
        "secrets": Field(
            ListOf(item=Text(secret=True), empty="must list at least one secret: remove `sign` to send unsigned"),
            "what messages are signed with; several for rotation, with scheme standard; whsk_ = ed25519",
            needed=True,
        ),
    }
)

GUARD: Final = Table(
    {
        "allow": Field(NETWORKS, "ranges that deliveries may dial although a wider range is denied", []),
        "deny": Field(NETWORKS, "ranges that deliveries must not dial", []),
    }
)

QUOTA: Final = Table(
    {
        "namespace": Field(NAMESPACE, "the namespace; a glob is every one that it takes, each by itself", needed=True),
        "registries": Field(ListOf(item=NAME), "names of registries, each by itself; none = all", []),
        "limit": Field(size(1, 1024**5), "how much it may hold, such as 10GiB; nothing is ever refused", needed=True),
        "warn_at": Field(
            ListOf(item=PERCENT), "parts of the limit that are warned of when they are reached; none = not", ["85%"]
        ),
    }
)

_RETENTION: Final = Retention()
RETENTION: Final = Table(
    {
        "delivered": Field(duration(0), "age of finished deliveries", amounts.show_duration(_RETENTION.delivered)),
        "dead": Field(duration(0), "age of dead deliveries", amounts.show_duration(_RETENTION.dead)),
        "journal": Field(duration(0), "age of translated records", amounts.show_duration(_RETENTION.journal)),
        "quarantine": Field(duration(0), "age of quarantined bodies", amounts.show_duration(_RETENTION.quarantine)),
        "inbox": Field(
            duration(0), "age of in-app notifications, dismissed or not", amounts.show_duration(_RETENTION.inbox)
        ),
        "max_size": Field(
            size(1024**2, 1024**5),
            "bytes in use in the store beyond which history goes first, oldest first; pending work never",
            amounts.show_size(_RETENTION.max_size),
        ),
    }
)

MAIL: Final = Table(
    {
        "server": Field(
            Text(parse=mail.server, pattern=mail.SERVER_FORM),
            "where mail is handed in: smtp://host:port (587 unless told), or smtps://host:port (465) with TLS at once",
            needed=True,
        ),
        "from": Field(
            Text(parse=mail.sender), "whom mails are from, such as Registry <registry@example.com>", needed=True
        ),
        "username": Field(
            Text(parse=matching(r"[^\x00-\x1f\x7f]+", "must be a user name without control characters")),
            "a user of the server; without it nobody logs in",
        ),
        "password": Field(Text(secret=True), "its password; never sent unencrypted to another machine"),
        "starttls": Field(
            Choice(words=tuple(one.value for one in StartTls)),
            "whether smtp:// is encrypted before anything is sent; without the key required, but on loopback none",
        ),
        "tls": Field(CLIENT_TLS, "which certificates are trusted, and which is shown"),
        "timeout": Field(
            duration(instant.SECOND, instant.HOUR),
            "for the whole exchange, where a subscription's `delivery` has no `timeout`",
            amounts.show_duration(TIMEOUT),
        ),
        "helo": Field(SERVER_NAME, "the name that the sidecar gives itself; without it the address that it has"),
    }
)

_TRACING: Final = Tracing()
TRACING: Final = Table(
    {
        "propagate": Field(
            Flag(), "whether each delivery says its trace in the header `traceparent`", default=_TRACING.propagate
        ),
        "endpoint": Field(
            Text(parse=places.collector, pattern=r"https?://[\x21-\x7e]+"),
            "where a collector takes OTLP over HTTP, without /v1/traces; without it no spans are sent",
        ),
        "sample": Field(
            Number(low=0, high=1, whole=False), "which part of all traces is sampled", default=_TRACING.sample
        ),
    }
)

FORMAT_DEFAULTS: Final = Table(
    {
        "options": Field(Raw(), "the format's own options, under each subscription's"),
        "tls": Field(CLIENT_TLS, "under each subscription's `tls`, where its url is https"),
    }
)


def _format_defaults(name: str) -> Shape:
    if name not in dialects.load():
        raise ValueError(f"is not a format: the formats are {', '.join(dialects.load())}")
    return FORMAT_DEFAULTS


def _describe_format_defaults() -> dict[str, Any]:
    properties = {name: FORMAT_DEFAULTS.schema() for name in dialects.load()}
    return {"type": ["object", "null"], "properties": properties, "additionalProperties": False}


def _describe_headers() -> dict[str, Any]:
    return {
        "type": ["object", "null"],
        "propertyNames": {"pattern": f"^{header_names.NAME}$"},
        "additionalProperties": headers.VALUE.schema(),
    }


DEFAULTS: Final = Table(
    {
        "delivery": Field(DELIVERY, "under each subscription's `delivery`; lists are replaced, not joined"),
        "match": Field(MATCH, "under each subscription's `match`; lists are replaced, not joined"),
        "formats": Field(MapOf(known=_format_defaults, describe=_describe_format_defaults), "by format"),
    }
)


@functools.cache
def subscription() -> Table:
    """The keys of a subscription: a function because the formats are found when first asked for."""
    return Table(
        {
            "name": Field(NAME, "its identity: its queue, and its label in metrics", needed=True),
            "preset": Field(PresetName(), "which receiver it is for: format, events and the like are known then"),
            "format": Field(
                Choice(words=tuple(dialects.load())),
                "in whose words, unless a `preset` knows",
                needed=True,
                unless="preset",
            ),
            "options": Field(Raw(), "the format's own options"),
            "events": Field(
                ListOf(item=Text(), empty="must name at least one event: remove the key for the usual ones"),
                "canonical names or the vendor's; without the key, of the usual ones those that the format can say",
                [one.value for one in DEFAULT_EVENTS],
            ),
            "match": Field(MATCH, "which of these events; every filter must admit one"),
            "url": Field(URL, "where to send, exactly as written", needed=True),
            "headers": Field(MapOf(known=headers.known, describe=_describe_headers), "sent along, credentials too"),
            "sign": Field(SIGN, "sign every message"),
            "tls": Field(CLIENT_TLS, "which certificates are trusted, and which is shown"),
            "proxy": Field(PROXY, "none, env (HTTPS_PROXY, HTTP_PROXY, NO_PROXY) or http://host:port", "none"),
            "delivery": Field(DELIVERY, "how it is delivered"),
            "group": Field(GROUP, "tell what happens together in one message, in formats that can"),
            "enabled": Field(Flag(), "false = nothing is matched and nothing is queued", default=True),
            "formerly": Field(NAME, "takes over the queue of a subscription that had this name"),
        }
    )


@functools.cache
def root() -> Table:
    """The keys of the whole file."""
    return Table(
        {
            "ingest": Field(INGEST, "the listener that the registry posts to"),
            "management": Field(MANAGEMENT, "health, metrics, native API"),
            "store": Field(
                Text(parse=places.store_file, pattern=r"sqlite:///.+"),
                "the file that holds everything: sqlite:///relative or sqlite:////absolute",
                DEFAULT_STORE,
            ),
            "registries": Field(
                ListOf(item=REGISTRY, empty="must list at least one registry, with its name and hostname"),
                "the registries that are listened to; each needs a name and the hostname that users pull from",
                needed=True,
            ),
            "subscriptions": Field(ListOf(item=subscription(), optional=True), "who is told what, in which words"),
            "defaults": Field(DEFAULTS, "what subscriptions begin with"),
            "quotas": Field(
                ListOf(item=QUOTA, optional=True),
                "how much namespaces may hold before somebody is told; the first that names one counts",
            ),
            "mail": Field(MAIL, "the mail server, for subscriptions whose url is mailto:"),
            "guard": Field(GUARD, "addresses that deliveries may dial"),
            "retention": Field(RETENTION, "how long finished things are kept"),
            "expiry": Field(EXPIRY, "tags that end, for subscriptions to artifact.expiring; nothing is deleted"),
            "tracing": Field(TRACING, "traces; without the key there are none, and deliveries carry no header of them"),
        }
    )
