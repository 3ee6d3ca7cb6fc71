"""Other registries' management APIs, joined to what they ask: the store, the verbs, and the configuration that runs."""

from collections.abc import Callable, Collection

from sidecar.config.settings import Settings
from sidecar.pipeline.sampling import Sampling
from sidecar.pipeline.subscribing import Subscribing
from sidecar.ports import Clock, Observer
from sidecar.stores.sqlite import SQLiteStore
from sidecar.web.vendors.quay import QuayApi, Surroundings


class Vendors:
    """`apis` are for the management listeners, each with the routes that it adds."""

    def __init__(
        self,
        store: SQLiteStore,
        subscribing: Subscribing,
        clock: Clock,
        observer: Observer,
        *,
        new_uuid: Callable[[], str],
    ) -> None:
        self._sampling = Sampling(store, subscribing, clock, observer, new_uuid=new_uuid)
        self._surroundings = Surroundings()
        self.apis = (QuayApi(subscribing, self._sampling, store, self._surroundings, observer),)

    def configure(self, settings: Settings) -> None:
        """Answer by this configuration from now on."""
        self._surroundings.accounts = settings.management.accounts
        self._surroundings.registries = tuple(one.ref for one in settings.registries)
        self._surroundings.public_url = settings.management.public_url

    def run(self, changed: Callable[[Collection[int]], None]) -> None:
        """Deliver what is asked for; `changed` has lanes looked at anew."""
        self._sampling.changed = changed
