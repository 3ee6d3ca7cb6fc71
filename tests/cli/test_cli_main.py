"""What holds for every command: exit codes, one sentence on standard error, and a quick start."""

import contextlib
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from running_sidecar import ENVIRON, run, start, until

from sidecar import __version__
from sidecar.cli.exits import ExitCode, Failure, code_of
from sidecar.domain.errors import ConfigError, NotFound, SidecarError, StoreBusy

DOCS = Path(__file__).parents[2] / "docs" / "cli.md"
HEAVY = ("aiohttp", "rich", "sqlite3", "yaml", "structlog", "prometheus_client", "sidecar.app")


def test_version_prints_the_version(cli):
    assert cli("version") == (said := cli("version"))
    assert (said.code, said.out, said.err) == (0, f"{__version__}\n", "")


@pytest.mark.parametrize("arguments", [["version"], ["--help"], ["events", "--help"], ["check", "-c", "/nowhere"]])
def test_light_commands_load_nothing_heavy(arguments):
    """The modules that a fresh interpreter has loaded afterwards; a missing configuration needs YAML to be told."""
    code = (
        "import sys\nfrom sidecar.cli import main\nmain(sys.argv[1:])\n"
        f"print('loaded:', [one for one in {HEAVY!r} if one in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=True, env=ENVIRON, timeout=30
    )
    expected = "['yaml']" if arguments[0] == "check" else "[]"
    assert done.stdout.splitlines()[-1] == f"loaded: {expected}"


def test_without_a_command_the_commands_are_listed(cli):
    said = cli()
    assert said.code == 0
    for name in ("serve", "check", "schema", "dialects", "render", "explain", "events", "deliveries", "undelivered"):
        assert f"\n  {name} " in said.out
    for name in ("quarantine", "status", "listen", "demo", "version"):
        assert f"\n  {name} " in said.out


def test_a_group_without_a_verb_lists_its_verbs(cli):
    said = cli("quarantine")
    assert said.code == 0
    assert all(f"\n  {name} " in said.out for name in ("list", "show", "retry", "delete"))


@pytest.mark.parametrize("code", list(ExitCode), ids=lambda code: code.name)
def test_every_exit_code_is_in_the_help_and_in_the_documentation(cli, code):
    assert f" {code.value}  " in cli("--help").out
    assert f"| {code.value} |" in DOCS.read_text()


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["evnts"], "No such command 'evnts'"),
        (["events", "--bogus"], "No such option: --bogus"),
        (["events", "--limit", "many"], "Invalid value for '--limit'"),
        (["deliveries", "seven"], "Invalid value for '[ID]'"),
        (["render"], "Missing option '--format'"),
        (["quarantine", "show"], "Missing argument 'ID'"),
    ],
)
def test_wrong_usage_is_one_sentence_that_names_the_help(cli, arguments, sentence):
    said = cli(*arguments)
    assert (said.code, said.out) == (2, "")
    assert said.err.startswith(f"registry-sidecar: {sentence}")
    assert said.err.endswith("--help`\n")
    assert said.err.count("\n") == 1


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (Failure("x", ExitCode.CANNOT_LISTEN), 71),
        (ConfigError("x"), 78),
        (StoreBusy("x"), 69),
        (NotFound("x"), 3),
        (SidecarError("x"), 1),
    ],
)
def test_errors_have_their_exit_codes(error, code):
    assert code_of(error) == code


def test_an_interrupted_command_ends_with_130(tmp_path):
    """`render` waits for what comes through a named pipe; that it can be opened for writing shows that it waits."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    process = start("render", "-f", "harbor", "--envelope", str(pipe), stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    writing = []

    def reads() -> bool:
        with contextlib.suppress(OSError):
            writing.append(os.open(pipe, os.O_WRONLY | os.O_NONBLOCK))
        return bool(writing)

    try:
        until(reads, "render does not read")
        process.send_signal(signal.SIGINT)
        try:
            out, err = process.communicate(timeout=20)
        except subprocess.TimeoutExpired:  # it was between opening and reading, where an interrupt may be swallowed
            process.send_signal(signal.SIGINT)
            out, err = process.communicate(timeout=60)
    finally:
        process.kill()
        os.close(writing[0])
    assert (process.returncode, out, err) == (130, "", "")


def test_a_reader_that_has_gone_leaves_no_traceback():
    process = start("schema", stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    process.stdout.close()
    err = process.stderr.read()
    process.stderr.close()
    assert (process.wait(timeout=60), err) == (1, "")


def test_the_package_runs_as_a_module():
    done = run("version")
    assert (done.returncode, done.stdout, done.stderr) == (0, f"{__version__}\n", "")
