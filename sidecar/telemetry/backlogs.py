"""How far each lane is behind: gauges."""

import contextlib
from collections.abc import Iterable, Mapping

from sidecar.domain.errors import StoreUnavailable
from sidecar.domain.made import label_of
from sidecar.pipeline.track import LaneView
from sidecar.ports import Queue
from sidecar.telemetry.metrics import Metrics


async def tell_lanes(
    metrics: Metrics, views: Iterable[LaneView], configured: Mapping[str, str], queue: Queue, now: int
) -> None:
    """Set the gauges of lanes: from memory, and one look-up in an index for each that owes anything.

    `configured` has the formats by name. A lane whose name is not among them counts as orphaned if it owes anything.
    Lanes that share a label are told as one: together, and by the worst of them.
    """
    orphaned = 0
    told: dict[str, tuple[int, float, bool, bool]] = {}
    for view in views:
        if view.name not in configured:
            orphaned += view.pending > 0
            continue
        oldest = 0.0
        if view.pending:
            with contextlib.suppress(StoreUnavailable):
                due = await queue.next_due(view.lane, 0)
                oldest = max(0, now - due) / 1e9 if due is not None else 0.0
        paused = view.held or view.paused_until > now
        label = label_of(view.name, configured[view.name])
        backlog, longest, some_paused, some_open = told.get(label, (0, 0.0, False, False))
        told[label] = (
            backlog + view.pending,
            max(longest, oldest),
            some_paused or paused,
            some_open or view.probe_at > 0,
        )
    for label, (backlog, longest, paused, broken) in told.items():
        metrics.set_lane(label, backlog=backlog, oldest_due=longest, paused=paused, breaker_open=broken)
    metrics.set_orphaned(orphaned)
