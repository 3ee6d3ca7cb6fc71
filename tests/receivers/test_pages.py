"""Every preset has a page and every page a preset, and what the pages say to write is a configuration that loads."""

import re
from pathlib import Path

import pytest
import yaml

from sidecar.config import presets
from sidecar.config.loading import load

FOLDER = Path(__file__).parents[2] / "docs" / "receivers"
PAGES = sorted(path for path in FOLDER.glob("*.md") if path.name != "README.md")
HEADINGS = ["There", "Here", "Try it", "What it does", "Traps"]
# Those who have no preset, each with a row that says why: by a word of the row's first cell.
REASONED = (
    "gcr",
    "image-reflector",
    "igor",
    "diun",
    "Renovate",
    "StackRox",
    "NeuVector",
    "Anchore",
    "Shipwright",
    "Woodpecker",
    "Drone",
    "werf",
    "Xray",
    "Dependency-Track",
    "DefectDojo",
    "Sysdig",
    "CloudEvents",
    "DTR",
    "go-playground",
)
by_page = pytest.mark.parametrize("page", [*PAGES, FOLDER / "README.md"], ids=lambda path: path.stem)


def blocks(page, language="yaml"):
    return re.findall(rf"^```{language}\n(.*?)^```", page.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)


def ours(page):
    """The blocks of our own configuration."""
    return [one for one in blocks(page) if one.startswith("subscriptions:")]


def test_every_preset_has_a_page_and_every_page_a_preset():
    assert {one.page for one in presets.known().values()} == {path.stem for path in PAGES}


@by_page
def test_what_is_to_be_written_here_loads(tmp_path, page):
    """As it stands, with what it takes from the environment; the only warnings are of how it travels."""
    written = ours(page)
    assert written, "a page shows what to write"
    for block in written:
        path = tmp_path / "config.yml"
        path.write_text("registries: [{name: main, hostname: registry.example.com}]\n" + block)
        values = dict.fromkeys(re.findall(r"\$\{env:(\w+)\}", block), "0123456789")
        values |= {name: "T0/B0/0123456789" for name in values if name.startswith("SLACK")}
        values |= {name: presets.known()["teams"].url.example for name in values if name.startswith("TEAMS")}
        values |= {name: "s" * 24 for name in values if name.endswith(("TOKEN", "SECRET", "SECRET_TOKEN"))}
        settings = load(path, values)
        assert [one for one in settings.warnings if "unencrypted" not in one and "tls.verify" not in one] == []
        used = {one.preset for one in settings.subscriptions}
        if page.stem != "README":
            assert {presets.known()[name].page for name in used} == {page.stem}, "it is shown with its own presets"


@by_page
def test_what_is_to_be_written_there_can_be_read(page):
    for block in blocks(page):
        if not block.startswith("subscriptions:"):
            assert list(yaml.safe_load_all(block)), "a manifest that is no YAML"
    for block in blocks(page, "json"):
        assert yaml.safe_load(block)


@pytest.mark.parametrize("page", PAGES, ids=lambda path: path.stem)
def test_every_page_answers_the_same_questions(page):
    assert re.findall(r"^## (.*)$", page.read_text(encoding="utf-8"), re.MULTILINE) == HEADINGS


def test_who_has_no_preset_is_listed_with_the_reason():
    text = (FOLDER / "README.md").read_text(encoding="utf-8").partition("## Without a preset")[2]
    rows = dict(
        line.strip("| ").split(" | ") for line in text.splitlines() if line.startswith("| ") and "---" not in line
    )
    missing = [one for one in REASONED if not any(one in cell for cell in rows)]
    assert missing == []
    assert all(len(reason) > 20 for cell, reason in rows.items() if cell != "receiver")


def test_the_table_of_who_reads_what_agrees_with_the_presets():
    """docs/registries.md: a cell that is no dash for each format that a receiver has a preset with, and no other."""
    text = (FOLDER.parent / "registries.md").read_text(encoding="utf-8")
    text = text.partition("## Who reads what")[2].partition("## ")[0]
    head, _, *lines = [
        [cell.strip(" `") for cell in line.strip("|").split("|")] for line in text.splitlines() if line[:1] == "|"
    ]
    told = {(row, form) for row, *cells in lines for form, cell in zip(head[1:], cells, strict=True) if cell != "-"}
    rows = sorted((row for row, *_ in lines), key=len)  # the plain product before others that begin like it
    known = {
        (next(row for row in rows if row.startswith(preset.title.partition(",")[0])), preset.format)
        for preset in presets.known().values()
        if preset.format in head
    }
    assert told == known
