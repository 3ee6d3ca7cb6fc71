"""The translator's verbs: begin, attempt, look, commit, end."""

import sqlite3
from collections.abc import Collection, Sequence
from typing import Any

from sidecar.domain.catalogue import Facts, Need
from sidecar.domain.delivery import Delivery, Reason, State
from sidecar.domain.errors import CursorMoved, NamespaceTaken
from sidecar.ports import Position, WriteSet
from sidecar.stores.sqlite import expiry, groups, journal, places, rows, usage
from sidecar.stores.sqlite.journal import quarantine_values
from sidecar.stores.sqlite.pending import Pending
from sidecar.stores.sqlite.reading import Reader

# json_each first, then the table by its key: CROSS JOIN forbids the planner to scan the table instead.
_BY_KEY = "SELECT t.* FROM json_each(?1) v CROSS JOIN"
REPOSITORIES = f"{_BY_KEY} repository t ON t.registry = v.value ->> 0 AND t.name = v.value ->> 1"
MANIFESTS = (
    f"{_BY_KEY} manifest t ON t.registry = v.value ->> 0 AND t.repository = v.value ->> 1 AND t.digest = v.value ->> 2"
)
TAGS = f"{_BY_KEY} tag t ON t.registry = v.value ->> 0 AND t.repository = v.value ->> 1 AND t.tag = v.value ->> 2"
DELETIONS = (
    f"{_BY_KEY} deletion t ON t.registry = v.value ->> 0 AND t.repository = v.value ->> 1 AND t.request = v.value ->> 2"
)
SCANS = f"{_BY_KEY} scan t ON t.registry = v.value ->> 0 AND t.repository = v.value ->> 1 AND t.digest = v.value ->> 2"
SESSIONS = "SELECT body FROM pull_session ORDER BY number"
CLOSE = """
DELETE FROM pull_session WHERE (client, tag, digest) IN (
  SELECT value ->> 0, value ->> 1, value ->> 2 FROM json_each(?)
)
"""
COUNT_PULLS = """
ON CONFLICT (registry, repository, digest, tag)
DO UPDATE SET count = count + excluded.count, last = max(last, excluded.last)
"""
CANCEL_LATE = f"""
UPDATE delivery SET state = {State.CANCELLED.value}, reason = '{Reason.CANCELLED.value}', done = ?
WHERE id IN (SELECT value FROM json_each(?))
"""
PARKED = "SELECT * FROM deletion WHERE parked IS NOT NULL"
NAMESPACES = f"{_BY_KEY} namespace t ON t.name = v.value ->> 0"
WHOLE_MANIFESTS = "SELECT * FROM manifest WHERE registry = ? AND repository = ? AND live = 1"
WHOLE_TAGS = "SELECT * FROM tag WHERE registry = ? AND repository = ? AND live = 1"


class Ids:
    """The id of the last event; those of messages and deliveries follow from it. The writer's alone."""

    def __init__(self) -> None:
        self.event = 0

    def load(self, connection: sqlite3.Connection) -> None:
        """Retention may have removed the newest rows, so what was given out before is remembered in `meta`."""
        newest = connection.execute("SELECT coalesce(max(id), 0) FROM event").fetchone()[0]
        kept = connection.execute("SELECT value FROM meta WHERE key = 'last_event'").fetchone()
        self.event = max(newest, kept[0] if kept else 0)

    def keep(self, connection: sqlite3.Connection) -> None:
        connection.execute("INSERT OR REPLACE INTO meta (key, value) VALUES ('last_event', ?)", (self.event,))


def begin(connection: sqlite3.Connection) -> Position:
    """Note a start: until an orderly end is noted, the next start will know that there was none.

    An end that was not orderly is held against the record that waits, once, however often it happens: the process may
    have been translating it in a batch.
    """
    keys = "('cursor', 'clean', 'tried_at')"
    meta = dict(connection.execute(f"SELECT key, value FROM meta WHERE key IN {keys}").fetchall())
    cursor, clean = meta["cursor"], bool(meta["clean"])
    waiting = connection.execute(journal.READ, (cursor, 1)).fetchone() is not None
    if waiting and not clean and meta["tried_at"] != cursor:
        _note(connection, cursor, 1)
    connection.execute("UPDATE meta SET value = 0 WHERE key = 'clean'")
    return Position(cursor=cursor, clean=clean)


def attempt(connection: sqlite3.Connection) -> int:
    """Note an attempt at the record after the cursor; returns the attempts that were begun there before."""
    keys = "('cursor', 'tried_at', 'tries')"
    meta = dict(connection.execute(f"SELECT key, value FROM meta WHERE key IN {keys}").fetchall())
    before = meta["tries"] if meta["tried_at"] == meta["cursor"] else 0
    _note(connection, meta["cursor"], before + 1)
    return int(before)


def _note(connection: sqlite3.Connection, cursor: int, tries: int) -> None:
    rows.insert(connection, "INSERT OR REPLACE INTO meta (key, value)", [("tried_at", cursor), ("tries", tries)])


def end(connection: sqlite3.Connection) -> None:
    rows.insert(connection, "INSERT OR REPLACE INTO meta (key, value)", [("clean", 1), ("tried_at", -1)])


