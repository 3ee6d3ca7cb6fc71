"""Events as strange as hypothesis can make them, of every type: names without end, names that are mark-up."""

from hypothesis import strategies as st
from msgspec.structs import replace

from sidecar.dialects.contract import sample
from sidecar.domain.details import (
    Build,
    Commit,
    ExpiringTag,
    Expiry,
    Mirror,
    MirroredArtifact,
    Person,
    Promotion,
    RemovedArtifact,
    RepositoryUpdate,
    Retention,
    Scan,
    Scanner,
    Severity,
    Tool,
    Vulnerability,
)
from sidecar.domain.event import HAPPENINGS, Descriptor, EventType, Kind

MARKUP = [
    "<!channel>",
    "<!here|x>",
    "<@U123>",
    "<#C1>",
    "<users/all>",
    "<at>all</at>",
    "@here",
    "@all",
    ".@channel",
    "@everyone",
    "**b**",
    "_i_",
    "~s~",
    "`c`",
    "``",
    "```\n",
    "[t](https://example.com)",
    "<https://example.com|t>",
    "https://example.com/?a=1&b=2",
    "www.example.com",
    "# h",
    "- l",
    "1. l",
    "> q",
    "|",
    "\\",
    "&amp;",
    "&",
    "<",
    '"',
    "'",
    "{{DATE(2026-01-01T00:00:00Z)}}",
    ":smile:",
    "\u202e",
    "\u200b",
    "\x00",
    "\n",
    "\u2028",
    "\U0001f433",
    "é",
    "漢",
    "maria",
    "-",
]
texts = st.one_of(
    st.lists(st.sampled_from(MARKUP), max_size=6).map("".join),
    st.text(max_size=30),
    st.tuples(st.sampled_from(MARKUP), st.integers(50, 900)).map(lambda pair: (pair[0] * pair[1])[:4000]),
)
shorts = texts.map(lambda text: text[:500])  # as long as a detail may be
names = texts.map(lambda text: text[:200] or "x")
urls = st.one_of(
    shorts, texts.map(lambda text: f"https://example.com/{text}"[:500]), st.just("https://example.com/" + "a" * 480)
)


@st.composite
def details(draw, kind):
    """Details of a type, every text of them drawn."""
    short, name, url = (lambda: draw(shorts)), (lambda: draw(names)), (lambda: draw(urls))
    many = draw(st.sampled_from([0, 1, 3, 40]))
    tool = Tool(name=short(), vendor=short(), version=short())
    commit = Commit(commit=short(), ref=short(), url=url(), message=draw(texts), author=Person(username=short()))
    mirrored = tuple(MirroredArtifact(repository=short(), references=(short(),)) for _ in range(many))
    if kind is EventType.SCAN_COMPLETED:
        found = tuple(
            Vulnerability(
                id=name(),
                severity=draw(st.sampled_from(Severity)),
                package=short(),
                fixed_version=short(),
                links=(url(),),
            )
            for _ in range(min(many, 4))
        )
        return Scan(
            scanner=tool,
            severities=dict.fromkeys(draw(st.sets(st.sampled_from(Severity))), 2**63 - 1),
            fixable=draw(st.none() | st.integers(0, 2**63 - 1)),
            vulnerabilities=found,
        )
    if kind in {EventType.SCAN_FAILED, EventType.SCAN_STOPPED}:
        return Scan(scanner=tool, error=draw(texts))
    if kind is EventType.SCANNER_UPDATED:
        return Scanner(version=short(), success=draw(st.booleans()))
    if kind is EventType.EXPIRING:
        return Expiry(tags=tuple(ExpiringTag(tag=f"{name()[:190]}{n}") for n in range(many)), days=3)
    if kind.value.startswith("build."):
        return Build(
            name=short(), tags=tuple(short() for _ in range(many)), source=commit, error=draw(texts), url=url()
        )
    if kind.value.startswith("mirror."):
        return Mirror(
            remote_repository=short(),
            tag_patterns=(short(),),
            trigger=short(),
            copied=mirrored,
            failed=mirrored,
            error=short(),
        )
    if kind is EventType.PROMOTED:
        return Promotion(target_repository=name(), target_tag=name())
    if kind is EventType.RETENTION_FINISHED:
        return Retention(
            result=short(), total=many, deleted=tuple(RemovedArtifact(repository=short()) for _ in range(many))
        )
    if kind is EventType.REPOSITORY_UPDATED:
        return RepositoryUpdate(changed=tuple(short() for _ in range(many)), short_description=draw(texts))
    return sample(kind).details


@st.composite
def events(draw):
    """An event of any type whose every text may be anything."""
    kind = draw(st.sampled_from(HAPPENINGS))
    plain = sample(kind)
    index = draw(st.booleans())
    return replace(
        plain,
        time=draw(st.integers(0, 4 * 10**18)),
        registry=replace(
            plain.registry, hostname=draw(names), homepage=draw(st.sampled_from(["", "https://ui/{repository}"]))
        ),
        repository=replace(plain.repository, path=draw(texts), namespace=draw(names)),
        artifact=replace(
            plain.artifact,
            kind=Kind.INDEX if index else Kind.IMAGE,
            os=draw(shorts),
            references=(Descriptor(size=2**62),) * draw(st.sampled_from([0, 1, 40])),
        ),
        tags=tuple(draw(st.lists(texts, max_size=3))) * draw(st.sampled_from([1, 30])),
        actor=draw(texts),
        recovered=draw(st.booleans()),
        details=draw(details(kind)),
    )
