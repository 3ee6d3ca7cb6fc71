"""One attempt: what is sent, and what is concluded from the answer."""

import asyncio

import msgspec
import pytest

from doubles import RecordingSender, policy, route, subscription
from sidecar.clock import SystemClock
from sidecar.dialects import load
from sidecar.dialects.harbor import Options
from sidecar.domain.delivery import Delivery, Outcome, Reason, State
from sidecar.domain.instant import DAY, HOUR, SECOND
from sidecar.domain.message import Message, Response
from sidecar.domain.secret import Secret
from sidecar.domain.subscription import Retry, Signing, SignScheme
from sidecar.outbound.signing import Signer
from sidecar.pipeline.courier import Courier, Destination
from virtual_time import VirtualClock, simulated

BODY = b'{"exact":  "bytes"}'
START = VirtualClock()._start


class Half:
    """ports.Chance that always gives the same number."""

    def __init__(self, number=0.5):
        self._number = number

    def random(self):
        return self._number


def delivery(**given):
    values = {
        "id": 7,
        "lane": 3,
        "event": 1,
        "webhook_id": "msg_abc",
        "word": "PUSH_ARTIFACT",
        "content_type": "application/json",
        "body": BODY,
        "due": START,
        "created": START,
        **given,
    }
    return Delivery(**values)


def destination(**given):
    one = subscription("one", **given)
    return Destination.of(one, route(one, 3).voice, Signer.of(one.signing), "registry-sidecar/1.2.3")


async def attempt(answer, *, held_total=0, chance=0.5, given=None, **about):
    """One attempt against an answer; returns the outcome, the settlement and the request."""
    sender = RecordingSender(answer if callable(answer) else lambda _request: answer)
    courier = Courier(sender, VirtualClock(), Half(chance))
    outcome, settlement = await courier.attempt(delivery(**(given or {})), destination(**about), held_total=held_total)
    (request,) = sender.requests
    return outcome, settlement, request


