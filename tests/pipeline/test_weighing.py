"""What namespaces hold, against a recount from scratch; and that each threshold is told once, whatever happens."""

import asyncio
import json

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from doubles import House, RecordingSender, match, registry, subscription
from effort import examples
from fake_registry import FakeRegistry
from notifications import MANIFEST, delete, digest, envelope, push, untag
from sidecar.domain import instant
from sidecar.domain.details import Quota as Told
from sidecar.domain.event import Artifact, Descriptor, Kind
from sidecar.domain.glob import Globs
from sidecar.domain.notice import Act
from sidecar.domain.observation import Observation, encode
from sidecar.domain.quota import Quota
from sidecar.domain.record import Entry, RecordKind
from sidecar.domain.usage import Stage
from virtual_time import VirtualClock, simulated

INDEX = "application/vnd.oci.image.index.v1+json"
LAYER = "application/vnd.docker.image.rootfs.diff.tar.gzip"
CONFIG = "application/vnd.docker.container.image.v1+json"
ALERTS = subscription("alerts", format="quay", events=("quota.warning", "quota.exceeded"))
SIZE = 517  # of every manifest that notifications name


@pytest.fixture
def path(tmp_path):
    return tmp_path / "sidecar.db"


def quota(limit=10_000, namespace="prj", **more):
    return Quota(namespaces=Globs.of((namespace,)), limit=limit, **more)


def image(identity, tag, *layers, of=None, repository="prj/app", **more):
    """A push whose references are these layers, as (name, bytes)."""
    made = push(identity, tag, of=of, repository=repository, **more)
    made["target"]["references"] = [
        {"mediaType": CONFIG if at == 0 else LAYER, "digest": digest(name), "size": size}
        for at, (name, size) in enumerate(layers)
    ]
    return made


def index(identity, tag, *children, of=None, repository="prj/app"):
    made = push(identity, tag, of=of, repository=repository)
    made["target"]["mediaType"] = INDEX
    made["target"]["references"] = [{"mediaType": MANIFEST, "digest": digest(one), "size": SIZE} for one in children]
    return made


def house(path, quotas=None, subscriptions=(ALERTS,), **given):
    return House(
        path, VirtualClock(), RecordingSender(), subscriptions, quotas=[quota()] if quotas is None else quotas, **given
    )


async def tell(one, *records, to="main"):
    await one.intake.accept(to, envelope(*records))
    await settled(one)


async def settled(one):
    """Until everything is translated, counted and asked for."""
    for _ in range(4):
        await asyncio.sleep(1.0)
        await one.quiet()
    assert one.observer.troubles == []


async def usage(one):
    """Bytes by namespace; all of them are counted."""
    rows = await one.store.usage()
    assert {row.stage for row in rows} <= {Stage.COUNTED}
    return {f"{row.registry}/{row.namespace}": row.used for row in rows}


def recount(one):
    """Bytes by namespace, from what the catalogue's table has: each digest of it once."""
    held: dict[str, dict[str, int]] = {}
    rows = one.store._connection.execute(
        "SELECT registry, repository, digest, artifact FROM manifest WHERE live = 1 AND number > 0"
    )
    for name, repository, own, artifact in rows:
        wire = json.loads(artifact)
        namespace = repository.partition("/")[0] if "/" in repository else "library"
        blobs = held.setdefault(f"{name}/{namespace}", {})
        blobs[own] = wire.get("size", 0)
        if wire.get("kind") != "index":
            blobs.update((each["digest"], each.get("size", 0)) for each in wire.get("references", []))
    return {place: sum(blobs.values()) for place, blobs in held.items()}


def told(one):
    """What was told: type, percentage that was passed, bytes."""
    events = [event for event in one.observer.events if isinstance(event.details, Told)]
    return [(str(event.type), event.details.threshold, event.details.used) for event in events]


# --- what is held -----------------------------------------------------------------------------------------------------


