"""Log lines: what is told, at which level, and what never is."""

import io
import json
import logging
import subprocess
import sys
import uuid

import msgspec
import pytest
import structlog

from sidecar.dialects.contract import sample
from sidecar.domain.delivery import Delivery, Outcome, Reason, Settlement, State
from sidecar.domain.errors import StoreUnavailable
from sidecar.domain.instant import parse_rfc3339
from sidecar.domain.person import Visit
from sidecar.domain.record import Quarantined
from sidecar.domain.walk import Cause, Walk, WalkState
from sidecar.telemetry.logs import Logs, configure

EVENT = "01a20085-bf37-83c8-b153-04e83db291a8"
DELIVERY = Delivery(
    event_id=EVENT,
    id=7,
    lane=1,
    event=3,
    webhook_id="w-7",
    word="PUSH_ARTIFACT",
    content_type="",
    body=b"{}",
    due=0,
    created=0,
)


@pytest.fixture(autouse=True)
def _as_it_was():
    yield
    structlog.reset_defaults()
    root = logging.getLogger()
    for handler in [one for one in root.handlers if type(one).__module__.startswith("sidecar.")]:
        root.removeHandler(handler)


class Written:
    """A stream that gives back what was written since the last look, as objects."""

    def __init__(self):
        self._bytes = io.BytesIO()
        self.stream = io.TextIOWrapper(self._bytes, encoding="utf-8")

    def text(self):
        self.stream.flush()
        said = self._bytes.getvalue().decode()
        self._bytes.seek(0)
        self._bytes.truncate()
        return said

    def lines(self):
        return [json.loads(line) for line in self.text().splitlines()]


@pytest.fixture
def written():
    return Written()


@pytest.fixture
def logs(written):
    configure("info", pretty=False, stream=written.stream)
    return Logs()


def attempt(logs, state, reason, *, number=1, status=0, subscription="argocd"):
    settlement = Settlement(
        delivery=7,
        lane=1,
        attempt=number,
        state=state,
        due=0,
        started=0,
        took=1_500_000,
        reason=reason,
        status=status,
        detail="It broke.",
    )
    logs.attempted(subscription, settlement, Outcome(reason=reason, answer=b"body"), DELIVERY)


def test_an_announced_event_is_one_line_with_what_joins_it(logs, written):
    event = sample()
    logs.translated("main", "announced", [event], 5)
    (line,) = written.lines()
    assert parse_rfc3339(line.pop("time")) > 0
    assert line == {
        "level": "info",
        "message": "announced",
        "event_id": event.id,
        "type": "artifact.pushed",
        "registry": "main",
        "repository": "prj/web/app",
        "tags": ["1.4.2"],
        "digest": event.artifact.digest,
        "actor": "maria",
        "record": event.origin.record,
    }


def test_lines_of_an_event_and_its_attempts_name_their_trace_where_there_is_tracing(logs, written):
    """A trace is the event's UUID without its dashes; without tracing the lines are as they were."""
    event = sample()
    for traced in (False, True):
        logs.traced = traced
        logs.translated("main", "announced", [event], 5)
        attempt(logs, State.DUE, Reason.SERVER_ERROR, status=502, number=3 + traced)
        attempt(logs, State.DELIVERED, Reason.OK, number=5)
    lines = written.lines()
    plain, named = lines[:3], lines[3:]
    assert all("trace_id" not in line for line in plain)
    assert [line["trace_id"] for line in named] == [uuid.UUID(event.id).hex, *[uuid.UUID(EVENT).hex] * 2]
    assert [line.keys() - {"trace_id"} for line in named] == [line.keys() for line in plain]


def test_what_happens_all_the_time_is_told_only_when_debugging(written):
    for level, expected in (("info", 0), ("debug", 4)):
        configure(level, pretty=False, stream=written.stream)
        logs = Logs()
        logs.ingested("main", "accepted", 1)
        logs.translated("main", "blob", [], 5)
        logs.planned("argocd", 2)
        attempt(logs, State.DELIVERED, Reason.OK)
        assert len(written.lines()) == expected


