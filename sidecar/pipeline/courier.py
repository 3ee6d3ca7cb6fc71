"""One attempt: sign, send, judge, decide. Keeps nothing; the dispatcher paces, the store remembers."""

import msgspec

from sidecar.dialects.contract import Voice
from sidecar.domain.delivery import Delivery, Outcome, Reason, Settlement, State
from sidecar.domain.message import Message, Response
from sidecar.domain.retry import next_due, parse_retry_after
from sidecar.domain.subscription import Subscription
from sidecar.ports import Chance, Clock, Sender, SendRequest, Signer

SECOND = 1_000_000_000


class Destination(msgspec.Struct, frozen=True, kw_only=True):
    """Where a lane's messages go and how: the subscription, its judge, its signer, the headers it always gets."""

    subscription: Subscription
    voice: Voice
    signer: Signer
    headers: tuple[tuple[str, str], ...]

    @classmethod
    def of(cls, subscription: Subscription, voice: Voice, signer: Signer, user_agent: str) -> "Destination":
        given = tuple((name, secret.reveal()) for name, secret in subscription.headers)
        if not any(name.lower() == "user-agent" for name, _ in given):
            given = (("User-Agent", user_agent), *given)
        return cls(subscription=subscription, voice=voice, signer=signer, headers=given)

    def request(self, webhook_id: str, content_type: str, body: bytes, now: int) -> SendRequest:
        """What is sent of a message at an instant."""
        return SendRequest(
            url=self.subscription.url,
            headers=(
                ("Content-Type", content_type),
                *self.headers,
                *self.signer.headers(webhook_id, now // SECOND, body),
            ),
            body=body,
            timeout=self.subscription.policy.timeout,
            transport=self.subscription.transport,
        )


class Courier:
    """Makes attempts."""

    def __init__(self, sender: Sender, clock: Clock, chance: Chance) -> None:
        self._sender = sender
        self._clock = clock
        self._chance = chance

    async def attempt(self, delivery: Delivery, to: Destination, *, held_total: int) -> tuple[Outcome, Settlement]:
        """Try once. `held_total` is how long the lane has been held so far, which its horizon does not count."""
        subscription = to.subscription
        started = self._clock.now()
        clock = self._clock.monotonic()
        request = to.request(delivery.webhook_id, delivery.content_type, delivery.body, self._clock.wall())
        outcome = await self._send(request, to)
        took = self._clock.monotonic() - clock
        attempts = delivery.attempts + 1
        now = started + took
        state, due = State.DELIVERED, delivery.due
        if not outcome.delivered:
            later = None
            if outcome.retryable:
                later = next_due(
                    subscription.policy.retry,
                    attempts=attempts,
                    now=now,
                    born=delivery.created + max(0, held_total - delivery.held_base),
                    retry_after=outcome.retry_after,
                    jitter=self._chance.random(),
                )
                if later is None:
                    outcome = msgspec.structs.replace(
                        outcome,
                        reason=Reason.EXPIRED,
                        retryable=False,
                        detail=f"the horizon ended after {attempts} attempts; the last one: {outcome.detail}",
                    )
            state, due = (State.DEAD, delivery.due) if later is None else (State.DUE, later)
        return outcome, Settlement(
            delivery=delivery.id,
            lane=delivery.lane,
            attempt=attempts,
            state=state,
            due=due,
            started=started,
            took=took,
            reason=outcome.reason,
            status=outcome.status,
            detail=outcome.detail,
            answer=outcome.answer,
        )

    async def test(self, message: Message, to: Destination, webhook_id: str) -> tuple[Outcome, int]:
        """Send a message once that nobody is owed; returns what came of it, and how many nanoseconds it took."""
        clock = self._clock.monotonic()
        outcome = await self._send(to.request(webhook_id, message.content_type, message.body, self._clock.wall()), to)
        return outcome, self._clock.monotonic() - clock

    async def _send(self, request: SendRequest, to: Destination) -> Outcome:
        answer = await self._sender.send(request)
        if isinstance(answer, Response):
            outcome = to.voice.judge(answer, to.subscription.policy)
            if answer.retry_after and not outcome.delivered:
                wait = parse_retry_after(answer.retry_after, now=self._clock.wall())
                outcome = msgspec.structs.replace(outcome, retry_after=wait)
            return outcome
        return answer
