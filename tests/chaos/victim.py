"""Victims: the real `serve`, forked from a process that has only imported it, with a kill point and a movable clock.

`python victim.py` reads one JSON line for each life on standard input and answers `{"pid": ...}` when it has begun and
`{"status": ...}` (as `os.waitpid` gives it) when it has ended. Forking saves each life the imports; with `"exec": true`
a life is a new interpreter all the same. What a life is told travels in its environment:

CHAOS_POINT, CHAOS_HIT   where to die
CHAOS_CLOCK              a file that holds seconds to add to the wall clock, looked at every few milliseconds
CHAOS_CHECKPOINT         pages of the log after which SQLite checkpoints by itself
CHAOS_MIN_FREE           bytes of disk below which the store accepts nothing
CHAOS_SCHEMA             "1" adds an empty migration, as the next version of the program would
"""

import contextlib
import json
import os
import sys
import threading
import time
from pathlib import Path

sys.path[:0] = [str(Path(__file__).parents[2]), str(Path(__file__).parent)]

import killpoints

from sidecar import app
from sidecar.cli import main, process
from sidecar.clock import SystemClock
from sidecar.pipeline import translator, upkeep
from sidecar.stores.sqlite import file
from sidecar.telemetry import lines, logs

ROOT = Path(__file__).parents[2]
REST = 0.25  # seconds between rounds of upkeep: a life is short
IMPORTED = (process, lines, logs)


def shift_clock(path: Path) -> None:
    """Have the wall clock follow what a file says."""
    real, real_ns, offset = time.time, time.time_ns, 0

    def follow() -> None:
        nonlocal offset
        while True:
            with contextlib.suppress(OSError, ValueError):
                offset = int(path.read_text())
            time.sleep(0.005)

    with contextlib.suppress(OSError, ValueError):
        offset = int(path.read_text())
    time.time = lambda: real() + offset
    time.time_ns = lambda: real_ns() + offset * 1_000_000_000
    app.SystemClock = lambda: SystemClock(time.time_ns)
    threading.Thread(target=follow, daemon=True).start()


def serve(config: str) -> int:
    """One life."""
    given = os.environ
    upkeep.REST = REST
    # Three deaths at one record look as if the record were to blame, and it is set aside. Here nobody else is.
    translator.POISONED = 1_000_000
    file.WAL_AUTOCHECKPOINT = int(given.get("CHAOS_CHECKPOINT", file.WAL_AUTOCHECKPOINT))
    if given.get("CHAOS_MIN_FREE"):
        for module in [one for name, one in sys.modules.items() if name.startswith("sidecar.stores.sqlite.")]:
            if hasattr(module, "MIN_FREE"):
                module.MIN_FREE = int(given["CHAOS_MIN_FREE"])
    if given.get("CHAOS_SCHEMA") == "1":
        known = file.migrations()
        file.PROGRAM_SCHEMA = known[-1][0] + 1
        file.migrations = lambda: [*known, (file.PROGRAM_SCHEMA, "CREATE TABLE of_the_next_version (id INTEGER);")]
    if given.get("CHAOS_CLOCK"):
        shift_clock(Path(given["CHAOS_CLOCK"]))
    if given.get("CHAOS_POINT"):
        killpoints.arm(given["CHAOS_POINT"], int(given["CHAOS_HIT"]))
    return main(["serve", "--config", config])


def _child(life: dict[str, object]) -> None:
    with open(str(life["log"]), "ab") as log, open(os.devnull, "rb") as nothing:  # noqa: PTH123 - descriptors are wanted
        os.dup2(nothing.fileno(), 0)
        os.dup2(log.fileno(), 1)
        os.dup2(log.fileno(), 2)
    os.chdir(ROOT)
    os.environ.update({str(name): str(value) for name, value in dict(life["env"]).items()})
    if life["exec"]:
        os.execv(sys.executable, [sys.executable, __file__, "serve", str(life["config"])])
    code = 70
    try:
        code = serve(str(life["config"]))
        sys.stdout.flush()
    finally:
        os._exit(code)


def nursery() -> None:
    """Begin lives until standard input ends."""
    for line in sys.stdin:
        life = json.loads(line)
        pid = os.fork()
        if pid == 0:
            _child(life)
        print(json.dumps({"pid": pid}), flush=True)
        _, status = os.waitpid(pid, 0)
        print(json.dumps({"status": status}), flush=True)


if __name__ == "__main__":
    if sys.argv[1:2] == ["serve"]:
        sys.exit(serve(sys.argv[2]))
    nursery()
