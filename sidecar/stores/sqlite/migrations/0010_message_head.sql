-- JSON of a message's own headers and URL, NULL where it has none: most are sent with what their subscription says.

ALTER TABLE message ADD COLUMN head BLOB;
