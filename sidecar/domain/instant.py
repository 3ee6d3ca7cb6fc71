"""Instants: whole nanoseconds since 1970-01-01T00:00:00Z, as `int`.

A nanosecond integer keeps every digit that a registry writes, orders correctly, fits SQLite's 64 bits until 2262,
and prints back as the text it came from.
"""

import re
from datetime import date, datetime, timedelta

MILLISECOND = 1_000_000
SECOND = 1_000_000_000
MINUTE = 60 * SECOND
HOUR = 3600 * SECOND
DAY = 24 * HOUR

_RFC3339 = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)[Tt ](\d\d):(\d\d):(\d\d)(?:\.(\d{1,9})\d*)?(?:[Zz]|([+-])(\d\d):(\d\d))", re.ASCII
)
_EPOCH_DAY = date(1970, 1, 1).toordinal()
_EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001 - naive on purpose: only ever used for UTC arithmetic


def parse_rfc3339(text: str) -> int:
    """Nanoseconds of an RFC 3339 text with 0 to 9 fractional digits (more are cut) and `Z` or an offset.

    Raises ValueError for anything else. A leap second counts as the first instant of the next minute.
    """
    found = _RFC3339.fullmatch(text)
    if found is None:
        raise ValueError(f"not an RFC 3339 time: {text[:40]!r}")
    year, month, day, hour, minute, second, fraction, sign, off_hour, off_minute = found.groups()
    days = date(int(year), int(month), int(day)).toordinal() - _EPOCH_DAY
    hours, minutes, seconds = int(hour), int(minute), int(second)
    if hours > 23 or minutes > 59 or seconds > 60:
        raise ValueError(f"not a time of day: {text[:40]!r}")
    total = days * 86400 + hours * 3600 + minutes * 60 + seconds
    if sign:
        offset = int(off_hour) * 3600 + int(off_minute) * 60
        total += -offset if sign == "+" else offset
    return total * SECOND + (int(fraction.ljust(9, "0")) if fraction else 0)


def rfc3339(instant: int) -> str:
    """UTC text with `Z`, up to nine fractional digits, trailing zeros trimmed (Go's RFC3339Nano)."""
    seconds, nanos = divmod(instant, SECOND)
    text = (_EPOCH + timedelta(seconds=seconds)).isoformat()[:19]
    if nanos:
        return f"{text}.{nanos:09d}".rstrip("0") + "Z"
    return text + "Z"


def rfc3339_seconds(instant: int) -> str:
    """UTC text in whole seconds, rounded down."""
    return (_EPOCH + timedelta(seconds=instant // SECOND)).isoformat()[:19] + "Z"
