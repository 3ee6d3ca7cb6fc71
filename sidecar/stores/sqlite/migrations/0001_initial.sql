-- The first schema. Instants are nanoseconds since 1970 (UTC). Later migrations only add.

CREATE TABLE meta (key TEXT PRIMARY KEY, value ANY) STRICT, WITHOUT ROWID;

-- Accepted records, in order. The body goes once it is not needed; the row stays for deduplication until retention.
CREATE TABLE journal (
  number   INTEGER PRIMARY KEY,
  kind     TEXT NOT NULL,
  registry TEXT NOT NULL,
  id       TEXT NOT NULL,
  accepted INTEGER NOT NULL,
  body     BLOB
) STRICT;
CREATE UNIQUE INDEX journal_identity ON journal (registry, id);

CREATE TABLE quarantine (
  id           INTEGER PRIMARY KEY AUTOINCREMENT, -- operators name items by it, so none is used again
  at           INTEGER NOT NULL,
  registry     TEXT NOT NULL,
  reason       TEXT NOT NULL,
  detail       TEXT NOT NULL,
  content_type TEXT NOT NULL,
  record       TEXT NOT NULL,
  body         BLOB NOT NULL
) STRICT;

-- The catalogue. Tombstones have live = 0.
CREATE TABLE namespace (
  id      INTEGER PRIMARY KEY,
  name    TEXT NOT NULL UNIQUE,
  public  INTEGER NOT NULL,
  created INTEGER NOT NULL
) STRICT;

CREATE TABLE repository (
  registry   TEXT NOT NULL,
  name       TEXT NOT NULL,
  first_push INTEGER,
  live       INTEGER NOT NULL,
  time       INTEGER NOT NULL,
  number     INTEGER NOT NULL,
  PRIMARY KEY (registry, name)
) STRICT, WITHOUT ROWID;

CREATE TABLE manifest (
  registry    TEXT NOT NULL,
  repository  TEXT NOT NULL,
  digest      TEXT NOT NULL,
  artifact    BLOB NOT NULL, -- JSON of the whole artifact, references included
  tags        TEXT NOT NULL, -- JSON of every tag that was ever pushed onto it
  live        INTEGER NOT NULL,
  time        INTEGER NOT NULL,
  number      INTEGER NOT NULL,
  PRIMARY KEY (registry, repository, digest)
) STRICT, WITHOUT ROWID;

CREATE TABLE tag (
  registry   TEXT NOT NULL,
  repository TEXT NOT NULL,
  tag        TEXT NOT NULL,
  digest     TEXT NOT NULL,
  pushed     INTEGER NOT NULL,
  live       INTEGER NOT NULL,
  time       INTEGER NOT NULL,
  number     INTEGER NOT NULL,
  PRIMARY KEY (registry, repository, tag)
) STRICT, WITHOUT ROWID;

CREATE TABLE deletion (
  registry   TEXT NOT NULL,
  repository TEXT NOT NULL,
  request    TEXT NOT NULL,
  digest     TEXT NOT NULL,
  deadline   INTEGER NOT NULL,
  parked     BLOB, -- JSON of the notice, while it waits to be classified
  PRIMARY KEY (registry, repository, request)
) STRICT, WITHOUT ROWID;
CREATE INDEX deletion_parked ON deletion (deadline) WHERE parked IS NOT NULL;
CREATE INDEX deletion_deadline ON deletion (deadline);

-- What happened, what is said of it, and to whom it is owed.
CREATE TABLE event (
  id         INTEGER PRIMARY KEY,
  uuid       TEXT NOT NULL,
  type       TEXT NOT NULL,
  registry   TEXT NOT NULL,
  repository TEXT NOT NULL,
  time       INTEGER NOT NULL,
  accepted   INTEGER NOT NULL,
  body       BLOB NOT NULL -- JSON of the whole event
) STRICT;

CREATE INDEX event_uuid ON event (uuid);

-- A message's and a delivery's id is its event's id times 65536 plus a number from 0: so they are found by event
-- without an index, and lie beside each other.
CREATE TABLE message (
  id           INTEGER PRIMARY KEY,
  word         TEXT NOT NULL,
  content_type TEXT NOT NULL,
  body         BLOB NOT NULL -- the bytes that are sent and signed
) STRICT;

CREATE TABLE lane (
  id           INTEGER PRIMARY KEY,
  name         TEXT NOT NULL UNIQUE,
  format       TEXT NOT NULL,
  policy       INTEGER NOT NULL, -- Harbor's policy id, 0 for other formats
  paused_until INTEGER NOT NULL DEFAULT 0,
  hold         TEXT NOT NULL DEFAULT '',
  orphaned     INTEGER NOT NULL DEFAULT 0,
  held_since   INTEGER NOT NULL DEFAULT 0,
  held_total   INTEGER NOT NULL DEFAULT 0,
  last_success INTEGER NOT NULL DEFAULT 0,
  failures     INTEGER NOT NULL DEFAULT 0 -- consecutive failed attempts
) STRICT;

CREATE TABLE delivery (
  id         INTEGER PRIMARY KEY,
  event      INTEGER NOT NULL,
  lane       INTEGER NOT NULL,
  message    INTEGER,
  webhook_id TEXT NOT NULL,
  word       TEXT NOT NULL,
  state      INTEGER NOT NULL, -- 0 due, 1 delivered, 2 dead, 3 cancelled
  due        INTEGER NOT NULL,
  created    INTEGER NOT NULL,
  attempts   INTEGER NOT NULL DEFAULT 0,
  held_base  INTEGER NOT NULL DEFAULT 0,
  order_key  TEXT NOT NULL DEFAULT '',
  reason     TEXT NOT NULL DEFAULT '',
  status     INTEGER NOT NULL DEFAULT 0,
  detail     TEXT NOT NULL DEFAULT '',
  done       INTEGER
) STRICT;
CREATE INDEX delivery_due ON delivery (lane, due, id) WHERE state = 0;
CREATE INDEX delivery_done ON delivery (state, done) WHERE done IS NOT NULL;

CREATE TABLE attempt (
  delivery INTEGER NOT NULL,
  number   INTEGER NOT NULL,
  started  INTEGER NOT NULL,
  took     INTEGER NOT NULL,
  reason   TEXT NOT NULL,
  status   INTEGER NOT NULL,
  detail   TEXT NOT NULL,
  answer   BLOB NOT NULL,
  PRIMARY KEY (delivery, number)
) STRICT, WITHOUT ROWID;

INSERT INTO meta (key, value) VALUES ('cursor', 0), ('tried_at', -1), ('tries', 0), ('clean', 1);
INSERT INTO namespace (id, name, public, created) VALUES (1, 'library', 0, 0);
