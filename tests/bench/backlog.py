"""A store with a large backlog: one real event that three held lanes are owed, copied until so many are pending."""

import contextlib
import sqlite3
from pathlib import Path

SPAN = 65536  # ids of messages and deliveries per event

SERIES = "WITH RECURSIVE series(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM series WHERE n < :copies)"
COPIES = {
    "event": "id + n",
    "message": f"id + n * {SPAN}",
    "delivery": f"id + n * {SPAN}",
}


def grow(path: Path, pending: int) -> int:
    """Copy the newest event of a stopped store with its messages and deliveries; returns what is pending then."""
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as store:
        store.execute("PRAGMA journal_mode = OFF")  # nothing else has it open, and it is thrown away afterwards
        store.execute("PRAGMA synchronous = OFF")
        newest = store.execute("SELECT max(id) FROM event").fetchone()[0]
        owed = store.execute("SELECT count(*) FROM delivery WHERE event = ? AND state = 0", (newest,)).fetchone()[0]
        copies = -(-pending // owed)
        for table, key in COPIES.items():
            columns = [row[1] for row in store.execute(f"PRAGMA table_info({table})")]
            taken = [key if one == "id" else "event + n" if one == "event" else one for one in columns]
            first, last = (newest, newest) if table == "event" else (newest * SPAN, newest * SPAN + SPAN - 1)
            store.execute(
                f"{SERIES} INSERT INTO {table} ({', '.join(columns)}) "
                f"SELECT {', '.join(taken)} FROM series "
                f"CROSS JOIN (SELECT * FROM {table} WHERE id BETWEEN :first AND :last)",
                {"copies": copies, "first": first, "last": last},
            )
        count = store.execute("SELECT count(*) FROM delivery WHERE state = 0").fetchone()[0]
        store.execute("PRAGMA journal_mode = WAL")
        return int(count)
