"""What each call of the native API takes and answers, under the names of `calls.CALLS`."""

from collections.abc import Mapping
from typing import Final

from sidecar.web.backup import BackupBody
from sidecar.web.expiries import ExpiryBody
from sidecar.web.openapi import answers, examples, inboxes, inventory
from sidecar.web.openapi.parts import CANCEL, REPLAY, RETRY, TEXT, TIME, Operation, Parameter
from sidecar.web.quarantine import QuarantineFilterBody
from sidecar.web.verbs import TestBody
from sidecar.web.walks import WalkBody

SUBSCRIPTION: Final = "Subscription"  # the component that says what a subscription may have
ETAG: Final = "ETag"
LOCATION: Final = "Location"


def _choice(text: str, *words: str) -> Parameter:
    """A parameter that is one of these words; nothing chooses nothing."""
    return Parameter(text, {"type": "string", "enum": [*words, ""]}, words[0])


_SCANS: Final = {
    "report": _choice("only scans for this", "vulnerability", "sbom"),
    "type": _choice("only scans that came to this", "scan.completed", "scan.failed", "scan.stopped"),
    "vulnerabilities": _choice("true = list what was found, as far as it was kept", "true", "false"),
}
_USAGE: Final = {"namespace": Parameter("only of the namespace of this name", TEXT, "prj")}
_EXPIRING: Final = {
    "until": Parameter("only what ends until this RFC 3339 time", TIME, "2027-02-20T08:00:00Z"),
    "over": _choice("true = what has ended already and is still there, instead", "true", "false"),
}
_QUARANTINE: Final = {
    "reason": Parameter("only what is there for this reason, such as unreadable", TEXT, "unreadable"),
}
_CHOICE: Final = (
    " One call does one step of at most 200: give its `next` as `cursor` to the next one, until it is null. What was "
    "done stays done when nobody goes on."
)
_NO_EVENT: Final = "There is no such event, or not any more."
_NO_DELIVERY: Final = "There is no such delivery, or not any more."
_NO_ITEM: Final = "There is no such item; it may have been retried or deleted."
_NO_SUBSCRIPTION: Final = "There is no such subscription."
_NO_TAG: Final = "There is no such tag, or no such registry."
_NO_REGISTRY: Final = "There is no registry of this name."

