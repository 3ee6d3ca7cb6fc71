"""Webhook policies: Harbor's JSON to what the pipeline is asked for, and back. Pure.

What Harbor checks is checked in its order and refused in its words (`src/server/v2.0/handler/webhook.go`, v2.15.2).
Unknown keys are ignored, as there. Event types may be those of any version from 1.9 on, and are given back as sent.
Charts are taken for CloudEvents too, and are never said as such: no Harbor had both.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from sidecar.dialects.harbor import DIALECT, Options
from sidecar.domain.event import EventType
from sidecar.domain.made import Api, Draft, LastTrigger, Made, Tree
from sidecar.web.vendors.harbor.query import Fields
from sidecar.web.vendors.harbor.refusals import Refused
from sidecar.web.vendors.harbor.times import milliseconds, moment

# In the order in which Harbor lists them.
EVENT_TYPES = (
    "PUSH_ARTIFACT",
    "PULL_ARTIFACT",
    "DELETE_ARTIFACT",
    "QUOTA_EXCEED",
    "QUOTA_WARNING",
    "SCANNING_FAILED",
    "SCANNING_STOPPED",
    "SCANNING_COMPLETED",
    "REPLICATION",
    "TAG_RETENTION",
)
CHART_TYPES = ("UPLOAD_CHART", "DOWNLOAD_CHART", "DELETE_CHART")  # of 2.0 to 2.7
OLD_TYPES = DIALECT.aliases(Options())  # of 1.9 and 1.10, and as the manual of 1.10 prints them
NOTIFY_TYPES = ("http", "slack")
# What `Default` is, is left to `defaults.formats.harbor` of the configuration: the body of 2.x, or the manual's of 1.x.
FLAVOURS: dict[str, Tree] = {"Default": {}, "CloudEvents": {"flavour": "cloudevents"}}
SLACK: Tree = {"flavour": "slack"}
NOTHING_HEARD = {"events": [EventType.PUSHED.value], "enabled": False}  # a target for CloudEvents of charts alone


class TargetBody(msgspec.Struct, frozen=True):
    """One target of a request; null stands for nothing everywhere."""

    type: str | None = None
    address: str | None = None
    auth_header: str | None = None
    skip_cert_verify: bool | None = None
    payload_format: str | None = None


class PolicyBody(msgspec.Struct, frozen=True):
    """A policy as a request holds it."""

    name: str | None = None
    description: str | None = None
    enabled: bool | None = None
    creator: str | None = None
    event_types: tuple[str, ...] | None = None
    targets: tuple[TargetBody, ...] | None = None


# --- in --------------------------------------------------------------------------------------------------------------


def check(policy: PolicyBody) -> None:
    """Raises Refused for what Harbor refuses."""
    if not policy.event_types:
        raise Refused(400, "empty event type")
    for word in policy.event_types:
        if word not in EVENT_TYPES and word not in CHART_TYPES and word not in OLD_TYPES:
            raise Refused(400, f"unsupported event type {word}")
    check_targets(policy)


def check_targets(policy: PolicyBody) -> None:
    """The second half of `check`, which is all that a test of a target must pass."""
    if not policy.targets:
        raise Refused(400, f"empty notification target with policy {policy.name or ''}")
    for target in policy.targets:
        address = (target.address or "").strip(" ").rstrip("/")
        if not address:
            raise Refused(400, "empty URL")
        scheme, colon, _ = address.partition("://")
        if colon and scheme not in {"http", "https"}:
            raise Refused(400, f"invalid scheme: {scheme}")
        kind, form = target.type or "", target.payload_format or ""
        if kind not in NOTIFY_TYPES:
            raise Refused(400, f"unsupported target type {kind} with policy {policy.name or ''}")
        if form and kind == "slack":
            raise Refused(400, "set payload format is not allowed for slack")
        if form and form not in FLAVOURS:
            raise Refused(400, f"unsupported payload format type: {form}")


def draft(policy: PolicyBody, project: int, namespace: str, asker: str) -> Draft:
    """What is to be made of a policy that was checked."""
    name = policy.name or ""
    words = policy.event_types or ()
    targets = policy.targets or ()
    return Draft(
        api=Api.HARBOR,
        targets=tuple(_tree(one, words) for one in targets),
        key=f"{project}/{name}",
        namespace=namespace,
        name=name,
        enabled=bool(policy.enabled),
        document={
            "description": policy.description or "",
            "creator": policy.creator or asker,
            "event_types": list(words),
            "targets": [_kept(one) for one in targets],
        },
    )


def _tree(target: TargetBody, words: Sequence[str]) -> Tree:
    """A target as the configuration would have it. Harbor tries again whatever a receiver answers but 2xx."""
    slack = target.type == "slack"
    options = dict(SLACK if slack else FLAVOURS[target.payload_format or "Default"])
    said = list(dict.fromkeys(OLD_TYPES.get(one, one) for one in words))
    if options.get("flavour") != "cloudevents" and set(said) & set(CHART_TYPES):
        options["chart_events"] = True
    known = msgspec.convert(options, Options)
    spoken = [word for word in said if DIALECT.says(word, known)]
    tree: Tree = {
        "format": DIALECT.name,
        "options": options,
        "url": (target.address or "").strip(" "),
        "delivery": {"give_up_on": []},
        **({"events": spoken} if spoken else NOTHING_HEARD),
    }
    if target.auth_header and not slack:
        tree["headers"] = {"Authorization": target.auth_header}
    if target.skip_cert_verify:
        tree["tls"] = {"verify": False}
    return tree


def _kept(target: TargetBody) -> Tree:
    """A target as it is given back: what is empty is left out, and http has a format."""
    form = target.payload_format or ("Default" if target.type == "http" else "")
    shown: Tree = {
        "address": target.address,
        "auth_header": target.auth_header,
        "payload_format": form,
        "skip_cert_verify": target.skip_cert_verify,
        "type": target.type,
    }
    return {name: value for name, value in shown.items() if value}


# --- out -------------------------------------------------------------------------------------------------------------


def shown(made: Made, project: int) -> dict[str, Any]:
    """A policy as Harbor shows it: keys in order, empty texts left out, `auth_header` in clear."""
    document = made.document
    policy = {
        "creation_time": milliseconds(made.created),
        "creator": document.get("creator"),
        "description": document.get("description"),
        "enabled": made.enabled,
        "event_types": document.get("event_types", []),
        "id": made.policy,
        "name": made.name,
        "project_id": project,
        "targets": document.get("targets", []),
        "update_time": milliseconds(made.updated),
    }
    return {name: value for name, value in policy.items() if value or name not in {"creator", "description", "name"}}


def fields(made: Made) -> Fields:
    """What `q` and `sort` may name."""
    return {
        "id": made.policy,
        "name": made.name,
        "description": str(made.document.get("description", "")),
        "creator": str(made.document.get("creator", "")),
        "enabled": made.enabled,
        "creation_time": moment(made.created),
        "update_time": moment(made.updated),
    }


def last_triggers(made: Made, told: Sequence[LastTrigger]) -> list[dict[str, Any]]:
    """One row for each event type of a policy, in its order."""
    latest: dict[str, int] = {}
    for one in told:
        latest[one.word] = max(one.at, latest.get(one.word, 0))
    rows = []
    for word in made.document.get("event_types", []):
        row = {
            "creation_time": milliseconds(made.created),
            "enabled": made.enabled,
            "event_type": word,
            "last_trigger_time": milliseconds(latest.get(OLD_TYPES.get(word, word), 0)),
            "policy_name": made.name,
        }
        rows.append({name: value for name, value in row.items() if value or name != "enabled"})
    return rows


def supported() -> Mapping[str, Any]:
    """What GET .../webhook/events answers: the words of 2.8 and later."""
    return {
        "event_type": list(EVENT_TYPES),
        "notify_type": list(NOTIFY_TYPES),
        "payload_formats": [{"formats": list(FLAVOURS), "notify_type": "http"}],
    }
