"""The fold over any story: batches, repetitions and neighbours change nothing."""

from fold_notices import LATENCY, MAIN, A, B, C
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from catalogue_store import Batch, CatalogueStore, Tick, fold_batch
from effort import examples
from sidecar.domain.event import Artifact, Descriptor, Event, EventType, Kind, Origin, Request
from sidecar.domain.instant import SECOND
from sidecar.domain.notice import Act, Notice

ACTS = (
    [Act.PUSH] * 5
    + [Act.PULL, Act.PULL, Act.CHECK, Act.CHECK, Act.BLOB, Act.NONE, Act.DROP]
    + [Act.DELETE] * 3
    + [Act.UNTAG] * 4
)


@st.composite
def records(draw, repositories=("prj/one", "solo")) -> Notice | Tick:
    """One record: few digests, tags and requests, so that they meet; times go back and forth."""
    time = draw(st.integers(0, 30)) * SECOND
    if draw(st.integers(0, 9)) == 0:
        return Tick(time + LATENCY)
    act = draw(st.sampled_from(ACTS))
    fetched = act in {Act.PUSH, Act.PULL, Act.CHECK}
    tags = {Act.DROP: [""], Act.DELETE: [""], Act.UNTAG: ["v1", "v2"]}.get(act, ["", "v1", "v2"])
    kind = draw(st.sampled_from([Kind.IMAGE, Kind.INDEX, Kind.UNKNOWN])) if fetched else Kind.UNKNOWN
    return Notice(
        act=act,
        registry="main",
        repository=draw(st.sampled_from(repositories)),
        time=time,
        accepted=time + LATENCY,
        artifact=Artifact(
            digest="" if act in {Act.UNTAG, Act.DROP} else draw(st.sampled_from([A, B, C])),
            kind=kind,
            references=(Descriptor(digest=A),) if kind is Kind.INDEX else (),
        ),
        tag=draw(st.sampled_from(tags)),
        request=Request(id=draw(st.sampled_from(["", "r1", "r2"]))),
        silent=draw(st.integers(0, 9)) == 0,
    )


def numbered(story: list[Notice | Tick]) -> list[Notice | Tick]:
    """The story as the journal has it: every record with its number and id."""
    return [
        one if isinstance(one, Tick) else replace(one, origin=Origin(record=f"record-{at}", number=at))
        for at, one in enumerate(story, 1)
    ]


STORIES = st.lists(records(), max_size=40).map(numbered)


def told(story: list[Notice | Tick], cuts: set[int] = frozenset(), store: CatalogueStore | None = None) -> Batch:
    """Fold a story in batches that end before the cuts."""
    store = CatalogueStore() if store is None else store
    result = Batch()
    batch: list[Notice | Tick] = []
    for at, one in enumerate([*story, None]):
        if batch and (at in cuts or one is None):
            came = fold_batch(store, MAIN, batch, checks=True)
            result.events.extend(came.events)
            result.outcomes.extend(came.outcomes)
            result.unclassified += came.unclassified
            batch = []
        if one is not None:
            batch.append(one)
    return result


@settings(max_examples=examples(300))
@given(STORIES, st.sets(st.integers(0, 40)))
def test_any_batching_gives_the_same_events_and_the_same_catalogue(story, cuts):
    whole, pieces, singles = CatalogueStore(), CatalogueStore(), CatalogueStore()
    expected = told(story, set(), whole)
    assert told(story, cuts, pieces) == expected
    assert told(story, set(range(len(story))), singles) == expected
    assert vars(pieces) == vars(whole)
    assert vars(singles) == vars(whole)


@given(STORIES)
def test_no_two_events_share_an_id(story):
    events = told(story).events
    assert len({event.id for event in events}) == len(events)


