-- What people have set for good through an API, by name. The highest id that a namespace ever had is in `meta`, under
-- 'last_namespace', once one was removed.
-- oldest program: 2

CREATE TABLE flag (
  key   TEXT PRIMARY KEY,
  value BLOB NOT NULL -- JSON
) STRICT, WITHOUT ROWID;
