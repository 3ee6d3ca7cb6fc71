"""Going over many deliveries: counted, asked about, paced, and told where it stopped."""

import asyncio
import json

import pytest
import typer

from sidecar.cli import walk as module
from sidecar.cli.exits import ExitCode, Failure
from sidecar.cli.walk import Walk, go
from virtual_time import run


class Sidecar:
    """Answers as the API does, over `owed` deliveries of each subscription; steps take no time."""

    def __init__(self, breaks_at=None, hold="", breaker="closed", **owed):
        self.owed, self.breaks_at, self.hold, self.breaker = owed, breaks_at, hold, breaker
        self.left = [name for name, count in owed.items() for _ in range(count)]
        self.asked, self.times = [], []

    async def post(self, path, body):
        self.asked.append((path, body))
        if body.get("dryRun"):
            return step(self.owed, None)
        self.times.append(asyncio.get_running_loop().time())
        if self.breaks_at is not None and len(self.times) > self.breaks_at:
            raise Failure("gone", ExitCode.UNAVAILABLE)
        taken, self.left = self.left[: body["limit"]], self.left[body["limit"] :]
        return step(
            {name: taken.count(name) for name in sorted(set(taken))}, f"{len(self.times)}-9" if self.left else None
        )

    async def get(self, path):
        assert path == "/v1/subscriptions"
        return {"subscriptions": [{"name": name, "hold": self.hold, "breaker": self.breaker} for name in self.owed]}


def step(counts, then, silent=0, orphaned=()):
    return {
        "count": sum(counts.values()),
        "subscriptions": [{"subscription": name, "count": count} for name, count in counts.items()],
        "withoutBytes": silent,
        "orphaned": [{"subscription": name, "count": count} for name, count in orphaned],
        "next": then,
    }


def walk(**given):
    return Walk(path="/v1/deliveries/replay", body={"reason": "expired"}, done="made due again", **given)


def test_it_goes_in_steps_to_the_end_and_says_how_many(capsys):
    sidecar = Sidecar(one=450, two=10)
    run(go(sidecar, walk(yes=True)))
    steps = [body for _, body in sidecar.asked if not body.get("dryRun")]
    assert [(body["limit"], body["cursor"], body["reason"]) for body in steps] == [
        (200, "", "expired"),
        (200, "1-9", "expired"),
        (200, "2-9", "expired"),
    ]
    assert capsys.readouterr() == ("460 made due again: one 450, two 10\n", "")


@pytest.mark.parametrize(("rate", "count"), [(50.0, 100), (1.0, 5), (400.0, 1000)])
def test_it_is_no_faster_than_the_rate(rate, count):
    """At no moment has it done more than the rate allows since it began, but for one step's worth."""
    sidecar = Sidecar(one=count)
    run(go(sidecar, walk(yes=True, rate=rate)))
    done, limit = 0, next(body["limit"] for _, body in sidecar.asked if not body.get("dryRun"))
    assert limit <= max(1, rate / 4)
    for at in sidecar.times:
        assert done <= (at - sidecar.times[0]) * rate + 1e-6
        done += limit
    assert sidecar.times[-1] - sidecar.times[0] <= count / rate


def test_each_step_is_a_line_for_machines(capsys):
    run(go(Sidecar(one=300), walk(yes=True, as_json=True)))
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [(line["count"], line.get("soFar"), line.get("total"), line.get("done")) for line in lines] == [
        (200, 200, 300, None),
        (100, 300, 300, None),
        (300, None, None, True),
    ]


def test_a_dry_run_is_a_table_and_changes_nothing(capsys):
    sidecar = Sidecar(one=3)
    run(go(sidecar, walk(dry_run=True)))
    assert [body.get("dryRun") for _, body in sidecar.asked] == [True]
    assert capsys.readouterr().out.split() == ["SUBSCRIPTION", "DELIVERIES", "one", "3"]


def test_where_nobody_can_be_asked_yes_must_be_said(capsys):
    sidecar = Sidecar(one=3)
    with pytest.raises(
        Failure, match="3 deliveries would be made due again: add --yes where nobody can be asked"
    ) as no:
        run(go(sidecar, walk()))
    assert no.value.code is ExitCode.USAGE
    assert len(sidecar.asked) == 1