async def look(reader: Reader, need: Need) -> Facts:
    """The rows of a need. One SELECT per kind of row that is wanted at all."""
    facts = Facts()
    manifests: dict[tuple[str, str, str], Any] = {}
    tags: dict[tuple[str, str, str], Any] = {}
    wanted = set(need.manifests)
    if need.repositories:
        facts.repositories = [
            rows.repository(row) for row in await reader.rows(REPOSITORIES, (rows.keys(need.repositories),))
        ]
    if need.namespaces:
        named = await reader.rows(NAMESPACES, (rows.keys((name,) for name in need.namespaces),))
        facts.namespaces = [rows.namespace(row) for row in named]
        if len(facts.namespaces) < len(need.namespaces):
            facts.next_namespace = (await reader.rows(places.NEXT))[0][0]
    if need.tags:
        tags.update((row[:3], row) for row in await reader.rows(TAGS, (rows.keys(need.tags),)))
        wanted.update((*key[:2], tags[key][3]) for key in need.followed if key in tags)
    if need.deletions:
        facts.deletions = [rows.deletion(row) for row in await reader.rows(DELETIONS, (rows.keys(need.deletions),))]
        wanted.update((row.registry, row.repository, row.digest) for row in facts.deletions)
    if need.parked:
        known = {row.key for row in facts.deletions}
        parked = [rows.deletion(row) for row in await reader.rows(PARKED)]
        facts.deletions.extend(row for row in parked if row.key not in known)
    if need.sessions:
        facts.sessions = [rows.session(row[0]) for row in await reader.rows(SESSIONS)]
    if wanted:
        manifests.update((row[:3], row) for row in await reader.rows(MANIFESTS, (rows.keys(wanted),)))
    scanned = need.scanned | {(*key[:2], tags[key][3]) for key in need.scanned_tags if key in tags}
    if scanned:
        facts.scans = [rows.scan(row) for row in await reader.rows(SCANS, (rows.keys(scanned),))]
    pointed_to = (need.tags_of | scanned) & manifests.keys()
    pointing = {(*key[:2], tag) for key in pointed_to for tag in rows.manifest_tags(manifests[key])}
    if pointing - tags.keys():
        tags.update((row[:3], row) for row in await reader.rows(TAGS, (rows.keys(pointing - tags.keys()),)))
    for place in need.whole:
        manifests.update((row[:3], row) for row in await reader.rows(WHOLE_MANIFESTS, place))
        tags.update((row[:3], row) for row in await reader.rows(WHOLE_TAGS, place))
        ended = {(*place, row[3]) for key, row in tags.items() if key[:2] == place} - manifests.keys()
        if ended:
            manifests.update((row[:3], row) for row in await reader.rows(MANIFESTS, (rows.keys(ended),)))
    facts.manifests = [rows.manifest(row) for row in manifests.values()]
    facts.tags = [rows.tag(row) for row in tags.values()]
    return facts


def commit(connection: sqlite3.Connection, ids: Ids, pending: Pending, work: WriteSet) -> list[Delivery]:
    """Write one translated batch. Raises CursorMoved or NamespaceTaken, and writes nothing, when somebody was here."""
    moved = connection.execute(
        "UPDATE meta SET value = ? WHERE key = 'cursor' AND value = ?", (work.cursor, work.expected)
    ).rowcount
    if moved != 1:
        raise CursorMoved(f"the journal is no longer translated up to {work.expected}")
    _catalogue(connection, work)
    if work.usage is not None:
        usage.write(connection, work.usage)
    due = _deliveries(connection, ids, pending, work)
    if pending.gone:
        due = _without(connection, pending.gone, due, work.now)
    if pending.traced:
        _trace(connection, pending.traced, work)
    pending.made(due)
    if work.quarantined:
        rows.insert(
            connection,
            "INSERT INTO quarantine (at, registry, reason, detail, content_type, record, body)",
            [quarantine_values(one) for one in work.quarantined],
        )
    if work.finished:
        connection.execute(
            "UPDATE journal SET body = NULL WHERE number IN (SELECT value FROM json_each(?))",
            (rows.encode(list(work.finished)).decode(),),
        )
    return due


def _catalogue(connection: sqlite3.Connection, work: WriteSet) -> None:
    changes = work.changes
    if changes.namespaces:
        try:
            rows.insert(connection, "INSERT INTO namespace", [rows.namespace_values(row) for row in changes.namespaces])
        except sqlite3.IntegrityError as error:
            raise NamespaceTaken("a namespace was made while its first records were translated") from error
    replace = (
        ("repository", [rows.repository_values(row) for row in changes.repositories]),
        ("manifest", [rows.manifest_values(row) for row in changes.manifests]),
        ("tag", [rows.tag_values(row) for row in changes.tags]),
        ("deletion", [rows.deletion_values(row) for row in changes.deletions]),
        ("pull_session", [rows.session_values(row) for row in changes.sessions]),
    )
    for table, values in replace:
        if values:
            rows.insert(connection, f"INSERT OR REPLACE INTO {table}", values)
    if changes.closed:
        connection.execute(CLOSE, (rows.keys(changes.closed),))
    if changes.looks or changes.disarmed:
        expiry.commit(connection, changes)
    if changes.scans:
        head = "INSERT OR REPLACE INTO scan (registry, repository, digest, report, type, event, time, number, body)"
        rows.insert(connection, head, [rows.scan_values(row) for row in changes.scans])
    if changes.pulls:
        counted = [(one.registry, one.repository, one.digest, one.tag, one.count, one.last) for one in changes.pulls]
        head = "INSERT INTO pull (registry, repository, digest, tag, count, last)"
        rows.insert(connection, head, counted, COUNT_PULLS)


