"""Every captured envelope, folded step by step, gives the events that are argued for beside the capture."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from catalogue_store import Batch, CatalogueStore, Tick, fold_batch
from sidecar.domain import instant
from sidecar.domain.event import Event, EventType, RegistryRef
from sidecar.domain.fold import PARKING
from sidecar.domain.notice import Notice
from sidecar.domain.record import Record, RecordKind
from sidecar.domain.registry import Registry
from sidecar.registry.envelope import split
from sidecar.registry.normalise import normalise

CAPTURES = sorted((Path(__file__).parent.parent / "fixtures" / "captures").glob("*.json"))
MAIN = Registry(ref=RegistryRef(name="main", hostname="registry.example.com"))
WINDOWS_OVER = Tick(instant.parse_rfc3339("2026-11-22T00:31:00Z"))
ACCEPTED = instant.parse_rfc3339("2026-11-22T00:30:00Z")


class Journal:
    """Numbers records as a journal does, and drops the repeat of an id."""

    def __init__(self) -> None:
        self.seen: set[tuple[str, str]] = set()

    def append(self, body: bytes) -> list[Record]:
        taken = []
        for given, raw in split(body):
            if ("main", given) not in self.seen:
                self.seen.add(("main", given))
                number = len(self.seen)
                taken.append(Record(number, RecordKind.REGISTRY, "main", given, ACCEPTED + number, raw))
        return taken


def bodies(step: dict[str, Any]) -> Iterator[bytes]:
    """The bytes as the registry writes them: indented with three spaces."""
    for request in step["requests"]:
        yield json.dumps(request["body"], indent=3, ensure_ascii=False).encode()


def notices(journal: Journal, step: dict[str, Any], *, times: int = 1) -> list[Notice | Tick]:
    return [
        normalise(record, MAIN, "registry-sidecar/")
        for body in bodies(step)
        for _ in range(times)
        for record in journal.append(body)
    ]


def said(event: Event) -> dict[str, Any]:
    """An event in the expectations' words."""
    about_repository = event.type in {EventType.REPOSITORY_CREATED, EventType.REPOSITORY_DELETED}
    return {
        "type": str(event.type),
        "repository": event.repository.path,
        "tags": list(event.tags),
        "digest": short(event.artifact.digest),
        "kind": "" if about_repository else str(event.artifact.kind),
        "previous": event.previous_digest and short(event.previous_digest),
        "changed": event.changed,
        "actor": event.actor,
    }


def short(digest: str) -> str:
    return digest.removeprefix("sha256:")[:8]


def expected(one: dict[str, Any]) -> dict[str, Any]:
    return {"tags": [], "digest": "", "kind": "", "previous": None, "changed": None, "actor": "", **one}


def load(capture: Path) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    steps = json.loads(capture.read_text())
    expectations = yaml.safe_load(capture.with_suffix(".expected.yml").read_text())
    return steps, expectations


@pytest.mark.parametrize("capture", CAPTURES, ids=lambda path: path.stem)
def test_every_step_gives_the_events_that_really_happened(capture):
    steps, expectations = load(capture)
    assert [one["step"] for one in steps] == [one["step"] for one in expectations]
    store, journal = CatalogueStore(), Journal()
    for step, expectation in zip(steps, expectations, strict=True):
        assert expectation["because"].strip(), step["step"]
        came: Batch = fold_batch(store, MAIN, notices(journal, step))
        assert [said(event) for event in came.events] == [expected(one) for one in expectation["events"]], step["step"]
        if "outcomes" in expectation:
            assert came.outcomes == expectation["outcomes"], step["step"]
        waited = fold_batch(store, MAIN, [Tick(ACCEPTED + len(journal.seen) + PARKING)])
        assert waited.events == []
        assert waited.unclassified == expectation.get("unclassified_after_wait", 0), step["step"]
    assert fold_batch(store, MAIN, [WINDOWS_OVER]).events == []  # nobody asked for checks
    assert store.sessions == {}


@pytest.mark.parametrize("capture", CAPTURES, ids=lambda path: path.stem)
def test_heads_that_no_get_followed_are_checks_for_those_who_ask(capture):
    """And nothing else changes for them."""
    steps, expectations = load(capture)
    store, journal = CatalogueStore(), Journal()
    events = [one for step in steps for one in fold_batch(store, MAIN, notices(journal, step), checks=True).events]
    assert [said(event) for event in events] == [expected(one) for each in expectations for one in each["events"]]
    ended = fold_batch(store, MAIN, [WINDOWS_OVER], checks=True)
    checked = [one for expectation in expectations for one in expectation.get("checked_after_window", ())]
    assert [said(event) for event in ended.events] == [expected(one) for one in checked]


@pytest.mark.parametrize("capture", CAPTURES, ids=lambda path: path.stem)
def test_a_capture_in_one_batch_gives_the_same_events_as_step_by_step(capture):
    steps, expectations = load(capture)
    journal = Journal()
    everything = [one for step in steps for one in notices(journal, step)]
    came = fold_batch(CatalogueStore(), MAIN, everything)
    assert [said(event) for event in came.events] == [
        expected(one) for expectation in expectations for one in expectation["events"]
    ]
    assert len({event.id for event in came.events}) == len(came.events)


@pytest.mark.parametrize("capture", CAPTURES, ids=lambda path: path.stem)
def test_envelopes_sent_three_times_give_the_same_events_once(capture):
    """The registry sends the same bytes again when an answer came too late for it."""
    steps, _ = load(capture)
    once, thrice = CatalogueStore(), CatalogueStore()
    journal_once, journal_thrice = Journal(), Journal()
    for step in steps:
        first = fold_batch(once, MAIN, notices(journal_once, step))
        again = fold_batch(thrice, MAIN, notices(journal_thrice, step, times=3))
        assert first == again


@pytest.mark.parametrize("capture", CAPTURES, ids=lambda path: path.stem)
def test_a_captured_event_keeps_its_own_time_to_the_nanosecond(capture):
    """The text printed from the instant is the text that the registry wrote (its clock was UTC)."""
    steps, _ = load(capture)
    for step in steps:
        for request, body in zip(step["requests"], bodies(step), strict=True):
            (record,) = Journal().append(body)
            notice = normalise(record, MAIN, "registry-sidecar/")
            assert instant.rfc3339(notice.time) == request["body"]["events"][0]["timestamp"]


@pytest.mark.parametrize("capture", CAPTURES, ids=lambda path: path.stem)
def test_a_captured_record_keeps_request_and_source(capture):
    """What is needed to say the record again in the registry's own form is carried along."""
    steps, _ = load(capture)
    for step in steps:
        for request, body in zip(step["requests"], bodies(step), strict=True):
            (wire,) = request["body"]["events"]
            (record,) = Journal().append(body)
            notice = normalise(record, MAIN, "registry-sidecar/")
            assert record.id == wire["id"]
            assert notice.request.id == wire["request"]["id"]
            assert notice.request.addr == wire["request"]["addr"]
            assert notice.request.client == "127.0.0.1"
            assert notice.request.method == wire["request"]["method"]
            assert notice.request.user_agent == wire["request"]["useragent"]
            assert notice.origin.record == wire["id"]
            assert notice.origin.action == wire["action"]
            assert notice.origin.instance == wire["source"]["instanceID"]
            assert notice.origin.addr == wire["source"]["addr"]
            assert notice.origin.url == wire["target"].get("url", "")
            assert notice.origin.from_repository == wire["target"].get("fromRepository", "")
            assert notice.artifact.size == wire["target"].get("size", 0)
