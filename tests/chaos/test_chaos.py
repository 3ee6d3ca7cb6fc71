"""The campaign's judge sees what it must see, its plan repeats, its points are places of the product; a few kills."""

import asyncio
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest
from full_disk import DiskRun
from killpoints import POINTS
from moody_receivers import Good, Heard
from plan import campaign
from running_victim import Snapshot
from verdict import SETTLED_WITHIN, Death, Seen, judge
from world_run import WorldRun

from happenings import Envelope

PUSH = ("h", "PUSH_ARTIFACT", "user-1")
NOTHING = Snapshot(due=frozenset(), delivered=frozenset(), other=frozenset(), unreadable=(), damage="")


def left(*, due=(), delivered=(), **more):
    return msgspec.structs.replace(NOTHING, due=frozenset(due), delivered=frozenset(delivered), **more)


def heard(life, told=PUSH, id_="msg_1", body=b"said"):
    return Heard(life, 0.0, told, id_, body)


def envelope(*owed, acknowledged=True):
    return Envelope(b"", ("r1",), frozenset(owed), [], acknowledged)


def faults(*, envelopes=None, requests=None, good=None, deaths=(), end=NOTHING, unreadable=(), failed=None):
    """What is wrong with a world in which one push was owed, and heard once in life 0 unless said otherwise."""
    return judge(
        Seen(
            envelopes=[envelope(PUSH)] if envelopes is None else envelopes,
            unreadable=list(unreadable),
            heard=[heard(0)] if requests is None else requests,
            good=[Good(0, 1.0, "msg_1")] if good is None else good,
            deaths=list(deaths),
            end=end,
            failed=failed or {},
            concurrency=1,
        )
    ).faults


def test_a_world_in_which_all_is_well():
    assert faults() == []
    assert faults(deaths=[Death(0, "somewhere", 2.0, left(delivered=["msg_1"]))]) == []


@pytest.mark.parametrize(
    ("world", "said"),
    [
        ({"good": []}, "lost: "),
        ({"requests": [heard(0), heard(0, ("h", "PUSH_ARTIFACT", "nobody"), "msg_2")]}, "invented: "),
        (
            {"envelopes": [envelope(PUSH, ("d", "TAG_PUSH", "user-1"), acknowledged=False)]},
            "half told: only [('h', 'PUSH_ARTIFACT', 'user-1')]",
        ),
        ({"unreadable": [b"rubbish"]}, "lost: the unreadable body b'rubbish' is not in quarantine"),
        ({"end": left(unreadable=(b"what?",))}, "in quarantine without a reason: b'what?'"),
        ({"end": left(due=["msg_9"])}, "at the end 1 deliveries are due and 0 are dead or cancelled"),
        ({"end": left(damage="row 7 missing")}, "the file is damaged: row 7 missing"),
        ({"requests": [heard(0), heard(1, body=b"other")]}, "msg_1 was sent with two bodies"),
        ({"requests": [heard(0), heard(1, id_="msg_2")]}, "('h', 'PUSH_ARTIFACT', 'user-1') was sent under 2 ids"),
        ({"good": [Good(0, 1.0, "msg_1")] * 2}, "msg_1 was answered 2 times within life 0"),
    ],
)
def test_each_fault_is_seen(world, said):
    (fault,) = faults(**world)
    assert fault.startswith(said)


def test_a_repeat_needs_a_death_whose_file_did_not_know():
    twice = {"requests": [heard(0), heard(1)], "good": [Good(0, 1.0, "msg_1"), Good(1, 2.0, "msg_1")]}
    assert faults(**twice, deaths=[Death(0, "x", 1.0, left(due=["msg_1"]))]) == []
    (fault,) = faults(
        **twice, deaths=[Death(0, "x", 1.0, left(delivered=["msg_1"])), Death(1, "x", 3.0, left(delivered=["msg_1"]))]
    )
    assert fault == "msg_1 was sent in life 1 though it was written as delivered"


def test_a_result_must_be_in_the_file_within_a_moment():
    late = 1.0 + SETTLED_WITHIN + 0.01
    (fault,) = faults(deaths=[Death(0, "x", late, left(due=["msg_1"]))])
    assert fault == "['msg_1'] were answered long before death 0 and not written"
    assert faults(deaths=[Death(0, "x", late, left(due=["msg_1"]))], failed={"msg_1": 1}) == [], "it came too late"


def test_a_seed_repeats_its_plan():
    assert campaign(100, 7) == campaign(100, 7)
    assert campaign(100, 7) != campaign(100, 8)
    assert sum(len(one.lives) for one in campaign(36, 1)) == 36


def test_a_campaign_visits_every_point():
    planned = [life.point for world in campaign(1000, 1) for life in world.lives if life.point]
    assert {one.name: planned.count(one.name) >= 5 for one in POINTS.values()} == dict.fromkeys(POINTS, True)


def test_every_point_is_a_place_of_the_product():
    """All of them are armed in one process; a method that is gone or has another name ends it."""
    script = "from killpoints import POINTS, arm\nfor one in POINTS:\n    arm(one, 10**9)\nprint(len(POINTS))"
    root = Path(__file__).parents[2]
    done = subprocess.run(
        [sys.executable, "-c", script],
        capture_output=True,
        text=True,
        check=False,
        env={"PYTHONPATH": f"{root}:{Path(__file__).parent}"},
    )
    assert (done.returncode, done.stdout.strip()) == (0, str(len(POINTS))), done.stderr


def test_a_few_kills_lose_nothing(tmp_path):
    """The first lives of a campaign of its own; `make chaos` is the whole."""
    (world,) = campaign(4, 1)
    verdict = asyncio.run(WorldRun(world, tmp_path).run())
    assert verdict.faults == []
    assert verdict.deaths.total() == 4
    assert verdict.acknowledged > 20


def test_a_full_disk_loses_nothing(tmp_path):
    """By the limit on file sizes, which needs no rights; `make chaos` fills a file system where it may mount one."""
    run = DiskRun(tmp_path, 1, mount=False)
    verdict = asyncio.run(run.run())
    assert verdict.faults == []
    assert run.senders.statuses[503] > 10
