"""Quotas, ends of tags, builds, mirrors, promotions and retention, told to people."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Final

from sidecar.dialects.story import (
    MESSAGE,
    MOST,
    SHORT,
    Fact,
    Link,
    Span,
    Teller,
    Text,
    Told,
    Tone,
    address,
    amount,
    by,
    code,
    codes,
    count,
    moment,
    name,
    place,
    plain,
    series,
    short,
)
from sidecar.domain import instant
from sidecar.domain.details import (
    Build,
    Commit,
    Direction,
    Expiry,
    Mirror,
    MirroredArtifact,
    Promotion,
    Quota,
    Retention,
)
from sidecar.domain.event import Event, EventType
from sidecar.domain.expiry import DAYS

# --- quotas and ends --------------------------------------------------------------------------------------------------


def _quota(event: Event) -> Told:
    beyond = event.type is EventType.QUOTA_EXCEEDED
    tone = Tone.BAD if beyond else Tone.WARNING
    whole = (Span("The namespace "), code(event.repository.namespace or event.registry.hostname))
    quota = event.details
    if not isinstance(quota, Quota):
        return (*whole, Span(" went beyond its quota" if beyond else " is close to its quota")), (), (), tone
    used = f"{quota.percent}% of its quota: {amount(quota.used)} of {amount(quota.limit)}"
    facts = [] if beyond else [Fact("Threshold", plain(f"{quota.threshold}%"))]
    if quota.asked:
        facts.append(Fact("Added last", plain(amount(quota.asked))))
    return (*whole, Span(f" uses {used}")), facts, (), tone


def _expiring(event: Event) -> Told:
    told = event.details if isinstance(event.details, Expiry) else Expiry()
    days = told.days or DAYS
    ends = {one.tag: one.expires for one in told.tags}
    tags = list(dict.fromkeys((*event.tags, *ends)))
    parts = [(code(one), *_until(ends.get(one, ""))) for one in tags[:MOST]]
    hidden = len(tags) - MOST
    facts = (Fact("Tags", series(parts, f"{hidden:,} more" if hidden > 0 else "")),) if parts else ()
    within = f" within {count(days, 'day')}"
    repository = code(event.repository.path or event.repository.namespace)
    ending = "ends" if len(tags) == 1 else "end"
    return (Span(f"{count(len(tags), 'tag')} of "), repository, Span(f" {ending}{within}")), facts, (), Tone.WARNING


def _until(text: str) -> Text:
    return plain(f" (until {moment(instant.parse_rfc3339(text))})") if text else ()


# --- builds -----------------------------------------------------------------------------------------------------------

_REFS: Final = (("refs/heads/", "branch "), ("refs/tags/", "tag "))
_BUILDS: Final = {
    EventType.BUILD_QUEUED: ("was queued", Tone.NEWS),
    EventType.BUILD_STARTED: ("has started", Tone.NEWS),
    EventType.BUILD_SUCCEEDED: ("succeeded", Tone.GOOD),
    EventType.BUILD_FAILED: ("failed", Tone.BAD),
    EventType.BUILD_CANCELLED: ("was cancelled", Tone.WARNING),
}


def _build(event: Event) -> Told:
    build = event.details if isinstance(event.details, Build) else Build()
    verb, tone = _BUILDS[event.type]
    source = build.source or Commit()
    called = build.name or source.commit[:SHORT] or build.id or ""
    named = (Span("The build "), code(called), Span(" of ")) if called else (Span("A build of "),)
    sentence = (*named, code(event.repository.path or event.repository.namespace), Span(f" {verb}"))
    facts: list[Fact] = []
    tags = event.tags if build.tags is None else build.tags
    if tags:
        facts.append(Fact("Tags", codes(tags)))
    if build.error:
        facts.append(Fact("Error", (code(build.error, MESSAGE),)))
    facts += _source(source)
    if build.manual_user:
        facts.append(Fact("Started", (Span("by hand, by "), name(build.manual_user))))
    elif build.manual or build.trigger_kind:
        facts.append(Fact("Started", (Span("by "), name("hand" if build.manual else build.trigger_kind or ""))))
    facts += _who(event)
    pages = (("Build", build.url or ""), ("Commit", source.url))
    links = [Link(label, page) for label, page in ((label, address(url)) for label, url in pages) if page]
    return sentence, facts, links, tone


def _who(event: Event) -> Sequence[Fact]:
    """Who is named beside something that ran by itself."""
    return (Fact("By", (name(event.actor),)),) if event.actor else ()


def _source(source: Commit) -> Sequence[Fact]:
    facts = []
    if source.ref:
        kind, ref = next(
            ((kind, source.ref.removeprefix(head)) for head, kind in _REFS if source.ref.startswith(head)),
            ("", source.ref),
        )
        facts.append(Fact("Source", (Span(kind), code(ref))))
    if source.commit:
        author = (Span(" by "), name(source.author.username)) if source.author and source.author.username else ()
        facts.append(Fact("Commit", (code(source.commit[:SHORT]), *author)))
    if source.message:
        facts.append(Fact("Message", (name(source.message.strip().split("\n", 1)[0]),)))
    return facts


# --- mirrors, promotions, retention -----------------------------------------------------------------------------------

_MIRRORS: Final = {
    EventType.MIRROR_STARTED: ("has started", Tone.NEWS),
    EventType.MIRROR_SUCCEEDED: ("succeeded", Tone.GOOD),
    EventType.MIRROR_FAILED: ("failed", Tone.BAD),
}


def _mirror(event: Event) -> Told:
    mirror = event.details if isinstance(event.details, Mirror) else Mirror()
    verb, tone = _MIRRORS[event.type]
    here = code(event.repository.path or event.repository.namespace or event.registry.hostname)
    remote = mirror.remote_repository or mirror.remote.name or mirror.remote.url
    there = code(remote) if remote else Span("another registry")
    source, target = (here, there) if mirror.direction is Direction.PUSH else (there, here)
    sentence = (Span("Mirroring "), source, Span(" to "), target, Span(f" {verb}"))
    facts: list[Fact] = []
    if mirror.remote_tag or mirror.tag_patterns:
        facts.append(Fact("Mirrored tags", codes((mirror.remote_tag,) if mirror.remote_tag else mirror.tag_patterns)))
    if mirror.error:
        facts.append(Fact("Error", (code(mirror.error, MESSAGE),)))
    for label, artifacts in (("Copied", mirror.copied), ("Not copied", mirror.failed)):
        if artifacts:
            facts.append(Fact(label, codes(_references(artifacts))))
    if mirror.trigger:
        facts.append(Fact("Started", (name(mirror.trigger.lower().replace("_", " ")),)))
    facts += _who(event)
    return sentence, facts, (), tone


def _references(artifacts: Sequence[MirroredArtifact]) -> list[str]:
    return [
        said
        for one in artifacts
        for said in ([_leaf(one.repository, ref) for ref in one.references] or [one.repository])
    ]


def _leaf(repository: str, reference: str) -> str:
    return f"{repository}@{short(reference)}" if ":" in reference else f"{repository}:{reference}"


def _promotion(event: Event) -> Told:
    to = event.details
    target = (Span(" to "), code(f"{to.target_repository}:{to.target_tag}")) if isinstance(to, Promotion) else ()
    return (place(event), Span(" was promoted"), *target, *by(event)), (), (), Tone.GOOD


def _retention(event: Event) -> Told:
    run = event.details if isinstance(event.details, Retention) else Retention()
    where = code(event.repository.namespace or event.registry.hostname)
    removed = max(len(run.deleted), run.total - run.retained)
    facts = []
    if run.deleted:
        names = [
            f"{one.repository}:{one.tag}" if one.tag else f"{one.repository}@{short(one.digest)}" for one in run.deleted
        ]
        facts.append(Fact("Removed", codes(names)))
    if run.retained:
        facts.append(Fact("Kept", plain(f"{run.retained:,}")))
    well = run.result.upper() in {"", "SUCCESS"}
    if not well:
        facts.append(Fact("Result", (name(run.result),)))
    total = f" of {count(run.total, 'artifact')}" if run.total else f" {'artifact' if removed == 1 else 'artifacts'}"
    sentence = (Span("Retention in "), where, Span(f" removed {removed:,}{total}"))
    facts += _who(event)
    return sentence, facts, (), Tone.NEWS if well else Tone.BAD


TELLERS: Final[Mapping[EventType, Teller]] = MappingProxyType(
    {
        EventType.QUOTA_EXCEEDED: _quota,
        EventType.QUOTA_WARNING: _quota,
        EventType.EXPIRING: _expiring,
        **dict.fromkeys(_BUILDS, _build),
        **dict.fromkeys(_MIRRORS, _mirror),
        EventType.PROMOTED: _promotion,
        EventType.RETENTION_FINISHED: _retention,
    }
)