def test_a_failed_attempt_says_which_why_and_how_long(logs, written):
    attempt(logs, State.DUE, Reason.SERVER_ERROR, status=502, number=3)
    (line,) = written.lines()
    del line["time"]
    assert line == {
        "level": "info",
        "message": "attempt failed",
        "subscription": "argocd",
        "delivery": 7,
        "event_id": EVENT,
        "webhook_id": "w-7",
        "word": "PUSH_ARTIFACT",
        "attempt": 3,
        "reason": "server_error",
        "status": 502,
        "detail": "It broke.",
        "took_ms": 1.5,
        "suppressed": 0,
    }


def test_a_failure_is_told_when_it_changes_and_once_when_it_is_over(logs, written):
    for _ in range(5):
        attempt(logs, State.DUE, Reason.UNREACHABLE)
    for _ in range(3):
        attempt(logs, State.DUE, Reason.SERVER_ERROR, status=500)
    attempt(logs, State.DUE, Reason.SERVER_ERROR, status=502)
    attempt(logs, State.DELIVERED, Reason.OK)
    attempt(logs, State.DELIVERED, Reason.OK)
    told = [(line["message"], line["reason"], line["status"], line["suppressed"]) for line in written.lines()]
    assert told == [
        ("attempt failed", "unreachable", 0, 0),
        ("attempt failed", "server_error", 500, 4),
        ("attempt failed", "server_error", 502, 2),
        ("delivered again", "ok", 0, 0),
    ]


def test_one_subscriptions_failures_do_not_silence_anothers(logs, written):
    attempt(logs, State.DUE, Reason.UNREACHABLE, subscription="a")
    attempt(logs, State.DUE, Reason.UNREACHABLE, subscription="b")
    assert [line["subscription"] for line in written.lines()] == ["a", "b"]


def test_a_dead_delivery_is_a_warning_even_among_failures_of_its_kind(logs, written):
    attempt(logs, State.DUE, Reason.SERVER_ERROR, status=500)
    attempt(logs, State.DEAD, Reason.SERVER_ERROR, status=500)
    assert [(line["level"], line["message"]) for line in written.lines()] == [
        ("info", "attempt failed"),
        ("warning", "delivery is dead"),
    ]


def test_an_unavailable_store_is_told_once_and_its_return_once(logs, written):
    for _ in range(4):
        logs.ingested("main", "unavailable", 1)
    logs.ingested("main", "accepted", 1)
    first, last = written.lines()
    assert (first["level"], first["registry"]) == ("error", "main")
    assert (last["level"], last["suppressed"]) == ("info", 3)


def test_what_outsiders_cause_is_told_less_and_less(logs, written):
    for _ in range(120):
        logs.ingested("main", "unauthorized", 0)
        logs.quarantined(Quarantined(0, "main", "unreadable", "Not JSON.", b"secret body"))
    lines = written.lines()
    assert [line["times"] for line in lines if line["message"] == "quarantined"] == [1, 10, 100]
    assert [line["times"] for line in lines if line["message"] != "quarantined"] == [1, 10, 100]
    assert "secret body" not in json.dumps(lines)


def test_expected_trouble_is_a_sentence_and_a_fault_of_ours_shows_its_place(logs, written):
    logs.trouble("journal", StoreUnavailable("The disk is full."))
    try:
        {}["missing"]
    except KeyError as error:
        logs.trouble("translator", error)
    expected, fault = written.lines()
    assert expected["level"] == "error"
    assert expected["detail"] == "The disk is full."
    assert "exception" not in expected
    assert "Traceback" in fault["exception"]


def test_a_lane_that_stops_is_a_warning(logs, written):
    for what in ("held", "released", "opened", "closed", "full", "no longer full"):
        logs.lane_changed("argocd", what, "")
    assert [line["level"] for line in written.lines()] == ["warning", "info"] * 3


