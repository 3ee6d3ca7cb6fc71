"""Subscriptions: the last checks between keys, and the voice that format, options and events come to."""

import ipaddress
from collections.abc import Iterable, Sequence
from collections.abc import Mapping as Lookup
from typing import Any
from urllib.parse import urlsplit

from sidecar import dialects
from sidecar.config import keypairs, options
from sidecar.config.grouping import grouping
from sidecar.config.mail import mailed
from sidecar.config.problems import Problems
from sidecar.config.registries import globs
from sidecar.config.settings import Bound
from sidecar.config.shapes import BAD, either
from sidecar.config.tables import Section
from sidecar.config.transports import Transports
from sidecar.config.tree import Mapping
from sidecar.dialects.contract import Audience, Dialect, Voice
from sidecar.domain import signing
from sidecar.domain.event import Kind
from sidecar.domain.header_names import SIGNED_BY
from sidecar.domain.mail import MailServer
from sidecar.domain.registry import Registry
from sidecar.domain.secret import Secret
from sidecar.domain.subscription import DEFAULT_EVENTS, Match, Order, Policy, Retry, Signing, SignScheme, Subscription


def subscriptions(
    sections: Sequence[Section],
    registries: Sequence[Registry],
    transports: Transports,
    problems: Problems,
    there: MailServer | None = None,
) -> tuple[Bound, ...]:
    """The subscriptions that could be read whole; everything else is reported. `there` is where mail is handed in."""
    names = _names(sections, problems)
    known = {one.name: one for one in registries}
    bound: list[Bound] = []
    for section in sections:
        found = _subscription(section, names, known, transports, problems)
        if found is not None:
            found = mailed(section, found, there, problems)
            _warn(section, found.subscription, known, problems)
            bound.append(found)
    return tuple(bound)


def _names(sections: Sequence[Section], problems: Problems) -> dict[str, Section]:
    names: dict[str, Section] = {}
    former: dict[str, str] = {}
    for section in sections:
        name = section.get("name")
        if name in names:
            problems.add(
                section.line("name"),
                f"{section.path}.name {section.shown('name')} is already taken: name each subscription once",
            )
        elif name is not None:
            names[name] = section
    for section in sections:
        old = section.get("formerly")
        if old is None:
            continue
        subject = f"{section.path}.formerly {section.shown('formerly')}"
        if old in names:
            problems.add(section.line("formerly"), f"{subject} is a subscription of this file: name one that is gone")
        elif former.setdefault(old, section.path) != section.path:
            problems.add(section.line("formerly"), f"{subject} is already taken over by {former[old]}: name it once")
    return names


def _subscription(
    section: Section,
    names: Lookup[str, Section],
    registries: Lookup[str, Registry],
    transports: Transports,
    problems: Problems,
) -> Bound | None:
    match = _match(section.get("match"), registries, problems)
    policy = _policy(section.get("delivery"), problems)
    headers = _headers(section, problems)
    known = not section.has("preset") or "preset" in section.values  # by which scheme it signs
    signed, public = _signing(section.get("sign") if known else None, headers, section, problems)
    transport = transports.of(section)
    spoken = _voice(section, problems)
    name, url = section.get("name"), section.get("url")
    if spoken is None or url is None or names.get(name) is not section:
        return None
    voice, events = spoken
    if not _sent_there(section, voice, problems):
        return None
    return Bound(
        Subscription(
            name=name,
            format=section.get("format"),
            url=url,
            events=events,
            match=match,
            headers=headers,
            signing=signed,
            transport=transport,
            policy=policy,
            group=grouping(section, voice, problems),
            enabled=section.get("enabled", True),
            formerly=section.get("formerly", ""),
        ),
        voice,
        public,
        section.get("preset", ""),
    )


def _voice(section: Section, problems: Problems) -> tuple[Voice, tuple[str, ...]] | None:
    """The bound dialect and the event names, None after mistakes were reported (here or when the keys were read)."""
    form = section.get("format")
    if form is None or (section.has("events") and "events" not in section.values):
        return None
    if section.has("options") and "options" not in section.values:
        return None
    dialect: Dialect[Any] = dialects.load()[form]
    node = section.get("options") or Mapping(path=f"{section.path}.options", line=section.line(), entries={})
    chosen = options.read(dialect, node, problems)
    if chosen is BAD:
        return None
    problem = dialect.check(chosen)
    if problem:
        problems.add(options.line(node, problem), options.redact(f"{node.path}: {problem}", node))
        return None
    written: list[str] | None = section.get("events")
    if written is None:
        events = tuple(str(one) for one in DEFAULT_EVENTS if dialect.says(one, chosen))
        if not events:
            problem = f"format {form} with these options says none of the usual events"
            problems.add(section.line(), f"{section.path} needs `events`: {problem}")
            return None
    else:
        events = tuple(written)
        unsaid = [(at, one) for at, one in enumerate(events) if not dialect.says(one, chosen)]
        for at, one in unsaid:
            line = section.item_line("events", at)
            problems.add(line, _about_events(section, f"{section.path}.events[{at}]: {dialect.refusal(one, chosen)}"))
        if unsaid:
            return None
    try:
        voice = dialect.bind(chosen, events)
    except ValueError as error:
        problems.add(section.line("events"), _about_events(section, f"{section.path}.events: {error}"))
        return None
    problem = voice.rehearse(Audience(section.get("name", ""), url=section.get("url") or ""))
    if problem:
        problems.add(options.line(node, problem), options.redact(f"{node.path}: {problem}", node))
        return None
    return voice, events


