"""How a destination is reached where that differs from the usual: other TLS settings, a proxy."""

import msgspec

from sidecar.domain.secret import Secret


class ClientTls(msgspec.Struct, frozen=True, kw_only=True):
    """TLS towards a destination. The files are paths of PEM, "" = none; `ca` is the text of one, trusted by itself.

    Without `ca_file` and `ca` the system's CAs count.
    `server_name` "" = the URL's host is asked for (SNI) and verified. `held` is a digest of what the files held when
    they were read, so that a renewed certificate makes another value.
    """

    ca_file: str = ""
    cert_file: str = ""
    key_file: str = ""
    server_name: str = ""
    verify: bool = True
    held: str = ""
    ca: str = ""


class Proxy(msgspec.Struct, frozen=True, kw_only=True):
    """An HTTP proxy: `url` is http://host:port and may be shown, `authorization` a whole `Basic ...` or ""."""

    url: str
    authorization: Secret = Secret("")


class Transport(msgspec.Struct, frozen=True, kw_only=True):
    """One way of connecting. Connections made in one way are never used in another.

    `strict` = whoever chose the destination may not reach what only the operator can: inner networks are refused.
    """

    tls: ClientTls | None = None
    proxy: Proxy | None = None
    strict: bool = False