@simulated
async def test_the_request_is_exactly_what_was_stored():
    _, _, request = await attempt(
        Response(status=200),
        url="https://user:pw@receiver.example/hook?type=harbor&x=%2F",
        headers=(("Authorization", Secret("Bearer s3cret")), ("X-Team", Secret("web"))),
        policy=policy(timeout=7 * SECOND),
    )
    assert request.url == "https://user:pw@receiver.example/hook?type=harbor&x=%2F"
    assert request.body == BODY
    assert request.timeout == 7 * SECOND
    assert request.headers == (
        ("Content-Type", "application/json"),
        ("User-Agent", "registry-sidecar/1.2.3"),
        ("Authorization", "Bearer s3cret"),
        ("X-Team", "web"),
        ("webhook-id", "msg_abc"),
        ("webhook-timestamp", str(START // SECOND)),
    )


@simulated
async def test_a_signature_carries_the_clock_s_time_though_the_store_s_is_ahead():
    """A receiver refuses what was signed some minutes away from its own clock."""
    virtual = VirtualClock()
    clock = SystemClock(wall=virtual.now, monotonic=virtual.monotonic)
    clock.not_before(START + 5 * HOUR)
    sender = RecordingSender()
    _, settlement = await Courier(sender, clock, Half()).attempt(delivery(), destination(), held_total=0)
    assert dict(sender.requests[0].headers)["webhook-timestamp"] == str(START // SECOND)
    assert settlement.started == START + 5 * HOUR


@simulated
async def test_every_header_is_sent_once():
    """A user agent of the subscription's own takes the place of ours, however it is spelt."""
    _, _, request = await attempt(
        Response(status=200),
        headers=(("user-agent", Secret("robot/1")),),
        signing=Signing(scheme=SignScheme.STANDARD, secrets=(Secret("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"),)),
    )
    names = [name.lower() for name, _ in request.headers]
    assert len(names) == len(set(names))
    assert dict(request.headers)["user-agent"] == "robot/1"
    assert set(names) == {"content-type", "user-agent", "webhook-id", "webhook-timestamp", "webhook-signature"}


@simulated
async def test_success_settles_a_delivery():
    async def slowly():
        await asyncio.sleep(1.5)
        return Response(status=202, body=b"x" * 5000)

    outcome, settlement, _ = await attempt(lambda _request: slowly(), given={"attempts": 2})
    assert outcome.delivered
    assert (settlement.delivery, settlement.lane, settlement.attempt) == (7, 3, 3)
    assert (settlement.state, settlement.reason, settlement.status) == (State.DELIVERED, Reason.OK, 202)
    assert (settlement.started, settlement.took) == (START, int(1.5 * SECOND))
    assert settlement.answer == b"x" * 1024


@pytest.mark.parametrize("status", [401, 403, 404, 408, 409, 423, 425, 429, 500, 502, 503, 504])
@simulated
async def test_what_may_work_later_is_tried_later(status):
    """Full jitter: half of initial * factor ** (attempts - 1), with a chance of one half."""
    outcome, settlement, _ = await attempt(Response(status=status), given={"attempts": 2})
    assert not outcome.delivered
    assert (settlement.state, settlement.status) == (State.DUE, status)
    assert settlement.due == START + int(0.5 * 9 * SECOND)


@pytest.mark.parametrize("status", [400, 402, 405, 406, 410, 411, 413, 415, 418, 422, 501])
@simulated
async def test_what_will_never_work_is_dead_at_once(status):
    outcome, settlement, _ = await attempt(Response(status=status))
    assert not outcome.retryable
    assert (settlement.state, settlement.status, settlement.attempt) == (State.DEAD, status, 1)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@simulated
async def test_a_redirect_is_dead_and_is_not_followed(status):
    outcome, settlement, request = await attempt(Response(status=status, location="https://elsewhere.example/hook"))
    assert outcome.reason is Reason.REDIRECTED
    assert settlement.state is State.DEAD
    assert "https://elsewhere.example/hook" in settlement.detail
    assert request.url == "http://receiver.example/one"


@pytest.mark.parametrize(
    ("status", "about", "state"),
    [
        (204, {"success": frozenset({200})}, State.DUE),
        (418, {"success": frozenset({418})}, State.DELIVERED),
        (400, {"give_up_on": frozenset()}, State.DUE),
        (500, {"give_up_on": frozenset({500})}, State.DEAD),
    ],
)
@simulated
async def test_the_policy_has_the_last_word(status, about, state):
    _, settlement, _ = await attempt(Response(status=status), policy=policy(**about))
    assert settlement.state is state


@pytest.mark.parametrize(
    ("outcome", "state"),
    [
        (Outcome(reason=Reason.TIMED_OUT, retryable=True, detail="no answer within 10 s"), State.DUE),
        (Outcome(reason=Reason.UNREACHABLE, retryable=True, detail="connection refused"), State.DUE),
        (Outcome(reason=Reason.REFUSED_BY_GUARD, detail="169.254.169.254 is link-local"), State.DEAD),
    ],
)
@simulated
async def test_without_an_answer_the_sender_s_outcome_counts(outcome, state):
    said, settlement, _ = await attempt(outcome)
    assert said == outcome
    assert (settlement.state, settlement.reason, settlement.detail) == (state, outcome.reason, outcome.detail)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("120", 120), ("0", 0.5), ("Sat, 21 Nov 2026 00:01:00 GMT", 60), ("soon", 0.5), ("7200", 7200)],
)
@simulated
async def test_retry_after_only_ever_delays(text, seconds):
    """The start is 2026-11-21T00:00:00Z; without the header the wait would be half a second."""
    outcome, settlement, _ = await attempt(Response(status=429, retry_after=text))
    assert settlement.due == START + int(seconds * SECOND)
    assert outcome.retry_after == (0 if seconds == 0.5 else seconds * SECOND)


@simulated
async def test_retry_after_of_a_success_means_nothing():
    outcome, _, _ = await attempt(Response(status=200, retry_after="120"))
    assert outcome.retry_after == 0


@simulated
async def test_the_horizon_ends_a_delivery():
    short = policy(retry=Retry(initial=SECOND, factor=1.0, horizon=HOUR))
    given = {"created": START - HOUR, "attempts": 41}
    outcome, settlement, _ = await attempt(Response(status=500), policy=short, given=given)
    assert (settlement.state, settlement.reason, settlement.status) == (State.DEAD, Reason.EXPIRED, 500)
    assert outcome.reason is Reason.SERVER_ERROR  # what it says about the destination
    assert settlement.detail == "the horizon ended after 42 attempts; the last one: answered 500"
    _, settlement, _ = await attempt(
        Response(status=500), policy=short, given={"created": START - HOUR + SECOND, "attempts": 41}
    )
    assert settlement.state is State.DUE


@simulated
async def test_held_time_does_not_count_towards_the_horizon():
    """Only what was held since the delivery was made: `held_base` is what had been held before."""
    short = policy(retry=Retry(initial=SECOND, factor=1.0, horizon=HOUR))
    given = {"created": START - DAY, "held_base": 5 * HOUR}
    _, settlement, _ = await attempt(
        Response(status=500), policy=short, given=given, held_total=5 * HOUR + 23 * HOUR + SECOND
    )
    assert settlement.state is State.DUE
    _, settlement, _ = await attempt(Response(status=500), policy=short, given=given, held_total=5 * HOUR + 23 * HOUR)
    assert (settlement.state, settlement.reason) == (State.DEAD, Reason.EXPIRED)


@simulated
async def test_a_success_after_the_horizon_is_a_success():
    _, settlement, _ = await attempt(Response(status=200), given={"created": START - 30 * DAY})
    assert settlement.state is State.DELIVERED


class SetBack(VirtualClock):
    """A clock whose machine was set back by six hours."""

    def wall(self):
        return self.now() - 6 * HOUR


@simulated
async def test_others_are_told_the_machine_s_time_and_not_our_own():
    """A receiver refuses a signature whose time is minutes off its own; a date in Retry-After is of its clock too."""
    sender = RecordingSender(lambda _request: Response(status=503, retry_after="Fri, 20 Nov 2026 18:00:30 GMT"))
    courier = Courier(sender, SetBack(), Half())
    outcome, settlement = await courier.attempt(
        delivery(), destination(signing=Signing(scheme=SignScheme.STANDARD, secrets=(Secret("s" * 32),))), held_total=0
    )
    (request,) = sender.requests
    assert START == 1_795_219_200 * SECOND, "2026-11-21 00:00:00 UTC"
    assert int(dict(request.headers)["webhook-timestamp"]) == (START - 6 * HOUR) // SECOND
    assert settlement.started == START, "what is stored is of our time"
    assert outcome.retry_after == 30 * SECOND


@simulated
async def test_a_message_s_own_headers_and_url_are_sent():
    own = (("X-GitHub-Event", "package"), ("Ce-Id", "1"))
    given = {"headers": own, "url": "http://receiver.example/elsewhere?tag=1"}
    _, _, request = await attempt(Response(status=200), given=given)
    assert request.url == "http://receiver.example/elsewhere?tag=1"
    assert set(own) <= set(request.headers)


@simulated
@pytest.mark.parametrize(
    "old", ["https://old.example.com", "http://user:other@old.example.com", "http://old.example.com:81"]
)
async def test_a_message_s_own_url_follows_the_subscription_to_another_host(old):
    """It may have waited there for days: what the new host is given as secret is not sent to the old one."""
    given = {"url": f"{old}/hook/%2F?tag=1.4.2"}
    _, _, request = await attempt(
        Response(status=200), given=given, url="https://maria:S3cret@new.example.com:8443/hook"
    )
    assert request.url == "https://maria:S3cret@new.example.com:8443/hook/%2F?tag=1.4.2"


@simulated
@pytest.mark.parametrize("url", ["mailto:ops@example.com", "inbox:user/maria"])
async def test_a_message_s_own_url_is_nothing_to_what_is_no_longer_sent_over_http(url):
    _, _, request = await attempt(Response(status=200), given={"url": "https://old.example.com/hook/a"}, url=url)
    assert request.url == url


@simulated
async def test_what_a_subscription_is_given_wins_over_a_message_s_own_headers():
    given = {"headers": (("x-kind", "of the message"), ("user-agent", "of the message"))}
    about = {"headers": (("X-Kind", Secret("of the subscription")),)}
    _, _, request = await attempt(Response(status=200), given=given, **about)
    sent = [(name.lower(), value) for name, value in request.headers]
    assert [value for name, value in sent if name == "x-kind"] == ["of the subscription"]
    assert [value for name, value in sent if name == "user-agent"] == ["of the message"]


def test_what_a_format_always_sends_is_under_what_a_subscription_is_given():
    """A receiver may look for a user agent, and an operator may know better."""
    options = Options()
    dialect = msgspec.structs.replace(
        load()["harbor"], headers=lambda _options: (("User-Agent", "Go-http-client/1.1"), ("X-Kind", "usual"))
    )
    voice = dialect.bind(options, ["artifact.pushed"])
    one = subscription("one", headers=(("x-kind", Secret("given")),))
    to = Destination.of(one, voice, Signer.of(None), "registry-sidecar/1.2.3")
    message = Message(word="PUSH_ARTIFACT", content_type="application/json", body=BODY)
    sent = [(name.lower(), value) for name, value in to.request("msg_1", message, START).headers]
    assert [value for name, value in sent if name == "user-agent"] == ["Go-http-client/1.1"]
    assert [value for name, value in sent if name == "x-kind"] == ["given"]
