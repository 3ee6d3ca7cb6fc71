"""Details: bounded and strict where they are taken in, and stored as they were told."""

import json

import msgspec
import pytest

from sidecar.dialects import plausible
from sidecar.domain.details import MOST_VULNERABILITIES, Details, Quota, Scan
from sidecar.domain.statement import DETAILS

EVERY = sorted(plausible.DETAILS.items())


def test_samples_have_the_details_of_their_type():
    assert plausible.DETAILS.keys() == DETAILS.keys()
    assert {kind: type(one) for kind, one in EVERY} == dict(DETAILS)


@pytest.mark.parametrize(("kind", "details"), EVERY, ids=[kind for kind, _ in EVERY])
def test_details_come_back_from_json_as_they_were(kind, details):
    """Through the union, as events keep them, and by the type of the event, where the tag may be missing."""
    raw = msgspec.json.encode(details)
    assert msgspec.json.decode(raw, type=Details) == details
    untagged = {name: value for name, value in json.loads(raw).items() if name != "about"}
    assert msgspec.json.decode(msgspec.json.encode(untagged), type=DETAILS[kind]) == details
    assert "null" not in raw.decode()


@pytest.mark.parametrize(
    ("shape", "given", "said"),
    [
        (Scan, {"startedAt": "2026-11-21T00:00:00Z"}, "unknown field `startedAt`"),
        (Scan, {"started": "yesterday"}, "`started` must be an RFC 3339 time such as 2026-11-22T08:00:00Z"),
        (Scan, {"severities": {"Awful": 1}}, "Invalid enum value 'Awful'"),
        (Scan, {"severities": {"High": -1}}, r"Expected `int` >= 0 - at `\$.severities"),
        (Scan, {"vulnerabilities": [{"id": "A"}, {"id": ""}]}, r"length >= 1 - at `\$.vulnerabilities\[1\].id`"),
        (Scan, {"vulnerabilities": [{"id": "A"}] * (MOST_VULNERABILITIES + 1)}, "length <= 1000"),
        (Quota, {"used": 1}, "missing required field `limit`"),
        (Quota, {"used": 1, "limit": 0}, r"Expected `int` >= 1 - at `\$.limit`"),
    ],
)
def test_what_cannot_be_is_refused_with_its_place(shape, given, said):
    with pytest.raises(msgspec.ValidationError, match=said):
        msgspec.convert(given, shape)
