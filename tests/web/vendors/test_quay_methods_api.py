"""Quay's six methods through its API, from the request to what arrives; addresses are confirmed by real mail."""

import asyncio
import json
import re

import aiohttp
import pytest
from quay_site import TOKENS, QuaySite, Receiver, until

from certificates import Authority
from mail_server import MailServer
from sidecar.domain.listing import DeliveryFilter

HERE = "repository/prj/app/notification"
NOT_AUTHORIZED = "The specified e-mail address is not authorized to receive notifications for this repository"
OPS = "ops@example.com"
ADDRESS = f"repository/prj/app/authorizedemail/{OPS}"


@pytest.fixture
async def site(tmp_path):
    site = QuaySite(tmp_path)
    yield site
    await site.stop()


@pytest.fixture
async def server():
    async with MailServer() as server:
        yield server


async def start(site, server=None, **sections):
    """Begin, below its own listener's address; the chat services that have ended are the receiver."""
    if server is not None:
        sections["mail"] = {"server": f"smtp://127.0.0.1:{server.port}", "from": "registry@example.com"}
    await site.start(**sections)


def managed(site, **more):
    given = site.configuration()
    return json.loads(given.read_text())["management"] | more


async def ask(site, method, config, event="repo_push", **more):
    body = {"event": event, "method": method, "config": config, "eventConfig": {}, **more}
    return await site.json("POST", f"{HERE}/", body)


async def confirm(site, server, path=ADDRESS):
    """Have an address confirmed as people do: by the link in the mail."""
    before = len(server.received)
    status, asked = await site.json("POST", path)
    assert (status, asked["confirmed"]) == (200, False)
    await until(lambda: len(server.received) > before)
    link = re.search(r"https://sidecar\.example\.com(/authrepoemail\?code=[\w-]{32,})", text_of(server.received[-1]))
    assert link is not None
    async with aiohttp.ClientSession() as session, session.get(site.base + link[1]) as answer:
        return answer.status, await answer.text()


def text_of(received):
    return received.message.get_body(("plain", "html")).get_content()


# --- by mail ----------------------------------------------------------------------------------------------------------


async def test_an_address_is_confirmed_and_then_hears_of_the_repository(site, server):
    await start(site, server, management=managed(site, public_url="https://sidecar.example.com"))
    assert (await site.json("GET", ADDRESS))[0] == 404
    status, told = await ask(site, "email", {"email": OPS})
    assert (status, told["error_message"]) == (400, NOT_AUTHORIZED)

    status, page = await confirm(site, server)
    assert (status, f"{OPS} may be told of the repository prj/app" in page) == (200, True)
    (mail,) = server.received
    assert mail.recipients == [OPS]
    assert mail.message["Subject"] == "Please verify your e-mail address for repository prj/app"
    shown = {"email": OPS, "repository": "app", "namespace": "prj", "confirmed": True}
    assert await site.json("GET", ADDRESS) == (200, shown)
    assert await site.json("POST", ADDRESS) == (200, shown)
    assert len(server.received) == 1

    status, made = await ask(site, "email", {"email": OPS, "more": [1]}, title="Mail")
    assert (status, made["method"], made["config"]) == (201, "email", {"email": OPS, "more": [1]})
    await site.push()
    await until(lambda: len(server.received) == 2)
    mail = server.received[1]
    assert mail.recipients == [OPS]
    assert mail.message["Subject"] == "Repository prj/app updated"
    assert mail.message.get_content_type() == "text/html"
    assert 'tag=v1&tab=tags">v1</a>' in text_of(mail)
    assert await site.json("POST", f"{HERE}/{made['uuid']}/test") == (200, {})
    await until(lambda: len(server.received) == 3)
    assert "<b>maria</b>" in text_of(server.received[2])  # who tried it
    assert await site.json("POST", f"{HERE}/{made['uuid']}") == (204, None)
    assert await site.json("DELETE", f"{HERE}/{made['uuid']}") == (204, None)


