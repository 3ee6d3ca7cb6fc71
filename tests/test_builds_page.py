"""docs/builds.md is right: its keys are all there are, and what it shows is taken."""

import json
import re
from pathlib import Path

import pytest
import yaml

from sidecar.intake.builds import Report, read
from sidecar.intake.posted import Posted

PAGE = (Path(__file__).parents[1] / "docs" / "builds.md").read_text(encoding="utf-8")
PROGRAMS = re.findall(r"jq -n '(.*?)'", PAGE, re.DOTALL)
PLACED = {"commit", "ref", "default_branch", "git_url", "commit_info"}
OF_COMMITS = {"url", "message", "date", "author", "committer"}
OF_PERSONS = {"username", "url", "avatar_url"}


def blocks(language):
    return re.findall(rf"^```{language}\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)


def test_the_table_has_every_key():
    rows = re.findall(r"^\| ((?:`\w+`(?:, )?)+) \|", PAGE, re.MULTILINE)
    assert sorted(key for row in rows for key in re.findall(r"`(\w+)`", row)) == sorted(Report.__struct_fields__)


def test_what_curl_posts_is_taken():
    (example,) = blocks("sh")
    (body,) = re.findall(r"-d '(.*)'", example, re.DOTALL)
    (told,) = read(Posted(media_type="application/json", body=body.encode()))
    assert told.statement.details.tags == ("1.4.2", "latest")


@pytest.mark.parametrize("block", blocks("yaml"))
def test_files_are_yaml(block):
    assert isinstance(yaml.safe_load(block), dict)


def test_there_are_programs():
    assert len(PROGRAMS) == 2


@pytest.mark.parametrize("program", PROGRAMS)
def test_programs_make_keys_that_are_known(program):
    """Not what they come to, which takes jq: that nothing in them is misspelt."""
    made = set(re.findall(r"[{,]\s*(\w+):", program))
    assert made <= set(Report.__struct_fields__) | PLACED | OF_COMMITS | OF_PERSONS
    assert {"repository", "build_id", "status", "ref"} <= made


def test_jenkins_makes_keys_that_are_known():
    (example,) = blocks("groovy")
    (build,) = re.findall(r"def build = \[(.*?)\n    \]", example, re.DOTALL)
    assert set(re.findall(r"[\[,\n]\s*(\w+): ", build)) <= set(Report.__struct_fields__) | PLACED


def test_what_tekton_emits_is_taken():
    (data,) = re.findall(r'--data "(\{.*\})"', PAGE)
    details = json.loads(data.replace('\\"', '"'))
    event = {"type": "build.succeeded", "data": {"repository": "prj/app", "details": details}}
    (told,) = read(Posted(media_type="application/json", body=json.dumps(event).encode()))
    assert told.statement.details.source.commit == "$COMMIT"
