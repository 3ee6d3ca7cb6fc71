"""Scans of artifacts: what every store keeps of them, gives the translator, and lists."""

import pytest
from msgspec.structs import replace
from store_work import NOW, entry, nothing, write_set
from test_every_store import STORES, Place

from sidecar.domain.catalogue import ManifestRow, Need, TagRow
from sidecar.domain.details import Report, Scan, ScanStatus, Scores, Severity, Tool, Vulnerability
from sidecar.domain.event import Artifact, EventType
from sidecar.domain.listing import ScanFilter
from sidecar.domain.scans import ScanRow

A, B = "sha256:" + "a" * 64, "sha256:" + "b" * 64


@pytest.fixture(params=STORES)
async def store(request, tmp_path):
    place = Place(STORES[request.param], tmp_path / "sidecar.db")
    yield await place.open()
    for store in place.opened:
        await store.close()


def scan(digest=A, *, repository="prj/app", report=Report.VULNERABILITY, registry="main", **more):
    found = Vulnerability(id="CVE-1", severity=Severity.HIGH, cvss=7.5, package="p", version="1", fixed_version="2")
    whole = Scan(
        status=ScanStatus.SUCCESS,
        report=report,
        report_id="r",
        scanner=Tool(name="Trivy"),
        started="2026-11-21T00:00:00Z",
        ended="2026-11-21T00:00:09.5Z",
        severities={Severity.HIGH: 1},
        total=1,
        fixable=1,
        scores=Scores(critical=1),
        vulnerabilities=(found,),
    )
    row = ScanRow(
        registry=registry,
        repository=repository,
        digest=digest,
        scan=whole,
        type=EventType.SCAN_COMPLETED,
        event="e",
        time=NOW,
        number=7,
    )
    return replace(row, **more)


def manifest(digest, *tags, live=True):
    artifact = Artifact(digest=digest)
    return ManifestRow(
        registry="main", repository="prj/app", artifact=artifact, tags=tags, live=live, time=NOW, number=1
    )


def tag(name, digest, *, live=True):
    return TagRow(
        registry="main", repository="prj/app", tag=name, digest=digest, pushed=NOW, live=live, time=NOW, number=1
    )


async def hold(store, *scans, manifests=(), tags=()):
    cursor = store.last
    await store.append([entry(f"r{cursor}")])
    changes = nothing()
    changes.scans.extend(scans)
    changes.manifests.extend(manifests)
    changes.tags.extend(tags)
    await store.commit(write_set(cursor, store.last, changes=changes))


async def listed(store, **where):
    return [one.row for one in await store.scans(ScanFilter(**where))]


async def test_what_was_kept_comes_back_as_it_was(store):
    rows = [scan(), scan(report=Report.SBOM), scan(B), scan(repository="prj/web"), scan(registry="other")]
    await hold(store, *[replace(one, scan=replace(one.scan, report=one.scan.report)) for one in rows])
    facts = await store.look(Need(scanned={("main", "prj/app", A)}))
    assert sorted(one.scan.report for one in facts.scans) == ["sbom", "vulnerability"]
    assert {one.key for one in facts.scans} == {one.key for one in rows[:2]}
    assert rows[0] in facts.scans
    assert (await store.look(Need())).scans == []


async def test_a_tag_leads_to_the_scans_of_its_artifact_and_to_the_artifact_s_other_tags(store):
    await hold(store, scan(), manifests=[manifest(A, "v1", "latest")], tags=[tag("v1", A), tag("latest", A)])
    key = ("main", "prj/app", "v1")
    facts = await store.look(Need(tags={key}, followed={key}, scanned_tags={key}))
    assert [one.digest for one in facts.scans] == [A]
    assert {one.tag for one in facts.tags} == {"v1", "latest"}


async def test_a_digest_leads_to_all_its_tags(store):
    await hold(store, manifests=[manifest(A, "v1", "latest")], tags=[tag("v1", A), tag("latest", A)])
    facts = await store.look(Need(manifests={("main", "prj/app", A)}, scanned={("main", "prj/app", A)}))
    assert {one.tag for one in facts.tags} == {"v1", "latest"}


async def test_a_later_scan_takes_the_place_of_the_earlier_and_is_listed_first(store):
    await hold(store, scan())
    await hold(store, scan(B))
    failed = scan(type=EventType.SCAN_FAILED, scan=Scan(status=ScanStatus.ERROR, error="full"), number=9)
    await hold(store, failed)
    assert await listed(store) == [failed, scan(B)]


async def test_a_list_is_cut_into_pages(store):
    digests = [f"sha256:{at:064x}" for at in range(5)]
    for one in digests:
        await hold(store, scan(one))
    first = await store.scans(ScanFilter(limit=2))
    rest = await store.scans(ScanFilter(limit=9, before=first[-1].id))
    assert [one.row.digest for one in (*first, *rest)] == digests[::-1]


async def test_a_list_says_which_tags_point_to_the_artifact_now_and_whether_it_is_there(store):
    manifests = [manifest(A, "v1", "latest", "old"), manifest(B, live=False)]
    tags = [tag("v1", A), tag("latest", A), tag("old", B)]
    await hold(store, scan(), scan(B), scan("sha256:" + "c" * 64), manifests=manifests, tags=tags)
    by_digest = {one.row.digest[7]: (one.tags, one.live) for one in await store.scans(ScanFilter())}
    assert by_digest == {"a": (("latest", "v1"), True), "b": ((), False), "c": ((), True)}


async def test_a_list_may_be_of_some_only(store):
    manifests = [manifest(A, "v1"), manifest(B, "v1", "v2")]
    tags = [tag("v1", B), tag("v2", B, live=False)]
    sbom = scan(B)
    sbom = replace(sbom, scan=replace(sbom.scan, report=Report.SBOM))
    await hold(store, scan(time=NOW - 5), sbom, scan(A, repository="prj/web"), manifests=manifests, tags=tags)
    assert await listed(store, registry="other") == []
    assert [one.repository for one in await listed(store, repository="prj/web")] == ["prj/web"]
    assert {one.repository for one in await listed(store, digest=A)} == {"prj/app", "prj/web"}
    assert await listed(store, tag="v1", repository="prj/app") == [sbom]
    assert await listed(store, tag="v2") == []
    assert await listed(store, report="sbom") == [sbom]
    assert await listed(store, type="scan.failed") == []
    assert len(await listed(store, since=NOW)) == 2


async def test_what_is_kept_outlives_the_process(tmp_path):
    place = Place(STORES["sqlite-inline"], tmp_path / "sidecar.db")
    store = await place.open()
    await hold(store, scan())
    await store.close()
    store = await place.open()
    assert await listed(store) == [scan()]
    await store.close()
