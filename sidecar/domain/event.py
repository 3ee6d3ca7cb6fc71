"""Events: what happened, in our words."""

import enum
import hashlib

import msgspec

from sidecar.domain.details import Details


class EventType(enum.StrEnum):
    """The canonical types of what a registry can tell, and of what only others can tell of it."""

    PUSHED = "artifact.pushed"
    PULLED = "artifact.pulled"
    CHECKED = "artifact.checked"
    DELETED = "artifact.deleted"
    TAG_DELETED = "tag.deleted"
    REPOSITORY_CREATED = "repository.created"
    REPOSITORY_UPDATED = "repository.updated"
    REPOSITORY_DELETED = "repository.deleted"
    SCAN_COMPLETED = "scan.completed"
    SCAN_FAILED = "scan.failed"
    SCAN_STOPPED = "scan.stopped"
    SCANNER_UPDATED = "scanner.updated"
    QUOTA_EXCEEDED = "quota.exceeded"
    QUOTA_WARNING = "quota.warning"
    EXPIRING = "artifact.expiring"
    BUILD_QUEUED = "build.queued"
    BUILD_STARTED = "build.started"
    BUILD_SUCCEEDED = "build.succeeded"
    BUILD_FAILED = "build.failed"
    BUILD_CANCELLED = "build.cancelled"
    MIRROR_STARTED = "mirror.started"
    MIRROR_SUCCEEDED = "mirror.succeeded"
    MIRROR_FAILED = "mirror.failed"
    PROMOTED = "promotion.completed"
    RETENTION_FINISHED = "retention.finished"
    TEST = "test"  # nothing happened: somebody asked for a sample. No registry tells it, nobody can subscribe to it


HAPPENINGS = tuple(one for one in EventType if one is not EventType.TEST)

# What happened to an artifact; all others have neither kind nor tags that a filter could judge. Looked through in this
# order, which costs a fraction of a look-up in a set.
OF_ARTIFACTS = (
    EventType.PUSHED,
    EventType.PULLED,
    EventType.DELETED,
    EventType.TAG_DELETED,
    EventType.CHECKED,
    EventType.SCAN_COMPLETED,
    EventType.SCAN_FAILED,
    EventType.SCAN_STOPPED,
    EventType.EXPIRING,
    EventType.PROMOTED,
)

# What happened to a whole namespace, also where a repository is named: the one whose push made it happen.
OF_NAMESPACES = (EventType.QUOTA_EXCEEDED, EventType.QUOTA_WARNING, EventType.RETENTION_FINISHED)


class Kind(enum.StrEnum):
    """What an artifact is. UNKNOWN is an OCI manifest of which neither references nor an API told more."""

    IMAGE = "image"
    INDEX = "index"
    CHART = "chart"
    ARTIFACT = "artifact"
    SIGNATURE = "signature"
    ATTESTATION = "attestation"
    SBOM = "sbom"
    UNKNOWN = "unknown"


class Descriptor(msgspec.Struct, frozen=True, rename="camel", omit_defaults=True):
    """A reference out of a manifest: config, layer, or child of an index (OCI image-spec descriptor)."""

    media_type: str = ""
    digest: str = ""
    size: int = 0
    artifact_type: str = ""
    annotations: dict[str, str] | None = None
    platform: dict[str, msgspec.Raw] | None = None


