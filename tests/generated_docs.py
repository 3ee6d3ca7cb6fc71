"""The parts of the documentation that are made from the code.

`make docs` writes them into the files; tests/test_house.py and tests/test_docs.py compare. A part
stands between `<!-- generated: NAME -->` and `<!-- end of NAME -->`.
"""

import ast
import inspect
import json
import re
import sys
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
from prometheus_client.metrics import MetricWrapperBase

from sidecar import dialects
from sidecar.cli.exits import MEANINGS
from sidecar.config import amounts, keys
from sidecar.config import presets as known_presets
from sidecar.config.schema import of_made
from sidecar.config.shapes import Choice, Flag, Number, Or, Text
from sidecar.config.tables import Field, ListOf, MapOf, Raw, Table
from sidecar.config.texts import NAME
from sidecar.dialects.contract import sample
from sidecar.dialects.templating import variables as known
from sidecar.dialects.templating.filters import FILTERS
from sidecar.dialects.templating.predicates import TESTS
from sidecar.domain.delivery import MOVES, Reason, State
from sidecar.domain.event import HAPPENINGS, OF_ARTIFACTS, EventType
from sidecar.domain.record import QuarantineReason
from sidecar.domain.registry import Asked
from sidecar.domain.sources import SOURCES, Source
from sidecar.domain.statement import DETAILS
from sidecar.intake.shapes import OF_TAGS, SHAPES, schema
from sidecar.telemetry.labels import EVENT_OUTCOMES, INGEST_OUTCOMES, INTAKE_OUTCOMES, INTAKE_ROUTES, SPAN_OUTCOMES
from sidecar.telemetry.metrics import Metrics
from sidecar.web.openapi.document import document as openapi

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "sidecar"


