"""Every reason is one word everywhere: label of a metric, key of a log line, column of the store, row of the manual."""

import io
import json
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families
from store_work import NOW, names, planned, settle, write_set

from sidecar.domain.delivery import Outcome, Reason, Settlement, State
from sidecar.domain.lane import BREAKER
from sidecar.stores.sqlite import SQLiteStore, file
from sidecar.telemetry.lines import configure
from sidecar.telemetry.logs import Logs
from sidecar.telemetry.metrics import Metrics

UNTRIED = {Reason.RENDER_FAILED, Reason.BACKLOG_FULL}  # dead without an attempt
STATES = {Reason.OK: (State.DELIVERED, "delivered"), Reason.CANCELLED: (State.CANCELLED, "cancelled")}
MANUAL = Path(__file__).parents[2] / "docs" / "operations.md"


def settlement(delivery, reason):
    state, _ = STATES.get(reason, (State.DEAD, "dead"))
    return Settlement(
        delivery=delivery.id, lane=delivery.lane, attempt=1, state=state, due=NOW, started=NOW, took=1, reason=reason
    )


@pytest.mark.parametrize("reason", Reason)
async def test_a_reason_is_told_everywhere_by_the_same_word(reason, tmp_path, monkeypatch):
    monkeypatch.setattr(file, "LOG_SPACE", 4096)
    written = io.BytesIO()
    stream = io.TextIOWrapper(written)
    configure("debug", pretty=False, stream=stream)
    metrics, logs = Metrics(), Logs()
    metrics.configure(["main"], [("one", "harbor")])
    store = SQLiteStore(tmp_path / "sidecar.db", inline=True)
    await store.open()
    (lane,) = await store.register(names("one"), NOW)
    if reason in UNTRIED:
        refused = reason if reason is not Reason.RENDER_FAILED else None
        event = planned("x", [lane.id] if refused else [], broken=[] if refused else [lane.id], refused=refused)
        assert await store.commit(write_set(0, 1, event)) == []
        metrics.refused("one", reason, 1)
        logs.refused("one", reason, 1)
    else:
        (delivery,) = await store.commit(write_set(0, 1, planned("x", [lane.id])))
        made = settlement(delivery, reason)
        await settle(store, made)
        metrics.attempted("one", made, Outcome(reason=reason), delivery)
        logs.attempted("one", made, Outcome(reason=reason), delivery)
    stream.flush()
    (line,) = (json.loads(one) for one in written.getvalue().splitlines())
    assert line["reason"] == reason.value
    assert store._connection.execute("SELECT reason FROM delivery").fetchall() == [(reason.value,)]
    await store.close()
    counted = {
        (one.labels["outcome"], one.labels["reason"])
        for family in text_string_to_metric_families(metrics.render()[0].decode())
        for one in family.samples
        if one.name == "registry_sidecar_deliveries_total" and one.value
    }
    assert counted == {(STATES.get(reason, (None, "dead"))[1], reason.value)}
    assert reason in BREAKER
    assert f"| `{reason.value}` |" in MANUAL.read_text()
