"""A plainly written `serve` does without the machinery of the other commands; everything else is theirs."""

import subprocess
import sys
from pathlib import Path

import pytest
from running_sidecar import ENVIRON

from sidecar.cli.serving import DEFAULT_CONFIG, LogFormat, LogLevel, Wanted, plain


@pytest.mark.parametrize(
    ("words", "wanted"),
    [
        ("serve", Wanted()),
        ("serve --config a.yml", Wanted(config=Path("a.yml"))),
        ("serve -c a.yml --log-level error", Wanted(config=Path("a.yml"), log_level=LogLevel.ERROR)),
        ("serve --log-format json", Wanted(config=DEFAULT_CONFIG, log_format=LogFormat.JSON)),
        ("serve -c a.yml -c b.yml", Wanted(config=Path("b.yml"))),
    ],
)
def test_what_is_written_plainly_is_understood_as_the_commands_would(words, wanted):
    assert plain(words.split()) == wanted


@pytest.mark.parametrize(
    "words",
    [
        "",
        "version",
        "serve --help",
        "serve extra",
        "serve --config",
        "serve --config=a.yml",
        "serve --config --log-level",
        "serve --log-level loud",
        "serve --colour red",
    ],
)
def test_everything_else_is_for_the_commands(words):
    assert plain(words.split()) is None


@pytest.mark.parametrize("words", [["serve", "--config", "/nowhere"], ["serve", "--config=/nowhere"]])
def test_both_ways_end_alike_but_only_one_loads_the_commands(words):
    code = "import sys\nfrom sidecar.cli import main\nprint(main(sys.argv[1:]), 'typer' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code, *words], capture_output=True, text=True, check=True, env=ENVIRON, timeout=30
    )
    assert done.stdout == f"78 {len(words) != 3}\n"
    assert done.stderr.startswith("/nowhere: cannot be read")
