"""The examples of docs/scans.md are taken as they stand there."""

import json
import re
from pathlib import Path

import pytest
import yaml

from sidecar.config.loading import load
from sidecar.intake.posted import Posted
from sidecar.intake.scans import Format, read

PAGE = (Path(__file__).parents[1] / "docs" / "scans.md").read_text()
BODIES = [*re.findall(r"```json\n(.*?)```", PAGE, re.DOTALL), *re.findall(r"'(\{\"status\".*?\})'", PAGE, re.DOTALL)]


def taken(body, **query):
    (told,) = read(
        Posted(
            media_type="application/json",
            body=body.encode(),
            query=query,
            registries={"main": "registry.example.com"},
        )
    )
    return told.statement


@pytest.mark.parametrize("body", BODIES)
def test_each_body_is_taken(body):
    where = {} if "repository" in json.loads(body) else {"repository": "prj/web/app", "tag": "1.4.2"}
    told = taken(body, **where)
    assert (told.repository, told.tags) == ("prj/web/app", ("1.4.2",))


def test_there_are_bodies():
    assert len(BODIES) == 3


def test_the_table_has_every_format():
    rows = re.findall(r"^\| `([a-z]+)` \|", PAGE.partition("## What is taken")[2].partition("##")[0], re.MULTILINE)
    assert rows == ["format", *(str(one) for one in Format)]


def test_the_subscription_loads(tmp_path):
    (block,) = [one for one in re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL) if one.startswith("subscriptions:")]
    whole = {"registries": [{"name": "main", "hostname": "registry.example.com"}], **yaml.safe_load(block)}
    path = tmp_path / "config.yml"
    path.write_text(yaml.safe_dump(whole))
    (one,) = load(path, {}).subscriptions
    assert one.subscription.name == "quay-receiver"


@pytest.mark.parametrize("block", re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL))
def test_the_pipelines_are_yaml(block):
    assert yaml.safe_load(block)
