"""What became of deliveries in Harbor's words: states, shapes and the log.

Keys and forms are those of Harbor v2.15.2's models (`Execution`, `Task`, `WebhookJob`), the log's sentences those of
its `webhook_job.go`.
"""

import msgspec
import pytest

from sidecar.domain import instant
from sidecar.domain.delivery import State
from sidecar.domain.listing import AttemptRow, DeliveryRow
from sidecar.web.vendors.harbor import jobs
from sidecar.web.vendors.harbor.jobs import Job

BEGAN = instant.parse_rfc3339("2026-11-21T10:00:00.250Z")
PAYLOAD = '{"type":"PUSH_ARTIFACT"}'


def job(state=State.DELIVERED, *, attempts=1, running=False, slack=False, detail=""):
    done = None if state is State.DUE else BEGAN + 61 * instant.SECOND
    row = DeliveryRow(
        id=65536,
        event="e",
        type="artifact.pushed",
        repository="acme/api",
        subscription="api:harbor/1",
        word="PUSH_ARTIFACT",
        webhook_id="msg_1",
        state=state,
        due=BEGAN + 90 * instant.SECOND,
        created=BEGAN,
        attempts=attempts,
        reason="",
        status=0,
        detail=detail,
        done=done,
    )
    return Job(row=row, policy=7, slack=slack, running=running)


def attempt(number, reason, status=0, *, detail="", answer=b"", after=0):
    return AttemptRow(
        number=number,
        started=BEGAN + after * instant.SECOND,
        took=instant.SECOND,
        reason=reason,
        status=status,
        detail=detail,
        answer=answer,
    )


@pytest.mark.parametrize(
    ("one", "status"),
    [
        (job(State.DUE, attempts=0), "Pending"),
        (job(State.DUE, attempts=0, running=True), "Running"),
        (job(State.DUE, attempts=2, running=True), "Running"),
        (job(State.DUE, attempts=2), "Error"),  # in Harbor too, until the task is run again
        (job(State.DELIVERED), "Success"),
        (job(State.DELIVERED, running=True), "Success"),
        (job(State.DEAD), "Error"),
        (job(State.CANCELLED), "Stopped"),
    ],
)
def test_our_states_in_harbors_words(one, status):
    assert one.status == status


def test_an_execution():
    assert jobs.execution(job(), PAYLOAD) == {
        "end_time": "2026-11-21T10:01:01Z",
        "extra_attrs": {"event_type": "PUSH_ARTIFACT", "payload": PAYLOAD},
        "id": 65536,
        "metrics": {"success_task_count": 1, "task_count": 1},
        "start_time": "2026-11-21T10:00:00Z",
        "status": "Success",
        "trigger": "EVENT",
        "vendor_id": 7,
        "vendor_type": "WEBHOOK",
    }
    waiting = jobs.execution(job(State.DUE, attempts=1, slack=True, detail="answered 500"), PAYLOAD)
    assert waiting["end_time"] == "0001-01-01T00:00:00Z"
    assert waiting["metrics"] == {"error_task_count": 1, "task_count": 1}
    assert (waiting["vendor_type"], waiting["status_message"]) == ("SLACK", "answered 500")


def test_a_task():
    attempts = [attempt(1, "server_error", 500), attempt(2, "ok", 200, after=60)]
    assert jobs.task(job(attempts=2), attempts) == {
        "creation_time": "2026-11-21T10:00:00Z",
        "end_time": "2026-11-21T10:01:01Z",
        "execution_id": 65536,
        "extra_attrs": {},
        "id": 65536,
        "run_count": 2,
        "start_time": "2026-11-21T10:00:00Z",
        "status": "Success",
        "update_time": "2026-11-21T10:01:01Z",
    }
    unsent = jobs.task(job(State.DUE, attempts=0), [])
    assert (unsent["start_time"], unsent["end_time"]) == ("0001-01-01T00:00:00Z",) * 2


def test_a_job():
    assert jobs.job(job(slack=True), PAYLOAD, [attempt(1, "ok", 200)]) == {
        "creation_time": "2026-11-21T10:00:00.250Z",
        "event_type": "PUSH_ARTIFACT",
        "id": 65536,
        "job_detail": PAYLOAD,
        "notify_type": "slack",
        "policy_id": 7,
        "status": "Success",
        "update_time": "2026-11-21T10:01:01.250Z",
    }


def test_the_log_tells_each_attempt():
    attempts = [
        attempt(1, "server_error", 500, detail="answered 500", answer=b"\xff"),
        attempt(2, "timed_out", detail="no answer in 10 s", after=20),
        attempt(3, "ok", 204, after=60),
    ]
    assert jobs.log(job(attempts=3), PAYLOAD, attempts).splitlines() == [
        "2026-11-21T10:00:00Z [INFO] [attempt 1]: start to run webhook job",
        f"2026-11-21T10:00:00Z [INFO] [attempt 1]: send request to remote endpoint, body: {PAYLOAD}",
        "2026-11-21T10:00:01Z [ERROR] [attempt 1]: exit webhook job, error: abnormal response code: 500, body: \ufffd",
        "2026-11-21T10:00:20Z [INFO] [attempt 2]: start to run webhook job",
        "2026-11-21T10:00:21Z [ERROR] [attempt 2]: exit webhook job, error: error to send request: no answer in 10 s",
        "2026-11-21T10:01:00Z [INFO] [attempt 3]: start to run webhook job",
        "2026-11-21T10:01:01Z [INFO] [attempt 3]: success to run webhook job",
    ]


@pytest.mark.parametrize(
    ("one", "attempts", "last"),
    [
        (job(State.DUE), [attempt(1, "server_error", 500)], "[INFO] the next attempt is due at 2026-11-21T10:01:30Z"),
        (job(State.DEAD, detail="gave up"), [attempt(1, "client_error", 400)], "[ERROR] gave up"),
        (job(State.DUE, attempts=0), [], "[INFO] no attempt yet: Pending"),
    ],
)
def test_the_log_says_how_it_stands(one, attempts, last):
    assert jobs.log(one, PAYLOAD, attempts).splitlines()[-1].endswith(last)


def test_status_and_event_type_can_be_asked_for():
    fields = jobs.fields(job(State.DEAD))
    assert {fields[name] for name in ("event_type", "extra_attrs.event_type")} == {"PUSH_ARTIFACT"}
    assert fields["status"] == "Error"
    assert msgspec.json.encode(jobs.task_fields(job(), []))