def _sent_there(section: Section, voice: Voice, problems: Problems) -> bool:
    """Whether the format is sent to where the URL points; reports what makes no sense on that way."""
    scheme = section.get("url").partition(":")[0]
    if scheme not in voice.schemes:
        ways = either(tuple(f"{one}://" if one.startswith("http") else f"{one}:" for one in voice.schemes))
        sentence = f"{section.path}.url must begin with {ways} for format {voice.format} with these options"
        problems.add(section.line("url"), sentence)
        return False
    if scheme in {"http", "https"}:
        return True
    senseless = ("sign", "proxy") if scheme == "mailto" else ("sign", "proxy", "headers")
    for key in senseless:
        if section.has(key) and section.get(key):
            problems.add(section.line(key), f"{section.path}.{key} has no meaning for {scheme}: remove it")
    return True


def _about_events(section: Section, sentence: str) -> str:
    node = section.node.value("events")
    return sentence if node is None else options.redact(sentence, node)


def _match(section: Section | None, registries: Lookup[str, Registry], problems: Problems) -> Match:
    if section is None:
        return Match()
    wanted: list[str] = section.get("registries", [])
    for index, name in enumerate(wanted):
        if name not in registries:
            subject = f"{section.path}.registries[{index}] {section.shown('registries', index)}"
            there = ", ".join(registries) or "none"
            line = section.item_line("registries", index)
            problems.add(line, f"{subject} is not a registry of this file: there is {there}")
    given: dict[str, Any] = {}
    if "kinds" in section.values:
        given["kinds"] = frozenset(Kind(word) for word in section.get("kinds"))
    return Match(
        registries=frozenset(wanted),
        repositories=globs(section, "repositories", segments=True),
        tags=globs(section, "tags"),
        actors=globs(section, "actors"),
        untagged=section.get("untagged", False),
        **given,
    )


def _policy(section: Section | None, problems: Problems) -> Policy:
    if section is None:
        return Policy()
    plain = ("timeout", "concurrency", "rate", "backlog")
    given: dict[str, Any] = {key: section.values[key] for key in plain if key in section.values}
    if "order" in section.values:
        given["order"] = Order(section.values["order"])
    for key in ("success", "give_up_on"):
        if key in section.values:
            given[key] = _statuses(section.values[key])
    if "retry" in section.values:
        given["retry"] = _retry(section.values["retry"], problems)
    return Policy(**given)


def _statuses(items: Iterable[int | frozenset[int]]) -> frozenset[int]:
    return frozenset().union(*(frozenset({one}) if isinstance(one, int) else one for one in items))


def _retry(section: Section, problems: Problems) -> Retry:
    retry = Retry(**section.values)
    for key in ("max_delay", "initial"):
        if section.has(key) and retry.max_delay < retry.initial:
            problems.add(section.line(key), f"{section.path}.max_delay must not be shorter than `initial`")
            break
    return retry


def _headers(section: Section, problems: Problems) -> tuple[tuple[str, Secret], ...]:
    given: dict[str, Secret] = section.get("headers", {})
    first: dict[str, str] = {}
    node = section.node.value("headers")
    for name in given:
        if first.setdefault(name.lower(), name) != name:
            line = node.entries[name].line if isinstance(node, Mapping) else section.line()
            problems.add(line, f"{section.path}.headers.{name} is the same header as {first[name.lower()]}: keep one")
    url = section.get("url")
    if url is not None and "authorization" in first and "@" in urlsplit(url).netloc:
        problems.add(
            section.line("url"),
            f"{section.path}.url carries credentials and headers.{first['authorization']} does too: keep one of them",
        )
    return tuple(given.items())


def _signing(
    section: Section | None, headers: Iterable[tuple[str, Secret]], owner: Section, problems: Problems
) -> tuple[Signing | None, tuple[str, ...]]:
    """The signing, and the public keys of the private ones among its secrets."""
    if section is None or "secrets" not in section.values or (section.has("scheme") and "scheme" not in section.values):
        return None, ()
    scheme = SignScheme(section.get("scheme", SignScheme.STANDARD))
    secrets: list[Secret] = section.get("secrets")
    if scheme is not SignScheme.STANDARD and len(secrets) > 1:
        sentence = f"{section.path}.secrets must be one secret: scheme {scheme} can show only one signature"
        problems.add(section.line("secrets"), sentence)
    public: list[str] = []
    for index, secret in enumerate(secrets):
        problem = signing.problem(scheme, secret.reveal())
        if not problem and signing.asymmetric(scheme, secret.reveal()):
            shown, problem = keypairs.public_key(secret.reveal())
            public.append(shown)
        if problem:
            problems.add(section.item_line("secrets", index), f"{section.path}.secrets[{index}] {problem}")
    for name, _ in headers:
        if name.lower() == SIGNED_BY.get(scheme):
            problems.add(
                owner.line("headers"), f"{owner.path}.headers.{name} is what `sign` writes: remove one of the two"
            )
    return Signing(scheme=scheme, secrets=tuple(secrets)), tuple(public)


def _warn(section: Section, found: Subscription, registries: Lookup[str, Registry], problems: Problems) -> None:
    parts = urlsplit(found.url)
    if parts.scheme == "http" and not _loopback(parts.hostname or ""):
        for name, _ in found.headers:
            if name.lower() == "authorization":
                sentence = f"{section.path}.url is http, so headers.{name} travels unencrypted: use https"
                problems.warn(section.line("url"), sentence)
    if found.format not in {"harbor", "quay"}:
        return
    for name, registry in registries.items():
        host = registry.ref.hostname
        heard = not found.match.registries or name in found.match.registries
        if heard and "." not in host and ":" not in host and host != "localhost":
            problems.warn(
                section.line("format"),
                f"{section.path} names images on {host!r}, which receivers such as Keel take for Docker Hub: "
                f"give registry {name} a hostname with a dot or a port",
            )


def _loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
