"""The outbound words: one file each, found by name.

`load()` imports every module of this package that offers a DIALECT, so a new dialect is one new file: configuration,
command line, documentation, metrics and tests learn of it from there.
"""

import functools
import importlib
import pkgutil
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from sidecar.dialects.contract import Dialect


@functools.cache
def load() -> Mapping[str, Dialect[Any]]:
    """All dialects by name. Raises RuntimeError when a dialect's name is not its file's name."""
    found: dict[str, Dialect[Any]] = {}
    for module in sorted(pkgutil.iter_modules(__path__), key=lambda one: one.name):
        dialect = getattr(importlib.import_module(f"{__name__}.{module.name}"), "DIALECT", None)
        if dialect is None:
            continue
        if dialect.name != module.name:
            raise RuntimeError(f"dialect {dialect.name!r} must live in {dialect.name}.py, not {module.name}.py")
        found[dialect.name] = dialect
    return MappingProxyType(found)