def _deliveries(connection: sqlite3.Connection, ids: Ids, pending: Pending, work: WriteSet) -> list[Delivery]:
    heirs = pending.heirs
    told = groups.close(connection, ids.event + 1, work) if work.closed else {}
    ids.event += len(told)
    begun: dict[int, int] = {}  # number of a group -> the first id that it has not used
    joined: list[groups.Joined] = []
    events: list[tuple[Any, ...]] = []
    messages: list[tuple[Any, ...]] = []
    deliveries: list[tuple[Any, ...]] = []
    due: list[Delivery] = []
    held: dict[int, int] = {}
    for planned in work.events:
        event, stored = planned.event, planned.stored
        owes = max(len(planned.messages), len(planned.deliveries))
        if stored is None:
            ids.event += 1
            number, first, room = ids.event, ids.event * rows.SPAN, rows.SPAN
            events.append(
                (
                    number,
                    event.id,
                    event.type.value,
                    event.registry.name,
                    event.repository.path,
                    event.time,
                    event.accepted,
                    rows.encode(event),
                )
            )
            if planned.joins:
                joined.append((number, event, planned.joins))
        elif stored.group in told:
            number, (first, last) = stored.event, rows.span(told[stored.group])
            first = begun.get(stored.group, first)
            begun[stored.group] = first + owes
            room = last - first + 1
        else:
            continue  # somebody has given it up
        messages.extend(rows.message_values(first + at, message) for at, message in enumerate(planned.messages))
        if owes > room:
            raise ValueError(f"one event owes more than {rows.SPAN} deliveries")
        for at, one in enumerate(planned.deliveries):
            lane = heirs.get(one.lane, one.lane) if heirs else one.lane
            base = held.get(lane)
            if base is None:
                base = held[lane] = held_total(connection, lane, work.now)
            dead = one.refused or (Reason.RENDER_FAILED if one.message is None else None)
            deliveries.append(
                (
                    first + at,
                    number,
                    lane,
                    None if one.message is None else first + one.message,
                    one.webhook_id,
                    one.word,
                    State.DEAD.value if dead else State.DUE.value,
                    work.now,
                    work.now,
                    base,
                    dead.value if dead else "",
                    one.detail,
                    work.now if dead else None,
                    one.order_key,
                )
            )
            if one.message is not None and not dead:
                message = planned.messages[one.message]
                due.append(
                    Delivery(
                        id=first + at,
                        lane=lane,
                        event=number,
                        event_id=event.id,
                        webhook_id=one.webhook_id,
                        word=one.word,
                        content_type=message.content_type,
                        body=message.body,
                        due=work.now,
                        created=work.now,
                        held_base=base,
                        order_key=one.order_key,
                        headers=message.headers,
                        url=message.url,
                    )
                )
    rows.insert(connection, "INSERT INTO event (id, uuid, type, registry, repository, time, accepted, body)", events)
    rows.insert(connection, rows.MESSAGE, messages)
    rows.insert(
        connection,
        "INSERT INTO delivery (id, event, lane, message, webhook_id, word, state, due, created, held_base, reason, "
        "detail, done, order_key)",
        deliveries,
    )
    if told:
        ids.keep(connection)  # no event has the number of a group
    if joined:
        groups.join(connection, pending, joined)
    return due


def _without(
    connection: sqlite3.Connection, gone: Collection[int], due: Sequence[Delivery], now: int
) -> list[Delivery]:
    """Cancel what was planned for lanes that have been retired since."""
    late = [one.id for one in due if one.lane in gone]
    if late:
        connection.execute(CANCEL_LATE, (now, rows.encode(late).decode()))
    return [one for one in due if one.lane not in gone]


def _trace(connection: sqlite3.Connection, traced: Collection[int], work: WriteSet) -> None:
    """Note when lanes were last told something, one row for each lane and word of the batch."""
    last = {(one.lane, one.word) for planned in work.events for one in planned.deliveries if one.lane in traced}
    if last:
        values = [(lane, word, work.now) for lane, word in sorted(last)]
        rows.insert(connection, "INSERT OR REPLACE INTO last_trigger (lane, word, at)", values)


def held_total(connection: sqlite3.Connection, lane: int, now: int) -> int:
    """Nanoseconds that a lane has been held up to now, the current hold included."""
    row = connection.execute("SELECT held_total, held_since FROM lane WHERE id = ?", (lane,)).fetchone()
    if row is None:
        return 0
    return int(row[0]) + (max(0, now - row[1]) if row[1] else 0)
