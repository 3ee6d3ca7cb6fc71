"""Every promise of docs/guarantees.md names the tests that prove it, and they exist."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs" / "guarantees.md").read_text(encoding="utf-8")
MISSING = "not there yet"

# What people compare such systems by: each has its row.
FEATURES = {
    "durable before acknowledgement",
    "one process without dependencies",
    "self-healing",
    "retries",
    "jitter",
    "Retry-After",
    "410 disables",
    "breaker",
    "concurrency for each endpoint",
    "rate limit for each endpoint",
    "a slow endpoint is isolated",
    "order",
    "telling together",
    "bounded backlog",
    "deduplication of input",
    "one notification in an inbox",
    "one pull is one event",
    "asking a registry",
    "what the registry lost",
    "stable delivery id",
    "signature",
    "rotation of secrets",
    "client certificate for each endpoint",
    "guard against forbidden addresses",
    "filters",
    "payload formats",
    "replay",
    "list of what is undelivered",
    "log of attempts with answers",
    "dashboard",
    "Prometheus",
    "tracing",
    "hot reload",
    "graceful drain",
    "a full disk",
    "backup and restore",
    "a clock that is set",
}
ROWS = [
    [cell.strip() for cell in line.strip("|").split("|")]
    for line in PAGE.splitlines()
    if line.startswith("| ") and not line.startswith("| feature ")
]


def names_in(path: Path) -> set[str]:
    """The names of a file's test functions, those in classes as `Class::name`."""
    found, owner = set(), ""
    for line in path.read_text(encoding="utf-8").splitlines():
        if named := re.match(r"class (\w+)", line):
            owner = f"{named[1]}::"
        elif named := re.match(r"( *)(?:async )?def (test_\w+)", line):
            found.add(f"{owner if named[1] else ''}{named[2]}")
    return found


def test_every_feature_has_one_row():
    assert sorted(row[0] for row in ROWS) == sorted(FEATURES)
    assert {len(row) for row in ROWS} == {4}


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[0])
def test_a_promise_names_tests_that_exist(row):
    _, promise, _, proof = row
    if promise == MISSING:
        assert proof == "", "what is not there is proved by nothing"
        return
    named = re.findall(r"`(tests/[^`]+\.py)::([^`]+)`", proof)
    assert named, "a promise needs a test"
    assert len(named) == proof.count("`") // 2, "every name is a test's"
    for file, name in named:
        assert (ROOT / file).is_file(), file
        assert name in names_in(ROOT / file), f"{file} has no {name}"
