"""Work for stores: entries, write sets, settlements, said briefly."""

import asyncio
from collections.abc import Sequence

from sidecar.dialects.contract import sample
from sidecar.domain.catalogue import Changes
from sidecar.domain.delivery import Delivery, Reason, Settlement, State
from sidecar.domain.event import Event, EventType, Repository
from sidecar.domain.instant import SECOND
from sidecar.domain.lane_state import LaneName
from sidecar.domain.message import Message
from sidecar.domain.record import Entry, Quarantined, RecordKind
from sidecar.ports import PlannedDelivery, PlannedEvent, WriteSet
from sidecar.stores.sqlite import SQLiteStore

NOW = 1_795_219_200 * SECOND


def entry(identity: str, *, registry: str = "main", at: int = NOW, body: bytes | None = None) -> Entry:
    return Entry(RecordKind.REGISTRY, registry, identity, at, identity.encode() if body is None else body)


def nothing() -> Changes:
    return Changes(repositories=[], manifests=[], tags=[], deletions=[], namespaces=[])


def event(name: str, *, path: str = "prj/app", what: EventType = EventType.PUSHED, at: int = NOW) -> Event:
    """An event with an id made of `name`."""
    whole = sample(what)
    repository = Repository(path=path, namespace="prj", name=path.partition("/")[2], namespace_id=2)
    return Event(
        id=name,
        type=what,
        time=at,
        accepted=at,
        registry=whole.registry,
        repository=repository,
        artifact=whole.artifact,
        tags=whole.tags,
    )


def planned(
    name: str,
    lanes: Sequence[int],
    *,
    broken: Sequence[int] = (),
    key: str = "",
    refused: Reason | None = None,
    **more,
) -> PlannedEvent:
    """An event with one message owed to `lanes`, and one that could not be rendered for the lanes in `broken`.

    `key` is the order key of what is owed, `refused` why it is dead at once.
    """
    message = Message(word="PUSH_ARTIFACT", content_type="application/json", body=f"body of {name}".encode())
    owed = [
        PlannedDelivery(
            lane=lane,
            message=0,
            webhook_id=f"msg_{name}_{lane}",
            word="PUSH_ARTIFACT",
            order_key=key,
            refused=refused,
            detail="no room" if refused else "",
        )
        for lane in lanes
    ]
    failed = [
        PlannedDelivery(
            lane=lane, message=None, webhook_id=f"msg_{name}_{lane}", word="PUSH_ARTIFACT", detail="no such word"
        )
        for lane in broken
    ]
    return PlannedEvent(event(name, **more), (message,), (*owed, *failed))


def write_set(
    expected: int,
    cursor: int,
    *events: PlannedEvent,
    changes: Changes | None = None,
    finished: Sequence[int] = (),
    quarantined: Sequence[Quarantined] = (),
    now: int = NOW,
) -> WriteSet:
    return WriteSet(
        expected=expected,
        cursor=cursor,
        events=events,
        changes=changes or nothing(),
        finished=finished,
        quarantined=quarantined,
        now=now,
    )


def quarantined(
    reason: str = "unreadable", *, registry: str = "main", body: bytes = b"?", at: int = NOW
) -> Quarantined:
    return Quarantined(
        at=at, registry=registry, reason=reason, detail="a sentence", body=body, content_type="text/plain", record="r1"
    )


def settled(
    delivery: Delivery,
    state: State = State.DELIVERED,
    *,
    attempt: int = 1,
    due: int | None = None,
    at: int = NOW,
    took: int = SECOND,
    status: int = 200,
) -> Settlement:
    return Settlement(
        delivery=delivery.id,
        lane=delivery.lane,
        attempt=attempt,
        state=state,
        due=delivery.due if due is None else due,
        started=at,
        took=took,
        reason=Reason.OK if state is State.DELIVERED else Reason.SERVER_ERROR,
        status=status,
        detail="" if state is State.DELIVERED else f"answered {status}",
        answer=b"well",
        ordered=bool(delivery.order_key),
    )


def settle(store: SQLiteStore, *settlements: Settlement) -> "asyncio.Future[list[None]]":
    """Have settlements written; the future ends when all of them are."""
    waiting = {one.delivery: asyncio.get_running_loop().create_future() for one in settlements}

    def heard(written: Sequence[Settlement], error: BaseException | None) -> None:
        for one in written:
            if error is None:
                waiting[one.delivery].set_result(None)
            else:
                waiting[one.delivery].set_exception(error)

    for one in settlements:
        store.settle(one, heard)
    return asyncio.gather(*waiting.values())


def names(*given: str, **formerly: str) -> list[LaneName]:
    """Harbor lanes of these names; `new="old"` takes over the old one's."""
    return [LaneName(name=one, format="harbor", formerly=formerly.get(one, "")) for one in given]
