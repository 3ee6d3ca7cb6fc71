"""One record said as a notice: the classification table, times, addresses, silence."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidecar.domain import instant
from sidecar.domain.errors import Unreadable
from sidecar.domain.event import Descriptor, Kind, RegistryRef
from sidecar.domain.glob import Globs
from sidecar.domain.notice import Act, Notice
from sidecar.domain.record import QuarantineReason, Record, RecordKind
from sidecar.domain.registry import Registry
from sidecar.registry.normalise import client_of, normalise

ACCEPTED = instant.parse_rfc3339("2026-11-22T00:30:00Z")
DIGEST = "sha256:" + "ab" * 32
OCI = "application/vnd.oci.image.manifest.v1+json"
BLOB = "application/octet-stream"
MAIN = Registry(
    ref=RegistryRef(name="main", hostname="registry.example.com"),
    ignored_actors=Globs.of(["scanner"]),
    ignored_agents=Globs.of(["trivy/*"]),
)


def notice_of(wire: Any, *, own_agent: str = "registry-sidecar/") -> Notice:
    record = Record(7, RecordKind.REGISTRY, "main", "the-record", ACCEPTED, json.dumps(wire).encode())
    return normalise(record, MAIN, own_agent)


def event(action: str = "push", *, method: str = "", **target: Any) -> dict[str, Any]:
    return {
        "action": action,
        "timestamp": "2026-11-21T23:50:22Z",
        "target": {"repository": "prj/app", **target},
        "request": {"method": method},
        "actor": {},
        "source": {},
    }


MANIFEST = {"mediaType": OCI, "digest": DIGEST, "url": f"http://r/v2/prj/app/manifests/{DIGEST}"}
BLOB_URL = f"http://r/v2/prj/app/blobs/{DIGEST}"

CASES = [
    ("a manifest is pushed", event("push", method="PUT", tag="1", **MANIFEST), Act.PUSH),
    ("a manifest is fetched", event("pull", method="GET", **MANIFEST), Act.PULL),
    ("a manifest is asked for by HEAD", event("pull", method="HEAD", tag="1", **MANIFEST), Act.CHECK),
    ("a pull without a method counts", event("pull", **MANIFEST), Act.PULL),
    ("a pull by an unusual method counts", event("pull", method="POST", **MANIFEST), Act.PULL),
    ("a blob is pushed", event("push", method="PUT", mediaType=BLOB, digest=DIGEST), Act.BLOB),
    ("a blob is fetched", event("pull", method="GET", mediaType=BLOB, digest=DIGEST), Act.BLOB),
    ("a blob is asked for", event("pull", method="HEAD", mediaType=BLOB, digest=DIGEST), Act.BLOB),
    (
        "a cache's blob with its upstream's type",
        event("pull", mediaType="text/x", digest=DIGEST, url=BLOB_URL),
        Act.BLOB,
    ),
    ("a blob with a relative url", event("pull", digest=DIGEST, url=f"/v2/prj/app/blobs/{DIGEST}"), Act.BLOB),
    ("a blob is mounted", event("mount", mediaType=BLOB, digest=DIGEST, fromRepository="a/b"), Act.BLOB),
    ("a digest is deleted, v2", event("delete", digest=DIGEST), Act.DELETE),
    ("a digest is deleted, v3", event("delete", mediaType="", digest=DIGEST, size=0), Act.DELETE),
    ("a tag is deleted, v2", event("delete", tag="1"), Act.UNTAG),
    ("a tag is deleted, v3", event("delete", mediaType="", digest="", size=0, tag="1"), Act.UNTAG),
    ("a repository is deleted, v2", event("delete"), Act.DROP),
    ("a repository is deleted, v3", event("delete", mediaType="", digest="", size=0, tag=""), Act.DROP),
    ("digest and tag together are a digest's deletion", event("delete", digest=DIGEST, tag="1"), Act.DELETE),
    ("Azure pushes a chart", event("chart_push", mediaType="application/vnd.acr.helm.chart", digest=DIGEST), Act.PUSH),
    ("Azure deletes a chart", event("chart_delete", digest=DIGEST), Act.DELETE),
    ("Azure quarantines", event("quarantine", **MANIFEST), Act.NONE),
    ("Azure pings", {"id": "x", "action": "ping"}, Act.NONE),
    ("an action nobody knows", {"action": "levitate"}, Act.NONE),
    ("an action is not guessed from its letters", {"action": "PUSH"}, Act.NONE),
]


@pytest.mark.parametrize(("wire", "act"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
def test_what_was_done(wire, act):
    assert notice_of(wire).act is act


def test_a_repository_called_blobs_still_has_manifests():
    """Only the end of the url tells, a path segment of the repository does not."""
    url = f"http://r/v2/team/blobs/app/manifests/{DIGEST}"
    wire = event("push", **{**MANIFEST, "repository": "team/blobs/app", "url": url})
    assert notice_of(wire).act is Act.PUSH


@pytest.mark.parametrize(
    ("wire", "path"),
    [
        ({"action": "push"}, r"\$\.target`"),
        ({"action": "push", "target": None}, r"\$\.target`"),
        ({"action": "push", "target": {"digest": DIGEST}}, r"\$\.target\.repository`"),
        ({"action": "delete", "target": {"digest": DIGEST, "repository": ""}}, r"\$\.target\.repository`"),
        ({"action": "mount", "target": {"digest": DIGEST}}, r"\$\.target\.repository`"),
        ({"action": "push", "target": {"repository": "a"}}, r"\$\.target\.digest`"),
        ({"action": "pull", "target": {"repository": "a", "digest": ""}}, r"\$\.target\.digest`"),
        ({"target": {"repository": "a", "digest": DIGEST}}, r"\$\.action`"),
        ({"action": "", "target": {"repository": "a", "digest": DIGEST}}, r"\$\.action`"),
        ([], r"at `\$`"),
    ],
)
def test_a_record_that_lacks_what_every_event_has_is_bad(wire, path):
    with pytest.raises(Unreadable, match=path) as caught:
        notice_of(wire)
    assert caught.value.reason == QuarantineReason.BAD_RECORD


@pytest.mark.parametrize(
    ("timestamp", "time"),
    [
        ("2026-11-22T08:49:51.619267134+09:00", 1_795_304_991_619_267_134),
        ("1970-01-01T00:00:00Z", 0),
        ("2262-04-11T23:47:16.854775807Z", 2**63 - 1),
    ],
)
def test_the_record_keeps_its_own_time(timestamp, time):
    assert notice_of({**event(**MANIFEST), "timestamp": timestamp}).time == time


@pytest.mark.parametrize(
    "timestamp",
    [
        None,
        "",
        "yesterday",
        "0001-01-01T00:00:00Z",
        "1969-12-31T23:59:59.999999999Z",
        "1970-01-01T00:30:00+01:00",
        "2262-04-11T23:47:16.854775808Z",
        "9999-12-31T23:59:59Z",
        "2026-02-30T00:00:00Z",
    ],
)
def test_without_a_usable_time_the_record_happened_when_it_was_accepted(timestamp):
    """Go's zero time, no time at all, and what 64 bits of nanoseconds cannot hold."""
    assert notice_of({**event(**MANIFEST), "timestamp": timestamp}).time == ACCEPTED


