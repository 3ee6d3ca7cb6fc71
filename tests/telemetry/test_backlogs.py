"""How far lanes are behind, as gauges: those that share a label are told as one, by the worst of them."""

from prometheus_client.parser import text_string_to_metric_families

from sidecar.domain.instant import SECOND
from sidecar.pipeline.track import LaneView
from sidecar.telemetry.backlogs import tell_lanes
from sidecar.telemetry.metrics import Metrics

P = "registry_sidecar_"


class Queue:
    """Due times by lane; notes who is asked for."""

    def __init__(self, **due):
        self.due = {int(lane.removeprefix("lane")): at for lane, at in due.items()}
        self.asked = []

    async def next_due(self, lane, after):
        assert after == 0
        self.asked.append(lane)
        return self.due.get(lane)


def view(lane, name, pending=0, **more):
    given = {"limit": 4, "in_flight": 0, "paused_until": 0, "held": False, **more}
    return LaneView(lane=lane, name=name, pending=pending, **given)


def gauges(metrics, label):
    text = metrics.render()[0].decode()
    return {
        one.name.removeprefix(P): one.value
        for family in text_string_to_metric_families(text)
        for one in family.samples
        if one.labels == {"subscription": label}
    }


def told(backlog, oldest, *, paused=0, broken=0):
    return {"lane_backlog": backlog, "oldest_due_seconds": oldest, "lane_paused": paused, "breaker_open": broken}


async def test_those_made_through_apis_share_a_label_for_each_format():
    formats = {"file": "dtr", "api:dtr/1": "dtr", "api:native/2": "dtr", "api:native/3": "quay"}
    metrics = Metrics()
    metrics.subscribed(list(formats.items()))
    now = 100 * SECOND
    queue = Queue(lane1=90 * SECOND, lane2=70 * SECOND, lane3=99 * SECOND)
    views = [
        view(1, "file", 1),
        view(2, "api:dtr/1", 3, held=True),
        view(3, "api:native/2", 4, probe_at=now + 1),
        view(4, "api:native/3"),
        view(5, "api:native/9", 2),
        view(6, "gone", 0),
    ]
    await tell_lanes(metrics, views, formats, queue, now)
    shown = {label: gauges(metrics, label).items() for label in ("file", "api:dtr", "api:quay")}
    assert shown["file"] >= told(1, 10).items()
    assert shown["api:dtr"] >= told(7, 30, paused=1, broken=1).items()
    assert shown["api:quay"] >= told(0, 0).items()
    assert gauges(metrics, "api:native/2") == {}
    assert queue.asked == [1, 2, 3], "nobody who owes nothing, or is not told, is looked up"
    assert f"{P}subscriptions_orphaned 1.0" in metrics.render()[0].decode()
