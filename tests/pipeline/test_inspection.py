"""Requests as operators see them: exactly what goes over the wire, without what is secret; and samples to try."""

import asyncio

import pytest

from doubles import route, subscription
from sidecar.dialects import template
from sidecar.dialects.contract import Audience, sample
from sidecar.domain.event import EventType
from sidecar.domain.message import Message, Response
from sidecar.domain.secret import Secret
from sidecar.domain.subscription import Signing, SignScheme
from sidecar.outbound.guard import Guard
from sidecar.outbound.sender import HttpSender
from sidecar.outbound.signing import Signer
from sidecar.pipeline.courier import Destination
from sidecar.pipeline.inspection import rehearsed, would_be

NOW = 1_795_219_200_000_000_000
MESSAGE = Message(word="PUSH_ARTIFACT", content_type="application/json", body='{"a": "ü"}'.encode())
STANDARD = Signing(scheme=SignScheme.STANDARD, secrets=(Secret("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"),))
GITHUB = Signing(scheme=SignScheme.GITHUB, secrets=(Secret("s3cret"),))


def destination(**changes):
    one = subscription(**changes)
    return Destination.of(one, route(one, 1).voice, Signer.of(one.signing), "registry-sidecar/0")


@pytest.mark.parametrize(
    ("user", "changes"),
    [
        ("", {}),
        ("", {"signing": STANDARD, "headers": (("X-Team", Secret("blue")), ("Authorization", Secret("Bearer x")))}),
        ("robot:pa55@", {"signing": GITHUB, "headers": (("user-agent", Secret("mine/1")),)}),
        ("robot:pa55@", {"headers": (("authorization", Secret("Bearer x")),)}),
    ],
)
async def test_headers_are_those_of_the_wire_in_their_order_without_secrets(user, changes):
    """Compared with what a plain socket receives: the same names in the same order, the same values but for secrets."""
    seen = asyncio.get_running_loop().create_future()

    async def answer(reader, writer):
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        seen.set_result([tuple(line.split(": ", 1)) for line in head[1:] if line])
        writer.write(b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n")
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    to = destination(url=f"http://{user}127.0.0.1:{port}/hook?key=k3y", **changes)
    request = to.request("msg_1", MESSAGE, NOW)
    async with server, HttpSender(Guard((), ())) as sender:
        assert isinstance(await sender.send(request), Response)
    wire = await seen
    shown = would_be(MESSAGE, to, "msg_1", NOW)
    assert [name for name, _ in shown.headers] == [name for name, _ in wire]
    masked = {name: value for name, value in shown.headers if value in {"<secret>", "<signature>"}}
    assert [one for one in shown.headers if one[0] not in masked] == [one for one in wire if one[0] not in masked]
    given = {name for name, _ in changes.get("headers", ())}
    signed = {"webhook-signature", "X-Hub-Signature-256"} & {name for name, _ in wire}
    assert masked.keys() == given | signed | ({"Authorization"} if user and "authorization" not in given else set())
    assert {masked[name] for name in given} <= {"<secret>"}
    assert shown.body == MESSAGE.body


def test_what_is_not_sent_over_http_names_no_host():
    shown = would_be(MESSAGE, destination(url="inbox:team/prj/dev"), "msg_1", NOW)
    assert shown.url == "inbox:team/prj/dev"
    assert dict(shown.headers)["Content-Type"] == "application/json"
    assert "Host" not in dict(shown.headers)


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://receiver.example/hook?key=k3y", "https://receiver.example/..."),
        ("https://receiver.example/services/T0/B0/secret", "https://receiver.example/..."),
        ("https://receiver.example:8443?key=k3y", "https://receiver.example:8443/..."),
        ("https://robot:pa55@receiver.example/", "https://receiver.example/"),
        ("http://receiver.example", "http://receiver.example/"),
        ("mailto:maria@example.com,ops@example.com", "mailto:example.com"),
    ],
)
def test_of_a_url_only_scheme_and_host_are_shown(url, expected):
    assert would_be(MESSAGE, destination(url=url), "msg_1", NOW).url == expected


def test_of_a_mail_that_is_shown_which_is_sent():
    """A mail has neither a host nor a signature; what the configuration adds may be secret."""
    given = (("X-Token", Secret("k3y")), ("Reply-To", Secret("ops@example.com")))
    to = destination(url="mailto:maria@example.com", headers=given)
    assert would_be(MESSAGE, to, "msg_1", NOW).headers == [
        ("Content-Type", MESSAGE.content_type),
        ("User-Agent", "registry-sidecar/0"),
        ("X-Token", "<secret>"),
        ("Reply-To", "<secret>"),
    ]


# --- samples ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("form", "events", "name", "expected"),
    [
        ("harbor", None, "", (EventType.PUSHED, "PUSH_ARTIFACT")),
        ("quay", None, "", (EventType.PUSHED, "repo_push")),
        ("harbor", ("artifact.deleted", "artifact.pushed"), "", (EventType.DELETED, "DELETE_ARTIFACT")),
        ("dtr", ("TAG_DELETE",), "", (EventType.TAG_DELETED, "TAG_DELETE")),
        ("dtr", ("MANIFEST_PUSH",), "", (EventType.PUSHED, "MANIFEST_PUSH")),
        ("harbor", None, "artifact.deleted", (EventType.DELETED, "DELETE_ARTIFACT")),
        ("acr", ("artifact.pushed",), "ping", (EventType.TEST, "ping")),
        ("nexus", ("CREATED",), "UPDATED", (EventType.PUSHED, "UPDATED")),
        ("dtr", None, "REPO_CREATED", (EventType.REPOSITORY_CREATED, "REPO_CREATED")),
    ],
)
def test_a_sample_is_of_the_first_subscribed_event_or_of_the_one_asked_for(form, events, name, expected):
    one = subscription(format=form, **({"events": events} if events else {}))
    what, message = rehearsed(route(one, 1), name)
    assert (what, message.word) == expected
    assert message.body.startswith(b"{")


def test_a_sample_that_the_format_cannot_say_is_refused_with_a_sentence():
    with pytest.raises(ValueError, match=r"format quay has no word for artifact\.pulled; it can say: "):
        rehearsed(route(subscription(format="quay"), 1), "artifact.pulled")
    with pytest.raises(ValueError, match="unknown event 'nothing' for format quay"):
        rehearsed(route(subscription(format="quay"), 1), "nothing")


def test_headers_of_templates_are_not_shown_whether_they_vary_or_not():
    """The first are sent with every request, the others come with the message: credentials may be among both."""
    options = template.Options(body="{}", headers={"X-Key": "hunter2", "X-Tag": "hunter3-{{ tag }}"})
    one = subscription()
    voice = template.DIALECT.bind(options, ["artifact.pushed"])
    (message,) = voice.render(sample(), "artifact.pushed", Audience("one", url=one.url))
    to = Destination.of(one, voice, Signer.of(None), "registry-sidecar/0")
    assert dict(to.request("msg_1", message, NOW).headers).keys() >= {"X-Key", "X-Tag"}
    shown = dict(would_be(message, to, "msg_1", NOW).headers)
    assert (shown["X-Key"], shown["X-Tag"]) == ("<secret>", "<secret>")
