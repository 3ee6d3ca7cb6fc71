"""Readers beside the writer."""

import subprocess
import sys

DIES = """
import asyncio, sys
from pathlib import Path
from sidecar.domain.retention import Retention
from sidecar.stores.sqlite import SQLiteStore

async def main():
    store = SQLiteStore(Path(sys.argv[1]), retention=Retention())
    await store.open()
    await store.lanes()
    raise ZeroDivisionError

asyncio.run(main())
"""


def test_a_process_that_a_fault_ends_does_not_wait_for_its_reader(tmp_path):
    """Else it would stay for ever, neither serving nor gone, and nothing would start it anew."""
    done = subprocess.run(
        [sys.executable, "-c", DIES, str(tmp_path / "sidecar.db")],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert done.returncode == 1
    assert "ZeroDivisionError" in done.stderr
