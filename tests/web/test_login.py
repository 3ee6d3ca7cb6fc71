"""Credentials to persons: what is valid, what it costs to guess, and what is kept of it."""

import asyncio
import base64
import subprocess
import sys
import threading

import bcrypt
import msgspec
import pytest

from sidecar.domain.account import Account, Accounts
from sidecar.domain.glob import Globs
from sidecar.domain.instant import MINUTE, SECOND
from sidecar.domain.person import ANONYMOUS, INVALID, Person
from sidecar.domain.secret import Secret
from sidecar.web import login as module
from sidecar.web.login import Login, Throttled

ADA = Person(name="ada", admin=True)
BOB = Person(name="bob", namespaces=Globs.of(["prj"]))
ROBOT = Person(name="robot")
TOKEN, OTHER = "t" * 32, "u" * 32


def hashed(password, prefix="2b"):
    return Secret(bcrypt.hashpw(password.encode(), bcrypt.gensalt(4)).decode().replace("2b", prefix, 1))


ACCOUNTS = Accounts(
    needed=True,
    accounts=(
        Account(person=ADA, password_hash=hashed("pässwörd", "2y")),
        Account(person=BOB, password_hash=hashed("bob's", "2a"), tokens=(Secret(TOKEN), Secret(OTHER))),
        Account(person=ROBOT, tokens=(Secret("r" * 20),)),
    ),
)


def basic(name, password):
    given = name.encode() + b":" + (password if isinstance(password, bytes) else password.encode())
    return "Basic " + base64.b64encode(given).decode()


class Watch:
    """A clock that stands until it is moved."""

    def __init__(self):
        self.now = 1000 * SECOND

    def __call__(self):
        return self.now


@pytest.fixture
def watch():
    return Watch()


@pytest.fixture
def checks(monkeypatch):
    """The hashes that passwords were held against."""
    seen = []
    real = module._matches

    def matches(secret, stored):
        seen.append((stored, threading.current_thread() is threading.main_thread()))
        return real(secret, stored)

    monkeypatch.setattr(module, "_matches", matches)
    return seen


@pytest.fixture
def login(watch):
    login = Login(ACCOUNTS, monotonic=watch)
    yield login
    login.close()


async def ask(login, *headers, remote="192.0.2.1"):
    return await login.person(headers, remote)


# --- what is valid ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("header", "person"),
    [
        (basic("ada", "pässwörd"), ADA),
        (basic("bob", "bob's"), BOB),
        (basic("bob", TOKEN), BOB),
        (basic("bob", OTHER), BOB),
        (basic("", TOKEN), BOB),
        (f"Bearer {TOKEN}", BOB),
        (f"bearer   {OTHER} ", BOB),
        ("BASIC " + basic("ada", "pässwörd")[6:], ADA),
        (f"Bearer {'r' * 20}", ROBOT),
    ],
)
async def test_who_shows_this_is_known(login, header, person):
    assert await ask(login, header) == person


@pytest.mark.parametrize(
    "header",
    [
        basic("ada", "wrong"),
        basic("ada", ""),
        basic("", ""),
        basic("Ada", "pässwörd"),
        basic("ada", TOKEN),  # a token is its owner's
        basic("robot", "anything"),
        basic("nobody", "pässwörd"),
        basic("ada", "pässwörd".encode("latin-1")),
        basic("ada", b"nul\0"),
        basic("ada", "x" * 1024),
        basic("ada", "x" * 6000),
        basic("a" * 256, "x"),
        "Basic " + base64.b64encode(b"ada").decode(),
        "Basic " + base64.b64encode(b"\xff\xfe:x").decode(),
        "Basic not base64!",
        "Basic",
        "Basic ",
        "",
        " ",
        "Bearer",
        "Bearer " + "x" * 32,
        "Bearer " + TOKEN[:-1],
        "Bearer " + TOKEN + "t",
        "Bearer \udcff\udcfe",
        "Bearer " + "x" * 5000,
        "Digest username=ada",
        "ada:pässwörd",
    ],
)
async def test_what_else_is_shown_is_nobody_s_and_says_so(login, header):
    assert await ask(login, header) == INVALID


async def test_without_credentials_nobody_is_refused(login):
    assert await ask(login) == ANONYMOUS
    assert (ANONYMOUS.refused, INVALID.refused, INVALID.known) == (False, True, False)


async def test_two_headers_say_nothing_even_if_both_are_right(login):
    assert await ask(login, f"Bearer {TOKEN}", basic("ada", "pässwörd")) == INVALID