class Artifact(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A manifest or index. `size` is the bytes of that document, not of the image; 0 and "" mean not known.

    `manifest_read` and `config_read` say that nothing more can be learned from the manifest and from its config blob:
    they were read, or there is nothing in them to read. What they did not tell is empty then.
    """

    digest: str = ""
    media_type: str = ""
    size: int = 0
    kind: Kind = Kind.UNKNOWN
    references: tuple[Descriptor, ...] = ()
    os: str = ""
    architecture: str = ""
    artifact_type: str = ""
    subject: str = ""  # digest of the manifest that this one refers to
    annotations: dict[str, str] | None = None
    labels: dict[str, str] | None = None  # of the image's config
    manifest_read: bool = False
    config_read: bool = False

    @property
    def config_digest(self) -> str:
        """Digest of the config blob, "" where references did not tell or the artifact is an index."""
        return "" if self.config is None else self.config.digest

    @property
    def config(self) -> Descriptor | None:
        """The config's descriptor, None where references did not tell or the artifact is an index."""
        return self.references[0] if self.references and self.kind is not Kind.INDEX else None

    @property
    def image_size(self) -> int:
        """Bytes of config and layers together, as they are stored; 0 where references did not tell, or of an index."""
        return 0 if self.kind is Kind.INDEX else sum(one.size for one in self.references)


class RegistryRef(msgspec.Struct, frozen=True, kw_only=True):
    """The registry as its users know it. `hostname` carries the port; `homepage` is a template or ""."""

    name: str
    hostname: str
    scheme: str = "https"
    homepage: str = ""


class Repository(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Where it happened.

    `path` is the whole name without host; `namespace` its first segment (or the default), `name` the rest.
    `namespace_id` counts up from 1 over all registries. `created` is the instant of the first push seen, or None.
    What happened to a whole namespace has `path` and `name` only where one repository made it happen, and
    `holds_single` says whether repositories named by one segment are in it; what happened to the whole registry has no
    namespace either.
    """

    path: str
    namespace: str
    name: str
    namespace_id: int = 0
    public: bool = False
    created: int | None = None
    holds_single: bool = False


class Request(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The client's request at the registry, as the registry told it. `client` is the address without port."""

    id: str = ""
    client: str = ""
    addr: str = ""
    host: str = ""
    method: str = ""
    user_agent: str = ""


class Origin(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The record an event was made from: enough to say it again in the registry's own form."""

    record: str = ""  # id of the record
    number: int = 0  # number in the journal
    action: str = ""
    url: str = ""
    addr: str = ""  # source.addr: the registry's own node name
    instance: str = ""  # source.instanceID
    from_repository: str = ""


class Event(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What happened, once.

    `id` is a UUID made from the record and its acceptance, so a replay of the journal makes the same one.
    `time` is the record's own time, `accepted` when the journal took it (both nanoseconds).
    `tags` is empty for untagged artifacts; a deletion carries all tags it took, newest push first.
    `previous_digest` and `changed` are None where they cannot be known (a late record, not a push).
    `details` is what types beyond pushes, pulls and deletions have to tell; None of those, and where nobody told.
    `only` is the name of the one subscription that is told of it, "" = every one that wants to hear of it.
    """

    id: str
    type: EventType
    time: int
    accepted: int
    registry: RegistryRef
    repository: Repository
    artifact: Artifact = Artifact()
    tags: tuple[str, ...] = ()
    ever_tagged: bool = False
    previous_digest: str | None = None
    changed: bool | None = None
    recovered: bool = False
    actor: str = ""
    request: Request = Request()
    origin: Origin = Origin()
    details: Details | None = None
    only: str = ""

    @property
    def tag(self) -> str:
        """The first tag, or ""."""
        return self.tags[0] if self.tags else ""

    @property
    def untagged(self) -> bool:
        """Whether `match.untagged` gates this event: an untagged push, or the end of what never had a tag."""
        if self.type is EventType.PUSHED:
            return not self.tags
        return self.type is EventType.DELETED and not self.tags and not self.ever_tagged


_VARIANT = {digit: "89ab"[int(digit, 16) & 3] for digit in "0123456789abcdef"}


def stable_uuid(*parts: str) -> str:
    """A version 5 UUID over our own name space: the same parts always give the same id."""
    text = hashlib.sha1("\n".join(parts).encode(), usedforsecurity=False).hexdigest()
    return f"{text[:8]}-{text[8:12]}-5{text[13:16]}-{_VARIANT[text[16]]}{text[17:20]}-{text[20:32]}"


def ordered_uuid(instant: int, *parts: str) -> str:
    """A version 8 UUID that begins with the instant's milliseconds: the same parts always give the same id.

    Ids that grow with time keep an index over them small in motion: new ones land on the same few pages.
    """
    text = hashlib.sha1("\n".join(parts).encode(), usedforsecurity=False).hexdigest()
    time = f"{instant // 1_000_000 & 0xFFFFFFFFFFFF:012x}"
    return f"{time[:8]}-{time[8:]}-8{text[:3]}-{_VARIANT[text[3]]}{text[4:7]}-{text[7:19]}"
