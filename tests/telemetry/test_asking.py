"""What is told of a registry's API: a line when it is left alone and when it is asked again, and the gauge."""

import io
import json
import logging

import pytest
import structlog

from sidecar.domain.registry import Asked
from sidecar.telemetry.asking import Asking
from sidecar.telemetry.logs import configure
from sidecar.telemetry.metrics import Metrics


@pytest.fixture(autouse=True)
def _as_it_was():
    yield
    structlog.reset_defaults()
    root = logging.getLogger()
    for handler in [one for one in root.handlers if type(one).__module__.startswith("sidecar.")]:
        root.removeHandler(handler)


def test_only_what_changes_is_a_line():
    written = io.BytesIO()
    stream = io.TextIOWrapper(written, encoding="utf-8")
    configure("debug", pretty=False, stream=stream)
    metrics = Metrics()
    metrics.configure(["main"], [], asked=["main"])
    asking = Asking(metrics)
    asking.asked("main", Asked.SERVER_ERROR, 0.1)
    asking.breaker("main", "http://127.0.0.1:5000 answered 500.")
    assert b'registry_sidecar_registry_breaker_open{registry="main"} 1.0' in metrics.render()[0]
    asking.asked("main", Asked.OK, 0.1)
    asking.breaker("main", "")
    assert b'registry_sidecar_registry_breaker_open{registry="main"} 0.0' in metrics.render()[0]
    stream.flush()
    lines = [json.loads(line) for line in written.getvalue().splitlines()]
    told = [{key: line.get(key) for key in ("level", "message", "registry", "detail")} for line in lines]
    assert told == [
        {
            "level": "warning",
            "message": "registry is left alone",
            "registry": "main",
            "detail": "http://127.0.0.1:5000 answered 500.",
        },
        {"level": "info", "message": "registry is asked again", "registry": "main", "detail": None},
    ]
