"""What became of deliveries, as Harbor tells it: executions, their one task each, jobs, and a task's log. Pure.

One delivery is one execution with one task; all three have the delivery's id. Between attempts a delivery that failed
is in `Error`, as a task is in Harbor while it waits to be run again; only then is its end time not set.
"""

from collections.abc import Sequence
from typing import Any

import msgspec

from sidecar.domain import instant
from sidecar.domain.delivery import State
from sidecar.domain.listing import AttemptRow, DeliveryRow
from sidecar.web.vendors.harbor.query import Fields
from sidecar.web.vendors.harbor.times import milliseconds, moment, seconds

PENDING, RUNNING, SUCCESS, ERROR, STOPPED = "Pending", "Running", "Success", "Error", "Stopped"
_FINAL = {State.DELIVERED: SUCCESS, State.DEAD: ERROR, State.CANCELLED: STOPPED}


class Job(msgspec.Struct, frozen=True, kw_only=True):
    """A delivery of a policy. `slack` says which kind of target it goes to, `running` that an attempt is under way."""

    row: DeliveryRow
    policy: int
    slack: bool
    running: bool = False

    @property
    def status(self) -> str:
        final = _FINAL.get(self.row.state)
        if final is not None:
            return final
        if self.running:
            return RUNNING
        return ERROR if self.row.attempts else PENDING

    @property
    def vendor(self) -> str:
        return "SLACK" if self.slack else "WEBHOOK"


def fields(job: Job) -> Fields:
    """What `q` and `sort` may name, for executions and jobs alike."""
    row = job.row
    return {
        "id": row.id,
        "status": job.status,
        "vendor_type": job.vendor,
        "vendor_id": job.policy,
        "policy_id": job.policy,
        "event_type": row.word,
        "extra_attrs.event_type": row.word,
        "notify_type": "slack" if job.slack else "http",
        "trigger": "EVENT",
        "start_time": moment(row.created),
        "creation_time": moment(row.created),
        "end_time": moment(row.done or 0),
        "update_time": moment(row.done or row.created),
    }


def execution(job: Job, payload: str) -> dict[str, Any]:
    row = job.row
    return {
        "end_time": seconds(row.done or 0),
        "extra_attrs": {"event_type": row.word, "payload": payload},
        "id": row.id,
        "metrics": {f"{job.status.lower()}_task_count": 1, "task_count": 1},
        "start_time": seconds(row.created),
        "status": job.status,
        **_message(row),
        "trigger": "EVENT",
        "vendor_id": job.policy,
        "vendor_type": job.vendor,
    }


def task(job: Job, attempts: Sequence[AttemptRow]) -> dict[str, Any]:
    row = job.row
    return {
        "creation_time": seconds(row.created),
        "end_time": seconds(row.done or 0),
        "execution_id": row.id,
        "extra_attrs": {},
        "id": row.id,
        "run_count": row.attempts,
        "start_time": seconds(attempts[0].started if attempts else 0),
        "status": job.status,
        **_message(row),
        "update_time": seconds(_updated(row, attempts)),
    }


def task_fields(job: Job, attempts: Sequence[AttemptRow]) -> Fields:
    row = job.row
    return {
        "id": row.id,
        "execution_id": row.id,
        "status": job.status,
        "run_count": row.attempts,
        "creation_time": moment(row.created),
        "start_time": moment(attempts[0].started if attempts else 0),
        "end_time": moment(row.done or 0),
        "update_time": moment(_updated(row, attempts)),
    }


def job(one: Job, payload: str, attempts: Sequence[AttemptRow]) -> dict[str, Any]:
    row = one.row
    return {
        "creation_time": milliseconds(row.created),
        "event_type": row.word,
        "id": row.id,
        "job_detail": payload,
        "notify_type": "slack" if one.slack else "http",
        "policy_id": one.policy,
        "status": one.status,
        "update_time": milliseconds(_updated(row, attempts)),
    }


def log(one: Job, payload: str, attempts: Sequence[AttemptRow]) -> str:
    """A task's log: what was sent once, and how each attempt ended; answers as far as they were kept."""
    kind = "slack" if one.slack else "webhook"
    lines = []
    for attempt in attempts:
        ended = attempt.started + attempt.took
        lines.append(_line(attempt.started, "INFO", attempt, f"start to run {kind} job"))
        if attempt.number == 1:
            lines.append(_line(attempt.started, "INFO", attempt, f"send request to remote endpoint, body: {payload}"))
        if attempt.reason == "ok":
            lines.append(_line(ended, "INFO", attempt, f"success to run {kind} job"))
        else:
            lines.append(_line(ended, "ERROR", attempt, f"exit {kind} job, error: {_why(attempt)}"))
    if not attempts:
        lines.append(f"{seconds(one.row.created)} [INFO] no attempt yet: {one.row.detail or one.status}")
    elif one.row.state is State.DUE:
        lines.append(f"{seconds(ended)} [INFO] the next attempt is due at {seconds(one.row.due)}")
    elif one.row.state is not State.DELIVERED:
        lines.append(f"{seconds(one.row.done or ended)} [ERROR] {one.row.detail or one.row.reason}")
    return "\n".join(lines) + "\n"


def _why(attempt: AttemptRow) -> str:
    if not attempt.status:
        return f"error to send request: {attempt.detail or attempt.reason}"
    answer = attempt.answer.decode("utf-8", "replace")
    return f"abnormal response code: {attempt.status}, body: {answer}"


def _line(at: int, level: str, attempt: AttemptRow, said: str) -> str:
    return f"{instant.rfc3339_seconds(at)} [{level}] [attempt {attempt.number}]: {said}"


def _message(row: DeliveryRow) -> dict[str, str]:
    return {"status_message": row.detail} if row.detail else {}


def _updated(row: DeliveryRow, attempts: Sequence[AttemptRow]) -> int:
    last = attempts[-1].started + attempts[-1].took if attempts else row.created
    return row.done or last
