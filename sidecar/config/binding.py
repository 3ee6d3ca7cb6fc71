"""Subscriptions that come from elsewhere than the file, read by the tables that the file is read by.

They are made by people whom the operator need not trust: nothing in them is expanded or names a file, no proxy is taken
from them, and what they connect to is judged strictly.
"""

import functools
import ssl
from collections.abc import Collection, Iterable
from collections.abc import Mapping as Lookup
from collections.abc import Sequence as ListOf
from pathlib import Path
from typing import Any, Final

import msgspec

from sidecar import dialects
from sidecar.config import defaults as spread
from sidecar.config import keys, presets
from sidecar.config.client_tls import text_of_certificates
from sidecar.config.mail import NOWHERE
from sidecar.config.problems import Problems
from sidecar.config.settings import Bound, Settings
from sidecar.config.shapes import BAD, Text
from sidecar.config.subscriptions import subscriptions
from sidecar.config.tables import Field, Section, Table
from sidecar.config.transports import Transports
from sidecar.config.tree import MAX_DEPTH, Entry, Mapping, Node, Scalar, Sequence, join, scalar_of
from sidecar.config.watch import Sources
from sidecar.domain.errors import Problem, Unusable
from sidecar.domain.made import Tree
from sidecar.domain.mail import MailServer
from sidecar.domain.registry import Registry
from sidecar.domain.transport import ClientTls, Transport

SPARE: Final = 64  # TLS settings that are known besides those in use: of trials, and of what was refused
ROOT: Final = "\0"  # stands for the subscription itself in a path, and is taken out of what is told

_OPERATORS: Final = {
    "name": "is chosen by the API: remove it",
    "formerly": "can be written in the configuration file only: remove it",
    "proxy": "can be written in the configuration file only: remove it",
}
_FILES: Final = ("ca_file", "cert_file", "key_file")


@functools.cache
def table() -> Table:
    """The keys of a subscription that an API makes."""
    known = {key: field for key, field in keys.subscription().fields.items() if key not in _OPERATORS}
    ca = Field(Text(parse=text_of_certificates), "the only CAs, or certificates, that are trusted: PEM, not a file")
    known["tls"] = Field(Table({**keys.CLIENT_TLS.fields, "ca": ca}), known["tls"].note)
    return Table(known)


class _Found(Problems):
    """Collects what is wrong with one target. The lines of its nodes are numbers of its own, below zero."""

    def __init__(self, target: int) -> None:
        super().__init__(Path())
        self._target = target
        self._places: dict[int, str] = {}
        self.problems: dict[Problem, None] = {}

    def place(self, path: str) -> int:
        """A line for a node of this path."""
        line = -1 - len(self._places)
        self._places[line] = path
        return line

    def add(self, line: int, sentence: str) -> None:
        path = self._places.get(line, "")  # what stands in the file's defaults has no place here
        told = " ".join(sentence.replace(f"{ROOT}.", "").replace(ROOT, "the subscription").split())
        self.problems[Problem(path.removeprefix(ROOT).removeprefix("."), told, self._target)] = None

    def warn(self, line: int, sentence: str) -> None:
        """Warnings are for the operator, who has not written this."""


