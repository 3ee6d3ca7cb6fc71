-- Addresses of mail that somebody asked to have told of a repository.

CREATE TABLE authorized_email (
  email      TEXT NOT NULL,
  repository TEXT NOT NULL, -- its full path
  namespace  TEXT NOT NULL,
  code       TEXT NOT NULL, -- SHA-256 of what was mailed, in hex
  asked      INTEGER NOT NULL, -- when the code was made
  confirmed  INTEGER NOT NULL, -- 1 = whoever reads there has followed the link
  PRIMARY KEY (email, repository)
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX authorized_email_code ON authorized_email (code);

-- Mails that asked for a confirmation, for a day: nobody is sent many.
CREATE TABLE confirmation_mail (
  id     INTEGER PRIMARY KEY,
  email  TEXT NOT NULL,
  person TEXT NOT NULL, -- who had it sent
  at     INTEGER NOT NULL
) STRICT;
CREATE INDEX confirmation_mail_email ON confirmation_mail (email, at);
CREATE INDEX confirmation_mail_person ON confirmation_mail (person, at);
