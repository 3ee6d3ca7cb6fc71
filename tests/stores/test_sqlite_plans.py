"""Every query of the hot path uses its index: a plan that scans a table is a store that slows down as it fills."""

import re

import pytest
from store_work import NOW, entry, names, planned, quarantined, settle, settled, write_set

from sidecar.domain.delivery import State
from sidecar.domain.glob import Globs
from sidecar.domain.retention import Retention
from sidecar.domain.selection import Cursor, Selection
from sidecar.stores.sqlite import (
    SQLiteStore,
    due,
    expiry,
    file,
    groups,
    inbox,
    interventions,
    journal,
    ledger,
    made,
    pending,
    places,
    queue,
    translation,
    upkeep,
    usage,
    walks,
)
from sidecar.stores.sqlite import scans as listing


@pytest.fixture(scope="module")
def connection(tmp_path_factory):
    connection = file.open_writer(tmp_path_factory.mktemp("plans") / "sidecar.db")
    yield connection
    connection.close()


def plan(connection, sql):
    """The lines of a plan. Parameters are numbers here: plans do not depend on their values without statistics."""
    numbered = max((int(one) for one in re.findall(r"\?(\d)", sql)), default=0)
    values = (1,) * (numbered or sql.count("?"))
    return [row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN {sql}", values)]


def scans(lines):
    """The lines that read a whole table. A list of keys (json_each, VALUES) and an index in its order are no tables."""
    harmless = ("VIRTUAL TABLE", "CONSTANT ROW", "SCAN v", "USING INDEX", "USING COVERING INDEX", "SCAN (subquery")
    return [line for line in lines if line.startswith("SCAN") and not any(one in line for one in harmless)]


INDEXES = {
    "journal.READ": (journal.READ, "INTEGER PRIMARY KEY (rowid>?)"),
    "due.DUE": (due.DUE, "delivery_due (lane=? AND due<?)"),
    "due.CHOSEN": (due.CHOSEN, "SEARCH d USING INTEGER PRIMARY KEY (rowid=?)"),
    "queue.NEXT_DUE": (queue.NEXT_DUE, "delivery_due (lane=? AND due>?)"),
    "made.ONE": (made.ONE, "SEARCH made USING INTEGER PRIMARY KEY (rowid=?)"),
    "made.OTHER": (made.OTHER, "made_key (api=? AND key=?)"),
    "made.LEFT": (made.LEFT, "delivery_due (lane=?)"),
    "made.HEALTH": (made.HEALTH, "SEARCH l USING INTEGER PRIMARY KEY (rowid=?)"),
    "made.TRIGGERS": (made.TRIGGERS, "SEARCH t USING PRIMARY KEY (lane=?)"),
    "queue.LANES": (queue.LANES, "SCAN lane USING INDEX lane_in_use"),
    "translation.CANCEL_LATE": (translation.CANCEL_LATE, "SEARCH delivery USING INTEGER PRIMARY KEY (rowid=?)"),
    "look.REPOSITORIES": (translation.REPOSITORIES, "PRIMARY KEY (registry=? AND name=?)"),
    "look.MANIFESTS": (translation.MANIFESTS, "PRIMARY KEY (registry=? AND repository=? AND digest=?)"),
    "look.TAGS": (translation.TAGS, "PRIMARY KEY (registry=? AND repository=? AND tag=?)"),
    "look.DELETIONS": (translation.DELETIONS, "PRIMARY KEY (registry=? AND repository=? AND request=?)"),
    "look.SCANS": (translation.SCANS, "scan_artifact (registry=? AND repository=? AND digest=?)"),
    "look.PARKED": (translation.PARKED, "deletion_parked"),
    "look.NAMESPACES": (translation.NAMESPACES, "(name=?)"),
    "look.WHOLE_MANIFESTS": (translation.WHOLE_MANIFESTS, "PRIMARY KEY (registry=? AND repository=?)"),
    "look.WHOLE_TAGS": (translation.WHOLE_TAGS, "PRIMARY KEY (registry=? AND repository=?)"),
    "commit.CLOSE": (translation.CLOSE, "PRIMARY KEY (client=? AND tag=? AND digest=?)"),
    "expiry.TAG": (expiry.TAG, "PRIMARY KEY (registry=? AND repository=? AND tag=?)"),
    "expiry.ENDING": (expiry.ENDING, "SEARCH t USING INDEX tag_expires (expires>? AND expires<?)"),
    "expiry.PLACES": (expiry.PLACES, "SEARCH repository USING PRIMARY KEY ((registry,name)>(?,?))"),
    "expiry.ENDS_IN": (expiry.ENDS_IN, "tag_expires_in (registry=? AND repository=? AND expires>? AND expires<?)"),
    "expiry.EVERY_END_IN": (expiry.EVERY_END_IN, "PRIMARY KEY (registry=? AND repository=?)"),
    "expiry.FORGET": (expiry.FORGET, "PRIMARY KEY (lane=? AND registry=? AND repository=? AND tag=?)"),
    "interventions.STANDING": (interventions.STANDING, "SEARCH d USING INTEGER PRIMARY KEY (rowid=?)"),
    "interventions.REPLAY": (interventions.REPLAY, "SEARCH delivery USING INTEGER PRIMARY KEY (rowid=?)"),
    "interventions.HASTEN": (interventions.HASTEN, "SEARCH delivery USING INTEGER PRIMARY KEY (rowid=?)"),
    "interventions.CANCEL": (interventions.CANCEL, "SEARCH delivery USING INTEGER PRIMARY KEY (rowid=?)"),
    "interventions.WINDOW_END": (interventions.WINDOW_END, "INTEGER PRIMARY KEY (rowid>? AND rowid<?)"),
    "walks.WALKS": (walks.WALKS, "walk_registry (registry=?)"),
    "walks.NEXT_PLACE": (walks.NEXT_PLACE, "PRIMARY KEY (walk=? AND repository>?)"),
    "walks.UNLISTED": (walks.UNLISTED, "PRIMARY KEY (walk=? AND repository=?)"),
    "walks.TAGS": (walks.TAGS, "PRIMARY KEY (registry=? AND repository=?)"),
    "walks.FINDINGS": (walks.FINDINGS, "PRIMARY KEY (walk=? AND key>?)"),
    "places.NAMED": (places.NAMED, "(name=?)"),
    "places.NAMESPACES": (places.NAMESPACES, "INTEGER PRIMARY KEY (rowid>?)"),
    "places.NEXT": (places.NEXT, "SEARCH namespace"),
    "places.WITHIN": (places.WITHIN, "PRIMARY KEY (registry=? AND name>? AND name<?)"),
    "places.SOLITARY": (places.SOLITARY, "PRIMARY KEY (registry=? AND name>?)"),
    "places.REPOSITORY": (places.REPOSITORY, "PRIMARY KEY (registry=? AND name=?)"),
    "groups.DUE": (groups.DUE, "event_group_due (lane=? AND deadline<?)"),
    "groups.OPEN": (groups.OPEN.replace(" ORDER BY g.id", ""), "event_group_open (lane=? AND key=?)"),
    "groups.NEXT": (groups.NEXT, "SEARCH event_group"),
    "groups.CLOSE": (groups.CLOSE, "SEARCH event_group USING INTEGER PRIMARY KEY (rowid=?)"),
    "groups.END": (groups.END, "event_group_due (lane=?)"),
    "groups.NUMBERS": (groups.NUMBERS.replace("DISTINCT", ""), "event_group_member_event (event=?)"),
    "usage.ROWS": (usage.ROWS, "PRIMARY KEY (registry=? AND namespace=?)"),
    "usage.BLOBS": (usage.BLOBS, "PRIMARY KEY (place=? AND digest=?)"),
    "usage.PRESENT": (usage.PRESENT, "PRIMARY KEY (registry=? AND repository=? AND digest=?)"),
    "usage.NEXT_WITHIN": (usage.NEXT_WITHIN, "PRIMARY KEY (registry=? AND name>? AND name<?)"),
    "usage.NEXT_SINGLE": (usage.NEXT_SINGLE, "PRIMARY KEY (registry=? AND name>?)"),
    "usage.MANIFESTS": (usage.MANIFESTS, "PRIMARY KEY (registry=? AND repository=? AND digest>?)"),
    "usage.GAPS": (usage.GAPS, "USING PRIMARY KEY ((place,repository,digest)>(?,?,?))"),
    "usage.CLEAR_BLOBS": (usage.CLEAR_BLOBS, "PRIMARY KEY (place=? AND digest=?)"),
    "usage.CLEAR_GAPS": (usage.CLEAR_GAPS, "PRIMARY KEY (place=? AND repository=? AND digest=?)"),
    "usage.REMOVE_BLOBS": (usage.REMOVE_BLOBS, "PRIMARY KEY (place=? AND digest=?)"),
    "usage.REMOVE_GAPS": (usage.REMOVE_GAPS, "PRIMARY KEY (place=? AND repository=? AND digest=?)"),
    "inbox.ONE": (inbox.ONE, "(uuid=?)"),
    "inbox.EVERYBODY_S": (inbox.EVERYBODY_S, "INTEGER PRIMARY KEY (rowid<?)"),
    "inbox.EVERYBODY_S_OPEN": (inbox.EVERYBODY_S_OPEN, "inbox_open (id<?)"),
    "inbox.COUNT_EVERYBODY_S": (inbox.COUNT_EVERYBODY_S, "inbox_open"),
    "inbox.COUNT_OWNERS_S": (inbox.COUNT_OWNERS_S, "inbox_of (owner=? AND open=?)"),
    "inbox.NAMESPACES": (inbox.NAMESPACES, "PRIMARY KEY (owner>? AND owner<?)"),
    "inbox.MARK": (inbox.MARK, "INTEGER PRIMARY KEY (rowid=?)"),
    "inbox.DISMISS": (inbox.DISMISS, "INTEGER PRIMARY KEY (rowid=?)"),
    "inbox.TAKE_BACK": (inbox.TAKE_BACK, "PRIMARY KEY (item=? AND person=?)"),
    "inbox.FULL": (inbox.FULL, "inbox_owner_full"),
    "inbox.SPARE": (inbox.SPARE, "inbox_of (owner=?)"),
    "inbox.REMOVE": (inbox.REMOVE, "INTEGER PRIMARY KEY (rowid=?)"),
    "upkeep.EXPIRED_DELIVERIES": (upkeep.EXPIRED_DELIVERIES, "delivery_done (state=? AND done<?)"),
    "upkeep.GROUPS_LEFT_ALONE": (upkeep.GROUPS_LEFT_ALONE, "event_group_told (number=?)"),
    "upkeep.GROUP_OVER": (upkeep.GROUP_OVER, "event_group_over (done<?)"),
    "upkeep.DELETE_MEMBERS": (upkeep.DELETE_MEMBERS, "SEARCH event_group_member USING PRIMARY KEY (grp=? AND seq=?)"),
    "upkeep.OLD_EVENTS": (upkeep.OLD_EVENTS, "INTEGER PRIMARY KEY (rowid>?)"),
    "upkeep.TRANSLATED": (upkeep.TRANSLATED, "INTEGER PRIMARY KEY (rowid<?)"),
    "upkeep.DELETIONS": (upkeep.DELETIONS, "deletion_deadline (deadline<?)"),
}


@pytest.mark.parametrize("name", INDEXES)
def test_a_query_uses_its_index(connection, name):
    sql, index = INDEXES[name]
    lines = plan(connection, sql)
    assert any(index in line for line in lines), lines
    assert scans(lines) == []
    assert not any("TEMP B-TREE" in line for line in lines), lines


@pytest.mark.parametrize("which", ["x.open = 1", "x.open IN (0, 1)"])
def test_a_list_of_inboxes_reads_no_other(connection, which):
    """What is sorted is no more than a page of each."""
    lines = plan(connection, inbox.OWNERS_S.format(which=which))
    assert any("SEARCH x USING COVERING INDEX inbox_of (owner=? AND open=?" in one for one in lines), lines
    assert any("SEARCH i USING INTEGER PRIMARY KEY (rowid=?)" in one for one in lines), lines
    assert scans(lines) == ["SCAN p"]  # the page itself: bodies are read for it alone


def test_the_lanes_in_which_groups_wait_are_found_from_one_to_the_next(connection):
    """However many groups wait in each of them."""
    lines = [line for line in plan(connection, groups.WAITING) if "event_group" in line]
    assert lines == [
        "SEARCH event_group USING INDEX event_group_due",
        "SEARCH g USING INDEX event_group_due (lane>?)",
        "SEARCH g USING INDEX event_group_due (lane=?)",
    ]


@pytest.mark.parametrize("name", ["ENDING", "ENDS_IN", "EVERY_END_IN"])
def test_whether_a_lane_was_told_of_a_tag_is_one_look_up(connection, name):
    lines = plan(connection, getattr(expiry, name))
    assert any("SEARCH w USING PRIMARY KEY (lane=? AND registry=? AND repository=? AND tag=?)" in one for one in lines)


def test_tags_without_an_end_are_in_no_index_of_ends(connection):
    """What does not use it does not pay for it."""
    values = "'main', 'prj/app', 'v1', 'sha256:a', 1, 1, 1, 1, 0"
    connection.execute(f"INSERT INTO tag VALUES ({values}, 0, 0)")
    for index in ("tag_expires", "tag_expires_in"):
        rows = f"SELECT tag FROM tag INDEXED BY {index} WHERE expires > 0 AND live = 1"
        assert connection.execute(rows).fetchall() == []
        connection.execute("UPDATE tag SET expires = 5")
        assert connection.execute(rows).fetchall() == [("v1",)]
        connection.execute("UPDATE tag SET expires = 0")
    connection.execute("DELETE FROM tag")


def test_the_heads_of_keys_are_found_by_the_index_of_order_alone(connection):
    """Two look-ups for each key, and never a row behind a head."""
    lines = [line for line in plan(connection, due.HEADS) if line.startswith(("SEARCH", "SCAN"))]
    assert [line for line in lines if "delivery" in line and "delivery_order" not in line] == []
    searches = [line for line in lines if "INDEX delivery_order (lane=? AND order_key>?)" in line]
    assert len(searches) == 2
    assert any(line.startswith("SEARCH d USING INTEGER PRIMARY KEY (rowid=?)") for line in lines), lines
    assert scans(lines) == [line for line in scans(lines) if line in {"SCAN head", "SCAN h"}]


@pytest.mark.parametrize("condition", ["1", listing.POINTED_TO])
def test_what_a_list_of_scans_says_beside_them_is_looked_up_by_key(connection, condition):
    """The list itself goes back from the last row until its page is full."""
    lines = plan(connection, f"{listing.SCANS} WHERE {condition} ORDER BY s.id DESC LIMIT 50")
    assert scans(lines) == ["SCAN s"]
    assert any("SEARCH m USING PRIMARY KEY (registry=? AND repository=? AND digest=?)" in one for one in lines), lines
    tags = [one for one in lines if "SEARCH t" in one]
    assert tags
    assert all("USING PRIMARY KEY (registry=? AND repository=? AND tag=?)" in one for one in tags), lines
    assert not any("TEMP B-TREE" in line for line in lines), lines


def test_registries_are_found_by_one_look_up_each_and_not_by_reading_their_repositories(connection):
    lines = plan(connection, places.REGISTRIES)
    assert any("SEARCH repository USING PRIMARY KEY (registry>?)" in line for line in lines), lines
    assert [line for line in scans(lines) if line != "SCAN known"] == [], lines


def test_what_is_pending_is_counted_over_the_index_of_each_kind(connection):
    assert plan(connection, pending.PENDING) == ["SCAN delivery USING INDEX delivery_due"]
    assert plan(connection, pending.ORDERED) == ["SCAN delivery USING INDEX delivery_order"]


def test_deliveries_without_order_are_in_no_index_of_order(connection):
    """What does not use it does not pay for it."""
    connection.execute(
        "INSERT INTO delivery (id, event, lane, webhook_id, word, state, due, created) "
        "VALUES (1, 1, 1, 'w', 'x', 0, 0, 0)"
    )
    assert connection.execute(pending.PENDING).fetchall() == [(1, 1)]
    assert connection.execute(pending.ORDERED).fetchall() == []
    connection.execute("DELETE FROM delivery")


def test_what_is_undelivered_is_counted_over_partial_indexes(connection):
    lines = plan(connection, ledger.OWED)
    assert any("delivery_due" in line for line in lines), lines
    assert any("delivery_done" in line for line in lines), lines
    assert not any(line in {"SCAN d", "SCAN delivery"} for line in lines), lines


class Listening:
    """A reader that notes what is asked."""

    def __init__(self, connection):
        self.connection, self.asked = connection, []

    async def rows(self, sql, values=()):
        self.asked.append((sql, values))
        return self.connection.execute(sql, values).fetchall()


@pytest.mark.parametrize(
    "where",
    [
        Selection(states=(State.DUE,), subscriptions=("one",)),
        Selection(
            states=(State.DEAD,), type="artifact.pushed", since=1, repositories=Globs.of(["a/**"], segments=True)
        ),
        Selection(states=(State.DEAD,), ids=(1, 2)),
        Selection(states=(State.DUE,), event="e1", subscriptions=("one",)),
    ],
    ids=["window", "window with events", "ids", "event"],
)
async def test_a_step_over_deliveries_reads_by_id_and_no_further_than_its_window(connection, where):
    """Above all not the index of what is due: it would be read whole and sorted, step by step."""
    connection.execute("INSERT OR IGNORE INTO event VALUES (7, 'e1', 'artifact.pushed', 'main', 'a', 1, 1, x'')")
    reader = Listening(connection)
    await interventions.pick(reader, where, Cursor(), 200)
    await interventions.tally(reader, where, Cursor())
    said = [sql for sql, _ in reader.asked if "FROM delivery d" in sql]
    assert len(said) == 2
    for sql in said:
        lines = plan(connection, sql)
        assert any(line.startswith("SEARCH d USING INTEGER PRIMARY KEY") or "INDEX 1" in line for line in lines), lines
        assert scans(lines) == []
        assert not any("delivery_due" in line or "delivery_done" in line for line in lines), lines


async def test_no_statement_of_ordinary_work_scans_a_table(tmp_path):
    """Whatever a store says to SQLite while it accepts, translates, settles and keeps house."""
    store = SQLiteStore(tmp_path / "sidecar.db", inline=True, retention=Retention(delivered=0, dead=0, journal=0))
    await store.open()
    (lane,) = await store.register(names("one"), NOW)
    said = set()
    store._connection.set_trace_callback(said.add)
    await store.append([entry(f"{one}") for one in range(5)])
    await store.append([entry("1")])
    made = await store.commit(
        write_set(0, 5, planned("x", [lane.id]), planned("y", [lane.id]), finished=[2, 3], quarantined=[quarantined()])
    )
    await settle(store, settled(made[0]))
    await settle(store, settled(made[1], State.DEAD, status=400))
    await store.replay([made[1].id], (State.DEAD,), NOW)
    await store.hasten([made[1].id], NOW)
    await store.cancel([made[1].id], NOW)
    while await store.step(NOW + 10**18):
        pass
    store._connection.set_trace_callback(None)
    looked_at = 0
    for sql in said:
        if sql.split()[0] in {"SELECT", "INSERT", "UPDATE", "DELETE"}:
            lines = [row[3] for row in store._connection.execute(f"EXPLAIN QUERY PLAN {sql}")]
            # Housekeeping reads these two in order and stops after a slice.
            assert [one for one in scans(lines) if one not in {"SCAN quarantine", "SCAN inbox"}] == [], sql
            looked_at += 1
    assert looked_at > 15
    await store.close()
