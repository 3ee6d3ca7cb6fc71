-- In-app notifications. Instants are nanoseconds since 1970 (UTC).

CREATE TABLE inbox (
  id           INTEGER PRIMARY KEY AUTOINCREMENT, -- a page of a list begins at one, so none comes twice
  uuid         TEXT NOT NULL UNIQUE,              -- follows from owner and webhook_id: a repeat is not kept
  owner        TEXT NOT NULL,                     -- user/maria, team/prj/dev, org/prj
  open         INTEGER NOT NULL DEFAULT 1,        -- 0 = dismissed for everybody
  kind         TEXT NOT NULL,
  created      INTEGER NOT NULL,
  webhook_id   TEXT NOT NULL,
  content_type TEXT NOT NULL,
  body         BLOB NOT NULL
) STRICT;

-- In the order in which an inbox that is too full loses them.
CREATE INDEX inbox_of ON inbox (owner, open, id);

-- What is open in any inbox, the newest first.
CREATE INDEX inbox_open ON inbox (id) WHERE open = 1;

-- Who dismissed an item for themselves alone.
CREATE TABLE inbox_dismissal (
  item   INTEGER NOT NULL,
  person TEXT NOT NULL,
  at     INTEGER NOT NULL,
  PRIMARY KEY (item, person)
) STRICT, WITHOUT ROWID;

-- How many items an inbox holds, and how many of them are open.
CREATE TABLE inbox_owner (
  owner TEXT PRIMARY KEY,
  items INTEGER NOT NULL,
  open  INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX inbox_owner_full ON inbox_owner (items) WHERE items > 1000;

CREATE TRIGGER inbox_put AFTER INSERT ON inbox BEGIN
  INSERT INTO inbox_owner (owner, items, open) VALUES (NEW.owner, 1, NEW.open)
  ON CONFLICT (owner) DO UPDATE SET items = items + 1, open = open + excluded.open;
END;

CREATE TRIGGER inbox_dismissed AFTER UPDATE OF open ON inbox BEGIN
  UPDATE inbox_owner SET open = open + NEW.open - OLD.open WHERE owner = NEW.owner;
END;

CREATE TRIGGER inbox_removed AFTER DELETE ON inbox BEGIN
  UPDATE inbox_owner SET items = items - 1, open = open - OLD.open WHERE owner = OLD.owner;
  DELETE FROM inbox_owner WHERE owner = OLD.owner AND items = 0;
  DELETE FROM inbox_dismissal WHERE item = OLD.id;
END;
