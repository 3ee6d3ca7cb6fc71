"""Observations in the journal: read back as they were written, and refused when they are something else."""

import pytest

from sidecar.domain.errors import Unreadable
from sidecar.domain.event import Artifact, Descriptor, Kind
from sidecar.domain.notice import Act
from sidecar.domain.observation import Observation, encode, read
from sidecar.domain.record import Record, RecordKind

DIGEST = "sha256:" + "a" * 64


def journalled(body: bytes) -> Record:
    return Record(7, RecordKind.OBSERVATION, "main", "walk:1:prj/app:v1", 99, body)


def test_what_was_seen_comes_back_as_a_notice():
    artifact = Artifact(digest=DIGEST, kind=Kind.CHART, size=5, references=(Descriptor(digest="d", size=3),))
    seen = Observation(
        saw=Act.FOUND, looked=50, after=6, repository="prj/app", tag="v1", artifact=artifact, silent=True
    )
    notice = read(journalled(encode(seen)))
    assert (notice.act, notice.registry, notice.repository, notice.tag) == (Act.FOUND, "main", "prj/app", "v1")
    assert (notice.time, notice.accepted, notice.after, notice.silent) == (50, 99, 6, True)
    assert notice.artifact == artifact
    assert (notice.actor, notice.request.id) == ("", "")
    assert (notice.origin.record, notice.origin.number) == ("walk:1:prj/app:v1", 7)


@pytest.mark.parametrize("body", [b"", b"{}", b'{"saw":"push","looked":1,"after":0,"repository":"app"}', b"\xff"])
def test_anything_else_is_a_bad_record(body):
    with pytest.raises(Unreadable) as caught:
        read(journalled(body))
    assert caught.value.reason == "bad_record"


def test_a_walk_has_one_observation_of_each_thing():
    def key(**about):
        return Observation(saw=Act.FOUND, looked=1, after=0, repository="app", **about).key

    assert key(tag="v1", artifact=Artifact(digest=DIGEST)) == "app:v1"
    assert key(artifact=Artifact(digest=DIGEST)) == f"app@{DIGEST}"
    assert key() == "app"
