"""Messages on their way into inboxes: what a courier hands over instead of sending it."""

from typing import Final

import msgspec

from sidecar.domain.delivery import Outcome, Reason
from sidecar.domain.errors import StoreUnavailable
from sidecar.domain.event import stable_uuid
from sidecar.domain.inbox import Item, Owner
from sidecar.ports import Clock, Inboxes, SendRequest

_ID: Final = "webhook-id"
_TYPE: Final = "content-type"
_JSON: Final = "application/json"


class _Notification(msgspec.Struct, forbid_unknown_fields=True):
    """What is told of an event under its kind, as Quay keeps its notifications."""

    kind: str
    metadata: msgspec.Raw


_notification = msgspec.json.Decoder(_Notification).decode


class InboxCarrier:
    """Implements `ports.Sender` for `inbox:` addresses.

    A message that is `{"kind", "metadata"}` is kept as these two; any other as it is, its word for the kind. What comes
    again under the same webhook-id, after a crash or as a replay, is kept once.
    """

    def __init__(self, store: Inboxes, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    async def send(self, request: SendRequest) -> Outcome:
        """Delivered when it is kept. Whether anybody is there to look is not asked: they may return."""
        try:
            owner = Owner.parse(request.url)
        except ValueError as error:
            return Outcome(reason=Reason.BAD_DESTINATION, detail=f"the inbox {error}")
        given = {name.lower(): value for name, value in request.headers}
        webhook_id = given[_ID]
        kind, content_type, body = request.word, given[_TYPE], request.body
        try:
            said = _notification(body)
            kind, content_type, body = said.kind, _JSON, bytes(said.metadata)
        except (msgspec.MsgspecError, ValueError, RecursionError):
            pass
        item = Item(
            uuid=stable_uuid(owner.address, webhook_id),
            owner=owner,
            kind=kind,
            content_type=content_type,
            body=body,
            created=self._clock.now(),
            webhook_id=webhook_id,
        )
        try:
            await self._store.put_item(item)
        except StoreUnavailable as error:
            return Outcome(reason=Reason.UNREACHABLE, retryable=True, detail=str(error))
        return Outcome(reason=Reason.OK)
