"""The keys of the two listeners: who may post and who may manage, and how each listens."""

from typing import Final

from sidecar.config import amounts, places
from sidecar.config.shapes import Choice, Flag, Off, Or, Text
from sidecar.config.tables import Field, ListOf, Table
from sidecar.config.texts import LISTEN, TOKEN, size
from sidecar.config.users import TEAMS, USER

DEFAULT_INGEST: Final = "127.0.0.1:8080"
DEFAULT_MANAGEMENT: Final = ":8081"
DEFAULT_SOCKET: Final = "control.sock"
DEFAULT_MAX_BODY: Final = 8 * 1024**2

SERVER_TLS: Final = Table(
    {
        "cert_file": Field(Text(), "the listener's certificate with its chain, PEM", needed=True),
        "key_file": Field(Text(), "the certificate's key, PEM", needed=True),
        "client_ca_file": Field(Text(), "CA that every client's certificate must come from, PEM"),
    }
)

TOKENS: Final = ListOf(item=TOKEN, empty="must list at least one token: remove the key if there are none")

INTAKE: Final = Table(
    {
        "tokens": Field(TOKENS, "what whoever tells something shows, as Bearer token or Basic password"),
        "anonymous": Field(Flag(), "whether anybody may tell something from other machines"),
    }
)

INGEST: Final = Table(
    {
        "listen": Field(LISTEN, "where the registry posts its notifications; host:port or a list", DEFAULT_INGEST),
        "max_body": Field(
            size(1024, 1024**3),
            "the largest body that is read; of a larger one only the head is kept, in quarantine",
            amounts.show_size(DEFAULT_MAX_BODY),
        ),
        "anonymous": Field(Flag(), "whether registries without tokens may post from other machines"),
        "intake": Field(INTAKE, "what others than the registries may tell: builds, scans and the like"),
        "tls": Field(SERVER_TLS, "serve TLS"),
    }
)

MANAGEMENT: Final = Table(
    {
        "listen": Field(LISTEN, "health, metrics and the native API; host:port or a list", DEFAULT_MANAGEMENT),
        "socket": Field(
            Or(kind="bool", this=Off(), that=Text()),
            "the command line's way in, a relative path stands beside the store; false = none",
            DEFAULT_SOCKET,
        ),
        "tls": Field(SERVER_TLS, "serve TLS"),
        "public_url": Field(
            Text(parse=places.public_url, pattern=r"https?://[\x21-\x7e]+"),
            "where people and programs reach this listener, such as https://sidecar.example.com",
        ),
        "users": Field(
            ListOf(item=USER, optional=True),
            "who may use the API over TCP; without any, only loopback listeners serve it",
        ),
        "htpasswd_file": Field(
            Text(), "the registry's own: proves who somebody is; what they may do stands under `users`"
        ),
        "dtr_status": Field(
            Choice(words=("modern", "legacy")),
            "how DTR's API answers what is made and deleted: modern = 201 and 204 as DTR 2.7, legacy = 200 as before",
            "modern",
        ),
        "teams": Field(TEAMS, "by namespace, the teams and their users: {prj: {release: [maria]}}"),
    }
)
