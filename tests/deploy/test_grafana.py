"""The dashboard for Grafana asks for nothing that the documentation of the metrics does not promise."""

import itertools
import json
import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
BOARD = json.loads((ROOT / "deploy" / "grafana" / "registry-sidecar.json").read_text(encoding="utf-8"))
PAGE = (ROOT / "docs" / "metrics.md").read_text(encoding="utf-8")
ROWS = re.findall(r"^\| `(registry_sidecar_\w+)` \| (\w+) \| (.+?) \|", PAGE, re.MULTILINE)
KINDS = {name: kind for name, kind, _ in ROWS}
LABELS = {name: {*re.findall(r"`(\w+)`", labels), "instance"} for name, _, labels in ROWS}
PARTS = {"_bucket": "le", "_sum": "", "_count": ""}

PANELS = [one for one in BOARD["panels"] if one["type"] != "row"]
EXPRESSIONS = [target["expr"] for panel in PANELS for target in panel["targets"]]
QUERIES = [*EXPRESSIONS, *(one["query"]["query"] for one in BOARD["templating"]["list"] if one["type"] == "query")]


def documented(name):
    """The metric that a series belongs to, as the page has it; parts of histograms only."""
    for part in PARTS:
        whole = name.removesuffix(part)
        if whole != name and KINDS.get(whole) == "histogram":
            return whole
    return name


def selected():
    """Every (series, selectors) of the board."""
    return [found for query in QUERIES for found in re.findall(r"\b(registry_sidecar_\w+)(?:\{([^}]*)\})?", query)]


def test_every_metric_that_it_names_exists():
    named = {documented(name) for name, _ in selected()}
    assert named - KINDS.keys() == set()
    assert len(named) > 25
    assert {name for name, _ in selected() if KINDS[documented(name)] == "histogram" and name in KINDS} == set()


def test_every_label_and_value_exists():
    closed = dict(re.findall(r"^\| `(\w+ ?\w*)` of `registry_sidecar_\w+` \| (.+) \|$", PAGE, re.MULTILINE))
    assert closed.keys() >= {"outcome", "reason"}
    for name, selectors in selected():
        for label, value in re.findall(r'(\w+)\s*(?:=~|!=|=)\s*"([^"]*)"', selectors):
            assert label in LABELS[documented(name)], (name, label)
            if not value.startswith("$"):
                values = re.findall(rf"^\| `{label}` of `{name}` \| (.+) \|$", PAGE, re.MULTILINE)
                assert f"`{value}`" in values[0], (name, label, value)


def test_what_is_summed_by_a_label_or_shown_has_it():
    for panel in PANELS:
        for target in panel["targets"]:
            names = {documented(name) for name, _ in re.findall(r"\b(registry_sidecar_\w+)(\{)", target["expr"])}
            has = {"le"}.union(*(LABELS[name] for name in names))
            grouped = {one.strip() for by in re.findall(r"by \(([^)]*)\)", target["expr"]) for one in by.split(",")}
            assert grouped <= has, target["expr"]
            legend = set(re.findall(r"\{\{(\w+)\}\}", target["legendFormat"]))
            left = grouped - {"le"} if grouped else (set() if "sum(" in target["expr"] else has)
            assert legend <= left, target["expr"]


def test_counters_are_asked_how_fast_they_grow_and_gauges_what_they_are():
    for query in EXPRESSIONS:
        for before, name in re.findall(r"(\w*)\(*\(?(registry_sidecar_\w+)\{", query):
            grows = KINDS[documented(name)] in {"counter", "histogram"}
            assert (before in {"rate", "increase"}) is grows, query


def test_it_can_be_imported_anywhere():
    """The data source is chosen at the import; variables that are used are there; ids and places are its own."""
    known = {one["name"] for one in BOARD["templating"]["list"]} | {"__rate_interval"}
    used = set(re.findall(r"\$\{?(\w+)", json.dumps(BOARD)))
    assert used - {"__all"} == known
    sources = re.findall(r'"uid": "([^"]*)"', json.dumps([BOARD["panels"], BOARD["templating"]]))
    assert set(sources) == {"${datasource}"}
    assert len({one["id"] for one in BOARD["panels"]}) == len(BOARD["panels"])
    assert all(one["title"] for one in BOARD["panels"])
    assert all(one["description"].endswith(".") for one in PANELS)
    places = [one["gridPos"] for one in BOARD["panels"]]
    assert all(one["x"] >= 0 and one["x"] + one["w"] <= 24 for one in places)
    for one, other in itertools.combinations(places, 2):
        apart = (
            one["x"] + one["w"] <= other["x"]
            or other["x"] + other["w"] <= one["x"]
            or one["y"] + one["h"] <= other["y"]
            or other["y"] + other["h"] <= one["y"]
        )
        assert apart, (one, other)