@pytest.mark.parametrize(
    ("addr", "client"),
    [
        ("", ""),
        ("192.0.2.7:46266", "192.0.2.7"),
        ("192.0.2.7", "192.0.2.7"),
        ("[2001:db8::1]:46266", "2001:db8::1"),
        ("[2001:db8::1]", "2001:db8::1"),
        ("2001:db8::1", "2001:db8::1"),
        ("::1", "::1"),
        ("[fe80::1%eth0]:5000", "fe80::1%eth0"),
        ("::ffff:192.0.2.7", "::ffff:192.0.2.7"),
    ],
)
def test_the_client_is_the_address_without_its_port(addr, client):
    assert client_of(addr) == client


@given(st.ip_addresses(), st.integers(1, 65535))
def test_any_address_comes_back_with_or_without_a_port(address, port):
    with_port = f"{address}:{port}" if address.version == 4 else f"[{address}]:{port}"
    assert client_of(with_port) == str(address)
    assert client_of(str(address)) == str(address)


@pytest.mark.parametrize(
    ("actor", "agent", "silent"),
    [
        ("maria", "docker/24.0.5", False),
        ("scanner", "docker/24.0.5", True),
        ("maria", "trivy/0.50", True),
        ("maria", "registry-sidecar/0.1.0", True),
        ("maria", "my registry-sidecar/0.1.0", False),
        ("", "", False),
    ],
)
def test_ignored_actors_agents_and_our_own_requests_are_silent(actor, agent, silent):
    wire = {**event(**MANIFEST), "actor": {"name": actor}, "request": {"useragent": agent}}
    assert notice_of(wire).silent is silent


