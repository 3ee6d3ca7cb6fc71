"""Addresses of mail that a repository's notifications may go to: asked for by one, confirmed by whoever reads there."""

import unicodedata
from typing import Final

import msgspec

from sidecar.domain import instant

VALID: Final = 7 * instant.DAY  # of a code, from when it was asked for
EVERY: Final = 10 * instant.MINUTE  # between two mails to one address, whoever asks and for whichever repository
MOST_TO: Final = 10  # mails a day to one address
MOST_BY: Final = 50  # mails a day that one person has sent
DAY: Final = instant.DAY


class Authorized(msgspec.Struct, frozen=True, kw_only=True):
    """An address as `domain.mailbox` writes it, for a repository (its full path) of a namespace.

    `asked` is when its newest code was asked for. While it is not `confirmed` nothing is sent there.
    """

    email: str
    namespace: str
    repository: str
    asked: int
    confirmed: bool = False

    def outlived(self, now: int) -> bool:
        """Whether its code is worth nothing any more."""
        return not self.confirmed and now - self.asked >= VALID


class Asking(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody asks to have an address confirmed. `code` is the SHA-256 of the new code, in hex; `at` is an instant."""

    email: str
    namespace: str
    repository: str
    person: str
    code: str
    at: int


def reader(email: str) -> str:
    """Who reads at an address, by its other spellings too: most servers know no case, cut off what follows a plus sign,
    and some pass dots over. Mails are counted so; nothing is sent to what this gives.
    """
    local, _, domain = email.rpartition("@")
    name = unicodedata.normalize("NFKC", local).casefold().partition("+")[0].replace(".", "")
    return f"{name or local}@{domain}"


def wait(to: list[int], by: list[int], now: int) -> int:
    """For how long no mail may be sent, 0 = it may: to whom the first were sent, by whom the second, each over a day.

    The instants are in order, the newest first.
    """
    waits = [to[0] + EVERY - now] if to else []
    waits += [sent[most - 1] + DAY - now for sent, most in ((to, MOST_TO), (by, MOST_BY)) if len(sent) >= most]
    return max(0, *waits) if waits else 0
