"""Subscriptions written as the configuration file has them, without anything secret in clear. Pure.

What is secret becomes `${env:NAME}`, with a comment that says what the variable has to hold. A URL's path and query
count as secret too, since many receivers take them for a password, unless URLs are asked for.
"""

import re
from collections.abc import Collection, Mapping, Sequence
from typing import Any, Final
from urllib.parse import urlsplit

import yaml

from sidecar.config import presets
from sidecar.config.expansion import REFERENCE
from sidecar.config.options import plain
from sidecar.config.tree import Mapping as Section
from sidecar.config.tree import Sequence as Listed
from sidecar.config.tree import read_tree
from sidecar.domain.glob import Globs
from sidecar.domain.masking import MASK

Tree = dict[str, Any]

_REFERENCE: Final = re.compile(REFERENCE)
_SCHEME: Final = re.compile(r"(?:Bearer|Basic|Token)?\s*", re.IGNORECASE)
_ORDER: Final = (
    "name",
    "preset",
    "format",
    "options",
    "events",
    "match",
    "url",
    "headers",
    "sign",
    "tls",
    "proxy",
    "delivery",
)


class _Dumper(yaml.SafeDumper):
    """Writes texts of several lines, such as templates, as people do."""

    def text(self, text: str) -> yaml.ScalarNode:
        several = "\n" in text and len(text.replace("\n", "").splitlines()) < 2  # no other kind of line break
        return self.represent_scalar("tag:yaml.org,2002:str", text, style="|" if several else None)


_Dumper.add_representer(str, _Dumper.text)


