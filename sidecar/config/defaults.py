"""What `defaults` gives to subscriptions, put under each of them before it is read.

Mappings are merged key by key, everything else is replaced. Nodes keep their own paths and lines, so a mistake in a
default is told where the default stands.
"""

import msgspec

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
    if not isinstance(node, Mapping):
        return node
    under: dict[str, Entry] = {key: defaults.entries[key] for key in ("delivery", "match") if key in defaults.entries}
    form, formats = node.value("format"), defaults.value("formats")
    if isinstance(form, Scalar) and isinstance(formats, Mapping):
        chosen = formats.value(form.text)
        if isinstance(chosen, Mapping):
            under |= {key: chosen.entries[key] for key in ("options", "tls") if key in chosen.entries}
    entries = dict(node.entries)
    for key, entry in under.items():
        entries[key] = over(entry, entries[key]) if key in entries else entry
    return msgspec.structs.replace(node, entries=entries)


def over(under: Entry, upper: Entry) -> Entry:
    """`upper` where it says something, `under` elsewhere."""
    if not isinstance(under.value, Mapping):
        return upper
    if isinstance(upper.value, Scalar) and upper.value.kind == "null":
        return under
    if not isinstance(upper.value, Mapping):
        return upper
    entries = dict(under.value.entries)
    for key, entry in upper.value.entries.items():
        entries[key] = over(entries[key], entry) if key in entries else entry
    return Entry(upper.path, upper.line, msgspec.structs.replace(upper.value, entries=entries))
