"""What others tell, as metrics and lines: who is refused again and again is one line."""

import io
import json
import logging

import pytest
import structlog

from sidecar.telemetry.hearing import Hearing
from sidecar.telemetry.logs import configure
from sidecar.telemetry.metrics import Metrics


@pytest.fixture(autouse=True)
def _as_it_was():
    yield
    structlog.reset_defaults()
    root = logging.getLogger()
    for handler in [one for one in root.handlers if type(one).__module__.startswith("sidecar.")]:
        root.removeHandler(handler)


def test_requests_are_counted_and_a_refusal_is_told_when_it_changes():
    written = io.BytesIO()
    stream = io.TextIOWrapper(written, encoding="utf-8")
    configure("info", pretty=False, stream=stream)
    metrics = Metrics()
    hearing = Hearing(metrics)
    for outcome, why in (
        ("accepted", ""),
        ("refused", "At /type: this is needed."),
        ("refused", "At /type: this is needed."),
        ("refused", "At /data: this is needed."),
        ("unauthorized", ""),
        ("unauthorized", ""),
    ):
        hearing.heard("events", outcome, why)
    stream.flush()
    lines = [json.loads(line) for line in written.getvalue().splitlines()]
    assert [(line["message"], line["outcome"], line["detail"]) for line in lines] == [
        ("intake refused", "refused", "At /type: this is needed."),
        ("intake refused", "refused", "At /data: this is needed."),
        ("intake refused", "unauthorized", ""),
    ]
    exposed = metrics.render()[0].decode()
    for outcome, count in (("accepted", 1), ("refused", 3), ("unauthorized", 2), ("unavailable", 0)):
        assert f'intake_requests_total{{outcome="{outcome}",route="events"}} {count}.0' in exposed
