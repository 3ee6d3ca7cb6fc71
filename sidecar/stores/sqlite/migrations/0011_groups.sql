-- Events that are told together. Instants are nanoseconds since 1970 (UTC).

CREATE TABLE event_group (
  id       INTEGER PRIMARY KEY,
  lane     INTEGER NOT NULL,
  key      TEXT NOT NULL, -- registry/repository, '' = all of the subscription
  deadline INTEGER NOT NULL, -- the first tick from then on ends the wait
  size     INTEGER NOT NULL, -- how many members
  state    INTEGER NOT NULL DEFAULT 0, -- 0 waits, 1 told, 2 over: its members are removed bit by bit
  number   INTEGER NOT NULL DEFAULT 0, -- of its own among those of events, once told: its messages and deliveries follow
  joined   INTEGER NOT NULL DEFAULT 0, -- told in one message
  done     INTEGER NOT NULL DEFAULT 0 -- when it was over without being told, or 0: what it came to is gone
) STRICT;
CREATE INDEX event_group_open ON event_group (lane, key) WHERE state = 0;
CREATE INDEX event_group_due ON event_group (lane, deadline, id) WHERE state = 0;
CREATE INDEX event_group_told ON event_group (number) WHERE number > 0;
CREATE INDEX event_group_over ON event_group (done, id) WHERE state = 2;

-- What a group is made of. An event stays as long as it is in one.
CREATE TABLE event_group_member (
  grp   INTEGER NOT NULL,
  seq   INTEGER NOT NULL,
  event INTEGER NOT NULL,
  word  TEXT NOT NULL,
  PRIMARY KEY (grp, seq)
) STRICT, WITHOUT ROWID;
CREATE INDEX event_group_member_event ON event_group_member (event);