async def test_of_a_long_password_bcrypt_and_the_registry_take_72_bytes(watch):
    long = "x" * 100
    login = Login(
        Accounts(needed=True, accounts=(Account(person=ADA, password_hash=hashed("x" * 72)),)), monotonic=watch
    )
    assert await ask(login, basic("ada", long)) == ADA
    assert await ask(login, basic("ada", "x" * 71)) == INVALID
    login.close()


# --- what it costs ---------------------------------------------------------------------------------------------------


async def test_a_name_that_nobody_has_costs_as_much_as_a_wrong_password(login, checks):
    for name in ("ada", "nobody", "robot"):
        await ask(login, basic(name, "wrong"))
    assert [stored[3:7] for stored, _ in checks] == ["$04$"] * 3
    assert len({stored for stored, _ in checks}) == 2  # the stand-in is the same for all who have no password


async def test_the_stand_in_is_a_hash_that_bcrypt_takes(login):
    assert bcrypt.checkpw(b"x", login._stand_in.encode()) is False


async def test_passwords_are_checked_off_the_loop_one_at_a_time(login, checks):
    before = set(threading.enumerate())  # another test's may not be gone yet
    await asyncio.gather(*(ask(login, basic("bob", f"wrong{one}")) for one in range(4)))
    assert [main for _, main in checks] == [False] * 4
    assert [one.name for one in threading.enumerate() if one not in before] == ["login_0"]


async def test_many_requests_with_one_password_wait_for_one_check(login, checks):
    found = await asyncio.gather(*(ask(login, basic("bob", "bob's"), remote=f"192.0.2.{one}") for one in range(40)))
    assert found == [BOB] * 40
    assert len(checks) == 1


async def test_who_goes_away_does_not_take_the_answer_of_others_along(login):
    first = asyncio.create_task(ask(login, basic("bob", "bob's")))
    second = asyncio.create_task(ask(login, basic("bob", "bob's")))
    await asyncio.sleep(0)
    first.cancel()
    assert await second == BOB


async def test_more_passwords_than_can_be_checked_soon_are_sent_away(login, checks):
    asked = [ask(login, basic(f"n{one}", "x"), remote=f"192.0.2.{one}") for one in range(20)]
    found = await asyncio.gather(*asked, return_exceptions=True)
    assert found.count(INVALID) == len(checks) == module.MOST_WAITING
    assert [one.seconds for one in found if isinstance(one, Throttled)] == [1] * (20 - module.MOST_WAITING)


async def test_a_success_is_remembered_for_five_minutes(login, checks, watch):
    for _ in range(3):
        assert await ask(login, basic("bob", "bob's")) == BOB
    watch.now += 5 * MINUTE - 1
    assert await ask(login, basic("bob", "bob's")) == BOB
    assert len(checks) == 1
    watch.now += 1
    assert await ask(login, basic("bob", "bob's")) == BOB
    assert len(checks) == 2


async def test_a_failure_is_not_remembered(login, checks):
    for _ in range(2):
        assert await ask(login, basic("bob", "wrong")) == INVALID
    assert len(checks) == 2


async def test_tokens_need_no_check(login, checks):
    assert await ask(login, basic("bob", TOKEN)) == BOB
    assert checks == []


async def test_what_was_remembered_goes_when_the_users_change_and_stays_when_they_do_not(login, checks):
    await ask(login, basic("bob", "bob's"))
    login.configure(msgspec.structs.replace(ACCOUNTS))
    await ask(login, basic("bob", "bob's"))
    assert len(checks) == 1
    login.configure(msgspec.structs.replace(ACCOUNTS, accounts=ACCOUNTS.accounts[1:]))
    await ask(login, basic("bob", "bob's"))
    assert len(checks) == 2
    assert await ask(login, basic("ada", "pässwörd")) == INVALID
    login.configure(Accounts(needed=True))
    assert await ask(login, basic("bob", "bob's")) == INVALID
    assert await ask(login, f"Bearer {TOKEN}") == INVALID


async def test_who_is_removed_while_the_password_is_checked_is_nobody(login):
    asked = asyncio.create_task(ask(login, basic("bob", "bob's")))
    await asyncio.sleep(0)
    login.configure(Accounts(needed=True))
    assert await asked == INVALID


# --- guessing --------------------------------------------------------------------------------------------------------


async def test_an_address_has_twenty_tries_and_one_more_every_three_seconds(login, watch):
    for one in range(20):
        assert await ask(login, basic(f"n{one}", "x")) == INVALID
    with pytest.raises(Throttled) as caught:
        await ask(login, basic("another", "x"))
    assert caught.value.seconds == 3
    assert str(caught.value) == "too many wrong credentials: try again in 3 s, or use a token"
    assert await ask(login, basic("another", "x"), remote="192.0.2.2") == INVALID
    watch.now += 3 * SECOND
    assert await ask(login, basic("another", "x")) == INVALID
    with pytest.raises(Throttled):
        await ask(login, basic("another", "x"))


