-- Walks of the registries: their progress, what they found and have not told yet, and the processes that were seen.

CREATE TABLE walk (
  id       INTEGER PRIMARY KEY AUTOINCREMENT, -- journal records are named after it, so none is used again
  registry TEXT NOT NULL,
  state    TEXT NOT NULL,
  body     BLOB NOT NULL -- JSON of the whole walk
) STRICT;
CREATE INDEX walk_registry ON walk (registry, id);

CREATE TABLE walk_place (
  walk       INTEGER NOT NULL,
  repository TEXT NOT NULL,
  listed     INTEGER NOT NULL,
  PRIMARY KEY (walk, repository)
) STRICT, WITHOUT ROWID;

CREATE TABLE walk_finding (
  walk INTEGER NOT NULL,
  key  TEXT NOT NULL,
  body BLOB NOT NULL, -- JSON of the observation
  PRIMARY KEY (walk, key)
) STRICT, WITHOUT ROWID;

CREATE TABLE registry_instance (
  registry TEXT NOT NULL,
  instance TEXT NOT NULL,
  PRIMARY KEY (registry, instance)
) STRICT, WITHOUT ROWID;

-- The moment of the look by which a walk told of a row's state before any record did, else 0.
ALTER TABLE repository ADD COLUMN found INTEGER NOT NULL DEFAULT 0;
ALTER TABLE manifest ADD COLUMN found INTEGER NOT NULL DEFAULT 0;
ALTER TABLE tag ADD COLUMN found INTEGER NOT NULL DEFAULT 0;
