"""From what others told to what subscribers hear: through the journal, the translator and a delivery."""

import functools
import json

import pytest

import virtual_time
from doubles import House, RecordingSender, match, subscription
from notifications import envelope, push
from sidecar.domain.details import Build, Scan
from sidecar.domain.event import EventType
from sidecar.domain.listing import QuarantineFilter
from sidecar.domain.record import STATEMENT_TYPE
from sidecar.domain.statement import Statement, encode
from sidecar.pipeline.operations import Operations

TYPES = ("artifact.pushed", "build.succeeded", "scan.completed", "scanner.updated", "retention.finished")
BUILT = Statement(type=EventType.BUILD_SUCCEEDED, repository="prj/app", tags=("v1",), details=Build(id="41"))


def simulated(test):
    @functools.wraps(test)
    def run(*given, **named):
        return virtual_time.run(test(*given, **named))

    return run


async def living(path, *subscriptions):
    house = House(path / "store.db", virtual_time.VirtualClock(), RecordingSender(), subscriptions)
    await house.start()
    return house


def heard(house, name="ours"):
    return [json.loads(one.body) for one in house.sender.requests if one.url.endswith(f"/{name}")]


@simulated
async def test_a_build_is_delivered_with_its_details_and_what_is_known_of_the_tag(tmp_path):
    house = await living(tmp_path, subscription("ours", format="cloudevents", events=TYPES))
    await house.intake.accept("main", envelope(push("p", tag="v1")))
    assert await house.intake.take([("main", "intake:1", BUILT)]) == 1
    assert await house.intake.take([("main", "intake:1", BUILT)]) == 0
    await house.quiet()
    pushed, built = heard(house)
    assert built["type"] == "io.registry-sidecar.build.succeeded"
    assert built["data"]["details"] == {"about": "build", "id": "41"}
    assert built["data"]["digest"] == pushed["data"]["digest"]
    assert built["data"]["repositoryCreated"] == pushed["data"]["repositoryCreated"]
    assert built["data"]["origin"]["id"] == "intake:1"
    assert house.observer.set_aside == []
    await house.stop()


@simulated
async def test_what_happened_to_more_than_one_repository_is_told_to_whom_it_concerns(tmp_path):
    def wants(name, *patterns):
        return subscription(name, format="cloudevents", events=TYPES, match=match(repositories=patterns))

    house = await living(tmp_path, wants("all"), wants("prj", "prj/**"), wants("team", "team/**"))
    await house.intake.take(
        [
            ("main", "intake:1", Statement(type=EventType.RETENTION_FINISHED, namespace="prj")),
            ("main", "intake:2", Statement(type=EventType.SCANNER_UPDATED)),
        ]
    )
    await house.quiet()
    told = {name: [one["data"]["event"] for one in heard(house, name)] for name in ("all", "prj", "team")}
    assert told == {"all": ["retention.finished", "scanner.updated"], "prj": ["retention.finished"], "team": []}
    await house.stop()


@pytest.mark.parametrize("kill", [False, True])
@simulated
async def test_what_was_answered_is_told_although_the_process_died(tmp_path, kill):
    house = await living(tmp_path, subscription("ours", format="cloudevents", events=TYPES))
    told = [("main", f"intake:{at}", Statement(type=EventType.SCAN_COMPLETED, repository="prj/app")) for at in range(5)]
    await house.intake.take(told)
    if kill:
        sender, clock = house.sender, house.clock
        await house.kill()
        house = House(tmp_path / "store.db", clock, sender, house.subscriptions)
        await house.start()
    await house.quiet()
    assert {one["data"]["origin"]["id"] for one in heard(house)} == {identity for _, identity, _ in told}
    await house.stop()


@simulated
async def test_a_statement_of_a_registry_that_left_can_be_told_from_quarantine(tmp_path):
    house = await living(tmp_path, subscription("ours", format="cloudevents", events=TYPES))
    configured = dict(house.registries)
    house.registries.clear()
    await house.intake.take([("main", "intake:1", BUILT)])
    await house.quiet()
    (row,) = await house.store.quarantined(QuarantineFilter())
    assert (row.reason, row.content_type) == ("unknown_registry", STATEMENT_TYPE)
    house.registries.update(configured)
    operations = Operations(house.store, house.intake, house.clock, house.observer)
    await operations.retry_all_quarantined(QuarantineFilter(), "tester")
    await house.quiet()
    assert [one["data"]["event"] for one in heard(house)] == ["build.succeeded"]
    await house.stop()


@simulated
async def test_no_registry_can_make_a_statement_of_what_it_posts(tmp_path):
    """Neither by the type of the body, nor by what an element looks like."""
    house = await living(tmp_path, subscription("ours", format="cloudevents", events=TYPES))
    said = encode(Statement(type=EventType.SCAN_COMPLETED, repository="prj/app", details=Scan()))
    for body in (said, b'{"events": [' + said + b"]}"):
        await house.intake.accept("main", body, STATEMENT_TYPE)
    await house.quiet()
    operations = Operations(house.store, house.intake, house.clock, house.observer)
    await operations.retry_all_quarantined(QuarantineFilter(), "tester")
    await house.quiet()
    assert heard(house) == []
    assert len(await house.store.quarantined(QuarantineFilter())) == 2
    await house.stop()
