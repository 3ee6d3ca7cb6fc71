-- What namespaces under a quota hold. Nothing is here of any other.

CREATE TABLE usage (
  registry   TEXT NOT NULL,
  namespace  TEXT NOT NULL,
  single     INTEGER NOT NULL, -- whether repositories named by one segment belong to it
  used       INTEGER NOT NULL,
  told       TEXT NOT NULL, -- JSON of the percentages that were told, 0 = the limit
  stage      INTEGER NOT NULL, -- 0 counted, 1 being counted, 2 being removed
  repository TEXT NOT NULL, -- how far it is counted
  digest     TEXT NOT NULL,
  PRIMARY KEY (registry, namespace)
) STRICT, WITHOUT ROWID;

-- Each blob once for each namespace (registry/namespace), and how many of its manifests hold it.
CREATE TABLE usage_blob (
  place   TEXT NOT NULL,
  digest  TEXT NOT NULL,
  size    INTEGER NOT NULL,
  holders INTEGER NOT NULL,
  PRIMARY KEY (place, digest)
) STRICT, WITHOUT ROWID;

-- Manifests of which nobody told what they hold: what the registry is asked for.
CREATE TABLE usage_gap (
  place      TEXT NOT NULL,
  repository TEXT NOT NULL,
  digest     TEXT NOT NULL,
  PRIMARY KEY (place, repository, digest)
) STRICT, WITHOUT ROWID;
