"""`hash-password`: from a pipe, on a terminal, and what it refuses."""

import fcntl
import os
import subprocess
import sys
import termios

import bcrypt
import pytest
from running_sidecar import ENVIRON, run

COMMAND = [sys.executable, "-m", "sidecar", "hash-password", "--cost", "10"]


@pytest.mark.parametrize("given", ["s3cret word\n", "s3cret word\r\n", "s3cret word"])
def test_one_line_from_a_pipe_becomes_a_hash(given):
    said = run("hash-password", "--cost", "10", input=given)
    assert said.returncode == 0, said.stderr
    (printed,) = said.stdout.splitlines()
    assert printed.startswith("$2b$10$")
    assert bcrypt.checkpw(b"s3cret word", printed.encode())
    assert said.stderr == ""


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ("", "there is no password: type one, or send one line to standard input"),
        ("\n", "there is no password: type one, or send one line to standard input"),
        ("one\ntwo\n", "there is more than one line on standard input: send the password alone"),
        (
            "ä" * 37 + "\n",
            "the password is longer than 72 bytes, and bcrypt takes no notice of the rest: choose a shorter one",
        ),
        ("a\0b\n", "the password holds a NUL byte: choose one without"),
    ],
)
def test_what_is_no_password_is_refused(given, sentence):
    said = run("hash-password", input=given)
    assert (said.returncode, said.stdout, said.stderr) == (2, "", f"registry-sidecar: {sentence}\n")


def on_a_terminal(*typed):
    """The command with a terminal of its own: its exit code, what it printed, and what the terminal showed."""
    ours, theirs = os.openpty()

    def take():
        fcntl.ioctl(0, termios.TIOCSCTTY, 0)

    with subprocess.Popen(
        COMMAND,
        stdin=theirs,
        stdout=subprocess.PIPE,
        stderr=theirs,
        env=ENVIRON,
        start_new_session=True,
        preexec_fn=take,  # noqa: PLW1509 - how else a child gets a terminal of its own
    ) as process:
        os.close(theirs)
        shown = b""
        for line, prompt in zip(typed, (b"Password: ", b"Once more: "), strict=False):
            while not shown.endswith(prompt):
                shown += os.read(ours, 1024)
            os.write(ours, line + b"\n")
        printed = process.stdout.read().decode()
        try:
            while more := os.read(ours, 1024):
                shown += more
        except OSError:  # the other side has gone
            pass
    os.close(ours)
    return process.returncode, printed, shown.decode()


def test_on_a_terminal_it_is_asked_for_twice_and_not_shown():
    code, printed, shown = on_a_terminal(b"s3cret", b"s3cret")
    assert code == 0, shown
    assert bcrypt.checkpw(b"s3cret", printed.strip().encode())
    assert "s3cret" not in shown


def test_two_that_differ_are_no_password():
    code, printed, shown = on_a_terminal(b"s3cret", b"s3crets")
    assert (code, printed) == (1, "")
    assert "the two passwords differ: begin again" in shown
