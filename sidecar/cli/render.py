"""`render`: the exact message that a format makes of an event."""

import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import msgspec
import typer

from sidecar.cli.exits import ExitCode, Failure, misuse
from sidecar.cli.output import show_json

if TYPE_CHECKING:
    from sidecar.dialects.contract import Dialect
    from sidecar.domain.event import Event
    from sidecar.domain.message import Headers, Message


def render(
    *,
    name: Annotated[str, typer.Option("--format", "-f", help="The format, as `dialects` lists it.", metavar="NAME")],
    option: Annotated[
        list[str] | None, typer.Option("--option", "-o", help="An option of the format.", metavar="KEY=VALUE")
    ] = None,
    event: Annotated[
        str, typer.Option("--event", help="Say a sample of this event, such as artifact.pushed.", metavar="TYPE")
    ] = "",
    envelope: Annotated[
        list[str] | None,
        typer.Option(
            "--envelope", help="Say what a registry's notification tells; - reads standard input.", metavar="FILE"
        ),
    ] = None,
    word: Annotated[str, typer.Option("--word", help="Only this word of the format.", metavar="WORD")] = "",
    hostname: Annotated[
        str, typer.Option("--hostname", help="The registry's name, for --envelope.", metavar="HOST[:PORT]")
    ] = "registry.example.com",
    pretty: Annotated[bool, typer.Option("--pretty", help="Indent the bodies: easier to read, not as sent.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document with every message.")] = False,
) -> None:
    """Print the exact messages that a format makes of an event.

    The bodies go to standard output as they are sent, a word and the format's headers to standard error. Several
    --envelope are read one after the other, so that a deletion finds what was pushed before.
    """
    if event and envelope:
        raise misuse("--event and --envelope do not go together: say a sample, or a registry's notification")
    dialect = _dialect(name)
    options = _options(dialect, option or [])
    try:
        if envelope:
            told = _told(envelope, hostname)
            messages = [one for each in told for one in _say(dialect, options, each, word)]
        else:
            messages = list(_sample(dialect, options, event, word))
    except ValueError as error:
        raise misuse(str(error)) from None
    if as_json:
        show_json({"messages": [_listed(one, dialect.headers(options)) for one in messages]})
        return
    if not messages:
        print(f"format {name} says nothing of this", file=sys.stderr)
    for one in messages:
        said = [("Content-Type", one.content_type), *dialect.headers(options), *one.headers]
        said += [("URL", one.url)] if one.url else []
        lines = f"\n{' ' * len(one.word)}  ".join(f"{header}: {value}" for header, value in said)
        print(f"{one.word}  {lines}", file=sys.stderr, flush=True)
        sys.stdout.flush()
        sys.stdout.buffer.write((msgspec.json.format(one.body, indent=2) if pretty else one.body) + b"\n")
        sys.stdout.buffer.flush()


def _listed(one: "Message", always: "Headers") -> dict[str, Any]:
    """A message as JSON, with what every request carries; its own URL only where it has one."""
    listed = {
        "word": one.word,
        "contentType": one.content_type,
        "headers": [*always, *one.headers],
        "body": one.body.decode(),
    }
    return {**listed, "url": one.url} if one.url else listed


def _dialect(name: str) -> "Dialect[Any]":
    from sidecar.dialects import load

    known = load()
    if name not in known:
        raise misuse(f"there is no format {name[:60]!r}; known: {', '.join(known)}")
    return known[name]


def _options(dialect: "Dialect[Any]", given: Iterable[str]) -> Any:
    """The options of KEY=VALUE texts. A value is read as its option's type; lists and mappings are written in JSON.

    What has to be given and is not is that of the format's example.
    """
    known = {field.encode_name: field.type for field in msgspec.structs.fields(dialect.options)}
    needed = {field.encode_name for field in msgspec.structs.fields(dialect.options) if field.required}
    example = msgspec.to_builtins(dialect.example)
    values: dict[str, Any] = {key: example[key] for key in needed}
    for one in given:
        key, equals, text = one.partition("=")
        if not equals:
            raise misuse(f"--option {one[:60]!r} must be KEY=VALUE")
        if key not in known:
            hint = f"known: {', '.join(known)}" if known else "it has none"
            raise misuse(f"format {dialect.name} has no option {key[:60]!r}; {hint}")
        try:
            written = known[key] is not str and text[:1] in {"[", "{"}
            values[key] = msgspec.json.decode(text) if written else text
        except msgspec.DecodeError as error:
            raise misuse(f"--option {key} is not JSON: {error}") from None
    try:
        options = msgspec.convert(values, type=dialect.options, strict=False)
    except msgspec.ValidationError as error:
        what = str(error)
        raise misuse(f"an option of format {dialect.name} cannot be used: {what[:1].lower()}{what[1:]}") from None
    problem = dialect.check(options)
    if problem:
        raise misuse(problem)
    return options


