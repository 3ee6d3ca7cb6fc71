"""Credentials to a Person: Basic with a password or a token, Bearer with a token. Nothing is remembered in clear.

Tokens are compared first and are never held back, so nobody can lock out whoever has one. Passwords are checked with
bcrypt, one at a time on a thread of its own, and only while the sender's address and the name have tries left; a name
that nobody has costs the same as a wrong password. A success is remembered for five minutes, as a hash under a key that
only this process has.
"""

import asyncio
import base64
import binascii
import hashlib
import hmac
import ipaddress
import secrets
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Final

from sidecar.domain import instant
from sidecar.domain.account import MOST_PASSWORD, NOBODY, Account, Accounts
from sidecar.domain.errors import SidecarError
from sidecar.domain.person import ANONYMOUS, INVALID, Person
from sidecar.domain.throttle import Throttle

REMEMBERED: Final = 5 * instant.MINUTE
MOST_REMEMBERED: Final = 1000
MOST_WAITING: Final = 8  # passwords that wait for their check: two seconds' worth
MOST_NAME, MOST_SECRET = 255, 1024  # characters of a name; bytes of a password or token
ADDRESS_TRIES, ADDRESS_EVERY = 20, 3 * instant.SECOND
NAME_TRIES, NAME_EVERY = 10, 6 * instant.SECOND
MOST_KEYS: Final = 4096  # addresses, and names, whose tries are counted

_STAND_IN: Final = "EK0PefJBeARmyydss9o6suK3.nazjTERs/uxQBHBY0iP0mVNskDsu"  # salt and hash of what nobody knows


class Throttled(SidecarError):
    """Too many wrong credentials came from there, or for that name. `seconds` until the next try."""

    def __init__(self, seconds: int) -> None:
        super().__init__(f"too many wrong credentials: try again in {seconds} s, or use a token")
        self.seconds = seconds