def table(head: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    """A Markdown table."""
    lines = [head, tuple("---" for _ in head), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def code(text: object) -> str:
    return f"`{text}`"


def plain(text: str) -> str:
    """A sentence as Markdown shows it: what it would take for markup is escaped."""
    return re.sub(r"([*_<>|])", r"\\\1", text)


# --- ARCHITECTURE.md --------------------------------------------------------------------------------------------------


def purpose(path: Path) -> str:
    """The first line of a module's docstring."""
    said = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
    return said.partition("\n")[0]


def tree() -> str:
    """The package, folder by folder: modules first, then the folders in them."""
    lines = [f"{'sidecar/':<28}{purpose(PACKAGE / '__init__.py')}"]

    def branch(folder: Path, depth: int) -> None:
        indent = "  " * depth
        modules = [path for path in sorted(folder.glob("*.py")) if path.name != "__init__.py"]
        lines.extend(f"{indent + path.name:<28}{purpose(path)}" for path in modules)
        for inner in sorted(path.parent for path in folder.glob("*/__init__.py")):
            lines.append(f"{indent + inner.name + '/':<28}{purpose(inner / '__init__.py')}")
            branch(inner, depth + 1)

    branch(PACKAGE, 1)
    return "```text\n" + "\n".join(line.rstrip() for line in lines) + "\n```"


def states() -> str:
    """The moves of a delivery as a picture."""
    lines = ["```mermaid", "stateDiagram-v2", f"    [*] --> {State.DUE.name.lower()}"]
    lines += [
        f"    {move.before.name.lower()} --> {move.after.name.lower()}: {move.who}, {move.why.replace(':', ',')}"
        for move in MOVES
    ]
    ends = {move.after for move in MOVES} - {State.DUE}
    lines += [f"    {state.name.lower()} --> [*]" for state in State if state in ends]
    return "\n".join([*lines, "```"])


# --- formats ----------------------------------------------------------------------------------------------------------


VENDORS = ("harbor", "dtr", "quay")


def said(dialect: dialects.Dialect, kind: EventType) -> list[str]:
    """The words of one format for a canonical type, with the option that brings them where one is needed."""
    found: dict[str, str] = {}
    for options, needs in _settings(dialect):
        for word in dialect.vocabulary(options):
            if kind in word.types and word.name not in found:
                note = needs if word.by_type else "by name only"
                found[word.name] = code(word.name) + (f" ({note})" if note else "")
    return list(found.values())


def _settings(dialect: dialects.Dialect) -> Iterator[tuple[object, str]]:
    """The format's default options, then each of its switches alone."""
    yield dialect.example, ""
    for field in msgspec.structs.fields(dialect.options):
        if field.type is bool:
            value = not field.default
            changed = msgspec.structs.replace(dialect.example, **{field.name: value})
            yield changed, f"{code(f'{field.encode_name}: {str(value).lower()}')}"


def words() -> str:
    """Canonical types down, the three that are asked for most across."""
    known = {name: one for name, one in dialects.load().items() if name in VENDORS}
    rows = [(code(kind.value), *(", ".join(said(one, kind)) or "-" for one in known.values())) for kind in HAPPENINGS]
    others = ", ".join(code(name) for name in dialects.load() if name not in VENDORS)
    return f"{table(('event', *(code(name) for name in known)), rows)}\n\nThe other formats are {others}."


def events() -> str:
    """Canonical types down; where each comes from, and the words of each format that has its own, across."""
    plain = [
        name
        for name, one in dialects.load().items()
        if all(said(one, kind) in ([], [code(kind.value)]) for kind in HAPPENINGS)
    ]
    known = {name: one for name, one in dialects.load().items() if name not in plain}
    rows = [
        (
            code(kind.value),
            ", ".join(one.value for one in Source if one in SOURCES[kind]),
            *(", ".join(said(one, kind)) or "-" for one in known.values()),
        )
        for kind in HAPPENINGS
    ]
    names = ", ".join(code(name) for name in plain)
    shown = table(("event", "comes from", *(code(name) for name in known)), rows)
    return f"{shown}\n\n{names} say each of them by its name in the first column."


def intake() -> str:
    """What may be told by others: each type, its place, and its details with those that are needed."""
    alike: dict[tuple[str, str], list[str]] = {}
    for kind, shape in SHAPES.items():
        fields = {one.name: one for one in msgspec.structs.fields(shape)}
        named = [name for name in ("namespace", "repository", "tag") if name in fields]
        place = " or ".join(code(name) for name in named if name != "tag") or "the registry"
        if kind in OF_TAGS:
            place += ", `tag`"
        elif kind in OF_ARTIFACTS:
            place += ", `tag` or `digest`"
        details = [
            f"**{code(one.encode_name)}**" if one.required else code(one.encode_name)
            for one in msgspec.structs.fields(DETAILS[kind])
        ]
        alike.setdefault((place, ", ".join(details)), []).append(code(kind.value))
    rows = [(", ".join(kinds), place, details) for (place, details), kinds in alike.items()]
    return table(("type", "of", "`details`"), rows)


def formats() -> str:
    """Every format with its options and their defaults."""
    rows = []
    for name, dialect in dialects.load().items():
        fields = msgspec.structs.fields(dialect.options)
        options = ", ".join(code(one.encode_name + ("" if one.required else f": {_by_default(one)}")) for one in fields)
        options = options or "none"
        rows.append((code(name), dialect.title, options))
    return table(("format", "whose words", "options with their defaults"), rows)


def _by_default(field: msgspec.structs.FieldInfo) -> str:
    return _shown(field.default if field.default is not msgspec.NODEFAULT else field.default_factory())


# --- templates --------------------------------------------------------------------------------------------------------


def variables() -> str:
    """Everything that a template knows, with what it is and an example of it."""
    rows = []
    for name, shape in known.SHAPES.items():
        event = next(
            (sample(kind) for kind in HAPPENINGS if known.values(sample(kind), [name])[name] is not None), None
        )
        assert event is not None
        rows += list(_variable(name, shape, known.values(event, [name])[name]))
    return table(("name", "is", "meaning", "example"), rows)


def _variable(path: str, shape: known.Shape, value: Any) -> Iterator[tuple[str, ...]]:
    """The row of one variable, then those of what is in it."""
    kinds = {"record": "mapping", "map": "mapping of free keys", "any": "anything"}
    what = kinds.get(shape.what, shape.what) + (", or null" if shape.null else "")
    item = shape.item if shape.what == "list" else None
    leaf = shape.what not in {"record", "any"} and (item is None or item.what != "record")
    example = (
        code(_shown(value)) if leaf and value not in (None, "", [], (), {}) and "tracker" not in str(value) else ""
    )
    yield code(path), what, shape.note, example
    for name, field in shape.fields.items():
        yield from _variable(f"{path}.{name}", field, value[name] if isinstance(value, dict) else None)
    if item is not None and item.what == "record":
        first = value[0] if value else None
        for name, field in item.fields.items():
            yield from _variable(f"{path}[].{name}", field, first[name] if first is not None else None)


def functions(listed: Mapping[str, Callable[..., Any]], mark: str) -> str:
    """Filters or tests with what they take and do; several names of one stand together."""
    names: dict[Callable[..., Any], list[str]] = {}
    for name, function in listed.items():
        names.setdefault(function, []).append(name)
    rows = []
    for function, those in names.items():
        taken = list(inspect.signature(function).parameters.values())[2:]
        said = (function.__doc__ or "").partition("\n")[0]
        rows.append(
            (", ".join(code(mark + name) for name in those), ", ".join(_argument(one) for one in taken), plain(said))
        )
    return table(("name", "takes", "gives"), rows)


def _argument(one: inspect.Parameter) -> str:
    return code(one.name) if one.default is inspect.Parameter.empty else code(f"{one.name}={_shown(one.default)}")


# --- docs/receivers ---------------------------------------------------------------------------------------------------


def gives(preset: known_presets.Preset) -> str:
    """What the operator has to write besides the name."""
    return ", ".join(code(one) for one in ["url", *(f"headers.{name}" for name in preset.headers), *_secret(preset)])


def _secret(preset: known_presets.Preset) -> list[str]:
    return ["sign.secrets"] if preset.secret else []


def receivers() -> str:
    """Every preset with its page."""
    rows = [
        (code(name), f"[{plain(one.title)}]({one.page}.md)", code(one.format), gives(one))
        for name, one in known_presets.known().items()
    ]
    return table(("preset", "receiver", "format", "you give"), rows)


def of_receiver(page: str) -> str:
    """The presets of one page: what each comes to, where it is sent, what has to be given."""
    parts = []
    for name, one in known_presets.known().items():
        if one.page != page:
            continue
        lines = [
            f"**{code(name)}**: {plain(one.title)}.",
            f"* it comes to {code(known_presets.comes_to(name))}",
            f"* {code('url')} must be {plain(one.url.like)}",
        ]
        if one.url.added:
            lines.append(f"* {code(one.url.added)} goes behind it")
        lines += [f"* {code(f'headers.{header}')}: {plain(what.what)}" for header, what in one.headers.items()]
        lines += [f"* {code('sign.secrets')}: {plain(one.secret)}"] if one.secret else []
        parts.append(lines[0] + "\n\n" + "\n".join(lines[1:]))
    versions = dict.fromkeys(one.checked for one in known_presets.known().values() if one.page == page)
    return "\n\n".join([*parts, f"Checked against {plain('; '.join(versions))}."])


# --- configuration ----------------------------------------------------------------------------------------------------


def sections() -> Iterator[tuple[str, Table]]:
    """Every table of keys with its path, in the order of the file; `[]` is an item of a list."""

    def below(path: str, keys_of: Table) -> Iterator[tuple[str, Table]]:
        yield path, keys_of
        for name, field in keys_of.fields.items():
            where = f"{path}.{name}" if path else name
            shape = field.shape
            if isinstance(shape, ListOf):
                shape, where = shape.item, f"{where}[]"
            if isinstance(shape, Table):
                yield from below(where, shape)

    yield from below("", keys.root())
    yield "defaults.formats.<format>", keys.FORMAT_DEFAULTS


def takes(shape: object) -> str:
    """What a key may hold, in a few words."""
    match shape:
        case Table():
            return "section"
        case ListOf(item=item, lone=lone):
            return ("one or " if lone else "") + f"a list of {_plural(takes(item))}"
        case Flag():
            return "`true` or `false`"
        case Number(low=low, high=high):
            return f"{low} to {high}"
        case Choice(words=known):
            return ", ".join(code(word) for word in known)
        case Or(this=this, that=that) if isinstance(this, Number):
            return takes(that)
        case Or(that=that):
            return f"{takes(that)}, or `false`"
        case Raw() | MapOf():
            return "mapping"
        case Text(pattern=amounts.DURATION):
            return "duration"
        case Text(pattern=amounts.RATE):
            return "rate"
        case Text(pattern=amounts.SIZE):
            return "size"
        case Text(pattern=amounts.STATUSES):
            return "status"
        case Text() if shape is NAME:
            return "name"
        case _:
            return "text"


def _plural(what: str) -> str:
    return {
        "section": "sections", "status": "statuses", "text": "texts", "name": "names"
    }.get(what, what)  # fmt: skip


def _shown(value: object) -> str:
    return msgspec.json.encode(value).decode()


def _default(field: Field) -> str:
    if field.needed:
        return "needed"
    if field.default is msgspec.UNSET:
        return "-"
    return code(field.default if isinstance(field.default, str) else _shown(field.default))


def configuration() -> str:
    """A table for every section."""
    parts = []
    first: dict[int, str] = {}
    for path, keys_of in sections():
        title = f"### `{path}`" if path else "### The file"
        if first.setdefault(id(keys_of), path) != path:
            parts.append(f"{title}\n\nThe same keys as `{first[id(keys_of)]}`.")
            continue
        rows = [
            (code(name), takes(field.shape), _default(field), plain(field.note))
            for name, field in keys_of.fields.items()
        ]
        parts.append(f"{title}\n\n" + table(("key", "takes", "default", "meaning"), rows))
    return "\n\n".join(parts)


# --- operations -------------------------------------------------------------------------------------------------------


def metrics() -> str:
    """Every metric of ours: as it is exposed, its kind, its labels, its meaning."""
    suffix = {"counter": "_total", "info": "_info"}
    rows = [
        (
            code(one._name + suffix.get(one._type, "")),
            one._type,
            ", ".join(code(label) for label in one._labelnames) or "-",
            one._documentation,
        )
        for one in Metrics()._registry._collector_to_names
        if isinstance(one, MetricWrapperBase)
    ]
    return table(("metric", "kind", "labels", "meaning"), rows)


def labels() -> str:
    """The closed sets that label values come from."""
    outcomes = sorted({"delivered", "retried", "dead"})
    rows = [
        ("`outcome` of `registry_sidecar_events_total`", EVENT_OUTCOMES),
        ("`outcome` of `registry_sidecar_ingest_requests_total`", INGEST_OUTCOMES),
        ("`outcome` of `registry_sidecar_deliveries_total`", outcomes),
        ("`outcome` of `registry_sidecar_registry_requests_total`", [one.value for one in Asked]),
        ("`outcome` of `registry_sidecar_intake_requests_total`", INTAKE_OUTCOMES),
        ("`route` of `registry_sidecar_intake_requests_total`", INTAKE_ROUTES),
        ("`outcome` of `registry_sidecar_spans_total`", SPAN_OUTCOMES),
        ("`reason` of `registry_sidecar_deliveries_total`", [one.value for one in Reason]),
        ("`reason` of `registry_sidecar_quarantined_total`", [one.value for one in QuarantineReason]),
    ]
    return table(("label", "values"), [(label, ", ".join(code(one) for one in values)) for label, values in rows])


def exits() -> str:
    """The exit codes."""
    return table(("code", "meaning"), [(str(one.value), text) for one, text in MEANINGS.items()])


# --- in and out of the files ------------------------------------------------------------------------------------------

# --- docs/api.md ------------------------------------------------------------------------------------------------------


def calls() -> str:
    """Every call of the native API by its subject, as its document has it."""
    document = openapi(of_made)
    parts = []
    for tag in document["tags"]:
        rows = [
            (code(f"{method.upper()} {path}"), plain(what["summary"]), who(what))
            for path, methods in document["paths"].items()
            for method, what in methods.items()
            if tag["name"] in what["tags"]
        ]
        parts.append(f"### {tag['name']}\n\n{table(('call', 'does', 'for'), rows)}")
    return "\n\n".join(parts)


def who(what: dict[str, Any]) -> str:
    """Who may make a call, in a word or two."""
    said = what["description"].rpartition("For ")[2]
    return {"administrators.": "admins", "everybody who has signed in.": "everybody"}.get(said, "managers too")


PARTS = {
    "ARCHITECTURE.md": {"tree": tree, "states": states},
    "README.md": {"words": words},
    "docs/api.md": {"calls": calls},
    "docs/events.md": {"formats": formats, "events": events},
    "docs/intake.md": {"intake": intake},
    "docs/templates.md": {
        "variables": variables,
        "filters": lambda: functions(FILTERS, ""),
        "tests": lambda: functions(TESTS, "is "),
    },
    "docs/configuration.md": {"configuration": configuration},
    "docs/metrics.md": {"metrics": metrics, "labels": labels},
    "docs/operations.md": {"exits": exits},
    "docs/receivers/README.md": {"receivers": receivers},
}
PAGES_OF_RECEIVERS = sorted({one.page for one in known_presets.known().values()})
PARTS |= {f"docs/receivers/{page}.md": {"presets": partial(of_receiver, page)} for page in PAGES_OF_RECEIVERS}


# Files that are made whole.
WHOLE = {"docs/intake.schema.json": lambda: json.dumps(schema(), indent=2) + "\n"}


def _between(name: str) -> re.Pattern[str]:
    return re.compile(rf"(<!-- generated: {name} -->\n)(.*?)(<!-- end of {name} -->)", re.DOTALL)


def written(file: str, name: str) -> str:
    """What a file has for one part."""
    found = _between(name).search((ROOT / file).read_text(encoding="utf-8"))
    return found[2].strip("\n") if found is not None else f"{file} has no part called {name}"


def main() -> int:
    """Write every part into its file."""
    for file, parts in PARTS.items():
        path = ROOT / file
        text = path.read_text(encoding="utf-8")
        for name, make in parts.items():
            made = make()
            text, count = _between(name).subn(lambda found, made=made: f"{found[1]}\n{made}\n\n{found[3]}", text)
            if count != 1:
                print(f"{file} needs exactly one part called {name}", file=sys.stderr)
                return 1
        path.write_text(text, encoding="utf-8")
    for file, whole in WHOLE.items():
        (ROOT / file).write_text(whole(), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
