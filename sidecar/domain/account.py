"""Accounts: who may sign in, with what, and what is theirs."""

from collections.abc import Mapping
from typing import Final

import msgspec

from sidecar.domain.person import Person
from sidecar.domain.secret import Secret

MOST_PASSWORD: Final = 72  # bytes of a password; bcrypt takes no notice of those behind them


class Account(msgspec.Struct, frozen=True, kw_only=True):
    """One person's ways in: a bcrypt hash of the password (`$2a$`, `$2b$` or `$2y$`), None = none; and tokens."""

    person: Person
    password_hash: Secret | None = None
    tokens: tuple[Secret, ...] = ()


class Accounts(msgspec.Struct, frozen=True, kw_only=True):
    """Everybody who may sign in, each name once; `teams` are the members of each team of each namespace.

    `needed` says that whoever comes over TCP has to sign in. Without it there are no accounts.
    """

    needed: bool = False
    accounts: tuple[Account, ...] = ()
    teams: Mapping[str, Mapping[str, tuple[str, ...]]] = {}

    def knows(self, name: str) -> bool:
        """Whether there is somebody of this name."""
        return any(one.person.name == name for one in self.accounts)

    @property
    def namespaces(self) -> frozenset[str]:
        """The namespaces that are named outright, not by a pattern."""
        named = {one for account in self.accounts for one in account.person.namespaces.patterns}
        return frozenset(self.teams) | {one for one in named if not set("*?!") & set(one)}


NOBODY: Final = Accounts()
