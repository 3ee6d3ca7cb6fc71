"""What a part of the store (its lists, its inboxes, what it keeps of walks, ...) is given by the whole."""

import abc
from collections.abc import Callable
from typing import Any

from sidecar.stores.sqlite.reading import Reader


class Part(abc.ABC):
    """Whoever is a store gives its parts readers, and the commit loop."""

    @abc.abstractmethod
    def _pipeline_reader(self) -> Reader:
        """For look-ups by key, which take microseconds. Raises StoreUnavailable while there is no such place."""

    @abc.abstractmethod
    def _operator_reader(self) -> Reader:
        """Where long lists are read. Raises StoreUnavailable while there is no such place."""

    @abc.abstractmethod
    async def _patient_reader(self) -> Reader:
        """For the translator's long questions, which wait for no operator's. Raises StoreUnavailable."""

    @abc.abstractmethod
    async def _submit(self, verb: str, item: Any) -> Any:
        """Have the commit loop do one item of a verb."""

    @abc.abstractmethod
    async def _do(self, verb: Callable[..., Any], *given: Any) -> Any:
        """Have a change applied by itself: `verb(connection, pending, *given)`."""
