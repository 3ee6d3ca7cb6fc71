"""What people see: plain columns, and nothing that steers a terminal."""

import os
import pty
import re
import subprocess
import sys

import pytest
from running_sidecar import ENVIRON

from sidecar.cli import output


def test_columns_are_as_wide_as_their_widest_cell_and_never_cut(capsys):
    output.show_table(("A", "LONGER"), [("x" * 200, 1), ("y", None)], nothing="none")
    out, err = capsys.readouterr()
    assert out == f"{'A':<200}  LONGER\n{'x' * 200}  1\n{'y':<200}  -\n"
    assert err == ""


def test_no_rows_are_a_sentence_on_standard_error(capsys):
    output.show_table(("A",), [], nothing="no such events")
    assert capsys.readouterr() == ("", "no such events\n")


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "-"),
        ("", "-"),
        ([], "-"),
        (0, "0"),
        (True, "yes"),
        (False, "no"),
        (["a", "b"], "a, b"),
        ("x\x1b[2Jy\nz", "x\ufffd[2Jy\ufffdz"),
        ("r\u00e9sum\u00e9", "r\u00e9sum\u00e9"),
    ],
)
def test_cells(value, text):
    assert output.printable(value) == text


def test_bodies_keep_line_breaks_but_no_escapes():
    assert output.safe("a\n\tb\x1b]0;title\x07") == "a\n\tb\ufffd]0;title\ufffd"
    assert output.safe("Subject: a\r\n\r\nb\rc") == "Subject: a\n\nb\ufffdc", "mails end their lines so"


@pytest.mark.parametrize(
    ("count", "text"),
    [(0, "0 B"), (1023, "1023 B"), (1024, "1.0 KiB"), (5 * 1024**2, "5.0 MiB"), (3 * 1024**4, "3.0 TiB")],
)
def test_sizes(count, text):
    assert output.size(count) == text


@pytest.mark.parametrize(
    ("tags", "digest", "text"),
    [
        (["v1"], "sha256:" + "a" * 64, "prj/app:v1"),
        (["v2", "v1"], "", "prj/app:v2 (+1)"),
        ([], "sha256:" + "a" * 64, "prj/app@sha256:aaaaaaaaaaaa"),
        ([], "", "prj/app"),
    ],
)
def test_places(tags, digest, text):
    assert output.place("prj/app", tags, digest) == text


def test_times_lose_their_fraction():
    assert output.when("2026-11-22T08:00:00.123456789Z") == "2026-11-22T08:00:00Z"
    assert output.when("2026-11-22T08:00:00Z") == "2026-11-22T08:00:00Z"
    assert output.when(None) == "-"


def test_a_terminal_gets_a_table_that_fits_it_and_markup_is_text():
    """The only place where rich is used."""
    code = "from sidecar.cli.output import show_table\nshow_table(('A', 'B'), [('[red]x', 'y ' * 60)], nothing='')"
    ours, theirs = pty.openpty()
    try:
        environ = {**ENVIRON, "COLUMNS": "40", "TERM": "xterm"}
        subprocess.run([sys.executable, "-c", code], stdout=theirs, check=True, env=environ, timeout=30)
        shown = os.read(ours, 65536).decode()
    finally:
        os.close(ours)
        os.close(theirs)
    assert "[red]x" in shown
    plain = re.sub(r"\x1b\[[0-9;]*m", "", shown)  # the header is bold
    assert all(len(line) <= 40 for line in plain.splitlines())