async def test_another_repository_and_another_address_are_not_confirmed_with_it(site, server):
    await start(site, server, management=managed(site, public_url="https://sidecar.example.com"))
    await confirm(site, server)
    assert (await ask(site, "email", {"email": "dev@example.com"}))[0] == 400
    body = {"event": "repo_push", "method": "email", "config": {"email": OPS}, "eventConfig": {}}
    status, told = await site.json("POST", "repository/prj/other/notification/", body)
    assert (status, told["error_message"]) == (400, NOT_AUTHORIZED)
    head = "organization/prj/notifications"
    status, told = await site.json("POST", head, body | {"event": "quota_error", "config": {}})
    assert (status, told["error_message"]) == (400, "Missing e-mail address")
    assert (await site.json("POST", head, body | {"event": "quota_error"}))[0] == 201


async def test_a_second_mail_within_ten_minutes_is_refused(site, server):
    await start(site, server, management=managed(site, public_url="https://sidecar.example.com"))
    assert (await site.json("POST", ADDRESS))[0] == 200
    status, told = await site.json("POST", ADDRESS)
    assert (status, told["error_message"].startswith("Too many mails were asked for: try again in 10 min")) == (
        429,
        True,
    )
    assert len(server.received) == 1


async def test_without_a_mail_server_or_an_address_of_our_own_it_is_told(site):
    await start(site)
    status, told = await site.json("POST", ADDRESS)
    assert (status, "set management.public_url" in told["error_message"].lower()) == (400, True)


async def test_an_address_that_is_none_is_refused(site, server):
    await start(site, server, management=managed(site, public_url="https://sidecar.example.com"))
    status, told = await site.json("POST", "repository/prj/app/authorizedemail/ops")
    assert (status, "address" in told["error_message"]) == (400, True)
    assert server.received == []


async def test_the_native_api_asks_the_same_of_who_is_no_administrator(site, server):
    await start(site, server, management=managed(site, public_url="https://sidecar.example.com"))
    asked = {
        "name": "mails",
        "namespace": "prj",
        "repository": "prj/app",
        "format": "quay",
        "options": {"method": "email"},
        "events": ["repo_push"],
        "url": f"mailto:{OPS}",
    }

    async def make(who, body):
        headers = {"Authorization": f"Bearer {TOKENS[who]}"}
        async with (
            aiohttp.ClientSession() as session,
            session.post(f"{site.base}/v1/subscriptions", json=body, headers=headers) as answer,
        ):
            return answer.status, await answer.text()

    status, text = await make("maria", asked)
    assert (status, f"{OPS}, not confirmed for prj/app" in text) == (422, True)
    assert (await make("ada", asked | {"name": "hers"}))[0] == 201
    await confirm(site, server)
    status, text = await make("maria", asked)
    assert status == 201, text


# --- by chat ----------------------------------------------------------------------------------------------------------


async def test_slack(site):
    await start(site)
    status, made = await ask(site, "slack", {"url": f"{site.hook}/services/T/B/x"})
    assert (status, made["config"]) == (201, {"url": f"{site.hook}/services/T/B/x"})
    await site.push()
    await until(lambda: site.receiver.posts)
    path, headers, body = site.receiver.posts[0]
    said = json.loads(body)
    assert (path, headers["Content-Type"]) == ("/services/T/B/x", "application/json")
    assert (said["text"], said["username"]) == ("Repository prj/app updated", "quayiobot")
    home = "https://registry.example.com/repository/prj/app"
    assert f"<{home}?tag=v1&tab=tags|v1> in repository   P  <{home}|prj/app>  " in said["attachments"][0]["text"]


