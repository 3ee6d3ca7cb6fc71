"""From a journalled record to what it says."""

from collections.abc import Callable, Mapping

from sidecar.domain.errors import Unreadable
from sidecar.domain.expiring import read as read_setting
from sidecar.domain.notice import Notice
from sidecar.domain.observation import read as read_observation
from sidecar.domain.record import QuarantineReason, Record, RecordKind
from sidecar.domain.registry import Registry
from sidecar.domain.stated import read as read_statement
from sidecar.registry.normalise import normalise

_READ = {
    RecordKind.OBSERVATION: read_observation,
    RecordKind.INTAKE: read_statement,
    RecordKind.EXPIRY: read_setting,
}


class Reading:
    """Reads records of configured registries; `met` hears when they come from another registry process than before."""

    def __init__(self, own_agent: str, met: Callable[[str, str], None] | None) -> None:
        self._own_agent = own_agent
        self._met = met
        self._instance = ""

    def notice(self, record: Record, registries: Mapping[str, Registry]) -> Notice:
        """What the record says. Raises Unreadable."""
        registry = registries.get(record.registry)
        if registry is None:
            raise Unreadable(
                QuarantineReason.UNKNOWN_REGISTRY, f"no registry is named {record.registry!r} any more; name it again"
            )
        if record.kind is not RecordKind.REGISTRY:
            return _READ[record.kind](record)
        notice = normalise(record, registry, self._own_agent)
        if self._met is not None and notice.origin.instance != self._instance:
            self._instance = notice.origin.instance
            self._met(notice.registry, self._instance)
        return notice
