"""One attempt: sign, send, judge, decide. Keeps nothing; the dispatcher paces, the store remembers."""

import msgspec

from sidecar.dialects.contract import Voice
from sidecar.domain.delivery import Delivery, Outcome, Reason, Settlement, State
from sidecar.domain.message import Response
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


class Courier:
    """Makes attempts."""

    def __init__(self, sender: Sender, clock: Clock, chance: Chance) -> None:
        self._sender = sender
        self._clock = clock
        self._chance = chance

    async def attempt(self, delivery: Delivery, to: Destination, *, held_total: int) -> tuple[Outcome, Settlement]:
        """Try once. `held_total` is how long the lane has been held so far, which its horizon does not count.

        The outcome says what the attempt came to, the settlement what becomes of the delivery: when its horizon ends,
        the outcome is still that of the attempt, since it tells the lane about the destination.
        """
        clock = self._clock
        policy = to.subscription.policy
        started, begun = clock.now(), clock.monotonic()
        answer = await self._sender.send(
            SendRequest(
                url=to.subscription.url,
                headers=(
                    ("Content-Type", delivery.content_type),
                    *to.headers,
                    *to.signer.headers(delivery.webhook_id, started // SECOND, delivery.body),
                ),
                body=delivery.body,
                timeout=policy.timeout,
            )
        )
        took = clock.monotonic() - begun
        outcome = to.voice.judge(answer, policy) if isinstance(answer, Response) else answer
        attempts = delivery.attempts + 1
        state, due, reason, detail = State.DELIVERED, delivery.due, outcome.reason, outcome.detail
        if not outcome.delivered:
            if isinstance(answer, Response) and answer.retry_after:
                wait = parse_retry_after(answer.retry_after, now=clock.now())
                outcome = msgspec.structs.replace(outcome, retry_after=wait)
            state = State.DEAD
            if outcome.retryable:
                later = next_due(
                    policy.retry,
                    attempts=attempts,
                    now=started + took,
                    born=delivery.created + max(0, held_total - delivery.held_base),
                    retry_after=outcome.retry_after,
                    jitter=self._chance.random(),
                )
                if later is not None:
                    state, due = State.DUE, later
                else:
                    reason = Reason.EXPIRED
                    detail = f"the horizon ended after {attempts} attempts; the last one: {detail}"
        return outcome, Settlement(
            delivery=delivery.id,
            lane=delivery.lane,
            attempt=attempts,
            state=state,
            due=due,
            started=started,
            took=took,
            reason=reason,
            status=outcome.status,
            detail=detail,
            answer=outcome.answer,
            ordered=bool(delivery.order_key),
        )
