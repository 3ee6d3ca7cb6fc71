"""How far each lane is behind: gauges."""

import contextlib
from collections.abc import Collection, Iterable

from sidecar.domain.errors import StoreUnavailable
from sidecar.pipeline.track import LaneView
from sidecar.ports import Queue
from sidecar.telemetry.metrics import Metrics


async def tell_lanes(
    metrics: Metrics, views: Iterable[LaneView], configured: Collection[str], queue: Queue, now: int
) -> None:
    """Set the gauges of lanes: from memory, and one look-up in an index for each.

    A lane whose name is not `configured` counts as orphaned if it owes anything.
    """
    orphaned = 0
    for view in views:
        if view.name not in configured:
            orphaned += view.pending > 0
            continue
        oldest = 0.0
        with contextlib.suppress(StoreUnavailable):
            due = await queue.next_due(view.lane, 0)
            oldest = max(0, now - due) / 1e9 if due is not None else 0.0
        paused = view.held or view.paused_until > now
        metrics.set_lane(
            view.name, backlog=view.pending, oldest_due=oldest, paused=paused, breaker_open=view.probe_at > 0
        )
    metrics.set_orphaned(orphaned)
