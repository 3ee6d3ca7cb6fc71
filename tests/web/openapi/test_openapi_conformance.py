"""Schemathesis, which reads the served document and asks what it likes, finds the API to be as described.

A fixed seed, a bounded number of requests, a real listener, and a store that holds something of everything.
`schemathesis.toml` says what its checks go by.
"""

import asyncio
import sys
from pathlib import Path

import pytest
from described_site import TOKENS

from effort import THOROUGH

CONFIG = Path(__file__).with_name("schemathesis.toml")

# Who asks, with how many examples for each call beside the coverage of its bounds, in which phases, and which calls.
RUNS = {
    "admin": ("5", "coverage,fuzzing,stateful", ()),
    # All others are 403 to them, which tests/web/test_roles.py holds.
    "manager": ("4", "fuzzing", ("--include-path-regex", "^/v1/(subscriptions|inbox|openapi|docs)")),
    "anonymous": ("1", "fuzzing", ()),
}
if not THOROUGH:
    RUNS = {"admin": ("1", "fuzzing", ("--include-path-regex", "^/v1/(events|deliveries|inbox|quarantine)"))}


@pytest.mark.parametrize("role", RUNS)
async def test_the_api_is_as_its_document_says(site, tmp_path, role):
    _, _, document = await site.ask("GET", "/v1/openapi.json")
    (tmp_path / "openapi.json").write_bytes(document)
    examples, phases, calls = RUNS[role]
    signed_in = ("--header", f"Authorization: Bearer {TOKENS[role]}") if role in TOKENS else ()
    run = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "schemathesis.cli", "--config-file", str(CONFIG), "--no-color"),
        *("run", str(tmp_path / "openapi.json"), "--url", site.url, *signed_in, *calls),
        *("--checks", "all", "--phases", phases, "--max-examples", examples, "--seed", "7"),
        *("--continue-on-failure", "--generation-database", "none", "--warnings", "off"),
        cwd=tmp_path,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    said, _ = await run.communicate()
    assert run.returncode == 0, said.decode()
    assert site.house.observer.troubles == []
