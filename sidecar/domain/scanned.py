"""Scans in the fold: an artifact's scan is told with all its tags, and the last one is kept with the artifact. Pure.

The tag that was scanned comes first; the others are those that point to the same artifact now, newest push first. What
ended before the scan that is kept is told and changes nothing, and so is a scan of what nobody knows the digest of.
"""

import msgspec

from sidecar.domain.catalogue import Catalogue
from sidecar.domain.details import Scan
from sidecar.domain.event import Event
from sidecar.domain.notice import Notice
from sidecar.domain.scans import ScanRow, kept


def scanned(event: Event, scan: Scan, notice: Notice, catalogue: Catalogue) -> Event:
    """The event with what is known of its artifact's tags."""
    place = (notice.registry, notice.repository)
    digest = event.artifact.digest
    if not digest:
        return event
    row = ScanRow(
        registry=notice.registry,
        repository=notice.repository,
        digest=digest,
        scan=kept(scan),
        type=event.type,
        event=event.id,
        time=min(notice.time, notice.accepted),  # a scanner whose clock is ahead must not have the last word for ever
        number=notice.origin.number,
    )
    before = catalogue.scan(row.key)
    if before is None or (before.time, before.number) <= (row.time, row.number):
        catalogue.put_scan(row)
    tags = tuple(dict.fromkeys((*event.tags, *(one.tag for one in catalogue.tags_of(*place, digest)))))
    return msgspec.structs.replace(event, tags=tags, ever_tagged=event.ever_tagged or bool(tags))
