"""Pulls over any story: neighbours, batches, restarts and repetitions change nothing, and the memory is bounded.

What must be counted is known from how each story is made: clients that pull as real ones do, each pull with its HEAD,
its GETs and its children, the requests of different clients in any order.
"""

import itertools
from collections import Counter

import pytest
from fold_notices import LATENCY, MAIN
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from catalogue_store import CatalogueStore, Tick, fold_batch
from effort import examples
from sidecar.domain import session
from sidecar.domain.event import Artifact, Descriptor, Event, EventType, Kind, Origin, Request
from sidecar.domain.instant import MILLISECOND, SECOND
from sidecar.domain.notice import Act, Notice

WINDOW = MAIN.pull_window
CHILDREN = {f"sha256:index-{one}": [f"sha256:child-{one}-{at}" for at in range(3)] for one in range(2)}
IMAGES = ["sha256:image-0", "sha256:image-1"]


def request(act: Act, digest: str, tag: str, client: str) -> Notice:
    """One request for a manifest, without its place in time."""
    children = CHILDREN.get(digest, ())
    return Notice(
        act=act,
        registry="main",
        repository="prj/app",
        time=0,
        accepted=0,
        artifact=Artifact(
            digest=digest,
            kind=Kind.INDEX if children else Kind.IMAGE,
            references=tuple(Descriptor(digest=one) for one in children),
        ),
        tag=tag,
        request=Request(client=client),
    )


@st.composite
def pulls(draw, client: str) -> tuple[list[Notice], tuple[str, str] | None, tuple[str, str] | None]:
    """One thing that a client does: its requests in order, the pull that it is, the check that it is."""
    digest = draw(st.sampled_from([*CHILDREN, *IMAGES]))
    tag = draw(st.sampled_from(["v1", "v2"]))
    children = [request(Act.PULL, one, "", client) for one in draw(st.permutations(CHILDREN.get(digest, [])))]
    some = children[: draw(st.integers(0, len(children)))]
    head = request(Act.CHECK, digest, tag, client)
    match draw(st.sampled_from(["containerd", "containerd has the index", "skopeo", "up to date"])):
        case "containerd has the index" if some:
            return [head, *some], (tag, digest), None
        case "skopeo":
            return [request(Act.PULL, digest, tag, client), *some], (tag, digest), None
        case "up to date":
            return [head], None, (tag, digest)
        case _:
            return [head, request(Act.PULL, digest, "", client), *some], (tag, digest), None


@st.composite
def days(draw) -> tuple[list[Notice | Tick], Counter, Counter]:
    """Several clients, each doing one thing after another, side by side; what was pulled and what was checked.

    Between two things that one client does more than a window passes, or none at all when the first one was a pull.
    """
    timed: list[Notice] = []
    pulled: Counter = Counter()
    checked: Counter = Counter()
    for number in range(draw(st.integers(1, 4))):
        client = f"192.0.2.{number}"
        at = draw(st.integers(0, 90_000)) * MILLISECOND
        for _ in range(draw(st.integers(1, 4))):
            requests, pull, check = draw(pulls(client))
            for one in requests:
                at += draw(st.integers(1, 2_000)) * MILLISECOND
                timed.append(replace(one, time=at, accepted=at + LATENCY))
            if pull is not None:
                pulled[client, *pull] += 1
            if check is not None:
                checked[client, *check] += 1
            again = pull is not None and draw(st.booleans())
            at += SECOND if again else 2 * WINDOW + draw(st.integers(1, 5)) * SECOND
    timed.sort(key=lambda one: (one.time, one.request.client))
    story: list[Notice | Tick] = [
        replace(one, origin=Origin(record=f"record-{number}", number=number)) for number, one in enumerate(timed, 1)
    ]
    return [*story, Tick(timed[-1].time + 10 * WINDOW)], pulled, checked


def told(story: list[Notice | Tick], cuts: set[int] = frozenset()) -> list[Event]:
    """Fold in batches that end before the cuts; each batch reads its sessions anew, as after a restart."""
    store, events, batch = CatalogueStore(), [], []
    for at, one in enumerate(story):
        if at in cuts and batch:
            events += fold_batch(store, MAIN, batch, checks=True).events
            batch = []
        batch.append(one)
    events += fold_batch(store, MAIN, batch, checks=True).events
    if isinstance(story[-1], Tick):
        assert store.sessions == {}
    counted = Counter({(row.tag, row.digest): row.count for row in store.pulls.values()})
    assert counted == Counter((one.tag, one.artifact.digest) for one in events if one.type is EventType.PULLED)
    return events


def counted(events: list[Event], kind: EventType) -> Counter:
    return Counter((one.request.client, one.tag, one.artifact.digest) for one in events if one.type is kind)


