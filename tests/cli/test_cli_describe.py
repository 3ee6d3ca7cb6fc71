"""`dialects`."""

from sidecar.dialects import load


def test_the_table_has_a_row_for_every_word(cli):
    rows = [line.split() for line in cli("dialects").out.splitlines()]
    for word in ("PUSH_ARTIFACT", "PULL_ARTIFACT", "DELETE_ARTIFACT"):
        assert any(row[:2] == ["harbor", word] for row in rows)
    assert any(row[:3] == ["quay", "repo_push", "artifact.pushed"] for row in rows)
    assert any(row[:3] == ["dtr", "TAG_DELETE", "tag.deleted"] for row in rows)


def test_words_that_need_an_option_say_so(cli):
    """Harbor's chart words need chart_events, and only tag_deleted makes a lost tag a DELETE_ARTIFACT."""
    (harbor,) = [one for one in cli("dialects", "--json").json["dialects"] if one["name"] == "harbor"]
    needs = {(word["name"], event): word["needs"] for word in harbor["words"] for event in word["events"]}
    assert needs["PUSH_ARTIFACT", "artifact.pushed"] == ""
    assert needs["UPLOAD_CHART", "artifact.pushed"] == "chart_events=true"
    assert needs["DELETE_ARTIFACT", "tag.deleted"] == "tag_deleted=true"


def test_words_that_no_event_brings_say_so(cli):
    (row,) = [line for line in cli("dialects").out.splitlines() if "REPO_CREATED" in line]
    assert row.endswith("to be asked for by name")


def test_options_come_with_their_values_and_defaults(cli):
    (harbor,) = [one for one in cli("dialects", "--json").json["dialects"] if one["name"] == "harbor"]
    flavour = harbor["options"][0]
    assert (flavour["name"], flavour["default"]) == ("flavour", "default")
    assert sorted(flavour["values"]) == ["cloudevents", "default", "legacy", "slack"]
    assert harbor["aliases"]["pushImage"] == "PUSH_ARTIFACT"


def test_every_format_is_listed(cli):
    assert [one["name"] for one in cli("dialects", "--json").json["dialects"]] == list(load())
