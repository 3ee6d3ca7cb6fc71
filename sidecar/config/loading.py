"""The configuration file: read, expanded, judged, and put together whole or not at all."""

import os
from collections.abc import Mapping as Environment
from pathlib import Path
from urllib.parse import urlsplit

from sidecar import dialects
from sidecar.config import defaults, inboxes, keys, listeners, options, places, presets, users
from sidecar.config.expansion import Expansion
from sidecar.config.expiry import plan
from sidecar.config.intake import intake
from sidecar.config.mail import mail
from sidecar.config.problems import Mistakes, Problems
from sidecar.config.quotas import quotas
from sidecar.config.registries import registries, tokens
from sidecar.config.settings import Address, IngestSettings, ManagementSettings, ServerTls, Settings
from sidecar.config.subscriptions import subscriptions
from sidecar.config.tables import Section
from sidecar.config.transports import Transports
from sidecar.config.tree import Broken, Mapping, Node, read_tree
from sidecar.config.watch import Sources
from sidecar.domain.retention import Retention
from sidecar.domain.trace import Tracing

_MAX_SOCKET_PATH = 107  # bytes that fit into a Unix socket's address


def load(path: Path, environ: Environment[str, str]) -> Settings:
    """The settings of a file. Raises Mistakes (a ConfigError) with every mistake that can be told, one per line."""
    problems = Problems(path)
    sources = Sources()
    try:
        settings = _settings(path, _tree(path, sources), environ, sources, problems)
    except Broken as error:
        problems.add(error.line, error.sentence)
        settings = None
    if settings is None or problems.mistakes:
        raise Mistakes(problems.mistakes, sources.stamps)
    return settings


def _tree(path: Path, sources: Sources) -> Mapping:
    """The file's top mapping. Raises Broken; Mistakes when it cannot be read at all."""
    try:
        raw = sources.read(path)
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or "not a usable path"
        sentence = f"{path}: cannot be read ({why}): name the configuration file that is to be used"
        raise Mistakes((sentence,), sources.stamps) from None
    tree = read_tree(raw)
    if tree is None:
        raise Broken(1, "the file is empty: list at least one registry under `registries`")
    if not isinstance(tree, Mapping):
        raise Broken(tree.line, "the file must be a mapping of keys and values, such as `registries: [...]`")
    return tree


def _settings(
    path: Path, tree: Mapping, environ: Environment[str, str], sources: Sources, problems: Problems
) -> Settings | None:
    expanded = Expansion(environ, sources, problems).tree(tree)
    assert isinstance(expanded, Mapping)
    root: Section = keys.root().read(defaults.apply(presets.apply(expanded, problems)), problems)
    _check_defaults(root, sources, problems)
    reader = _Reader(root, sources, problems)

    listed: list[Section] = root.get("registries", [])
    transports = Transports(environ, sources, problems)
    found = registries(listed, transports, problems)
    wanted: list[Section] = root.get("subscriptions", []) if "registries" in root.values else []
    there, mail_tls = mail(root, sources, problems)
    bound = subscriptions(wanted, found, transports, problems, there)
    if not root.get("subscriptions"):
        problems.warn(root.line("subscriptions"), "there are no subscriptions: events are recorded and told to nobody")
    weighed = quotas(root.get("quotas", []), listed, found, problems) if "registries" in root.values else ()
    ingest = reader.ingest(listed)
    management = reader.management(ingest)
    inboxes.check(wanted, management.accounts, problems)
    guard = root.get("guard") or keys.GUARD.absent("guard")
    retention = root.get("retention") or keys.RETENTION.absent("retention")
    traced = _tracing(root.get("tracing"), problems)
    expiry = plan(root.get("expiry"), problems)
    written = expanded.value("defaults")
    if problems.mistakes:
        return None
    return Settings(
        source=path,
        ingest=ingest,
        management=management,
        store=reader.store,
        registries=found,
        subscriptions=bound,
        guard_allow=tuple(guard.get("allow", ())),
        guard_deny=tuple(guard.get("deny", ())),
        retention=Retention(**retention.values),
        quotas=weighed,
        files=tuple(sources.stamps),
        stamps=sources.stamps,
        warnings=problems.warnings,
        contexts=transports.contexts,
        tracing=traced,
        mail=there,
        mail_tls=mail_tls,
        expiry=expiry,
        defaults=written if isinstance(written, Mapping) else None,
    )


