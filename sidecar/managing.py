"""The management APIs of other registries, each with what it needs of the running parts."""

from collections.abc import Callable, Sequence

from sidecar.config.settings import Settings
from sidecar.pipeline.muting import Muting
from sidecar.pipeline.operations import Operations
from sidecar.pipeline.subscribing import Subscribing
from sidecar.ports import Clock, Observer
from sidecar.stores.sqlite import SQLiteStore
from sidecar.web.api import Vendor
from sidecar.web.vendors.harbor.api import HarborApi
from sidecar.web.vendors.harbor.system import Installation


def vendors(
    store: SQLiteStore,
    operations: Operations,
    subscribing: Subscribing,
    muting: Muting,
    *,
    clock: Clock,
    observer: Observer,
    settings: Callable[[], Settings],
    unready: Callable[[], Sequence[str]],
) -> list[Vendor]:
    """`settings` are those in force, `unready` sentences why the sidecar is not well."""
    harbor = HarborApi(
        subscribing=subscribing,
        operations=operations,
        places=store,
        flags=store,
        muting=muting,
        clock=clock,
        observer=observer,
        installation=lambda: _installation(settings()),
        unready=unready,
    )
    return [harbor]


def _installation(settings: Settings) -> Installation:
    """Of several registries the first is the one: Harbor has one."""
    return Installation(
        external_url=settings.management.public_url,
        registry_url=settings.registries[0].ref.hostname if settings.registries else "",
    )
