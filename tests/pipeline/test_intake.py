"""Bytes in, durable records out."""

import json

import pytest

from doubles import RecordingObserver
from flaky_store import FlakyStore
from notifications import envelope, push
from sidecar.domain.errors import StoreUnavailable
from sidecar.domain.listing import QuarantineFilter
from sidecar.pipeline.intake import Intake
from virtual_time import VirtualClock


class Desk:
    """An intake with its store."""

    def __init__(self, store):
        self.store, self.clock, self.observer = store, VirtualClock(), RecordingObserver()
        self.intake = Intake(store, self.clock, self.observer)

    async def journal(self):
        return list(await self.store.read(0, 100))

    async def aside(self):
        return list(await self.store.quarantined(QuarantineFilter()))


@pytest.fixture
async def desk(tmp_path):
    store = FlakyStore(tmp_path / "sidecar.db", inline=True)
    await store.open()
    yield Desk(store)
    await store.close()


async def test_every_event_of_an_envelope_becomes_a_record_with_its_own_bytes(desk):
    body = b'{"events": [ {"id":"a" , "action":"push","target":{}},\n{"id":"b","action":"pull","target":{}} ], "x": 1}'
    assert await desk.intake.accept("main", body) == "accepted"
    assert [(one.id, one.body, one.registry) for one in await desk.journal()] == [
        ("a", b'{"id":"a" , "action":"push","target":{}}', "main"),
        ("b", b'{"id":"b","action":"pull","target":{}}', "main"),
    ]
    assert {desk.clock.now() - one.accepted < 10**9 for one in await desk.journal()} == {True}


async def test_a_bare_event_is_an_envelope_of_one(desk):
    bare = json.dumps(push("a")).encode()
    assert await desk.intake.accept("main", bare) == "accepted"
    assert [one.body for one in await desk.journal()] == [bare]


async def test_a_repeat_is_a_duplicate_and_part_of_one_is_not(desk):
    await desk.intake.accept("main", envelope(push("a")))
    assert await desk.intake.accept("main", envelope(push("a"))) == "duplicate"
    assert await desk.intake.accept("main", envelope(push("a"), push("b"))) == "accepted"
    assert [one.id for one in await desk.journal()] == ["a", "b"]


async def test_no_events_are_accepted_and_are_nothing(desk):
    assert await desk.intake.accept("main", b'{"events": []}') == "accepted"
    assert await desk.journal() == []
    assert await desk.aside() == []


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"", "unreadable"),
        (b"hello", "unreadable"),
        (b"\xff\xfe", "unreadable"),
        (b'{"events": [', "unreadable"),
        (b"[]", "not_an_envelope"),
        (b'{"event": {}}', "not_an_envelope"),
        (b"42", "not_an_envelope"),
    ],
)
async def test_what_cannot_be_read_is_set_aside_whole(desk, body, reason):
    assert await desk.intake.accept("main", body, "text/x") == "quarantined"
    (row,) = await desk.aside()
    assert (row.reason, row.registry, row.content_type, row.size) == (reason, "main", "text/x", len(body))
    assert (await desk.store.quarantined_body(row.id))[1] == body
    assert [one.reason for one in desk.observer.set_aside] == [reason]
    assert await desk.journal() == []


async def test_a_content_type_that_is_no_text_is_kept_as_far_as_it_can_be(desk):
    """Header bytes that are not UTF-8 arrive as lone surrogates, which no store takes."""
    assert await desk.intake.accept("main", b"?", "text/\udcff") == "quarantined"
    await desk.intake.unknown_registry("r\udcff", b"?", "")
    assert [(one.registry, one.content_type) for one in await desk.aside()] == [("r?", ""), ("main", "text/?")]


async def test_what_the_store_refuses_is_set_aside(desk):
    """The registry would send it for ever, and nothing behind it would ever come."""
    body = b'{"events": [{"id": "a"}]}'
    assert await desk.intake.accept("ma\udcffin", body) == "quarantined"
    (row,) = await desk.aside()
    assert (row.reason, row.registry) == ("bad_record", "ma?in")
    assert "the store refuses this item" in row.detail
    assert (await desk.store.quarantined_body(row.id))[1] == body


async def test_of_what_is_too_large_only_the_head_is_kept(desk):
    await desk.intake.too_large("main", b"x" * 9000, "application/json", 8 * 1024 * 1024)
    (row,) = await desk.aside()
    assert (row.reason, row.size) == ("too_large", 8192)
    assert row.detail == "the body is larger than ingest.max_body (8388608 bytes); only its head was kept"


async def test_what_came_for_an_unknown_registry_is_kept_whole(desk):
    await desk.intake.unknown_registry("n" * 300, b"{}", "application/json")
    (row,) = await desk.aside()
    assert (row.reason, row.registry, row.size) == ("unknown_registry", "n" * 200, 2)
    assert "add it to `registries`, then run `quarantine retry`" in row.detail


@pytest.mark.parametrize("body", [envelope(push("a")), b"not readable"])
async def test_without_a_commit_nothing_is_accepted(desk, body):
    desk.store.fail("append", "quarantine")
    with pytest.raises(StoreUnavailable, match="disk I/O error"):
        await desk.intake.accept("main", body)
    desk.store.fail()
    assert (await desk.journal(), await desk.aside(), desk.observer.set_aside) == ([], [], [])
    assert await desk.intake.accept("main", body) in {"accepted", "quarantined"}


# --- taking an item again -------------------------------------------------------------------------------------------


async def again(desk):
    """Take the newest quarantined item again."""
    row, body = await desk.store.quarantined_body((await desk.aside())[0].id)
    return await desk.intake.again(row, body)


async def test_what_came_too_early_for_its_registry_is_taken_again(desk):
    await desk.intake.unknown_registry("late", envelope(push("a"), push("b")), "application/json")
    assert await again(desk) == "accepted"
    assert [(one.registry, one.id) for one in await desk.journal()] == [("late", "a"), ("late", "b")]
    assert await again(desk) == "duplicate"


async def test_what_cannot_be_read_still_cannot(desk):
    await desk.intake.accept("main", b"hello")
    assert await again(desk) == "quarantined"
    await desk.intake.too_large("main", envelope(push("a")), "", 10)
    assert await again(desk) == "quarantined"
    assert await desk.journal() == []
    assert len(await desk.aside()) == 2
