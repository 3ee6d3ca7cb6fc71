"""Who may post, which way messages go, and the management APIs of other registries, with what each of these needs."""

import secrets
from collections.abc import Callable, Collection, Sequence

from sidecar.config import defaults
from sidecar.config.settings import Settings
from sidecar.dialects import quay as quay_words
from sidecar.domain.inbox import SCHEME as INBOX
from sidecar.outbound.carriers import Carriers
from sidecar.pipeline.authorizing import Authorizing
from sidecar.pipeline.inbox import Inbox
from sidecar.pipeline.inbox_carrier import InboxCarrier
from sidecar.pipeline.muting import Muting
from sidecar.pipeline.operations import Operations
from sidecar.pipeline.sampling import Sampling
from sidecar.pipeline.subscribing import Subscribing
from sidecar.ports import Clock, Mail, Observer, Sender
from sidecar.stores.sqlite import SQLiteStore
from sidecar.web.access import Access, IntakeAccess
from sidecar.web.api import Vendor
from sidecar.web.confirmation import ConfirmationPage
from sidecar.web.vendors.dtr import DtrApi
from sidecar.web.vendors.harbor.api import HarborApi
from sidecar.web.vendors.harbor.system import Installation
from sidecar.web.vendors.quay import QuayApi, Surroundings
from sidecar.wiring import new_uuid


def vendors(
    store: SQLiteStore,
    operations: Operations,
    subscribing: Subscribing,
    muting: Muting,
    inbox: Inbox,
    *,
    clock: Clock,
    observer: Observer,
    settings: Callable[[], Settings],
    mail: Mail,
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
    dtr = DtrApi(subscribing, store, clock=clock, observer=observer, legacy=lambda: settings().management.dtr_legacy)

    def changed(lanes: Collection[int]) -> None:
        dispatcher = operations.redelivery.dispatcher
        if dispatcher is not None:  # else the lanes are read when it starts
            dispatcher.changed(lanes)

    sampling = Sampling(store, subscribing, clock, observer, new_uuid=new_uuid, changed=changed)
    authorizing = Authorizing(
        store,
        mail,
        clock,
        observer,
        new_code=lambda: secrets.token_urlsafe(32),
        public_url=lambda: settings().management.public_url,
    )
    quay = QuayApi(
        subscribing,
        sampling,
        store,
        lambda: _surroundings(settings()),
        authorizing=authorizing,
        inbox=inbox,
        clock=clock,
        observer=observer,
    )
    return [harbor, dtr, quay, ConfirmationPage(authorizing)]


def carriers(http: Sender, mail: Sender, store: SQLiteStore, clock: Clock) -> Carriers:
    """The ways that messages go, by the schemes of their URLs."""
    return Carriers(http, {INBOX: InboxCarrier(store, clock), "mailto": mail})


def access(settings: Settings) -> Access:
    """Who may post what to the listener of registries."""
    ingest, intake = settings.ingest, settings.ingest.intake
    hostnames = {one.name: one.ref.hostname for one in settings.registries}
    return Access(list(hostnames), ingest.tokens, IntakeAccess(intake.tokens, intake.open, hostnames))


def _installation(settings: Settings) -> Installation:
    """Of several registries the first is the one: Harbor has one."""
    return Installation(
        external_url=settings.management.public_url,
        registry_url=settings.registries[0].ref.hostname if settings.registries else "",
    )


def _surroundings(settings: Settings) -> Surroundings:
    options = defaults.written(settings.defaults, quay_words.DIALECT.name)
    usual = quay_words.DIALECT.example
    return Surroundings(
        accounts=settings.management.accounts,
        registries=tuple(one.ref for one in settings.registries),
        public_url=settings.management.public_url,
        hipchat_url=options.get("hipchat_url", usual.hipchat_url),
        flowdock_url=options.get("flowdock_url", usual.flowdock_url),
    )
