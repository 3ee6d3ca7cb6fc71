"""Sessions as they are kept: taking over batch after batch comes to the same as reading the store anew."""

from hypothesis import given
from hypothesis import strategies as st

from sidecar.domain.event import Artifact
from sidecar.domain.session import Session, Sessions, Working


def session(client: str, tag: str, number: int) -> Session:
    return Session(
        client=client,
        tag=tag,
        root=Artifact(digest="sha256:a"),
        at=number,
        last=number,
        number=number,
        deadline=number + 30,
    )


@given(st.lists(st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from(["v1", "v2"]), st.booleans()), max_size=5)))
def test_taking_over_is_reading_anew(batches):
    kept, number = Sessions(), 0
    for batch in batches:
        working = Working(kept)
        for client, tag, ends in batch:
            number += 1
            before = working.of(client).get((client, tag, "sha256:a"))
            if not ends:
                working.put(session(client, tag, number))
            elif before is not None:
                working.drop(before)
        opened, closed = working.changes()
        kept.take(opened, closed)
        anew = Sessions(kept.rows.values())
        assert list(kept.rows.items()) == list(anew.rows.items())
        assert kept.clients == anew.clients
        assert [row.number for row in kept.rows.values()] == sorted(row.number for row in kept.rows.values())


def test_a_batch_that_is_dropped_changes_nothing():
    kept = Sessions([session("a", "v1", 1)])
    working = Working(kept)
    working.put(session("a", "v1", 2))
    working.put(session("b", "v1", 3))
    working.drop(working.of("a")["a", "v1", "sha256:a"])
    assert list(kept.rows.values()) == [session("a", "v1", 1)]
    assert working.changes() == ([session("b", "v1", 3)], [("a", "v1", "sha256:a")])


def test_what_a_batch_opens_and_ends_is_neither_written_nor_closed():
    working = Working(Sessions())
    working.put(session("a", "v1", 1))
    working.drop(session("a", "v1", 1))
    assert working.changes() == ([], [])
