"""Quotas in Quay's words: sizes as its own test has them, and what golden files cannot say."""

import msgspec
import pytest

from sidecar.dialects.contract import sample
from sidecar.dialects.quay import DIALECT, Options
from sidecar.dialects.quay_quotas import size
from sidecar.domain.event import EventType


@pytest.mark.parametrize(
    ("count", "said"),
    [
        # TestFormatBytes of Quay's own tests
        (0, "0 bytes"),
        (512, "512 bytes"),
        (1024, "1.00 KB"),
        (858993459, "819.20 MB"),
        (1073741824, "1.00 GB"),
        (1099511627776, "1.00 TB"),
        (1610612736, "1.50 GB"),
        # TB is its largest unit
        (2 * 1024**5, "2048.00 TB"),
    ],
)
def test_sizes_are_those_of_quay(count: int, said: str) -> None:
    assert size(count) == said


def test_a_quota_of_which_nobody_told_how_much_is_used_is_not_said() -> None:
    """An event without details has no figures, and Quay's body is nothing else."""
    voice = DIALECT.bind(Options(), ["quota.warning"])
    event = sample(EventType.QUOTA_WARNING)
    assert voice.words(event, untagged=False) == ["quota_warning"]
    assert voice.words(msgspec.structs.replace(event, details=None), untagged=False) == []
