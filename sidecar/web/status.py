"""The sidecar in one look, as `GET /v1/status` shows it."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any, Protocol

from sidecar import __version__

NONE: Mapping[str, str] = MappingProxyType({})


class Sizes(Protocol):
    """Bytes: of the store's file, in use in it, of its log, free on its disk."""

    @property
    def store(self) -> int: ...

    @property
    def used(self) -> int: ...

    @property
    def wal(self) -> int: ...

    @property
    def free(self) -> int: ...


class Progress(Protocol):
    """How far translation has come: the last record translated, and for how many seconds the next has waited."""

    @property
    def cursor(self) -> int: ...

    def lag_seconds(self) -> float: ...


def status(
    *,
    unready: Sequence[str],
    source: Path,
    error: str,
    store: Path,
    down: str,
    sizes: Sizes,
    translator: Progress | None,
    last: int,
    registries: Sequence[str],
    last_events: Mapping[str, str] = NONE,
) -> dict[str, Any]:
    """`error` is why the last reload was refused, `down` why the store cannot be used, "" = all is well.

    Without a translator nothing translates, now or yet; `last` is the last record there is. `last_events` has an RFC
    3339 time for each registry that had an event since the start.
    """
    cursor, lag = (None, 0.0) if translator is None else (translator.cursor, translator.lag_seconds())
    return {
        "version": __version__,
        "ready": not unready,
        "unready": list(unready),
        "config": {"source": str(source), "error": error},
        "store": {
            "path": str(store),
            "down": down,
            "sizeBytes": sizes.store,
            "usedBytes": sizes.used,
            "walBytes": sizes.wal,
            "freeBytes": sizes.free,
        },
        "translator": {"cursor": cursor, "last": last, "lagSeconds": round(lag, 3)},
        "registries": list(registries),
        "lastEvents": dict(last_events),
    }