def test_what_is_dead_without_an_attempt_is_a_line_at_debug_alone(written):
    """The lane's line tells of a full backlog, once; this one would come with every batch."""
    configure("info", pretty=False, stream=written.stream)
    Logs().refused("argocd", Reason.BACKLOG_FULL, 100)
    assert written.lines() == []
    configure("debug", pretty=False, stream=written.stream)
    Logs().refused("argocd", Reason.BACKLOG_FULL, 100)
    (line,) = written.lines()
    assert (line["message"], line["reason"], line["count"]) == ("refused", "backlog_full", 100)


def test_names_that_are_not_unicode_do_not_stop_a_line(logs, written):
    logs.lane_changed("a\ud800b", "held", "line\nbreak")
    (line,) = written.lines()
    assert line["subscription"] == "a\ud800b"
    assert line["detail"] == "line\nbreak"


def test_the_standard_librarys_warnings_come_out_as_lines_too(logs, written):
    logging.getLogger("asyncio").warning("slow %s", "callback")
    logging.getLogger("asyncio").info("not this")
    (line,) = written.lines()
    assert (line["level"], line["message"], line["logger"]) == ("warning", "slow callback", "asyncio")


def test_a_terminal_gets_text_for_people(written):
    configure("info", pretty=True, stream=written.stream)
    logs = Logs()
    attempt(logs, State.DEAD, Reason.GONE, status=410)
    said = written.text()
    assert "delivery is dead" in said
    assert not said.startswith("{")


def test_a_pipe_gets_json_without_being_asked(written):
    configure(stream=written.stream)
    Logs().lane_changed("a", "held", "")
    assert written.text().startswith('{"time":"')


def test_an_unknown_level_is_refused_with_the_known_ones():
    with pytest.raises(ValueError, match="debug, info, warning, error"):
        configure("loud")


def test_logging_does_not_load_rich():
    code = "import sys, sidecar.telemetry.logs; sys.exit(any(m.split('.')[0] == 'rich' for m in sys.modules))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def walk(state, **changes):
    return Walk(**{"id": 3, "registry": "main", "cause": Cause.SCHEDULE, "state": state, "seen": 5, **changes})


def test_a_walk_is_told_when_its_state_changes_and_one_that_ended_before_us_only_if_it_is_held(logs, written):
    logs.walked(walk(WalkState.FINISHED, registry="other"))
    for one in (
        walk(WalkState.WAITING),
        walk(WalkState.WALKING),
        walk(WalkState.WALKING, seen=7),
        walk(WalkState.HELD, why="too much", changes=600),
    ):
        logs.walked(one)
    lines = written.lines()
    assert [(one["level"], one["message"]) for one in lines] == [
        ("info", "walk waiting"),
        ("info", "walk walking"),
        ("warning", "walk held"),
    ]
    assert (lines[-1]["registry"], lines[-1]["walk"], lines[-1]["changes"], lines[-1]["detail"]) == (
        "main",
        3,
        600,
        "too much",
    )


def test_who_changed_what_through_an_api_and_who_was_refused(logs, written):
    visit = Visit(
        who="ada", door="listener", remote="192.0.2.1", method="PUT", path="/v1/subscriptions/one", status=200
    )
    logs.visited(visit)
    logs.visited(msgspec.structs.replace(visit, who="", status=401, refused=True, untold=3))
    changed, refused = written.lines()
    assert {key: changed[key] for key in ("level", "message", "who", "door", "remote", "method", "path", "status")} == {
        "level": "info",
        "message": "api changed",
        "who": "ada",
        "door": "listener",
        "remote": "192.0.2.1",
        "method": "PUT",
        "path": "/v1/subscriptions/one",
        "status": 200,
    }
    said = (refused["level"], refused["message"], refused["who"], refused["status"], refused["suppressed"])
    assert said == ("warning", "api refused", "", 401, 3)
