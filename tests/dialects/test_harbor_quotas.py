"""Quotas in Harbor's words: sizes as its own test has them, and what golden files cannot say."""

import msgspec
import pytest

from sidecar.dialects.contract import sample
from sidecar.dialects.harbor import DIALECT, Options
from sidecar.dialects.harbor_quotas import size
from sidecar.domain.event import EventType

K = 1024


@pytest.mark.parametrize(
    ("count", "said"),
    [
        # src/pkg/quota/types/format_test.go
        (100, "100 B"),
        (K, "1.0 KiB"),
        (K * 3 // 2, "1.5 KiB"),
        (K**2, "1.0 MiB"),
        (K**2 * 3 // 2, "1.5 MiB"),
        (K**3, "1.0 GiB"),
        (K**4 * 3 // 2, "1.5 TiB"),
        # format.go goes on to EiB, and rounds within a unit
        (0, "0 B"),
        (K - 1, "1023 B"),
        (K**2 - 1, "1024.0 KiB"),
        (2**63 - 1, "8.0 EiB"),
    ],
)
def test_sizes_are_those_of_harbor(count: int, said: str) -> None:
    assert size(count) == said


def test_a_quota_of_which_nobody_told_how_much_is_used_is_not_said() -> None:
    """An event without details has nothing that Harbor's sentence could be made of."""
    voice = DIALECT.bind(Options(), ["QUOTA_EXCEED"])
    event = sample(EventType.QUOTA_EXCEEDED)
    assert voice.words(event, untagged=False) == ["QUOTA_EXCEED"]
    assert voice.words(msgspec.structs.replace(event, details=None), untagged=False) == []


def test_the_legacy_body_has_one_word_for_quotas() -> None:
    """Harbor 1.10 has `projectQuota` and no warning."""
    legacy = Options(flavour="legacy")
    assert DIALECT.says("projectQuota", legacy)
    assert DIALECT.says("PROJECT QUOTA EXCEED", Options())
    assert not DIALECT.says("QUOTA_WARNING", legacy)
