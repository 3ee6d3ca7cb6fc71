"""How often a mail may ask for a confirmation, and for how long its code counts."""

import pytest

from sidecar.domain.authorized import EVERY, MOST_BY, MOST_TO, VALID, Authorized, reader, wait
from sidecar.domain.instant import DAY, MINUTE

NOW = 100 * DAY


@pytest.mark.parametrize(
    ("to", "by", "waits"),
    [
        ([], [], 0),
        ([NOW], [], 10 * MINUTE),
        ([NOW - 4 * MINUTE], [], 6 * MINUTE),
        ([NOW - 10 * MINUTE], [], 0),
        ([NOW - 11 * MINUTE, NOW - DAY + 1], [NOW], 0),
        ([NOW - (one + 1) * EVERY for one in range(MOST_TO)], [], DAY - MOST_TO * EVERY),
        ([NOW - (one + 1) * EVERY for one in range(MOST_TO - 1)], [], 0),
        ([], [NOW - one for one in range(MOST_BY)], DAY - MOST_BY + 1),
        ([], [NOW - one for one in range(MOST_BY - 1)], 0),
        ([NOW], [NOW - one for one in range(MOST_BY)], DAY - MOST_BY + 1),  # the longer one
    ],
)
def test_nobody_is_sent_many_and_nobody_has_many_sent(to, by, waits):
    """One in ten minutes and ten a day to an address, fifty a day by a person."""
    assert wait(to, by, NOW) == waits


@pytest.mark.parametrize(
    ("spelling", "who"),
    [
        ("ops@example.com", "ops@example.com"),
        ("OPS@example.com", "ops@example.com"),
        ("ops+1@example.com", "ops@example.com"),
        ("o.p.s+a+b@example.com", "ops@example.com"),
        ("+ops@example.com", "+ops@example.com"),  # nothing else would be left
        ("\u216bops@example.com", "xiiops@example.com"),  # one character, which looks like three
        ("stra\u00dfe@example.com", "strasse@example.com"),
        ("ops@mail.example.com", "ops@mail.example.com"),
    ],
)
def test_another_spelling_of_an_address_is_the_same_reader(spelling, who):
    """Else one person could be mailed again and again: ops+1, ops+2, Ops, oPs."""
    assert reader(spelling) == who


def test_a_code_counts_for_seven_days_and_what_is_confirmed_for_ever():
    asked = Authorized(email="a@b.example", namespace="prj", repository="prj/app", asked=NOW)
    assert VALID == 7 * DAY
    assert not asked.outlived(NOW + VALID - 1)
    assert asked.outlived(NOW + VALID)
    confirmed = Authorized(email="a@b.example", namespace="prj", repository="prj/app", asked=NOW, confirmed=True)
    assert not confirmed.outlived(NOW + 100 * VALID)