@pytest.mark.parametrize(("answer", "steps"), [("y\n", 1), ("n\n", 0), ("\n", 0)])
def test_on_a_terminal_the_count_comes_first_and_it_asks(capsys, monkeypatch, answer, steps):
    class Terminal:
        @staticmethod
        def isatty():
            return True

        @staticmethod
        def readline(*_):
            return answer

    monkeypatch.setattr(module.sys, "stdin", Terminal())
    monkeypatch.setattr("builtins.input", lambda _prompt="": answer.strip())
    sidecar = Sidecar(one=3)
    if steps:
        run(go(sidecar, walk()))
    else:
        with pytest.raises(typer.Abort):
            run(go(sidecar, walk()))
    said = capsys.readouterr()
    assert said.err.splitlines()[0] == "one: 3"
    assert "3 deliveries will be made due again. Go on?" in said.err + said.out
    assert len(sidecar.times) == steps


def test_what_was_broken_off_says_how_far_it_came_and_how_to_go_on(capsys):
    sidecar = Sidecar(one=500, breaks_at=1)
    with pytest.raises(Failure, match="gone"):
        run(go(sidecar, walk(yes=True)))
    assert capsys.readouterr().err == (
        "broken off: 200 of 500 made due again; to go on, give the same command with --after 1-9\n"
    )


def test_going_on_begins_where_it_was_said(capsys):
    sidecar = Sidecar(one=1)
    run(go(sidecar, Walk(path="/p", body={"cursor": "7-9"}, done="cancelled", yes=True)))
    assert [body["cursor"] for _, body in sidecar.asked] == ["7-9", "7-9"]
    assert capsys.readouterr().out == "1 cancelled: one 1\n"


def test_what_is_left_and_what_waits_is_told(capsys):
    sidecar = Sidecar(one=2, hold="operator")
    sidecar.post = lambda _path, _body: answering(step({"one": 2}, None, silent=4, orphaned=[("old", 5)]))
    run(go(sidecar, walk(yes=True)))
    assert capsys.readouterr().err.splitlines() == [
        "4 have no message to send: retention has taken it, or it could never be rendered",
        (
            "5 are left: subscription old is not in the configuration any more: bring its name back, or write "
            "`formerly: old` at the one that takes over"
        ),
        "one is held (operator): nothing is sent until `registry-sidecar subscriptions resume one`",
    ]


def test_what_is_given_up_with_its_groups_is_told_though_no_delivery_is(capsys):
    sidecar = Sidecar()
    left = [{**step({}, "0-0"), "waiting": [{"subscription": "chat", "count": 7}]}, step({}, None)]
    sidecar.post = lambda _path, body: answering(left[1 if body["cursor"] else 0])
    run(go(sidecar, Walk(path="/v1/deliveries/cancel", body={}, done="cancelled", yes=True)))
    assert capsys.readouterr() == ("0 cancelled\n", "chat: 7 events in groups that were not told yet\n")


async def answering(value):
    return value


def test_it_says_that_a_failing_subscription_is_sent_only_probes(capsys):
    """Else whoever made everything due now would wait for up to an hour without knowing why."""
    run(go(Sidecar(one=2, breaker="open"), walk(yes=True)))
    assert capsys.readouterr().err.splitlines() == [
        "one is failing: only a probe is sent now and then, all of it after `registry-sidecar subscriptions resume one`"
    ]


def test_a_cancellation_says_nothing_of_what_will_be_sent(capsys):
    for state in ({"breaker": "open"}, {"hold": "operator"}):
        run(go(Sidecar(one=2, **state), Walk(path="/v1/deliveries/cancel", body={}, done="cancelled", yes=True)))
    assert capsys.readouterr().err == ""


def test_nothing_to_do_is_said_and_asks_nobody(capsys):
    run(go(Sidecar(), walk()))
    assert capsys.readouterr() == ("", "no such deliveries\n")
