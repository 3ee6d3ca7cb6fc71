"""Everything that can go wrong by name.

SidecarError
├── ConfigError            the configuration cannot be used; the process that reads it at start exits 78
├── StoreUnavailable       the store cannot commit or read just now: wait and try again (HTTP 503)
│   ├── StoreBusy          too much is already waiting to be committed
│   └── StoreDamaged       the store's file is damaged: only a backup mends it
├── StoreRefused           the store will never take this one item; its neighbours are unaffected
├── CursorMoved            somebody else translated these records first
├── NamespaceTaken         a namespace, or its id, was given to somebody else since it was looked up: look again
├── Unreadable             a body or record that cannot be understood; goes to quarantine with its reason
├── Misstated              what somebody told cannot be taken as it is; its sender is told where (HTTP 400)
├── BackupRefused          a backup cannot be written there, or not just now
├── AddressRefused         the guard forbids the address that a delivery would dial
├── NotFound               an operator named something that is not there
├── Conflict               an operator asked for something that cannot be done as things stand (HTTP 409)
│   ├── Taken              what was to be made is there already
│   └── TooSoon            it was done too often a moment ago: wait (HTTP 429)
├── Unauthenticated        nobody was recognised, where somebody has to be (HTTP 401)
├── Forbidden              the person may not do this (HTTP 403)
├── Unusable               what was asked for cannot be used; says which fields are wrong (HTTP 400 or 422)
├── Stale                  somebody else changed it first (HTTP 412)
└── RegistryUnavailable    a registry's own API cannot be asked just now
"""

from collections.abc import Iterable
from typing import NamedTuple


class SidecarError(Exception):
    """Root of the errors that this program raises on purpose; its text is a sentence for people."""


class ConfigError(SidecarError):
    """The configuration cannot be used. Text: `file:line: what is wrong, and the remedy`."""


class StoreUnavailable(SidecarError):
    """The store cannot commit or read just now; the same call may succeed later."""


class StoreBusy(StoreUnavailable):
    """The store is well, but more is waiting to be committed than it admits."""


class StoreDamaged(StoreUnavailable):
    """The store's file is damaged. Text: what is wrong with which file, and the remedy."""


class StoreRefused(SidecarError):
    """The store will never take this one item (a broken constraint or value)."""


class CursorMoved(SidecarError):
    """The journal was translated past the expected cursor by another translator."""


class NamespaceTaken(SidecarError):
    """A batch was to make a namespace whose name or id somebody else has taken since it was looked up."""


class Unreadable(SidecarError):
    """A body or record that cannot be understood.

    `reason` is one of a closed set of words (a metric label and a column); the text says more.
    """

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason
        self.detail = detail


class Misstated(SidecarError):
    """What somebody told cannot be taken as it is.

    `pointer` (RFC 6901) is the place in the body, "" all of it, None = it is not the body that is wrong.
    """

    def __init__(self, sentence: str, pointer: str | None = "") -> None:
        super().__init__(sentence)
        self.pointer = pointer


class BackupRefused(SidecarError):
    """A backup cannot be written there, or not just now; the text says what to do instead."""


class AddressRefused(SidecarError):
    """The guard forbids the address that a delivery would dial."""


class NotFound(SidecarError):
    """An operator named something that is not there."""


class Conflict(SidecarError):
    """An operator asked for something that cannot be done as things stand; the text says what to do instead."""


class Taken(Conflict):
    """What was to be made is there already."""


class TooSoon(Conflict):
    """It was done too often a moment ago. `wait` is in nanoseconds."""

    def __init__(self, wait: int) -> None:
        minutes = -(-wait // 60_000_000_000)
        super().__init__(f"too many mails were asked for: try again in {minutes} min")
        self.wait = wait


class Unauthenticated(SidecarError):
    """Nobody was recognised, where somebody has to be."""


class Forbidden(SidecarError):
    """The person may not do this; the text says what is missing."""


class Problem(NamedTuple):
    """One thing that is wrong with what was asked for.

    `path` is the field, as `match.tags[0]`; `sentence` says what is wrong and how to mend it, and names the field;
    `target` counts from 0 which of the targets has it.
    """

    path: str
    sentence: str
    target: int = 0


class Unusable(SidecarError):
    """What was asked for cannot be used: everything that is wrong with it, told at once."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("; ".join(one.sentence for one in self.problems))


class Stale(SidecarError):
    """Somebody else changed it since it was read: read it again, and decide anew."""


class RegistryUnavailable(SidecarError):
    """A registry's own API cannot be asked now; the same question may be answered later."""