@simulated
async def test_a_blob_counts_once_in_a_namespace_and_goes_with_the_last_that_holds_it(path):
    one = house(path, [quota(), quota(namespace="other")])
    await one.start()
    await tell(one, image("1", "v1", ("config a", 10), ("base", 1000), of="a"))
    assert await usage(one) == {"main/prj": SIZE + 1010, "main/other": 0}
    await tell(one, image("2", "v1", ("config b", 20), ("base", 1000), of="b", repository="prj/deep/tool"))
    await tell(one, image("3", "v1", ("config b", 20), ("base", 1000), of="b", repository="other/tool"))
    assert await usage(one) == {"main/prj": 2 * SIZE + 1030, "main/other": SIZE + 1020}
    await tell(one, delete("4", "a"))
    assert await usage(one) == {"main/prj": SIZE + 1020, "main/other": SIZE + 1020}
    await tell(one, delete("5", "b", repository="prj/deep/tool"))
    assert await usage(one) == {"main/prj": 0, "main/other": SIZE + 1020}
    assert one.store._connection.execute("SELECT count(*) FROM usage_blob").fetchone() == (3,)
    await one.stop()


@simulated
async def test_an_overwritten_tag_leaves_its_manifest_where_it_is_until_that_is_deleted(path):
    one = house(path)
    await one.start()
    await tell(one, image("1", "latest", ("layer a", 100), of="a"))
    await tell(one, image("2", "latest", ("layer b", 200), of="b"))
    assert await usage(one) == {"main/prj": 2 * SIZE + 300}
    await tell(one, untag("3", "latest"))  # and a tag takes nothing with it
    assert await usage(one) == {"main/prj": 2 * SIZE + 300}
    await tell(one, delete("4", "a"))
    assert await usage(one) == {"main/prj": SIZE + 200}
    await one.stop()


@simulated
async def test_nothing_is_noted_of_namespaces_without_a_quota(path):
    one = house(path)
    await one.start()
    await tell(
        one,
        image("1", "v1", ("layer", 100), repository="free/app"),
        image("2", "v1", ("layer x", 9), repository="solo"),
    )
    assert await usage(one) == {"main/prj": 0}
    assert one.store._connection.execute("SELECT count(*) FROM usage_blob").fetchone() == (0,)
    await one.stop()


@simulated
async def test_a_glob_counts_every_namespace_by_itself_and_single_segments_in_the_default_one(path):
    one = house(path, [quota(namespace="*")], registries=[registry(), registry("edge", default_namespace="root")])
    await one.start()
    await tell(
        one, image("1", "v1", ("layer", 100), of="a"), image("2", "v1", ("layer x", 9), of="b", repository="solo")
    )
    await tell(one, image("3", "v1", ("layer x", 9), of="b", repository="solo"), to="edge")
    assert await usage(one) == {"main/prj": SIZE + 100, "main/library": SIZE + 9, "edge/root": SIZE + 9}
    await one.stop()


BASES = [("base one", 1000), ("base two", 300)]
REPOSITORIES = ["prj/app", "prj/deep/tool", "solo", "other/app", "library/solo"]
WHAT = ("image", "image", "index", "delete", "untag", "drop", "again", "late", "found", "lost", "gone")
STEPS = st.lists(
    st.tuples(
        st.sampled_from(WHAT),
        st.sampled_from(REPOSITORIES),
        st.integers(0, 4),  # which content
        st.sampled_from(["v1", "v2", ""]),
    ),
    min_size=1,
    max_size=14,
)


def record_of(at, step):
    what, repository, number, tag = step
    name, time = str(at), f"2026-11-22T00:01:{at:02d}Z"
    layers = [(f"config {number}", 7 + number), BASES[number % 2], (f"own {number % 3}", 50 * (number % 3))]
    if what in {"image", "late"}:
        time = "2026-11-22T00:00:00Z" if what == "late" else time
        return image(name, tag, *layers, of=f"image {number}", repository=repository, time=time)
    if what == "index":
        made = index(
            name, tag, f"image {number}", f"image {(number + 1) % 5}", of=f"index {number}", repository=repository
        )
        return {**made, "timestamp": time}
    if what == "again":  # a record that came before
        return image("0", tag, *layers, of=f"image {number}", repository=repository, time="2026-11-22T00:01:00Z")
    if what == "delete":
        of = f"image {number}" if number % 2 else f"index {number}"
        return delete(name, of, repository=repository, time=time)
    if what == "untag":
        return untag(name, tag or "v1", repository=repository, time=time)
    if what == "drop":
        gone = delete(name, "x", repository=repository, time=time)
        return {**gone, "target": {"repository": repository}}
    return None


