-- Subscriptions made through APIs, and the lanes that are theirs.

CREATE TABLE made (
  id         INTEGER PRIMARY KEY AUTOINCREMENT, -- lanes and other systems name them by it, so none is used again
  api        TEXT NOT NULL,
  key        TEXT NOT NULL, -- how that API knows it
  uuid       TEXT NOT NULL,
  policy     INTEGER NOT NULL, -- Harbor's policy id, 0 for other APIs
  namespace  TEXT NOT NULL,
  repository TEXT NOT NULL,
  name       TEXT NOT NULL,
  creator    TEXT NOT NULL,
  created    INTEGER NOT NULL,
  updated    INTEGER NOT NULL,
  revision   INTEGER NOT NULL,
  enabled    INTEGER NOT NULL,
  lanes      INTEGER NOT NULL, -- how many it has ever had: none of their names is used again
  document   BLOB NOT NULL, -- JSON
  targets    BLOB NOT NULL -- JSON: lane, its name, the subscription
) STRICT;
CREATE UNIQUE INDEX made_key ON made (api, key);

ALTER TABLE lane ADD COLUMN made INTEGER NOT NULL DEFAULT 0; -- 0 = of the configuration file
ALTER TABLE lane ADD COLUMN retired INTEGER NOT NULL DEFAULT 0; -- since when it is history, 0 = in use

CREATE INDEX lane_in_use ON lane (id) WHERE retired = 0;

-- Retired lanes that may still owe something, until it is cancelled.
CREATE TABLE lane_clearing (lane INTEGER PRIMARY KEY) STRICT;

-- When a lane was last told something in a word: kept where an API shows it.
CREATE TABLE last_trigger (
  lane INTEGER NOT NULL,
  word TEXT NOT NULL,
  at   INTEGER NOT NULL,
  PRIMARY KEY (lane, word)
) STRICT, WITHOUT ROWID;
