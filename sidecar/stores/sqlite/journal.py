"""The journal's verbs: append, read, quarantine."""

import sqlite3
from collections.abc import Sequence

from sidecar.domain.record import Entry, Quarantined, Record
from sidecar.stores.sqlite import rows

READ = """
SELECT number, kind, registry, id, accepted, body FROM journal
WHERE number > ? AND body IS NOT NULL ORDER BY number LIMIT ?
"""


class Numbers:
    """The next number of the journal. Touched on the writer's thread only; a rolled back cycle leaves a gap."""

    def __init__(self) -> None:
        self.last = 0

    def load(self, connection: sqlite3.Connection) -> None:
        """The cursor counts too: retention may have removed every row, and no number may come twice."""
        newest = connection.execute("SELECT coalesce(max(number), 0) FROM journal").fetchone()[0]
        cursor = connection.execute("SELECT value FROM meta WHERE key = 'cursor'").fetchone()[0]
        self.last = max(newest, cursor)


def append(connection: sqlite3.Connection, numbers: Numbers, items: Sequence[Sequence[Entry]]) -> list[list[Record]]:
    """Append the entries of several requests; returns the records of each that were new."""
    records = []
    for entries in items:
        made = []
        for entry in entries:
            numbers.last += 1
            made.append(Record(numbers.last, entry.kind, entry.registry, entry.id, entry.accepted, entry.body))
        records.append(made)
    flat = [
        (one.number, one.kind.value, one.registry, one.id, one.accepted, one.body) for made in records for one in made
    ]
    if not flat:
        return records
    written = rows.insert(
        connection,
        "INSERT INTO journal (number, kind, registry, id, accepted, body)",
        flat,
        "ON CONFLICT (registry, id) DO NOTHING",
    )
    if written == len(flat):
        return records
    # Some were repeats: ask which numbers came to be. Repeats are rare, so the common path asks nothing.
    found = connection.execute(
        "SELECT number FROM journal WHERE number BETWEEN ? AND ?", (flat[0][0], flat[-1][0])
    ).fetchall()
    new = {row[0] for row in found}
    return [[one for one in made if one.number in new] for made in records]


def quarantine(connection: sqlite3.Connection, items: Sequence[Quarantined]) -> list[None]:
    rows.insert(
        connection,
        "INSERT INTO quarantine (at, registry, reason, detail, content_type, record, body)",
        [quarantine_values(one) for one in items],
    )
    return [None] * len(items)


def quarantine_values(item: Quarantined) -> tuple[int, str, str, str, str, str, bytes]:
    return (item.at, item.registry, item.reason, item.detail, item.content_type, item.record, item.body)