def seen_of(at, step, last):
    """What a walk saw, as an entry of the journal: a tag, a manifest that is missing, a repository that is missing."""
    what, repository, number, tag = step
    saw = {"found": Act.FOUND, "lost": Act.MANIFEST_GONE, "gone": Act.REPOSITORY_GONE}[what]
    record = record_of(at, ("image", repository, number, tag))
    target = record["target"]
    references = tuple(msgspec.convert(each, Descriptor) for each in target["references"])
    artifact = Artifact(digest=target["digest"], size=SIZE, kind=Kind.IMAGE, references=references, manifest_read=True)
    if saw is Act.REPOSITORY_GONE:
        artifact = Artifact()
    looked = instant.parse_rfc3339(record["timestamp"])
    silent = number % 2 == 0
    seen = Observation(
        saw=saw,
        looked=looked,
        after=last,
        repository=repository,
        tag=(tag or "v1") if saw is Act.FOUND else "",
        artifact=artifact,
        silent=silent,
    )
    return Entry(RecordKind.OBSERVATION, "main", f"seen:{at}", looked, encode(seen))


@settings(max_examples=examples(60), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=STEPS, batch=st.integers(1, 5), switched_on=st.integers(0, 6), killed=st.integers(0, 14))
def test_whatever_happens_usage_is_what_a_recount_from_scratch_finds(
    tmp_path_factory, steps, batch, switched_on, killed
):
    """Records in any order and batches, a quota that comes while the catalogue is full, and a kill in between."""

    @simulated
    async def story():
        path = tmp_path_factory.mktemp("story") / "sidecar.db"
        every = [quota(namespace="*")]
        one = house(path, [] if switched_on else every)
        await one.start()
        records = [record_of(at, step) for at, step in enumerate(steps)]
        for at in range(0, len(records), batch):
            if at >= switched_on and not one.quotas:
                one.weigh(every)
            told = [each for each in records[at : at + batch] if each is not None]
            await one.intake.accept("main", envelope(*told))
            looks = [each for each in range(at, min(at + batch, len(steps))) if records[each] is None]
            await one.store.append([seen_of(each, steps[each], one.store.last) for each in looks])
            if at >= killed:
                quotas = one.quotas
                await one.kill()
                one = house(path, quotas)
                await one.start()
        one.weigh(every)
        await settled(one)
        counted = {place: used for place, used in (await usage(one)).items() if used}
        assert counted == {place: used for place, used in recount(one).items() if used}
        unheld = one.store._connection.execute("SELECT count(*) FROM usage_blob WHERE holders < 1").fetchone()
        assert unheld == (0,)
        await one.stop()

    story()


# --- a quota that comes, changes and goes -----------------------------------------------------------------------------


def filled(count):
    return [
        image(str(at), f"v{at}", (f"layer {at}", 100), of=f"image {at}", repository=f"prj/app{at % 3}")
        for at in range(count)
    ]


@simulated
async def test_a_quota_over_an_existing_catalogue_counts_it_in_slices_while_things_go_on(path):
    one = house(path, [])
    await one.start()
    await tell(one, *filled(130), image("x", "v1", ("layer 1", 100), of="x", repository="solo"))
    assert await usage(one) == {}
    one.weigh([quota(limit=10**9), quota(limit=10**9, namespace="library")])
    await asyncio.sleep(0.03)  # some slices are counted, others not
    assert Stage.COUNTING in {row.stage for row in await one.store.usage()}
    gone = [delete(f"d{at}", f"image {at}", repository=f"prj/app{at % 3}") for at in range(0, 130, 7)]
    new = [
        image(f"n{at}", "v1", (f"layer {at}", 100), ("layer new", 5), of=f"new {at}", repository="prj/app2")
        for at in range(9)
    ]
    await tell(one, *gone, *new)
    assert await usage(one) == {"main/prj": 111 * (SIZE + 100) + 9 * SIZE + 5 + 2 * 100, "main/library": SIZE + 100}
    assert await usage(one) == recount(one)
    # What changed during the count is held as often as it is there, and goes when it goes.
    every = [delete(f"e{at}", f"image {at}", repository=f"prj/app{at % 3}") for at in range(130) if at % 7]
    await tell(one, *every, *(delete(f"m{at}", f"new {at}", repository="prj/app2") for at in range(9)))
    assert await usage(one) == {"main/prj": 0, "main/library": SIZE + 100}
    await one.stop()


