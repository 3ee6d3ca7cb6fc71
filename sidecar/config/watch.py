"""Whether the files behind a configuration have changed.

A file is known by the identity of what its path leads to (modification time, size, device and inode), so a swapped
symbolic link, as Kubernetes does it for mounted secrets, is a change. Nothing is read.
"""

import os
from collections.abc import Mapping
from pathlib import Path

Stamp = tuple[int, int, int, int] | None  # None: there is no such file, or it cannot be looked at


def stamp(path: Path) -> Stamp:
    """The present identity of a file."""
    try:
        found = os.stat(path)  # noqa: PTH116 - the same call, without building another Path every few seconds
    except (OSError, ValueError):
        return None
    return (found.st_mtime_ns, found.st_size, found.st_dev, found.st_ino)


class Sources:
    """Reads files and remembers what each looked like just BEFORE it was read: a change in between is seen later."""

    def __init__(self) -> None:
        self.stamps: dict[Path, Stamp] = {}

    def note(self, path: Path) -> None:
        """Remember a file that somebody else will read."""
        self.stamps.setdefault(path, stamp(path))

    def read(self, path: Path) -> bytes:
        """The file's bytes. Raises OSError, and ValueError for a path that no file can have."""
        self.note(path)
        return path.read_bytes()


class Watched:
    """Tells once of each change; start it with `Settings.stamps` or, after a refused reload, `Mistakes.stamps`."""

    def __init__(self, stamps: Mapping[Path, Stamp]) -> None:
        self._stamps = dict(stamps)

    def changed(self) -> bool:
        """Whether some file is not what it was at the last call (or at the start)."""
        now = {path: stamp(path) for path in self._stamps}
        if now == self._stamps:
            return False
        self._stamps = now
        return True