class Login:
    """Knows everybody of one configuration; `configure` swaps them. `close` ends its thread."""

    def __init__(self, accounts: Accounts = NOBODY, *, monotonic: Callable[[], int] = time.monotonic_ns) -> None:
        self._monotonic = monotonic
        self._key = secrets.token_bytes(32)
        self._addresses = Throttle(ADDRESS_TRIES, ADDRESS_EVERY, MOST_KEYS)
        self._names = Throttle(NAME_TRIES, NAME_EVERY, MOST_KEYS)
        self._remembered: OrderedDict[bytes, int] = OrderedDict()  # until when, the oldest first
        self._checking: dict[bytes, asyncio.Future[bool]] = {}
        self._thread: ThreadPoolExecutor | None = None
        self.accounts = NOBODY
        self.configure(accounts)

    def configure(self, accounts: Accounts) -> None:
        """Use these accounts from now on; if they are others, what was remembered is forgotten."""
        if accounts != self.accounts:
            self._remembered.clear()
        self.accounts = accounts
        self._by_name = {one.person.name: one for one in accounts.accounts}
        self._tokens = [
            (self._hash(b"token", token.reveal().encode()), one.person)
            for one in accounts.accounts
            for token in one.tokens
        ]
        costs = [one.password_hash.reveal()[4:6] for one in accounts.accounts if one.password_hash is not None]
        self._stand_in = f"$2b${max(costs, default='12')}${_STAND_IN}"

    @property
    def needed(self) -> bool:
        """Whether whoever comes over TCP has to show who they are."""
        return self.accounts.needed

    async def person(self, authorization: Sequence[str], remote: str) -> Person:
        """Who shows these `Authorization` headers: ANONYMOUS without any, INVALID when they do not do.

        `remote` is the address that they come from. Raises Throttled.
        """
        if not authorization:
            return ANONYMOUS
        now = self._monotonic()
        address = network(remote)
        shown = _shown(authorization[0]) if len(authorization) == 1 else None
        if shown is None:
            return self._refused(address, now)
        name, secret = shown
        by_token = self._by_token(name, secret)
        if by_token is not None:
            return by_token
        if name is None:
            return self._refused(address, now)
        return await self._by_password(name, secret, address, now)

    def close(self) -> None:
        if self._thread is not None:
            self._thread.shutdown(wait=False, cancel_futures=True)
            self._thread = None

    def _by_token(self, name: str | None, secret: bytes) -> Person | None:
        """Whose token it is; as a password it does for its owner's name, and for none."""
        offered = self._hash(b"token", secret)
        found = None
        for token, person in self._tokens:  # every token is compared, so the time taken tells nothing
            if hmac.compare_digest(offered, token):
                found = person
        return found if found is not None and name in {None, "", found.name} else None

    async def _by_password(self, name: str, secret: bytes, address: str, now: int) -> Person:
        account = self._by_name.get(name)
        known = account is not None and account.password_hash is not None
        stored = account.password_hash.reveal() if account is not None and account.password_hash else self._stand_in
        proof = self._hash(b"password", name.encode(), stored.encode(), secret)
        if self._remembered.get(proof, 0) > now and account is not None:
            return account.person
        check = self._checking.get(proof)
        if check is not None:  # the same guess once more is no further guess
            return self._welcome(name, stored, proof) if await asyncio.shield(check) and known else INVALID
        wait = max(self._addresses.wait(address, now), self._names.wait(name, now))
        if wait:
            raise Throttled(_seconds(wait))
        if len(self._checking) >= MOST_WAITING:
            raise Throttled(1)
        # Taken before the check and given back if it succeeds, else many at once would have more tries than there are.
        self._addresses.take(address, now)
        self._names.take(name, now)
        # Whoever goes away does not take the others' answer along.
        if not (await asyncio.shield(self._check(proof, secret, stored)) and known):
            return INVALID
        self._addresses.give_back(address, now)
        self._names.give_back(name, now)
        return self._welcome(name, stored, proof)

    def _welcome(self, name: str, stored: str, proof: bytes) -> Person:
        """The person, who may have been changed or removed while the password was checked."""
        account: Account | None = self._by_name.get(name)
        if account is None or account.password_hash is None or account.password_hash.reveal() != stored:
            return INVALID
        self._remembered.pop(proof, None)
        self._remembered[proof] = self._monotonic() + REMEMBERED
        while len(self._remembered) > MOST_REMEMBERED:
            self._remembered.popitem(last=False)
        return account.person

    def _check(self, proof: bytes, secret: bytes, stored: str) -> "asyncio.Future[bool]":
        """Have the thread find out whether it is the password."""
        if self._thread is None:
            self._thread = ThreadPoolExecutor(1, thread_name_prefix="login")
        loop = asyncio.get_running_loop()
        check = self._checking[proof] = loop.run_in_executor(self._thread, _matches, secret, stored)
        check.add_done_callback(lambda _done: self._checking.pop(proof, None))
        return check

    def _refused(self, address: str, now: int) -> Person:
        """Not valid, and no check was needed to see it. Raises Throttled when there were too many of these."""
        wait = self._addresses.wait(address, now)
        if wait:
            raise Throttled(_seconds(wait))
        self._addresses.take(address, now)
        return INVALID

    def _hash(self, *parts: bytes) -> bytes:
        keyed = hmac.new(self._key, digestmod=hashlib.sha256)
        for part in parts:
            keyed.update(len(part).to_bytes(4, "big") + part)
        return keyed.digest()


def _shown(header: str) -> tuple[str | None, bytes] | None:
    """The name, None for a Bearer token, and the password or token; None when nothing of the kind is shown."""
    scheme, _, rest = header.strip().partition(" ")
    rest = rest.strip()
    if scheme.lower() == "bearer":
        token = rest.encode("utf-8", "surrogateescape")
        return (None, token) if 0 < len(token) <= MOST_SECRET else None
    if scheme.lower() != "basic":
        return None
    try:
        name, colon, secret = base64.b64decode(rest, validate=True).partition(b":")
        known_as = name.decode()
    except (binascii.Error, ValueError):
        return None
    if not colon or len(known_as) > MOST_NAME or not 0 < len(secret) <= MOST_SECRET:
        return None
    return known_as, secret


def _matches(secret: bytes, stored: str) -> bool:
    """On the thread: bcrypt lets the others work meanwhile. As the registry does it, only 72 bytes count."""
    import bcrypt

    try:
        return bcrypt.checkpw(secret[:MOST_PASSWORD], stored.encode())
    except ValueError:  # no password of this kind can be right
        return False


def network(remote: str) -> str:
    """What tries are counted by: an IPv4 address, or the network that one IPv6 subscriber has."""
    try:
        address = ipaddress.ip_address(remote.partition("%")[0])
    except ValueError:
        return remote[:64]
    if isinstance(address, ipaddress.IPv4Address):
        return str(address)
    if address.ipv4_mapped is not None:
        return str(address.ipv4_mapped)
    return str(ipaddress.ip_network((address, 64), strict=False).network_address)


def _seconds(wait: int) -> int:
    return -(-wait // instant.SECOND)