OPERATIONS: Final[Mapping[str, Operation]] = {
    "getStatus": Operation(
        tag="Status",
        summary="The sidecar in one look",
        answer=answers.SidecarStatus,
        example=examples.STATUS,
        store=False,
    ),
    "listEvents": Operation(
        tag="Events",
        summary="Events, the newest first",
        answer=answers.EventPage,
        example=examples.EVENTS,
        links={"event": ("getEvent", "id", "$response.body#/events/0/id")},
    ),
    "getEvent": Operation(
        tag="Events",
        summary="One event, with its deliveries",
        text="At most 500 deliveries are shown, the newest.",
        answer=answers.EventWithDeliveries,
        example=examples.EVENT_WITH_DELIVERIES,
        fails={404: _NO_EVENT},
        links={
            "explanation": ("explainEvent", "id", "$response.body#/event/id"),
            "delivery": ("getDelivery", "id", "$response.body#/deliveries/0/id"),
        },
    ),
    "explainEvent": Operation(
        tag="Events",
        summary="Why each subscription heard of an event, or did not",
        text="With the requests as they were sent, or as they would be sent now, but for their secrets.",
        answer=answers.EventExplained,
        example=examples.EXPLAINED,
        fails={404: _NO_EVENT},
    ),
    "listDeliveries": Operation(
        tag="Deliveries",
        summary="Deliveries, the newest first",
        answer=answers.DeliveryPage,
        example=examples.DELIVERIES,
        links={"delivery": ("getDelivery", "id", "$response.body#/deliveries/0/id")},
    ),
    "getDelivery": Operation(
        tag="Deliveries",
        summary="One delivery, with its bytes and every attempt",
        answer=answers.DeliveryWithLog,
        example=examples.WHOLE_DELIVERY,
        fails={404: _NO_DELIVERY},
        links={
            "retry": ("retryDelivery", "id", "$response.body#/id"),
            "cancel": ("cancelDelivery", "id", "$response.body#/id"),
        },
    ),
    "listUndelivered": Operation(
        tag="Deliveries",
        summary="What is due or dead, and how much of it each subscription has",
        answer=answers.Undelivered,
        example=examples.UNDELIVERED,
    ),
    "replayDeliveries": Operation(
        tag="Deliveries",
        summary="Send deliveries again that are over",
        text="The same bytes go out under the same `webhook-id`, with a whole horizon before them." + _CHOICE,
        body=REPLAY,
        asked={"subscriptions": ["updater"], "since": "2026-11-21T18:00:00Z", "dryRun": True},
        answer=answers.Step,
        example=examples.STEP,
        fails={404: _NO_SUBSCRIPTION, 409: "A subscription that was named is gone from the configuration."},
    ),
    "retryDeliveries": Operation(
        tag="Deliveries",
        summary="Try deliveries now that wait or are dead",
        text="Those that wait keep their horizon; those that are dead get a whole one." + _CHOICE,
        body=RETRY,
        asked={"subscriptions": ["updater"]},
        answer=answers.Step,
        example=examples.STEP,
        fails={404: _NO_SUBSCRIPTION, 409: "A subscription that was named is gone from the configuration."},
    ),
    "cancelDeliveries": Operation(
        tag="Deliveries",
        summary="Give deliveries up that are due",
        text="A replay brings them back." + _CHOICE,
        body=CANCEL,
        asked={"subscriptions": ["updater"], "reason": "unreachable"},
        answer=answers.Step,
        example=examples.STEP,
        fails={404: _NO_SUBSCRIPTION, 409: "It cannot be done as things stand."},
    ),
    "retryDelivery": Operation(
        tag="Deliveries",
        summary="Try one delivery now",
        answer=answers.Delivery,
        example=examples.DELIVERY,
        fails={404: _NO_DELIVERY, 409: "It is in no state for this, has no bytes, or its subscription is gone."},
    ),
    "cancelDelivery": Operation(
        tag="Deliveries",
        summary="Give one delivery up",
        answer=answers.Delivery,
        example={**examples.DELIVERY, "state": "cancelled", "reason": "cancelled", "done": examples.LATER},
        fails={404: _NO_DELIVERY, 409: "It is not due."},
    ),
    "listSubscriptions": Operation(
        tag="Subscriptions",
        summary="Every subscription, with its queue",
        text="Those of the configuration file, and those that were made through APIs. Who is no administrator sees "
        "those of the namespaces that they manage. The list is whole: it has no pages.",
        answer=inventory.Subscriptions,
        example={"subscriptions": [examples.LANE]},
        links={"subscription": ("getSubscription", "name", "$response.body#/subscriptions/0/name")},
    ),
    "createSubscription": Operation(
        tag="Subscriptions",
        summary="Make a subscription",
        text="It is on disk, and told of the next event, when it is answered.",
        body=SUBSCRIPTION,
        needs_body=True,
        asked=examples.ASKED,
        answer=inventory.MadeSubscription,
        status=201,
        example=examples.MADE,
        headers=(LOCATION, ETAG),
        fails={409: "The name is taken, or there are too many.", 422: "The body cannot be used: `errors` says why."},
        links={
            "itself": ("getSubscription", "name", "$response.body#/name"),
            "replace": ("replaceSubscription", "name", "$response.body#/name"),
            "remove": ("removeSubscription", "name", "$response.body#/name"),
        },
    ),
    "getSubscription": Operation(
        tag="Subscriptions",
        summary="One subscription",
        text="Of one that was made through an API what was asked for, its queues, and an `ETag`; of one of the "
        "configuration file its queue alone, as in the list.",
        answer=(inventory.MadeSubscription, inventory.Lane),
        example=examples.MADE,
        headers=(ETAG,),
        fails={404: _NO_SUBSCRIPTION},
    ),
    "replaceSubscription": Operation(
        tag="Subscriptions",
        summary="Replace a subscription whole",
        text="What is left out is not kept; another `name` renames it. With `If-Match` only if nobody changed it.",
        body=SUBSCRIPTION,
        needs_body=True,
        asked=examples.ASKED,
        answer=inventory.MadeSubscription,
        example=examples.MADE,
        headers=(ETAG,),
        conditional=True,
        fails={
            404: _NO_SUBSCRIPTION,
            409: "It is of the configuration file or of another API, and changed there; or the name is taken.",
            412: "It is not as `If-Match` says any more.",
            422: "The body cannot be used: `errors` says why.",
        },
    ),
    "removeSubscription": Operation(
        tag="Subscriptions",
        summary="Remove a subscription, and cancel what it owes",
        status=204,
        conditional=True,
        fails={
            404: _NO_SUBSCRIPTION,
            409: "It is of the configuration file, and removed there.",
            412: "It is not as `If-Match` says any more.",
        },
    ),
    "pauseSubscription": Operation(
        tag="Subscriptions",
        summary="Send a subscription nothing until it is resumed",
        text="What matches is queued, and its horizon stands still. It survives a restart.",
        answer=inventory.HeldState,
        example=examples.HELD,
        fails={404: _NO_SUBSCRIPTION},
    ),
    "resumeSubscription": Operation(
        tag="Subscriptions",
        summary="Release a subscription from every wait",
        text="From an operator's hold and that of a 410, and from a `Retry-After`; it closes the breaker too.",
        answer=inventory.HeldState,
        example={**examples.HELD, "hold": ""},
        fails={404: _NO_SUBSCRIPTION},
    ),
    "testSubscription": Operation(
        tag="Subscriptions",
        summary="Send a subscription a sample",
        text="Once, even while it is paused. Nothing is stored of it, nothing is tried again.",
        body=TestBody,
        asked={"event": "artifact.deleted"},
        answer=inventory.Tried,
        example=examples.TRIED,
        fails={404: _NO_SUBSCRIPTION, 409: "The format cannot say that event, or nothing is running."},
    ),
    "listPulls": Operation(
        tag="Pulls",
        summary="How often artifacts were pulled, the last pulled first",
        answer=inventory.PullPage,
        example=examples.PULLS,
    ),
    "listScans": Operation(
        tag="Scans",
        summary="The last scan of each artifact, the newest first",
        query=_SCANS,
        answer=inventory.ScanPage,
        example=examples.SCANS,
        links={"event": ("getEvent", "id", "$response.body#/scans/0/event")},
    ),
    "listUsage": Operation(
        tag="Quotas",
        summary="What namespaces under a quota hold",
        text="Those that whoever asks manages. The list is whole: it has no pages.",
        query=_USAGE,
        answer=inventory.Usage,
        example=examples.USAGE,
    ),
    "listExpiring": Operation(
        tag="Ends of tags",
        summary="Tags that end, the earliest end first",
        query=_EXPIRING,
        answer=inventory.ExpiringPage,
        example=examples.EXPIRING,
    ),
    "setExpiry": Operation(
        tag="Ends of tags",
        summary="Give a tag another end",
        text="It holds until the next push of the tag. Slashes in the repository's name may be percent-encoded.",
        body=ExpiryBody,
        needs_body=True,
        asked={"expires": "2027-02-20T08:00:00Z"},
        answer=inventory.ExpirySet,
        status=202,
        example=examples.EXPIRY_SET,
        fails={404: _NO_TAG, 409: "That time is over, or too far away."},
    ),
    "removeExpiry": Operation(
        tag="Ends of tags",
        summary="Have a tag end no more",
        answer=inventory.ExpirySet,
        status=202,
        example={**examples.EXPIRY_SET, "expires": None},
        fails={404: _NO_TAG, 409: "It cannot be done as things stand."},
    ),
    **inboxes.OPERATIONS,
    "listQuarantine": Operation(
        tag="Quarantine",
        summary="What could not be read or translated, the newest first",
        query=_QUARANTINE,
        answer=inventory.QuarantinePage,
        example={"items": [examples.QUARANTINED], "next": None},
        links={"item": ("getQuarantined", "id", "$response.body#/items/0/id")},
    ),
    "retryQuarantine": Operation(
        tag="Quarantine",
        summary="Take many items again, as if they came now",
        body=QuarantineFilterBody,
        asked={"reason": "unknown_registry"},
        answer=inventory.AllTakenAgain,
        example={"tried": 3, "accepted": 2, "duplicate": 0, "quarantined": 1},
    ),
    "getQuarantined": Operation(
        tag="Quarantine",
        summary="One item, with its bytes",
        answer=inventory.QuarantinedWithBody,
        example={**examples.QUARANTINED, "body": "/w==", "base64": True},
        fails={404: _NO_ITEM},
        links={"retry": ("retryQuarantined", "id", "$response.body#/id")},
    ),
    "retryQuarantined": Operation(
        tag="Quarantine",
        summary="Take one item again, as if it came now",
        answer=inventory.TakenAgain,
        example={"outcome": "accepted", "detail": "it is in the journal now and will be translated"},
        fails={404: _NO_ITEM},
    ),
    "deleteQuarantined": Operation(tag="Quarantine", summary="Throw one item away", status=204, fails={404: _NO_ITEM}),
    "listWalks": Operation(
        tag="Walks",
        summary="How the walks of every registry stand",
        answer=inventory.Walks,
        example={"walks": [examples.WALKS]},
    ),
    "getWalks": Operation(
        tag="Walks",
        summary="How the walks of one registry stand",
        answer=inventory.RegistryWalks,
        example=examples.WALKS,
        fails={404: _NO_REGISTRY},
    ),
    "startWalk": Operation(
        tag="Walks",
        summary="Walk a registry now",
        text="To find what it never told. The answer comes when the walk is written down, not when it is over.",
        body=WalkBody,
        asked={"silent": False},
        answer=inventory.RegistryWalks,
        example=examples.WALKS,
        fails={404: _NO_REGISTRY, 409: "The registry has no `api`, or a walk is under way."},
    ),
    "acceptWalk": Operation(
        tag="Walks",
        summary="Announce what a held walk found",
        answer=inventory.RegistryWalks,
        example=examples.WALKS,
        fails={404: _NO_REGISTRY, 409: "No walk of this registry is held."},
    ),
    "rejectWalk": Operation(
        tag="Walks",
        summary="Throw away what a held walk found",
        answer=inventory.RegistryWalks,
        example=examples.WALKS,
        fails={404: _NO_REGISTRY, 409: "No walk of this registry is held."},
    ),
    "backUp": Operation(
        tag="Backup",
        summary="Have a copy of the store written",
        text="Only over the Unix socket. A line of JSON tells each bit of progress, `copied` and `total` bytes; the "
        "last has `backup`, or `error` when it failed after it had begun.",
        body=BackupBody,
        needs_body=True,
        asked={"target": "/backup/sidecar.db"},
        answer="BackupLines",
        media="application/x-ndjson",
        example=examples.BACKUP,
        fails={409: "It cannot be written there, or not just now."},
    ),
    "getDocument": Operation(
        tag="This document",
        summary="This document",
        answer="OpenApi",
        example={"openapi": "3.1.1", "info": {"title": "registry-sidecar", "version": "1.0.0"}, "paths": {}},
        store=False,
    ),
    "readDocument": Operation(
        tag="This document",
        summary="This document as a page",
        answer="Page",
        media="text/html",
        store=False,
    ),
}
