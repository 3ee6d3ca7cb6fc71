"""What is wrong with a configuration, collected so that one reading tells everything."""

from pathlib import Path

from sidecar.config.watch import Stamp
from sidecar.domain.errors import ConfigError


class Mistakes(ConfigError):
    """A configuration that cannot be used: one `file:line: sentence` per line of its text.

    `stamps` are the files that were looked at, so that a later correction of any of them can be noticed.
    """

    def __init__(self, sentences: tuple[str, ...], stamps: dict[Path, Stamp]) -> None:
        super().__init__("\n".join(sentences))
        self.sentences = sentences
        self.stamps = stamps


class Problems:
    """Collects mistakes and warnings of one file. A mistake met twice (through defaults or an alias) is told once."""

    def __init__(self, source: Path) -> None:
        self._source = source
        self._mistakes: dict[tuple[int, str], None] = {}
        self._warnings: dict[tuple[int, str], None] = {}

    def add(self, line: int, sentence: str) -> None:
        self._mistakes[(line, _one_line(sentence))] = None

    def warn(self, line: int, sentence: str) -> None:
        self._warnings[(line, _one_line(sentence))] = None

    @property
    def mistakes(self) -> tuple[str, ...]:
        """`file:line: sentence`, by line."""
        return self._told(self._mistakes)

    @property
    def warnings(self) -> tuple[str, ...]:
        return self._told(self._warnings)

    def _told(self, found: dict[tuple[int, str], None]) -> tuple[str, ...]:
        by_line = sorted(found, key=lambda one: one[0])  # stable: those of one line stay in the order met
        return tuple(f"{self._source}:{line}: {sentence}" for line, sentence in by_line)


def _one_line(sentence: str) -> str:
    return " ".join(sentence.split())
