"""Samples in a lane's queue: written beside what the journal tells, and kept and removed like it."""

import sqlite3

from sidecar.domain.delivery import State
from sidecar.domain.errors import NotFound
from sidecar.ports.samples import Sample
from sidecar.stores.sqlite import rows
from sidecar.stores.sqlite.pending import Pending
from sidecar.stores.sqlite.translation import Ids, held_total


def owe(connection: sqlite3.Connection, pending: Pending, ids: Ids, sample: Sample) -> None:
    """Raises NotFound when the lane is gone."""
    event, message, lane = sample.event, sample.message, sample.lane
    if connection.execute("SELECT 1 FROM lane WHERE id = ? AND retired = 0", (lane,)).fetchone() is None:
        raise NotFound("there is no such subscription any more")
    ids.event += 1
    number = ids.event * rows.SPAN
    at = event.accepted
    rows.insert(
        connection,
        "INSERT INTO event (id, uuid, type, registry, repository, time, accepted, body)",
        [
            (
                ids.event,
                event.id,
                event.type.value,
                event.registry.name,
                event.repository.path,
                event.time,
                at,
                rows.encode(event),
            )
        ],
    )
    rows.insert(connection, rows.MESSAGE, [rows.message_values(number, message)])
    base = held_total(connection, lane, at)
    rows.insert(
        connection,
        "INSERT INTO delivery (id, event, lane, message, webhook_id, word, state, due, created, held_base)",
        [(number, ids.event, lane, number, sample.webhook_id, message.word, State.DUE.value, at, at, base)],
    )
    pending.moved(lane, 1, 0)
