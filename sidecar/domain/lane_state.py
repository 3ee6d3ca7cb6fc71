"""What the store remembers of lanes: their names, and why and since when they are held."""

import msgspec


class LaneName(msgspec.Struct, frozen=True, kw_only=True):
    """A lane as the configuration names it."""

    name: str
    format: str
    formerly: str = ""


class Pause(msgspec.Struct, frozen=True, kw_only=True):
    """A change of a lane's pause: `until` an instant (0 = leave it), `hold` a word, "" to release, None to leave it."""

    lane: int
    until: int = 0
    hold: str | None = None


class LaneState(msgspec.Struct, frozen=True, kw_only=True):
    """What the store remembers of a lane. `held_total` is nanoseconds spent held; `held_since` 0 = not held now.

    `hold` says why it is held: "", `operator`, `gone`; `orphaned` is kept apart, because a name may return.
    """

    id: int
    name: str
    format: str
    policy: int  # Harbor's integer policy id
    paused_until: int = 0
    hold: str = ""
    orphaned: bool = False
    held_since: int = 0
    held_total: int = 0
    pending: int = 0

    @property
    def held(self) -> bool:
        return bool(self.hold) or self.orphaned