@simulated
async def test_what_a_count_finds_beyond_a_threshold_is_told_once(path):
    """Nobody pushed when a quota was made: the event is the namespace's, and its sender nobody."""
    one = house(path, [])
    await one.start()
    await tell(one, *filled(3))
    one.weigh([quota(limit=2000)])
    await settled(one)
    assert told(one) == [("quota.warning", 85, 3 * (SIZE + 100))]
    event = one.observer.events[-1]
    assert (event.repository.path, event.repository.namespace, event.actor, event.tags) == ("", "prj", "", ())
    assert (event.details.asked, event.artifact.digest, event.recovered) == (0, "", False)
    one.weigh([quota(limit=1000)])  # a limit that is lower tells what it makes of what is there
    await settled(one)
    assert told(one)[1:] == [("quota.exceeded", 100, 3 * (SIZE + 100))]
    await one.stop()
    again = house(path, [quota(limit=1000)])
    await again.start()
    await settled(again)
    assert told(again) == []
    await again.stop()


@simulated
async def test_what_left_its_quota_is_forgotten_and_counted_anew_when_it_returns(path):
    one = house(path)
    await one.start()
    await tell(one, *filled(3))
    one.weigh([quota(namespace="other")])
    await tell(one, *filled(5)[3:])  # while nobody weighs it
    assert await usage(one) == {"main/other": 0}
    assert one.store._connection.execute("SELECT count(*) FROM usage_blob").fetchone() == (0,)
    one.weigh([quota()])
    await settled(one)
    assert await usage(one) == {"main/prj": 5 * (SIZE + 100)}
    one.weigh([])
    one.weigh([quota()])  # at once: nothing was missed
    await settled(one)
    assert await usage(one) == {"main/prj": 5 * (SIZE + 100)}
    await one.stop()


@simulated
async def test_a_default_namespace_that_changes_has_both_counted_anew(path):
    one = house(path, [quota(namespace="*")])
    await one.start()
    await tell(
        one, image("1", "v1", ("layer", 100), repository="solo"), image("2", "v1", ("layer x", 1), repository="prj/app")
    )
    await one.stop()
    other = house(path, [quota(namespace="*")], registries=[registry(default_namespace="prj")])
    await other.start()
    await settled(other)
    held = {place: used for place, used in (await usage(other)).items() if used}
    assert held == {"main/prj": 2 * SIZE + 101}
    await other.stop()


# --- what is told -----------------------------------------------------------------------------------------------------


@simulated
async def test_each_threshold_is_told_once_by_the_push_that_passes_it(path):
    one = house(path, [quota(warn_at=(50, 85))])
    await one.start()
    for at, size in enumerate((3000, 500, 2000, 100, 3000, 100)):
        await tell(one, image(str(at), f"v{at}", (f"layer {at}", size), of=f"image {at}", actor=f"user {at}"))
    assert told(one) == [
        ("quota.warning", 50, 5500 + 3 * SIZE),
        ("quota.warning", 85, 8600 + 5 * SIZE),
        ("quota.exceeded", 100, 8600 + 5 * SIZE),
    ]
    warning, _, exceeded = [event for event in one.observer.events if isinstance(event.details, Told)]
    assert (warning.actor, warning.tag, warning.artifact.digest) == ("user 2", "v2", digest("image 2"))
    assert exceeded.details == Told(namespace="prj", used=11_185, limit=10_000, percent=111, threshold=100, asked=3517)
    assert (exceeded.repository.path, exceeded.repository.namespace) == ("prj/app", "prj")
    assert [json.loads(request.body)["threshold_percent"] for request in one.sender.requests] == [50, 85, 100]
    await one.stop()