async def test_a_name_has_ten_tries_wherever_they_come_from(login, watch):
    for one in range(10):
        assert await ask(login, basic("ada", "x"), remote=f"192.0.2.{one}") == INVALID
    with pytest.raises(Throttled) as caught:
        await ask(login, basic("ada", "pässwörd"), remote="198.51.100.1")
    assert caught.value.seconds == 6
    watch.now += 6 * SECOND
    assert await ask(login, basic("ada", "pässwörd"), remote="198.51.100.1") == ADA


async def test_a_right_token_is_never_held_back_nor_a_password_that_is_remembered(login):
    assert await ask(login, basic("bob", "bob's")) == BOB
    for one in range(20):
        await ask(login, "Bearer " + "x" * (one + 1))
    with pytest.raises(Throttled):
        await ask(login, "Bearer " + "x" * 32)
    with pytest.raises(Throttled):
        await ask(login, "nonsense")
    assert await ask(login, f"Bearer {TOKEN}") == BOB
    assert await ask(login, basic("bob", TOKEN)) == BOB
    assert await ask(login, basic("bob", "bob's")) == BOB
    assert await ask(login) == ANONYMOUS


async def test_right_passwords_use_no_tries_up(login, watch):
    for _ in range(50):
        assert await ask(login, basic("ada", "pässwörd")) == ADA
        watch.now += 5 * MINUTE
    assert (len(login._names), len(login._addresses)) == (0, 0)


async def test_many_at_once_have_no_more_tries_than_one_after_the_other(login):
    asked = [ask(login, basic("ada", f"wrong{one}")) for one in range(8)]
    await asyncio.gather(*asked)
    found = await asyncio.gather(*(ask(login, basic("ada", f"more{one}")) for one in range(8)), return_exceptions=True)
    assert found.count(INVALID) == 2


async def test_an_ipv6_network_is_one_address_and_a_mapped_one_is_ipv4(login):
    for one in range(20):
        await ask(login, "nonsense", remote=f"2001:db8:0:1::{one}")
    with pytest.raises(Throttled):
        await ask(login, "nonsense", remote="2001:db8:0:1:ffff::1%eth0")
    assert await ask(login, "nonsense", remote="2001:db8:0:2::1") == INVALID
    for _ in range(20):
        await ask(login, "nonsense", remote="::ffff:192.0.2.9")
    with pytest.raises(Throttled):
        await ask(login, "nonsense", remote="192.0.2.9")
    assert await ask(login, "nonsense", remote="") == INVALID


async def test_memory_is_bounded_whatever_is_shown(login, monkeypatch):
    monkeypatch.setattr(module, "MOST_REMEMBERED", 2)
    for one in range(5000):
        await ask(login, "nonsense", remote=f"10.1.{one // 250}.{one % 250}")
    assert len(login._addresses) <= module.MOST_KEYS
    people = tuple(Account(person=Person(name=f"p{one}"), password_hash=hashed("x")) for one in range(4))
    login.configure(Accounts(needed=True, accounts=people))
    for one in people:
        assert await ask(login, basic(one.person.name, "x")) == one.person
    assert len(login._remembered) == 2


# --- what is kept ----------------------------------------------------------------------------------------------------


async def test_no_password_is_kept_in_clear(watch):
    password = "correct-horse-battery"
    accounts = Accounts(needed=True, accounts=(Account(person=ADA, password_hash=hashed(password)),))
    login = Login(accounts, monotonic=watch)
    header = basic("ada", password)
    assert await ask(login, header) == ADA
    kept = [*login._remembered, *login._checking]
    assert len(kept) == 1
    assert all(password.encode() not in one for one in kept)
    assert password not in repr(vars(login))
    login.close()


def test_bcrypt_is_loaded_only_when_a_password_is_checked():
    """Idle memory is counted: a sidecar whose users have tokens never loads it."""
    program = (
        "import asyncio, sys\n"
        "from sidecar.domain.account import Account, Accounts\n"
        "from sidecar.domain.person import Person\n"
        "from sidecar.domain.secret import Secret\n"
        "from sidecar.web.login import Login\n"
        "one = Account(person=Person(name='a'), tokens=(Secret('t' * 20),))\n"
        "login = Login(Accounts(needed=True, accounts=(one,)))\n"
        "asyncio.run(login.person(('Bearer ' + 't' * 20,), '::1'))\n"
        "print('bcrypt' in sys.modules)\n"
    )
    said = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert said.stdout == "False\n"
