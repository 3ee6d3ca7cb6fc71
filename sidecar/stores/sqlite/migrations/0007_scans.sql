-- The last scan of each artifact, one for vulnerabilities and one for its list of packages.
-- oldest program: 2

CREATE TABLE scan (
  id         INTEGER PRIMARY KEY, -- grows with each change of a row, so that the last scanned has the highest
  registry   TEXT NOT NULL,
  repository TEXT NOT NULL,
  digest     TEXT NOT NULL,
  report     TEXT NOT NULL, -- vulnerability or sbom
  type       TEXT NOT NULL, -- of the event
  event      TEXT NOT NULL, -- its id
  time       INTEGER NOT NULL,
  number     INTEGER NOT NULL,
  body       BLOB NOT NULL -- JSON of the scan, without descriptions and links
) STRICT;
CREATE UNIQUE INDEX scan_artifact ON scan (registry, repository, digest, report);
