"""For the length of a test there is a format that says several events in one message."""

import contextlib
from pathlib import Path

from sidecar import dialects
from sidecar.config import binding, keys

CACHES = (dialects.load, keys.subscription, keys.root, binding.table)


def _forget():
    for one in CACHES:
        one.cache_clear()


@contextlib.contextmanager
def chatting():
    """Have the dialect `chatty` found like those of the package."""
    dialects.__path__.append(str(Path(__file__).parent / "formats"))
    _forget()
    try:
        yield
    finally:
        dialects.__path__.pop()
        _forget()