@settings(max_examples=examples(300))
@given(days())
def test_whatever_clients_do_side_by_side_each_pull_is_one_and_each_check_is_one(day):
    story, pulled, checked = day
    events = told(story)
    assert counted(events, EventType.PULLED) == pulled
    assert counted(events, EventType.CHECKED) == checked


@settings(max_examples=examples(200))
@given(days(), st.sets(st.integers(0, 80)), st.lists(st.integers(0, 10_000), max_size=4))
def test_any_restart_and_any_tick_before_its_time_change_nothing(day, cuts, ticks):
    """A tick between two records ends nothing whose window has not ended by the records' acceptance."""
    story, _, _ = day
    expected = [(one.id, one.type, one.tag, one.artifact) for one in told(story)]
    busy = list(story)
    for draw in ticks:
        at = draw % len(busy)
        before = busy[at - 1] if at else busy[at]
        if isinstance(before, Notice):
            busy.insert(at, Tick(before.accepted))
    came = [(one.id, one.type, one.tag, one.artifact) for one in told(busy, cuts)]
    assert sorted(came, key=repr) == sorted(expected, key=repr)
    assert len({one[0] for one in came}) == len(came)


@given(days(), st.data())
def test_a_record_that_comes_again_is_dropped_by_its_id_and_changes_nothing(day, data):
    """As the journal does: a registry repeats a record until it is answered."""
    story, _, _ = day
    again = list(story)
    for at in data.draw(st.lists(st.integers(0, len(story) - 2), max_size=8)):
        again.insert(data.draw(st.integers(again.index(story[at]) + 1, len(again) - 1)), story[at])
    seen: set[str] = set()
    journal = [
        one for one in again if isinstance(one, Tick) or not (one.origin.record in seen or seen.add(one.origin.record))
    ]
    assert told(journal) == told(story)


@pytest.fixture(scope="module")
def small():
    """Bounds that a short story reaches."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(session, "SESSIONS", 5)
        patch.setattr(session, "ROOTS", 2)
        yield


@st.composite
def floods(draw) -> list[Notice | Tick]:
    """Requests without sense, from many clients for many manifests."""
    requests = draw(
        st.lists(
            st.builds(
                request,
                st.sampled_from([Act.CHECK, Act.PULL]),
                st.sampled_from([*CHILDREN, *IMAGES, "sha256:child-0-1", "sha256:child-1-2"]),
                st.sampled_from(["", "v1", "v2"]),
                st.sampled_from([f"192.0.2.{one}" for one in range(6)]),
            ),
            max_size=50,
        )
    )
    at, story = 0, []
    for number, one in enumerate(requests, 1):
        at += draw(st.integers(0, 12)) * SECOND
        origin = Origin(record=f"record-{number}", number=number)
        story.append(replace(one, time=at, accepted=at + LATENCY, origin=origin))
        if draw(st.integers(0, 9)) == 0:
            story.append(Tick(at + draw(st.integers(0, 60)) * SECOND))
    return story


@settings(max_examples=examples(300))
@given(story=floods(), cuts=st.sets(st.integers(0, 60)))
def test_the_bound_holds_at_every_record_and_batches_still_make_no_difference(small, story, cuts):
    whole, singles, pieces = CatalogueStore(), CatalogueStore(), CatalogueStore()
    at_once = fold_batch(whole, MAIN, story, checks=True)
    alone = []
    for one in story:
        alone += fold_batch(singles, MAIN, [one], checks=True).events
        assert len(singles.sessions) <= 5
        assert max(Counter(key[0] for key in singles.sessions).values(), default=0) <= 2
    cut = []
    edges = [0, *sorted(one for one in cuts if 0 < one < len(story)), len(story)]
    for first, last in itertools.pairwise(edges):
        cut += fold_batch(pieces, MAIN, story[first:last], checks=True).events
    assert alone == cut == at_once.events
    assert vars(whole) == vars(singles) == vars(pieces)
    assert len({event.id for event in alone}) == len(alone)


@given(floods())
def test_every_get_is_a_pull_or_part_of_one_that_was_announced(story):
    """Nothing is swallowed without an announced pull of the same client within the window."""
    store = CatalogueStore()
    announced: list[Notice] = []
    for one in story:
        came = fold_batch(store, MAIN, [one], checks=True)
        if not isinstance(one, Notice) or one.act is not Act.PULL:
            continue
        if came.outcomes == ["announced"]:
            announced.append(one)
        else:
            assert came.outcomes == ["swallowed"]
            assert not one.tag
            assert any(
                before.request.client == one.request.client and one.time - before.time <= WINDOW for before in announced
            )
