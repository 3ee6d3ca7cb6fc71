"""Programs that run beside the tests, and waiting for what they do: always for a condition, never for a time."""

import os
import random
import signal
import socket
import subprocess
import time
from pathlib import Path

ROOT = Path(__file__).parents[2]
OWN_PEERS = ROOT / ".peers" / "bin"
REMEDY = "run .ci/peers, which installs the peers of the end-to-end tests"
_given = set()


def eventually(look, what, *, seconds=20.0):
    """Ask `look` until its answer is true and return that answer; fail with `what` when the deadline has passed.

    Whoever looks may meet a peer that is not up yet: a refused connection is a "not yet".
    """
    deadline = time.monotonic() + seconds
    seen = None
    while True:
        try:
            seen = look()
        except OSError as error:
            seen = error
        else:
            if seen:
                return seen
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {seconds:g} s: {what} (last seen: {seen!r})")
        time.sleep(0.02)


def free_port():
    """A loopback port from below the range of outgoing connections: nobody takes it while its owner is down."""
    while True:
        port = random.randrange(20000, 32000)
        with socket.socket() as one:
            try:
                one.bind(("127.0.0.1", port))
            except OSError:
                continue
        if port not in _given:
            _given.add(port)
            return port


def run(*command, timeout=60, env=None):
    """Run a client to its end and return what it printed; fail with its own words."""
    try:
        done = subprocess.run(
            [str(one) for one in command],
            capture_output=True,
            check=False,
            text=True,
            timeout=timeout,
            env={**os.environ, **(env or {})},
        )
    except FileNotFoundError:
        raise AssertionError(f"{command[0]} is missing: {REMEDY}") from None
    assert done.returncode == 0, f"{' '.join(map(str, command))} failed: {done.stderr or done.stdout}"
    return done.stdout


def find(candidates, version):
    """The first of these programs that says this version; a missing peer fails the test, it never skips it."""
    said = {}
    for one in candidates:
        try:
            done = subprocess.run([one, "--version"], capture_output=True, check=False, text=True, timeout=20)
        except OSError:
            continue
        if version in done.stdout:
            return str(one)
        said[str(one)] = done.stdout.strip()
    raise AssertionError(f"no {version} among {[str(one) for one in candidates]} (found: {said}): {REMEDY}")


class Process:
    """A program that a test starts, kills and starts again; its output goes on in one file."""

    def __init__(self, command, log, env=None):
        self.command = [str(one) for one in command]
        self.log = log
        self._env = {**os.environ, **(env or {})}
        self._process = None

    def start(self):
        assert not self.running, f"{self.command} runs already"
        with self.log.open("ab") as output:
            try:
                self._process = subprocess.Popen(
                    self.command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, env=self._env, cwd=ROOT
                )
            except FileNotFoundError:
                raise AssertionError(f"{self.command[0]} is missing: {REMEDY}") from None

    @property
    def running(self):
        return self._process is not None and self._process.poll() is None

    def signal(self, number):
        self._process.send_signal(number)

    def wait(self, seconds=20.0):
        """The exit code, negative for a signal; fails when the program does not end in time."""
        try:
            return self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"{self.command} did not end within {seconds:g} s") from None

    def kill(self):
        """kill -9, whatever the program is doing."""
        if self.running:
            self.signal(signal.SIGKILL)
            self.wait()

    def check_running(self):
        assert self.running, f"{self.command} ended: {self.tail()}"

    def tail(self, lines=30):
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:]) if self.log.exists() else ""


def write(path, text):
    """Replace a file in one step, as editors and orchestrators do."""
    fresh = Path(f"{path}.new")
    fresh.write_text(text)
    fresh.replace(path)
