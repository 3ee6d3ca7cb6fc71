"""How long finished things are kept."""

import msgspec

from sidecar.domain import instant


class Retention(msgspec.Struct, frozen=True, kw_only=True):
    """Ages in nanoseconds since the thing was finished; `max_size` in bytes of the store's pages in use.

    Over `max_size`, delivered history goes first, oldest first, then dead, then quarantine, then what lies in inboxes;
    pending never.
    """

    delivered: int = 3 * instant.DAY
    dead: int = 14 * instant.DAY
    journal: int = 3 * instant.DAY
    quarantine: int = 14 * instant.DAY
    inbox: int = 90 * instant.DAY
    max_size: int = 2 * 1024**3
