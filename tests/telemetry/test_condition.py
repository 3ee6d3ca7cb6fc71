"""How the store's file does: gauges every time, a line when something changes."""

import io
import json
import logging

import pytest
import structlog
from prometheus_client.parser import text_string_to_metric_families

from doubles import RecordingObserver
from sidecar.domain.errors import StoreDamaged, StoreUnavailable
from sidecar.stores.sqlite.care import Sizes
from sidecar.stores.sqlite.integrity import Examination
from sidecar.telemetry.condition import LOG_WARNING, Condition
from sidecar.telemetry.logs import configure
from sidecar.telemetry.metrics import Metrics

WHOLE = Examination(problems=(), tables=15, unfinished=("message",), seconds=1.23456)


class Cared:
    """A file that does as it is told."""

    def __init__(self):
        self.sizes, self.full, self.damaged, self.found = Sizes(4096, 8192, 10**9, 2048), False, "", WHOLE

    async def examine(self):
        if isinstance(self.found, Exception):
            raise self.found
        return self.found


class Told:
    def __init__(self):
        self._bytes = io.BytesIO()
        self._stream = io.TextIOWrapper(self._bytes, encoding="utf-8")
        configure("info", pretty=False, stream=self._stream)
        self.care, self.metrics, self.observer = Cared(), Metrics(), RecordingObserver()
        self.condition = Condition(self.care, self.metrics, self.observer)

    def tell(self, *, held=False):
        self.condition.tell(up=True, held=held)

    def lines(self):
        self._stream.flush()
        said = [json.loads(line) for line in self._bytes.getvalue().splitlines()]
        self._bytes.seek(0)
        self._bytes.truncate()
        return [(one["level"], one["message"]) for one in said]

    def value(self, name):
        families = text_string_to_metric_families(self.metrics.render()[0].decode())
        return {one.name: one.value for family in families for one in family.samples}[f"registry_sidecar_{name}"]


@pytest.fixture
def told():
    yield Told()
    structlog.reset_defaults()
    root = logging.getLogger()
    for handler in [one for one in root.handlers if type(one).__module__.startswith("sidecar.")]:
        root.removeHandler(handler)


def test_gauges_follow_the_file(told):
    told.tell()
    names = ("store_used_bytes", "store_over_size", "store_corrupt", "retention_held")
    assert [told.value(name) for name in names] == [2048, 0, 0, 0]
    told.care.full, told.care.damaged = True, "it is damaged"
    told.tell(held=True)
    assert [told.value(name) for name in names] == [2048, 1, 1, 1]
    assert (told.value("store_size_bytes"), told.value("wal_size_bytes")) == (4096, 8192)


def test_a_store_over_its_size_is_told_once_and_when_it_is_over(told):
    told.tell()
    assert told.lines() == []
    told.care.full = True
    told.tell()
    told.tell()
    assert told.lines() == [("warning", "store over its size")]
    told.care.full = False
    told.tell()
    told.tell()
    assert told.lines() == [("info", "store within its size")]


def test_a_log_that_grows_is_told_each_time_it_begins_to(told):
    for size in (LOG_WARNING, LOG_WARNING + 1, LOG_WARNING + 2, 0, LOG_WARNING + 1):
        told.care.sizes = Sizes(4096, size, 10**9, 2048)
        told.tell()
    assert told.lines() == [("warning", "store log is long")] * 2


def test_what_was_found_at_the_opening_is_told(told):
    told.condition.opened(["one sentence", "another"])
    assert told.lines() == [("warning", "store opened")] * 2


async def test_a_look_at_the_file_is_told_whatever_it_finds(told):
    await told.condition.examine()
    assert told.lines() == [("info", "store examined")]
    told.care.found = Examination(problems=("page 7",), tables=15, unfinished=(), seconds=1.0)
    told.care.damaged = "it is damaged: restore"
    await told.condition.examine()
    told.care.found = StoreUnavailable("the store cannot be examined: disk I/O error")
    await told.condition.examine()
    assert [(where, type(error), str(error)) for where, error in told.observer.troubles] == [
        ("examination", StoreDamaged, "it is damaged: restore"),
        ("examination", StoreUnavailable, "the store cannot be examined: disk I/O error"),
    ]