@simulated
async def test_a_threshold_is_armed_again_by_falling_5_percent_below_it(path):
    one = house(path, [quota(warn_at=())])
    await one.start()
    await tell(one, image("1", "v1", ("layer a", 8000), of="a"))
    await tell(one, image("2", "v2", ("layer b", 1100), of="b"))
    assert [each[0] for each in told(one)] == ["quota.exceeded"]
    await tell(one, image("3", "v3", ("layer c", 10), of="c"), delete("4", "c"))
    await tell(one, image("5", "v4", ("layer d", 10), of="d"))
    assert len(told(one)) == 1  # never 5 % below
    await tell(one, delete("6", "b"))  # 9044 bytes
    await tell(one, image("7", "v5", ("layer e", 900), of="e"))
    assert [each[0] for each in told(one)] == ["quota.exceeded"] * 2
    await one.stop()


@simulated
async def test_ignored_pushes_count_and_the_next_one_that_is_heard_tells(path):
    ignoring = registry(ignored_actors=Globs.of(("scanner",)))
    one = house(path, [quota(warn_at=())], registries=[ignoring])
    await one.start()
    await tell(one, image("1", "v1", ("layer a", 11_000), of="a", actor="scanner"))
    assert (told(one), await usage(one)) == ([], {"main/prj": SIZE + 11_000})
    await tell(one, untag("2", "v9"))
    assert told(one) == []  # nothing was moved by it
    await tell(one, image("3", "v2", ("layer a", 11_000), of="a"))
    assert told(one) == [("quota.exceeded", 100, SIZE + 11_000)]
    await one.stop()


@simulated
async def test_a_record_that_comes_again_and_a_start_after_a_kill_tell_nothing_twice(path):
    big = image("1", "v1", ("layer a", 11_000), of="a")
    one = house(path, [quota(warn_at=())])
    await one.start()
    await one.intake.accept("main", envelope(big))
    await settled(one)
    assert len(told(one)) == 1
    await one.kill()
    again = house(path, [quota(warn_at=())])
    await again.start()
    await tell(again, big)
    await tell(again, image("2", "v2", ("layer a", 11_000), of="a"))
    assert told(again) == []
    assert len(await again.store.usage()) == 1
    assert [json.loads(request.body)["threshold_percent"] for request in again.sender.requests] in ([], [100])
    await again.stop()


@simulated
async def test_who_watches_a_repository_of_the_namespace_hears_and_others_do_not(path):
    listening = [
        subscription("here", format="quay", events=("quota.exceeded",), match=match(["prj/other/**"])),
        subscription("there", format="quay", events=("quota.exceeded",), match=match(["elsewhere/**"])),
        subscription("harbor", format="harbor", events=("QUOTA_EXCEED",), match=match(["prj/**"], untagged=False)),
    ]
    one = house(path, [quota(limit=100, warn_at=())], listening)
    await one.start()
    await tell(one, image("1", "", ("layer a", 1), of="a"))  # without a tag
    assert sorted(request.url.rpartition("/")[2] for request in one.sender.requests) == ["harbor", "here"]
    await one.stop()


# --- what the registry knows ------------------------------------------------------------------------------------------


def served():
    """A registry with an index over two images, of which nobody told anything."""
    api = FakeRegistry()
    for of in ("x", "y"):
        api.push("prj/app", "", of)
    body = {"schemaVersion": 2, "mediaType": INDEX, "manifests": []}
    for of in ("x", "y"):
        body["manifests"].append(
            {"mediaType": MANIFEST, "digest": digest(of), "size": len(api.manifests["prj/app", digest(of)])}
        )
    api.manifests["prj/app", digest("both")] = json.dumps(body).encode()
    return api


@simulated
async def test_what_an_index_has_that_nobody_told_of_is_asked_for(path):
    api = served()
    one = house(path, apis={"main": api})
    await one.start()
    both = index("1", "v1", "x", "y", of="both")
    both["target"]["size"] = len(api.manifests["prj/app", digest("both")])
    await tell(one, both)
    # 16 bytes of config and layer in each (fake_registry), each with digests of its own.
    assert await usage(one) == {"main/prj": sum(len(each) for each in api.manifests.values()) + 2 * 16}
    assert await usage(one) == recount(one)
    (row,) = await one.store.usage()
    assert row.unknown == 0
    assert [str(event.type) for event in one.observer.events] == ["repository.created", "artifact.pushed"]
    await one.stop()


