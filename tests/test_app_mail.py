"""A whole sidecar that sends mail: from a registry's notification to the mail, over reloads, and with a server away."""

import asyncio
import json

import aiohttp
import pytest

from certificates import Authority
from mail_server import MailServer
from notifications import envelope, push
from sidecar.app import App
from sidecar.config.loading import load


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("mail"))


@pytest.fixture
async def sidecar(tmp_path):
    """Writes a configuration; the first time it starts a sidecar with it."""
    running = []

    async def configured(mail, **more):
        path = tmp_path / "config.yml"
        given = {
            "ingest": {"listen": "127.0.0.1:0"},
            "management": {"listen": "127.0.0.1:0"},
            "store": f"sqlite:///{tmp_path}/sidecar.db",
            "registries": [{"name": "main", "hostname": "registry.example.com"}],
            "subscriptions": [
                {"name": "ops", "format": "email", "url": "mailto:ops@example.com", "delivery": QUICK, **more}
            ],
            "mail": mail,
        }
        path.write_text(json.dumps(given))
        if running:
            assert await running[0].reload() == ""
            return running[0]
        one = App(load(path, {}))
        running.append(one)
        await one.start()
        async with asyncio.timeout(10):
            while one.unready():  # noqa: ASYNC110 - it sets no event when it is ready
                await asyncio.sleep(0.01)
        return one

    yield configured
    for one in running:
        await one.stop(drain=0)


QUICK = {"retry": {"initial": "10ms", "max_delay": "50ms"}}


def at(server, authority, password="s3cret"):
    return {
        "server": f"smtp://127.0.0.1:{server.port}",
        "from": "Registry <registry@example.com>",
        "username": "registry",
        "password": password,
        "starttls": "required",
        "tls": {"ca_file": str(authority.path)},
    }


def servers(authority, answers=None):
    return MailServer(
        answers,
        tls_context=authority.server("127.0.0.1"),
        require_starttls=True,
        logins={"registry": "s3cret"},
    )


async def notify(one, *records):
    async with (
        aiohttp.ClientSession() as http,
        http.post(f"http://127.0.0.1:{one.ingest_ports[0]}/events", data=envelope(*records)) as answer,
    ):
        assert answer.status == 202


async def asked(one, path):
    async with aiohttp.ClientSession() as http, http.get(f"http://127.0.0.1:{one.management_ports[0]}{path}") as answer:
        assert answer.status == 200
        return await answer.text()


async def deliveries(one, state):
    """The deliveries in a state, once there are any."""
    async with asyncio.timeout(10):
        while True:
            found = json.loads(await asked(one, f"/v1/deliveries?state={state}"))["deliveries"]
            if found:
                return found
            await asyncio.sleep(0.01)


async def arrived(server, number=1):
    async with asyncio.timeout(10):
        while len(server.received) < number:  # noqa: ASYNC110 - a server sets no event of ours
            await asyncio.sleep(0.01)
    return server.received


async def test_a_push_becomes_a_mail(sidecar, authority):
    """Encrypted, logged in, and shown afterwards without the person that it went to."""
    async with servers(authority) as server:
        one = await sidecar(at(server, authority), headers={"Reply-To": "team@example.com"})
        await notify(one, push("one", tag="1.4.2"))
        [mail] = await arrived(server)
        assert (mail.encrypted, mail.user, mail.recipients) == (True, "registry", ["ops@example.com"])
        assert mail.message["Subject"].startswith("prj/app:1.4.2 was pushed")
        assert mail.message["Reply-To"] == "team@example.com"
        [found] = await deliveries(one, "delivered")
        [listed] = json.loads(await asked(one, "/v1/subscriptions"))["subscriptions"]
        assert listed["destination"] == "mailto:example.com"
        assert mail.message["Message-ID"] == f"<{found['webhookId']}@example.com>"
        metrics = await asked(one, "/metrics")
    assert "ops@example.com" not in metrics
    labels = 'format="email",outcome="delivered",reason="ok",subscription="ops"'
    assert f"registry_sidecar_deliveries_total{{{labels}}} 1.0" in metrics


async def test_a_mail_waits_for_the_operator_and_goes_once_a_reload_mends_it(sidecar, authority):
    """A wrong password is nobody's end: the next attempt reads what the file says then."""
    async with servers(authority) as server:
        one = await sidecar(at(server, authority, password="wrong"))
        await notify(one, push("one"))
        async with asyncio.timeout(10):
            while len(server.attempts) < 2:  # noqa: ASYNC110 - a server sets no event of ours
                await asyncio.sleep(0.01)
        assert server.received == []
        await sidecar(at(server, authority))
        await arrived(server)


async def test_a_refused_address_ends_at_once_and_the_reason_says_whose(sidecar, authority):
    async with servers(authority, {"ops@example.com": "550 5.1.1 no such user"}) as server:
        one = await sidecar(at(server, authority))
        await notify(one, push("one"))
        [dead] = await deliveries(one, "dead")
        assert len(server.asked) == 1
    assert (dead["reason"], dead["status"]) == ("client_error", 550)
