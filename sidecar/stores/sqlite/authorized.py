"""Which addresses of mail are confirmed: the half of the store behind the port AuthorizedEmails."""

import sqlite3
from collections.abc import Collection
from typing import Any, Final

from sidecar.domain import authorized
from sidecar.domain.authorized import Asking, Authorized
from sidecar.domain.errors import TooSoon
from sidecar.stores.sqlite import rows
from sidecar.stores.sqlite.parts import Part

_COLUMNS: Final = "email, namespace, repository, asked, confirmed"
ONE: Final = f"SELECT {_COLUMNS} FROM authorized_email WHERE email = ? AND repository = ?"
CODED: Final = f"SELECT {_COLUMNS} FROM authorized_email WHERE code = ?"
CONFIRM: Final = "UPDATE authorized_email SET confirmed = 1 WHERE code = ?"
PUT: Final = """
INSERT INTO authorized_email (email, repository, namespace, code, asked, confirmed) VALUES (?, ?, ?, ?, ?, 0)
ON CONFLICT (email, repository) DO UPDATE SET code = excluded.code, asked = excluded.asked
"""
CONFIRMED: Final = """
SELECT DISTINCT email FROM authorized_email
WHERE email IN (SELECT value FROM json_each(?1)) AND namespace = ?2 AND (?3 = '' OR repository = ?3) AND confirmed = 1
"""
OUTLIVED: Final = "DELETE FROM authorized_email WHERE confirmed = 0 AND asked <= ?"
OLD_MAILS: Final = "DELETE FROM confirmation_mail WHERE at <= ?"
SENT: Final = "INSERT INTO confirmation_mail (email, person, at) VALUES (?, ?, ?)"
SENT_TO: Final = "SELECT at FROM confirmation_mail WHERE email = ? ORDER BY at DESC LIMIT ?"
SENT_BY: Final = "SELECT at FROM confirmation_mail WHERE person = ? ORDER BY at DESC LIMIT ?"


class SQLiteAuthorizedEmails(Part):
    """Whoever is a store gives it a reader apart from the pipeline's, and the commit loop."""

    async def ask_email(self, asking: Asking) -> Authorized:
        noted: Authorized = await self._submit("do", lambda connection: ask(connection, asking))
        return noted

    async def email(self, email: str, repository: str, now: int) -> Authorized | None:
        found = await self._operator_reader().rows(ONE, (email, repository))
        return _alive(found[0], now) if found else None

    async def confirm_email(self, code: str, now: int) -> Authorized | None:
        confirmed: Authorized | None = await self._submit("do", lambda connection: confirm(connection, code, now))
        return confirmed

    async def confirmed_emails(self, emails: Collection[str], namespace: str, repository: str) -> Collection[str]:
        listed = rows.encode(sorted(emails)).decode()
        found = await self._operator_reader().rows(CONFIRMED, (listed, namespace, repository))
        return frozenset(row[0] for row in found)


def ask(connection: sqlite3.Connection, asking: Asking) -> Authorized:
    """Raises TooSoon."""
    connection.execute(OUTLIVED, (asking.at - authorized.VALID,))
    connection.execute(OLD_MAILS, (asking.at - authorized.DAY,))
    known = connection.execute(ONE, (asking.email, asking.repository)).fetchone()
    if known is not None and known[4]:
        return _row(known)
    reader = authorized.reader(asking.email)
    to = [row[0] for row in connection.execute(SENT_TO, (reader, authorized.MOST_TO)).fetchall()]
    by = [row[0] for row in connection.execute(SENT_BY, (asking.person, authorized.MOST_BY)).fetchall()]
    wait = authorized.wait(to, by, asking.at)
    if wait:
        raise TooSoon(wait)
    connection.execute(PUT, (asking.email, asking.repository, asking.namespace, asking.code, asking.at))
    connection.execute(SENT, (reader, asking.person, asking.at))
    return Authorized(
        email=asking.email, namespace=asking.namespace, repository=asking.repository, asked=asking.at, confirmed=False
    )


def confirm(connection: sqlite3.Connection, code: str, now: int) -> Authorized | None:
    """The address that the code was sent to, confirmed from now on."""
    found = connection.execute(CODED, (code,)).fetchone()
    if found is None or _alive(found, now) is None:
        return None
    connection.execute(CONFIRM, (code,))
    return _row((*found[:4], 1))


def _alive(row: tuple[Any, ...], now: int) -> Authorized | None:
    known = _row(row)
    return None if known.outlived(now) else known


def _row(row: tuple[Any, ...]) -> Authorized:
    return Authorized(email=row[0], namespace=row[1], repository=row[2], asked=row[3], confirmed=bool(row[4]))
