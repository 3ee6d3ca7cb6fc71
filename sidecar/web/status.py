"""The sidecar in one look, as `GET /v1/status` shows it."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol


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


def status(
    *,
    version: str,
    unready: Sequence[str],
    source: Path,
    error: str,
    store: Path,
    down: str,
    sizes: Sizes,
    cursor: int | None,
    last: int,
    registries: Sequence[str],
) -> dict[str, Any]:
    """`error` is why the last reload was refused, `down` why the store cannot be used, "" = all is well.

    `cursor` is the last record that was translated, None where nothing translates; `last` the last there is.
    """
    return {
        "version": version,
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
        "translator": {"cursor": cursor, "last": last},
        "registries": list(registries),
    }
