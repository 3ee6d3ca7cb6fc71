"""What `defaults` gives to subscriptions, put under each of them before it is read.

Mappings are merged key by key, everything else is replaced. Nodes keep their own paths and lines, so a mistake in a
default is told where the default stands.
"""

from collections.abc import Collection, Iterable
from typing import Any

import msgspec

from sidecar import dialects
from sidecar.config.options import plain
from sidecar.config.tree import Entry, Mapping, Node, Scalar, Sequence


def apply(root: Mapping) -> Mapping:
    """The file with its defaults spread; what has not the right shape is left for the tables to refuse."""
    defaults = root.value("defaults")
    listed = root.value("subscriptions")
    if not isinstance(defaults, Mapping) or not isinstance(listed, Sequence):
        return root
    spread = msgspec.structs.replace(listed, items=tuple(_subscription(item, defaults) for item in listed.items))
    entry = root.entries["subscriptions"]
    return msgspec.structs.replace(
        root, entries={**root.entries, "subscriptions": Entry(entry.path, entry.line, spread)}
    )


def _subscription(node: Node, defaults: Mapping) -> Node:
    return under(node, defaults, ("delivery", "match")) if isinstance(node, Mapping) else node


def under(node: Mapping, defaults: Mapping, general: Iterable[str], *, leaving: Collection[str] = ()) -> Mapping:
    """A subscription with defaults under it: the `general` ones, and those of its format.

    Of the format's `tls` the keys in `leaving` are left out; all of it where the subscription's options say so.
    """
    below: dict[str, Entry] = {key: defaults.entries[key] for key in general if key in defaults.entries}
    form, formats = node.value("format"), defaults.value("formats")
    if isinstance(form, Scalar) and isinstance(formats, Mapping):
        chosen = formats.value(form.text)
        if isinstance(chosen, Mapping):
            below |= {key: chosen.entries[key] for key in ("options", "tls") if key in chosen.entries}
    tls = below.get("tls")
    if leaving and tls is not None and isinstance(tls.value, Mapping):
        kept = {key: entry for key, entry in tls.value.entries.items() if key not in leaving}
        below["tls"] = Entry(tls.path, tls.line, msgspec.structs.replace(tls.value, entries=kept))
    entries = dict(node.entries)
    for key, entry in below.items():
        entries[key] = over(entry, entries[key]) if key in entries else entry
    if "tls" in below and isinstance(form, Scalar) and not _certified(form.text, entries.get("options")):
        del entries["tls"]
        entries |= {"tls": node.entries["tls"]} if "tls" in node.entries else {}
    return msgspec.structs.replace(node, entries=entries)


def written(defaults: Mapping | None, form: str) -> dict[str, Any]:
    """The options that lie under those of all subscriptions of a format, as plain values."""
    node: Node | None = defaults
    for key in ("formats", form, "options"):
        node = node.value(key) if isinstance(node, Mapping) else None
    found = plain(node) if isinstance(node, Mapping) else {}
    return found if isinstance(found, dict) else {}


def _certified(form: str, options: Entry | None) -> bool:
    """Whether the `tls` of a format lies under a subscription with these options; mistakes are told elsewhere."""
    dialect = dialects.load().get(form)
    if dialect is None or options is None or not isinstance(options.value, Mapping):
        return True
    try:
        return dialect.certified(msgspec.convert(plain(options.value), dialect.options))
    except msgspec.ValidationError:
        return True


def over(lower: Entry, upper: Entry) -> Entry:
    """`upper` where it says something, `lower` elsewhere."""
    if not isinstance(lower.value, Mapping):
        return upper
    if isinstance(upper.value, Scalar) and upper.value.kind == "null":
        return lower
    if not isinstance(upper.value, Mapping):
        return upper
    entries = dict(lower.value.entries)
    for key, entry in upper.value.entries.items():
        entries[key] = over(entries[key], entry) if key in entries else entry
    return Entry(upper.path, upper.line, msgspec.structs.replace(upper.value, entries=entries))