async def test_the_services_that_have_ended_are_called_where_the_configuration_says(site):
    """HipChat's and Flowdock's bodies are taken by what is there in their stead."""
    receiver = Receiver()
    base = await receiver.start()
    options = {"hipchat_url": f"{base}/hipchat", "flowdock_url": f"{base}/flowdock"}
    await start(site, defaults={"formats": {"quay": {"options": options}}})
    assert (await ask(site, "hipchat", {"notification_token": "tok", "room_id": "42"}))[0] == 201
    status, made = await ask(site, "flowdock", {"flow_api_token": "flow"})
    assert (status, made["config"]) == (201, {"flow_api_token": "flow"})
    await site.push()
    await until(lambda: len(receiver.posts) == 2)
    said = {path: json.loads(body) for path, _, body in receiver.posts}
    assert said["/hipchat/v2/room/42/notification?auth_token=tok"]["color"] == "purple"
    assert said["/flowdock/v1/messages/team_inbox/flow"]["project"] == "prj app"
    await receiver.stop()


async def test_a_template_shapes_what_a_webhook_is_sent_and_its_test(site):
    await start(site)
    template = '{"text": "${repository}: ${updated_tags}", "first": "${updated_tags[0]}"}'
    status, made = await ask(site, "webhook", {"url": f"{site.hook}/t", "template": template})
    assert (status, made["config"]["template"]) == (201, template)
    assert await site.json("POST", f"{HERE}/{made['uuid']}/test") == (200, {})
    await until(lambda: site.receiver.posts)
    assert json.loads(site.receiver.posts[0][2]) == {"text": "prj/app: latest,foo", "first": "latest"}
    status, told = await ask(site, "webhook", {"url": f"{site.hook}/t", "template": '{"a": "${}"}'})
    assert (status, told["error_message"]) == (400, "Empty expression found")
    status, told = await ask(site, "webhook", {"url": f"{site.hook}/t", "template": {"a": 1}})
    assert (status, told["error_message"]) == (
        400,
        "Could not parse template: template must be a string that holds JSON",
    )


# --- within ----------------------------------------------------------------------------------------------------------


async def test_a_notification_in_quay_lies_in_the_inbox_of_its_target(site):
    await start(site)
    for config, message in (
        ({"target": {"kind": "user", "name": "nobody"}}, "Unknown user nobody"),
        ({"target": {"kind": "org", "name": "nowhere"}}, "Unknown organization nowhere"),
        ({"target": {"kind": "org", "name": "library"}}, "Organization name must match repository namespace"),
        ({"target": {"kind": "team", "name": "none"}}, "Unknown team none"),
    ):
        status, told = await ask(site, "quay_notification", config)
        assert (status, told["error_message"]) == (400, message)
    targets = [{"kind": "user", "name": "maria"}, {"kind": "team", "name": "release"}, {"kind": "org", "name": "prj"}]
    for target in targets:
        status, made = await ask(site, "quay_notification", {"target": target})
        assert (status, made["config"]) == (201, {"target": target})
    await site.push()
    async with asyncio.timeout(10):
        while len((found := (await site.json("GET", "user/notifications"))[1])["notifications"]) < 3:
            pass
    for one in found["notifications"]:
        assert one["kind"] == "repo_push"
        assert one["metadata"]["updated_tags"] == ["v1"]


async def test_the_format_s_certificate_is_shown_to_webhooks_alone(tmp_path):
    """As Quay does. Another method's receiver, which asks for one, is not told who calls."""
    authority = Authority(tmp_path)
    certificate, key = authority.issue("sidecar")
    tls = {"ca_file": str(authority.path), "cert_file": str(certificate), "key_file": str(key)}
    site = QuaySite(tmp_path, authority.server("127.0.0.1", client_ca=authority.path))
    await site.start(defaults={"formats": {"quay": {"tls": tls}}})
    try:
        _, slack = await ask(site, "slack", {"url": f"{site.hook}/slack"})
        assert (await ask(site, "webhook", {"url": f"{site.hook}/webhook"}))[0] == 201
        await site.push()
        await until(lambda: site.receiver.posts)
        async with asyncio.timeout(10):
            while (await site.json("GET", f"{HERE}/{slack['uuid']}"))[1]["number_of_failures"] == 0:
                pass
        assert {path for path, _, _ in site.receiver.posts} == {"/webhook"}
        found, _ = await site.app.operations.undelivered(DeliveryFilter())
        assert len(found) == 1
    finally:
        await site.stop()
