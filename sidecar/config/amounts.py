"""Durations, rates, sizes and HTTP statuses as people write them. Errors are the rest of a sentence about the key."""

import re
from typing import Final

from sidecar.domain import instant
from sidecar.domain.subscription import Rate

DURATION: Final = r"\d{1,15}(ms|s|m|h|d)"
PACE: Final = r"\d{1,7}/(s|m|h)"
RATE: Final = r"none|\d{1,7}/(s|m|h)"
SIZE: Final = r"\d{1,15}(B|KiB|MiB|GiB|TiB)"
PERCENT: Final = r"([1-9]\d?|100)%"
STATUSES: Final = r"[1-5]xx|[1-5]\d\d(-[1-5]\d\d)?"

DURATION_NEEDS_UNIT: Final = "must say its unit: write ms, s, m, h or d after the number, such as 10s or 3d"
RATE_NEEDS_UNIT: Final = "must say its unit: write /s, /m or /h after the number, such as 50/s"
PERCENT_NEEDS_SIGN: Final = "must be a whole percentage from 1% to 100%, such as 85%"
LONGEST: Final = 3650 * instant.DAY

_TIME_UNITS: Final = {
    "d": instant.DAY,
    "h": instant.HOUR,
    "m": instant.MINUTE,
    "s": instant.SECOND,
    "ms": instant.MILLISECOND,
}
_SIZE_UNITS: Final = {"TiB": 1024**4, "GiB": 1024**3, "MiB": 1024**2, "KiB": 1024, "B": 1}
_AMOUNT: Final = re.compile(r"(\d{1,15})([A-Za-z]*)", re.ASCII)
_RATE: Final = re.compile(r"(\d{1,7})/([smh])", re.ASCII)
_STATUS_RANGE: Final = re.compile(STATUSES, re.ASCII)


def duration(text: str) -> int:
    """Nanoseconds of a whole number with its unit: `500ms`, `10s`, `300m`, `24h`, `3d`. Raises ValueError."""
    found = _AMOUNT.fullmatch(text)
    if found is not None and not found[2]:
        raise ValueError(DURATION_NEEDS_UNIT)
    if found is None or found[2] not in _TIME_UNITS:
        raise ValueError("must be a whole number with its unit, such as 500ms, 10s, 5m, 24h or 3d")
    nanoseconds = int(found[1]) * _TIME_UNITS[found[2]]
    if nanoseconds > LONGEST:
        raise ValueError(f"must not be longer than {show_duration(LONGEST)}")
    return nanoseconds


def show_duration(nanoseconds: int) -> str:
    """The shortest text that `duration` reads back; whole milliseconds only."""
    for unit, length in _TIME_UNITS.items():
        if nanoseconds % length == 0 and nanoseconds:
            return f"{nanoseconds // length}{unit}"
    if nanoseconds:
        raise ValueError(f"{nanoseconds} ns is no whole number of milliseconds")
    return "0s"


def rate(text: str) -> Rate | None:
    """So many in a second, a minute or an hour: `50/s`, `600/m`, `10/h`; None for `none`. Raises ValueError."""
    if text == "none":
        return None
    found = _RATE.fullmatch(text)
    if found is None:
        if re.fullmatch(r"\d{1,7}", text, re.ASCII):
            raise ValueError(RATE_NEEDS_UNIT)
        raise ValueError("must be a whole number with its unit, such as 50/s, 600/m or 10/h, or none")
    if not int(found[1]):
        raise ValueError("must be at least 1: write `enabled: false` to queue nothing, or none for no bound")
    return Rate(int(found[1]), _TIME_UNITS[found[2]])


def percent(text: str) -> int:
    """A whole percentage: `85%`. Raises ValueError."""
    if re.fullmatch(PERCENT, text, re.ASCII) is None:
        raise ValueError(PERCENT_NEEDS_SIGN)
    return int(text[:-1])


def pace(text: str) -> Rate:
    """A rate that has a bound: `20/s`, `600/m`. Raises ValueError."""
    found = _RATE.fullmatch(text)
    if found is None and re.fullmatch(r"\d{1,7}", text, re.ASCII):
        raise ValueError(RATE_NEEDS_UNIT)
    if found is None:
        raise ValueError("must be a whole number with its unit, such as 20/s or 600/m")
    if not int(found[1]):
        raise ValueError("must be at least 1: remove `reconcile` to walk on command only")
    return Rate(int(found[1]), _TIME_UNITS[found[2]])


def size(text: str) -> int:
    """Bytes of a whole number with a binary unit: `8MiB`, `2GiB`. Raises ValueError."""
    found = _AMOUNT.fullmatch(text)
    if found is None or found[2] not in _SIZE_UNITS:
        raise ValueError("must be a whole number with its unit (B, KiB, MiB, GiB or TiB), such as 8MiB")
    return int(found[1]) * _SIZE_UNITS[found[2]]


def show_size(count: int) -> str:
    """The shortest text that `size` reads back."""
    for unit, length in _SIZE_UNITS.items():
        if count and count % length == 0:
            return f"{count // length}{unit}"
    return "0B"


def statuses(text: str) -> frozenset[int]:
    """The statuses that `2xx`, `404` or `500-503` name. Raises ValueError."""
    if _STATUS_RANGE.fullmatch(text) is None:
        raise ValueError("must be a status such as 404, a class such as 2xx, or a range such as 500-503")
    if text.endswith("xx"):
        first = int(text[0]) * 100
        return frozenset(range(first, first + 100))
    low, _, high = text.partition("-")
    if high and int(high) < int(low):
        raise ValueError("must begin with the lower status")
    return frozenset(range(int(low), int(high or low) + 1))
