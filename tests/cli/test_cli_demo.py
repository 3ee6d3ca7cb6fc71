"""`demo` on a fresh machine: it ends well by itself and says what it showed."""

import json

from running_sidecar import run

from sidecar.cli.demo.scenes import OWED, VENDORS, scenes


def test_it_shows_every_vendor_and_ends_with_0(tmp_path):
    """The counts follow from the scenes: seven words of Harbor's, nine of DTR's, five of Quay's."""
    done = run("demo", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert "\x1b" not in done.stdout
    assert done.stdout.splitlines()[-1] == (
        "28 notifications in, 21 webhooks out: 7 harbor, 9 dtr, 5 quay. Nothing lost, nothing twice."
    )
    for word in ("PUSH_ARTIFACT", "DELETE_ARTIFACT", "TAG_PUSH", "TAG_DELETE", "MANIFEST_DELETE", "repo_push"):
        assert f"  {word} " in done.stdout
    assert list(tmp_path.iterdir()) == []


def test_more_rounds_are_new_to_the_registry(tmp_path):
    done = run("demo", "--count", "3", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines()[-1].startswith("84 notifications in, 63 webhooks out")


def test_no_record_has_the_id_of_another():
    ids = [json.loads(one.body)["events"][0]["id"] for scene in scenes(3) for one in scene.notifications]
    assert len(set(ids)) == len(ids) == 84


def test_every_vendor_is_owed_something():
    assert {name for owed in OWED.values() for name in owed} == set(VENDORS)
