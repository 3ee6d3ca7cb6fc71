"""Transports: what `tls` and `proxy` of a subscription come to, with the files and the environment that they name."""

import ssl
from collections.abc import Mapping as Environment
from urllib.parse import urlsplit

from sidecar.config import proxies
from sidecar.config.client_tls import client_tls
from sidecar.config.problems import Problems
from sidecar.config.tables import Section
from sidecar.config.watch import Sources
from sidecar.domain.secret import Secret
from sidecar.domain.transport import ClientTls, Proxy, Transport


class Transports:
    """Reads subscriptions one after the other. `contexts` has one context for each setting, however many share it."""

    def __init__(self, environ: Environment[str, str], sources: Sources, problems: Problems) -> None:
        self._environ = environ
        self._sources = sources
        self._problems = problems
        self.contexts: dict[ClientTls, ssl.SSLContext] = {}

    def of(self, section: Section) -> Transport | None:
        """A subscription's transport, None for the usual one and after mistakes were reported."""
        url: str | None = section.get("url")
        if url is None:
            return None
        scheme = urlsplit(url).scheme
        tls = self._tls(section, scheme)
        proxy = self._proxy(section, url) if scheme in {"http", "https"} else None  # refused elsewhere for the others
        return None if tls is None and proxy is None else Transport(tls=tls, proxy=proxy)

    def _tls(self, section: Section, scheme: str) -> ClientTls | None:
        tls: Section | None = section.get("tls")
        if tls is None:
            return None
        if scheme != "https":
            written = section.node.entries["tls"].path == f"{section.path}.tls"
            if written and tls.node.entries:  # what only lies under it as a default is for those that are https
                self._problems.add(tls.line(), f"{tls.path} needs an https url: correct the url, or remove the key")
            return None
        return client_tls(tls, self.contexts, self._sources, self._problems)

    def _proxy(self, section: Section, url: str) -> Proxy | None:
        given: Secret | None = section.get("proxy")
        if given is None or given.reveal() == "none":
            return None
        if given.reveal() != "env":
            return proxies.proxy(given.reveal())
        try:
            return proxies.from_environment(url, self._environ)
        except ValueError as error:
            self._problems.add(section.line("proxy"), f"{section.path}.proxy {error}: correct it, or name a proxy here")
            return None
