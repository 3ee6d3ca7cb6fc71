"""One attempt: sign, send, judge, decide. Keeps nothing; the dispatcher paces, the store remembers."""

from urllib.parse import urlsplit, urlunsplit

import msgspec

from sidecar.dialects.contract import Voice
from sidecar.domain.delivery import Delivery, Outcome, Reason, Settlement, State
from sidecar.domain.message import Headers, Message, Response
from sidecar.domain.retry import next_due, parse_retry_after
from sidecar.domain.subscription import Subscription
from sidecar.domain.trace import HEADER, Tracing
from sidecar.ports import Chance, Clock, Sender, SendRequest, Signer

SECOND = 1_000_000_000


class Destination(msgspec.Struct, frozen=True, kw_only=True):
    """Where a lane's messages go and how: the subscription, its judge, its signer, the headers it always gets.

    `tracing` None = requests carry no `traceparent` of ours.
    """

    subscription: Subscription
    voice: Voice
    signer: Signer
    headers: Headers
    tracing: Tracing | None = None
    fixed: frozenset[str] = frozenset()  # names, in lower case, of the headers that the subscription was given

    @classmethod
    def of(
        cls, subscription: Subscription, voice: Voice, signer: Signer, user_agent: str, tracing: Tracing | None = None
    ) -> "Destination":
        given = tuple((name, secret.reveal()) for name, secret in subscription.headers)
        names = {name.lower() for name, _ in given}
        usual = tuple((name, value) for name, value in voice.headers if name.lower() not in names)
        if not any(name.lower() == "user-agent" for name, _ in (*usual, *given)):
            usual = (("User-Agent", user_agent), *usual)
        if tracing is not None and (HEADER in names or not tracing.propagate):
            tracing = None
        return cls(
            subscription=subscription,
            voice=voice,
            signer=signer,
            headers=(*usual, *given),
            tracing=tracing,
            fixed=frozenset(names),
        )

    def request(
        self,
        webhook_id: str,
        message: Message | Delivery,
        now: int,
        *,
        event_id: str = "",
        attempt: int = 1,
    ) -> SendRequest:
        """What is sent of a message at an instant. Event and attempt count only where requests say their trace."""
        body = message.body
        headers: Headers = (
            ("Content-Type", message.content_type),
            *(self._with(message.headers) if message.headers else self.headers),
            *self.signer.headers(webhook_id, now // SECOND, body),
        )
        if self.tracing is not None:
            headers = (*headers, (HEADER, self.tracing.header(event_id, webhook_id, attempt)))
        return SendRequest(
            url=self._at(message.url) if message.url else self.subscription.url,
            headers=headers,
            body=body,
            timeout=self.subscription.policy.timeout,
            transport=self.subscription.transport,
            word=message.word,
        )

    def _at(self, url: str) -> str:
        """A message's own URL at the subscription's scheme and host as they are now, with the credentials in it.

        Headers, credentials and TLS are for that host alone, also when it has changed since the message was made.
        """
        own, made = urlsplit(self.subscription.url), urlsplit(url)
        if not own.netloc:
            return self.subscription.url  # of mail or an inbox by now, which have no paths
        return urlunsplit((own.scheme, own.netloc, made.path, made.query, ""))

    def _with(self, own: Headers) -> Headers:
        """A message's own headers come over what the format always sends, and under what the subscription was given."""
        added = tuple(one for one in own if one[0].lower() not in self.fixed)
        names = {name.lower() for name, _ in added}
        return (*(one for one in self.headers if one[0].lower() not in names), *added)


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
        # The receiver compares the signature's time with its own clock, so it is the clock's time, not the store's.
        attempts = delivery.attempts + 1
        request = to.request(delivery.webhook_id, delivery, clock.wall(), event_id=delivery.event_id, attempt=attempts)
        answer = await self._sender.send(request)
        took = clock.monotonic() - begun
        outcome = to.voice.judge(answer, policy) if isinstance(answer, Response) else answer
        state, due, reason, detail = State.DELIVERED, delivery.due, outcome.reason, outcome.detail
        if not outcome.delivered:
            if isinstance(answer, Response) and answer.retry_after:
                wait = parse_retry_after(answer.retry_after, now=clock.wall())
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

    async def test(self, message: Message, to: Destination, webhook_id: str) -> tuple[Outcome, int]:
        """Send a message once that nobody is owed; returns what came of it, and how many nanoseconds it took."""
        begun = self._clock.monotonic()
        answer = await self._sender.send(to.request(webhook_id, message, self._clock.wall()))
        took = self._clock.monotonic() - begun
        return to.voice.judge(answer, to.subscription.policy) if isinstance(answer, Response) else answer, took


def broken(delivery: Delivery, now: int, error: Exception) -> tuple[Outcome, Settlement]:
    """The outcome of an attempt that our own fault ended: try again in a minute."""
    detail = f"the sidecar failed: {type(error).__name__}"
    outcome = Outcome(reason=Reason.PROTOCOL_ERROR, retryable=True, detail=detail)
    return outcome, Settlement(
        delivery=delivery.id,
        lane=delivery.lane,
        attempt=delivery.attempts + 1,
        state=State.DUE,
        due=now + 60 * SECOND,
        started=now,
        took=0,
        reason=outcome.reason,
        detail=detail,
    )