@given(STORIES, st.data())
def test_a_record_that_comes_again_is_dropped_by_its_id_and_changes_nothing(story, data):
    """A registry repeats a record until it is answered, so the repeat comes any time after the first."""
    again = list(story)
    for at in data.draw(st.lists(st.integers(0, max(0, len(story) - 1)), max_size=8)):
        if at < len(story) and isinstance(story[at], Notice):
            again.insert(data.draw(st.integers(again.index(story[at]) + 1, len(again))), story[at])
    seen: set[str] = set()
    journal: list[Notice | Tick] = []
    for one in again:
        if isinstance(one, Notice):
            if one.origin.record in seen:
                continue
            seen.add(one.origin.record)
        journal.append(one)
    assert told(journal) == told(story)


def in_its_own_words(event: Event) -> Event:
    """Without what depends on neighbours: the journal's number, and the namespace's, which count over everything."""
    return replace(event, origin=replace(event.origin, number=0), repository=replace(event.repository, namespace_id=0))


@given(
    st.lists(records(repositories=("prj/one",)), max_size=15),
    st.lists(records(repositories=("two",)), max_size=15),
    st.randoms(use_true_random=False),
)
def test_any_interleaving_with_another_repository_gives_the_same_events(first, second, chance):
    """Ticks are left out: a tick is for everybody."""
    mine = [
        replace(one, origin=Origin(record=f"mine-{at}", number=at))
        for at, one in enumerate((one for one in first if isinstance(one, Notice)), 1)
    ]
    theirs = [
        replace(one, origin=Origin(record=f"theirs-{at}"))
        for at, one in enumerate((one for one in second if isinstance(one, Notice)), 1)
    ]
    left, right = list(mine), list(theirs)
    mixed: list[Notice | Tick] = []
    while left or right:
        side = left if not right or (left and chance.random() < 0.5) else right
        one = side.pop(0)
        mixed.append(replace(one, origin=replace(one.origin, number=len(mixed) + 1)))
    alone = told(list(mine))
    together = [event for event in told(mixed).events if event.repository.path == "prj/one"]
    assert [in_its_own_words(event) for event in together] == [in_its_own_words(event) for event in alone.events]


@given(STORIES)
def test_every_event_is_true_to_its_record(story):
    """Whatever happened: an event names its record's repository, digest and tag.

    A pull by digest may name those of an earlier HEAD instead.
    """
    by_record = {one.origin.record: one for one in story if isinstance(one, Notice)}
    for event in told(story).events:
        record = by_record[event.origin.record]
        assert (event.repository.path, event.time, event.request) == (record.repository, record.time, record.request)
        assert not record.silent
        said, own = (event.artifact.digest, event.tag), (record.artifact.digest, record.tag)
        if event.type in {EventType.PUSHED, EventType.CHECKED}:
            assert said == own
        if event.type is EventType.PULLED:
            earlier = (one for one in by_record.values() if one.origin.number < record.origin.number)
            heads = {(one.artifact.digest, one.tag) for one in earlier if one.act is Act.CHECK}
            assert said == own or (not record.tag and said in heads)
        if event.type is EventType.DELETED and record.act is Act.DELETE:
            assert event.artifact.digest == record.artifact.digest
        if event.changed is not None:
            assert event.changed is (event.previous_digest != event.artifact.digest)


@given(st.lists(records(repositories=("prj/one",)), max_size=25), st.randoms(use_true_random=False))
def test_tags_end_at_the_latest_push_in_whatever_order_the_pushes_arrive(story, chance):
    """Last writer wins by the record's time: the catalogue does not depend on the order of arrival."""
    pushes = [one for one in story if isinstance(one, Notice) and one.act is Act.PUSH and one.tag]
    distinct = list({one.time: one for one in pushes}.values())
    shuffled = list(distinct)
    chance.shuffle(shuffled)
    store = CatalogueStore()
    told(numbered(list(shuffled)), set(), store)
    latest = {one.tag: one.artifact.digest for one in sorted(distinct, key=lambda one: one.time)}
    assert {row.tag: row.digest for row in store.tags.values()} == latest
