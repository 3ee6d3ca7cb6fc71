"""What each status means. The expectations are those of the manual: docs/operations.md and docs/configuration.md."""

import pytest

from sidecar.domain.delivery import Reason
from sidecar.domain.statuses import DEFAULT_GIVE_UP_ON, DEFAULT_SUCCESS, ROWS, is_retried, reason_of

RETRIED_4XX = {401, 403, 404, 408, 409, 423, 425, 429}


def test_success_is_2xx():
    assert set(range(200, 300)) == DEFAULT_SUCCESS


@pytest.mark.parametrize("status", range(100, 1000))
def test_every_status_has_a_reason_and_a_fate(status):
    retried = is_retried(status, DEFAULT_GIVE_UP_ON)
    reason = reason_of(status)
    if 300 <= status < 400:
        assert (reason, retried) == (Reason.REDIRECTED, False)
    elif 400 <= status < 500:
        assert retried is (status in RETRIED_4XX)
        special = {401: Reason.UNAUTHORIZED, 403: Reason.UNAUTHORIZED, 410: Reason.GONE, 429: Reason.THROTTLED}
        assert reason is special.get(status, Reason.CLIENT_ERROR)
    elif status >= 500:
        assert retried is (status != 501)
        assert reason is (Reason.THROTTLED if status == 503 else Reason.SERVER_ERROR)
    else:
        assert (reason, retried) == (Reason.UNEXPECTED_STATUS, True)


@pytest.mark.parametrize("status", [0, 1000, 65536])
def test_a_status_that_is_none_is_unexpected(status):
    assert reason_of(status) is Reason.UNEXPECTED_STATUS


@pytest.mark.parametrize("status", [302, 400, 410, 501])
def test_an_empty_list_gives_up_on_nothing(status):
    assert is_retried(status, frozenset())


def test_a_list_of_one_s_own_decides_for_4xx_and_5xx_alone():
    assert is_retried(501, frozenset({404}))
    assert not is_retried(404, frozenset({404}))
    assert not is_retried(302, frozenset({404}))


def test_no_row_is_covered_by_those_before_it():
    seen = set()
    for row in ROWS:
        assert set(row.statuses) - seen
        seen |= set(row.statuses)
