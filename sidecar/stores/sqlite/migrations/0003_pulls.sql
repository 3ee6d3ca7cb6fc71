-- What was pulled, and the sessions by which requests are told to be one pull. Instants are nanoseconds since 1970 (UTC).
-- oldest program: 2

-- How often each artifact was pulled by each of its tags; '' = by digest.
CREATE TABLE pull (
  id         INTEGER PRIMARY KEY,
  registry   TEXT NOT NULL,
  repository TEXT NOT NULL,
  digest     TEXT NOT NULL,
  tag        TEXT NOT NULL,
  count      INTEGER NOT NULL,
  last       INTEGER NOT NULL
) STRICT;
CREATE UNIQUE INDEX pull_artifact ON pull (registry, repository, digest, tag);

-- Open sessions; their number is bounded by the fold. Written with the cursor, read at a start.
CREATE TABLE pull_session (
  client TEXT NOT NULL, -- a hash of registry, repository, actor, address and user agent
  tag    TEXT NOT NULL,
  digest TEXT NOT NULL,
  number INTEGER NOT NULL,
  body   BLOB NOT NULL, -- JSON of the whole session
  PRIMARY KEY (client, tag, digest)
) STRICT, WITHOUT ROWID;