# --- a sample ---------------------------------------------------------------------------------------------------------


def _sample(dialect: "Dialect[Any]", options: Any, event: str, word: str) -> Sequence["Message"]:
    """The messages of a sample event that the wanted word fits. Raises ValueError with a sentence."""
    from sidecar.dialects.contract import Audience, samples
    from sidecar.domain.event import HAPPENINGS, EventType

    voice = dialect.bind(options, [word or event or EventType.PUSHED])
    wanted = EventType(event) if event in HAPPENINGS else None
    if event and wanted is None:
        if word:
            raise ValueError(f"--event {event[:60]!r} is not one of {', '.join(HAPPENINGS)}")
        word = dialect.aliases(options).get(event, event)  # a vendor's word will do as well
    for sample in samples([wanted] if wanted is not None else [one for one in EventType if one in voice.types]):
        said = voice.words(sample, untagged=True)
        if said:
            audience = Audience("sample", 1)
            if problem := voice.rehearse(audience):
                print(f"warning: no subscription is taken with this, since {problem}", file=sys.stderr)
            return [one for each in said for one in voice.render(sample, each, audience)]
    raise ValueError(f"format {dialect.name} does not say {word} of {event}")


# --- a registry's own notification ------------------------------------------------------------------------------------


def _told(names: Iterable[str], hostname: str) -> list["Event"]:
    """The events that these envelopes tell, in order, of a registry of which nothing was known before."""
    import time

    from sidecar.domain.catalogue import Catalogue, Facts
    from sidecar.domain.errors import Unreadable
    from sidecar.domain.event import RegistryRef
    from sidecar.domain.fold import Fold
    from sidecar.domain.record import Record, RecordKind
    from sidecar.domain.registry import Registry
    from sidecar.registry.envelope import split
    from sidecar.registry.normalise import normalise

    registry = Registry(ref=RegistryRef(name="main", hostname=hostname))
    fold = Fold(Catalogue(Facts()), {registry.name: registry})
    events: list[Event] = []
    seen: set[str] = set()
    for name in names:
        try:
            parts = split(_read(name))
            for identity, raw in parts:
                if identity in seen:
                    continue
                seen.add(identity)
                record = Record(len(seen), RecordKind.REGISTRY, registry.name, identity, time.time_ns(), raw)
                notice = normalise(record, registry, "")
                folded = fold.notice(notice)
                events += folded.events
                if not folded.events:
                    print(f"record {identity}: no event ({folded.outcome})", file=sys.stderr)
        except Unreadable as error:
            raise Failure(f"--envelope {name}: {error}", ExitCode.USAGE) from None
    return events


def _read(name: str) -> bytes:
    if name == "-":
        return sys.stdin.buffer.read()
    try:
        return Path(name).read_bytes()
    except OSError as error:
        raise Failure(f"--envelope {name} cannot be read ({error.strerror})", ExitCode.USAGE) from None


def _say(dialect: "Dialect[Any]", options: Any, event: "Event", word: str) -> Iterator["Message"]:
    """What the format says of an event: the one word, or every word that fits."""
    from sidecar.dialects.contract import Audience
    from sidecar.domain.event import EventType

    names: Sequence[str] = [word] if word else [one for one in EventType if dialect.says(one, options)]
    voice = dialect.bind(options, names)
    said = voice.words(event, untagged=True)
    if not said:
        print(f"{event.type} of {event.repository.path}: no word", file=sys.stderr)
    for one in said:
        yield from voice.render(event, one, Audience("sample", 1))
