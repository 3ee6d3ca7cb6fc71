"""One journal record of a registry, said as a Notice. Pure: no clock, no catalogue.

What was done follows from the values, never from which keys are there (v3 sends empty ones):

action                     digest   tag    otherwise                                    act
------------------------   ------   ----   ------------------------------------------   -------
mount                                                                                   BLOB
push, chart_push                           octet-stream, or a blob's url                BLOB
                                           else                                         PUSH
pull                                       octet-stream, or a blob's url                BLOB
                                           HEAD                                         CHECK
                                           else (GET, or a method nobody told)          PULL
delete, chart_delete       yes                                                          DELETE
                           no       yes                                                 UNTAG
                           no       no                                                  DROP
any other                                                                               NONE
"""

from sidecar.domain import instant
from sidecar.domain.event import Artifact, Descriptor, Origin, Request
from sidecar.domain.notice import Act, Notice
from sidecar.domain.record import Record
from sidecar.domain.registry import Registry
from sidecar.registry.envelope import WireEvent, WireReference, WireRequest, WireSource, WireTarget, bad_record, decode
from sidecar.registry.kinds import kind_of

_BLOB = "application/octet-stream"
_LAST = 2**63 - 1  # the last instant that the store's 64 bits hold, in the year 2262
_NO_TARGET = WireTarget()
_NO_REQUEST = WireRequest()
_NO_SOURCE = WireSource()


def normalise(record: Record, registry: Registry, own_agent: str) -> Notice:
    """The record as a Notice. `own_agent` is how our own requests' user agent begins (`registry-sidecar/`).

    Raises Unreadable(`bad_record`) for a record that is no event, or lacks its action, target, repository or (when
    something was pushed or pulled) digest. An action that we do not know needs nothing else.
    """
    wire = decode(record.body)
    target = wire.target or _NO_TARGET
    request = wire.request or _NO_REQUEST
    source = wire.source or _NO_SOURCE
    actor = (wire.actor.name or "") if wire.actor is not None else ""
    agent = request.useragent or ""
    act = _act(wire, target, request)
    if act is not Act.NONE:
        _insist(act, wire, target)
    addr = request.addr or ""
    return Notice(
        act=act,
        registry=record.registry,
        repository=target.repository or "",
        time=_time(wire.timestamp, record.accepted),
        accepted=record.accepted,
        artifact=_artifact(act, target),
        tag=target.tag or "",
        actor=actor,
        request=Request(
            id=request.id or "",
            client=client_of(addr),
            addr=addr,
            host=request.host or "",
            method=request.method or "",
            user_agent=agent,
        ),
        origin=Origin(
            record=record.id,
            number=record.number,
            action=wire.action or "",
            url=target.url or "",
            addr=source.addr or "",
            instance=source.instance or "",
            from_repository=target.from_repository or "",
        ),
        silent=registry.ignores(actor, agent) or (bool(own_agent) and agent.startswith(own_agent)),
    )


def client_of(addr: str) -> str:
    """The client's address without its port: of `ip:port`, `[v6]:port`, a bare v4 or a bare v6."""
    if addr.startswith("["):
        return addr[1:].partition("]")[0]
    if addr.count(":") == 1:
        return addr.partition(":")[0]
    return addr


def _act(wire: WireEvent, target: WireTarget, request: WireRequest) -> Act:
    match wire.action:
        case "push" | "chart_push":
            return Act.BLOB if _is_blob(target) else Act.PUSH
        case "pull":
            if _is_blob(target):
                return Act.BLOB
            return Act.CHECK if request.method == "HEAD" else Act.PULL
        case "mount":
            return Act.BLOB
        case "delete" | "chart_delete":
            if target.digest:
                return Act.DELETE
            return Act.UNTAG if target.tag else Act.DROP
        case None | "":
            raise bad_record("at `$.action`, there is no action")
        case _:
            return Act.NONE


def _is_blob(target: WireTarget) -> bool:
    """A pull-through cache may give a blob its upstream's media type; then only the url tells.

    The url ends in `/blobs/<digest>`. Only its end counts: a repository may have a segment called `blobs`.
    """
    return target.media_type == _BLOB or (target.url or "").split("/")[-2:-1] == ["blobs"]


def _insist(act: Act, wire: WireEvent, target: WireTarget) -> None:
    if wire.target is None:
        raise bad_record("at `$.target`, there is no target")
    if not target.repository:
        raise bad_record("at `$.target.repository`, no repository is named")
    if not target.digest and act in {Act.PUSH, Act.PULL, Act.CHECK}:
        raise bad_record("at `$.target.digest`, no digest is named")


def _time(timestamp: str | None, accepted: int) -> int:
    """The record's own time, or `accepted` where it has none that can be: absent, no time, Go's zero time."""
    try:
        time = instant.parse_rfc3339(timestamp or "")
    except ValueError:
        return accepted
    return time if 0 <= time <= _LAST else accepted


def _artifact(act: Act, target: WireTarget) -> Artifact:
    digest = target.digest or ""
    media_type = target.media_type or ""
    size = target.size or target.length or 0
    if act not in {Act.PUSH, Act.PULL, Act.CHECK}:
        return Artifact(digest=digest, media_type=media_type, size=size)
    references = tuple(descriptor(one) for one in target.references or () if one is not None)
    return Artifact(
        digest=digest,
        media_type=media_type,
        size=size,
        kind=kind_of(media_type, target.tag or "", references),
        references=references,
    )


def descriptor(wire: WireReference) -> Descriptor:
    """A reference in our words."""
    platform = wire.platform
    return Descriptor(
        media_type=wire.media_type or "",
        digest=wire.digest or "",
        size=wire.size or 0,
        artifact_type=wire.artifact_type or "",
        annotations=wire.annotations or None,
        # Copied: what was read points into the whole record's bytes and would keep them all in memory.
        platform={key: value.copy() for key, value in platform.items()} if platform else None,
    )