class Export:
    """Collects subscriptions. `defaults` are the namespaces of repositories whose name has a single segment."""

    def __init__(self, *, urls: bool, defaults: Collection[str] = ("library",)) -> None:
        self._urls = urls
        self._defaults = defaults
        self._names: set[str] = set()
        self._variables: set[str] = set()
        self._parts: list[str] = []

    def file(self, raw: bytes) -> None:
        """Those of a configuration file, as they are written there: references are not followed."""
        root = read_tree(raw)
        listed = root.value("subscriptions") if isinstance(root, Section) else None
        for node in listed.items if isinstance(listed, Listed) else ():
            tree = plain(node)
            if isinstance(tree, dict) and isinstance(tree.get("name"), str):
                self._names.add(tree["name"])
                self._add(tree["name"], tree, [])

    def made(self, one: Mapping[str, Any]) -> None:
        """One that was made through an API, as the native API shows it."""
        source, number = one["source"], one["id"]
        for serial, target in enumerate(one["targets"], start=1):
            base = one["name"] if source == "native" else f"{source}-{number}" + (f"-{serial}" if serial > 1 else "")
            name = self._free(base)
            tree = {key: value for key, value in target.items() if key not in {"name", "namespace", "repository"}}
            comments = [f"made through the API of {source}: {one['name']}"]
            enabled = self._bound(tree, target["namespace"], target["repository"], comments)
            if not (enabled and target.get("enabled", True)):
                tree["enabled"] = False
            else:
                tree.pop("enabled", None)
            # An API took it as it was written; in the file it would read the operator's environment and files.
            kept = {
                key: value if key == "url" else self._literal(name, value, key, comments) for key, value in tree.items()
            }
            self._add(name, kept, comments)

    def text(self) -> str:
        """The whole section."""
        if not self._parts:
            return "subscriptions: []\n"
        return "subscriptions:\n" + "\n".join(self._parts)

    # --- one of them --------------------------------------------------------------------------------------------------

    def _add(self, name: str, tree: Tree, comments: list[str]) -> None:
        tree = {**tree, "name": name}
        preset = tree.get("preset")
        if isinstance(preset, str) and preset in presets.known():
            comments.append(f"preset {preset} comes to {presets.comes_to(preset)}")
        self._hide(name, tree, comments)
        ordered = {key: tree[key] for key in (*_ORDER, *(key for key in tree if key not in _ORDER)) if key in tree}
        written = yaml.dump([ordered], Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=200)
        lines = [f"# {_printable(line)}" for comment in comments for line in comment.splitlines()]
        lines += written.splitlines()
        self._parts.append("".join(f"  {line}\n" for line in lines))

    def _hide(self, name: str, tree: Tree, comments: list[str]) -> None:
        """Put placeholders where anything is secret."""
        if isinstance(headers := tree.get("headers"), dict):
            tree["headers"] = {
                key: self._secret(name, f"header_{key}", value, f"the header {key}", comments)
                for key, value in headers.items()
            }
        if isinstance(options := tree.get("options"), dict):
            tree["options"] = self._options(name, options, comments)
        if isinstance(sign := tree.get("sign"), dict) and isinstance(secrets := sign.get("secrets"), list):
            tree["sign"] = {
                **sign,
                "secrets": [
                    self._secret(name, f"sign_secret_{at}", value, f"signing secret {at}", comments)
                    for at, value in enumerate(secrets, start=1)
                ],
            }
        if isinstance(proxy := tree.get("proxy"), str) and "@" in proxy:
            tree["proxy"] = self._secret(name, "proxy", proxy, "the proxy with its credentials", comments)
        if isinstance(url := tree.get("url"), str):
            tree["url"] = self._url(name, url, comments)
        if isinstance(tls := tree.get("tls"), dict) and "ca" in tls:
            variable = self._variable(name, "ca_file")
            comments.append(f"${{env:{variable}}} is the path of a file with these certificates:\n{tls['ca'].strip()}")
            tree["tls"] = {**{key: one for key, one in tls.items() if key != "ca"}, "ca_file": f"${{env:{variable}}}"}

    def _literal(self, name: str, value: Any, path: str, comments: list[str]) -> Any:
        """The same with a variable in place of each text that looks like a reference."""
        if isinstance(value, dict):
            return {key: self._literal(name, one, f"{path}.{key}", comments) for key, one in value.items()}
        if isinstance(value, list):
            return [self._literal(name, one, f"{path}.{at}", comments) for at, one in enumerate(value, start=1)]
        if not isinstance(value, str) or _REFERENCE.search(value) is None:
            return value
        variable = self._variable(name, path)
        comments.append(f"${{env:{variable}}} is {path}, which has to stay as it is:\n{value}")
        return f"${{env:{variable}}}"

    def _options(self, name: str, options: Tree, comments: list[str]) -> Tree:
        """The same without what its templates of headers and of the URL may hold."""
        if isinstance(headers := options.get("headers"), dict):
            hidden = {
                key: self._secret(name, f"template_{key}", value, f"the template of the header {key}", comments)
                for key, value in headers.items()
            }
            options = {**options, "headers": hidden}
        if isinstance(url := options.get("url"), str) and url:
            options = {**options, "url": self._url(name, url, comments, "template_url")}
        return options

    def _secret(self, name: str, what: str, value: Any, said: str, comments: list[str]) -> Any:
        if not isinstance(value, str):
            return value
        rest = _REFERENCE.sub("", value)
        if value not in {MASK, rest} and _SCHEME.fullmatch(rest):
            return value  # it is written elsewhere already
        variable = self._variable(name, what)
        comments.append(f"${{env:{variable}}} is {said}")
        return f"${{env:{variable}}}"

    def _url(self, name: str, url: str, comments: list[str], what: str = "url") -> str:
        if _REFERENCE.fullmatch(url):
            return url
        parts = urlsplit(url)
        if not parts.netloc:
            return url  # addresses of mail are no secrets
        bare = not (parts.username or parts.password or parts.query or parts.path.strip("/"))
        if _REFERENCE.search(url) is None and (bare or (self._urls and parts.username is None)):
            return url
        variable = self._variable(name, what)
        host = parts.netloc.rpartition("@")[2]
        comments.append(
            f"${{env:{variable}}} is the whole {'template of the ' * (what != 'url')}URL: {parts.scheme}://{host}/..."
        )
        return f"${{env:{variable}}}"

    def _variable(self, name: str, what: str) -> str:
        base = re.sub(r"[^A-Z0-9]+", "_", f"{name}_{what}".upper()).strip("_")
        base = f"_{base}" if base[:1].isdigit() else base
        return _unused(base, "_", self._variables)

    def _free(self, name: str) -> str:
        return _unused(name, "-", self._names)

    def _bound(self, tree: Tree, namespace: str, repository: str, comments: list[str]) -> bool:
        """Say in `match` what bounds it; False when nothing is left that it could hear of."""
        if not namespace:
            return True
        match = dict(tree["match"]) if isinstance(tree.get("match"), dict) else {}
        asked = match.get("repositories") or []
        if repository:
            match["repositories"] = [repository]
            possible = Globs.of(asked, segments=True).admits(repository)
        else:
            match["repositories"] = within(asked, namespace, single=namespace in self._defaults)
            possible = any(not one.startswith("!") for one in match["repositories"])
        tree["match"] = match
        if not possible:
            comments.append("nothing that it asks for lies within what it was bounded to, so it is disabled")
            match["repositories"] = [repository or f"{namespace}/**"]
        return possible


def within(patterns: Sequence[str], namespace: str, *, single: bool) -> list[str]:
    """Globs that admit what these do within one namespace, which has the `single` segments as well."""
    positive = [one for one in patterns if not one.startswith("!")] or ["**"]
    bounded: list[str] = []
    for one in positive:
        head, slash, rest = one.partition("/")
        if head == "**":
            bounded.append(f"{namespace}/{one}")
        elif slash and Globs.of([head]).admits(namespace):
            bounded.append(f"{namespace}/{rest}")
        if single:
            # Of a single segment: what is left of the pattern once `**/` stands for nothing.
            alone = one.removeprefix("**/")
            if alone == "**":
                bounded.append("*")
            elif "/" not in alone:
                bounded.append(alone)
    return list(dict.fromkeys(bounded)) + [one for one in patterns if one.startswith("!")]


def _printable(line: str) -> str:
    """What somebody wrote, as a comment may hold it: others would keep the file from being read."""
    return "".join(one if one.isprintable() else ascii(one)[1:-1] for one in line)


def _unused(base: str, joint: str, taken: set[str]) -> str:
    name, serial = base, 1
    while name in taken:
        serial += 1
        name = f"{base}{joint}{serial}"
    taken.add(name)
    return name
