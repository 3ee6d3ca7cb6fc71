-- When tags end, and who was told of it. Instants are nanoseconds since 1970 (UTC), 0 = none.

ALTER TABLE tag ADD COLUMN expires INTEGER NOT NULL DEFAULT 0;
ALTER TABLE tag ADD COLUMN armed INTEGER NOT NULL DEFAULT 0; -- the record by which somebody set it, 0 = nobody did

-- Only tags that have an end are in these.
CREATE INDEX tag_expires ON tag (expires, registry, repository, tag) WHERE expires > 0 AND live = 1;
CREATE INDEX tag_expires_in ON tag (registry, repository, expires) WHERE expires > 0 AND live = 1;

-- The end that a lane was told of, of a tag as it was pushed or set by the record `mark`; 0 = because of newer tags.
CREATE TABLE expiry_told (
  lane       INTEGER NOT NULL,
  registry   TEXT NOT NULL,
  repository TEXT NOT NULL,
  tag        TEXT NOT NULL,
  mark       INTEGER NOT NULL,
  ends       INTEGER NOT NULL,
  PRIMARY KEY (lane, registry, repository, tag)
) STRICT, WITHOUT ROWID;

-- How far the look through the tags has come that is made for each lane.
CREATE TABLE expiry_look (
  lane INTEGER PRIMARY KEY,
  body BLOB NOT NULL -- JSON of the whole look
) STRICT;
