"""Statements in the journal: read back as they were written, and refused when they are something else."""

import pytest

from sidecar.domain.details import Build
from sidecar.domain.errors import Unreadable
from sidecar.domain.event import EventType
from sidecar.domain.notice import Act
from sidecar.domain.record import Record, RecordKind
from sidecar.domain.stated import read
from sidecar.domain.statement import Statement, decode, encode

DIGEST = "sha256:" + "a" * 64
BUILT = Statement(
    type=EventType.BUILD_SUCCEEDED,
    time=50,
    repository="prj/app",
    tags=("v1",),
    digest=DIGEST,
    actor="maria",
    request="r-1",
    source="https://ci.example.com",
    id="41",
    details=Build(id="41", tags=("v1", "latest")),
)


def journalled(body: bytes) -> Record:
    return Record(7, RecordKind.INTAKE, "main", "intake:41", 99, body)


def test_what_was_stated_comes_back_as_a_notice():
    notice = read(journalled(encode(BUILT)))
    assert (notice.act, notice.registry, notice.repository, notice.actor) == (Act.STATED, "main", "prj/app", "maria")
    assert (notice.time, notice.accepted, notice.silent) == (50, 99, False)
    assert (notice.artifact.digest, notice.request.id) == (DIGEST, "r-1")
    assert (notice.origin.record, notice.origin.number) == ("intake:41", 7)
    assert (notice.origin.action, notice.origin.addr) == ("build.succeeded", "https://ci.example.com")
    assert notice.statement == BUILT


def test_without_a_time_of_its_own_it_happened_when_it_was_accepted():
    assert read(journalled(encode(Statement(type=EventType.BUILD_QUEUED, repository="prj/app")))).time == 99


def test_what_is_said_alike_is_the_same_bytes():
    """Those of two senders that order a map's keys differently too: the bytes' hash may be an identity."""
    other = decode(encode(BUILT))
    assert other == BUILT
    one = b'{"type":"scan.completed","details":{"about":"scan","severities":{"Low":1,"High":2}}}'
    two = b'{"details":{"severities":{"High":2,"Low":1},"about":"scan"},"type":"scan.completed"}'
    assert encode(decode(one)) == encode(decode(two))


@pytest.mark.parametrize(
    "body", [b"", b"{}", b'{"type":"no.such"}', b'{"type":"scan.completed","details":{}}', b"\xff"]
)
def test_anything_else_is_a_bad_record(body):
    with pytest.raises(Unreadable) as caught:
        read(journalled(body))
    assert caught.value.reason == "bad_record"
