"""Times as Harbor prints them, always with a zone, and as its query language compares them."""

from datetime import UTC, datetime, timedelta

from sidecar.domain import instant

NEVER = "0001-01-01T00:00:00.000Z"
NEVER_IN_SECONDS = "0001-01-01T00:00:00Z"


def milliseconds(at: int) -> str:
    """RFC 3339 with exactly three digits, as policies, projects and jobs show it; 0 = never."""
    if not at:
        return NEVER
    return f"{instant.rfc3339_seconds(at)[:-1]}.{at // instant.MILLISECOND % 1000:03d}Z"


def seconds(at: int) -> str:
    """RFC 3339 in whole seconds, as executions and tasks show it; 0 = never."""
    return instant.rfc3339_seconds(at) if at else NEVER_IN_SECONDS


def moment(at: int) -> datetime:
    """For comparing, to the microsecond."""
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=at // 1000)
