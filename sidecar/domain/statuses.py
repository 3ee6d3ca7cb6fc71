"""What an HTTP status means: one table. The first row that holds a status decides.

A subscription overrides it: a status in its `success` is a success whatever stands here, and its `give_up_on` replaces
the column `retried` for 4xx and 5xx. A redirect is never followed and never tried again, unless `give_up_on` is empty:
then everything is.
"""

from collections.abc import Collection

import msgspec

from sidecar.domain.delivery import Reason


class Row(msgspec.Struct, frozen=True):
    """Some statuses, what they are called, and whether a delivery that met one is tried again."""

    statuses: Collection[int]
    reason: Reason
    retried: bool


ROWS = (
    Row(range(300, 400), Reason.REDIRECTED, retried=False),
    Row((401, 403), Reason.UNAUTHORIZED, retried=True),  # a secret that is being changed on one side first
    Row((410,), Reason.GONE, retried=False),  # also holds the lane
    Row((429, 503), Reason.THROTTLED, retried=True),
    Row((404, 408, 409, 423, 425), Reason.CLIENT_ERROR, retried=True),  # passes: a roll-out, a lock, a time-out
    Row(range(400, 500), Reason.CLIENT_ERROR, retried=False),
    Row((501,), Reason.SERVER_ERROR, retried=False),  # it cannot do that at all
    Row(range(500, 1000), Reason.SERVER_ERROR, retried=True),
    Row(range(100, 300), Reason.UNEXPECTED_STATUS, retried=True),  # a 2xx that `success` does not name
)

_OTHER = ROWS[-1]
_MEANING = {status: row for row in reversed(ROWS) for status in row.statuses}

DEFAULT_SUCCESS = frozenset(range(200, 300))
DEFAULT_GIVE_UP_ON = frozenset(status for status in range(400, 600) if not _MEANING[status].retried)


def reason_of(status: int) -> Reason:
    """What a status that is no success is called."""
    return _MEANING.get(status, _OTHER).reason


def is_retried(status: int, give_up_on: Collection[int]) -> bool:
    """Whether a delivery that met this status, which is no success, is tried again."""
    if not give_up_on:
        return True
    return status not in give_up_on and reason_of(status) is not Reason.REDIRECTED