class ConfigBinder:
    """Implements `pipeline.standing.Binder` under one configuration.

    `defaults` are the file's as they are written, `names` what it calls its own. `contexts` grows with each TLS setting
    that is met, until it is said which are in `use`: beside those a few are kept, the newest.
    """

    def __init__(
        self,
        registries: ListOf[Registry],
        *,
        defaults: Mapping | None = None,
        names: Collection[str] = (),
        contexts: Lookup[ClientTls, ssl.SSLContext] | None = None,
        mail: MailServer | None = None,
    ) -> None:
        self._registries = registries
        self._defaults = defaults
        self._names = frozenset(names)
        self._mail = mail
        self.contexts = dict(contexts or {})
        self.use: frozenset[ClientTls] | None = None

    @classmethod
    def of(cls, settings: Settings) -> "ConfigBinder":
        """The binder of a whole configuration."""
        return cls(
            settings.registries,
            defaults=settings.defaults,
            names=[one.subscription.name for one in settings.subscriptions],
            contexts=settings.contexts,
            mail=settings.mail,
        )

    @property
    def names(self) -> Collection[str]:
        """The names that the file has taken."""
        return self._names

    def laborious(self, trees: Iterable[Tree]) -> int:
        """How many of these take long to be read: their format tries what somebody wrote."""
        return sum(_is_metered(tree) for tree in trees)

    def bind(
        self, trees: ListOf[tuple[str, Tree]], *, namespace: str = "", repository: str = "", hidden: bool = False
    ) -> ListOf[Bound]:
        """Raises Unusable."""
        self._make_room()
        bound: list[Bound] = []
        problems: list[Problem] = []
        for target, (name, tree) in enumerate(trees):
            found = _Found(target)
            one = self._bind(name, tree, found, hidden=hidden)
            if one is not None and not found.problems:
                bound.append(_bounded(one, namespace, repository))
            problems += found.problems
        if problems:
            raise Unusable(problems)
        return bound

    def _bind(self, name: str, tree: Tree, found: _Found, *, hidden: bool) -> Bound | None:
        node = _node(tree, ROOT, found, hidden=hidden)
        if not isinstance(node, Mapping) or found.problems:
            return None
        node = self._over_defaults(presets.under(_without_operators_keys(node, found), found))
        section = table().read(node, found)
        if section is BAD:
            return None
        named = Section(section.node, {**section.values, "name": name})
        transports = Transports({}, Sources(), found)
        transports.contexts = self.contexts
        # What was made while there was a mail server goes on hearing of events, and its mails wait for one.
        there = NOWHERE if self._mail is None and hidden else self._mail
        return next(iter(subscriptions([named], self._registries, transports, found, there)), None)

    def _make_room(self) -> None:
        if self.use is None or len(self.contexts) - len(self.use) <= SPARE:
            return
        spare = [one for one in tuple(self.contexts) if one not in self.use]
        for one in spare[:-SPARE]:
            self.contexts.pop(one, None)  # a thread may have been quicker

    def _over_defaults(self, node: Mapping) -> Mapping:
        """The node with the defaults of deliveries and of its format under it. A CA of its own replaces the default."""
        if self._defaults is None:
            return node
        own = node.value("tls")
        trusts = isinstance(own, Mapping) and ("ca" in own.entries or "verify" in own.entries)
        return spread.under(node, self._defaults, ("delivery",), leaving=("ca_file",) if trusts else ())


def _is_metered(tree: Tree) -> bool:
    preset, form = tree.get("preset"), tree.get("format")
    if isinstance(preset, str) and preset in presets.known():
        form = presets.known()[preset].format
    dialect = dialects.load().get(form) if isinstance(form, str) else None
    return dialect is not None and dialect.metered


def _bounded(one: Bound, namespace: str, repository: str) -> Bound:
    subscription = one.subscription
    match = msgspec.structs.replace(subscription.match, namespace=namespace, repository=repository)
    tls = subscription.transport.tls if subscription.transport is not None else None
    bounded = msgspec.structs.replace(subscription, match=match, transport=Transport(tls=tls, strict=True))
    return msgspec.structs.replace(one, subscription=bounded)


def _without_operators_keys(node: Mapping, found: _Found) -> Mapping:
    """The node without what only the configuration file may say, which is reported."""
    entries = dict(node.entries)
    for key, sentence in _OPERATORS.items():
        if (entry := entries.pop(key, None)) is not None:
            found.add(entry.line, f"{entry.path} {sentence}")
    tls = entries.get("tls")
    if tls is not None and isinstance(tls.value, Mapping):
        for key in _FILES:
            if (entry := tls.value.entries.get(key)) is not None:
                remedy = "give the certificates themselves in `ca`" if key == "ca_file" else "remove it"
                found.add(entry.line, f"{entry.path} can be written in the configuration file only: {remedy}")
        left = {key: entry for key, entry in tls.value.entries.items() if key not in _FILES}
        entries["tls"] = Entry(tls.path, tls.line, msgspec.structs.replace(tls.value, entries=left))
    return msgspec.structs.replace(node, entries=entries)


def _node(value: Any, path: str, found: _Found, *, hidden: bool, depth: int = 0) -> Node:
    """Plain JSON as the tree that tables read. Texts are texts, whatever YAML would take them for."""
    line = found.place(path)
    if depth > MAX_DEPTH:
        found.add(line, f"{path} is nested more than {MAX_DEPTH} deep: flatten it")
        value = None
    if isinstance(value, dict):
        entries = {}
        for key, one in value.items():
            child = _node(one, join(path, key), found, hidden=hidden, depth=depth + 1)
            entries[key] = Entry(child.path, child.line, child)
        return Mapping(path=path, line=line, entries=entries)
    if isinstance(value, list | tuple):
        items = [
            _node(one, f"{path}[{index}]", found, hidden=hidden, depth=depth + 1) for index, one in enumerate(value)
        ]
        return Sequence(path=path, line=line, items=tuple(items))
    text, kind = scalar_of(value)
    return Scalar(path=path, line=line, text=text, kind=kind, hidden=hidden, inserted=(text,) if hidden else ())