def _tracing(section: Section | None, problems: Problems) -> Tracing | None:
    if section is None:
        return None
    if urlsplit(section.get("endpoint", "")).username is not None:
        sentence = "must not carry credentials: send to a collector of your own, and let it hold them"
        problems.add(section.line("endpoint"), f"{section.path}.endpoint {sentence}")
    return Tracing(**section.values)


def _check_defaults(root: Section, sources: Sources, problems: Problems) -> None:
    section: Section | None = root.get("defaults")
    formats: dict[str, Section] = section.get("formats", {}) if section is not None else {}
    for name, one in formats.items():
        node: Node | None = one.get("options")
        if isinstance(node, Mapping):
            options.check_defaults(dialects.load()[name], node, problems)
        tls: Section | None = one.get("tls")
        for key in ("ca_file", "cert_file", "key_file"):  # whoever is subscribed later may be connected to with them
            if tls is not None and key in tls.values:
                sources.note(Path(tls.values[key]))


class _Reader:
    """The listeners and the store, which look at each other."""

    def __init__(self, root: Section, sources: Sources, problems: Problems) -> None:
        self._sources = sources
        self._problems = problems
        self._ingest: Section = root.get("ingest") or listeners.INGEST.absent("ingest")
        self._management: Section = root.get("management") or listeners.MANAGEMENT.absent("management")
        self.store: Path = root.get("store") or places.store_file(keys.DEFAULT_STORE)

    def ingest(self, listed: list[Section]) -> IngestSettings:
        listen = self._listen(self._ingest, listeners.DEFAULT_INGEST)
        of_registries = tokens(listed, self._ingest, listen, self._problems)
        return IngestSettings(
            listen=listen,
            max_body=self._ingest.get("max_body", listeners.DEFAULT_MAX_BODY),
            tokens=of_registries,
            intake=intake(self._ingest, of_registries, listen, self._problems),
            tls=self._tls(self._ingest),
        )

    def management(self, ingest: IngestSettings) -> ManagementSettings:
        section = self._management
        listen = self._listen(section, listeners.DEFAULT_MANAGEMENT)
        for one in listen:
            for other in ingest.listen:
                if places.clash(one, other):
                    self._problems.add(
                        section.line("listen"),
                        f"management.listen {one} and ingest.listen {other} cannot be listened on both: "
                        "use another port",
                    )
        accounts = users.accounts(section, self._sources, self._problems)
        tls = self._tls(section)
        if accounts.needed and tls is None and not all(one.loopback for one in listen):
            self._problems.warn(
                section.line("listen"),
                "management.listen can be reached from other machines without TLS, so passwords and tokens travel "
                "unencrypted: set management.tls, or let a proxy on this machine speak TLS",
            )
        return ManagementSettings(
            listen=listen,
            socket=self._socket(),
            tls=tls,
            public_url=section.get("public_url", ""),
            accounts=accounts,
            dtr_legacy=section.get("dtr_status") == "legacy",
        )

    def _socket(self) -> Path | None:
        named: str | bool = self._management.get("socket", listeners.DEFAULT_SOCKET)
        if named is False:
            return None
        path = self.store.parent / str(named)
        if len(os.fsencode(path)) > _MAX_SOCKET_PATH:
            self._problems.add(
                self._management.line("socket"),
                f"management.socket must be a path of at most {_MAX_SOCKET_PATH} bytes: choose a shorter one, or false",
            )
        return path

    def _listen(self, section: Section, default: str) -> tuple[Address, ...]:
        addresses: list[Address] = section.get("listen") or [places.address(default)]
        for index, one in enumerate(addresses):
            for other in addresses[:index]:
                if places.clash(one, other):
                    self._problems.add(
                        section.item_line("listen", index),
                        f"{section.path}.listen {one} and {other} cannot be listened on both: keep one of them",
                    )
        return tuple(addresses)

    def _tls(self, section: Section) -> ServerTls | None:
        tls: Section | None = section.get("tls")
        if tls is None:
            return None
        for key, name in tls.values.items():
            self._sources.note(Path(name))
            try:
                with Path(name).open("rb"):
                    pass
            except (OSError, ValueError) as error:
                why = getattr(error, "strerror", None) or "not a usable path"
                self._problems.add(
                    tls.line(key), f"{tls.path}.{key} cannot be read ({why}): create it, or correct the path"
                )
        return ServerTls(**tls.values) if {"cert_file", "key_file"} <= tls.values.keys() else None
