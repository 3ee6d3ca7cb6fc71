"""Presets: what the file presets.yml knows of each receiver, put under a subscription that names one.

A subscription's own keys lie over its preset, and the preset over `defaults`: mappings are merged key by key, lists
are replaced. The format is the preset's own, since everything else in a preset stands on it. The file is read when the
first preset is named.
"""

import functools
import re
from collections.abc import Mapping as Lookup
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Final
from urllib.parse import parse_qsl, urlsplit

import msgspec
import yaml

from sidecar import dialects
from sidecar.config import defaults as spread
from sidecar.config.problems import Problems
from sidecar.config.shapes import either, or_reference, refuse
from sidecar.config.tree import Entry, Mapping, Node, Scalar, Sequence, join, scalar_of

FILE: Final = Path(__file__).with_name("presets.yml")
_LOADER: Final = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class Place(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where the receiver listens.

    `path` is a pattern of the whole path; `query` has a pattern for each parameter that must be there once. A `bare`
    URL has no query string. `like` says all that to people, after "must be"; `example` is a URL of that shape. `added`
    is a template that goes behind the URL, for receivers that are told by it (format template).
    """

    path: str = ".*"
    query: dict[str, str] = {}
    bare: bool = False
    like: str
    example: str
    added: str = ""

    def takes(self, url: str) -> bool:
        """Whether a URL has the shape."""
        try:
            parts = urlsplit(url)
        except ValueError:
            return True  # it is refused for that
        if re.fullmatch(self.path, parts.path or "/") is None or (self.bare and "?" in url):
            return False
        given: dict[str, list[str]] = {}
        for name, value in parse_qsl(parts.query, keep_blank_values=True):
            given.setdefault(name, []).append(value)
        return all(
            len(given.get(name, ())) == 1 and re.fullmatch(pattern, given[name][0]) is not None
            for name, pattern in self.query.items()
        )


class Header(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a header holds, and what it begins with."""

    what: str
    begins: str = ""


class Preset(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One way to tell one receiver.

    `page` is docs/receivers/<page>.md, `checked` the version whose parser was looked at. `subscription` has the keys of
    a subscription; of its `sign` only the scheme. `headers` are those that the operator has to give. `secret` says what
    messages are signed with where the receiver refuses those that are not, "" where signing is a choice or means
    nothing to it. `own` are headers that the receiver knows its sender by: nobody else's may stand there.
    """

    title: str
    page: str
    checked: str
    subscription: dict[str, Any]
    url: Place
    headers: dict[str, Header] = {}
    secret: str = ""
    own: list[str] = []
    notes: list[str] = []

    @property
    def format(self) -> str:
        return str(self.subscription["format"])


@functools.cache
def known() -> Lookup[str, Preset]:
    """Every preset by its name, in the order of the file."""
    raw = yaml.load(FILE.read_text(encoding="utf-8"), Loader=_LOADER)  # noqa: S506 - a safe loader, and our own file
    return msgspec.convert(raw, dict[str, Preset])


class PresetName(msgspec.Struct, frozen=True):
    """The shape of the key `preset`."""

    def read(self, node: Node, problems: Problems) -> Any:
        if not isinstance(node, Scalar) or node.kind in {"broken", "null"}:
            return refuse(node, problems, "must be the name of a preset")
        if node.text in known():
            return node.text
        return refuse(node, problems, f"must be {near(node.text)}")

    def schema(self) -> dict[str, Any]:
        return or_reference({"enum": list(known())})


def near(name: str) -> str:
    """What a preset must be, after "must be", with those that an unknown one may have been meant to be."""
    found = get_close_matches(name.lower(), known(), n=3, cutoff=0.5) or [one for one in known() if name in one][:3]
    listed = "one that `registry-sidecar presets` lists"
    if not found and name.lower() in dialects.load():
        return f"{listed}, or `format: {name.lower()}` in its place"
    return f"{listed}, such as {either(tuple(found))}" if found else listed


def apply(root: Mapping, problems: Problems) -> Mapping:
    """The file with the preset of each subscription put under it."""
    listed = root.value("subscriptions")
    if not isinstance(listed, Sequence):
        return root
    items = tuple(under(item, problems) if isinstance(item, Mapping) else item for item in listed.items)
    if all(one is other for one, other in zip(items, listed.items, strict=True)):
        return root
    entry = root.entries["subscriptions"]
    changed = Entry(entry.path, entry.line, msgspec.structs.replace(listed, items=items))
    return msgspec.structs.replace(root, entries={**root.entries, "subscriptions": changed})


def under(node: Mapping, problems: Problems) -> Mapping:
    """A subscription with its preset under it; what the preset lacks or refuses is reported."""
    named = node.entries.get("preset")
    if named is None or not isinstance(named.value, Scalar) or named.value.text not in known():
        return node
    name = named.value.text
    preset = known()[name]
    form = node.value("format")
    other = isinstance(form, Scalar) and form.kind == "str" and form.text != preset.format
    if other:
        sentence = f"is chosen by preset {name}, which is {preset.format}: remove one of the two"
        problems.add(node.entries["format"].line, f"{join(node.path, 'format')} {sentence}")
    _check(node, name, preset, named.line, problems)
    # The rest is read in the preset's format: in another one all of its options would be mistakes as well.
    own = {key: entry for key, entry in node.entries.items() if not (other and key == "format")}
    entries = {"format": own["format"]} if form is not None and not other else {}
    lower = _below(preset, node, named.line)
    for key, entry in lower.entries.items():
        if key not in entries:
            entries[key] = spread.over(entry, own[key]) if key in own else entry
    return msgspec.structs.replace(node, entries={**own, **entries})


def _below(preset: Preset, node: Mapping, line: int) -> Mapping:
    """What a preset puts under a subscription, as if it stood there, in the line that names the preset."""
    tree = dict(preset.subscription)
    own = _names(node.value("headers"))
    if "headers" in tree:
        tree["headers"] = {name: value for name, value in tree["headers"].items() if name.lower() not in own}
    if not isinstance(node.value("sign"), Mapping):
        tree.pop("sign", None)  # a scheme alone signs nothing
    made = _node(tree, node.path, line)
    assert isinstance(made, Mapping)
    url = node.value("url")
    # Behind a URL of another shape, which is a mistake already, the template would only be one more.
    if preset.url.added and isinstance(url, Scalar) and url.kind == "str" and preset.url.takes(url.text):
        made = _with_url(made, url, preset.url.added)
    return made


def _with_url(made: Mapping, url: Scalar, added: str) -> Mapping:
    """The URL with the template behind it, as the format's option. It is as secret as the URL is."""
    entry = made.entries["options"]
    assert isinstance(entry.value, Mapping)
    path = join(entry.path, "url")
    text = Scalar(path=path, line=url.line, text=url.text + added, kind="str", hidden=url.hidden, inserted=url.inserted)
    options = {**entry.value.entries, "url": Entry(path, url.line, text)}
    told = Entry(entry.path, entry.line, msgspec.structs.replace(entry.value, entries=options))
    return msgspec.structs.replace(made, entries={**made.entries, "options": told})


def _check(node: Mapping, name: str, preset: Preset, line: int, problems: Problems) -> None:
    url = node.value("url")
    if isinstance(url, Scalar) and url.kind == "str" and not preset.url.takes(url.text):
        problems.add(url.line, f"{join(node.path, 'url')} does not fit preset {name}: it must be {preset.url.like}")
    given = _names(node.value("headers"))
    for header, wanted in preset.headers.items():
        entry = given.get(header.lower())
        if entry is None:
            problems.add(line, f"{node.path} needs `headers.{header}` for preset {name}: {wanted.what}")
        elif isinstance(entry.value, Scalar) and not entry.value.text.startswith(wanted.begins):
            problems.add(entry.line, f"{entry.path} does not fit preset {name}: it must be {wanted.what}")
    for header in preset.own:
        if (entry := given.get(header.lower())) is not None:
            problems.add(entry.line, f"{entry.path} is what the receiver of preset {name} goes by: remove it")
    sign = node.value("sign")
    if preset.secret and sign is None:
        problems.add(line, f"{node.path} needs `sign.secrets` for preset {name}: {preset.secret}")
    elif preset.secret and isinstance(sign, Mapping) and isinstance(chosen := sign.value("scheme"), Scalar):
        known = preset.subscription["sign"]["scheme"]
        if chosen.text != known:
            other = f"is not that of preset {name}, which is {known}: remove it unless the receiver was told so"
            problems.warn(chosen.line, f"{chosen.path} {other}")


def _names(node: Node | None) -> dict[str, Entry]:
    return {name.lower(): one for name, one in node.entries.items()} if isinstance(node, Mapping) else {}


def _node(value: Any, path: str, line: int) -> Node:
    if isinstance(value, dict):
        below = {key: (join(path, key), one) for key, one in value.items()}
        entries = {key: Entry(where, line, _node(one, where, line)) for key, (where, one) in below.items()}
        return Mapping(path=path, line=line, entries=entries)
    if isinstance(value, list):
        items = tuple(_node(one, f"{path}[{index}]", line) for index, one in enumerate(value))
        return Sequence(path=path, line=line, items=items)
    text, kind = scalar_of(value)
    return Scalar(path=path, line=line, text=text, kind=kind)


def comes_to(name: str) -> str:
    """What a preset puts under a subscription, on one line of YAML."""
    text = yaml.safe_dump(
        known()[name].subscription, sort_keys=False, default_flow_style=True, allow_unicode=True, width=10_000
    )
    return text.strip().removeprefix("{").removesuffix("}")


def example(name: str) -> dict[str, Any]:
    """The least subscription with a preset; what is secret in it is to come from the environment."""
    preset = known()[name]
    variable = re.sub(r"[^A-Z0-9]+", "_", name.upper())
    tree: dict[str, Any] = {"name": name, "preset": name, "url": preset.url.example}
    if preset.headers:
        tree["headers"] = {
            header: f"{one.begins}${{env:{variable}_{header.upper().replace('-', '_')}}}"
            for header, one in preset.headers.items()
        }
    if preset.secret:
        tree["sign"] = {"secrets": [f"${{env:{variable}_SECRET}}"]}
    return tree
