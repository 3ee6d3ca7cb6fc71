"""DTR's words for what its own jobs did: PROMOTION, PUSH_MIRRORING, POLL_MIRRORING, SCANNER_UPDATE_COMPLETED.

PROMOTION has the keys that a receiver of DTR 2.4 reads. No body of the two mirroring events was ever published: theirs
are the keys of the API's Mirroring. SCANNER_UPDATE_COMPLETED is the manual's, in snake case, and of no repository.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final

from sidecar.domain import instant
from sidecar.domain.details import Direction, Mirror, Promotion, Scanner
from sidecar.domain.event import Event, EventType

_ZERO = "0001-01-01T00:00:00Z"  # how Go writes a time that never was


def _mirrors(direction: Direction) -> Callable[[Event], bool]:
    """Of one repository, in this direction; the direction is PULL where nobody told it."""
    return lambda event: bool(event.repository.path) and _mirror(event).direction is direction


WORDS: Final = (
    ("PROMOTION", frozenset({EventType.PROMOTED}), lambda event: isinstance(event.details, Promotion)),
    ("PUSH_MIRRORING", frozenset({EventType.MIRROR_SUCCEEDED}), _mirrors(Direction.PUSH)),
    ("POLL_MIRRORING", frozenset({EventType.MIRROR_SUCCEEDED}), _mirrors(Direction.PULL)),
    ("SCANNER_UPDATE_COMPLETED", frozenset({EventType.SCANNER_UPDATED}), lambda _event: True),
)


def _promotion(event: Event) -> tuple[dict[str, Any], str]:
    promotion = event.details
    assert isinstance(promotion, Promotion)  # else the word does not fit
    source = f"{event.repository.namespace}/{event.repository.name}"
    contents = {
        "promotionPolicyID": promotion.policy,
        "digest": event.artifact.digest,
        "sourceRepository": source,
        "sourceTag": event.tag,
        "targetRepository": promotion.target_repository,
        "targetTag": promotion.target_tag,
        "promotedAt": instant.rfc3339(event.time),
    }
    return contents, f"/repositories/{source}/tags/{event.tag}"


def _mirroring(event: Event) -> tuple[dict[str, Any], str]:
    mirror = _mirror(event)
    tag = mirror.remote_tag or event.tag
    contents = {
        "mirroringPolicyID": mirror.policy,
        "digest": event.artifact.digest,
        "remoteRepository": _without_host(mirror.remote_repository),
        "remoteTag": tag,
    }
    place = f"/repositories/{event.repository.namespace}/{event.repository.name}"
    return contents, f"{place}/tags/{event.tag or tag}" if event.tag or tag else place


def _scanner(event: Event) -> tuple[dict[str, Any], str]:
    scanner = event.details if isinstance(event.details, Scanner) else Scanner()
    contents = {
        "scanner_version": scanner.version,
        "scanner_updated_at": _time(scanner.updated),
        "db_version": scanner.db_version,
        "db_updated_at": _time(scanner.db_updated),
        "success": scanner.success,
        "replicas": {
            one.id: {"db_updated_at": _time(one.db_updated), "version": one.version, "replica_id": one.id}
            for one in scanner.replicas
        },
    }
    return contents, ""


CONTENTS: Final[Mapping[str, Callable[[Event], tuple[dict[str, Any], str]]]] = {
    "PROMOTION": _promotion,
    "PUSH_MIRRORING": _mirroring,
    "POLL_MIRRORING": _mirroring,
    "SCANNER_UPDATE_COMPLETED": _scanner,
}


def _mirror(event: Event) -> Mirror:
    return event.details if isinstance(event.details, Mirror) else Mirror()


def _time(text: str) -> str:
    return instant.rfc3339(instant.parse_rfc3339(text)) if text else _ZERO


def _without_host(repository: str) -> str:
    """DTR names the remote host apart from the repository."""
    head, slash, rest = repository.partition("/")
    return rest if slash and ("." in head or ":" in head or head == "localhost") else repository
