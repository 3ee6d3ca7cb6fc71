"""`hash-password`: the bcrypt hash of a password, for `management.users`."""

import sys
from typing import Annotated

import typer

from sidecar.cli.exits import Failure, misuse
from sidecar.domain.account import MOST_PASSWORD

Cost = Annotated[
    int, typer.Option("--cost", min=10, max=15, help="Each step doubles the time that a check takes.", metavar="N")
]


def hash_password(cost: Cost = 12) -> None:
    """Ask for a password and print its bcrypt hash.

    On a terminal it is asked for twice; from a pipe one line is read.
    """
    import bcrypt

    password = _asked() if sys.stdin.isatty() else _read()
    if not password:
        raise misuse("there is no password: type one, or send one line to standard input")
    if len(password) > MOST_PASSWORD:
        raise misuse(
            f"the password is longer than {MOST_PASSWORD} bytes, and bcrypt takes no notice of the rest: choose a "
            "shorter one"
        )
    if b"\0" in password:
        raise misuse("the password holds a NUL byte: choose one without")
    print(bcrypt.hashpw(password, bcrypt.gensalt(cost)).decode())


def _asked() -> bytes:
    first: str = typer.prompt("Password", hide_input=True, err=True)
    if typer.prompt("Once more", hide_input=True, err=True) != first:
        raise Failure("the two passwords differ: begin again")
    return first.encode("utf-8", "surrogateescape")


def _read() -> bytes:
    line = sys.stdin.buffer.readline().removesuffix(b"\n").removesuffix(b"\r")
    if sys.stdin.buffer.read(1):
        raise misuse("there is more than one line on standard input: send the password alone")
    return line