def test_an_unset_own_agent_silences_nobody():
    assert notice_of(event(**MANIFEST), own_agent="").silent is False


@pytest.mark.parametrize("actor", [None, {}, {"name": None}, {"name": ""}])
def test_anonymous_is_the_empty_name(actor):
    assert notice_of({**event(**MANIFEST), "actor": actor}).actor == ""


@pytest.mark.parametrize(
    ("sizes", "size"), [({"size": 5, "length": 6}, 5), ({"length": 6}, 6), ({"size": 0, "length": 6}, 6), ({}, 0)]
)
def test_the_size_is_the_documents_by_either_name(sizes, size):
    assert notice_of(event(**MANIFEST, **sizes)).artifact.size == size


def test_everything_about_the_request_and_the_registry_is_kept():
    wire = {
        "id": "e1",
        "timestamp": "2026-11-22T00:00:00Z",
        "action": "mount",
        "target": {"repository": "a/b", "fromRepository": "c/d", "digest": DIGEST, "url": "http://r/x"},
        "request": {"id": "r1", "addr": "[::1]:9", "host": "r:5000", "method": "POST", "useragent": "ua"},
        "actor": {"name": "maria"},
        "source": {"addr": "node:5000", "instanceID": "i1"},
    }
    notice = notice_of(wire)
    request, origin = notice.request, notice.origin
    assert (notice.registry, notice.repository, notice.actor, notice.accepted) == ("main", "a/b", "maria", ACCEPTED)
    assert (request.id, request.client, request.addr) == ("r1", "::1", "[::1]:9")
    assert (request.host, request.method, request.user_agent) == ("r:5000", "POST", "ua")
    assert (origin.record, origin.number, origin.action) == ("the-record", 7, "mount")
    assert (origin.url, origin.addr, origin.instance) == ("http://r/x", "node:5000", "i1")
    assert origin.from_repository == "c/d"


def test_references_are_kept_with_what_v3_adds_and_without_inlined_data():
    wire = event(
        **{**MANIFEST, "mediaType": "application/vnd.oci.image.index.v1+json"},
        references=[
            {
                "mediaType": OCI,
                "digest": "sha256:c1",
                "size": 482,
                "platform": {"os": "linux", "architecture": "arm64", "os.features": ["a"]},
                "artifactType": "x/y",
                "annotations": {"k": "v"},
                "data": "e30=",
            },
            None,
            {"mediaType": OCI, "digest": "sha256:c2", "size": 483},
        ],
    )
    first, second = notice_of(wire).artifact.references
    assert (first.media_type, first.digest, first.size) == (OCI, "sha256:c1", 482)
    assert (first.artifact_type, first.annotations) == ("x/y", {"k": "v"})
    assert first.platform is not None
    assert {key: json.loads(bytes(value)) for key, value in first.platform.items()} == {
        "os": "linux",
        "architecture": "arm64",
        "os.features": ["a"],
    }
    assert second == Descriptor(media_type=OCI, digest="sha256:c2", size=483)


def test_the_kind_comes_from_the_references():
    chart = [{"mediaType": "application/vnd.cncf.helm.config.v1+json", "digest": "sha256:c"}]
    assert notice_of(event(**MANIFEST, references=chart)).artifact.kind is Kind.CHART
    assert notice_of(event(**MANIFEST)).artifact.kind is Kind.UNKNOWN


WIRE_VALUES = st.none() | st.integers(-3, 3) | st.sampled_from(["", "x", "HEAD", BLOB, BLOB_URL, DIGEST]) | st.just({})


@given(
    st.sampled_from(["push", "pull", "mount", "delete", "chart_push", "ping", "", None, 5]),
    st.dictionaries(
        st.sampled_from(["repository", "digest", "tag", "mediaType", "size", "url", "references"]), WIRE_VALUES
    ),
    st.dictionaries(st.sampled_from(["timestamp", "request", "actor", "source"]), WIRE_VALUES),
)
def test_any_record_becomes_a_notice_or_is_bad(action, target, rest):
    try:
        notice = notice_of({"action": action, "target": target, **rest})
    except Unreadable as trouble:
        reason = trouble.reason
    else:
        assert notice.repository or notice.act is Act.NONE
        assert 0 <= notice.time < 2**63
        return
    assert reason == QuarantineReason.BAD_RECORD