@simulated
async def test_a_manifest_that_is_not_there_any_more_is_asked_for_once(path):
    api = served()
    del api.manifests["prj/app", digest("y")]
    one = house(path, apis={"main": api})
    await one.start()
    await tell(one, index("1", "v1", "x", "y", of="both"))
    await asyncio.sleep(1000)
    assert len([each for each in api.asked if each[3] == digest("y")]) == 1
    (row,) = await one.store.usage()
    assert row.unknown == 0
    await one.stop()


@simulated
async def test_a_push_that_tells_nothing_is_asked_for_before_it_is_told(path):
    """The event of the threshold has the push's own sender and tag."""
    api = FakeRegistry()
    api.push("prj/app", "v1", "a")
    one = house(path, [quota(limit=500, warn_at=())], apis={"main": api})
    await one.start()
    await tell(one, push("1", "v1", of="a"))
    assert await usage(one) == {"main/prj": SIZE + 16}
    assert [(event.actor, event.tag) for event in one.observer.events if event.details] == [("maria", "v1")]
    await one.stop()


@simulated
async def test_a_registry_that_is_down_is_asked_again_later(path):
    api = FakeRegistry()
    api.push("prj/app", "v1", "a")
    api.down = True
    one = house(path, apis={"main": api})
    await one.start()
    await tell(one, push("1", "v1", of="a"))
    (row,) = await one.store.usage()
    assert (row.used, row.unknown) == (SIZE, 1)
    api.down = False
    await asyncio.sleep(120)
    assert await usage(one) == {"main/prj": SIZE + 16}
    await one.stop()


@simulated
async def test_without_an_api_what_nobody_told_is_counted_as_unknown(path):
    one = house(path)
    await one.start()
    await tell(one, push("1", "v1", of="a"), image("2", "v2", ("layer b", 10), of="b"))
    (row,) = await one.store.usage()
    assert (row.used, row.unknown) == (2 * SIZE + 10, 1)
    await tell(one, image("3", "v1", ("layer a", 5), of="a"))  # told after all
    (row,) = await one.store.usage()
    assert (row.used, row.unknown) == (2 * SIZE + 15, 0)
    await one.stop()


@simulated
async def test_what_was_read_before_a_deletion_does_not_bring_a_manifest_back(path):
    """The answer and the deletion may reach the journal in either order; what happened last counts."""
    one = house(path)
    await one.start()
    await tell(one, image("1", "v1", ("layer a", 10), of="a", time="2026-11-22T00:00:01Z"))
    before = one.store.last
    await tell(one, delete("2", "a", time="2026-11-22T00:00:03Z"))

    async def read(name, second, after):
        looked = instant.parse_rfc3339(f"2026-11-22T00:00:0{second}Z")
        references = (Descriptor(digest=digest("layer a"), size=10),)
        artifact = Artifact(
            digest=digest("a"), size=SIZE, kind=Kind.IMAGE, references=references, manifest_read=True, config_read=True
        )
        seen = Observation(saw=Act.CONTENT, looked=looked, after=after, repository="prj/app", artifact=artifact)
        await one.store.append([Entry(RecordKind.OBSERVATION, "main", name, looked, encode(seen))])
        await settled(one)

    await read("content:1", 2, before)
    assert await usage(one) == {"main/prj": 0}
    await read("content:2", 5, one.store.last)  # pushed again by its digest, and nobody told
    assert await usage(one) == {"main/prj": SIZE + 10}
    assert one.observer.outcomes[-2:] == ["known", "known"]
    await one.stop()


@simulated
async def test_a_manifest_whose_size_is_told_late_is_held_once_all_the_same(path):
    one = house(path)
    await one.start()
    small = image("1", "v1", ("layer a", 10), of="a")
    small["target"].update(size=0, length=0)
    await tell(one, small)
    assert await usage(one) == {"main/prj": 10}
    await tell(one, image("2", "v1", ("layer a", 10), of="a"))
    assert await usage(one) == {"main/prj": SIZE + 10}
    await tell(one, delete("3", "a"))
    assert await usage(one) == {"main/prj": 0}
    await one.stop()
